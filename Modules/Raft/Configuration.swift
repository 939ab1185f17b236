// SPDX-License-Identifier: Apache-2.0

/// Who is in the cluster, and who of them votes (dissertation §4). Order is the order of joining.
///
/// A configuration is *joint* while one is replaced by another that differs in more than one voter
/// (dissertation §4.3): then `servers` is the incoming one, `outgoing` the voters of the one that it
/// replaces, and whatever needs a majority needs one of each.
///
/// Encoding, little-endian, the payload of a configuration entry. Format 1 is the one of a
/// configuration that is not joint, so that servers of an older version read all they ever meet:
///
/// | offset | width | meaning                                    |
/// |--------|-------|--------------------------------------------|
/// | 0      | 1     | format: 1, or 2 if it is joint             |
/// | 1      | 1     | number of members, at most ``serversMax``  |
/// | then, for each member:                                      |
/// | 0      | 8, 8  | id, high word and low word                 |
/// | 16     | 1     | role: 0 voter, 1 non-voter; in format 2 also 2, not in the incoming configuration, plus 4 for a voter of the outgoing one |
/// | 17     | 1     | length of the address, at most 255         |
/// | 18     | n     | address, UTF-8                             |
public struct Configuration: Equatable, Sendable {
    /// What a server counts for. The raw value is part of the encoding.
    public enum Role: UInt8, Sendable {
        /// Counts in elections, commits and reads.
        case voter = 0
        /// Receives the log and counts in no quorum: a learner.
        case nonVoter = 1
    }

    /// One member, and how it takes part.
    public struct Server: Equatable, Sendable {
        /// Who it is, whatever its address.
        public var id: ServerID
        /// Where its peers reach it; Raft does not interpret it.
        public var address: String
        /// Whether it votes.
        public var role: Role

        public init(id: ServerID, address: String, role: Role) {
            self.id = id
            self.address = address
            self.role = role
        }
    }

    /// The most servers that one configuration holds.
    public static let serversMax = 255
    /// The longest address, in bytes of UTF-8.
    public static let addressBytesMax = 255

    /// The members, each once, in the order in which they joined.
    public var servers: [Server]
    /// While joint the voters of the configuration that is left, else empty. Those that stay come
    /// first, in the order of `servers`, then those that will be gone.
    public private(set) var outgoing: [Server]

    public init(servers: [Server]) {
        self.servers = servers
        outgoing = []
    }

    /// The joint configuration on the way from `old` to `servers`.
    init(from old: Configuration, to servers: [Server]) {
        self.servers = servers
        let voters = old.servers.filter { $0.role == .voter }
        outgoing = servers.filter { server in voters.contains { $0.id == server.id } }
        for position in outgoing.indices { outgoing[position].role = .voter }
        outgoing += voters.filter { voter in !servers.contains { $0.id == voter.id } }
    }

    /// Nobody: what a server knows before it has heard of any cluster.
    public static let empty = Configuration(servers: [])

    /// Two configurations at once: majorities of both decide (dissertation §4.3).
    public var isJoint: Bool { !outgoing.isEmpty }

    /// What a joint configuration is left for.
    var incoming: Configuration { Configuration(servers: servers) }

    /// Everybody who is fed: those of `servers`, then those that will be gone. The role is voter for
    /// a voter of either side.
    public var members: [Server] {
        guard isJoint else { return servers }
        var members = servers
        for position in members.indices where votesOutgoing(members[position].id) {
            members[position].role = .voter
        }
        return members + outgoing.filter { leaving in !servers.contains { $0.id == leaving.id } }
    }

    /// The member of this id, on either side; nil for a stranger.
    public subscript(_ id: ServerID) -> Server? {
        servers.first { $0.id == id } ?? outgoing.first { $0.id == id }
    }

    /// Whether this server is a member, voting or not.
    public func contains(_ id: ServerID) -> Bool { self[id] != nil }

    /// A voter of either side.
    public func isVoter(_ id: ServerID) -> Bool { votesIncoming(id) || votesOutgoing(id) }

    /// A voter also once a joint configuration is left.
    public func staysVoter(_ id: ServerID) -> Bool { votesIncoming(id) }

    func votesIncoming(_ id: ServerID) -> Bool {
        servers.contains { $0.id == id && $0.role == .voter }
    }

    func votesOutgoing(_ id: ServerID) -> Bool { outgoing.contains { $0.id == id } }

    /// The voters of both sides, each once.
    public var voterCount: Int {
        isJoint ? members.count { $0.role == .voter } : incomingVoterCount
    }

