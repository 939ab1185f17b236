// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import MartletMemory
import MartletRaft
import MartletStorage
import Testing

final class MemoryFactory: StoreFactory {
    private var disk: MemoryDisk

    init(capacityBytes: Int? = nil) { disk = MemoryDisk(capacityBytes: capacityBytes) }

    func open() -> OpenStores {
        OpenStores(
            log: MemoryLogStore(disk: disk), metadata: MemoryMetadataStore(disk: disk),
            snapshots: MemorySnapshotStore(disk: disk))
    }

    func reopen() -> OpenStores { open() }
}

extension MemoryFactory: FaultyStoreFactory {
    func setWritesFailing(_ areFailing: Bool) { disk.setWritesFailing(areFailing) }

    /// Memory is not torn: the write of an odd seed is lost, any other is there.
    func crash(seed: UInt64, during body: () throws -> Void) throws -> OpenStores {
        let before = disk.copy()
        try body()
        if seed % 2 == 1 { disk = before }
        return open()
    }
}

@Suite("Stores in memory") struct MemoryStoreTests {
    @Test("A log keeps what was committed")
    func log() throws { try StoreContract.logKeepsWhatWasCommitted(MemoryFactory()) }

    @Test("A log behaves like an array", arguments: 1...5 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        try StoreContract.logMatchesModel(MemoryFactory(), seed: seed)
    }

    @Test("A log is compacted in steps, with an opening in between")
    func compaction() throws { try StoreContract.logCompactsInSteps(MemoryFactory()) }

    @Test("After a failed write the store refuses everything until it is opened again")
    func broken() throws { try StoreContract.brokenIsFinal(MemoryFactory()) }

    @Test(
        "A crash in the middle of a write leaves all of it or nothing",
        arguments: 1...3 as ClosedRange<UInt64>)
    func crashes(seed: UInt64) throws {
        try StoreContract.logSurvivesCrashes(MemoryFactory(), seed: seed)
    }

    @Test("A log holds a million entries")
    func million() throws { try StoreContract.logHoldsAMillion(MemoryFactory()) }

    @Test("A server's record is kept")
    func metadata() throws { try StoreContract.metadataIsKept(MemoryFactory()) }

    @Test("Snapshots are complete or absent")
    func snapshots() throws {
        try StoreContract.snapshotsAreCompleteOrAbsent(
            MemoryFactory(), content: StoreSnapshotContent.bytes,
            checksum: StoreSnapshotContent.checksum)
    }

    @Test("A full disk refuses, and serves again once there is space")
    func full() throws {
        try StoreContract.fullIsARefusal(MemoryFactory(capacityBytes: 1 << 20))
    }
}
