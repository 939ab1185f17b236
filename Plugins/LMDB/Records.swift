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
    static let headerBytes = 14

    static func key(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
    }

    static func number(_ key: [UInt8]) -> UInt64 {
        key.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func seal(_ content: [UInt8], at key: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reservingBytes: content.count + 5)
        writer.write(UInt8(format))
        writer.write(CRC32C.update(CRC32C.checksum(key), with: content))
        writer.write(raw: content)
        return writer.bytes
    }

    static func unseal(_ record: [UInt8], at key: [UInt8]) throws(Fault) -> ByteReader {
        guard record.count >= 5, record[0] == UInt8(format) else {
            throw damage(key, "unknown form")
        }
        let stored = (1..<5).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(record[$1]) }
        let content = record.span.extracting(droppingFirst: 5)
        guard CRC32C.update(CRC32C.checksum(key), with: content) == stored else {
            throw damage(key, "the checksum does not match")
        }
        return ByteReader(record[5...])
    }

    static func damage(_ key: [UInt8], _ reason: String) -> Fault {
        let isText = key.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        let name = isText ? String(decoding: key, as: UTF8.self) : "\(number(key))"
        return .store(.corrupt("record \(name): \(reason)"))
    }

    static func encode(_ entry: Entry) -> [UInt8] {
        var writer = ByteWriter(reservingBytes: entry.payload.count + 9)
        writer.write(entry.term.number)
        writer.write(entry.kind.rawValue)
        writer.write(raw: entry.payload)
        return seal(writer.bytes, at: key(entry.index.number))
    }

    static func entry(_ record: [UInt8], at key: [UInt8]) throws(Fault) -> Entry {
        var reader = try unseal(record, at: key)
        return try decoding(key) { () throws(ByteError) in
            let term = Term(try reader.readUInt64())
            guard let kind = Entry.Kind(rawValue: try reader.readUInt8()) else {
                throw ByteError(offset: 8, reason: "unknown kind")
            }
            let payload = Array(try reader.readRaw(count: reader.remaining))
            return Entry(index: LogIndex(number(key)), term: term, kind: kind, payload: payload)
        }
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
