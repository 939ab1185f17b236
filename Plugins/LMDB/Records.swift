// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import MartletStorage

/// The bytes of everything that is stored. Each record is sealed:
///
/// | offset | width | meaning                                     |
/// |--------|-------|---------------------------------------------|
/// | 0      | 1     | format, 1                                   |
/// | 1      | 4     | CRC-32C of the key, then of the content     |
/// | 5      | n     | content                                     |
///
/// so that a record under another's key is damage too. Keys of entries are the index, big-endian,
/// and their content is: term 8, kind 1, payload.
enum Records {
    static let format: UInt32 = 1
    /// What precedes an entry's payload.
    static let headerBytes = 14

    static func key(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
    }

    static func number(_ key: [UInt8]) -> UInt64 {
        key.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// nil for a key that is no number.
    static func number(_ key: Span<UInt8>) -> UInt64? {
        guard key.count == 8 else { return nil }
        // SAFETY: every pattern of bits is an integer; the load checks its bounds.
        return UInt64(bigEndian: unsafe key.bytes.unsafeLoadUnaligned(as: UInt64.self))
    }

    static func seal(_ content: [UInt8], at key: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reservingBytes: content.count + 5)
        writer.write(UInt8(format))
        writer.write(CRC32C.update(CRC32C.checksum(key), with: content))
        writer.write(raw: content)
        return writer.finish()
    }

    static func unseal(_ record: [UInt8], at key: [UInt8]) throws(Fault) -> ByteReader {
        _ = try content(of: record.span, at: key.span)
        return ByteReader(record, in: 5..<record.count)
    }

    /// What is sealed in `record`, verified, in the same memory.
    @_lifetime(copy record)
    static func content(
        of record: Span<UInt8>, at key: Span<UInt8>
    ) throws(Fault) -> Span<UInt8> {
        guard record.count >= 5, record[0] == UInt8(format) else {
            throw damage([UInt8](copying: key), "unknown form")
        }
        // SAFETY: every pattern of bits is an integer; the load checks its bounds.
        let stored = UInt32(
            littleEndian: unsafe record.bytes.unsafeLoadUnaligned(
                fromByteOffset: 1, as: UInt32.self))
        let content = record.extracting(droppingFirst: 5)
        guard CRC32C.update(CRC32C.checksum(key), with: content) == stored else {
            throw damage([UInt8](copying: key), "the checksum does not match")
        }
        return content
    }

    static func damage(_ key: [UInt8], _ reason: String) -> Fault {
        let isText = key.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        let name = isText ? String(decoding: key, as: UTF8.self) : "\(number(key))"
        return .store(.corrupt("record \(name): \(reason)"))
    }

    /// - Precondition: `record` has room for ``headerBytes`` and the payload.
    static func encode(_ entry: Entry, into record: UnsafeMutableRawBufferPointer) {
        let key = unsafe withUnsafeBytes(of: entry.index.number.bigEndian) {
            unsafe CRC32C.checksum(Span(_unsafeBytes: $0))
        }
        // SAFETY: all offsets lie within the header, and the payload follows it; the buffer is
        // initialised when the checksum reads it.
        unsafe record.storeBytes(of: UInt8(format), as: UInt8.self)
        unsafe record.storeBytes(
            of: entry.term.number.littleEndian, toByteOffset: 5, as: UInt64.self)
        unsafe record.storeBytes(of: entry.kind.rawValue, toByteOffset: 13, as: UInt8.self)
        unsafe UnsafeMutableRawBufferPointer(rebasing: record[headerBytes...])
            .copyBytes(from: entry.payload)
        let content = unsafe UnsafeRawBufferPointer(rebasing: record[5...])
        let checksum = unsafe CRC32C.update(key, with: Span(_unsafeBytes: content))
        unsafe record.storeBytes(of: checksum.littleEndian, toByteOffset: 1, as: UInt32.self)
    }

    /// The entry of a record, without its payload: all that it takes to verify it.
    static func head(
        _ record: Span<UInt8>, at key: Span<UInt8>
    ) throws(Fault) -> (index: UInt64, term: UInt64, kind: Entry.Kind) {
        let content = try content(of: record, at: key)
        guard content.count >= 9, let index = number(key),
            let kind = Entry.Kind(rawValue: content[8])
        else { throw damage([UInt8](copying: key), "not an entry") }
        // SAFETY: every pattern of bits is an integer; the load checks its bounds.
        let term = UInt64(littleEndian: unsafe content.bytes.unsafeLoadUnaligned(as: UInt64.self))
        return (index, term, kind)
    }

    static func entry(_ record: Span<UInt8>, at key: Span<UInt8>) throws(Fault) -> Entry {
        let (index, term, kind) = try head(record, at: key)
        return Entry(
            index: LogIndex(index), term: Term(term), kind: kind,
            payload: [UInt8](copying: record.extracting(droppingFirst: headerBytes)))
    }

    /// Turns what a reader found into damage of the record.
    static func decoding<Result>(
        _ key: [UInt8], _ body: () throws(ByteError) -> Result
    ) throws(Fault) -> Result {
        do throws(ByteError) {
            return try body()
        } catch {
            throw damage(key, "\(error)")
        }
    }
}

extension [UInt8] {
    init(copying span: Span<UInt8>) {
        self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
    }
}

extension ByteWriter {
    mutating func write(_ id: ServerID) {
        write(id.high)
        write(id.low)
    }

    mutating func write(_ id: ServerID?) {
        write(id != nil)
        if let id { write(id) }
    }
}

extension ByteReader {
    mutating func readServerID() throws(ByteError) -> ServerID {
        ServerID(high: try readUInt64(), low: try readUInt64())
    }

    mutating func readOptionalServerID() throws(ByteError) -> ServerID? {
        try readBool() ? try readServerID() : nil
    }

    mutating func readConfiguration() throws(ByteError) -> Configuration {
        guard let configuration = Configuration(encoded: try readBytes(max: 1 << 17)) else {
            throw ByteError(offset: 0, reason: "not a configuration")
        }
        return configuration
    }
}
