// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletRaft
import MartletState
import MartletTransport

/// Archives under way at one server: bounds on the memory that they take.
struct ArchiveWork {
    /// Each holds a state, or its archive.
    static let savesMax = 8
    var saves = 0
    var isRestoring = false
}

/// `/v1/operator/snapshot`: the state as an archive, and back.
extension Server {
    // MARK: Save

    /// The leader's state, behind everything acknowledged before the request.
    func saveLinearizably(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        replica.read { [weak self] outcome in
            guard let self, case .ready = outcome else { return done(.notLeader) }
            self.save(isLeader: true) { done(.answered($0)) }
        }
    }

    /// What this server has, however old. The state is copied here, and packed on the lane.
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
        snapshotLane.submit({
            SnapshotArchive.pack(state, meta, crypto: crypto, compression: compression)
        }) { [weak self] result in
            self?.archiveWork.saves -= 1
            switch result {
            case .success(let packed): done(.archive(packed, freshness: fresh))
            case .failure(let error): done(.text(500, "failed to take a snapshot: \(error)"))
            }
        }
    }

    // MARK: Restore

    func restoreArchive(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        withWholeBody(call, respond: { done(.answered($0)) }) { [weak self] call in
            guard let self else { return done(.notLeader) }
            self.restoreWhole(call, done)
        }
    }

    private func restoreWhole(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        restore(archive: call.request.body) { [weak self] outcome in
            guard let self else { return done(.notLeader) }
            switch outcome {
            case .restored: done(.answered(.empty))
            case .refused(let reason):
                done(.answered(.text(500, "failed to restore from snapshot: \(reason)")))
            case .busy(let reason): done(.answered(self.tryAgain(reason)))
            case .notLeader: done(.notLeader)
            case .unknown: done(.answered(self.unknownOutcome()))
            case .failed(let reason):
                done(
                    .answered(
                        .text(500, "this server is out of service until its restart: \(reason)")))
            }
        }
    }

    /// Replaces the cluster's configurations by those in an archive of any origin. `done` is called
    /// once, on the loop.
    func restore(archive bytes: [UInt8], _ done: @escaping (RestoreOutcome) -> Void) {
        let (crypto, compression) = (environment.crypto, environment.compression)
        restore(done) {
            SnapshotArchive.unpack(bytes, crypto: crypto, compression: compression)
        }
    }

    /// The same with the bytes of a state alone.
    func restore(stateBytes bytes: [UInt8], _ done: @escaping (RestoreOutcome) -> Void) {
        restore(done) { SnapshotArchive.check(state: bytes) }
    }

    /// One at a time: each holds a whole state.
    private func restore(
        _ done: @escaping (RestoreOutcome) -> Void,
        reading: @escaping @Sendable () -> Result<[UInt8], ArchiveError>
    ) {
        if let failure = replica.failure { return done(.failed(failure)) }
        guard replica.outlook.status.role == .leader else { return done(.notLeader) }
        guard !archiveWork.isRestoring else {
            return done(.busy("another restore is under way: try again"))
        }
        if let refusal = cannotRestore(Command.restoreVersion) { return done(refusal) }
        archiveWork.isRestoring = true
        snapshotLane.submit(reading) { [weak self] result in
            guard let self else { return done(.notLeader) }
            switch result {
            case .failure(let error):
                self.archiveWork.isRestoring = false
                done(.refused(error.description))
            case .success(let bytes):
                if let refusal = self.cannotRestore(StateRestore.commandVersion(for: bytes)) {
                    self.archiveWork.isRestoring = false
                    return done(refusal)
                }
                self.logger.info("restoring a snapshot", metadata: ["bytes": "\(bytes.count)"])
                StateRestorer(bytes, server: self) { [weak self] outcome in
                    self?.archiveWork.isRestoring = false
                    self?.logger.info("restore ended", metadata: ["outcome": "\(outcome)"])
                    done(outcome)
                }.start()
            }
        }
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
