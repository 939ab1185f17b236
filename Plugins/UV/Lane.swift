// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import MartletTransport
internal import Synchronization

/// A lane: a thread of its own, so that one that stalls in the kernel holds up no other.
final class UVLane: Lane {
    private let loop: UVLoop
    private let queue: LaneQueue

    init(loop: UVLoop, queue: LaneQueue) {
        self.loop = loop
        self.queue = queue
    }

    /// What was submitted is still done, and its results still arrive.
    deinit { queue.end() }

    var processorTime: Duration { .nanoseconds(queue.processorNanoseconds) }

    func submit<Result: Sendable>(
        _ work: @escaping @Sendable () -> Result, then: @escaping (Result) -> Void
    ) {
        loop.preconditionOnLoop()
        let then = Carried(then)
        queue.append { [loop, queue] in
            let result = work()
            queue.noteProcessorTime()
            loop.enter { then.value(result) }
        }
    }
}

/// The queue between a lane and its thread, which lives as long as there is work or a lane.
final class LaneQueue: Sendable {
    private struct State {
        var work: [@Sendable () -> Void] = []
        var isEnding = false
        var hasEnded = false
    }

    private let state = Lock(State())
    private let spent = Atomic<Int64>(0)

    var processorNanoseconds: Int64 { spent.load(ordering: .relaxed) }

    init(named name: String) {
        let started = startThread(named: name) { self.work() }
        precondition(started, "no thread for the lane \(name)")
    }

    func append(_ work: @escaping @Sendable () -> Void) {
        let isFirst = state.withLock { state in
            if state.isEnding { return false }
            state.work.append(work)
            return state.work.count == 1
        }
        if isFirst { state.notify() }
    }

    func end() {
        state.withLock { $0.isEnding = true }
        state.notify()
    }

    /// Ends the lane and waits until what it was given is done.
    func finish() {
        end()
        state.wait { $0.hasEnded ? () : nil }
    }

    /// On the queue's thread.
    func noteProcessorTime() {
        guard let time = clockNanoseconds(CLOCK_THREAD_CPUTIME_ID) else { return }
        spent.store(time, ordering: .relaxed)
    }

    private func work() {
        while true {
            let batch: [@Sendable () -> Void] = state.wait { state in
                if state.work.isEmpty { return state.isEnding ? [] : nil }
                defer { state.work = [] }
                return state.work
            }
            if batch.isEmpty { break }
            for item in batch { item() }
        }
        state.withLock { $0.hasEnded = true }
        state.notify()
    }
}
