// SPDX-License-Identifier: Apache-2.0
public import MartletTransport

/// The loop of one life of a host. A turn is one event of that host.
///
/// Although `Loop.enter(_:)` may come from any thread elsewhere, here all calls come from the
/// world's thread: another thread's timing would be part of the history.
// SAFETY: guarded by the world's single thread, as documented above.
public final class SimulatedLoop: Loop, @unchecked Sendable {
    /// What it takes to wake the loop. More than nothing, so that a caller who keeps asking for turns
    /// from outside, such as a condition that writes, does not keep time from passing.
    private static let wakingNanoseconds: Int64 = 1_000

    let timeline: Timeline
    unowned var host: SimulatedHost?
    /// The host's.
    let number: Int
    /// Its life has ended: nothing of it happens any more.
    var isOver = false
    /// See ``SimulatedHost/pause()``.
    var isPaused = false
    private let options: SimulatedHost.Options
    private var clock: SimulatedClock
    private var entered: [() -> Void] = []
    private var ending: [() -> Void] = []
    private var isInboxScheduled = false
    private var isEndScheduled = false
    /// Streams that were written to in this turn, in order; most turns write to one at most.
    private var flushing: SimulatedStream?
    private var flushingToo: [SimulatedStream] = []
    /// The turn has more to end with than a stream.
    private var isEndLong = false
    /// Lanes that have work, in order of making.
    private var lanes: [SimulatedLane] = []

    init(timeline: Timeline, number: Int, options: SimulatedHost.Options, rate: Int64) {
        self.timeline = timeline
        self.number = number
        self.options = options
        clock = SimulatedClock(
            rate: rate, worldTime: timeline.nanoseconds,
            localTime: options.clockOffset.wholeNanoseconds)
    }

    public var now: Duration { .nanoseconds(clock.localTime(at: timeline.nanoseconds)) }

    public var wallClockNanoseconds: Int64 {
        let elapsed = SimulatedClock.scaled(
            timeline.nanoseconds, by: options.clockRate, over: 1_000_000)
        return options.wallClockNanoseconds &+ elapsed &+ (host?.wallClockJump ?? 0)
    }

    func setRate(_ rate: Int64) {
        clock.setRate(rate, at: timeline.nanoseconds)
        for timer in timeline.timers(of: self) { timer.clockChanged() }
    }

    public func makeTimer(_ fire: @escaping () -> Void) -> any LoopTimer {
        SimulatedTimer(TimerState(loop: self, fire: fire))
    }

    public func atEndOfTurn(_ body: @escaping () -> Void) {
        ending.append(body)
        isEndLong = true
        if !isIsolatingHost { scheduleEnd() }
    }

    func flushAtEndOfTurn(_ stream: SimulatedStream) {
        if flushing == nil {
            flushing = stream
        } else {
            flushingToo.append(stream)
            isEndLong = true
        }
        if !isIsolatingHost { scheduleEnd() }
    }

    public func enter(_ body: @escaping @Sendable () -> Void) { push(body) }

    public func makeLane(named name: String) -> any Lane { SimulatedLane(loop: self) }

