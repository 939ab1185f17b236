// SPDX-License-Identifier: Apache-2.0
import MartletBytes
package import MartletRaft

/// What a server says of itself to the others.
package struct MemberInfo: Equatable, Sendable {
    package var id: ServerID
    package var name: String
    package var region: String
    package var datacenter: String
    package var version: String
    /// Where the peer protocol, the gossip port and the HTTP API are reached: `ip:port`.
    package var peerAddress: String
    package var gossipAddress: String
    package var httpAddress: String
    package var bootstrapExpect: Int
    package var isNonVoter: Bool
    /// nil until it belongs to a cluster.
    package var clusterID: ServerID?
    /// Who proposed the founding that it has agreed to, while that is not complete. A hint.
    package var boundProposer: ServerID?
    package var recoveryEpoch: UInt64
    /// Its log has entries: it takes part in no founding.
    package var hasLog: Bool
    /// Tells the starts of the process apart; later ones are larger, unless the clock went back.
    package var incarnation: UInt64
    /// Grows with every change within a life: of two things that were said, the later counts.
    package var revision: UInt64 = 0
    /// Where it stands, for ``MartletAPI/AutopilotConfiguration/enableRedundancyZones``; may be empty.
    package var redundancyZone = ""
    /// What counts as its version in custom upgrades; empty for the program's.
    package var upgradeVersion = ""
    /// The highest peer protocol that it speaks.
    package var protocolMax = Hello.protocolMax
    /// It stops in good order and means to come back.
    package var isStopping = false

    /// `<name>.<region>`, as it is shown.
    package var fullName: String { "\(name).\(region)" }

    private static let textBytesMax = 255

    func write(to writer: inout ByteWriter) {
        write(id, to: &writer)
        writer.write(string: name)
        writer.write(string: region)
        writer.write(string: datacenter)
        writer.write(string: version)
        writer.write(string: peerAddress)
        writer.write(string: gossipAddress)
        writer.write(string: httpAddress)
        writer.write(UInt8(clamping: bootstrapExpect))
        writer.write(isNonVoter)
        writer.write(clusterID != nil)
        write(clusterID ?? ServerID(high: 0, low: 0), to: &writer)
        writer.write(boundProposer != nil)
        write(boundProposer ?? ServerID(high: 0, low: 0), to: &writer)
        writer.write(recoveryEpoch)
        writer.write(hasLog)
        writer.write(incarnation, revision)
        writer.write(string: redundancyZone)
        writer.write(string: upgradeVersion)
        writer.write(protocolMax)
        writer.write(isStopping)
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        id = try ServerID(reading: &reader)
        name = try reader.readString(maxBytes: Self.textBytesMax)
        region = try reader.readString(maxBytes: Self.textBytesMax)
        datacenter = try reader.readString(maxBytes: Self.textBytesMax)
        version = try reader.readString(maxBytes: Self.textBytesMax)
        peerAddress = try reader.readString(maxBytes: Self.textBytesMax)
        gossipAddress = try reader.readString(maxBytes: Self.textBytesMax)
        httpAddress = try reader.readString(maxBytes: Self.textBytesMax)
        bootstrapExpect = Int(try reader.readUInt8())
        isNonVoter = try reader.readBool()
        let belongs = try reader.readBool()
        let cluster = try ServerID(reading: &reader)
        clusterID = belongs ? cluster : nil
        let isBound = try reader.readBool()
        let bond = try ServerID(reading: &reader)
        boundProposer = isBound ? bond : nil
        recoveryEpoch = try reader.readUInt64()
        hasLog = try reader.readBool()
        incarnation = try reader.readUInt64()
        revision = try reader.readUInt64()
        redundancyZone = try reader.readString(maxBytes: Self.textBytesMax)
        upgradeVersion = try reader.readString(maxBytes: Self.textBytesMax)
        protocolMax = try reader.readUInt16()
        isStopping = try reader.readBool()
    }

    /// What gossip carries of it.
    var payload: [UInt8] {
        var writer = ByteWriter(reservingBytes: 512)
        write(to: &writer)
        return writer.bytes
    }

    /// Reads what gossip carried, to its end.
    init(payload: [UInt8]) throws(ByteError) {
        var reader = ByteReader(payload)
        try self.init(reading: &reader)
        try reader.finish()
    }

    package init(
        id: ServerID, name: String, region: String, datacenter: String, version: String,
        peerAddress: String, gossipAddress: String, httpAddress: String, bootstrapExpect: Int,
        isNonVoter: Bool, clusterID: ServerID?, recoveryEpoch: UInt64, hasLog: Bool,
        incarnation: UInt64
    ) {
        self.id = id
        self.name = name
        self.region = region
        self.datacenter = datacenter
        self.version = version
        self.peerAddress = peerAddress
        self.gossipAddress = gossipAddress
        self.httpAddress = httpAddress
        self.bootstrapExpect = bootstrapExpect
        self.isNonVoter = isNonVoter
        self.clusterID = clusterID
        self.recoveryEpoch = recoveryEpoch
        self.hasLog = hasLog
        self.incarnation = incarnation
    }

    private func write(_ id: ServerID, to writer: inout ByteWriter) { id.write(to: &writer) }
}

extension ServerID {
    func write(to writer: inout ByteWriter) {
        writer.write(high, low)
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        self.init(high: try reader.readUInt64(), low: try reader.readUInt64())
    }
}
