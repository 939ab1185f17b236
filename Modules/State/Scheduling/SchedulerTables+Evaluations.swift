// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension SchedulerTables {
    /// Whether there is room for so many more.
    func checkRoom(evaluations: [Evaluation]) throws(SchedulerRefusal) {
        let new = evaluations.count { evaluationTable[$0.id] == nil }
        guard evaluationTable.count + new <= Self.evaluationsMax else {
            throw .full("evaluations", max: Self.evaluationsMax)
        }
    }

    /// Makes or replaces it. One that could place all of its job's instances makes those superfluous
    /// that wait for room for them.
    mutating func upsert(_ given: Evaluation, at index: UInt64) {
        let old = evaluationTable[given.id]?.value
        var evaluation = given
        evaluation.createIndex = old?.createIndex ?? index
        evaluation.createUnixNanoseconds =
            old?.createUnixNanoseconds ?? given.createUnixNanoseconds
        if let old, old.job != given.job { evaluation.job = old.job }  // It never changes.
        store(evaluation, replacing: old, at: index)
        guard evaluation.status == .complete, evaluation.failedGroups.isEmpty else { return }
        for element in blockedOfJob[evaluation.job] ?? IDs() where element.key != evaluation.id {
            guard let blocked = evaluationTable[element.key]?.value else { continue }
            var canceled = blocked
            canceled.status = .canceled
            canceled.statusDescription = "evaluation \"\(evaluation.id)\" successful"
            canceled.modifyUnixNanoseconds = evaluation.modifyUnixNanoseconds
            store(canceled, replacing: blocked, at: index)
        }
    }

    private mutating func store(
        _ evaluation: Evaluation, replacing old: Evaluation?, at index: UInt64
    ) {
        var stored = evaluation
        stored.modifyIndex = index
        evaluationTable.insert(Shared(stored), at: stored.id)
        evaluationIndex = index
        feed.note(.evaluation(stored.id), at: index)
        if old == nil { Self.insert(stored.id, at: stored.job, in: &evaluationsOfJob) }
        if stored.status == .blocked {
            Self.insert(stored.id, at: stored.job, in: &blockedOfJob)
        } else if old?.status == .blocked {
            Self.remove(stored.id, at: stored.job, in: &blockedOfJob)
        }
        let wasLive = old.map { !$0.status.isTerminal } ?? false
        let isLive = !stored.status.isTerminal
        updateRow(stored.job, at: index) { row in
            row.hadWork = true
            row.liveEvaluations += (isLive ? 1 : 0) - (wasLive ? 1 : 0)
            // What one that is canceled has found, another has found anew since.
            guard stored.status != .canceled else { return }
            for group in stored.queuedAllocations {
                guard var counts = row.summary.groups[group.key], counts.queued != group.value
                else { continue }
                counts.queued = group.value
                row.summary.groups[group.key] = counts
                row.summary.modifyIndex = index
            }
        }
    }

    /// Of those that are terminal.
    mutating func delete(evaluations ids: [UniqueID], at index: UInt64) {
        for id in ids {
            guard let evaluation = evaluationTable[id]?.value, evaluation.status.isTerminal else {
                continue
            }
            evaluationTable.remove(id)
            Self.remove(id, at: evaluation.job, in: &evaluationsOfJob)
            evaluationIndex = index
            feed.note(.evaluation(id), at: index)
        }
    }

    // MARK: Lists of ids

    static func insert<Key>(
        _ id: UniqueID, at key: Key, in table: inout OrderedTable<Key, IDs>
    ) {
        if table.update(key, { $0.insert((), at: id) != nil }) != nil { return }
        var ids = IDs()
        ids.insert((), at: id)
        table.insert(ids, at: key)
    }

    static func remove<Key>(
        _ id: UniqueID, at key: Key, in table: inout OrderedTable<Key, IDs>
    ) {
        let isEmpty = table.update(key) { ids in
            ids.remove(id)
            return ids.isEmpty
        }
        if isEmpty == true { table.remove(key) }
    }
}
