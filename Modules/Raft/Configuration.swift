// SPDX-License-Identifier: Apache-2.0

/// Who is in the cluster, and who of them votes (dissertation §4). Order is the order of joining.
///
/// Encoding, little-endian, the payload of a configuration entry:
///
/// | offset | width | meaning                                    |
/// |--------|-------|--------------------------------------------|
/// | 0      | 1     | format, 1                                  |
/// | 1      | 1     | number of servers, at most ``serversMax``  |
/// | then, for each server:                                      |
/// | 0      | 8, 8  | id, high word and low word                 |
/// | 16     | 1     | role: 0 voter, 1 non-voter                 |
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

    public init(servers: [Server]) { self.servers = servers }

    /// Nobody: what a server knows before it has heard of any cluster.
    public static let empty = Configuration(servers: [])

    /// The member of this id; nil for a stranger.
    public subscript(_ id: ServerID) -> Server? { servers.first { $0.id == id } }

    /// Whether this server is a member, voting or not.
    public func contains(_ id: ServerID) -> Bool { self[id] != nil }

    /// Whether this server's vote counts; false for a stranger.
    public func isVoter(_ id: ServerID) -> Bool { self[id]?.role == .voter }

    /// How many members vote.
    public var voterCount: Int { servers.count { $0.role == .voter } }

    /// The number of voters that makes a majority; 1 without any voter, so that nobody ever has one.
    public var quorum: Int { voterCount / 2 + 1 }

    /// The bytes of a configuration entry's payload.
    ///
    /// - Precondition: no more than ``serversMax`` servers, no address above ``addressBytesMax``.
    public func encoded() -> [UInt8] {
        precondition(servers.count <= Self.serversMax, "\(servers.count) servers")
        var bytes: [UInt8] = [1, UInt8(servers.count)]
        for server in servers {
            Self.append(server.id.high, to: &bytes)
            Self.append(server.id.low, to: &bytes)
            bytes.append(server.role.rawValue)
            let address = Array(server.address.utf8)
            precondition(address.count <= Self.addressBytesMax, "address of \(address.count) bytes")
            bytes.append(UInt8(address.count))
            bytes += address
        }
        return bytes
    }

    /// nil unless the bytes are exactly one well-formed configuration: a known format, no server
    /// twice, UTF-8 addresses, nothing left over.
    public init?(encoded bytes: [UInt8]) {
        guard bytes.count >= 2, bytes[0] == 1 else { return nil }
        var servers: [Server] = []
        var offset = 2
        for _ in 0..<Int(bytes[1]) {
            guard bytes.count - offset >= 18, let role = Role(rawValue: bytes[offset + 16]) else {
                return nil
            }
            let id = ServerID(
                high: Self.word(of: bytes, at: offset), low: Self.word(of: bytes, at: offset + 8))
            let length = Int(bytes[offset + 17])
            offset += 18
            guard bytes.count - offset >= length,
                let address = String(validating: bytes[offset..<offset + length], as: UTF8.self),
                !servers.contains(where: { $0.id == id })
            else { return nil }
            servers.append(Server(id: id, address: address, role: role))
            offset += length
        }
        guard offset == bytes.count else { return nil }
        self.servers = servers
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> shift))
        }
    }

    private static func word(of bytes: [UInt8], at offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for position in (0..<8).reversed() { word = word << 8 | UInt64(bytes[offset + position]) }
        return word
    }
}
