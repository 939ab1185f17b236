// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Nodes where something can be evicted for a group, the cheapest eviction first.
///
/// Nodes with the same capacity, the same allocations and the same lane cost the same: the search for
/// victims is made for one node of each such bucket, and only if no bucket is cheaper than this one can be. A
/// bucket's cost is looked at again when it comes to the top, since groups reach their limits and spreads
/// change as a sweep goes on.
final class VictimQueue {
    private struct Entry: HeapEntry {
        let cost: EvictionKey
        let tie: UInt32
        let bucket: Int

        func precedes(_ other: Entry) -> Bool {
            if cost < other.cost { return true }
            return cost == other.cost && tie < other.tie
        }
    }

    private let sweep: GroupSweep
    private let view: ClusterView
    private var buckets = VictimBuckets()
    private var heap = BinaryHeap<Entry>()

    init(_ sweep: GroupSweep) {
        self.sweep = sweep
        view = sweep.view
        fill()
    }

    private func fill() {
        let highest = VictimSearch.highestPriority(of: sweep.placer)
        var filled = VictimBuckets()
        for group in view.profileGroups() where group.lowestPriority <= highest {
            filled.fill(group, sweep.set, view.layout)
        }
        for index in filled.all.indices {
            filled.all[index].begin(at: Int(sweep.tieMask) % filled.all[index].count)
        }
        buckets = filled
        for index in buckets.all.indices { push(index) }
    }

    private func key(_ slot: Int32, lane: Int32) -> VictimKey {
        let row = view.rows[Int(slot)]
        return VictimKey(profile: row.profile, capacity: row.capacity, lane: lane)
    }

    /// A node's allocations have changed: it belongs to another bucket.
    func changed(_ slot: Int32) {
        let position = view.layout.positions[Int(slot)]
        let lane = sweep.set.lane(at: position, view.layout)
        guard lane >= 0, view.rows[Int(slot)].isReady else { return }
        let index = buckets.number(
            for: key(slot, lane: lane), lowestPriority: view.lowestPriority(on: slot))
        buckets.all[index].insert(position)
        push(index)
    }

    /// The node whose eviction costs least, with the victims. It leaves the queue until ``changed(_:)``
    /// brings it back.
    func next() -> (slot: Int32, victims: VictimSearch.Found)? {
        while let top = heap.first {
            guard let slot = representative(of: top.bucket) else {
                heap.pop()
                continue
            }
            heap.pop()
            guard let victims = victims(slot, lane: buckets.all[top.bucket].key.lane) else {
                continue
            }
            let entry = Entry(cost: victims.key, tie: tie(slot), bucket: top.bucket)
            if let second = heap.first, second.precedes(entry) {
                heap.push(entry)
                continue
            }
            buckets.all[top.bucket].advance()
            push(top.bucket)
            return (slot, victims)
        }
        return nil
    }

    private func tie(_ slot: Int32) -> UInt32 {
        sweep.tie(view.layout.positions[Int(slot)])
    }

    /// The next member that is still what the bucket says.
    private func representative(of bucket: Int) -> Int32? {
        while let position = buckets.all[bucket].current {
            let slot = view.layout.slots[Int(position)]
            let known = buckets.all[bucket].key
            if key(slot, lane: known.lane) == known { return slot }
            buckets.all[bucket].advance()
        }
        return nil
    }

    private func victims(_ slot: Int32, lane: Int32) -> VictimSearch.Found? {
        sweep.settleLanes()
        guard !sweep.lanes[Int(lane)].isClosed, !sweep.isDistinctTaken(slot) else { return nil }
        let search = VictimSearch(sweep.compiled, sweep.placer, seed: sweep.portSeed(slot))
        guard var found = search.find(on: slot) else { return nil }
        found.key.score = score(slot, lane: lane, without: found.records)
        return found
    }

    /// The ordinary score of the node once the victims are gone.
    private func score(_ slot: Int32, lane: Int32, without records: [Int32]) -> Double {
        var freed = Capacity()
        for record in records { freed += view.records[Int(record)].size }
        let bound = view.bound(slot, sweep.algorithm, freed: freed)
        var ask = sweep.scaled
        var sum = FitScore.score(ask.plainFit(of: bound), sweep.algorithm)
        var terms = 1
        sweep.addAntiAffinity(slot, &sum, &terms)
        let state = sweep.lanes[Int(lane)]
        return (sum + state.sum) / Double(terms + state.terms)
    }

    /// What the eviction costs is asked when the bucket comes to the top: until then it is in the heap with
    /// what it costs at least.
    private func push(_ bucket: Int) {
        let least = EvictionKey(least: buckets.all[bucket].lowestPriority)
        heap.push(Entry(cost: least, tie: 0, bucket: bucket))
    }
}
