// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Nodes where something can be evicted for a group, the cheapest eviction first.
///
/// Nodes with the same capacity, the same allocations and the same lane cost the same: the search for
/// victims is made once for each such bucket. A bucket's cost is looked at again when it comes to the
/// top, since groups reach their limits and spreads change as a sweep goes on.
final class VictimQueue {
    private struct BucketKey: Hashable {
        let profile: UInt64
        let capacity: Capacity
        let lane: Int32
    }

    private struct Bucket {
        let key: BucketKey
        /// In the order of ties, the first last; sorted when it is first used.
        var members: [Int32]
        var isSorted = false
    }

    private struct Entry {
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
    private var buckets: [Bucket] = []
    private var numbers: [BucketKey: Int] = [:]
    private var heap: [Entry] = []

    init(_ sweep: GroupSweep) {
        self.sweep = sweep
        view = sweep.view
        fill()
    }

    private func fill() {
        var last: (key: BucketKey, bucket: Int)?
        for lane in sweep.set.lanes.indices {
            let shape = sweep.set.lanes[lane]
            for range in shape.ranges + shape.deviceRanges {
                for position in range {
                    let slot = view.layout.slots[Int(position)]
                    guard view.isReady[Int(slot)], view.firstOnNode[Int(slot)] >= 0 else {
                        continue
                    }
                    let key = key(slot, lane: Int32(lane))
                    if let last, last.key == key {
                        buckets[last.bucket].members.append(slot)
                    } else {
                        last = (key, add(slot, to: key))
                    }
                }
            }
        }
        for index in buckets.indices { push(index) }
    }

    private func key(_ slot: Int32, lane: Int32) -> BucketKey {
        BucketKey(
            profile: view.profiles[Int(slot)], capacity: view.capacities[Int(slot)], lane: lane)
    }

    private func add(_ slot: Int32, to key: BucketKey) -> Int {
        if let known = numbers[key] {
            buckets[known].members.append(slot)
            buckets[known].isSorted = false
            return known
        }
        numbers[key] = buckets.count
        buckets.append(Bucket(key: key, members: [slot]))
        return buckets.count - 1
    }

    /// A node's allocations have changed: it belongs to another bucket.
    func changed(_ slot: Int32) {
        let position = view.layout.positions[Int(slot)]
        let lane = sweep.set.lane(at: position, view.layout)
        guard lane >= 0, view.isReady[Int(slot)] else { return }
        push(add(slot, to: key(slot, lane: lane)))
    }

    /// The node whose eviction costs least. It leaves the queue until ``changed(_:)`` brings it back.
    func next() -> Int32? {
        while let top = heap.first {
            guard let slot = representative(of: top.bucket) else {
                popTop()
                continue
            }
            guard let cost = cost(slot, lane: buckets[top.bucket].key.lane) else {
                popTop()
                continue
            }
            let entry = Entry(cost: cost, tie: tie(slot), bucket: top.bucket)
            popTop()
            if let second = heap.first, second.precedes(entry) {
                push(entry)
                continue
            }
            buckets[top.bucket].members.removeLast()
            push(top.bucket)
            return slot
        }
        return nil
    }

    private func tie(_ slot: Int32) -> UInt32 {
        sweep.tie(view.layout.positions[Int(slot)])
    }

    /// The first member that is still what the bucket says; it stands last.
    private func representative(of bucket: Int) -> Int32? {
        if !buckets[bucket].isSorted {
            buckets[bucket].members.sort { tie($0) > tie($1) }
            buckets[bucket].isSorted = true
        }
        while let slot = buckets[bucket].members.last {
            if key(slot, lane: buckets[bucket].key.lane) == buckets[bucket].key { return slot }
            buckets[bucket].members.removeLast()
        }
        return nil
    }

    private func cost(_ slot: Int32, lane: Int32) -> EvictionKey? {
        sweep.settleLanes()
        guard !sweep.lanes[Int(lane)].isClosed, !sweep.isDistinctTaken(slot) else { return nil }
        let search = VictimSearch(sweep.compiled, sweep.placer, seed: sweep.portSeed(slot))
        guard let found = search.find(on: slot) else { return nil }
        var cost = found.key
        cost.score = score(slot, lane: lane, without: found.records)
        return cost
    }

    /// The ordinary score of the node once the victims are gone.
    private func score(_ slot: Int32, lane: Int32, without records: [Int32]) -> Double {
        var freed = Capacity()
        for record in records { freed += view.records[Int(record)].size }
        let bound = view.bound(slot, sweep.algorithm, freed: freed)
        var ask = sweep.scaled
        var sum = FitScore.score(ask.fit(of: bound), sweep.algorithm)
        var terms = 1
        sweep.addAntiAffinity(slot, &sum, &terms)
        let state = sweep.lanes[Int(lane)]
        return (sum + state.sum) / Double(terms + state.terms)
    }

    private func push(_ bucket: Int) {
        guard let slot = representative(of: bucket),
            let cost = cost(slot, lane: buckets[bucket].key.lane)
        else { return }
        push(Entry(cost: cost, tie: tie(slot), bucket: bucket))
    }

    // MARK: Heap

    private func push(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private func popTop() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
