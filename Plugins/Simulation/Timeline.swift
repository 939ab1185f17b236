// SPDX-License-Identifier: Apache-2.0

/// The time of a world, its chance, and what is to happen in it. Hosts, loops and streams hold on to
/// it, where the world itself holds on to them.
final class Timeline {
    /// What an event was, as the trace tells it.
    enum Kind: UInt8 {
        case turn = 1
        case timer, work, answer, syn, accepted, refused, timeout, segment, credit, closed
        case datagram, resolved, unblock, perform, power
    }

    /// What an event does, and what knows the loop on which.
    enum Action {
        case run(SimulatedLoop, () -> Void)
        /// Fires the timer if it is still due then.
        case timer(TimerState)
        /// Reaches this side of a stream.
        case segment(SimulatedStream, SimulatedStream.Segment)
        /// The job of a lane is done.
        case work(SimulatedLane)
        /// The lane tells what came of the job.
        case answer(SimulatedLane)
    }

    struct Event {
        let action: Action
        let detail: UInt64
        let kind: Kind

        /// Of the life that it happens in: with that over, it does not.
        var loop: SimulatedLoop {
            switch action {
            case .run(let loop, _): loop
            case .timer(let timer): timer.loop
            case .segment(let stream, _): stream.loop
            case .work(let lane), .answer(let lane): lane.loop
            }
        }
    }

    private(set) var nanoseconds: Int64 = 0
    /// The loop whose event is running, and holds it.
    var current: ObjectIdentifier?
    /// Read and written as a whole: see ``withGenerator(_:)``.
    var generator: SplitMix64
    private var queue = EventQueue<Event>()

    init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    // MARK: Events

    /// When the next event is due; nil if there is none.
    var nextTime: Int64? { queue.nextTime }

    func insert(
        _ action: consuming Action, _ kind: Kind, at time: Int64, detail: Int = 0
    ) {
        queue.insert(
            Event(action: action, detail: UInt64(truncatingIfNeeded: detail), kind: kind),
            at: max(time, nanoseconds))
    }

    /// Happens at once, behind what is due at this moment already.
    func insert(again event: consuming Event) { queue.insert(event, at: nanoseconds) }

    /// Takes the next event out, and time to it.
    ///
    /// - Precondition: there is one.
    func removeFirst() -> Event {
        let (time, event) = queue.removeFirst()
        if time > nanoseconds { nanoseconds = time }
        return event
    }

    /// Time goes on to there, if it is not there yet.
    func pass(to time: Int64) { nanoseconds = max(nanoseconds, time) }

    /// The timers of a loop for which there is an event.
    func timers(of loop: SimulatedLoop) -> [TimerState] {
        queue.unordered.compactMap {
            if case .timer(let timer) = $0.action, timer.loop === loop { timer } else { nil }
        }
    }

    /// Nothing more happens.
    func end() { queue = EventQueue() }

    // MARK: Chance

    func draw() -> UInt64 {
        var present = generator
        let word = present.next()
        generator = present
        return word
    }

    /// A duration drawn evenly from a range.
    func draw(_ range: ClosedRange<Duration>) -> Int64 { draw(range.wholeNanoseconds) }

    /// The high word of a product is near enough to even for ranges so much smaller than 2^64.
    func draw(_ range: ClosedRange<Int64>) -> Int64 {
        let (low, high) = (range.lowerBound, range.upperBound)
        let width = UInt64(bitPattern: high &- low) &+ 1
        let word = draw()
        let offset = width == 0 ? word : word.multipliedFullWidth(by: width).high
        return low &+ Int64(bitPattern: offset)
    }

    func chance(_ probability: Double) -> Bool {
        probability > 0 && Double(draw() >> 11) * 0x1p-53 < probability
    }

    /// For what draws as the standard library does.
    func withGenerator<Result>(_ body: (inout SplitMix64) -> Result) -> Result {
        var present = generator
        let result = body(&present)
        generator = present
        return result
    }

    static func after(_ time: Int64, _ duration: Duration) -> Int64 {
        let (sum, overflow) = time.addingReportingOverflow(max(0, duration.wholeNanoseconds))
        return overflow ? .max : sum
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
    private static let attosecondsPerNanosecond: UInt64 = 1_000_000_000

    /// Clamped to what 64 bits hold: some 292 years.
    var wholeNanoseconds: Int64 {
        let total = attoseconds
        let size = total.magnitude
        let high = UInt64(truncatingIfNeeded: size >> 64)
        // One division of 128 bits by 64; anything that leaves more than 64 bits is out of range.
        guard high < Self.attosecondsPerNanosecond / 2 else { return total < 0 ? .min : .max }
        let whole = Self.attosecondsPerNanosecond.dividingFullWidth(
            (high, UInt64(truncatingIfNeeded: size))
        ).quotient
        return total < 0 ? -Int64(whole) : Int64(whole)
    }
}

extension ClosedRange<Duration> {
    var wholeNanoseconds: ClosedRange<Int64> {
        let low = lowerBound.wholeNanoseconds
        return low...Swift.max(low, upperBound.wholeNanoseconds)
    }
}
