// SPDX-License-Identifier: Apache-2.0
import HeapModule

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
        case datagram, resolved, unblock, perform
    }

    private struct Event: Comparable {
        let time: Int64
        let sequence: UInt64
        let kind: Kind
        let host: SimulatedHost?
        let life: UInt64
        let detail: UInt64
        let body: () -> Void

        static func < (left: Event, right: Event) -> Bool {
            (left.time, left.sequence) < (right.time, right.sequence)
        }

        static func == (left: Event, right: Event) -> Bool { left.sequence == right.sequence }
    }

    public private(set) lazy var network = SimulatedNetwork(world: self)
    /// Hosts in order of making.
    public private(set) var hosts: [SimulatedHost] = []
    /// FNV-1a/64 over kind, time, host and size of every event so far.
    public private(set) var traceHash: UInt64 = 0xCBF2_9CE4_8422_2325
    public private(set) var eventCount: UInt64 = 0
    /// The seeded generator behind every choice; drawing from it changes the history.
    public var generator: SplitMix64

    /// The host whose event is running.
    var current: SimulatedHost?
    var nanoseconds: Int64 = 0
    private var queue = Heap<Event>()
    private var sequence: UInt64 = 0
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
        guard let event = queue.popMin() else { return false }
        nanoseconds = max(nanoseconds, event.time)
        if let host = event.host, host.life != event.life || !host.isRunning { return true }
        execute(event.kind, on: event.host, detail: event.detail, event.body)
        return true
    }

    func perform(on host: SimulatedHost, _ body: () -> Void) {
        precondition(!isStepping, "an event may not begin another")
        if host.isRunning { execute(.perform, on: host, detail: 0, body) }
    }

    private func execute(_ kind: Kind, on host: SimulatedHost?, detail: UInt64, _ body: () -> Void)
    {
        isStepping = true
        defer { isStepping = false }
        let life = host?.life
        eventCount += 1
        fold(UInt64(kind.rawValue))
        fold(UInt64(bitPattern: nanoseconds))
        fold(UInt64(host?.number ?? 0))
        fold(detail)
        // A lane's work is off the loop: nothing is isolated to the host then.
        current = kind == .work ? nil : host
        body()
        if kind != .work, let host, host.life == life { host.loop.endTurn() }
        current = nil
    }

    /// Goes on until the condition holds, checked before each event. False when `limit` of virtual
    /// time has passed or nothing is left to happen.
    public func run(until condition: () -> Bool, limit: Duration = .seconds(600)) -> Bool {
        let end = Self.after(nanoseconds, limit)
        while !condition() {
            guard let next = queue.min, next.time <= end else {
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
        while let next = queue.min, next.time <= end { step() }
        nanoseconds = max(nanoseconds, end)
    }

    func schedule(
        _ kind: Kind, at time: Int64, on host: SimulatedHost?, life: UInt64 = 0,
        detail: Int = 0, _ body: @escaping () -> Void
    ) {
        sequence += 1
        queue.insert(
            Event(
                time: max(time, nanoseconds), sequence: sequence, kind: kind, host: host,
                life: life, detail: UInt64(truncatingIfNeeded: detail), body: body))
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

    private func fold(_ word: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            traceHash = (traceHash ^ (word >> shift & 0xFF)) &* 0x100_0000_01B3
        }
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