    public func makeSeed() -> UInt64 { timeline.draw() }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        push { [unowned self] in unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    /// True while the world runs an event of this life, so that `assumeIsolated` needs no task.
    public func isIsolatingCurrentContext() -> Bool? { isIsolatingHost }

    public func checkIsolated() {
        precondition(
            isIsolatingHost, "not on the loop of \(host?.name ?? "a host of another life")")
    }

    private var isIsolatingHost: Bool { timeline.current == ObjectIdentifier(self) && !isOver }

    /// World time at which this clock shows `deadline`, or just after.
    func worldTime(of deadline: Duration) -> Int64 {
        let whole = deadline.wholeNanoseconds
        let isBetween = whole != .max && Duration.nanoseconds(whole) < deadline
        return clock.worldTime(of: isBetween ? whole + 1 : whole, from: timeline.nanoseconds)
    }

    func schedule(_ timer: TimerState, at time: Int64) {
        timeline.insert(.timer(timer), .timer, at: time)
    }

    func schedule(
        _ kind: Timeline.Kind, at time: Int64, detail: Int = 0, _ body: @escaping () -> Void
    ) {
        timeline.insert(.run(self, body), kind, at: time, detail: detail)
    }

    func endTurn() {
        guard isEndLong else {
            if let stream = flushing.take() { stream.flushAtEndOfTurn() }
            // A flush writes nothing and asks for nothing.
            return
        }
        // What the end itself asks for comes at the end of a turn of its own.
        if !ending.isEmpty {
            let bodies = ending
            ending = []
            for body in bodies { body() }
        }
        if let first = flushing.take() {
            first.flushAtEndOfTurn()
            // Where they stand, whose memory the next turn uses: a flush adds none.
            for position in flushingToo.indices { flushingToo[position].flushAtEndOfTurn() }
            flushingToo.removeAll(keepingCapacity: true)
        }
        isEndLong = !ending.isEmpty
        if isEndLong || flushing != nil { scheduleEnd() }
    }

    /// The job that each lane was doing may still reach the disk, in part.
    func crash() {
        ending = []
        entered = []
        flushing = nil
        flushingToo = []
        for lane in lanes { lane.crash() }
        lanes = []
    }

    func began(_ lane: SimulatedLane) { lanes.append(lane) }

    func finished(_ lane: SimulatedLane) { lanes.removeAll { $0 === lane } }

    func laneDone() -> Int64 {
        timeline.nanoseconds + timeline.draw(host?.laneLatency ?? options.laneLatency)
    }

    // An event holds its loop: no closure of one needs to. Without any weak reference to it a loop is
    // cheaper to hold, and everything holds it.

    private func scheduleEnd() {
        guard !isEndScheduled else { return }
        isEndScheduled = true
        schedule(.turn, at: timeline.nanoseconds + Self.wakingNanoseconds) { [unowned self] in
            isEndScheduled = false
        }
    }

    private func push(_ body: @escaping () -> Void) {
        entered.append(body)
        guard !isInboxScheduled else { return }
        isInboxScheduled = true
        schedule(.turn, at: timeline.nanoseconds + Self.wakingNanoseconds) { [unowned self] in
            drain()
        }
    }

    private func drain() {
        isInboxScheduled = false
        let bodies = entered
        entered = []
        for body in bodies { body() }
    }
}

/// A queue whose jobs take a seeded time; the work is done at the end of it.
// SAFETY: guarded by the world's single thread, like its loop.
final class SimulatedLane: Lane, @unchecked Sendable {
    let loop: SimulatedLoop
    private var jobs: [() -> (() -> Void)] = []
    /// What came of jobs that are done, until it is told.
    private var answers: [() -> Void] = []
    private var isBusy = false
    private var spentNanoseconds: Int64 = 0

    init(loop: SimulatedLoop) { self.loop = loop }

    var processorTime: Duration { .nanoseconds(spentNanoseconds) }

    func submit<Result: Sendable>(
        _ work: @escaping @Sendable () -> Result, then: @escaping (Result) -> Void
    ) {
        jobs.append {
            let result = work()
            return { then(result) }
        }
        if !isBusy {
            isBusy = true
            loop.began(self)
            startNext()
        }
    }

    func crash() {
        answers = []
        guard let job = jobs.first, let disk = loop.host?.disk else { return }
        jobs = []
        disk.whileCrashing { _ = job() }
    }

    private func startNext() {
        let done = loop.laneDone()
        spentNanoseconds += done - loop.timeline.nanoseconds
        loop.timeline.insert(.work(self), .work, at: done)
    }

    /// How often a stalled disk is looked at: a stall may end early.
    private static let stallNanoseconds: Int64 = 20_000_000

    func finish() {
        let now = loop.timeline.nanoseconds
        if let until = loop.host?.disk.stalledUntil, until > now {
            let next = min(until, now + Self.stallNanoseconds)
            return loop.timeline.insert(.work(self), .work, at: next)
        }
        let job = jobs.removeFirst()
        answers.append(job())
        loop.timeline.insert(.answer(self), .answer, at: now)
        if jobs.isEmpty {
            isBusy = false
            loop.finished(self)
        } else {
            startNext()
        }
    }

    func answer() { answers.removeFirst()() }
}
