// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension ClusterView {
    package func apply(_ allocation: Allocation) { apply(Shared(allocation)) }

    /// An allocation is there, or has changed. One that has ended, or shall end, takes no room.
    package func apply(_ shared: Shared<Allocation>) {
        let allocation = shared.value
        if let known = recordOf[allocation.id] {
            if !allocation.isTerminal, isSame(known, as: shared) {
                records[Int(known)].allocation = shared
                return
            }
            remove(allocation: allocation.id)
        }
        guard !allocation.isTerminal else { return }
        let record = addRecord(makeRecord(shared))
        recordOf[allocation.id] = record
        link(record)
        if records[Int(record)].node < 0 {
            orphans[allocation.nodeID, default: []].append(record)
        }
    }

    /// An allocation is gone.
    package func remove(allocation id: UniqueID) {
        guard let record = recordOf.removeValue(forKey: id) else { return }
        if records[Int(record)].node < 0, let node = records[Int(record)].allocation?.value.nodeID {
            orphans[node]?.removeAll { $0 == record }
            if orphans[node]?.isEmpty ?? false { orphans[node] = nil }
        }
        if records[Int(record)].isLinked { unlink(record) }
        freeRecord(record)
    }

    /// Whether a change leaves what placement looks at.
    private func isSame(_ record: Int32, as shared: Shared<Allocation>) -> Bool {
        let new = shared.value
        guard let old = records[Int(record)].allocation?.value else { return false }
        return old.nodeID == new.nodeID && isSame(old.job, as: new.job) && old.group == new.group
            && old.resources == new.resources
    }

    /// What comes back out of the log is the same, though not the same object. No two registrations have one
    /// log index.
    private func isSame(_ old: Shared<Job>, as new: Shared<Job>) -> Bool {
        old === new
            || (old.value.jobModifyIndex > 0
                && old.value.jobModifyIndex == new.value.jobModifyIndex
                && old.value.key == new.value.key)
    }

    private func makeRecord(_ shared: Shared<Allocation>) -> AllocationRecord {
        let allocation = shared.value
        let job = allocation.job.value
        let number = jobs.hold(job.key)
        let group = job.lookup(group: allocation.group)
        return AllocationRecord(
            allocation: shared, id: allocation.id, resources: allocation.resources,
            size: Capacity(allocation.resources.value.combined),
            node: slotOf[allocation.nodeID] ?? -1, job: number,
            group: jobs.group(allocation.group, of: number),
            priority: Amount.priority(job.priority),
            maxParallel: Int32(clamping: group?.migrate?.maxParallel ?? 0),
            hasExtras: AllocationRecord.hasExtras(allocation.resources.value))
    }

    /// Stores a record, which is not yet linked.
    func addRecord(_ record: AllocationRecord) -> Int32 {
        if let free = unusedRecords.popLast() {
            records[Int(free)] = record
            return free
        }
        records.append(record)
        return Int32(records.count - 1)
    }

    /// Gives a record's number, and its hold on its job, back.
    func freeRecord(_ record: Int32) {
        jobs.release(records[Int(record)].job)
        records[Int(record)].allocation = nil
        unusedRecords.append(record)
    }

    func adopt(orphansOf id: UniqueID, slot: Int32) {
        guard let waiting = orphans.removeValue(forKey: id) else { return }
        for record in waiting {
            records[Int(record)].node = slot
            linkToNode(record)
        }
    }
}

// MARK: Links

extension ClusterView {
    /// Makes a record count: for its node and for its job.
    func link(_ record: Int32) {
        let index = Int(record)
        precondition(!records[index].isLinked, "linked twice: \(record)")
        records[index].isLinked = true
        let job = records[index].job
        let first = jobs.first(of: job)
        records[index].nextOfJob = first
        records[index].previousOfJob = AllocationRecord.none
        if first >= 0 { records[Int(first)].previousOfJob = record }
        jobs.setFirst(record, of: job)
        if records[index].node >= 0 { linkToNode(record) }
    }

    /// Takes a record out of the account; it can be linked again.
    func unlink(_ record: Int32) {
        let index = Int(record)
        precondition(records[index].isLinked, "unlinked twice: \(record)")
        records[index].isLinked = false
        let (previous, next) = (records[index].previousOfJob, records[index].nextOfJob)
        if previous >= 0 {
            records[Int(previous)].nextOfJob = next
        } else {
            jobs.setFirst(next, of: records[index].job)
        }
        if next >= 0 { records[Int(next)].previousOfJob = previous }
        if records[index].node >= 0 { unlinkFromNode(record) }
    }

    private func linkToNode(_ record: Int32) {
        let share = records[Int(record)].share
        let first = rows[Int(share.node)].add(record, share)
        records[Int(record)].nextOnNode = first
        records[Int(record)].previousOnNode = AllocationRecord.none
        if first >= 0 { records[Int(first)].previousOnNode = record }
        usedSum += share.size
        if share.hasExtras {
            applyExtras(record, isTaking: true)
            deviceHoldings.count(records[Int(record)].resources.value, 1)
        }
        markDirty(share.node)
    }

    func unlinkFromNode(_ record: Int32) {
        let share = records[Int(record)].share
        let (previous, next) = records[Int(record)].neighboursOnNode
        rows[Int(share.node)].remove(record, share, next: next)
        if previous >= 0 { records[Int(previous)].nextOnNode = next }
        if next >= 0 { records[Int(next)].previousOnNode = previous }
        usedSum -= share.size
        if share.hasExtras {
            applyExtras(record, isTaking: false)
            deviceHoldings.count(records[Int(record)].resources.value, -1)
        }
        markDirty(share.node)
    }

    func applyExtras(_ record: Int32, isTaking: Bool) {
        let slot = Int(records[Int(record)].node)
        let resources = records[Int(record)].resources.value
        ports[slot].apply(resources, isTaking: isTaking)
        // A node without devices is not read: a copy takes hold of all that it has.
        if rows[slot].hasDevices, let node = nodes[slot] {
            devices[slot]?.apply(resources, on: node.value, isTaking: isTaking)
        }
        if rows[slot].hasCores { cores[slot]?.apply(resources, isTaking: isTaking) }
    }

    func forEachRecord(on slot: Int32, _ body: (Int32) -> Void) {
        var record = rows[Int(slot)].firstRecord
        while record >= 0 {
            body(record)
            record = records[Int(record)].nextOnNode
        }
    }

    func forEachRecord(ofJob job: Int32, _ body: (Int32) -> Void) {
        var record = jobs.first(of: job)
        while record >= 0 {
            body(record)
            record = records[Int(record)].nextOfJob
        }
    }
}
