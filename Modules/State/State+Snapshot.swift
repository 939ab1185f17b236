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
/// Values are written as `Codec.swift` says.
extension State {
    /// The newest version that this program reads, and the one that it writes.
    package static let snapshotVersion: UInt8 = 1

    /// Equal states give equal bytes. O(n): meant for a worker, on a copy.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingBytes: 256 + 128 * serverTable.count)
        writer.write(Self.snapshotVersion)
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
        for element in serverTable { writer.write(element.value) }
        return writer.bytes
    }

    /// Reads bytes of any origin; what it takes is a state that ``encoded()`` gives back.
    package init(decoding bytes: [UInt8]) throws(StateError) {
        self.init()
        var reader = StateReader(bytes)
        let version = try reader.uint8()
        guard version <= Self.snapshotVersion else {
            throw .newerVersion(version, known: Self.snapshotVersion)
        }
        guard version == 1 else { throw .malformed("no snapshot has version \(version)") }
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
        try readServers(&reader)
        try reader.finish()
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

    private mutating func readServers(_ reader: inout StateReader) throws(StateError) {
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
            let server = try reader.server()
            guard previous < server.id else {
                throw .malformed("server \(server.id) is out of order")
            }
            previous = server.id
            serverTable.insert(server, at: server.id)
        }
    }
}
