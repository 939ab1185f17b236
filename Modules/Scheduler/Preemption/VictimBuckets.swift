// SPDX-License-Identifier: Apache-2.0

/// What makes evictions on two nodes cost the same.
struct VictimKey: Hashable {
    let profile: UInt64
    let capacity: Capacity
    let lane: Int32
}

/// The nodes of one key, to be looked at one after the other.
struct VictimBucket {
    let key: VictimKey
    /// Members as they were found, piece by piece, each with the count of all up to its end. They
    /// are laid end to end in `members` when one is added, which few buckets see.
    private var pieces: [(end: Int, positions: [Int32])] = []
    private var members: [Int32] = []
    private(set) var count = 0
    /// The next member to look at. Buckets begin at a seeded place and go round.
    private var cursor = 0
    /// Members that were not yet looked at.
    private var left = 0

    init(_ key: VictimKey) { self.key = key }

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

/// All buckets, found by their keys.
struct VictimBuckets {
    /// By number.
    var all: [VictimBucket] = []
    private var numbers: [VictimKey: Int] = [:]
    /// Buckets that were looked for lately, by their profile's last bits; -1 for none.
    private var recent = Array(repeating: -1, count: 16)

    /// The number of the key's bucket, made if it has none.
    mutating func number(for key: VictimKey) -> Int {
        let place = Int(key.profile & 15)
        if recent[place] >= 0, all[recent[place]].key == key { return recent[place] }
        let number = numbers[key] ?? all.count
        if number == all.count {
            numbers[key] = number
            all.append(VictimBucket(key))
        }
        recent[place] = number
        return number
    }

    /// Takes in what is on the nodes of a lane.
    mutating func fill(
        _ lane: FeasibleSet.Lane, number: Int32, _ shares: [[ProfileIndex.Share]],
        _ layout: NodeLayout
    ) {
        for range in lane.ranges + lane.deviceRanges {
            var cell = Int(layout.cellAt[Int(range.lowerBound)])
            while cell < layout.cells.count, layout.cells[cell].low < range.upperBound {
                fill(range, lane: number, layout.cells[cell], shares[cell])
                cell += 1
            }
        }
    }

    private mutating func fill(
        _ range: Range<Int32>, lane: Int32, _ cell: NodeLayout.Cell, _ shares: [ProfileIndex.Share]
    ) {
        let isWhole = range.lowerBound <= cell.low && cell.high <= range.upperBound
        for share in shares {
            let positions =
                isWhole ? share.positions : share.positions.filter { range.contains($0) }
            if positions.isEmpty { continue }
            let key = VictimKey(profile: share.profile, capacity: cell.capacity, lane: lane)
            all[self.number(for: key)].append(positions)
        }
    }
}
