// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft

/// The first frame on every connection between servers, and its answer. Strangers are refused here,
/// before any other frame is read.
struct Hello {
    enum Purpose: UInt8 {
        /// Raft messages, forwards and pings, for as long as it lasts.
        case peer = 1
        /// One snapshot.
        case snapshot = 2
        /// One request that is passed on, with bodies that go piece by piece.
        case request = 3
    }

    static let magic: UInt32 = 0x4C54_524D  // "MRTL"
    /// The range of peer protocols that this version speaks.
    static let protocolMin: UInt16 = 1
    static let protocolMax: UInt16 = 6
    /// The first in which a request that is passed on says whose it is.
    static let credentialProtocol: UInt16 = 4
    /// From here on it also says which trace a request that is passed on belongs to.
    static let traceProtocol: UInt16 = 5
    /// The first with connections for one request (``Purpose/request``).
    static let requestProtocol: UInt16 = 5
    /// The first in which a server lends its scheduler's lanes to the leader.
    static let lanesProtocol: UInt16 = 6

    /// The highest that the sender speaks.
    var protocolMax: UInt16
    var purpose: Purpose
    var sender: MemberInfo

    func write(to writer: inout ByteWriter) {
        writer.write(Self.magic)
        writer.write(Self.protocolMin)
        writer.write(protocolMax)
        writer.write(purpose.rawValue)
        sender.write(to: &writer)
    }

    init(purpose: Purpose, sender: MemberInfo, protocolMax: UInt16 = Hello.protocolMax) {
        self.protocolMax = protocolMax
        self.purpose = purpose
        self.sender = sender
    }

    /// - Parameter ownMax: the highest protocol that the reader speaks.
    init(
        reading reader: inout ByteReader, ownMax: UInt16 = Hello.protocolMax
    ) throws(ByteError) {
        guard try reader.readUInt32() == Self.magic else {
            throw ByteError(offset: 0, reason: "no peer of this kind: wrong magic number")
        }
        let lowest = try reader.readUInt16()
        let highest = try reader.readUInt16()
        guard lowest <= ownMax, highest >= Self.protocolMin, lowest <= highest else {
            throw ByteError(
                offset: 4,
                reason: "peer speaks protocols \(lowest) to \(highest), this server "
                    + "\(Self.protocolMin) to \(ownMax)")
        }
        protocolMax = highest
        guard let purpose = Purpose(rawValue: try reader.readUInt8()) else {
            throw ByteError(offset: 8, reason: "unknown purpose of a connection")
        }
        self.purpose = purpose
        sender = try MemberInfo(reading: &reader)
        try reader.finish()
    }
}

/// The answer to a greeting. What is appended to it in protocol 2 is left out for a sender that
/// speaks only 1, which reads to the end and no further.
struct HelloReply {
    enum Verdict: Equatable {
        case welcome
        case refused(String)
    }

    var verdict: Verdict
    var sender: MemberInfo
    /// What both ends speak from here on.
    var agreedProtocol: UInt16

    func write(to writer: inout ByteWriter) {
        switch verdict {
        case .welcome:
            writer.write(UInt8(0))
            writer.write(string: "")
        case .refused(let reason):
            writer.write(UInt8(1))
            writer.write(string: reason)
        }
        sender.write(to: &writer)
        if agreedProtocol >= 2 { writer.write(agreedProtocol) }
    }

    init(verdict: Verdict, sender: MemberInfo, agreedProtocol: UInt16) {
        self.verdict = verdict
        self.agreedProtocol = agreedProtocol
        self.sender = sender
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        let code = try reader.readUInt8()
        let reason = try reader.readString(maxBytes: 1024)
        verdict = code == 0 ? .welcome : .refused(reason)
        sender = try MemberInfo(reading: &reader)
        agreedProtocol = reader.remaining > 0 ? try reader.readUInt16() : 1
        guard (Hello.protocolMin...Hello.protocolMax).contains(agreedProtocol) else {
            throw ByteError(offset: 0, reason: "protocol \(agreedProtocol) was never offered")
        }
        try reader.finish()
    }
}
