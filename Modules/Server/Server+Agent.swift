// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletGossip
import MartletJSON
import MartletRaft
import MartletTransport

// What a server says of itself and of whom it sees: the agent's endpoints.

extension Server {
    func agentMembers() -> AgentMembersResponse {
        AgentMembersResponse(
            members: network.members.all
                .filter { $0.status != .none }
                .sorted { ($0.info.fullName, $0.info.id) < ($1.info.fullName, $1.info.id) }
                .map(member),
            serverDatacenter: options.datacenter, serverName: options.name,
            serverRegion: options.region)
    }

    private func member(_ member: Member) -> AgentMember {
        let info = member.info
        let gossip = SocketAddress(info.gossipAddress)
        let peer = SocketAddress(info.peerAddress)
        var tags: [String: String] = [
            "build": info.version, "dc": info.datacenter, "id": info.id.description,
            "port": "\(peer?.port ?? 0)", "raft_vsn": "3", "region": info.region,
            "role": "nomad", "rpc_addr": Self.bareHost(peer), "vsn": "1", "mvn": "1",
        ]
        // Nomad's servers do not tell it; whoever wants to ask all of them needs it.
        if !info.httpAddress.isEmpty { tags["http_addr"] = info.httpAddress }
        if info.bootstrapExpect > 0 { tags["expect"] = "\(info.bootstrapExpect)" }
        if info.bootstrapExpect == 1 { tags["bootstrap"] = "1" }
        if info.isNonVoter { tags["nonvoter"] = "1" }
        if !info.redundancyZone.isEmpty { tags["ap_zone"] = info.redundancyZone }
        if !info.upgradeVersion.isEmpty { tags["ap_version"] = info.upgradeVersion }
        return AgentMember(
            address: Self.bareHost(gossip), delegateVersions: Self.delegateVersions,
            name: info.fullName, port: gossip?.port ?? 0,
            protocolVersions: Self.protocolVersions, status: member.status, tags: tags)
    }

    /// What clients of Serf expect to see of a member that speaks Serf's protocols.
    private static let delegateVersions = AgentMember.Versions(current: 4, oldest: 2, newest: 6)
    private static let protocolVersions = AgentMember.Versions(current: 2, oldest: 1, newest: 5)

    /// An address as Serf shows it: IPv6 without brackets.
    private static func bareHost(_ address: SocketAddress?) -> String {
        guard let host = address?.host else { return "" }
        return host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    }

    func agentHealth() -> APIResponse {
        let isHealthy = replica.outlook.status.leader != nil && replica.failure == nil
        let message =
            replica.failure.map { "storage failed: \($0)" }
            ?? (isHealthy ? "ok" : "No cluster leader")
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("server")
        writer.beginObject()
        writer.key("message")
        writer.string(message)
        writer.key("ok")
        writer.bool(isHealthy)
        writer.endObject()
        writer.endObject()
        var response = APIResponse.json(writer.bytes)
        response.status = isHealthy ? 200 : 500
        return response
    }

    func agentSelf() -> AgentSelf {
        AgentSelf(
            options: options, own: network.own, member: network.members[id].map(member),
            stats: statistics)
    }

