// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// The state as bytes:
///
/// | bytes | meaning                                                              |
/// |-------|----------------------------------------------------------------------|
/// | 1     | version of this format                                               |
/// | 8     | last applied index                                                   |
/// | 1     | whether an autopilot configuration follows; 8: CreateIndex;          |
/// |       | 8: ModifyIndex; the configuration                                    |
/// | 1     | the same for the scheduler configuration                             |
/// | 8     | index of the last change to the servers                              |
/// | 4     | number of servers; each of them, in ascending order of id            |
///
/// Version 2, written once there was a restore, so that older programs read what they can know:
///
/// | bytes | meaning, behind that of version 1                                    |
/// |-------|----------------------------------------------------------------------|
/// | 8     | index of the last restore that took effect, 0 for none               |
/// | 1     | whether a restore is under way; 8: index of its begin; 8: bytes of   |
/// |       | the whole; 4: CRC-32C of the whole; 4: number of chunks; each chunk  |
/// |       | with its length of 32 bits                                           |
///
/// Version 3, written once there is a history, an upgrade or a server with labels: its servers are
/// those of version 3, what version 2 appends is always there, and behind it:
///
/// | bytes | meaning                                                              |
/// |-------|----------------------------------------------------------------------|
/// | 8     | index of the last change to the history, 0 for none                  |
/// | 4     | number of terms; each: 8: its log index; the term; ascending         |
/// | 4     | number of events; each: 8: its log index; the event; ascending       |
/// | 8     | index of the last change to the upgrade's baseline, 0 for none       |
/// | 1     | whether a baseline follows; 8: the baseline                          |
///
/// Version 4, written once there was a token, policy or role: all of version 3, and behind it what
/// `State+ACLSnapshot.swift` says.
///
/// Version 5, written once the tables of version 4 are beyond the bounds that version 4 has, or a restore
/// is under way that is read as it comes: the same, with the bounds of ``ACLTables/Bounds/current``. Such
/// a restore has 2 in place of whether there is one, 0 chunks, and then
///
/// | bytes | meaning                                                              |
/// |-------|----------------------------------------------------------------------|
/// | 8, 4  | bytes of it that came; CRC-32C of them                               |
/// | 1     | version of the state in them; 0 before its first byte                |
/// | 1, 4  | number of its sections that are begun; elements left in the last     |
/// | 4…    | bytes that were not read yet                                         |
///
/// and, at the end of everything, the sections of the state as far as it was read, its rows without
/// indexes.
///
/// Version 6, written once there was a node, a job or what is made of them: all of version 5, and behind
/// it what `SchedulerTables+Snapshot.swift` says.
///
/// Version 7, written once there was a pool of nodes beside those that are built in, or a change of one, or a
/// node of whose secret only the digest is kept: all of version 6, its nodes with a byte before the secret that
/// says which of the two follows, and behind it the pools, by name, as `SchedulerTables+Pools.swift` says.
///
/// Values are written as `Codec.swift`, `HistoryCodec.swift`, `ACLCodec.swift` and
/// `SchedulingCodec.swift` say. The layout is the
/// list of ``sections(version:)``; ``StateEncoder`` and ``StateDecoder`` go through it piece by piece.
extension State {
    /// The newest version that this program reads.
    package static let snapshotVersion: UInt8 = 7

    /// What follows the byte of the version, in its order. A table that is added is a line behind
    /// the others, of a version of its own.
    ///
    /// - Parameter staged: the version of the state that is being restored, if it is read as it comes.
    static func sections(
        version: UInt8, _ indexes: StateSection.RowIndexes = .kept, staged: UInt8? = nil
    ) -> [StateSection] {
        var sections: [StateSection] = [.settings, .servers(version: version)]
        if version > 1 { sections += [.restore(version: version, indexes)] }
        if version > 2 { sections += [.terms, .events, .baseline(indexes)] }
        if version > 3 { sections += ACLTables.sections(.of(version: version), indexes) }
        if version > 5 { sections += SchedulerTables.sections(version: version) }
        if version > 6 { sections += [SchedulerTables.poolSection] }
        if let staged, staged > 0 {
            sections += Self.sections(version: staged, .absent).map(\.ofStaged)
        }
        return sections
    }

