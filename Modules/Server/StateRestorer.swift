// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import MartletState

/// What became of a restore.
package enum RestoreOutcome: Equatable, Sendable {
    /// In force from this log index on.
    case restored(at: UInt64)
    /// Not in force, and it will not be: the state, or the cluster, does not allow it.
    case refused(String)
    /// Not in force: another restore, or writes without a quorum, are in its way. Try again.
    case busy(String)
    /// Not in force: another server leads, or none.
    case notLeader
    /// Leadership was lost at the last step: it may or may not come into force.
    case unknown
    /// This server is out of service. What the others make of it is their affair.
    case failed(String)
}

/// Takes one state through the log: begin, one chunk after the other, end. Each step waits for the
/// one before it to be applied, so that the order is the log's and other writes find their place in
/// between. Before the end is proposed, giving up leaves the state as it is.
///
///     begin ──applied──▶ chunks ──last applied──▶ end ──applied──▶ restored
///       └────────────────────┴── lost, refused ────┴──▶ finished
final class StateRestorer {
    private enum Step {
        case begin
        case chunk(Int, of: UInt64)
        case end(UInt64)
    }

    private unowned let server: Server
    private let bytes: [UInt8]
    private let done: (RestoreOutcome) -> Void

    /// The log takes no more: asked again so often, and so far apart.
    private static let busyTriesMax = 100
    private static let busyDelay: Duration = .milliseconds(50)

    init(_ bytes: [UInt8], server: Server, done: @escaping (RestoreOutcome) -> Void) {
        self.bytes = bytes
        self.server = server
        self.done = done
    }

    /// `done` is called once; until then, this object lives by itself.
    func start() { propose(.begin, triesLeft: Self.busyTriesMax) }

    private func propose(_ step: Step, triesLeft: Int) {
        server.replica.propose(command(step).encoded()) { outcome in
            switch outcome {
            case .applied(.applied(let index), _): self.go(on: step, index)
            case .applied(.refused(let reason), _): self.done(.refused(reason))
            case .applied(.casFailed, _), .applied(.unchanged, _), .applied(.aclRefused, _),
                .applied(.schedulerRefused, _):
                preconditionFailure("no result of \(step)")
            case .refused(.busy): self.wait(step, triesLeft)
            case .refused(.tooLarge(let limit)):
                self.done(.refused("a chunk does not fit an entry of \(limit) bytes"))
            case .refused(.notLeader), .refused(.transferring): self.done(.notLeader)
            case .unknown: self.done(self.isLast(step) ? .unknown : .notLeader)
            case .failed(let reason): self.done(.failed(reason))
            }
        }
    }

    private func command(_ step: Step) -> Command {
        switch step {
        case .begin:
            .restoreBegin(sizeBytes: UInt64(bytes.count), checksum: CRC32C.checksum(bytes))
        case .chunk(let number, let restore):
            .restoreChunk(
                restore: restore, number: UInt32(number),
                bytes: StateRestore.chunk(number, of: bytes))
        case .end(let restore):
            .restoreEnd(restore: restore, hasACL: StateRestore.hasACL(bytes))
        }
    }

    private func isLast(_ step: Step) -> Bool {
        if case .end = step { true } else { false }
    }

    private func go(on step: Step, _ index: UInt64) {
        switch step {
        case .begin: propose(.chunk(0, of: index), triesLeft: Self.busyTriesMax)
        case .chunk(let number, let restore):
            let isOver = number + 1 == StateRestore.chunkCount(ofBytes: bytes.count)
            propose(
                isOver ? .end(restore) : .chunk(number + 1, of: restore),
                triesLeft: Self.busyTriesMax)
        case .end: done(.restored(at: index))
        }
    }

    private func wait(_ step: Step, _ triesLeft: Int) {
        guard triesLeft > 0 else {
            return done(.busy(server.replica.busyReason))
        }
        server.later(Self.busyDelay) { self.propose(step, triesLeft: triesLeft - 1) }
    }
}
