// SPDX-License-Identifier: Apache-2.0

/// A parser of bytes from outside, and what must hold whatever the bytes are. That nothing traps,
/// hangs or takes memory without measure is checked of every target by who runs it.
package struct FuzzTarget: Sendable {
    /// Also the folder of its corpus.
    package let name: String
    /// One line for people.
    package let about: String
    /// The longest input that is tried.
    package let bytesMax: Int
    /// Pieces of its language, for the mutator.
    let dictionary: [[UInt8]]
    /// Runs one input. Pure: equal inputs, equal outcomes, in any order.
    ///
    /// - Returns: a few bits of what happened. Inputs that bring out new ones are kept for more
    ///   mutations.
    /// - Throws: the property that does not hold.
    package let run: @Sendable (_ input: [UInt8]) throws(Finding) -> UInt64

    init(
        _ name: String, _ about: String, bytesMax: Int = 4096, words: [[UInt8]] = [],
        run: @escaping @Sendable ([UInt8]) throws(Finding) -> UInt64
    ) {
        self.name = name
        self.about = about
        self.bytesMax = bytesMax
        dictionary = words
        self.run = run
    }
}

/// A property that an input breaks.
package struct Finding: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// The property, or ``Finding``.
func demand(_ holds: Bool, _ property: @autoclosure () -> String) throws(Finding) {
    if !holds { throw Finding(property()) }
}

/// What `body` gives; a ``Finding`` if it throws.
func must<Value>(_ what: String, _ body: () throws -> Value) throws(Finding) -> Value {
    do {
        return try body()
    } catch {
        throw Finding("\(what): \(error)")
    }
}

/// What `body` gives; nil, and the bits of why, if it throws.
func attempt<Value>(_ refusal: inout UInt64, _ body: () throws -> Value) -> Value? {
    do {
        return try body()
    } catch {
        refusal = Features.text("\(error)")
        return nil
    }
}

extension FuzzTarget {
    /// In the order in which they are run.
    package static let all: [FuzzTarget] =
        http + text + access + scheduling + work + peers + raft + gossip + state + archives + files

    package static func named(_ name: String) -> FuzzTarget? {
        (all + planted).first { $0.name == name }
    }

    /// A target that reads, writes, and reads again: what was written is read as equal bytes.
    ///
    /// - Parameter isCanonical: whether what is accepted has no other form.
    static func reencoding(
        _ name: String, _ about: String, bytesMax: Int = 4096, words: [[UInt8]] = [],
        isCanonical: Bool, _ reencode: @escaping @Sendable ([UInt8]) -> Reencoded
    ) -> FuzzTarget {
        FuzzTarget(name, about, bytesMax: bytesMax, words: words) { input throws(Finding) in
            let first: [UInt8]
            switch reencode(input) {
            case .refused(let why): return why
            case .taken(let bytes): first = bytes
            }
            if isCanonical { try demand(first == input, "accepted in a second form") }
            // What was read was paid for by the bytes that said it.
            try demand(first.count <= 8 * input.count + 1024, "\(first.count) of \(input.count)")
            guard case .taken(let second) = reencode(first) else {
                throw Finding("what was written is not read")
            }
            try demand(second == first, "what was written is read as something else")
            return Features.bits(1, first.first, size: first.count)
        }
    }
}

/// What became of bytes that were read and written again.
enum Reencoded {
    case taken([UInt8])
    /// With bits that tell one refusal from another.
    case refused(UInt64)

    /// - Parameter body: throws what a refusal is.
    static func of(_ body: () throws -> [UInt8]) -> Reencoded {
        do {
            return .taken(try body())
        } catch {
            return .refused(Features.text("\(error)"))
        }
    }
}

/// Bits of an outcome, so that outcomes of one kind are alike.
enum Features {
    static func bits(_ parts: UInt8?..., size: Int) -> UInt64 {
        var hash = FNV()
        for part in parts { hash.mix(UInt64(part.map { UInt64($0) + 1 } ?? 0)) }
        hash.mix(UInt64(Int.bitWidth - size.leadingZeroBitCount))
        return hash.value
    }

    /// Of a message for people: its numbers and quotations are not what tells kinds apart.
    static func text(_ text: String) -> UInt64 {
        var hash = FNV()
        var isQuoted = false
        for byte in text.utf8.prefix(200) {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { isQuoted.toggle() }
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            if !isQuoted, !isDigit { hash.mix(UInt64(byte)) }
        }
        return hash.value
    }
}

/// The hash of Fowler, Noll and Vo, 64 bits: small, and the same on every machine.
struct FNV {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func mix(_ word: UInt64) {
        value = (value ^ word) &* 0x100_0000_01B3
        value ^= value >> 29
    }

    static func of(_ bytes: [UInt8]) -> UInt64 {
        var hash = FNV()
        hash.mix(UInt64(bytes.count))
        for byte in bytes { hash.mix(UInt64(byte)) }
        return hash.value
    }
}
