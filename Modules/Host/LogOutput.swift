// SPDX-License-Identifier: Apache-2.0
import MartletTransport
import Synchronization

/// Where log lines go: to the output and perhaps a file, by a lane, so that a pipe that nobody reads
/// or a disk that hangs never stops a server. Lines beyond the bound are dropped, and counted.
///
/// Before the loop runs lines are written at once: nothing is served yet, and none may be lost.
final class LogOutput: Sendable {
    private let lane: any Lane
    private let write: @Sendable (String) -> Void
    private let isDeferred = Atomic<Bool>(false)
    private let waiting = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)

    private static let waitingMax = 8192

    /// - Parameter write: may block.
    init(loop: any Loop, write: @escaping @Sendable (String) -> Void) {
        lane = loop.makeLane(named: "logs")
        self.write = write
    }

    /// From now on lines are logged on the loop's thread, which must not wait for them.
    func `defer`() { isDeferred.store(true, ordering: .relaxed) }

    func log(_ line: String) {
        guard isDeferred.load(ordering: .relaxed) else { return write(line) }
        guard waiting.load(ordering: .relaxed) < Self.waitingMax else {
            dropped.add(1, ordering: .relaxed)
            return
        }
        waiting.add(1, ordering: .relaxed)
        let lost = dropped.exchange(0, ordering: .relaxed)
        lane.submit({ [self] in
            if lost > 0 { write("\(lost) log lines were dropped: the output does not take them\n") }
            write(line)
            waiting.subtract(1, ordering: .relaxed)
        }) { _ in }
    }
}
