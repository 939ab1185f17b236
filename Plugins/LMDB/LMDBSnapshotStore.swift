// SPDX-License-Identifier: Apache-2.0
import MartletBytes
package import MartletRaft
package import MartletStorage

/// Snapshots in LMDB. The table "list" has a record per snapshot, by a number of its own, big-endian:
///
/// | offset | width         | meaning                                              |
/// |--------|---------------|------------------------------------------------------|
/// | 0      | 1             | whether it is complete                               |
/// | 1      | 8             | bytes that are here                                  |
/// | 9      | 8, 8, 8, 8, 4 | last index, its term, configuration's index, size, CRC-32C |
/// | 45     | 4 + n         | configuration                                        |
///
/// The table "chunks" has the bytes, at most ``chunkBytesMax`` per record, by number and offset.
package final class LMDBSnapshotStore: SnapshotStore {
    /// 16 pages: long runs on disk, and small enough to check and copy at once.
    static let chunkBytesMax = 64 << 10
    private let database: Database

    init(database: Database) { self.database = database }

    private struct Item: Sendable {
        var number: UInt64
        var isComplete: Bool
        var bytes: UInt64
        var metadata: SnapshotMetadata
    }

    package func list() throws(StoreError) -> [SnapshotMetadata] {
        try items().filter(\.isComplete).map(\.metadata)
    }

    package func partialBytes(of metadata: SnapshotMetadata) throws(StoreError) -> UInt64 {
        guard let item = try partial(), item.metadata == metadata else { return 0 }
        return item.bytes
    }

    package func begin(_ metadata: SnapshotMetadata) throws(StoreError) {
        try database.write { (transaction) throws(Fault) in
            let items = try self.items(transaction)
            if let old = items.first(where: { !$0.isComplete }) {
                if metadata.resumes(old.metadata) { return }
                try drop(old, transaction)
            }
            let number = (items.map(\.number).max() ?? 0) + 1
            let item = Item(number: number, isComplete: false, bytes: 0, metadata: metadata)
            try save(item, transaction)
        }
    }

    package func write(_ chunk: [UInt8], at offset: UInt64) throws(StoreError) {
        try database.write { (transaction) throws(Fault) in
            guard var item = try items(transaction).first(where: { !$0.isComplete }) else {
                throw .store(.mismatch("no snapshot was begun"))
            }
            guard offset == item.bytes else {
                throw .store(.mismatch("a chunk for \(offset), \(item.bytes) bytes are here"))
            }
            guard item.bytes <= item.metadata.sizeBytes,
                UInt64(chunk.count) <= item.metadata.sizeBytes - item.bytes
            else { throw .store(.mismatch("more than \(item.metadata.sizeBytes) bytes")) }
            for start in stride(from: 0, to: chunk.count, by: Self.chunkBytesMax) {
                let piece = Array(chunk[start..<min(start + Self.chunkBytesMax, chunk.count)])
                let key = Records.key(item.number) + Records.key(item.bytes)
                try transaction.put(Records.seal(piece, at: key), at: key, in: database.tables[0])
                item.bytes += UInt64(piece.count)
            }
            try save(item, transaction)
        }
    }

    package func commit(_ metadata: SnapshotMetadata) throws(StoreError) {
        guard var item = try partial() else { throw .mismatch("no snapshot was begun") }
        guard item.metadata.mayEnd(as: metadata) else {
            try abort()
            throw .mismatch("the snapshot at \(item.metadata.lastIndex) was begun")
        }
        item.metadata = metadata
        let found = try checksum(item)
        guard item.bytes == item.metadata.sizeBytes, found == item.metadata.checksum else {
            try abort()
            throw .mismatch("length or checksum are not those announced")
        }
        item.isComplete = true
        try database.write(.freesSpace) { (transaction) throws(Fault) in
            for same in try items(transaction) where same.metadata == item.metadata {
                if same.isComplete { try drop(same, transaction) }
            }
            try save(item, transaction)
            let complete = try items(transaction).filter(\.isComplete)
            for old in complete.dropLast(2) { try drop(old, transaction) }
        }
    }

    package func abort() throws(StoreError) {
        try database.write(.freesSpace) { (transaction) throws(Fault) in
            for item in try items(transaction) where !item.isComplete {
                try drop(item, transaction)
            }
        }
    }

    package func read(
        _ metadata: SnapshotMetadata, from offset: UInt64, bytesMax: Int
    ) throws(StoreError) -> [UInt8] {
        let items = try items()
        guard let item = items.first(where: { $0.isComplete && $0.metadata == metadata }) else {
            throw .mismatch("no such snapshot: \(metadata.lastIndex)")
        }
        guard offset < item.bytes, bytesMax > 0 else { return [] }
        return try content(item, from: offset, bytesMax: bytesMax)
    }

    package func delete(_ metadata: SnapshotMetadata) throws(StoreError) {
        try database.write(.freesSpace) { (transaction) throws(Fault) in
            for item in try items(transaction)
            where item.isComplete && item.metadata == metadata {
                try drop(item, transaction)
            }
        }
    }

    package func close() { database.close() }

    private func partial() throws(StoreError) -> Item? { try items().first { !$0.isComplete } }

    private func checksum(_ item: Item) throws(StoreError) -> UInt32 {
        var checksum: UInt32 = 0
        var offset: UInt64 = 0
        while offset < item.bytes {
            let bytes = try content(item, from: offset, bytesMax: 1 << 20)
            checksum = CRC32C.update(checksum, with: bytes)
            offset += UInt64(bytes.count)
        }
        return checksum
    }

    /// - Precondition: `offset` lies inside: there is at least one byte to return.
    private func content(
        _ item: Item, from offset: UInt64, bytesMax: Int
    ) throws(StoreError) -> [UInt8] {
        try database.read { (transaction) throws(Fault) in
            let number = Records.key(item.number)
            var found: [UInt8] = []
            let start = number + Records.key(offset)
            try transaction.walk(database.tables[0], from: start, orBefore: true) {
                (key, record) throws(Fault) in
                guard key.count == 16,
                    Records.number(key.extracting(first: 8)) == item.number,
                    let begin = Records.number(key.extracting(last: 8))
                else { return false }
                let content = try Records.content(of: record, at: key)
                let wanted = offset + UInt64(found.count)
                let size = UInt64(content.count)
                guard begin <= wanted, wanted - begin < size else {
                    throw Records.damage(number, "no bytes at \(wanted)")
                }
                let rest = content.extracting(droppingFirst: Int(wanted - begin))
                found += [UInt8](copying: rest.extracting(first: bytesMax - found.count))
                return found.count < bytesMax
            }
            guard !found.isEmpty else { throw Records.damage(number, "no bytes at \(offset)") }
            return found
        }
    }

    private func items() throws(StoreError) -> [Item] {
        try database.read { (transaction) throws(Fault) in try items(transaction) }
    }

    /// All of them, by index, then number.
    private func items(_ transaction: borrowing Transaction) throws(Fault) -> [Item] {
        var items: [Item] = []
        let table = database.tables[1]
        try transaction.walk(table, from: [0]) { (key, record) throws(Fault) in
            guard let number = Records.number(key) else { return true }
            let key = [UInt8](copying: key)
            var reader = try Records.unseal([UInt8](copying: record), at: key)
            let item = try Records.decoding(key) { () throws(ByteError) in
                let isComplete = try reader.readBool()
                let bytes = try reader.readUInt64()
                var metadata = SnapshotMetadata(
                    lastIndex: LogIndex(try reader.readUInt64()),
                    lastTerm: Term(try reader.readUInt64()), configuration: .empty,
                    configurationIndex: LogIndex(try reader.readUInt64()),
                    sizeBytes: try reader.readUInt64(), checksum: try reader.readUInt32())
                metadata.configuration = try reader.readConfiguration()
                try reader.finish()
                return Item(
                    number: number, isComplete: isComplete, bytes: bytes,
                    metadata: metadata)
            }
            items.append(item)
            return true
        }
        return items.sorted {
            ($0.metadata.lastIndex, $0.number) < ($1.metadata.lastIndex, $1.number)
        }
    }

    private func save(_ item: Item, _ transaction: borrowing Transaction) throws(Fault) {
        var writer = ByteWriter()
        writer.write(item.isComplete)
        writer.write(item.bytes)
        writer.write(item.metadata.lastIndex.number)
        writer.write(item.metadata.lastTerm.number)
        writer.write(item.metadata.configurationIndex.number)
        writer.write(item.metadata.sizeBytes)
        writer.write(item.metadata.checksum)
        writer.write(bytes: item.metadata.configuration.encoded())
        let key = Records.key(item.number)
        try transaction.put(
            Records.seal(writer.bytes, at: key), at: key, in: database.tables[1])
    }

    private func drop(_ item: Item, _ transaction: borrowing Transaction) throws(Fault) {
        let number = Records.key(item.number)
        _ = try transaction.delete(from: number, in: database.tables[0]) {
            $0.count == 16 && Records.number($0.extracting(first: 8)) == item.number
        }
        _ = try transaction.delete(from: number, in: database.tables[1]) {
            Records.number($0) == item.number
        }
    }
}
