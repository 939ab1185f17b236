// SPDX-License-Identifier: Apache-2.0

/// Why bytes are not the message that was expected.
public struct ByteError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where in the reader's bytes, counted from 0.
    package let offset: Int
    package let reason: String

    package init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }

    public var description: String { "byte \(offset): \(reason)" }
}

/// Reads what ``ByteWriter`` wrote. Its input may be hostile: every length is checked against what
/// is left and against the caller's bound before anything is allocated, and nothing traps. A read
/// that throws leaves the position where it was.
public struct ByteReader: Sendable {
    @usableFromInline let bytes: [UInt8]
    /// What is read lies between these two.
    @usableFromInline let start: Int
    @usableFromInline let end: Int
    @usableFromInline var position: Int

    package init(_ bytes: [UInt8]) { self.init(bytes, in: 0..<bytes.count) }

    /// Of a copy.
    package init(_ bytes: ArraySlice<UInt8>) { self.init(Array(bytes)) }

    /// - Precondition: the range is one of `bytes`.
    package init(_ bytes: [UInt8], in range: Range<Int>) {
        precondition(range.upperBound <= bytes.count && range.lowerBound >= 0, "\(range)")
        self.bytes = bytes
        start = range.lowerBound
        end = range.upperBound
        position = range.lowerBound
    }

    /// Bytes that were not read yet.
    package var remaining: Int { end - position }

    // Most of what servers say to each other is words: reading one is part of whoever reads it.

    @inlinable public mutating func readUInt8() throws(ByteError) -> UInt8 { try readInteger() }

    @inlinable public mutating func readUInt16() throws(ByteError) -> UInt16 { try readInteger() }

    @inlinable public mutating func readUInt32() throws(ByteError) -> UInt32 { try readInteger() }

    @inlinable public mutating func readUInt64() throws(ByteError) -> UInt64 { try readInteger() }

    @inlinable public mutating func readInt64() throws(ByteError) -> Int64 {
        Int64(bitPattern: try readInteger())
    }

    /// - Throws: also for a byte that is neither 0 nor 1, so that a message has one encoding.
    package mutating func readBool() throws(ByteError) -> Bool {
        let start = position
        switch try readUInt8() {
        case 0: return false
        case 1: return true
        case let other:
            position = start
            throw failure("\(other) is not a Boolean")
        }
    }

    /// Bytes with a length of 32 bits before them.
    package mutating func readBytes(max: Int) throws(ByteError) -> [UInt8] {
        Array(try readContent(UInt32.self, max: max))
    }

    /// A string with a length of 32 bits before it; `maxBytes` counts UTF-8.
    package mutating func readString(maxBytes: Int) throws(ByteError) -> String {
        try readText(UInt32.self, max: maxBytes)
    }

    /// A string with a length of 16 bits before it; `maxBytes` counts UTF-8.
    package mutating func readShortString(
        maxBytes: Int = Int(UInt16.max)
    ) throws(ByteError) -> String {
        try readText(UInt16.self, max: maxBytes)
    }

    /// Passes over a string as ``readShortString(maxBytes:)`` reads it, with the same checks.
    package mutating func skipShortString(
        maxBytes: Int = Int(UInt16.max)
    ) throws(ByteError) {
        let start = position
        let content = try passContent(UInt16.self, max: maxBytes)
        if isASCII(content) { return }
        do {
            _ = try UTF8Span(validating: bytes.span.extracting(content))
        } catch {
            position = start
            throw failure("not UTF-8")
        }
    }

    /// Exactly `count` bytes, without a length before them; they share the reader's memory.
    package mutating func readRaw(count: Int) throws(ByteError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else {
            throw failure("\(count) bytes wanted, \(remaining) left")
        }
        let first = position
        position += count
        return bytes[first..<position]
    }

    /// - Throws: unless everything was read.
    package func finish() throws(ByteError) {
        guard remaining == 0 else { throw failure("\(remaining) bytes too many") }
    }

