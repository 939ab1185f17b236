// SPDX-License-Identifier: Apache-2.0
package import Logging
import MartletAPI
import MartletRaft
package import MartletStorage
package import MartletTransport

/// One server's folder on a disk that lasts. Blocking: before the loop runs.
///
/// ```
///     server/IDENTITY              who this server is (``IdentityFile``)
///     server/serf.keyring          the keys that seal gossip, once operators have changed them
///     server/members               the members of the cluster that this server has seen
///     server/raft/                 the stores, and peers.info, peers.json
///     server/raft.damaged-<when>/  stores that were found damaged; never read again
/// ```
///
/// Stores that an earlier version kept elsewhere are moved first (``moveEarlierLayout()``).
///
/// What is damaged and can be refilled by other servers is set aside by one rename, and the server
/// starts with empty stores as the same server, recovering. In order: the identity says durably that
/// it is recovering, then the rename, then new stores. A crash after the first step finds the damage
/// again, one after the second finds no stores where an identity is in use, and both go on from
/// there.
package struct DataFolder: Sendable {
    package let directory: String
    let files: any Files
    let crypto: any Crypto
    let logger: Logger
    private let wallClockNanoseconds: @Sendable () -> Int64
    let openStores: @Sendable (_ directory: String) throws(StoreError) -> ServerStores

    /// - Parameters:
    ///   - directory: exists, and is locked.
    ///   - openStores: opens what is in a folder that exists, and makes what is missing.
    package init(
        _ directory: String, files: any Files, crypto: any Crypto, logger: Logger,
        wallClockNanoseconds: @escaping @Sendable () -> Int64,
        openStores: @escaping @Sendable (String) throws(StoreError) -> ServerStores
    ) {
        self.directory = directory
        self.files = files
        self.crypto = crypto
        self.logger = logger
        self.wallClockNanoseconds = wallClockNanoseconds
        self.openStores = openStores
    }

    /// Stores in use, and what they hold.
    package struct Opened: Sendable {
        package var stores: ServerStores
        package var replica: LoadedReplica
    }

    /// An operator's file that lets the ACL bootstrap be done again.
    package static func bootstrapResetPath(in directory: String) -> String {
        "\(directory)/server/acl-bootstrap-reset"
    }

    package static func keyringPath(in directory: String) -> String {
        "\(directory)/server/serf.keyring"
    }

    package static func membersPath(in directory: String) -> String {
        "\(directory)/server/members"
    }

    package static func spoolPath(in directory: String) -> String {
        "\(directory)/server/spool"
    }

    var raftFolder: String { "\(directory)/server/raft" }
    var identityFile: IdentityFile {
        IdentityFile(path: "\(directory)/server/IDENTITY", files: files)
    }

    private enum Attempt {
        case opened(Opened)
        /// Why, and who the server is, as far as anything still says it.
        case damaged(String, server: ServerMetadata?)
    }

    /// Opens everything, sets aside what is damaged and can be refilled by others, and follows a
    /// `peers.json` that is there.
    package func open() throws(DataFolderError) -> Opened {
        try moveEarlierLayout()
        try change { () throws(FileError) in try files.makeDirectory(raftFolder) }
        var attempt = try attempt()
        if case .damaged(let reason, let server) = attempt {
            try setAside(server, because: reason)
            attempt = try self.attempt()
        }
        switch attempt {
        case .damaged(let reason, _):
            throw .store(.corrupt(reason), folder: directory)
        case .opened(var opened):
            if let damage = opened.replica.damage {
                logger.error(
                    "a snapshot is damaged: the log, and an older one, stand for it",
                    metadata: ["folder": "\(raftFolder)", "reason": "\(damage)"])
            }
            do throws(DataFolderError) {
                try explainPeersFile()
                try followPeersFile(&opened)
            } catch {
                opened.stores.close()
                throw error
            }
            return opened
        }
    }

    private func attempt() throws(DataFolderError) -> Attempt {
        let identity = try storing { () throws(StoreError) in try identityFile.read() }
        let stores: ServerStores
        do throws(StoreError) {
            stores = try openStores(raftFolder)
        } catch {
            guard case .corrupt(let reason) = error else { throw .store(error, folder: directory) }
            return .damaged(reason, server: identity.metadata)
        }
        do throws(DataFolderError) {
            let attempt = try read(stores, identity)
            if case .damaged = attempt { stores.close() }
            return attempt
        } catch {
            stores.close()
            throw error
        }
    }

    private func read(
        _ stores: ServerStores, _ identity: IdentityFile.Content
    ) throws(DataFolderError) -> Attempt {
        var stores = stores
        var stored: ServerMetadata?
        do throws(StoreError) {
            stored = try stores.metadata.load()
            if stored == nil, try !isUnused(stores) {
                throw .corrupt("the server's record is missing beside its log")
            }
        } catch {
            return try damaged(error, server: identity.metadata)
        }
        stores.metadata = IdentityKeeper(store: stores.metadata, file: identityFile)
        let server = try settle(identity, stored, in: stores.metadata)
        do throws(StoreError) {
            let replica = try ReplicaLoader.load(
                log: stores.log, metadata: stores.metadata, snapshots: stores.snapshots,
                crypto: crypto)
            return .opened(Opened(stores: stores, replica: replica))
        } catch {
            return try damaged(error, server: server)
        }
    }

    private func damaged(
        _ error: StoreError, server: ServerMetadata?
    ) throws(DataFolderError) -> Attempt {
        guard case .corrupt(let reason) = error else { throw .store(error, folder: directory) }
        return .damaged(reason, server: server)
    }

    private func isUnused(_ stores: ServerStores) throws(StoreError) -> Bool {
        let hardState = try stores.log.hardState()
        let snapshots = try stores.snapshots.list()
        return hardState == .initial && stores.log.bounds == .empty && snapshots.isEmpty
    }

    /// Brings file and store to say the same.
    ///
    /// - Returns: nil on a first start.
    private func settle(
        _ identity: IdentityFile.Content, _ stored: ServerMetadata?, in keeper: any MetadataStore
    ) throws(DataFolderError) -> ServerMetadata? {
        let server: ServerMetadata
        switch (identity, stored) {
        case (.absent, nil):
            return nil
        case (.damaged(let reason), nil):
            throw .nobodyKnowsWho(reason, folder: directory)
        case (.absent, let stored?):
            server = stored
        case (.damaged(let reason), let stored?):
            logger.warning(
                "the identity is damaged: written anew", metadata: ["reason": "\(reason)"])
            server = stored
        case (.sound(let known), nil):
            server = try emptied(known)
        case (.sound(let known), let stored?):
            guard known.serverID == stored.serverID else { throw .twoServers(folder: directory) }
            server = IdentityKeeper.merged(file: known, store: stored)
            if server == known, server == stored { return server }
        }
        try storing { () throws(StoreError) in try keeper.save(server) }
        return server
    }

    /// What a server is whose stores are empty.
    private func emptied(_ known: ServerMetadata) throws(DataFolderError) -> ServerMetadata {
        guard known.isInUse, !known.isRecovering else { return known }
        guard known.canBeRefilled else {
            throw .onlyCopy("\(raftFolder): log, votes and snapshots are gone", folder: directory)
        }
        logger.critical(
            """
            log, votes and snapshots are gone: this server is refilled by its peers, and has no \
            vote until then
            """, metadata: ["folder": "\(raftFolder)", "id": "\(known.serverID)"])
        var recovering = known
        recovering.isRecovering = true
        return recovering
    }

    private func setAside(
        _ server: ServerMetadata?, because reason: String
    ) throws(DataFolderError) {
        guard var server else { throw .nobodyKnowsWho(reason, folder: directory) }
        if files.exists(peersFile) {
            throw .recovery(
                "\(peersFile): the data of this server is damaged (\(reason)): recover the cluster "
                    + "with the data of another one")
        }
        if server.isInUse {
            guard server.canBeRefilled else { throw .onlyCopy(reason, folder: directory) }
            server.isRecovering = true
        }
        let known = server
        try storing { () throws(StoreError) in try identityFile.write(known) }
        let name = asideName()
        try change { () throws(FileError) in
            try files.rename(raftFolder, to: name)
            try files.makeDirectory(raftFolder)
        }
        logger.critical(
            """
            the data of this server is damaged: it was set aside, and this server is refilled by its \
            peers, without a vote until then
            """,
            metadata: ["aside": "\(name)", "id": "\(server.serverID)", "reason": "\(reason)"])
    }

    /// A name that is free.
    private func asideName() -> String {
        let time = Timestamp.rfc3339(unixNanoseconds: wallClockNanoseconds())
            .filter { $0 != "-" && $0 != ":" }
        let name = "\(raftFolder).damaged-\(time)"
        guard files.exists(name) else { return name }
        var number = 2
        while files.exists("\(name)-\(number)") { number += 1 }
        return "\(name)-\(number)"
    }

    // MARK: Errors of the two seams as those of the folder

    func storing<Value>(
        _ body: () throws(StoreError) -> Value
    ) throws(DataFolderError) -> Value {
        do throws(StoreError) { return try body() } catch {
            throw .store(error, folder: directory)
        }
    }

    func change(_ body: () throws(FileError) -> Void) throws(DataFolderError) {
        do throws(FileError) { try body() } catch {
            throw .store(StoreError(error), folder: directory)
        }
    }
}

extension IdentityFile.Content {
    fileprivate var metadata: ServerMetadata? {
        if case .sound(let metadata) = self { metadata } else { nil }
    }
}
