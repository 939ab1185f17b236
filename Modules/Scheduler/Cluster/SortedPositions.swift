// SPDX-License-Identifier: Apache-2.0

/// Positions in ascending order, in pieces of bounded size: one that comes or goes moves few others.
struct SortedPositions {
    private static let pieceMax = 512
    /// None is empty.
    private var pieces: [[Int32]] = []
    private(set) var count = 0

    var first: Int32? { pieces.first?.first }
    var last: Int32? { pieces.last?.last }

    /// The position that has `index` others below it.
    subscript(index: Int) -> Int32 {
        var rest = index
        var piece = 0
        while rest >= pieces[piece].count {
            rest -= pieces[piece].count
            piece += 1
        }
        return pieces[piece][rest]
    }

    /// How many are below `position`.
    func rank(of position: Int32) -> Int {
        var rank = 0
        for piece in pieces {
            if let last = piece.last, last < position {
                rank += piece.count
                continue
            }
            return rank + Self.place(of: position, in: piece)
        }
        return rank
    }

    /// - Precondition: it is not there.
    mutating func insert(_ position: Int32) {
        count += 1
        let piece = min(self.piece(for: position), pieces.count - 1)
        guard piece >= 0 else {
            pieces.append([position])
            return
        }
        pieces[piece].insert(position, at: Self.place(of: position, in: pieces[piece]))
        guard pieces[piece].count > Self.pieceMax else { return }
        let half = Array(pieces[piece][(Self.pieceMax / 2)...])
        pieces[piece].removeLast(half.count)
        pieces.insert(half, at: piece + 1)
    }

    /// - Precondition: it is there.
    mutating func remove(_ position: Int32) {
        let piece = self.piece(for: position)
        let place = Self.place(of: position, in: pieces[piece])
        precondition(pieces[piece][place] == position, "not there: \(position)")
        count -= 1
        pieces[piece].remove(at: place)
        if pieces[piece].isEmpty { pieces.remove(at: piece) }
    }

    /// The first piece that ends at `position` or behind it.
    private func piece(for position: Int32) -> Int {
        var low = 0
        var high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle][pieces[middle].count - 1] < position {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private static func place(of position: Int32, in piece: [Int32]) -> Int {
        var low = 0
        var high = piece.count
        while low < high {
            let middle = (low + high) / 2
            if piece[middle] < position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