    /// The oldest version that can hold this state.
    var neededVersion: UInt8 {
        if scheduling.poolIndex > 0 || scheduling.counts.sealed > 0 { return 7 }
        if scheduling.isKnown { return 6 }
        if !acl.fits(.first) || pendingRestore?.decoder != nil { return 5 }
        if acl.isKnown { return 4 }
        if historyIndex > 0 || upgradeBaselineIndex > 0
            || serverTable.contains(where: { $0.value.hasLabels })
        {
            return 3
        }
        return restoredIndex > 0 || pendingRestore != nil ? 2 : 1
    }

    /// Equal states give equal bytes. O(n), and whole in memory: for tests and small states.
    package func encoded() -> [UInt8] {
        var encoder = StateEncoder(self)
        var bytes: [UInt8] = []
        while let piece = encoder.next() { bytes += piece }
        return bytes
    }

    /// Reads bytes of any origin; what it takes is a state that ``encoded()`` gives back.
    package init(decoding bytes: [UInt8]) throws(StateError) {
        var decoder = StateDecoder()
        try decoder.receive(bytes)
        self = try decoder.finish()
    }
}

// MARK: Configurations and servers

extension StateSection {
    /// Last applied index and the two configurations.
    fileprivate static var settings: StateSection {
        .head(bytesMax: 256) { state, writer in
            writer.write(state.lastAppliedIndex)
            writer.write(state.autopilot != nil)
            if let autopilot = state.autopilot {
                writer.write(autopilot.createIndex)
                writer.write(autopilot.modifyIndex)
                writer.write(autopilot)
            }
            writer.write(state.scheduler != nil)
            if let scheduler = state.scheduler {
                writer.write(scheduler.createIndex)
                writer.write(scheduler.modifyIndex)
                writer.write(scheduler)
            }
        } read: { (reader, state) throws(StateError) in
            state.lastAppliedIndex = try reader.uint64()
            if try reader.bool() {
                let (create, modify) = try reader.indexes(last: state.lastAppliedIndex)
                var configuration = try reader.autopilot()
                configuration.createIndex = create
                configuration.modifyIndex = modify
                state.autopilot = configuration
            }
            if try reader.bool() {
                let (create, modify) = try reader.indexes(last: state.lastAppliedIndex)
                var configuration = try reader.scheduler()
                configuration.createIndex = create
                configuration.modifyIndex = modify
                state.scheduler = configuration
            }
        }
    }

    fileprivate static func servers(version: UInt8) -> StateSection {
        StateSection(
            headBytesMax: 12, elementBytesMax: 10 * (2 + ServerIdentity.textBytesMax) + 2,
            writeHead: { state, writer in
                writer.write(state.serverTableIndex)
                writer.write(UInt32(state.serverTable.count))
            },
            elementWriter: { state in
                var iterator = state.serverTable.makeIterator()
                return { writer in
                    guard let server = iterator.next()?.value else { return false }
                    writer.write(server)
                    if version > 2 { writer.writeLabels(server) }
                    return true
                }
            },
            readHead: { (reader, state) throws(StateError) in
                let index = try reader.uint64()
                guard index <= state.lastAppliedIndex else {
                    throw .malformed("servers changed at \(index), after \(state.lastAppliedIndex)")
                }
                state.serverTableIndex = index
                let count = try reader.uint32()
                guard count <= State.serversMax else { throw .malformed("\(count) servers") }
                guard count == 0 || index > 0 else {
                    throw .malformed("\(count) servers without a change")
                }
                return count
            },
            readElement: { (reader, state) throws(StateError) in
                let server = try reader.server(version: version)
                if let last = state.serverTable.lastKey, last >= server.id {
                    throw .malformed("server \(server.id) is out of order")
                }
                state.serverTable.insert(server, at: server.id)
            })
    }
}