    private var incomingVoterCount: Int { servers.count { $0.role == .voter } }

    /// The number of voters that makes a majority, while joint of the larger side; 1 without any
    /// voter, so that nobody ever has one.
    public var quorum: Int { max(incomingQuorum, isJoint ? outgoingQuorum : 0) }

    var incomingQuorum: Int { incomingVoterCount / 2 + 1 }
    var outgoingQuorum: Int { outgoing.count / 2 + 1 }

    /// Whether those that pass are a majority of the voters; while joint, of each side's.
    public func hasMajority(_ passes: (ServerID) -> Bool) -> Bool {
        let incoming = servers.count { $0.role == .voter && passes($0.id) }
        guard incoming >= incomingQuorum else { return false }
        return !isJoint || outgoing.count { passes($0.id) } >= outgoingQuorum
    }

    // MARK: - Encoding

    /// The bytes of a configuration entry's payload.
    ///
    /// - Precondition: no more than ``serversMax`` servers, no address above ``addressBytesMax``.
    public func encoded() -> [UInt8] {
        let members = members
        precondition(members.count <= Self.serversMax, "\(members.count) servers")
        var bytes: [UInt8] = [isJoint ? 2 : 1, UInt8(members.count)]
        for server in members {
            Self.append(server.id.high, to: &bytes)
            Self.append(server.id.low, to: &bytes)
            bytes.append(encodedRole(of: server.id))
            let address = Array(server.address.utf8)
            precondition(address.count <= Self.addressBytesMax, "address of \(address.count) bytes")
            bytes.append(UInt8(address.count))
            bytes += address
        }
        return bytes
    }

    private static let absentRole: UInt8 = 2
    private static let outgoingFlag: UInt8 = 4

    private func encodedRole(of id: ServerID) -> UInt8 {
        let role = servers.first { $0.id == id }?.role.rawValue ?? Self.absentRole
        return votesOutgoing(id) ? role | Self.outgoingFlag : role
    }

    /// nil unless the bytes are exactly one well-formed configuration: a known format, no server
    /// twice, UTF-8 addresses, nobody who is on no side, no joint one without a voter on each,
    /// nothing left over.
    public init?(encoded bytes: [UInt8]) {
        guard bytes.count >= 2, bytes[0] == 1 || bytes[0] == 2 else { return nil }
        let isJoint = bytes[0] == 2
        self = .empty
        // As many as the bytes can hold at most: the count comes from outside.
        servers.reserveCapacity(min(Int(bytes[1]), bytes.count / 18))
        var leaving: [Server] = []
        var offset = 2
        for _ in 0..<Int(bytes[1]) {
            guard bytes.count - offset >= 18 else { return nil }
            let id = ServerID(
                high: Self.word(of: bytes, at: offset), low: Self.word(of: bytes, at: offset + 8))
            let role = bytes[offset + 16]
            let length = Int(bytes[offset + 17])
            offset += 18
            guard bytes.count - offset >= length,
                let address = Self.text(bytes[offset..<offset + length]),
                !contains(id), !leaving.contains(where: { $0.id == id })
            else { return nil }
            offset += length
            let voter = Server(id: id, address: address, role: .voter)
            let isOutgoing = isJoint && role & Self.outgoingFlag != 0
            let incomingRole = isOutgoing ? role & ~Self.outgoingFlag : role
            if let role = Role(rawValue: incomingRole) {
                servers.append(Server(id: id, address: address, role: role))
                if isOutgoing { outgoing.append(voter) }
            } else {
                guard isOutgoing, incomingRole == Self.absentRole else { return nil }
                leaving.append(voter)
            }
        }
        outgoing += leaving
        guard offset == bytes.count, self.isJoint == isJoint else { return nil }
        guard !isJoint || incomingVoterCount > 0 else { return nil }
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> shift))
        }
    }

    /// nil for what is not UTF-8. Decoding repairs that, and so shows it: to validate alone takes five
    /// times as long.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        // SAFETY: the buffer is read while it is lent. A slice is decoded at a higher cost.
        let text = unsafe bytes.withUnsafeBufferPointer {
            unsafe String(decoding: $0, as: UTF8.self)
        }
        return bytes.allSatisfy { $0 < 0x80 } || text.utf8.elementsEqual(bytes) ? text : nil
    }

    private static func word(of bytes: [UInt8], at offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for position in (0..<8).reversed() { word = word << 8 | UInt64(bytes[offset + position]) }
        return word
    }
}
