// SPDX-License-Identifier: Apache-2.0
public import MartletTransport

/// The loop of one life of a host. A turn is one event of that host.
///
/// Although ``Loop/enter(_:)`` may come from any thread elsewhere, here all calls come from the
/// world's thread: another thread's timing would be part of the history.
// SAFETY: guarded by the world's single thread, as documented above.
public final class SimulatedLoop: Loop, @unchecked Sendable {
    /// What it takes to wake the loop. More than nothing, so that a caller who keeps asking for turns
    /// from outside, such as a condition that writes, does not keep time from passing.
    private static let wakingNanoseconds: Int64 = 1_000

    unowned let world: SimulatedWorld
    unowned var host: SimulatedHost?
    let life: UInt64
    private let options: SimulatedHost.Options
    private var clock: SimulatedClock
    private var entered: [() -> Void] = []
    private var ending: [() -> Void] = []
    private var isInboxScheduled = false
    private var isEndScheduled = false
    /// Streams that were written to in this turn, in order.
    private var flushing: [SimulatedStream] = []
    /// Lanes that have work, in order of making.
    private var lanes: [SimulatedLane] = []

    init(
        world: SimulatedWorld, options: SimulatedHost.Options, rate: Int64, life: UInt64
    ) {
        self.world = world
        self.options = options
        self.life = life
        clock = SimulatedClock(
            rate: rate, worldTime: world.nanoseconds,
            localTime: options.clockOffset.wholeNanoseconds)
    }

    public var now: Duration { .nanoseconds(clock.localTime(at: world.nanoseconds)) }

    public var wallClockNanoseconds: Int64 {
        let elapsed = SimulatedClock.scaled(
            world.nanoseconds, by: options.clockRate, over: 1_000_000)
        return options.wallClockNanoseconds &+ elapsed &+ (host?.wallClockJump ?? 0)
    }

    func setRate(_ rate: Int64) {
        clock.setRate(rate, at: world.nanoseconds)
        for timer in world.timersUnderWay(on: self) { timer.clockChanged() }
    }

    public func makeTimer(_ fire: @escaping () -> Void) -> any LoopTimer {
        SimulatedTimer(TimerState(loop: self, fire: fire))
    }

    public func atEndOfTurn(_ body: @escaping () -> Void) {
        ending.append(body)
        if !isIsolatingHost { scheduleEnd() }
    }

    func flushAtEndOfTurn(_ stream: SimulatedStream) {
        flushing.append(stream)
        if !isIsolatingHost { scheduleEnd() }
    }

    public func enter(_ body: @escaping @Sendable () -> Void) { push(body) }

    public func makeLane(named name: String) -> any Lane { SimulatedLane(loop: self) }

    public func makeSeed() -> UInt64 { world.generator.next() }

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

    private var isIsolatingHost: Bool {
        guard let host, let current = world.current else { return false }
        return current === host && host.life == life
    }

    /// World time at which this clock shows `deadline`, or just after.
    func worldTime(of deadline: Duration) -> Int64 {
        let whole = deadline.wholeNanoseconds
        let isBetween = whole != .max && Duration.nanoseconds(whole) < deadline
        return clock.worldTime(of: isBetween ? whole + 1 : whole, from: world.nanoseconds)
    }

    func schedule(_ timer: TimerState, at time: Int64) {
        guard let host else { return }
        world.insert(.timer(timer), .timer, at: time, on: host, life: life)
    }

    func schedule(
        _ kind: SimulatedWorld.Kind, at time: Int64, detail: Int = 0, _ body: @escaping () -> Void
    ) {
        guard let host else { return }
        world.schedule(kind, at: time, on: host, life: life, detail: detail, body)
    }

    func endTurn() {
        // What the end itself asks for comes at the end of a turn of its own.
        if !ending.isEmpty {
            let bodies = ending
            ending = []
            for body in bodies { body() }
        }
        if !flushing.isEmpty {
            let streams = flushing
            flushing.removeAll(keepingCapacity: true)
            for stream in streams { stream.flushAtEndOfTurn() }
        }
        if !ending.isEmpty || !flushing.isEmpty { scheduleEnd() }
    }

    /// The job that each lane was doing may still reach the disk, in part.
    func crash() {
        ending = []
        entered = []
        flushing = []
        for lane in lanes { lane.crash() }
        lanes = []
    }

    func began(_ lane: SimulatedLane) { lanes.append(lane) }

    func finished(_ lane: SimulatedLane) { lanes.removeAll { $0 === lane } }

    func laneDone() -> Int64 {
        world.nanoseconds + world.draw(host?.laneLatency ?? options.laneLatency)
    }

    private func scheduleEnd() {
        guard !isEndScheduled else { return }
        isEndScheduled = true
        schedule(.turn, at: world.nanoseconds + Self.wakingNanoseconds) { [weak self] in
            self?.isEndScheduled = false
        }
    }

    private func push(_ body: @escaping () -> Void) {
        entered.append(body)
        guard !isInboxScheduled else { return }
        isInboxScheduled = true
        schedule(.turn, at: world.nanoseconds + Self.wakingNanoseconds) { [weak self] in
            self?.drain()
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
    private let loop: SimulatedLoop
    private var jobs: [() -> (() -> Void)] = []
    private var isBusy = false

    init(loop: SimulatedLoop) { self.loop = loop }

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
        guard let job = jobs.first, let disk = loop.host?.disk else { return }
        jobs = []
        disk.whileCrashing { _ = job() }
    }

    private func startNext() {
        loop.schedule(.work, at: loop.laneDone()) { [self] in finish() }
    }

    /// How often a stalled disk is looked at: a stall may end early.
    private static let stallNanoseconds: Int64 = 20_000_000

    private func finish() {
        let now = loop.world.nanoseconds
        if let until = loop.host?.disk.stalledUntil, until > now {
            loop.schedule(.work, at: min(until, now + Self.stallNanoseconds)) { [self] in
                finish()
            }
            return
        }
        let job = jobs.removeFirst()
        let answer = job()
        loop.schedule(.answer, at: loop.world.nanoseconds) { answer() }
        if jobs.isEmpty {
            isBusy = false
            loop.finished(self)
        } else {
            startNext()
        }
    }
}
