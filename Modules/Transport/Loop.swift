// SPDX-License-Identifier: Apache-2.0

/// One thread that everything of a server runs on: its clock, its timers, its way in from other
/// threads, and its lanes out to where work may block. It is the executor of the server's actor.
///
/// Except for ``enter(_:)``, ``makeLane(named:)`` and what `SerialExecutor` asks for, members are
/// called on the loop's thread only, and call back on it.
public protocol Loop: SerialExecutor {
    /// Monotonic time since an arbitrary origin that never changes during the loop's life. Goes on
    /// during a turn.
    var now: Duration { get }

    /// Time of day, in nanoseconds since 1970-01-01 UTC. May jump.
    var wallClockNanoseconds: Int64 { get }

    /// A timer that is not armed. It dies with its last reference.
    func makeTimer(_ fire: @escaping () -> Void) -> any LoopTimer

    /// Runs `body` once at the end of this turn, after everything that has already happened was
    /// handled and before the loop sleeps: the place to flush what a turn has gathered.
    func atEndOfTurn(_ body: @escaping () -> Void)

    /// Runs `body` on the loop soon, in order of the calls. From any thread.
    func enter(_ body: @escaping @Sendable () -> Void)

    /// A new serial worker for calls that block. From any thread.
    func makeLane(named name: String) -> any Lane

    /// A generator's seed, from the system: for timeouts and jitter, never for secrets.
    func makeSeed() -> UInt64
}

public protocol LoopTimer: AnyObject {
    /// Fires once, when the loop's ``Loop/now`` has reached `deadline`; replaces an earlier arming.
    func arm(at deadline: Duration)
    func disarm()
}

/// A serial worker: what is submitted runs in order, one at a time, off the loop.
public protocol Lane: AnyObject, Sendable {
    /// How long its work has kept a processor busy since the lane was made, up to the result that was told last
    /// or a little further. Waiting for a disk or for a free processor is no part of it. From any thread.
    var processorTime: Duration { get }

    /// Called on the loop; `then` is called on the loop with the result, in order of submission.
    func submit<Result: Sendable>(
        _ work: @escaping @Sendable () -> Result, then: @escaping (Result) -> Void)
}
