// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

extension StateSection {
    /// | bytes | meaning                                                                       |
    /// |-------|-------------------------------------------------------------------------------|
    /// | 8     | index of the last change to the table, 0 for none                             |
    /// | 4     | number of rows; each of them, ascending by key                                |
    ///
    /// Rows have their indexes in them, also while they are restored: jobs and allocations name each
    /// other by them.
    ///
    /// - Parameters:
    ///   - name: of the rows, for errors.
    ///   - max: bound of their number.
    ///   - sharesIndex: whether the table before it has the same index.
    ///   - insert: takes the next row, which is beyond those before it.
    static func scheduling<Key: Comparable & Sendable, Stored: Sendable, Row>(
        _ name: String, max: Int, index: WritableKeyPath<SchedulerTables, UInt64>,
        sharesIndex: Bool = false,
        rows: @escaping (SchedulerTables) -> OrderedTable<Key, Stored>,
        write: @escaping (Stored, inout ByteWriter) -> Void,
        read: @escaping (inout StateReader, SchedulerTables) throws(StateError) -> Row,
        key: @escaping (Row) -> Key,
        insert: @escaping (Row, inout SchedulerTables) -> Void
    ) -> StateSection {
        StateSection(
            headBytesMax: 12, elementBytesMax: 16 + SchedulerTables.rowBytesMax,
            writeHead: { state, writer in
                writer.write(state.scheduling[keyPath: index])
                writer.write(UInt32(rows(state.scheduling).count))
            },
            elementWriter: { state in
                var iterator = rows(state.scheduling).makeIterator()
                return { writer in
                    guard let row = iterator.next()?.value else { return false }
                    write(row, &writer)
                    return true
                }
            },
            readHead: { (reader, state) throws(StateError) in
                let changed = try reader.uint64()
                let count = try reader.uint32()
                guard changed <= state.lastAppliedIndex, changed > 0 || count == 0 else {
                    throw .malformed("\(name) changed at \(changed)")
                }
                guard !sharesIndex || changed == state.scheduling[keyPath: index] else {
                    throw .malformed("\(name) changed at \(changed)")
                }
                guard count <= max else { throw .malformed("\(count) \(name), at most \(max)") }
                state.scheduling[keyPath: index] = changed
                return count
            },
            readElement: { (reader, state) throws(StateError) in
                let row = try read(&reader, state.scheduling)
                if let last = rows(state.scheduling).lastKey, last >= key(row) {
                    throw .malformed("\(name) out of order")
                }
                insert(row, &state.scheduling)
            })
    }
}
