// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletRaft
import MartletState
import MartletTransport

/// Archives under way at one server: bounds on the files that they take, and the time.
struct ArchiveWork {
    /// Each holds an archive on the disk until its client has fetched it.
    static let savesMax = 8
    /// Each holds one on the disk until it is restored.
    static let uploadsMax = 4
    var saves = 0
    var uploads = 0
    var isRestoring = false
    /// Of the leadership in which the last step of a restore was proposed; nil once it is known what
    /// became of it.
    var lastStepTerm: Term?
}

/// `/v1/operator/snapshot`: the state as an archive, and back.
extension Server {
    // MARK: Save

    /// The state behind everything acknowledged before the request: of the leader, or of a server that
    /// has its read index.
    func saveLinearizably(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        replica.read { [weak self] outcome in
            guard let self, case .ready = outcome else { return done(.notLeader) }
            if let refusal = self.refusal(of: call) { return done(.answered(refusal)) }
            self.save(isLeader: true) { done(.answered($0)) }
        }
    }

    /// What this server has, however old. To copy the state costs nothing; it is packed on a lane, into
    /// a file, which is sent as its client fetches it: nobody's pace keeps the old state alive.
    func save(isLeader: Bool, _ done: @escaping (APIResponse) -> Void) {
        guard archiveWork.saves < ArchiveWork.savesMax else {
            return done(tryAgain("too many snapshots are being saved: try again"))
        }
        archiveWork.saves += 1
        let state = replica.state
        let meta = SnapshotMeta(
            index: state.lastAppliedIndex,
            term: (replica.core.term(at: LogIndex(state.lastAppliedIndex))
                ?? replica.outlook.status.term).number,
            configuration: replica.outlook.configuration,
            configurationIndex: replica.outlook.configurationIndex.number,
            wallClockNanoseconds: loop.wallClockNanoseconds)
        let fresh = freshness(index: state.lastAppliedIndex, isLeader: isLeader)
        let (crypto, compression) = (environment.crypto, environment.compression)
        let (file, lane, halt) = (spool.makeFile(), spool.lane, replica.halt)
        archiveLane.submit({
            SnapshotArchive.pack(
                state, meta, to: file, crypto: crypto, compression: compression, unless: halt)
        }) { [weak self] result in
            let ended = { self?.archiveWork.saves -= 1 }
            switch result {
            case .success(let packed):
                let source = SpoolSource(packed.file, lane: lane, ended: { _ = ended() })
                done(.archive(packed, from: source, freshness: fresh))
            case .failure(let error):
                _ = ended()
                done(.text(500, "failed to take a snapshot: \(error)"))
            }
        }
    }

    // MARK: Restore

    /// Its archive, which may be large, comes while this server leads, and goes to the disk first.
    func restoreArchive(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        guard let body = call.request.stream else {
            return restore(archive: call.request.body) { [weak self] in
                done(self?.answer(to: $0) ?? .notLeader)
            }
        }
        guard !archiveWork.isRestoring, archiveWork.uploads < ArchiveWork.uploadsMax else {
            return done(.answered(tryAgain("another restore is under way: try again")))
        }
        archiveWork.uploads += 1
        let file = spool.makeFile()
        let bytesMax = call.endpoint.bodyBytesMax
        ArchiveUpload.receive(body.source, bytesMax: bytesMax, into: file, lane: spool.lane) {
            [weak self] result in
            guard let self else { return done(.notLeader) }
            self.archiveWork.uploads -= 1
            switch result {
            case .success:
                self.restore(file) { [weak self] in done(self?.answer(to: $0) ?? .notLeader) }
            case .failure(.tooLarge):
                done(.answered(.text(413, "the body is longer than \(bytesMax) bytes")))
            case .failure(.broken(let reason)): done(.answered(.text(400, reason)))
            case .failure(.notStored(let error)):
                done(.answered(.text(507, "the archive cannot be stored: \(error)")))
            }
        }
    }

    private func answer(to outcome: RestoreOutcome) -> LeadOutcome {
        switch outcome {
        case .restored: .answered(.empty)
        case .refused(let reason):
            .answered(.text(500, "failed to restore from snapshot: \(reason)"))
        case .busy(let reason): .answered(tryAgain(reason))
        case .notLeader: .notLeader
        case .unknown: .answered(unknownOutcome())
        case .failed(let reason):
            .answered(.text(500, "this server is out of service until its restart: \(reason)"))
        }
    }