    /// Sections of text values, as `agent-info` prints them; sorted by name when written.
    private var statistics: [String: [String: String]] {
        let core = replica.core
        let status = replica.outlook.status
        let voters = core.configuration.voterCount
        return [
            "nomad": [
                "bootstrap": "\(options.bootstrapExpect == 1)",
                "known_regions": "1",
                "leader": "\(status.role == .leader)",
                "leader_addr": status.leader.flatMap { core.configuration[$0]?.address } ?? "",
                "server": "true",
            ],
            "raft": [
                "applied_index": "\(core.handedOutIndex.number)",
                "cluster_id": network.own.clusterID.map(\.description) ?? "",
                "commit_index": "\(core.commitIndex.number)",
                "disk_full": "\(replica.isDiskFull)",
                "disk_stalled": "\(core.isDiskStalled)",
                "is_recovering": "\(core.isRecovering)",
                "last_contact": lastContactText,
                "last_log_index": "\(core.lastIndex.number)",
                "last_log_term": "\(core.lastTerm.number)",
                "last_snapshot_index": "\(core.snapshotIndex.number)",
                "latest_configuration_index": "\(core.configurationIndex.number)",
                "num_peers": "\(max(0, voters - (core.configuration.isVoter(id) ? 1 : 0)))",
                "protocol_version": "3",
                "recovery_epoch": RecoveryEpoch.text(network.own.recoveryEpoch),
                "state": Self.title(of: status.role),
                "term": "\(status.term.number)",
            ],
            "serf": [
                "encrypted": "\(seal.keyring != nil)",
                "failed": "\(network.members.all.count { $0.status == .failed })",
                "left": "\(network.members.all.count { $0.status == .left })",
                "health_score": "\(network.gossip.metrics.awareness)",
                "intent_queue": "\(network.gossip.metrics.broadcasts)",
                "members": "\(network.members.all.count { $0.status != .none })",
            ],
            "runtime": [
                "version": options.version
            ],
            "vault": [:],
        ]
    }

    private var lastContactText: String {
        if replica.outlook.status.role == .leader { return "0" }
        guard let contact = lastLeadership else { return "never" }
        return GoDuration(max(.zero, loop.now - contact)).description
    }

    private static func title(of role: Role) -> String {
        switch role {
        case .follower: "Follower"
        case .preCandidate, .candidate: "Candidate"
        case .leader: "Leader"
        }
    }
}

/// `GET /v1/agent/self`: what this server is configured to be, how others see it, and how it does.
struct AgentSelf: JSONWritable {
    let options: ServerOptions
    let own: MemberInfo
    let member: AgentMember?
    let stats: [String: [String: String]]

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("config")
        writeConfiguration(to: &writer)
        writer.key("member")
        if let member { member.write(to: &writer) } else { writer.null() }
        writer.key("stats")
        writer.beginObject()
        for (section, values) in stats.sorted(by: { $0.key < $1.key }) {
            writer.key(section)
            writer.beginObject()
            for (name, value) in values.sorted(by: { $0.key < $1.key }) {
                writer.key(name)
                writer.string(value)
            }
            writer.endObject()
        }
        writer.endObject()
        writer.endObject()
    }

    private func writeConfiguration(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("AdvertiseAddrs")
        writer.beginObject()
        for (name, value) in [
            ("HTTP", own.httpAddress), ("RPC", own.peerAddress), ("Serf", own.gossipAddress),
        ] {
            writer.key(name)
            writer.string(value)
        }
        writer.endObject()
        writer.key("BindAddr")
        writer.string(options.peerAddress.host)
        writer.key("DataDir")
        writer.string(options.dataDirectory)
        writer.key("Datacenter")
        writer.string(options.datacenter)
        writer.key("NodeName")
        writer.string(options.name)
        writer.key("Ports")
        writer.beginObject()
        for (name, address) in [
            ("HTTP", options.httpAddress), ("RPC", options.peerAddress),
            ("Serf", options.gossipAddress),
        ] {
            writer.key(name)
            writer.uint(UInt64(address.port ?? 0))
        }
        writer.endObject()
        writer.key("Region")
        writer.string(options.region)
        writer.key("Server")
        writer.beginObject()
        writer.key("BootstrapExpect")
        writer.uint(UInt64(clamping: options.bootstrapExpect))
        writer.key("Enabled")
        writer.bool(true)
        writer.key("NonVotingServer")
        writer.bool(options.isNonVoter)
        writer.key("RaftProtocol")
        writer.uint(3)
        writer.key("RetryJoin")
        writer.beginArray()
        for address in options.join { writer.string(address) }
        writer.endArray()
        writer.endObject()
        writer.key("Version")
        writer.beginObject()
        writer.key("Version")
        writer.string(options.version)
        writer.endObject()
        writer.endObject()
    }
}
