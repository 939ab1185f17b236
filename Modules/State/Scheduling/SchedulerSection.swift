// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// A stretch of the tables' bytes: a head, and as many elements as it says. Each of them is written and
/// read whole; between any two, whoever writes or reads may stop.
struct SchedulerSection {
    typealias Read = (inout StateReader, inout SchedulerTables) throws(StateError) -> Void

    static let headBytesMax = 12
    static let elementBytesMax = 16 + SchedulerTables.rowBytesMax

    let writeHead: (SchedulerTables, inout ByteWriter) -> Void
    /// Makes what writes the next element at each call; false once there is none.
    let elementWriter: (SchedulerTables) -> (inout ByteWriter) -> Bool
    /// Gives the number of elements; the last is the state's last applied index.
    let readHead: (inout StateReader, inout SchedulerTables, UInt64) throws(StateError) -> UInt32
    /// Makes what reads the next element at each call.
    let elementReader: () -> Read
}

extension SchedulerSection {
    /// | bytes | meaning                                                                       |
    /// |-------|-------------------------------------------------------------------------------|
    /// | 8     | index of the last change to the table, 0 for none                             |
    /// | 4     | number of rows; each of them, ascending by key                                |
    ///
    /// - Parameters:
    ///   - name: of the rows, for errors.
    ///   - max: bound of their number.
    ///   - sharesIndex: whether the table before it has the same index.
    ///   - read: makes what reads a row, takes it and gives its key.
    static func table<Key: Comparable & Sendable, Row: Sendable>(
        _ name: String, max: Int, index: WritableKeyPath<SchedulerTables, UInt64>,
        sharesIndex: Bool = false, rows: @escaping (SchedulerTables) -> OrderedTable<Key, Row>,
        write: @escaping (Row, inout ByteWriter) -> Void,
        read:
            @escaping () -> (
                (inout StateReader, inout SchedulerTables) throws(StateError) -> Key
            )
    ) -> SchedulerSection {
        SchedulerSection(
            writeHead: { tables, writer in
                writer.write(tables[keyPath: index])
                writer.write(UInt32(rows(tables).count))
            },
            elementWriter: { tables in
                var iterator = rows(tables).makeIterator()
                return { writer in
                    guard let row = iterator.next()?.value else { return false }
                    write(row, &writer)
                    return true
                }
            },
            readHead: { (reader, tables, last) throws(StateError) in
                let changed = try reader.uint64()
                let count = try reader.uint32()
                guard changed <= last, changed > 0 || count == 0 else {
                    throw .malformed("\(name) changed at \(changed), after \(last)")
                }
                guard !sharesIndex || changed == tables[keyPath: index] else {
                    throw .malformed("\(name) changed at \(changed)")
                }
                guard count <= max else { throw .malformed("\(count) \(name), at most \(max)") }
                tables[keyPath: index] = changed
                return count
            },
            elementReader: {
                let read = read()
                var previous: Key?
                return { (reader, tables) throws(StateError) in
                    let key = try read(&reader, &tables)
                    if let previous, previous >= key {
                        throw .malformed("\(name) out of order")
                    }
                    previous = key
                }
            })
    }
}

extension StateReader {
    /// CreateIndex and ModifyIndex of a row of a table that was changed at `last`.
    mutating func rowIndexes(last: UInt64) throws(StateError) -> (create: UInt64, modify: UInt64) {
        let create = try uint64()
        let modify = try uint64()
        guard 0 < create, create <= modify, modify <= last else {
            throw .malformed("indexes \(create) and \(modify) of a table changed at \(last)")
        }
        return (create, modify)
    }
}
