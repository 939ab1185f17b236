// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletStorage

/// A server's record in two places: in its store, and in a file that outlives the store.
///
/// The file is written first, so that it never says less than the store. What differs after a crash
/// in between was promised to nobody, and is taken from the file.
final class IdentityKeeper: MetadataStore {
    private let store: any MetadataStore
    private let file: IdentityFile

    init(store: any MetadataStore, file: IdentityFile) {
        self.store = store
        self.file = file
    }

    func load() throws(StoreError) -> ServerMetadata? { try store.load() }

    func save(_ metadata: ServerMetadata) throws(StoreError) {
        try file.write(metadata)
        try store.save(metadata)
    }

    /// What both places together say.
    static func merged(file: ServerMetadata, store: ServerMetadata) -> ServerMetadata {
        var merged = file
        merged.clusterID = file.clusterID ?? store.clusterID
        merged.recoveryEpoch = max(file.recoveryEpoch, store.recoveryEpoch)
        merged.isRecovering = file.isRecovering || store.isRecovering
        return merged
    }
}

extension ServerMetadata {
    /// It agreed to something with others: what it forgets can harm them.
    var isInUse: Bool { clusterID != nil || founding != nil }

    /// Whether somebody else has its data, and can refill it.
    var canBeRefilled: Bool {
        if let otherVoters { return otherVoters > 0 }
        guard let founding else { return clusterID != nil }
        return founding.configuration.voterCount(besides: serverID) > 0
    }
}

extension Configuration {
    func voterCount(besides id: ServerID) -> Int {
        servers.count { $0.role == .voter && $0.id != id }
    }
}
