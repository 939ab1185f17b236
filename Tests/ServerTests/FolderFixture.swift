// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletRaft
import MartletSimulation
import MartletStorage
import MartletTransport

@testable import MartletServer

/// A data folder in memory. Its stores are a file that names a simulated disk: where the folder goes,
/// they go.
// SAFETY: guarded by being used on one test's thread alone.
final class FolderFixture: @unchecked Sendable {
    static let directory = "/data"
    static let raft = "/data/server/raft"
    static let peersFile = "/data/server/raft/peers.json"
    static let identity = "/data/server/IDENTITY"
    static let clusterID = ServerID(high: 7, low: 7)
    static let other = ServerID(high: 9, low: 9)
    static let third = ServerID(high: 8, low: 8)

    let world = SimulatedWorld(seed: 3)
    let host: SimulatedHost
    private var disks: [SimulatedDisk] = []
    /// Disks by number that are found damaged when they are opened.
    var damaged: Set<Int> = []
    /// A disk ends with its machine.
    private var hosts: [SimulatedHost] = []

    init() throws {
        host = world.makeHost("s1")
        try host.files.makeDirectory(Self.directory)
    }

    var disk: SimulatedDisk { disks[disks.count - 1] }
    var diskCount: Int { disks.count }

    func folder(_ files: (any Files)? = nil) -> DataFolder {
        DataFolder(
            Self.directory, files: files ?? host.files, crypto: host.crypto, logger: .silent,
            wallClockNanoseconds: { 1_700_000_000_000_000_000 }
        ) { (folder) throws(StoreError) in try self.stores(in: folder) }
    }

    private func stores(in folder: String) throws(StoreError) -> ServerStores {
        let number: Int
        do throws(FileError) {
            if host.files.exists("\(folder)/FORMAT") {
                number = Int(try host.files.read("\(folder)/FORMAT", limitBytes: 9)[0])
            } else {
                number = disks.count
                try host.files.replace("\(folder)/FORMAT", with: [UInt8(number)])
                hosts.append(world.makeHost("disk\(number)"))
                disks.append(hosts[number].disk)
            }
        } catch {
            throw .broken("\(error)")
        }
        guard !damaged.contains(number) else { throw .corrupt("\(folder): page 7") }
        return ServerStores(
            log: disks[number].openLogStore(), metadata: disks[number].openMetadataStore(),
            snapshots: disks[number].openSnapshotStore(), close: {})
    }

    /// Opens it; why that is refused, or nil.
    func refusal() -> DataFolderError? {
        do throws(DataFolderError) {
            _ = try folder().open()
            return nil
        } catch {
            return error
        }
    }

    /// A first start, then the membership of a cluster whose other voters are these.
    @discardableResult
    func join(besides others: [ServerID], entries: UInt64 = 3) throws -> ServerMetadata {
        let opened = try folder().open()
        var server = opened.replica.metadata
        let configuration = Configuration(
            servers: ([server.serverID] + others).map {
                .init(id: $0, address: "10.0.0.\($0.low % 200):4647", role: .voter)
            })
        let founding = RaftCore.foundingEntry(configuration)
        let commands = (2..<entries + 1).map {
            Entry(index: LogIndex($0), term: Term(2), kind: .noop, payload: [])
        }
        try opened.stores.log.commit(
            LogBatch(
                hardState: HardState(term: Term(2), vote: server.serverID),
                entries: [founding] + commands))
        server.clusterID = Self.clusterID
        server.otherVoters = others.count
        try opened.stores.metadata.save(server)
        return server
    }

    /// As an earlier version left it: its stores in the data folder itself, and no identity.
    func takeBackLayout() throws {
        let files = host.files
        try files.rename("\(Self.raft)/FORMAT", to: "\(Self.directory)/FORMAT")
        for store in ["log", "snapshots"] {
            try files.makeDirectory("\(Self.directory)/\(store)")
            try write(store, to: "\(Self.directory)/\(store)/data.mdb")
        }
        for name in try files.list(Self.raft) { try files.remove("\(Self.raft)/\(name)") }
        try files.remove(Self.raft)
        try files.remove(Self.identity)
        try files.remove("\(Self.directory)/server")
    }

    func write(_ text: String, to path: String) throws {
        try host.files.replace(path, with: Array(text.utf8))
    }

    var aside: [String] {
        get throws { try host.files.list("/data/server").filter { $0.hasPrefix("raft.damaged") } }
    }
}

/// Ends the process, as it were, at one of the changes.
// SAFETY: guarded by being used on one test's thread alone.
final class CrashingFiles: Files, @unchecked Sendable {
    private let files: any Files
    private var changesLeft: Int
    private(set) var hasCrashed = false

    init(_ files: any Files, after changes: Int) {
        self.files = files
        changesLeft = changes
    }

    private func change(_ body: () throws(FileError) -> Void) throws(FileError) {
        guard changesLeft > 0 else {
            hasCrashed = true
            throw .failed(path: "", reason: "the process ended")
        }
        changesLeft -= 1
        try body()
    }

    func read(_ path: String, limitBytes: Int) throws(FileError) -> [UInt8] {
        try files.read(path, limitBytes: limitBytes)
    }
    func read(_ path: String, from offset: Int, limitBytes: Int) throws(FileError) -> [UInt8] {
        try files.read(path, from: offset, limitBytes: limitBytes)
    }
    func list(_ path: String) throws(FileError) -> [String] { try files.list(path) }
    func isDirectory(_ path: String) -> Bool { files.isDirectory(path) }
    func exists(_ path: String) -> Bool { files.exists(path) }
    func isReadableByOthers(_ path: String) -> Bool { files.isReadableByOthers(path) }
    func lock(_ directory: String) throws(FileError) -> any FileLock { try files.lock(directory) }

    func readEnd(_ path: String, limitBytes: Int) throws(FileError) -> FileEnd {
        try files.readEnd(path, limitBytes: limitBytes)
    }
    func appendDurably(_ bytes: [UInt8], to path: String) throws(FileError) {
        try change { () throws(FileError) in try files.appendDurably(bytes, to: path) }
    }
    func append(_ bytes: [UInt8], to path: String) throws(FileError) {
        try change { () throws(FileError) in try files.append(bytes, to: path) }
    }
    func makeDirectory(_ path: String) throws(FileError) {
        try change { () throws(FileError) in try files.makeDirectory(path) }
    }
    func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        try change { () throws(FileError) in try files.replace(path, with: bytes) }
    }
    func rename(_ path: String, to newPath: String) throws(FileError) {
        try change { () throws(FileError) in try files.rename(path, to: newPath) }
    }
    func remove(_ path: String) throws(FileError) {
        try change { () throws(FileError) in try files.remove(path) }
    }
}
