// SPDX-License-Identifier: Apache-2.0

/// What makes evictions on two nodes cost the same.
struct VictimKey: Hashable {
    let profile: UInt64
    let capacity: Capacity
    let lane: Int32
}

/// The nodes of one key, to be looked at one after the other.
struct VictimBucket {
    /// Members as they are in the index, piece by piece.
    private struct Piece {
        let positions: SortedPositions
        let low: Int
        var high: Int
        /// How many members there are up to the end of this piece.
        var end: Int
    }

    let key: VictimKey
    /// No victim of a member is less important.
    let lowestPriority: Int32
    /// They are laid end to end in `members` when one is added, which few buckets see.
    private var pieces: [Piece] = []
    private var members: [Int32] = []
    private(set) var count = 0
    /// The next member to look at. Buckets begin at a seeded place and go round.
    private var cursor = 0
    /// Members that were not yet looked at.
    private var left = 0

    init(_ key: VictimKey, lowestPriority: Int32) {
        self.key = key
        self.lowestPriority = lowestPriority
    }

    /// Takes in those in `range` of the positions, the same for all pieces.
    mutating func append(_ positions: SortedPositions, _ range: Range<Int>) {
        count += range.count
        if let last = pieces.indices.last, pieces[last].high == range.lowerBound {
            pieces[last].high = range.upperBound
            pieces[last].end = count
        } else {
            pieces.append(
                Piece(
                    positions: positions, low: range.lowerBound, high: range.upperBound, end: count)
            )
        }
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
        return pieces[low].positions[cursor - pieces[low].end + pieces[low].high]
    }

    mutating func advance() {
        left -= 1
        cursor = cursor + 1 == count ? 0 : cursor + 1
    }

    /// Takes a member in, to be looked at before the others.
    mutating func insert(_ position: Int32) {
        if !pieces.isEmpty {
            members = pieces.flatMap { piece in (piece.low..<piece.high).map { piece.positions[$0] }
            }
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
    mutating func number(for key: VictimKey, lowestPriority: @autoclosure () -> Int32) -> Int {
        let place = Int(key.profile & 15)
        if recent[place] >= 0, all[recent[place]].key == key { return recent[place] }
        let number = numbers[key] ?? all.count
        if number == all.count {
            numbers[key] = number
            all.append(VictimBucket(key, lowestPriority: lowestPriority()))
        }
        recent[place] = number
        return number
    }

    /// Takes in the nodes of a group that are in lanes. Of one lane those with devices come last.
    mutating func fill(_ group: ProfileIndex.Group, _ set: FeasibleSet, _ layout: NodeLayout) {
        let positions = group.positions
        guard let first = positions.first, let last = positions.last else { return }
        let lane = set.lane(at: first, layout)
        if lane >= 0, set.lanes[Int(lane)].holds(first...last) {
            append(group, 0..<positions.count, lane: lane)
        } else if append(group, set, layout, withDevices: false) {
            append(group, set, layout, withDevices: true)
        }
    }

    /// Takes in the nodes that have devices, or those that have none, cell by cell.
    ///
    /// - Returns: whether there are others.
    @discardableResult
    private mutating func append(
        _ group: ProfileIndex.Group, _ set: FeasibleSet, _ layout: NodeLayout, withDevices: Bool
    ) -> Bool {
        var hasOthers = false
        var index = 0
        while index < group.positions.count {
            let position = group.positions[index]
            let cell = layout.cells[Int(layout.cellAt[Int(position)])]
            let end = set.isPerNode ? index + 1 : group.positions.rank(of: cell.high)
            let lane = set.lane(at: position, layout)
            if cell.hasDevices != withDevices {
                hasOthers = true
            } else if lane >= 0 {
                append(group, index..<end, lane: lane)
            }
            index = end
        }
        return hasOthers
    }

    private mutating func append(_ group: ProfileIndex.Group, _ range: Range<Int>, lane: Int32) {
        let key = VictimKey(profile: group.profile, capacity: group.capacity, lane: lane)
        let number = number(for: key, lowestPriority: group.lowestPriority)
        all[number].append(group.positions, range)
    }
}
