// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletSimulation
import MartletStorage
import MartletTransport
import Testing

@testable import MartletServer

@Suite("Reading a disk at start") struct ReplicaLoaderTests {
    private let host = SimulatedWorld(seed: 1).makeHost("s1")

    private func load() throws(StoreError) -> LoadedReplica {
        try ReplicaLoader.load(
            log: host.disk.openLogStore(), metadata: host.disk.openMetadataStore(),
            snapshots: host.disk.openSnapshotStore(), crypto: host.crypto)
    }

    private func store(_ entries: [Entry], term: UInt64) throws {
        let log = host.disk.openLogStore()
        try log.commit(
            LogBatch(hardState: HardState(term: Term(term), vote: nil), entries: entries))
    }

    private func entry(_ index: UInt64, term: UInt64, _ kind: Entry.Kind, _ payload: [UInt8] = [])
        -> Entry
    {
        Entry(index: LogIndex(index), term: Term(term), kind: kind, payload: payload)
    }

    @Test("A first start makes an id, and keeps it")
    func identity() throws {
        let first = try load()
        let second = try load()
        #expect(first.metadata.serverID == second.metadata.serverID)
        #expect(!first.hasLog)
    }

    @Test("A founding whose entry reached the log is complete, whatever the record says")
    func founding() throws {
        let id = try load().metadata.serverID
        let configuration = Configuration(servers: [.init(id: id, address: "a", role: .voter)])
        let clusterID = ServerID(high: 7, low: 7)
        try host.disk.openMetadataStore().save(
            ServerMetadata(
                serverID: id,
                founding: .init(
                    proposer: id, clusterID: clusterID, configuration: configuration)))
        #expect(try load().metadata.clusterID == nil)
        try store([RaftCore.foundingEntry(configuration)], term: 1)
        #expect(try load().metadata.clusterID == clusterID)
    }

    @Test("A configuration that this version cannot read is damage")
    func damage() throws {
        try store([entry(1, term: 1, .configuration, [9, 9])], term: 1)
        #expect(throws: StoreError.self) { try load() }
    }

    @Test("Terms that go back are damage")
    func termsBack() throws {
        try store([entry(1, term: 2, .noop), entry(2, term: 1, .noop)], term: 2)
        #expect(throws: StoreError.self) { try load() }
    }

    @Test("A term at the end of its range is damage: it could not be followed by another")
    func termAtEnd() throws {
        try store([], term: .max)
        #expect(throws: StoreError.self) { try load() }
    }
}
