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
    /// What an event was, as the trace tells it.
    enum Kind: UInt8 {
        case turn = 1
        case timer, work, answer, syn, accepted, refused, timeout, segment, credit, closed
        case datagram, resolved, unblock, perform, power
    }

    /// What an event does.
    enum Action {
        case run(() -> Void)
        /// Fires the timer if it is still due then.
        case timer(TimerState)
    }

    private struct Event {
        let host: SimulatedHost?
        let life: UInt64
        let detail: UInt64
        let kind: Kind
        let action: Action
    }

    public private(set) lazy var network = SimulatedNetwork(world: self)
    /// Hosts in order of making.
    public private(set) var hosts: [SimulatedHost] = []
    /// Folds kind, time, host and size of every event so far, in order.
    public private(set) var traceHash: UInt64 = 0xCBF2_9CE4_8422_2325
    public private(set) var eventCount: UInt64 = 0
    /// Called after each event, before the next: for whoever watches. Must not turn the world.
    public var afterEvent: ((SimulatedHost?) -> Void)?
    /// The seeded generator behind every choice; drawing from it changes the history.
    public var generator: SplitMix64

    /// The host whose event is running.
    var current: SimulatedHost?
    var nanoseconds: Int64 = 0
    private var queue = EventQueue<Event>()
    /// What happened to paused hosts, in order.
    private var held: [Event] = []
    private var isStepping = false

    public init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
    }

    /// Virtual time since the world began.
    public var now: Duration { .nanoseconds(nanoseconds) }

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
        precondition(!isStepping, "an event may not turn the world that runs it")
        guard !queue.isEmpty else { return false }
        let (time, event) = queue.removeFirst()
        nanoseconds = max(nanoseconds, time)
        if let host = event.host {
            guard host.life == event.life, host.isRunning else { return true }
            if host.isPaused {
                held.append(event)
                return true
            }
        }
        switch event.action {
        case .run(let body):
            execute(event.kind, on: event.host, detail: event.detail, body)
        case .timer(let timer):
            guard timer.isDue() else { return true }
            execute(event.kind, on: event.host, detail: event.detail, timer.fire)
        }
        return true
    }

    func perform(on host: SimulatedHost, _ body: () -> Void) {
        precondition(!isStepping, "an event may not begin another")
        if host.isRunning { execute(.perform, on: host, detail: 0, body) }
    }

    private func execute(
        _ kind: Kind, on host: SimulatedHost?, detail: UInt64, _ body: () -> Void
    ) {
        isStepping = true
        eventCount += 1
        fold(
            UInt64(bitPattern: nanoseconds) ^ UInt64(kind.rawValue) << 56
                ^ UInt64(host?.number ?? 0) << 40)
        fold(detail)
        // A lane's work is off the loop: nothing is isolated to the host then.
        current = kind == .work ? nil : host
        let life = host?.life
        body()
        if kind != .work, let host, host.life == life { host.loop.endTurn() }
        current = nil
        isStepping = false
        afterEvent?(host)
    }

    func timersUnderWay(on loop: SimulatedLoop) -> [TimerState] {
        queue.unordered.compactMap {
            if case .timer(let timer) = $0.action, timer.loop === loop { timer } else { nil }
        }
    }

    func releaseHeld(by host: SimulatedHost) {
        let released = held.filter { $0.host === host }
        held.removeAll { $0.host === host }
        for event in released { queue.insert(event, at: nanoseconds) }
    }

    func dropHeld(by host: SimulatedHost) { held.removeAll { $0.host === host } }

    /// Goes on until the condition holds, checked before each event. False when `limit` of virtual
    /// time has passed or nothing is left to happen.
    public func run(until condition: () -> Bool, limit: Duration = .seconds(600)) -> Bool {
        let end = Self.after(nanoseconds, limit)
        while !condition() {
            guard let next = queue.nextTime, next <= end else {
                nanoseconds = max(nanoseconds, end)
                return condition()
            }
            step()
        }
        return true
    }

    /// Lets that much virtual time pass.
    public func run(for duration: Duration) {
        let end = Self.after(nanoseconds, duration)
        while let next = queue.nextTime, next <= end { step() }
        nanoseconds = max(nanoseconds, end)
    }

    func schedule(
        _ kind: Kind, at time: Int64, on host: SimulatedHost?, life: UInt64 = 0,
        detail: Int = 0, _ body: @escaping () -> Void
    ) {
        insert(.run(body), kind, at: time, on: host, life: life, detail: detail)
    }

    func insert(
        _ action: Action, _ kind: Kind, at time: Int64, on host: SimulatedHost?, life: UInt64,
        detail: Int = 0
    ) {
        queue.insert(
            Event(
                host: host, life: life, detail: UInt64(truncatingIfNeeded: detail), kind: kind,
                action: action), at: max(time, nanoseconds))
    }

    /// A duration drawn evenly from a range.
    func draw(_ range: ClosedRange<Duration>) -> Int64 {
        let low = range.lowerBound.wholeNanoseconds
        return Int64.random(
            in: low...max(low, range.upperBound.wholeNanoseconds), using: &generator)
    }

    func chance(_ probability: Double) -> Bool {
        probability > 0 && Double.random(in: 0..<1, using: &generator) < probability
    }

    static func after(_ time: Int64, _ duration: Duration) -> Int64 {
        let (sum, overflow) = time.addingReportingOverflow(max(0, duration.wholeNanoseconds))
        return overflow ? .max : sum
    }

    /// A word at a time: multiplication spreads it, the shift brings high bits back down.
    private func fold(_ word: UInt64) {
        let mixed = (traceHash ^ word) &* 0x9E37_79B9_7F4A_7C15
        traceHash = mixed ^ mixed >> 29
    }
}

/// The generator of Steele, Lea and Flood (2014): one word of state, the same on every machine.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

extension Duration {
    /// Clamped to what 64 bits hold: some 292 years.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }
}
