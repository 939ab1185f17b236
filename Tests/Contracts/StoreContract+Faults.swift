// SPDX-License-Identifier: Apache-2.0
import MartletRaft
public import MartletStorage
import Testing

/// A disk whose writes a test can make fail or lose.
public protocol FaultyStoreFactory: StoreFactory {
    /// From here on writes of the stores that are open fail for good, or no more.
    func setWritesFailing(_ areFailing: Bool) throws

    /// Runs `body`, which writes to the log that is open, and opens what a crash in the middle of it
    /// might leave: some of what it wrote, torn and in any order, short of its end. `seed` chooses.
    func crash(seed: UInt64, during body: () throws -> Void) throws -> OpenStores
}

extension StoreContract {
    /// Every call of a broken or closed log throws `StoreError.broken(_:)`.
    public static func expectRefusals(_ log: any LogStore) {
        let calls: [(String, () throws(StoreError) -> Void)] = [
            ("hardState", { () throws(StoreError) in _ = try log.hardState() }),
            ("commitHint", { () throws(StoreError) in _ = try log.commitHint() }),
            ("commit", { () throws(StoreError) in try log.commit(LogBatch()) }),
            (
                "compact",
                { () throws(StoreError) in try log.compact(through: .zero, term: .zero) }
            ),
            (
                "read",
                { () throws(StoreError) in
                    _ = try log.read(from: log.bounds.lastIndex.next, countMax: 1, bytesMax: 1)
                }
            ),
        ]
        for (name, call) in calls {
            do throws(StoreError) {
                try call()
                Issue.record("\(name) succeeded")
            } catch {
                guard case .broken = error else {
                    Issue.record("\(name): \(error) instead of broken")
                    continue
                }
            }
        }
    }

    /// A failed write is final for the store, though the disk heals; what was acknowledged is there
    /// when it is opened again.
    public static func brokenIsFinal(_ factory: some FaultyStoreFactory) throws {
        let log = try factory.open().log
        let state = HardState(term: Term(2), vote: ServerID(high: 1, low: 2))
        try log.commit(LogBatch(hardState: state, entries: entries(1...5)))
        try factory.setWritesFailing(true)
        let refusal = #expect(throws: StoreError.self) {
            try log.commit(LogBatch(entries: entries(6...9, bytes: 5000)))
        }
        guard case .broken = refusal else {
            Issue.record("\(String(describing: refusal)) instead of broken")
            return
        }
        expectRefusals(log)
        try factory.setWritesFailing(false)
        expectRefusals(log)
        let again = try factory.reopen().log
        #expect(try again.hardState() == state)
        #expect(try read(again) == entries(1...5))
        try again.commit(LogBatch(entries: entries(6...9)))
    }

    /// Random writes, a crash in the middle of each third: all of a batch is there or nothing of it,
    /// and everything that came before.
    public static func logSurvivesCrashes(
        _ factory: some FaultyStoreFactory, seed: UInt64
    ) throws {
        var log = try factory.open().log
        var generator = seed
        func random(_ bound: UInt64) -> UInt64 {
            generator = generator &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (generator >> 33) % bound
        }
        var model: [Entry] = []
        var state = HardState.initial
        for step in 1...120 as ClosedRange<UInt64> {
            let kept = UInt64(model.count) - random(UInt64(min(model.count, 5)) + 1)
            let new = entries(
                kept + 1...kept + 1 + random(8), term: step, bytes: Int(random(6000)))
            let batch = LogBatch(
                hardState: HardState(term: Term(step), vote: nil),
                truncateAfter: LogIndex(kept), entries: new)
            let next = Array(model.prefix(Int(kept))) + new
            guard random(3) == 0 else {
                try log.commit(batch)
                (model, state) = (next, HardState(term: Term(step), vote: nil))
                continue
            }
            log = try factory.crash(seed: generator) { try log.commit(batch) }.log
            let found = try read(log)
            if try log.hardState() == state {
                #expect(found == model, "step \(step)")
            } else {
                (model, state) = (next, HardState(term: Term(step), vote: nil))
                #expect(try log.hardState() == state)
                #expect(found == next, "step \(step)")
            }
        }
        #expect(try read(log) == model)
    }
}
