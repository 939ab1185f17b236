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
public struct ByteWriter: Sendable {
    /// What is written, then room for more.
    @usableFromInline var storage: [UInt8]
    @usableFromInline var written = 0

    /// Bytes that are written.
    @inlinable public var count: Int { written }

    @inlinable public init(reservingBytes: Int = 0) {
        storage = []
        // Most writers begin with nothing, or are put in another's place.
        if reservingBytes > 0 { storage.append(zeros: reservingBytes) }
    }

    /// What is written, where it stands.
    package var span: Span<UInt8> {
        @_lifetime(borrow self) get { storage.span.extracting(..<written) }
    }

    /// A copy of what is written.
    package var bytes: [UInt8] { Array(storage[..<count]) }

    /// What is written, in the writer's own memory.
    package consuming func finish() -> [UInt8] {
        storage.removeLast(storage.count - count)
        return storage
    }

    /// Replaces four bytes that are written already: a length or checksum that follows from what
    /// came after it.
    @inlinable public mutating func patch(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= count, "patch at \(offset) of \(count)")
        store(value, at: offset)
    }

    package mutating func clear() { written = 0 }

    @inlinable public mutating func write(_ value: UInt8) { append(value) }

    @inlinable public mutating func write(_ value: UInt16) { append(value) }

    @inlinable public mutating func write(_ value: UInt32) { append(value) }

    @inlinable public mutating func write(_ value: UInt64) { append(value) }

    /// The one, then the other: most of a message is words.
    @inlinable public mutating func write(_ first: UInt64, _ second: UInt64) {
        if storage.count - written < 16 { makeRoom(for: 16) }
        store(first, at: written)
        store(second, at: written + 8)
        written += 16
    }

    @inlinable public mutating func write(_ value: Int64) { append(UInt64(bitPattern: value)) }

    @inlinable public mutating func write(_ value: Bool) { append(value ? 1 : 0 as UInt8) }

    /// - Precondition: fewer than 2^32 bytes.
    package mutating func write(bytes content: [UInt8]) {
        append(length(of: content.count, as: UInt32.self))
        append(content.span)
    }

    package mutating func write(raw content: [UInt8]) { append(content.span) }

    package mutating func write(raw content: ArraySlice<UInt8>) { append(content.span) }

    /// - Precondition: fewer than 2^32 bytes of UTF-8.
    package mutating func write(string: String) {
        append(length(of: string.utf8.count, as: UInt32.self))
        append(string.utf8.span)
    }

    /// - Precondition: fewer than 2^16 bytes of UTF-8.
    package mutating func write(shortString string: String) {
        append(length(of: string.utf8.count, as: UInt16.self))
        append(string.utf8.span)
    }

    private func length<Width: FixedWidthInteger>(of count: Int, as: Width.Type) -> Width {
        guard let length = Width(exactly: count) else {
            preconditionFailure("\(count) bytes do not fit a length of \(Width.bitWidth) bits")
        }
        return length
    }

    @inlinable @inline(__always)
    mutating func append<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        let width = Value.bitWidth / 8
        if storage.count - written < width { makeRoom(for: width) }
        store(value, at: written)
        written += width
    }

    @inlinable @inline(__always)
    mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value, at offset: Int
    ) {
        // SAFETY: any bytes may be an integer's; whoever calls has seen that they are in the storage.
        unsafe storage.withUnsafeMutableBytes {
            unsafe $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
        }
    }

    private mutating func append(_ content: Span<UInt8>) {
        if storage.count - written < content.count { makeRoom(for: content.count) }
        let place = written
        // SAFETY: there is room for all of them behind `place`, and the two do not overlap.
        unsafe storage.withUnsafeMutableBufferPointer { target in
            unsafe content.withUnsafeBufferPointer { source in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                unsafe (to + place).update(from: from, count: source.count)
            }
        }
        written += content.count
    }

    private static let bytesMin = 64

    @usableFromInline mutating func makeRoom(for more: Int) {
        let wanted = max(Self.bytesMin, count + more, storage.count * 2)
        storage.append(zeros: wanted - storage.count)
    }
}

extension Array<UInt8> {
    /// In one piece. The library's array of repeated elements looks its own type up each time.
    @inlinable mutating func append(zeros count: Int) {
        append(addingCapacity: count) { $0.append(repeating: 0, count: count) }
    }
}
