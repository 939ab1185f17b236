// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import MartletLMDB
import MartletRaft
import MartletStorage
import Testing

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
