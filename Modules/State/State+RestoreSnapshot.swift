// SPDX-License-Identifier: Apache-2.0
import MartletBytes

// What snapshots of version 2 append: the last restore, and one that is under way.

extension StateSection {
    /// In a state that is itself restored, none is under way.
    static func restore(version: UInt8, _ indexes: RowIndexes) -> StateSection {
        StateSection(
            headBytesMax: 33 + (indexes == .kept ? 22 + unitBytesMax : 0),
            elementBytesMax: 4 + StateRestore.chunkBytes,
            writeHead: { state, writer in
                writer.write(state.restoredIndex)
                guard let pending = state.pendingRestore else { return writer.write(false) }
                writer.write(pending.decoder == nil ? 1 : 2 as UInt8)
                writer.write(pending.index)
                writer.write(UInt64(pending.size))
                writer.write(pending.checksum)
                writer.write(UInt32(pending.chunks.count))
                if let decoder = pending.decoder {
                    writer.write(UInt64(pending.received))
                    writer.write(pending.sum)
                    decoder.writePosition(to: &writer)
                }
            },
            elementWriter: { state in
                var chunks = (state.pendingRestore?.chunks ?? []).makeIterator()
                return { writer in
                    guard let chunk = chunks.next() else { return false }
                    writer.write(bytes: chunk)
                    return true
                }
            },
            readHead: { (reader, state) throws(StateError) in
                try state.readRestored(&reader)
                switch try reader.uint8() {
                case 0: return 0
                case 1 where indexes == .kept: return try state.readRestore(&reader)
                case 2 where indexes == .kept && version > 4:
                    return try state.readStagedRestore(&reader)
                case let kind: throw .malformed("a restore under way of kind \(kind)")
                }
            },
            readElement: { (reader, state) throws(StateError) in
                let (chunk, number) = (try reader.chunk(), state.pendingRestore?.nextNumber ?? 0)
                try state.pendingRestore?.add(chunk, number: number)
            })
    }

    /// No head and no element of a state that is being restored takes more bytes.
    static var unitBytesMax: Int {
        State.sections(version: StateRestore.formatMax, .dropped).reduce(1) {
            max($0, $1.headBytesMax, $1.elementBytesMax)
        }
    }
}

extension State {
    fileprivate mutating func readRestored(_ reader: inout StateReader) throws(StateError) {
        restoredIndex = try reader.uint64()
        guard restoredIndex <= lastAppliedIndex else {
            throw .malformed("restored at \(restoredIndex), after \(lastAppliedIndex)")
        }
    }

    private func restoreBegin(_ reader: inout StateReader) throws(StateError) -> UInt64 {
        let index = try reader.uint64()
        guard restoredIndex < index, index <= lastAppliedIndex,
            lastAppliedIndex - index <= StateRestore.entriesMax
        else { throw .malformed("a restore under way since \(index) at \(lastAppliedIndex)") }
        return index
    }

    fileprivate mutating func readRestore(
        _ reader: inout StateReader
    ) throws(StateError) -> UInt32 {
        pendingRestore = try PendingRestore(
            index: try restoreBegin(&reader), size: try reader.uint64(),
            checksum: try reader.uint32(), isStaged: false)
        return try reader.uint32()
    }

    fileprivate mutating func readStagedRestore(
        _ reader: inout StateReader
    ) throws(StateError) -> UInt32 {
        var pending = try PendingRestore(
            index: try restoreBegin(&reader), size: try reader.uint64(),
            checksum: try reader.uint32(), isStaged: true)
        guard try reader.uint32() == 0 else { throw .malformed("chunks of a staged restore") }
        try pending.resume(
            received: try reader.uint64(), sum: try reader.uint32(),
            decoder: try StateDecoder(position: &reader))
        pendingRestore = pending
        return 0
    }
}
