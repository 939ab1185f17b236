// SPDX-License-Identifier: Apache-2.0
import MartletBytes

/// A stretch of the snapshot's bytes: a head, and as many elements as it says. Each of them is written
/// and read whole; between any two, ``StateEncoder`` and ``StateDecoder`` may stop for as long as they
/// like. So neither ever holds more than a piece and one element.
///
/// - Invariant: what reads an element needs nothing but the state as far as it was read, so that a state
///   in the middle of being read is a value like any other (``PendingRestore``).
struct StateSection {
    /// What becomes of the indexes of rows.
    enum RowIndexes: Equatable, Sendable {
        /// They stand before each row.
        case kept
        /// They stand there, and are of another log: rows are without, until they are in force.
        case dropped
        /// They do not stand there: these are the rows of a state that is being restored.
        case absent
    }

    typealias Read<Value> = (inout StateReader, inout State) throws(StateError) -> Value

    /// No head takes more bytes.
    let headBytesMax: Int
    /// No element takes more bytes.
    let elementBytesMax: Int
    let writeHead: (State, inout ByteWriter) -> Void
    /// Makes what writes the next element at each call; false once there is none.
    let elementWriter: (State) -> (inout ByteWriter) -> Bool
    /// Gives the number of elements.
    let readHead: Read<UInt32>
    let readElement: Read<Void>
}

extension StateSection {
    /// A head alone, or nothing but a check of what was read before it.
    static func head(
        bytesMax: Int, write: @escaping (State, inout ByteWriter) -> Void,
        read: @escaping Read<Void>
    ) -> StateSection {
        StateSection(
            headBytesMax: bytesMax, elementBytesMax: 0, writeHead: write,
            elementWriter: { _ in { _ in false } },
            readHead: { (reader, state) throws(StateError) in
                try read(&reader, &state)
                return 0
            }, readElement: { (_, _) in })
    }

    /// | bytes | meaning                                                                       |
    /// |-------|-------------------------------------------------------------------------------|
    /// | 8     | index of the last change to the table, 0 for none                             |
    /// | 4     | number of rows; each: 8: CreateIndex; 8: ModifyIndex; the row; ascending by   |
    /// |       | key                                                                           |
    ///
    /// - Parameters:
    ///   - name: of the rows, for errors.
    ///   - max: bound of their number.
    ///   - restoredIndex: what stands for the indexes of rows that have none.
    ///   - insert: takes the next row, which is beyond those before it.
    static func table<Row: StateRow>(
        _ name: String, max: Int, _ indexes: RowIndexes, index: WritableKeyPath<State, UInt64>,
        rows: @escaping (State) -> OrderedTable<Row.Key, Row>,
        restoredIndex: @escaping (State) -> UInt64 = { _ in 0 },
        insert: @escaping (Row, inout State) throws(StateError) -> Void
    ) -> StateSection {
        StateSection(
            headBytesMax: 12, elementBytesMax: 16 + Row.bytesMax,
            writeHead: { state, writer in
                writer.write(state[keyPath: index])
                writer.write(UInt32(rows(state).count))
            },
            elementWriter: { state in
                var iterator = rows(state).makeIterator()
                let restored = restoredIndex(state)
                return { writer in
                    guard let row = iterator.next()?.value else { return false }
                    if indexes != .absent {
                        let dated = row.dated(restored)
                        writer.write(dated.createIndex)
                        writer.write(dated.modifyIndex)
                    }
                    row.write(to: &writer)
                    return true
                }
            },
            readHead: { (reader, state) throws(StateError) in
                state[keyPath: index] = try reader.tableIndex(last: state.lastAppliedIndex)
                return try reader.rowCount(max: max, changedAt: state[keyPath: index])
            },
            readElement: { (reader, state) throws(StateError) in
                let (create, modify) =
                    indexes == .absent
                    ? (0, 0) : try reader.indexes(last: state[keyPath: index])
                let row = try Row(reading: &reader)
                if let last = rows(state).lastKey, last >= row.key {
                    throw .malformed("\(name) out of order")
                }
                try insert(
                    indexes == .kept ? row.written(created: create, modified: modify) : row,
                    &state)
            })
    }

    /// The same stretch of the state that is being restored.
    var ofStaged: StateSection {
        StateSection(
            headBytesMax: headBytesMax, elementBytesMax: elementBytesMax,
            writeHead: { state, writer in
                if let staged = state.pendingRestore?.staged { writeHead(staged, &writer) }
            },
            elementWriter: { state in
                guard let staged = state.pendingRestore?.staged else { return { _ in false } }
                return elementWriter(staged)
            },
            readHead: { (reader, state) throws(StateError) in
                try state.pendingRestore?.withStaged { (staged) throws(StateError) in
                    try readHead(&reader, &staged)
                } ?? 0
            },
            readElement: { (reader, state) throws(StateError) in
                try state.pendingRestore?.withStaged { (staged) throws(StateError) in
                    try readElement(&reader, &staged)
                }
            })
    }
}

extension StateReader {
    /// The index of the last change to a table.
    fileprivate mutating func tableIndex(last: UInt64) throws(StateError) -> UInt64 {
        let index = try uint64()
        guard index <= last else { throw .malformed("a table changed at \(index), after \(last)") }
        return index
    }

    fileprivate mutating func rowCount(
        max: Int, changedAt index: UInt64
    ) throws(StateError) -> UInt32 {
        let count = try uint32()
        guard index > 0 || count == 0 else { throw .malformed("\(count) rows without a change") }
        guard count <= max else { throw .malformed("\(count) rows, at most \(max)") }
        return count
    }

    /// CreateIndex and ModifyIndex, neither beyond `last`.
    mutating func indexes(last: UInt64) throws(StateError) -> (create: UInt64, modify: UInt64) {
        let create = try uint64()
        let modify = try uint64()
        guard 0 < create, create <= modify, modify <= last else {
            throw .malformed("indexes \(create) and \(modify), the last is \(last)")
        }
        return (create, modify)
    }
}
