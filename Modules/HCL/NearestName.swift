// SPDX-License-Identifier: Apache-2.0

/// The known name that a misspelt one most likely means: the fewest single-letter changes, swaps of
/// neighbours counted once; nil when even the nearest shares too little to be a help.
///
/// - Complexity: the product of both lengths for each name; names over 64 bytes have no neighbour.
package func nearestName(to text: String, among names: [String]) -> String? {
    guard text.utf8.count <= 64 else { return nil }
    let wanted = Array(text.lowercased().utf8)
    var best: (name: String, distance: Int)?
    for name in names where name.utf8.count <= 64 {
        let distance = editDistance(wanted, Array(name.lowercased().utf8))
        if distance < best?.distance ?? .max { best = (name, distance) }
    }
    guard let best, best.distance <= max(2, wanted.count / 3) else { return nil }
    return best.distance < max(wanted.count, best.name.utf8.count) ? best.name : nil
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 0..<left.count {
        var current = [row + 1]
        for column in 0..<right.count {
            let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
            var least = min(replaced, last[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                least = min(least, beforeLast[column - 1] + 1)
            }
            current.append(least)
        }
        beforeLast = last
        last = current
    }
    return last[right.count]
}
