// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletContracts
import MartletRaft
import MartletStorage
import Testing

@testable import MartletLMDB

@Suite("Stores in LMDB", .serialized) struct LMDBStoreTests {
    @Test("A log keeps what was committed")
    func log() throws { try StoreContract.logKeepsWhatWasCommitted(LMDBFactory()) }

    @Test("A log behaves like an array", arguments: 1...3 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        try StoreContract.logMatchesModel(LMDBFactory(), seed: seed)
    }

    @Test("A log is compacted in steps, with an opening in between")
    func compaction() throws { try StoreContract.logCompactsInSteps(LMDBFactory()) }

    @Test("After a failed write the store refuses everything until it is opened again")
    func broken() throws { try StoreContract.brokenIsFinal(LMDBFactory()) }

    @Test(
        "A crash in the middle of a write leaves all of it or nothing",
        arguments: 1...3 as ClosedRange<UInt64>)
    func crashes(seed: UInt64) throws {
        try StoreContract.logSurvivesCrashes(LMDBFactory(), seed: seed)
    }

    @Test(
        "A record of an earlier version is read, with a founding and without",
        arguments: [false, true])
    func earlierRecord(hasFounding: Bool) throws {
        let (server, cluster) = (ServerID(high: 0x0101, low: 2), ServerID(high: 3, low: 4))
        var expected = ServerMetadata(serverID: server)
        expected.clusterID = cluster
        expected.recoveryEpoch = 7
        var writer = ByteWriter()
        writer.write(server)
        writer.write(Optional(cluster))
        writer.write(UInt64(7))
        writer.write(hasFounding)
        if hasFounding {
            let configuration = Configuration(
                servers: [.init(id: server, address: "10.0.0.1:4647", role: .voter)])
            expected.founding = .init(
                proposer: server, clusterID: cluster, configuration: configuration)
            writer.write(server)
            writer.write(cluster)
            writer.write(bytes: configuration.encoded())
        }
        #expect(try LMDBMetadataStore.metadata(ByteReader(writer.bytes)) == expected)
    }

    @Test("A log holds a million entries")
    func million() throws { try StoreContract.logHoldsAMillion(LMDBFactory(isLarge: true)) }

    @Test("A server's record is kept")
    func metadata() throws { try StoreContract.metadataIsKept(LMDBFactory()) }

    @Test("Snapshots are complete or absent")
    func snapshots() throws {
        try StoreContract.snapshotsAreCompleteOrAbsent(
            LMDBFactory(), content: StoreSnapshotContent.bytes,
            checksum: StoreSnapshotContent.checksum)
    }

    @Test("A full map refuses, and serves again once there is space; a small one grows first")
    func full() throws {
        let factory = try LMDBFactory()
        factory.options.mapBytes = 64 << 10
        factory.options.mapBytesMax = 2 << 20
        try StoreContract.fullIsARefusal(factory)
    }

    @Test("A second opening is refused")
    func locked() throws {
        let factory = try LMDBFactory()
        _ = try factory.open()
        #expect(throws: StoreError.locked("\(factory.directory)/log")) {
            _ = try LMDBStorage.open(directory: factory.directory)
        }
    }
}