    /// Replaces the cluster's configurations and tables by those in an archive of any origin. `done` is
    /// called once, on the loop; the archive is removed.
    func restore(_ archive: any SpoolFile, _ done: @escaping (RestoreOutcome) -> Void) {
        let (crypto, compression) = (environment.crypto, environment.compression)
        let (lane, halt) = (spool.lane, replica.halt)
        restore(
            { outcome in
                lane.submit({ archive.remove() }, then: { _ in })
                done(outcome)
            },
            reading: { state in
                SnapshotArchive.unpack(
                    archive, to: state, crypto: crypto, compression: compression, unless: halt)
            })
    }

    /// The same of one that is small enough to be in memory.
    func restore(archive bytes: [UInt8], _ done: @escaping (RestoreOutcome) -> Void) {
        let archive = spool.makeFile()
        spool.lane.attempt({ () throws(FileError) in try archive.append(bytes) }) {
            [weak self] result in
            guard let self else { return done(.notLeader) }
            switch result {
            case .success: self.restore(archive, done)
            case .failure(let error): done(.refused("\(error)"))
            }
        }
    }

    /// The same with the bytes of a state alone.
    func restore(stateBytes bytes: [UInt8], _ done: @escaping (RestoreOutcome) -> Void) {
        restore(done) { SnapshotArchive.unpack(state: bytes, to: $0) }
    }

    /// One at a time: each holds a whole state on the disk, and fills the log.
    private func restore(
        _ done: @escaping (RestoreOutcome) -> Void,
        reading:
            @escaping @Sendable (any SpoolFile) -> Result<
                SnapshotArchive.Unpacked, ArchiveError
            >
    ) {
        if let failure = replica.failure { return done(.failed(failure)) }
        guard replica.outlook.status.role == .leader else { return done(.notLeader) }
        guard !archiveWork.isRestoring else {
            return done(.busy("another restore is under way: try again"))
        }
        if let refusal = cannotRestore(Command.restoreVersion) { return done(refusal) }
        archiveWork.isRestoring = true
        let (file, lane) = (spool.makeFile(), spool.lane)
        archiveLane.submit({ reading(file) }) { [weak self] result in
            let done = { (outcome: RestoreOutcome) in
                lane.submit({ file.remove() }, then: { _ in })
                self?.restoreEnded(outcome)
                self?.logger.info("restore ended", metadata: ["outcome": "\(outcome)"])
                done(outcome)
            }
            guard let self else { return done(.notLeader) }
            switch result {
            case .failure(let error): done(.refused(error.description))
            case .success(let state): self.restore(state, done)
            }
        }
    }

    private func restore(
        _ state: SnapshotArchive.Unpacked, _ done: @escaping (RestoreOutcome) -> Void
    ) {
        let version = StateRestore.commandVersion(
            format: state.version, sizeBytes: state.sizeBytes)
        if let refusal = cannotRestore(version) { return done(refusal) }
        logger.info("restoring a snapshot", metadata: ["bytes": "\(state.sizeBytes)"])
        StateRestorer(
            state, isStaged: canEverybodyApply(Command.largeVersion), server: self, done: done
        ).start()
    }

    private func restoreEnded(_ outcome: RestoreOutcome) {
        archiveWork.isRestoring = false
        if outcome != .unknown { archiveWork.lastStepTerm = nil }
        dispatcher.schedule()
    }

    /// Whether the restore in the state may still come into force: this leader is at it, or its last step
    /// is on its way. What an earlier leader has begun will not: once the entries of this term are
    /// applied, nobody proposes the rest of it.
    var awaitsRestore: Bool {
        guard replica.state.restoreIndex != nil else { return false }
        return archiveWork.isRestoring
            || archiveWork.lastStepTerm == replica.outlook.status.term
    }

    private func cannotRestore(_ version: UInt8) -> RestoreOutcome? {
        serverThatCannotApply(version).map {
            .refused(
                "server \(steward.name(of: $0)) is not known to run a version that can "
                    + "restore: all servers of the configuration must")
        }
    }

    private func tryAgain(_ reason: String) -> APIResponse {
        var response = APIResponse.text(503, reason)
        response.retryAfter = 1
        return response
    }
}
