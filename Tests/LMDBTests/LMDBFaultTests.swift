// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import MartletLMDB
import MartletRaft
import MartletStorage
import Testing

/// Writes and syncs that fail while the store is open.
@Suite("Failing disks under LMDB", .serialized) struct LMDBFaultTests {
    private func refusal(_ log: any LogStore) -> StoreError? {
        do throws(StoreError) {
            try log.commit(LogBatch(entries: StoreContract.entries(4...6, bytes: 5000)))
            return nil
        } catch {
            return error
        }
    }

    private func started(_ factory: LMDBFactory) throws -> any LogStore {
        let log = try factory.open().log
        try log.commit(LogBatch(entries: StoreContract.entries(1...3)))
        return log
    }

    @Test("No space for pages is a refusal, and the same batch fits once there is space")
    func noSpace() throws {
        let factory = try LMDBFactory()
        let log = try started(factory)
        try factory.divert(.pages, to: "/dev/full")
        guard case .full = refusal(log) else {
            Issue.record("not full")
            return
        }
        #expect(try StoreContract.read(log) == StoreContract.entries(1...3))
        factory.healWrites()
        #expect(refusal(log) == nil)
        #expect(try factory.reopen().log.bounds.lastIndex == LogIndex(6))
    }

    /// `/dev/full` refuses with ENOSPC, a page of this process that is not there with EIO, and
    /// `/dev/null` takes everything and cannot be synced.
    @Test(
        "A write that failed otherwise, or in its last step, is final",
        arguments: [
            (LMDBFactory.Target.pages, "/proc/self/mem"), (.pages, "/dev/null"),
            (.metaPages, "/dev/full"), (.metaPages, "/proc/self/mem"),
        ])
    func final(target: LMDBFactory.Target, path: String) throws {
        let factory = try LMDBFactory()
        let log = try started(factory)
        try factory.divert(target, to: path)
        guard case .broken = refusal(log) else {
            Issue.record("not broken")
            return
        }
        factory.healWrites()
        StoreContract.expectRefusals(log)
        let found = try StoreContract.read(factory.reopen().log)
        #expect(found == StoreContract.entries(1...3))
    }

    @Test("A closed store refuses everything")
    func closed() throws {
        let factory = try LMDBFactory()
        let stores = try factory.open()
        factory.close()
        StoreContract.expectRefusals(stores.log)
        #expect(throws: StoreError.broken("the store is closed")) { try stores.metadata.load() }
        #expect(throws: StoreError.broken("the store is closed")) { try stores.snapshots.list() }
    }
}
