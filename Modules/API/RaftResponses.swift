// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// One server of the Raft configuration.
package struct RaftServer: Equatable, Sendable, JSONWritable {
    /// What stands for the node and the protocol of a server that gossip does not know.
    package static let unknownNode = "(unknown)"
    package static let unknownProtocol = "unknown"

    /// Where its RPC listens, as host and port.
    package var address: String
    package var id: String
    package var isLeader: Bool
    /// Name and region, as in `s1.global`.
    package var node: String
    /// A number in a text: the Go client decodes it so.
    package var raftProtocol: String
    package var isVoter: Bool

    package init(
        address: String, id: String, isLeader: Bool, node: String, raftProtocol: String,
        isVoter: Bool
    ) {
        self.address = address
        self.id = id
        self.isLeader = isLeader
        self.node = node
        self.raftProtocol = raftProtocol
        self.isVoter = isVoter
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Address", address)
        writer.member("ID", id)
        writer.member("Leader", isLeader)
        writer.member("Node", node)
        writer.member("RaftProtocol", raftProtocol)
        writer.member("Voter", isVoter)
        writer.endObject()
    }
}

/// The answer of `/v1/operator/raft/configuration`.
package struct RaftConfigurationResponse: Equatable, Sendable, JSONWritable {
    /// Log index of the configuration in force.
    package var index: UInt64
    /// In the configuration's order.
    package var servers: [RaftServer]

    package init(index: UInt64, servers: [RaftServer]) {
        self.index = index
        self.servers = servers
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Index", index)
        writer.member("Servers", servers)
        writer.endObject()
    }
}

/// The answer of `/v1/operator/raft/transfer-leadership`.
package struct TransferLeadershipResponse: Equatable, Sendable, JSONWritable {
    package struct Peer: Equatable, Sendable, JSONWritable {
        package var address: String
        package var id: String

        package init(address: String, id: String) {
            self.address = address
            self.id = id
        }

        package func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("Address", address)
            writer.member("ID", id)
            writer.endObject()
        }
    }

    package var from: Peer
    package var to: Peer
    /// The target led already.
    package var isNoop: Bool

    package init(from: Peer, to: Peer, isNoop: Bool) {
        self.from = from
        self.to = to
        self.isNoop = isNoop
    }

    /// `Err` is always null: a failure is a status and a text.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("From", from)
        writer.member("To", to)
        writer.member("Noop", isNoop)
        writer.key("Err")
        writer.null()
        writer.endObject()
    }
}
