// SPDX-License-Identifier: Apache-2.0
package import MartletRaft
import MartletStorage
import MartletTransport

/// What a server's folder holds, for the people who recover a cluster.
package struct FolderSurvey: Equatable, Sendable {
    /// On the machine where it was looked at.
    package let directory: String
    /// What brought it here from another machine; nil for a folder of this one.
    package var file: String?
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
    package let configuration: Configuration
    /// Names of the other servers, as this one knew them: a help for people, and no truth.
    var names: [ServerID: String] = [:]

    /// As messages name it.
    package var place: String { file.map { "\($0) (\(directory))" } ?? directory }
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
                configuration: restored.newestConfiguration, names: knownNames())
        }
    }

    /// Of a list that is damaged or missing, none.
    private func knownNames() -> [ServerID: String] {
        do {
            let list = try MembersFile(
                decoding: try files.read(
                    Self.membersPath(in: directory), limitBytes: MembersFile.bytesMax))
            return Dictionary(list.members.map { ($0.id, $0.name) }) { first, _ in first }
        } catch {
            return [:]
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
