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
        /// By position where they were found there, then in the order in which they came.
        var members: [Int32]
        /// The next member to look at. Buckets begin at a seeded place and go round.
        var cursor = 0
        /// Members that were not yet looked at.
        var left = 0

        var current: Int32? { left > 0 ? members[cursor] : nil }

        mutating func advance() {
            left -= 1
            cursor = cursor + 1 == members.count ? 0 : cursor + 1
        }

        /// Takes a member in, to be looked at before the others.
        mutating func insert(_ slot: Int32) {
            if left == members.count {
                members.insert(slot, at: cursor)
            } else {
                // The place before the cursor was looked at already.
                cursor = cursor == 0 ? members.count - 1 : cursor - 1
                members[cursor] = slot
            }
            left += 1
        }
    }

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
    private var buckets: [Bucket] = []
    private var numbers: [BucketKey: Int] = [:]
    private var heap = BinaryHeap<Entry>()
    /// Where the last nodes went while the queue was filled.
    private var lastFilled: Int?

    init(_ sweep: GroupSweep) {
        self.sweep = sweep
        view = sweep.view
        fill()
    }

    private func fill() {
        for lane in sweep.set.lanes.indices {
            let shape = sweep.set.lanes[lane]
            for range in shape.ranges + shape.deviceRanges { fill(range, lane: Int32(lane)) }
        }
        for index in buckets.indices {
            let count = buckets[index].members.count
            buckets[index].left = count
            buckets[index].cursor = Int(sweep.tieMask) % count
            push(index)
        }
    }

    /// Neighbours are mostly of one cell and alike: they are added without a look at the table.
    private func fill(_ range: Range<Int32>, lane: Int32) {
        let (slots, cells) = (view.layout.slots, view.layout.cellAt)
        let (profiles, isReady) = (view.profiles, view.isReady)
        var run: [Int32] = []
        var last: (profile: UInt64, cell: Int32) = (0, -1)
        for position in range {
            let slot = slots[Int(position)]
            let profile = profiles[Int(slot)]
            // No allocations, no victims.
            guard profile != 0, isReady[Int(slot)] else { continue }
            let cell = cells[Int(position)]
            if last.profile != profile || last.cell != cell {
                add(&run, lane: lane)
                last = (profile, cell)
            }
            run.append(slot)
        }
        add(&run, lane: lane)
    }

    private func add(_ run: inout [Int32], lane: Int32) {
        guard let first = run.first else { return }
        let key = key(first, lane: lane)
        if lastFilled.map({ buckets[$0].key != key }) ?? true { lastFilled = bucket(for: key) }
        if let lastFilled { buckets[lastFilled].members += run }
        run.removeAll(keepingCapacity: true)
    }

    private func key(_ slot: Int32, lane: Int32) -> BucketKey {
        BucketKey(
            profile: view.profiles[Int(slot)], capacity: view.capacities[Int(slot)], lane: lane)
    }

    private func bucket(for key: BucketKey) -> Int {
        if let known = numbers[key] { return known }
        numbers[key] = buckets.count
        buckets.append(Bucket(key: key, members: []))
        return buckets.count - 1
    }

    /// A node's allocations have changed: it belongs to another bucket.
    func changed(_ slot: Int32) {
        let position = view.layout.positions[Int(slot)]
        let lane = sweep.set.lane(at: position, view.layout)
        guard lane >= 0, view.isReady[Int(slot)] else { return }
        let index = bucket(for: key(slot, lane: lane))
        buckets[index].insert(slot)
        push(index)
    }

    /// The node whose eviction costs least. It leaves the queue until ``changed(_:)`` brings it back.
    func next() -> Int32? {
        while let top = heap.first {
            guard let slot = representative(of: top.bucket) else {
                heap.pop()
                continue
            }
            guard let cost = cost(slot, lane: buckets[top.bucket].key.lane) else {
                heap.pop()
                continue
            }
            let entry = Entry(cost: cost, tie: tie(slot), bucket: top.bucket)
            heap.pop()
            if let second = heap.first, second.precedes(entry) {
                heap.push(entry)
                continue
            }
            buckets[top.bucket].advance()
            push(top.bucket)
            return slot
        }
        return nil
    }

    private func tie(_ slot: Int32) -> UInt32 {
        sweep.tie(view.layout.positions[Int(slot)])
    }

    /// The next member that is still what the bucket says.
    private func representative(of bucket: Int) -> Int32? {
        while let slot = buckets[bucket].current {
            if key(slot, lane: buckets[bucket].key.lane) == buckets[bucket].key { return slot }
            buckets[bucket].advance()
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
        var sum = FitScore.score(ask.plainFit(of: bound), sweep.algorithm)
        var terms = 1
        sweep.addAntiAffinity(slot, &sum, &terms)
        let state = sweep.lanes[Int(lane)]
        return (sum + state.sum) / Double(terms + state.terms)
    }

    private func push(_ bucket: Int) {
        guard let slot = representative(of: bucket),
            let cost = cost(slot, lane: buckets[bucket].key.lane)
        else { return }
        heap.push(Entry(cost: cost, tie: tie(slot), bucket: bucket))
    }
}
