// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletStorage
import MartletTransport

/// What a server's folder holds, for the people who recover a cluster.
package struct FolderSurvey: Equatable, Sendable {
    package let directory: String
    let serverID: ServerID
    let clusterID: ServerID?
    let recoveryEpoch: UInt64
    /// It lost its own data, and what it has may be less than it promised.
    let isRecovering: Bool
    let lastIndex: LogIndex
    let lastTerm: Term
    /// What was certainly committed, as far as this server was told.
    let commitHint: LogIndex
    /// The newest of its log, committed or not.
    let configuration: Configuration
}

extension DataFolder {
    /// Opens the folder of a server that is stopped, and closes it again.
    ///
    /// - Throws: also for damage: such a folder is no base for a recovery.
    package func survey() throws(DataFolderError) -> FolderSurvey {
        guard try !hasEarlierLayout() else {
            throw .recovery(
                "\(directory): the layout of an earlier version: start the server once, which moves "
                    + "its stores, stop it, and try again")
        }
        guard files.isDirectory(raftFolder) else {
            throw .recovery("\(directory): no server's data here: server/raft is missing")
        }
        let identity = try storing { () throws(StoreError) in try identityFile.read() }
        let stores = try storing { () throws(StoreError) in try openStores(raftFolder) }
        defer { stores.close() }
        return try storing { () throws(StoreError) in
            guard var server = try stores.metadata.load() else {
                throw .corrupt("\(raftFolder): the server's record is missing")
            }
            if case .sound(let known) = identity, known.serverID == server.serverID {
                server = IdentityKeeper.merged(file: known, store: server)
            }
            let replica = try ReplicaLoader.load(
                log: stores.log, metadata: stores.metadata, snapshots: stores.snapshots,
                crypto: crypto)
            let restored = replica.restored
            return FolderSurvey(
                directory: directory, serverID: server.serverID, clusterID: server.clusterID,
                recoveryEpoch: server.recoveryEpoch, isRecovering: server.isRecovering,
                lastIndex: restored.lastIndex, lastTerm: restored.lastTerm,
                commitHint: max(restored.commitHint, restored.snapshot?.lastIndex ?? .zero),
                configuration: restored.newestConfiguration)
        }
    }

    /// Writes the file that the server follows when it starts.
    package func writePeersFile(of plan: RecoveryPlan) throws(DataFolderError) {
        let text = PeersFile.text(plan.configuration)
        try change { () throws(FileError) in
            try files.replace(peersFile, with: Array(text.utf8))
        }
    }
}

extension Restored {
    fileprivate var newestConfiguration: Configuration {
        for entry in entries.reversed() where entry.kind == .configuration {
            if let configuration = Configuration(encoded: entry.payload) { return configuration }
        }
        return snapshot?.configuration ?? .empty
    }
}
