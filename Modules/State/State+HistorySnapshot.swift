// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

// What snapshots of version 3 append: the terms, the events and the baseline of an upgrade.

extension StateSection {
    static var terms: StateSection {
        StateSection(
            headBytesMax: 12, elementBytesMax: 8 + 8 + 2 * (2 + textBytesMax) + 8,
            writeHead: { state, writer in
                writer.write(state.historyIndex)
                writer.write(UInt32(state.terms.leaderCount))
            },
            elementWriter: { state in
                var leaders = state.terms.leaders.makeIterator()
                return { writer in
                    guard let leader = leaders.next() else { return false }
                    writer.write(leader.index)
                    writer.write(leader)
                    return true
                }
            },
            readHead: { (reader, state) throws(StateError) in
                state.historyIndex = try reader.uint64()
                let count = try reader.uint32()
                guard count <= History.leadersMax else { throw .malformed("\(count) terms") }
                return count
            },
            readElement: { (reader, state) throws(StateError) in
                let index = try reader.recordIndex(
                    after: state.terms.newestIndex, last: state.lastAppliedIndex)
                var leader = try reader.leader()
                leader.index = index
                guard state.terms.record(leader) else {
                    throw .malformed("term \(leader.term) is out of order")
                }
            })
    }

    static var events: StateSection {
        StateSection(
            headBytesMax: 4, elementBytesMax: 8 + 8 + 1 + 7 * (2 + textBytesMax) + 3 * 8,
            writeHead: { state, writer in writer.write(UInt32(state.eventLog.count)) },
            elementWriter: { state in
                var records = state.eventLog.records.makeIterator()
                return { writer in
                    guard let record = records.next() else { return false }
                    writer.write(raw: record)
                    return true
                }
            },
            readHead: { (reader, _) throws(StateError) in
                let count = try reader.uint32()
                guard count <= History.eventsMax else { throw .malformed("\(count) events") }
                return count
            },
            readElement: { (reader, state) throws(StateError) in
                try state.eventLog.appendNext(of: &reader, last: state.lastAppliedIndex)
            })
    }

    /// Reads what only all records together show as well.
    static func baseline(_ indexes: RowIndexes) -> StateSection {
        .head(bytesMax: 8 + 1 + 8) { state, writer in
            writer.write(state.upgradeBaselineIndex)
            writer.write(state.upgradeBaseline != nil)
            if let baseline = state.upgradeBaseline { writer.write(baseline) }
        } read: { (reader, state) throws(StateError) in
            let newest = max(state.terms.newestIndex, state.eventLog.newestIndex)
            guard state.historyIndex == newest || indexes == .absent else {
                throw .malformed(
                    "history changed at \(state.historyIndex), its newest is of \(newest)")
            }
            let (index, last) = (try reader.uint64(), state.lastAppliedIndex)
            state.upgradeBaselineIndex = index
            state.upgradeBaseline = try reader.optional()
            guard index <= last, index > 0 || state.upgradeBaseline == nil else {
                throw .malformed("a baseline of \(index) at \(last)")
            }
        }
    }

    private static var textBytesMax: Int { ServerIdentity.textBytesMax }
}
