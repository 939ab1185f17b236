// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import Glibc
package import MartletTransport
internal import Synchronization

/// A libuv event loop: one thread, its clock, timers and lanes, and the executor of actors on it.
///
/// What other threads hand over, jobs of actors included, goes through one queue, the inbox, in
/// the order of the calls. A turn is one pass of `uv_run`:
///
///     timers ──▶ prepare: end of turn ──▶ poll (sleeps) ──▶ check: end of turn ──▶ close callbacks
///
/// "End of turn" empties the inbox and runs what ``atEndOfTurn(_:)`` gathered, until there is
/// nothing new. As `prepare` comes right before each sleep, nothing that was queued on the loop
/// needs a system call to be noticed.
///
/// The thread that makes the loop may use it until ``run()`` is called; from then on the thread in
/// ``run()`` is the loop's.
@safe
// SAFETY: `inbox`, `owner` and `stopping` are safe from any thread, and so is `uv_async_send`;
// everything else is touched on the owner's thread only, which entry points check.
package final class UVLoop: Loop, TaskExecutor, @unchecked Sendable {
    private enum Entry {
        case body(@Sendable () -> Void)
        case job(UnownedJob)
    }

    private struct Inbox {
        var entries: [Entry] = []
        /// The loop was woken and has not looked yet.
        var isSignalled = false
        var lanes: [WeakLane] = []
    }

    private struct WeakLane {
        weak var queue: LaneQueue?
    }

    /// How often one end of turn looks for more work before it lets the sockets speak again.
    private static let roundsMax = 16
    /// One read takes at most this much.
    static let readBufferBytes = 128 * 1024

    let uv: UnsafeMutablePointer<uv_loop_t>
    private let async: UnsafeMutablePointer<uv_async_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let check: UnsafeMutablePointer<uv_check_t>
    private let timer: UnsafeMutablePointer<uv_timer_t>
    /// Lent to whichever socket reads: valid from libuv's allocation call to its read call.
    let readBuffer: UnsafeMutablePointer<CChar>

    private let origin: UInt64
    private let owner: Atomic<UInt>
    private let stopping = Atomic<Bool>(false)
    private let inbox = Lock(Inbox())
    private var timers = TimerHeap()
    private var timerArmedFor: Int64?
    private var isFiring = false
    /// Timers that were armed for the past while others fired: libuv's timer is set before the sleep.
    private var isTimerPutOff = false
    private var endOfTurn: [() -> Void] = []
    /// Empty: its memory is that of the round before.
    private var spareEndOfTurn: [() -> Void] = []
    private var spareBuffers: [OutputBuffer] = []

    package init() {
        // A peer that went away must be an error of `write`, never the end of this process.
        _ = signal(SIGPIPE, SIG_IGN)
        unsafe uv = .allocate(capacity: 1)
        unsafe async = .allocate(capacity: 1)
        unsafe prepare = .allocate(capacity: 1)
        unsafe check = .allocate(capacity: 1)
        unsafe timer = .allocate(capacity: 1)
        unsafe readBuffer = .allocate(capacity: Self.readBufferBytes)
        origin = uv_hrtime()
        owner = Atomic(UInt(pthread_self()))
        unsafe Self.succeed(uv_loop_init(uv))
        unsafe Self.succeed(
            uv_async_init(uv, async) { unsafe UVLoop.of(UnsafeRawPointer($0)).drain() })
        unsafe Self.succeed(uv_prepare_init(uv, prepare))
        unsafe Self.succeed(uv_check_init(uv, check))
        unsafe Self.succeed(uv_timer_init(uv, timer))
        unsafe async.pointee.data = nil
        unsafe prepare.pointee.data = nil
        unsafe check.pointee.data = nil
        unsafe timer.pointee.data = nil
        unsafe uv.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        unsafe Self.succeed(
            uv_prepare_start(prepare) { prepare in
                let loop = unsafe UVLoop.of(UnsafeRawPointer(prepare))
                loop.finishTurn()
                loop.setTimerPutOff()
                // The sleep is counted from the loop's idea of now: it must not be an old one.
                unsafe uv_update_time(prepare?.pointee.loop)
            })
        unsafe Self.succeed(
            uv_check_start(check) { unsafe UVLoop.of(UnsafeRawPointer($0)).finishTurn() })
    }

    deinit {
        unsafe Self.close(async)
        unsafe Self.close(prepare)
        unsafe Self.close(check)
        unsafe Self.close(timer)
        while unsafe uv_run(uv, UV_RUN_NOWAIT) != 0 {}
        let code = unsafe uv_loop_close(uv)
        precondition(code == 0, "a loop was released with open handles: \(code)")
        for buffer in spareBuffers { buffer.free() }
        unsafe readBuffer.deallocate()
        unsafe timer.deallocate()
        unsafe check.deallocate()
        unsafe prepare.deallocate()
        unsafe async.deallocate()
        unsafe uv.deallocate()
    }

    // MARK: Running

    /// Runs the loop on this thread until ``stop()``. May be called again after that.
    package func run() {
        owner.store(UInt(pthread_self()), ordering: .releasing)
        while !stopping.exchange(false, ordering: .acquiringAndReleasing) {
            unsafe _ = uv_run(uv, UV_RUN_DEFAULT)
        }
    }

    /// Makes ``run()`` return after its turn. From any thread; before ``run()`` it counts as well.
    package func stop() {
        stopping.store(true, ordering: .releasing)
        unsafe Self.succeed(uv_async_send(async))
    }

    /// Runs the loop on a thread of its own: for tests and tools. ``stop()`` ends it.
    package func startThread() {
        let started = MartletUV.startThread(named: "loop") { self.run() }
        precondition(started, "no thread for a loop")
    }

    /// One turn that does not wait longer than `limit`, on this thread: for tests that drive.
    package func turn(waitingAtMost limit: Duration) {
        preconditionOnLoop()
        // A timer that is due before the poll would not keep it from sleeping; this does.
        let waker = makeTimer { [unowned self] in unsafe Self.succeed(uv_async_send(async)) }
        waker.arm(at: now + limit)
        unsafe _ = uv_run(uv, UV_RUN_ONCE)
        waker.disarm()
    }

    /// After ``run()`` has returned, on its thread: resets every connection, closes everything
    /// else, lets the lanes finish what they were given and waits for them. Completions of lanes
    /// that come after that are dropped.
    package func shutDown() {
        preconditionOnLoop()
        let lanes = inbox.withLock { inbox in
            defer { inbox.lanes = [] }
            return inbox.lanes.compactMap(\.queue)
        }
        for lane in lanes { lane.finish() }
        unsafe uv_walk(
            uv,
            { handle, _ in
                guard let data = unsafe handle?.pointee.data else { return }
                unsafe Unmanaged<Handle>.fromOpaque(data).takeUnretainedValue().abandon()
            }, nil)
        for _ in 0..<Self.roundsMax { unsafe _ = uv_run(uv, UV_RUN_NOWAIT) }
        endOfTurn = []
    }

    // MARK: Loop

    package var now: Duration { .nanoseconds(nanoseconds) }

    /// Since this loop was made: an unsigned clock would need 584 years to pass the sign.
    var nanoseconds: Int64 { Int64(truncatingIfNeeded: uv_hrtime() &- origin) }

    package var wallClockNanoseconds: Int64 {
        guard let time = clockNanoseconds(CLOCK_REALTIME) else {
            preconditionFailure("no time of day")
        }
        return time
    }

    package func makeTimer(_ fire: @escaping () -> Void) -> any LoopTimer {
        UVTimer(loop: self, fire)
    }

    package func atEndOfTurn(_ body: @escaping () -> Void) {
        preconditionOnLoop()
        endOfTurn.append(body)
    }

    package func enter(_ body: @escaping @Sendable () -> Void) { push(.body(body)) }

    package func makeLane(named name: String) -> any Lane {
        let queue = LaneQueue(named: name)
        inbox.withLock { inbox in
            inbox.lanes.removeAll { $0.queue == nil }
            inbox.lanes.append(WeakLane(queue: queue))
        }
        return UVLane(loop: self, queue: queue)
    }

    package func makeSeed() -> UInt64 {
        var seed: UInt64 = 0
        unsafe Self.succeed(uv_random(nil, nil, &seed, MemoryLayout<UInt64>.size, 0, nil))
        return seed
    }

    // MARK: Executor

    package func enqueue(_ job: consuming ExecutorJob) { push(.job(UnownedJob(job))) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    package func isIsolatingCurrentContext() -> Bool? { isOnLoop }

    package func checkIsolated() { preconditionOnLoop() }

    var isOnLoop: Bool { UInt(pthread_self()) == owner.load(ordering: .acquiring) }

    func preconditionOnLoop() {
        precondition(isOnLoop, "called off the loop's thread")
    }

    /// Runs `body` now when on the loop, else soon: for what is released on any thread.
    func onLoop(_ body: @escaping @Sendable (UVLoop) -> Void) {
        if isOnLoop { body(self) } else { enter { body(self) } }
    }

    // MARK: The turn

    private func push(_ entry: Entry) {
        let isElsewhere = !isOnLoop
        let needsWaking = inbox.withLock { inbox in
            inbox.entries.append(entry)
            guard isElsewhere, !inbox.isSignalled else { return false }
            inbox.isSignalled = true
            return true
        }
        if needsWaking { unsafe Self.succeed(uv_async_send(async)) }
    }

    /// Empties the inbox once. What comes meanwhile waits for the next look.
    private func drain() {
        let entries = inbox.withLock { inbox in
            inbox.isSignalled = false
            defer { inbox.entries = [] }
            return inbox.entries
        }
        for entry in entries {
            switch entry {
            case .body(let body): body()
            case .job(let job):
                unsafe job.runSynchronously(
                    isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
        }
        if stopping.load(ordering: .acquiring) { unsafe uv_stop(uv) }
    }

    private func finishTurn() {
        for _ in 0..<Self.roundsMax {
            drain()
            if endOfTurn.isEmpty, inbox.withLock({ $0.entries.isEmpty }) { return }
            // Two arrays in turns, so that a turn allocates nothing.
            var bodies: [() -> Void] = []
            swap(&bodies, &endOfTurn)
            swap(&endOfTurn, &spareEndOfTurn)
            for body in bodies { body() }
            bodies.removeAll(keepingCapacity: bodies.capacity <= 4096)
            swap(&bodies, &spareEndOfTurn)
        }
        // Work that breeds work: go on in the next turn, which must not sleep before it.
        unsafe Self.succeed(uv_async_send(async))
    }

    // MARK: Timers

    func arm(_ node: TimerNode, at deadline: Int64) {
        preconditionOnLoop()
        timers.arm(node, at: deadline)
        setTimer()
    }

    func disarm(_ node: TimerNode) {
        preconditionOnLoop()
        timers.disarm(node)
        setTimer()
    }

    /// Sets libuv's timer to the earliest deadline, rounded up to its milliseconds, so that it
    /// never fires early. A disarmed one leaves it: it fires once for nothing.
    private func setTimer() {
        guard !isFiring, let earliest = timers.earliest, earliest < timerArmedFor ?? .max else {
            return
        }
        timerArmedFor = earliest
        let instant = origin &+ UInt64(max(earliest, 0))
        let milliseconds = instant / 1_000_000 + (instant % 1_000_000 == 0 ? 0 : 1)
        let loopTime = unsafe uv_now(uv)
        unsafe Self.succeed(
            uv_timer_start(
                timer, { unsafe UVLoop.of(UnsafeRawPointer($0)).fireTimers() },
                milliseconds > loopTime ? milliseconds - loopTime : 0, 0))
    }

    private func fireTimers() {
        timerArmedFor = nil
        isFiring = true
        for (node, arming) in timers.takeDue(at: nanoseconds) where node.arming == arming {
            timers.disarm(node)
            node.fire()
        }
        isFiring = false
        guard let earliest = timers.earliest, earliest <= nanoseconds else { return setTimer() }
        // libuv would fire at once, and again, and never ask a socket: the turn goes on first.
        timerArmedFor = earliest
        isTimerPutOff = true
    }

    private func setTimerPutOff() {
        guard isTimerPutOff else { return }
        isTimerPutOff = false
        timerArmedFor = nil
        setTimer()
    }

    // MARK: Buffers

    /// An empty buffer for output; streams own one only while they have output.
    func takeBuffer() -> OutputBuffer { spareBuffers.popLast() ?? OutputBuffer() }

    func giveBack(_ buffer: OutputBuffer) {
        if spareBuffers.count < 64, buffer.capacity <= Self.readBufferBytes {
            var buffer = buffer
            buffer.removeAll()
            spareBuffers.append(buffer)
        } else {
            buffer.free()
        }
    }

    /// The loop of a handle, in a callback of libuv.
    private static func of(_ handle: UnsafeRawPointer?) -> UVLoop {
        let uv = unsafe handle?.assumingMemoryBound(to: uv_handle_t.self).pointee.loop
        guard let data = unsafe uv?.pointee.data else {
            preconditionFailure("a libuv callback without its loop")
        }
        return unsafe Unmanaged<UVLoop>.fromOpaque(data).takeUnretainedValue()
    }

    private static func close(_ handle: UnsafeMutableRawPointer) {
        unsafe uv_close(handle.assumingMemoryBound(to: uv_handle_t.self), nil)
    }

    /// For calls that only fail by a mistake of ours, or when the process can have no loop at all.
    static func succeed(_ code: Int32) {
        precondition(code == 0, "libuv call failed with \(code)")
    }
}

/// What a clock of the system shows; nil where the kernel has no such clock.
func clockNanoseconds(_ clock: clockid_t) -> Int64? {
    var time = timespec()
    guard unsafe clock_gettime(clock, &time) == 0 else { return nil }
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}
