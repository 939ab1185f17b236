// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// A member of the gossip pool, in the answer of `/v1/agent/members`.
package struct AgentMember: Equatable, Sendable {
    /// Versions of a protocol: the one in use and the range that is understood.
    package struct Versions: Equatable, Sendable {
        package var current: UInt8
        package var oldest: UInt8
        package var newest: UInt8

        package init(current: UInt8, oldest: UInt8, newest: UInt8) {
            self.current = current
            self.oldest = oldest
            self.newest = newest
        }
    }

    /// Without the port.
    package var address: String
    package var delegateVersions: Versions
    /// Name and region, as in `s1.global`.
    package var name: String
    /// Gossip's.
    package var port: UInt16
    package var protocolVersions: Versions
    package var status: SerfStatus
    package var tags: [String: String]

    package init(
        address: String, delegateVersions: Versions, name: String, port: UInt16,
        protocolVersions: Versions, status: SerfStatus, tags: [String: String]
    ) {
        self.address = address
        self.delegateVersions = delegateVersions
        self.name = name
        self.port = port
        self.protocolVersions = protocolVersions
        self.status = status
        self.tags = tags
    }
}

extension AgentMember: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Addr", address)
        delegateVersions.write(to: &writer, prefix: "Delegate")
        writer.member("Name", name)
        writer.member("Port", UInt64(port))
        protocolVersions.write(to: &writer, prefix: "Protocol")
        writer.member("Status", status.rawValue)
        writer.key("Tags")
        writer.beginObject()
        // By bytes, as Go sorts a map's keys.
        for (name, value) in tags.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
        {
            writer.member(name, value)
        }
        writer.endObject()
        writer.endObject()
    }
}

extension AgentMember.Versions {
    fileprivate func write(to writer: inout JSONWriter, prefix: String) {
        writer.member(prefix + "Cur", UInt64(current))
        writer.member(prefix + "Max", UInt64(newest))
        writer.member(prefix + "Min", UInt64(oldest))
    }
}

/// The answer of `/v1/agent/members`.
package struct AgentMembersResponse: Equatable, Sendable, JSONWritable {
    package var members: [AgentMember]
    /// Of the server that answers, as are name and region.
    package var serverDatacenter: String
    package var serverName: String
    package var serverRegion: String

    package init(
        members: [AgentMember], serverDatacenter: String, serverName: String, serverRegion: String
    ) {
        self.members = members
        self.serverDatacenter = serverDatacenter
        self.serverName = serverName
        self.serverRegion = serverRegion
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Members", members)
        writer.member("ServerDC", serverDatacenter)
        writer.member("ServerName", serverName)
        writer.member("ServerRegion", serverRegion)
        writer.endObject()
    }
}
