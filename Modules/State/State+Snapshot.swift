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
/// Version 5, written once there was a node, a job or what is made of them: all of version 4, and
/// behind it what `SchedulerTables+Snapshot.swift` says.
///
/// Values are written as `Codec.swift`, `HistoryCodec.swift`, `ACLCodec.swift` and
/// `SchedulingCodec.swift` say.
extension State {
    /// The newest version that this program reads.
    package static let snapshotVersion: UInt8 = 5

    /// Equal states give equal bytes. O(n): meant for a worker, on a copy.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(
            reservingBytes: 256 + 128 * serverTable.count + acl.bytesCount)
        let version = neededVersion
        writer.write(version)
        writer.write(lastAppliedIndex)
        writer.write(autopilot != nil)
        if let autopilot {
            writer.write(autopilot.createIndex)
            writer.write(autopilot.modifyIndex)
            writer.write(autopilot)
        }
        writer.write(scheduler != nil)
        if let scheduler {
            writer.write(scheduler.createIndex)
            writer.write(scheduler.modifyIndex)
            writer.write(scheduler)
        }
        writer.write(serverTableIndex)
        writer.write(UInt32(serverTable.count))
        for element in serverTable {
            writer.write(element.value)
            if version > 2 { writer.writeLabels(element.value) }
        }
        if version > 1 { writeRestores(to: &writer) }
        if version > 2 { writeHistory(to: &writer) }
        if version > 3 { acl.write(to: &writer) }
        if version > 4 { scheduling.write(to: &writer) }
        return writer.finish()
    }

    /// The oldest version that can hold this state.
    private var neededVersion: UInt8 {
        if scheduling.isKnown { return 5 }
        if acl.isKnown { return 4 }
        if historyIndex > 0 || upgradeBaselineIndex > 0
            || serverTable.contains(where: { $0.value.hasLabels })
        {
            return 3
        }
        return restoredIndex > 0 || pendingRestore != nil ? 2 : 1
    }

    /// Reads bytes of any origin; what it takes is a state that ``encoded()`` gives back.
    package init(decoding bytes: [UInt8]) throws(StateError) {
        self.init()
        var reader = StateReader(bytes)
        let version = try reader.uint8()
        guard version <= Self.snapshotVersion else {
            throw .newerVersion(version, known: Self.snapshotVersion)
        }
        guard version > 0 else { throw .malformed("no snapshot has version \(version)") }
        lastAppliedIndex = try reader.uint64()
        if try reader.bool() {
            let (createIndex, modifyIndex) = try readIndexes(&reader)
            var configuration = try reader.autopilot()
            configuration.createIndex = createIndex
            configuration.modifyIndex = modifyIndex
            autopilot = configuration
        }
        if try reader.bool() {
            let (createIndex, modifyIndex) = try readIndexes(&reader)
            var configuration = try reader.scheduler()
            configuration.createIndex = createIndex
            configuration.modifyIndex = modifyIndex
            scheduler = configuration
        }
        try readServers(&reader, version: version)
        if version > 1 { try readRestores(&reader) }
        if version > 2 { try readHistory(&reader) }
        if version > 3 { acl = try ACLTables(&reader, lastApplied: lastAppliedIndex) }
        if version > 4 { scheduling = try SchedulerTables(&reader, lastApplied: lastAppliedIndex) }
        try reader.finish()
        // One state has one encoding.
        guard version == neededVersion else {
            throw .malformed("version \(version) without need of more than \(neededVersion)")
        }
    }

    private func writeRestores(to writer: inout ByteWriter) {
        writer.write(restoredIndex)
        writer.write(pendingRestore != nil)
        guard let pendingRestore else { return }
        writer.write(pendingRestore.index)
        writer.write(UInt64(pendingRestore.size))
        writer.write(pendingRestore.checksum)
        writer.write(UInt32(pendingRestore.chunks.count))
        for chunk in pendingRestore.chunks { writer.write(bytes: chunk) }
    }

    private mutating func readRestores(_ reader: inout StateReader) throws(StateError) {
        restoredIndex = try reader.uint64()
        guard restoredIndex <= lastAppliedIndex else {
            throw .malformed("restored at \(restoredIndex), after \(lastAppliedIndex)")
        }
        guard try reader.bool() else { return }
        let index = try reader.uint64()
        guard restoredIndex < index, index <= lastAppliedIndex,
            lastAppliedIndex - index <= StateRestore.entriesMax
        else { throw .malformed("a restore under way since \(index) at \(lastAppliedIndex)") }
        var pending = try PendingRestore(
            index: index, size: try reader.uint64(), checksum: try reader.uint32())
        let count = try reader.uint32()
        for number in 0..<count { try pending.add(try reader.chunk(), number: number) }
        pendingRestore = pending
    }

    private func writeHistory(to writer: inout ByteWriter) {
        writer.write(historyIndex)
        writer.write(UInt32(terms.leaderCount))
        for leader in terms.leaders {
            writer.write(leader.index)
            writer.write(leader)
        }
        writer.write(UInt32(eventLog.count))
        writer.write(raw: eventLog.encoded)
        writer.write(upgradeBaselineIndex)
        writer.write(upgradeBaseline != nil)
        if let upgradeBaseline { writer.write(upgradeBaseline) }
    }

    private mutating func readHistory(_ reader: inout StateReader) throws(StateError) {
        historyIndex = try reader.uint64()
        let leaders = try reader.uint32()
        guard leaders <= History.leadersMax else { throw .malformed("\(leaders) terms") }
        var previous: UInt64 = 0
        for _ in 0..<leaders {
            previous = try reader.recordIndex(after: previous, last: lastAppliedIndex)
            var leader = try reader.leader()
            leader.index = previous
            guard terms.record(leader) else {
                throw .malformed("term \(leader.term) is out of order")
            }
        }
        let events = try reader.uint32()
        guard events <= History.eventsMax else { throw .malformed("\(events) events") }
        eventLog = try EventLog(&reader, count: events, last: lastAppliedIndex)
        let newest = max(terms.newestIndex, eventLog.newestIndex)
        guard historyIndex == newest else {
            throw .malformed("history changed at \(historyIndex), its newest is of \(newest)")
        }
        upgradeBaselineIndex = try reader.uint64()
        upgradeBaseline = try reader.optional()
        guard upgradeBaselineIndex <= lastAppliedIndex,
            upgradeBaselineIndex > 0 || upgradeBaseline == nil
        else {
            throw .malformed("a baseline of \(upgradeBaselineIndex) at \(lastAppliedIndex)")
        }
    }

    private func readIndexes(
        _ reader: inout StateReader
    ) throws(StateError) -> (create: UInt64, modify: UInt64) {
        let create = try reader.uint64()
        let modify = try reader.uint64()
        guard 0 < create, create <= modify, modify <= lastAppliedIndex else {
            throw .malformed(
                "indexes \(create) and \(modify) do not fit \(lastAppliedIndex), the last applied")
        }
        return (create, modify)
    }

    private mutating func readServers(
        _ reader: inout StateReader, version: UInt8
    ) throws(StateError) {
        serverTableIndex = try reader.uint64()
        guard serverTableIndex <= lastAppliedIndex else {
            throw .malformed("servers changed at \(serverTableIndex), after \(lastAppliedIndex)")
        }
        let count = try reader.uint32()
        guard count <= Self.serversMax else { throw .malformed("\(count) servers") }
        guard count == 0 || serverTableIndex > 0 else {
            throw .malformed("\(count) servers without a change")
        }
        var previous = ""
        for _ in 0..<count {
            let server = try reader.server(version: version)
            guard previous < server.id else {
                throw .malformed("server \(server.id) is out of order")
            }
            previous = server.id
            serverTable.insert(server, at: server.id)
        }
    }
}
