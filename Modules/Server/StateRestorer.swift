// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import MartletState
import MartletTransport

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
/// between. Before the end is proposed, giving up leaves the state as it is. The chunks come from a
/// file, one at a time.
///
///     begin ──applied──▶ chunks ──last applied──▶ (filling) ──▶ end ──applied──▶ restored
///       └────────────────────┴────── lost, refused ──────┴───────┴──▶ finished
///
/// A new cluster's log may be shorter than a job has versions: it is filled with entries that change nothing.
final class StateRestorer {
    private enum Step {
        case begin
        case chunk(Int, of: UInt64)
        case filling(UInt64, endMin: UInt64)
        case end(UInt64)
    }

    private unowned let server: Server
    private let state: SnapshotArchive.Unpacked
    private let isStaged: Bool
    private let done: (RestoreOutcome) -> Void

    /// The log takes no more: asked again so often, and so far apart.
    private static let busyTriesMax = 100
    private static let busyDelay: Duration = .milliseconds(50)

    /// - Parameter isStaged: all servers read the chunks as they come.
    init(
        _ state: SnapshotArchive.Unpacked, isStaged: Bool, server: Server,
        done: @escaping (RestoreOutcome) -> Void
    ) {
        self.state = state
        self.isStaged = isStaged
        self.server = server
        self.done = done
    }

    /// `done` is called once; until then, this object lives by itself.
    func start() {
        propose(
            .begin,
            .restoreBegin(
                sizeBytes: UInt64(state.sizeBytes), checksum: state.checksum, isStaged: isStaged))
    }

    private func propose(_ step: Step, _ command: Command) {
        propose(step, command.encoded(), triesLeft: Self.busyTriesMax)
    }

    private func propose(_ step: Step, _ command: [UInt8], triesLeft: Int) {
        server.replica.propose(command) { outcome in
            switch outcome {
            case .applied(.applied(let index), _): self.go(on: step, index)
            case .applied(.unchanged, let at) where self.isFilling(step):
                self.go(on: step, at.number)
            case .applied(.refused(let reason), _): self.done(.refused(reason))
            case .applied(.casFailed, _), .applied(.unchanged, _), .applied(.aclRefused, _),
                .applied(.schedulerRefused, _):
                preconditionFailure("no result of \(step)")
            case .refused(.busy): self.wait(step, command, triesLeft)
            case .refused(.tooLarge(let limit)):
                self.done(.refused("a chunk does not fit an entry of \(limit) bytes"))
            case .refused(.notLeader), .refused(.transferring): self.done(.notLeader)
            case .unknown: self.done(self.isLast(step) ? .unknown : .notLeader)
            case .failed(let reason): self.done(.failed(reason))
            }
        }
    }

    private func isLast(_ step: Step) -> Bool {
        if case .end = step { true } else { false }
    }

    private func isFilling(_ step: Step) -> Bool {
        if case .filling = step { true } else { false }
    }

    private func go(on step: Step, _ index: UInt64) {
        switch step {
        case .begin: propose(chunk: 0, of: index)
        case .chunk(let number, let restore):
            guard number + 1 == StateRestore.chunkCount(ofBytes: state.sizeBytes) else {
                return propose(chunk: number + 1, of: restore)
            }
            end(restore, after: index, endMin: server.replica.ask { $0.restoreEndMin })
        case .filling(let restore, let endMin): end(restore, after: index, endMin: endMin)
        case .end: done(.restored(at: index))
        }
    }

    private func end(_ restore: UInt64, after index: UInt64, endMin: UInt64) {
        guard index + 1 >= endMin else {
            return propose(
                .filling(restore, endMin: endMin), .scheduling(.upsertEvaluations([])))
        }
        server.archiveWork.lastStepTerm = server.replica.outlook.status.term
        propose(
            .end(restore),
            .restoreEnd(restore: restore, hasACL: StateRestore.hasACL(version: state.version)))
    }

    private func propose(chunk number: Int, of restore: UInt64) {
        let file = state.file
        server.spool.lane.attempt({ () throws(FileError) in
            try file.read(
                from: number * StateRestore.chunkBytes, limitBytes: StateRestore.chunkBytes)
        }) { result in
            switch result {
            case .success(let bytes):
                self.propose(
                    .chunk(number, of: restore),
                    .restoreChunk(restore: restore, number: UInt32(number), bytes: bytes))
            case .failure(let error): self.done(.refused("\(error)"))
            }
        }
    }

    private func wait(_ step: Step, _ command: [UInt8], _ triesLeft: Int) {
        guard triesLeft > 0 else {
            return done(.busy(server.replica.busyReason))
        }
        server.later(Self.busyDelay) {
            self.propose(step, command, triesLeft: triesLeft - 1)
        }
    }
}
