// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import MartletMemory
import MartletRaft
import MartletStorage
import Testing

final class MemoryFactory: StoreFactory {
    let disk: MemoryDisk

    init(capacityBytes: Int? = nil) { disk = MemoryDisk(capacityBytes: capacityBytes) }

    func open() -> OpenStores {
        OpenStores(
            log: MemoryLogStore(disk: disk), metadata: MemoryMetadataStore(disk: disk),
            snapshots: MemorySnapshotStore(disk: disk))
    }

    func reopen() -> OpenStores { open() }
}

@Suite("Stores in memory") struct MemoryStoreTests {
    @Test("A log keeps what was committed")
    func log() throws { try StoreContract.logKeepsWhatWasCommitted(MemoryFactory()) }

    @Test("A log behaves like an array", arguments: 1...5 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        try StoreContract.logMatchesModel(MemoryFactory(), seed: seed)
    }

    @Test("A log holds a million entries")
    func million() throws { try StoreContract.logHoldsAMillion(MemoryFactory()) }

    @Test("A server's record is kept")
    func metadata() throws { try StoreContract.metadataIsKept(MemoryFactory()) }

    @Test("Snapshots are complete or absent")
    func snapshots() throws {
        try StoreContract.snapshotsAreCompleteOrAbsent(
            MemoryFactory(), content: Array("123456789".utf8), checksum: 0xE306_9283)
    }

    @Test("A full disk refuses, and serves again once there is space")
    func full() throws {
        try StoreContract.fullIsARefusal(MemoryFactory(capacityBytes: 1 << 20))
    }

    @Test("After a failed write the store refuses everything until it is opened again")
    func broken() throws {
        let factory = MemoryFactory()
        let log = factory.open().log
        factory.disk.setWritesFailing(true)
        #expect(throws: StoreError.self) { try log.commit(LogBatch(hardState: .initial)) }
        factory.disk.setWritesFailing(false)
        #expect(throws: StoreError.self) { try log.hardState() }
        #expect(try factory.reopen().log.hardState() == .initial)
    }
}
