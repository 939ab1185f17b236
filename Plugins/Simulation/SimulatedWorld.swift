// SPDX-License-Identifier: Apache-2.0

/// A world of hosts that lives in virtual time on one thread: one seed, one history.
///
/// Everything that happens is an event in a queue ordered by time, then by order of scheduling.
/// All chance comes from one generator. Every executed event goes into ``traceHash``, so two runs
/// of the same program with the same seed can be compared by one number.
///
/// - Invariant: time never goes back, and only one event runs at a time.
/// - Important: not thread-safe. The world and all that belongs to it stay on one thread.
public final class SimulatedWorld {
    public let network: SimulatedNetwork
    /// Hosts in order of making.
    public private(set) var hosts: [SimulatedHost] = []
    /// Called after each event, before the next: for whoever watches. Must not turn the world.
    public var afterEvent: ((SimulatedHost?) -> Void)? {
        didSet { watcher = afterEvent }
    }

    let timeline: Timeline
    private var watcher: ((SimulatedHost?) -> Void)?
    private var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private var executedCount: UInt64 = 0
    /// What happened to paused hosts, in order.
    private var held: [Timeline.Event] = []
    private var isStepping = false

    public init(seed: UInt64) {
        timeline = Timeline(seed: seed)
        network = SimulatedNetwork(timeline: timeline)
        network.world = self
    }

    // What waits to happen holds on to loops and streams, and those to the timeline.
    deinit { timeline.end() }

    /// Virtual time since the world began.
    public var now: Duration { .nanoseconds(timeline.nanoseconds) }

    /// Folds kind, time, host and size of every event so far, in order.
    public var traceHash: UInt64 { hash }

    public var eventCount: UInt64 { executedCount }

    /// The seeded generator behind every choice; drawing from it changes the history.
    public var generator: SplitMix64 {
        get { timeline.generator }
        set { timeline.generator = newValue }
    }

    /// A new host, running, with the next address of 10.0.0.0/16.
    ///
    /// - Precondition: fewer than 65,000 hosts.
    public func makeHost(
        _ name: String, options: SimulatedHost.Options = .init()
    ) -> SimulatedHost {
        precondition(hosts.count < 65_000, "out of addresses: \(hosts.count) hosts")
        let host = SimulatedHost(world: self, number: hosts.count + 1, name: name, options: options)
        hosts.append(host)
        return host
    }

    /// Executes the next event; false when there is none.
    @discardableResult
    public func step() -> Bool {
        guard timeline.nextTime != nil else { return false }
        executeNext()
        return true
    }

    private func executeNext() {
        precondition(!isStepping, "an event may not turn the world that runs it")
        let event = timeline.removeFirst()
        let loop = event.loop
        guard !loop.isOver else { return }
        if loop.isPaused {
            held.append(event)
            return
        }
        switch event.action {
        case .run(_, let body):
            begin(event.kind, on: loop, detail: event.detail)
            body()
        case .timer(let timer):
            guard timer.isDue() else { return }
            begin(event.kind, on: loop, detail: event.detail)
            timer.fire()
        case .segment(let stream, let segment):
            begin(event.kind, on: loop, detail: event.detail)
            stream.arriveUnlessBlocked(segment)
        case .work(let lane):
            begin(event.kind, on: loop, detail: event.detail)
            lane.finish()
        case .answer(let lane):
            begin(event.kind, on: loop, detail: event.detail)
            lane.answer()
        }
        end(event.kind, on: loop)
    }

    func perform(on host: SimulatedHost, _ body: () -> Void) {
        precondition(!isStepping, "an event may not begin another")
        guard host.isRunning else { return }
        let loop = host.loop
        begin(.perform, on: loop, detail: 0)
        body()
        end(.perform, on: loop)
    }

    private func begin(_ kind: Timeline.Kind, on loop: SimulatedLoop, detail: UInt64) {
        isStepping = true
        executedCount += 1
        let word =
            UInt64(bitPattern: timeline.nanoseconds) ^ UInt64(kind.rawValue) << 56
            ^ UInt64(truncatingIfNeeded: loop.number) << 40
        hash = Self.folded(Self.folded(hash, word), detail)
        // A lane's work is off the loop: nothing is isolated to the host then.
        timeline.current = kind == .work ? nil : ObjectIdentifier(loop)
    }

    private func end(_ kind: Timeline.Kind, on loop: SimulatedLoop) {
        if kind != .work, !loop.isOver { loop.endTurn() }
        timeline.current = nil
        isStepping = false
        if let watcher { watcher(loop.host) }
    }

    func releaseHeld(by host: SimulatedHost) {
        guard !held.isEmpty else { return }
        let released = held.filter { $0.loop.host === host }
        held.removeAll { $0.loop.host === host }
        for event in released { timeline.insert(again: event) }
    }

    func dropHeld(by host: SimulatedHost) { held.removeAll { $0.loop.host === host } }

    /// Goes on until the condition holds, checked before each event. False when `limit` of virtual
    /// time has passed or nothing is left to happen.
    public func run(until condition: () -> Bool, limit: Duration = .seconds(600)) -> Bool {
        let end = Timeline.after(timeline.nanoseconds, limit)
        while !condition() {
            guard let next = timeline.nextTime, next <= end else {
                timeline.pass(to: end)
                return condition()
            }
            executeNext()
        }
        return true
    }

    /// Lets that much virtual time pass.
    public func run(for duration: Duration) {
        let end = Timeline.after(timeline.nanoseconds, duration)
        while let next = timeline.nextTime, next <= end { executeNext() }
        timeline.pass(to: end)
    }

    /// A word at a time: multiplication spreads it, the shift brings high bits back down.
    private static func folded(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let mixed = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ mixed >> 29
    }
}
