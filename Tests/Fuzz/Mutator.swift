// SPDX-License-Identifier: Apache-2.0

/// Changes inputs. Most changes are small and few; some know that numbers are lengths, that lines and
/// words repeat, and that two inputs can be spliced.
package struct Mutator {
    private let target: FuzzTarget
    package var random: FuzzRandom

    private static let interesting: [UInt64] = [
        0, 1, 2, 7, 15, 16, 31, 63, 64, 127, 128, 255, 256, 512, 1023, 1024, 4095, 4096, 32_767,
        32_768, 65_535, 65_536, 1 << 20, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
        1 << 62, (1 << 63) - 1, 1 << 63, .max - 1, .max,
    ]

    package init(_ target: FuzzTarget, seed: UInt64) {
        self.target = target
        random = FuzzRandom(seed: seed)
    }

    /// A changed `input`; `other` gives pieces.
    package mutating func mutated(_ input: [UInt8], with other: [UInt8]) -> [UInt8] {
        var bytes = input
        // Half of all inputs have one change, a quarter two, and so on.
        repeat { change(&bytes, with: other) } while random.next() & 1 == 0
        if bytes.count > target.bytesMax { bytes.removeLast(bytes.count - target.bytesMax) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8], with other: [UInt8]) {
        guard !bytes.isEmpty else { return insertSomething(&bytes, with: other) }
        let place = random.below(bytes.count)
        switch random.below(12) {
        case 0: bytes[place] ^= 1 << UInt8(random.below(8))
        case 1: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 2: bytes[place] &+= UInt8(truncatingIfNeeded: 1 + random.below(16))
        case 3: bytes[place] &-= UInt8(truncatingIfNeeded: 1 + random.below(16))
        case 4: overwriteNumber(&bytes, at: place)
        case 5: bytes.removeSubrange(range(in: bytes, from: place))
        case 6: bytes.removeLast(bytes.count - place)
        case 7: repeatPiece(&bytes, from: place)
        case 8: overwritePiece(&bytes, at: place, with: other)
        case 9: splice(&bytes, at: place, with: other)
        default: insertSomething(&bytes, with: other)
        }
    }

    private mutating func range(in bytes: [UInt8], from place: Int) -> Range<Int> {
        let most = random.next() & 7 == 0 ? bytes.count : 16
        return place..<min(bytes.count, place + 1 + random.below(most))
    }

    /// A length or another number, little-endian, or as ASCII digits where there are some.
    private mutating func overwriteNumber(_ bytes: inout [UInt8], at place: Int) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let number = random.pick(Self.interesting)
        if digits.contains(bytes[place]) {
            var end = place
            while end < bytes.count, digits.contains(bytes[end]) { end += 1 }
            return bytes.replaceSubrange(place..<end, with: Array(String(number).utf8))
        }
        let width = [1, 2, 4, 8][random.below(4)]
        // Near what stands there as well: a count that is one too high.
        let near = UInt64(bytes[place]) &+ UInt64(bitPattern: Int64(random.below(5) - 2))
        var rest = random.next() & 1 == 0 ? number : near
        for position in place..<min(bytes.count, place + width) {
            bytes[position] = UInt8(truncatingIfNeeded: rest)
            rest >>= 8
        }
    }

    private mutating func repeatPiece(_ bytes: inout [UInt8], from place: Int) {
        let piece = Array(bytes[range(in: bytes, from: place)])
        // Rarely so often that nesting and counts get somewhere.
        let most = random.next() & 31 == 0 ? 200 : 3
        let times = min(1 + random.below(most), max(1, target.bytesMax / piece.count))
        var repeated: [UInt8] = []
        for _ in 0..<times { repeated += piece }
        bytes.insert(contentsOf: repeated, at: place)
    }

    private mutating func overwritePiece(
        _ bytes: inout [UInt8], at place: Int, with other: [UInt8]
    ) {
        guard !other.isEmpty else { return }
        let piece = other[range(in: other, from: random.below(other.count))]
        let end = min(bytes.count, place + piece.count)
        bytes.replaceSubrange(place..<end, with: piece.prefix(end - place))
    }

    private mutating func splice(_ bytes: inout [UInt8], at place: Int, with other: [UInt8]) {
        bytes.removeLast(bytes.count - place)
        bytes += other.dropFirst(random.below(other.count + 1))
    }

    private mutating func insertSomething(_ bytes: inout [UInt8], with other: [UInt8]) {
        let piece: [UInt8]
        switch random.below(4) {
        case 0, 1:
            guard !target.dictionary.isEmpty else { fallthrough }
            piece = random.pick(target.dictionary)
        case 2:
            guard !other.isEmpty else { fallthrough }
            piece = Array(other[range(in: other, from: random.below(other.count))])
        default:
            var noise: [UInt8] = []
            for _ in 0...random.below(8) { noise.append(UInt8(truncatingIfNeeded: random.next())) }
            piece = noise
        }
        bytes.insert(contentsOf: piece, at: random.below(bytes.count + 1))
    }
}

extension FuzzRandom {
    /// - Precondition: there is one.
    package mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }
}

/// Words of a language, as the mutator takes them.
func words(_ texts: String...) -> [[UInt8]] { texts.map { Array($0.utf8) } }
