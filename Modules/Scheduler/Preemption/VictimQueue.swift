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
        /// Members as they were found, piece by piece, each with the count of all up to its end. They
        /// are laid end to end in `members` when one is added, which few buckets see.
        private var pieces: [(end: Int, positions: [Int32])] = []
        private var members: [Int32] = []
        private(set) var count = 0
        /// The next member to look at. Buckets begin at a seeded place and go round.
        private var cursor = 0
        /// Members that were not yet looked at.
        private var left = 0

        init(_ key: BucketKey) { self.key = key }

        mutating func append(_ positions: [Int32]) {
            count += positions.count
            pieces.append((count, positions))
        }

        mutating func begin(at place: Int) {
            left = count
            cursor = place
        }

        /// The position of the next member.
        var current: Int32? {
            guard left > 0 else { return nil }
            guard members.isEmpty else { return members[cursor] }
            var low = 0
            var high = pieces.count - 1
            while low < high {
                let middle = (low + high) / 2
                if pieces[middle].end <= cursor { low = middle + 1 } else { high = middle }
            }
            let positions = pieces[low].positions
            return positions[cursor - (pieces[low].end - positions.count)]
        }

        mutating func advance() {
            left -= 1
            cursor = cursor + 1 == count ? 0 : cursor + 1
        }

        /// Takes a member in, to be looked at before the others.
        mutating func insert(_ position: Int32) {
            if !pieces.isEmpty {
                members = pieces.flatMap { $0.positions }
                pieces = []
            }
            if left == count {
                members.insert(position, at: cursor)
                count += 1
            } else {
                // The place before the cursor was looked at already.
                cursor = cursor == 0 ? count - 1 : cursor - 1
                members[cursor] = position
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
    /// Buckets that were looked for lately, by their profile's last bits; -1 for none.
    private var recent = Array(repeating: -1, count: 16)

    init(_ sweep: GroupSweep) {
        self.sweep = sweep
        view = sweep.view
        fill()
    }

    private func fill() {
        let shares = view.profileShares()
        for lane in sweep.set.lanes.indices {
            let shape = sweep.set.lanes[lane]
            for range in shape.ranges + shape.deviceRanges {
                fill(range, shares, lane: Int32(lane))
            }
        }
        for index in buckets.indices {
            buckets[index].begin(at: Int(sweep.tieMask) % buckets[index].count)
            push(index)
        }
    }

    private func fill(_ range: Range<Int32>, _ shares: [[ProfileIndex.Share]], lane: Int32) {
        let layout = view.layout
        var number = Int(layout.cellAt[Int(range.lowerBound)])
        while number < layout.cells.count, layout.cells[number].low < range.upperBound {
            let cell = layout.cells[number]
            let isWhole = range.lowerBound <= cell.low && cell.high <= range.upperBound
            for share in shares[number] {
                let positions =
                    isWhole ? share.positions : share.positions.filter { range.contains($0) }
                if positions.isEmpty { continue }
                let key = BucketKey(profile: share.profile, capacity: cell.capacity, lane: lane)
                buckets[bucket(for: key)].append(positions)
            }
            number += 1
        }
    }

    private func key(_ slot: Int32, lane: Int32) -> BucketKey {
        let row = view.rows[Int(slot)]
        return BucketKey(profile: row.profile, capacity: row.capacity, lane: lane)
    }

    private func bucket(for key: BucketKey) -> Int {
        let place = Int(key.profile & 15)
        if recent[place] >= 0, buckets[recent[place]].key == key { return recent[place] }
        if let known = numbers[key] {
            recent[place] = known
            return known
        }
        numbers[key] = buckets.count
        recent[place] = buckets.count
        buckets.append(Bucket(key))
        return buckets.count - 1
    }

    /// A node's allocations have changed: it belongs to another bucket.
    func changed(_ slot: Int32) {
        let position = view.layout.positions[Int(slot)]
        let lane = sweep.set.lane(at: position, view.layout)
        guard lane >= 0, view.rows[Int(slot)].isReady else { return }
        let index = bucket(for: key(slot, lane: lane))
        buckets[index].insert(position)
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
        while let position = buckets[bucket].current {
            let slot = view.layout.slots[Int(position)]
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
