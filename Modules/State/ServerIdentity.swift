// SPDX-License-Identifier: Apache-2.0

/// What the cluster remembers of a server, beyond what Raft's configuration holds.
package struct ServerIdentity: Equatable, Sendable {
    /// Bound of each text, in bytes of UTF-8.
    package static let textBytesMax = 255

    /// A UUID in lower case.
    package let id: String
    /// Without the region.
    package let name: String
    package let region: String
    package let datacenter: String
    /// Addresses are host and port; empty for what the server does not offer.
    package let rpcAddress: String
    package let httpAddress: String
    package let gossipAddress: String
    /// Of the program.
    package let version: String
    /// Never to get a vote.
    package let isNonVoter: Bool

    /// - Throws: ``StateError/malformed(_:)`` for an id that is not a UUID in lower case, and for a
    ///   text beyond its bound.
    package init(
        id: String, name: String, region: String, datacenter: String, rpcAddress: String,
        httpAddress: String, gossipAddress: String, version: String, isNonVoter: Bool
    ) throws(StateError) {
        guard Self.isServerID(id) else {
            throw .malformed("a server's id is not a UUID in lower case")
        }
        let texts = [name, region, datacenter, rpcAddress, httpAddress, gossipAddress, version]
        guard texts.allSatisfy({ $0.utf8.count <= Self.textBytesMax }) else {
            throw .malformed("a text of server \(id) has over \(Self.textBytesMax) bytes")
        }
        self.id = id
        self.name = name
        self.region = region
        self.datacenter = datacenter
        self.rpcAddress = rpcAddress
        self.httpAddress = httpAddress
        self.gossipAddress = gossipAddress
        self.version = version
        self.isNonVoter = isNonVoter
    }

    /// Whether `text` is a UUID as Raft writes one: 8-4-4-4-12 digits, in lower case. One spelling,
    /// in ASCII, so that equal ids are equal bytes and their order is the same everywhere.
    package static func isServerID(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.enumerated().allSatisfy { position, byte in
            switch position {
            case 8, 13, 18, 23: byte == UInt8(ascii: "-")
            default:
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
        }
    }
}
