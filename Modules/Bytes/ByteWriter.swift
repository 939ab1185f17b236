// SPDX-License-Identifier: Apache-2.0

/// Builds a message in Martlet's one encoding: little-endian integers, and lengths before content.
///
/// | written          | bytes                                           |
/// |------------------|-------------------------------------------------|
/// | integer          | its width, least significant byte first         |
/// | Bool             | 1: 0 or 1                                       |
/// | bytes, string    | 4: length; then the bytes, a string's as UTF-8  |
/// | short string     | 2: length; then the bytes as UTF-8              |
/// | raw              | the bytes alone; the reader knows how many      |
///
/// ``clear()`` keeps the memory, so that one writer serves many messages.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(reservingBytes: Int = 0) { bytes.reserveCapacity(reservingBytes) }

    package var count: Int { bytes.count }

    /// Replaces four bytes that are written already: a length or checksum that follows from what
    /// came after it.
    package mutating func patch(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= bytes.count, "patch at \(offset) of \(count)")
        for place in 0..<4 {
            bytes[offset + place] = UInt8(truncatingIfNeeded: value >> UInt32(8 * place))
        }
    }

    package mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    package mutating func write(_ value: UInt8) { bytes.append(value) }

    package mutating func write(_ value: UInt16) { append(value) }

    package mutating func write(_ value: UInt32) { append(value) }

    package mutating func write(_ value: UInt64) { append(value) }

    package mutating func write(_ value: Int64) { append(UInt64(bitPattern: value)) }

    package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// - Precondition: fewer than 2^32 bytes.
    package mutating func write(bytes content: [UInt8]) {
        append(length(of: content.count, as: UInt32.self))
        bytes.append(contentsOf: content)
    }

    package mutating func write(raw content: some Sequence<UInt8>) {
        bytes.append(contentsOf: content)
    }

    /// - Precondition: fewer than 2^32 bytes of UTF-8.
    package mutating func write(string: String) {
        append(length(of: string.utf8.count, as: UInt32.self))
        bytes.append(contentsOf: string.utf8)
    }

    /// - Precondition: fewer than 2^16 bytes of UTF-8.
    package mutating func write(shortString string: String) {
        append(length(of: string.utf8.count, as: UInt16.self))
        bytes.append(contentsOf: string.utf8)
    }

    private func length<Width: FixedWidthInteger>(of count: Int, as: Width.Type) -> Width {
        guard let length = Width(exactly: count) else {
            preconditionFailure("\(count) bytes do not fit a length of \(Width.bitWidth) bits")
        }
        return length
    }

    private mutating func append<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
        // SAFETY: the bytes of an integer, read while it lives.
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }
}
