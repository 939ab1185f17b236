// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletRaft
import MartletStorage
import MartletTransport

/// Recovery after a lost quorum.
///
/// In order: the log gets the recovery's entry, the record gets the new epoch, the file is removed.
/// A crash in between finds the file again, and does what is left: an entry that is there already
/// is not made twice.
extension DataFolder {
    package var peersFile: String { "\(raftFolder)/\(PeersFile.name)" }

    func explainPeersFile() throws(DataFolderError) {
        let path = "\(raftFolder)/peers.info"
        guard !files.exists(path) else { return }
        try change { () throws(FileError) in
            try files.replace(path, with: Array(PeersFile.explanation.utf8))
        }
    }

    func followPeersFile(_ opened: inout Opened) throws(DataFolderError) {
        guard files.exists(peersFile) else { return }
        let configuration = try peersConfiguration()
        let before = opened.replica.metadata
        try check(configuration, for: opened.replica)
        let restored = try append(configuration, to: opened)
        var server = before
        server.recoveryEpoch = RecoveryEpoch.of(restored.lastTerm, configuration)
        server.otherVoters = configuration.voterCount(besides: server.serverID)
        let (store, saved) = (opened.stores.metadata, server)
        try storing { () throws(StoreError) in try store.save(saved) }
        try change { () throws(FileError) in try files.remove(peersFile) }
        opened.replica.metadata = server
        opened.replica.restored = restored
        logger.warning(
            "recovered by \(PeersFile.name): servers that are not in it are strangers",
            metadata: [
                "servers": "\(configuration.servers.map { "\($0.id)" }.joined(separator: " "))",
                "index": "\(restored.lastIndex.number)",
                "epoch": "\(RecoveryEpoch.text(server.recoveryEpoch))",
                "epoch_before": "\(RecoveryEpoch.text(before.recoveryEpoch))",
            ])
    }

    private func peersConfiguration() throws(DataFolderError) -> Configuration {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try files.read(peersFile, limitBytes: PeersFile.bytesMax)
        } catch {
            throw .recovery("\(error)")
        }
        do throws(PeersFile.Problem) {
            return try PeersFile.parse(bytes)
        } catch {
            throw .recovery("\(peersFile): \(error.text)")
        }
    }

    private func check(
        _ configuration: Configuration, for replica: LoadedReplica
    ) throws(DataFolderError) {
        let server = replica.metadata
        guard replica.hasLog, server.clusterID != nil else {
            throw .recovery(
                "\(peersFile): this server has no state to recover from: remove the file, and let "
                    + "the server join the recovered cluster")
        }
        guard !server.isRecovering else {
            throw .recovery(
                "\(peersFile): this server lost its own data and was not refilled yet: recover with "
                    + "the data of another one")
        }
        guard configuration.contains(server.serverID) else {
            throw .recovery("\(peersFile): this server, \(server.serverID), is not in the file")
        }
    }

    /// What the log holds with the recovery's entry at its end.
    private func append(
        _ configuration: Configuration, to opened: Opened
    ) throws(DataFolderError) -> Restored {
        var restored = opened.replica.restored
        if restored.endsWithRecovery(to: configuration) { return restored }
        guard
            let entry = RaftCore.recoveryEntry(
                configuration, after: restored.lastIndex, of: restored.lastTerm,
                hardState: restored.hardState)
        else {
            throw .recovery("\(peersFile): \(restored.hardState.term) is beyond every recovery")
        }
        // Its own vote: nobody may lead in the entry's term.
        let hardState = HardState(term: entry.term, vote: opened.replica.metadata.serverID)
        try storing { () throws(StoreError) in
            try opened.stores.log.commit(LogBatch(hardState: hardState, entries: [entry]))
        }
        restored.hardState = hardState
        restored.entries.append(entry)
        return restored
    }
}

extension Restored {
    var lastIndex: LogIndex { entries.last?.index ?? previousIndex }
    var lastTerm: Term { entries.last?.term ?? previousTerm }

    fileprivate func endsWithRecovery(to configuration: Configuration) -> Bool {
        guard let last = entries.last, last.kind == .configuration else { return false }
        let before = entries.dropLast().last?.term ?? previousTerm
        return last.payload == configuration.encoded()
            && last.term.number == before.number + Term.recoveryStride
    }
}