    private mutating func readText<Width: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ width: Width.Type, max: Int
    ) throws(ByteError) -> String {
        let start = position
        let content = try passContent(width, max: max)
        if content.isEmpty { return "" }
        // Decoding repairs what is not UTF-8, and so shows it; validating alone takes five times as
        // long. ASCII, which most names are, needs neither. Decoded where it stands: a slice of it
        // costs a hundred instructions more.
        // SAFETY: the range is one of `bytes`, and the buffer is read while it is lent.
        let text = unsafe bytes.withUnsafeBufferPointer { all in
            unsafe Self.decoded(UnsafeBufferPointer(rebasing: all[content]))
        }
        guard isASCII(content) || Self.isSame(text, bytes[content]) else {
            position = start
            throw failure("not UTF-8")
        }
        return text
    }

    /// What a string holds without memory of its own.
    private static let smallTextMax = 15

    @inline(__always)
    private static func decoded(_ content: UnsafeBufferPointer<UInt8>) -> String {
        guard content.count <= smallTextMax else {
            return unsafe String(decoding: content, as: UTF8.self)
        }
        // SAFETY: there is room for all of them, and what is said to be written is.
        return unsafe String(unsafeUninitializedCapacity: smallTextMax) { small in
            unsafe UnsafeMutableRawBufferPointer(small).copyMemory(
                from: UnsafeRawBufferPointer(content))
            return content.count
        }
    }

    /// A word at a time; the last may hold some of the one before it again.
    private func isASCII(_ range: Range<Int>) -> Bool {
        let content = unsafe bytes.span.bytes  // Any bytes may be seen as raw ones.
        var all: UInt64 = 0
        var position = range.lowerBound
        if range.count < 8 {
            for position in range { all |= UInt64(bytes[position]) }
            return all < 0x80
        }
        while position < range.upperBound {
            position = min(position, range.upperBound - 8)
            // SAFETY: every pattern of bits is an integer; the load checks its bounds.
            all |= unsafe content.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
            position += 8
        }
        return all & 0x8080_8080_8080_8080 == 0
    }

    private static func isSame(_ text: String, _ bytes: ArraySlice<UInt8>) -> Bool {
        // SAFETY: the buffer is read while it is lent.
        let isSame = unsafe text.utf8.withContiguousStorageIfAvailable { text in
            let left = unsafe text.span  // It does not outlive this call.
            let right = bytes.span
            guard left.count == right.count else { return false }
            var difference: UInt8 = 0
            for position in left.indices { difference |= left[position] ^ right[position] }
            return difference == 0
        }
        return isSame ?? text.utf8.elementsEqual(bytes)
    }

    private mutating func readContent<Width: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ width: Width.Type, max: Int
    ) throws(ByteError) -> ArraySlice<UInt8> {
        bytes[try passContent(width, max: max)]
    }

    /// Passes over a length and what it is of.
    ///
    /// - Returns: where that lies.
    @inline(__always)
    private mutating func passContent<
        Width: FixedWidthInteger & UnsignedInteger & BitwiseCopyable
    >(_ width: Width.Type, max: Int) throws(ByteError) -> Range<Int> {
        let start = position
        let length: Width = try readInteger()
        guard length <= remaining, length <= max else {
            let left = remaining
            position = start
            throw failure("a length of \(length), \(left) bytes left, \(max) allowed")
        }
        let first = position
        position += Int(length)
        return first..<position
    }

    @inlinable @inline(__always)
    mutating func readInteger<Value: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>()
        throws(ByteError) -> Value
    {
        let width = Value.bitWidth / 8
        guard end - position >= width else { throw shortage(of: width) }
        let value: Value = load()
        position += width
        return value
    }

    @inlinable @inline(__always)
    func load<Value: FixedWidthInteger & BitwiseCopyable>() -> Value {
        let raw = unsafe bytes.span.bytes  // Any bytes may be seen as raw ones.
        // SAFETY: every pattern of bits is an integer; the load checks its bounds.
        let loaded = unsafe raw.unsafeLoadUnaligned(fromByteOffset: position, as: Value.self)
        return Value(littleEndian: loaded)
    }

    @usableFromInline func shortage(of width: Int) -> ByteError {
        failure("\(width) bytes wanted, \(remaining) left")
    }

    private func failure(_ reason: String) -> ByteError {
        ByteError(offset: position - start, reason: reason)
    }
}
