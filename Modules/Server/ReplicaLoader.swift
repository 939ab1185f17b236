// SPDX-License-Identifier: Apache-2.0
package import MartletRaft
import MartletState
package import MartletStorage
package import MartletTransport

/// What the disk holds of one server, read and verified. Made by blocking calls, before the server
/// answers anybody.
package struct LoadedReplica: Sendable {
    package var metadata: ServerMetadata
    package var restored: Restored
    /// The state of the newest snapshot, empty without one.
    var state: State
    /// Why a newer snapshot was passed over; nil if none was.
    package var damage: StoreError?

    package var hasLog: Bool { restored.snapshot != nil || !restored.entries.isEmpty }
}

package enum ReplicaLoader {
    /// Entries per call to the store.
    private static let pageEntries = 4096
    private static let pageBytes = 4 << 20

    /// Reads everything. On a first start the metadata record is made, with a new id, and is
    /// durable before anything else happens.
    ///
    /// - Throws: ``StoreError`` as the store does; ``StoreError/corrupt(_:)`` also when log and
    ///   snapshots do not fit together; ``StoreError/mismatch(_:)`` when there are no random bytes
    ///   for an id.
    package static func load(
        log: any LogStore, metadata: any MetadataStore, snapshots: any SnapshotStore,
        crypto: any Crypto
    ) throws(StoreError) -> LoadedReplica {
        let identity = try identity(in: metadata, crypto)
        let (snapshot, state, damage) = try newestSnapshot(in: snapshots)
        let bounds = log.bounds
        if let snapshot {
            guard bounds.previousIndex <= snapshot.lastIndex else {
                throw .corrupt(
                    "the log begins after \(bounds.previousIndex), but the newest snapshot that "
                        + "can be read ends at \(snapshot.lastIndex)")
            }
        } else if bounds.previousIndex > .zero {
            throw damage
                ?? .corrupt(
                    "the log begins after \(bounds.previousIndex), and there is no snapshot")
        }
        var restored = Restored(
            hardState: try log.hardState(), snapshot: snapshot,
            entries: try entries(of: log, bounds), previousIndex: bounds.previousIndex,
            previousTerm: bounds.previousTerm, commitHint: try log.commitHint())
        try check(restored)
        if let snapshot, isSuperseded(restored, by: snapshot) {
            // Installed from the leader, and the log was not told before a crash: the snapshot
            // stands, and what the log has belongs to another history or lies before it.
            restored.entries = []
            restored.previousIndex = snapshot.lastIndex
            restored.previousTerm = snapshot.lastTerm
            try log.commit(
                LogBatch(resetTo: .init(index: snapshot.lastIndex, term: snapshot.lastTerm)))
        }
        let server = try adoptFounding(identity, hasLog: !restored.entries.isEmpty, metadata)
        restored.isRecovering = server.isRecovering
        return LoadedReplica(metadata: server, restored: restored, state: state, damage: damage)
    }

    private static func identity(
        in store: any MetadataStore, _ crypto: any Crypto
    ) throws(StoreError) -> ServerMetadata {
        if let known = try store.load() { return known }
        let new: ServerMetadata
        do {
            new = ServerMetadata(serverID: try ServerID.make(from: crypto))
        } catch {
            throw .mismatch("the system gives no random bytes for a server id: \(error)")
        }
        try store.save(new)
        return new
    }

    /// Checksums say that nothing changed on the disk, not that this version can read it.
    private static func check(_ log: Restored) throws(StoreError) {
        var term = log.previousTerm
        for entry in log.entries {
            guard entry.term >= term else { throw .corrupt("terms go back at \(entry.index)") }
            term = entry.term
            if entry.kind == .configuration, Configuration(encoded: entry.payload) == nil {
                throw .corrupt("the configuration at \(entry.index) cannot be read")
            }
        }
        guard max(log.hardState.term, term).number < UInt64.max / 2 else {
            throw .corrupt("\(max(log.hardState.term, term)) is out of range")
        }
    }

    private static func isSuperseded(_ log: Restored, by snapshot: SnapshotMetadata) -> Bool {
        guard let last = log.entries.last else { return log.previousIndex < snapshot.lastIndex }
        if last.index < snapshot.lastIndex { return true }
        guard let first = log.entries.first, first.index <= snapshot.lastIndex else { return false }
        let position = Int(snapshot.lastIndex.number - first.index.number)
        return log.entries[position].term != snapshot.lastTerm
    }

    /// A founding whose first entry reached the log is complete, whatever the record says.
    private static func adoptFounding(
        _ metadata: ServerMetadata, hasLog: Bool, _ store: any MetadataStore
    ) throws(StoreError) -> ServerMetadata {
        guard hasLog, metadata.clusterID == nil, let founding = metadata.founding else {
            return metadata
        }
        var complete = metadata
        complete.clusterID = founding.clusterID
        complete.founding = nil
        complete.otherVoters = founding.configuration.voterCount(besides: metadata.serverID)
        try store.save(complete)
        return complete
    }

    /// The newest that can be read: a damaged one is passed over for the one before it, or for the
    /// log alone if that is whole.
    private static func newestSnapshot(
        in store: any SnapshotStore
    ) throws(StoreError) -> (SnapshotMetadata?, State, damage: StoreError?) {
        var damage: StoreError?
        for metadata in try store.list().reversed() {
            do {
                return (metadata, try SnapshotFile.read(metadata, from: store), damage)
            } catch {
                guard case .corrupt = error else { throw error }
                damage = damage ?? error
            }
        }
        return (nil, State(), damage)
    }

    private static func entries(
        of log: any LogStore, _ bounds: LogBounds
    ) throws(StoreError) -> [Entry] {
        var entries: [Entry] = []
        entries.reserveCapacity(Int(clamping: min(bounds.count, 1 << 20)))
        var next = bounds.previousIndex.next
        while next <= bounds.lastIndex {
            let page = try log.read(from: next, countMax: pageEntries, bytesMax: pageBytes)
            guard let last = page.last else {
                throw .corrupt("the log ends before \(next), and should end at \(bounds.lastIndex)")
            }
            entries += page
            next = last.index.next
        }
        return entries
    }
}
