// SPDX-License-Identifier: Apache-2.0

/// What the cluster remembers of a server, beyond what Raft's configuration holds.
package struct ServerIdentity: Equatable, Sendable {
    /// Bound of each text, in bytes of UTF-8.
    package static let textBytesMax = 255
    /// Bound of zone and upgrade version.
    package static let labelBytesMax = 128

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
    /// Of autopilot's zones; nil for none. Not empty.
    package private(set) var redundancyZone: String?
    /// Stands for `version` in custom upgrades; nil for that one. Not empty.
    package private(set) var upgradeVersion: String?

    /// - Throws: ``StateError/malformed(_:)`` for an id that is not a UUID in lower case, for a text
    ///   beyond its bound, and for a zone or an upgrade version that is empty.
    package init(
        id: String, name: String, region: String, datacenter: String, rpcAddress: String,
        httpAddress: String, gossipAddress: String, version: String, isNonVoter: Bool,
        redundancyZone: String? = nil, upgradeVersion: String? = nil
    ) throws(StateError) {
        guard Self.isServerID(id) else {
            throw .malformed("a server's id is not a UUID in lower case")
        }
        let texts = [name, region, datacenter, rpcAddress, httpAddress, gossipAddress, version]
        guard texts.allSatisfy({ $0.utf8.count <= Self.textBytesMax }) else {
            throw .malformed("a text of server \(id) has over \(Self.textBytesMax) bytes")
        }
        for label in [redundancyZone, upgradeVersion].compactMap(\.self) {
            guard (1...Self.labelBytesMax).contains(label.utf8.count) else {
                throw .malformed(
                    "a label of server \(id) has not 1 to \(Self.labelBytesMax) bytes")
            }
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
        self.redundancyZone = redundancyZone
        self.upgradeVersion = upgradeVersion
    }

    /// Whether only commands and snapshots of version 3 can hold it.
    package var hasLabels: Bool { redundancyZone != nil || upgradeVersion != nil }

    /// As programs that know neither zones nor upgrade versions hold it.
    package func withoutLabels() -> ServerIdentity {
        var plain = self
        plain.redundancyZone = nil
        plain.upgradeVersion = nil
        return plain
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
