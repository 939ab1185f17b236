// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import MartletJSON
import MartletRaft
import MartletState

// What becomes an event: every change of the replicated state, alike on every server, and what this
// server notices itself. A topic that is added has its cases here, in the mapping of commands, and reads
// what it tells from the state as the command left it. Those of jobs and what comes of them are made by
// ``tellChanges(_:at:)``.

extension Server {
    // MARK: Of the log

    /// Chunks of a restore are large, and tell nobody anything: they are not read again.
    private static let restoreChunkKind: UInt8 = 8

    func replica(applied command: [UInt8], result: CommandResult, at index: LogIndex) {
        guard case .applied = result, command.count > 1, command[1] != Self.restoreChunkKind else {
            return
        }
        // Read from the tables: there are many, and a plan is long.
        if let type = SchedulerCommand.eventType(of: command) {
            return tellChanges(type, at: index.number)
        }
        do throws(StateError) {
            tell(of: try Command(decoding: command), at: index.number)
        } catch {
            preconditionFailure("a command that was applied cannot be read: \(error)")
        }
    }

    func replica(applied configuration: Configuration, at index: LogIndex) {
        tell(
            .raftConfiguration, "RaftConfigurationChanged", "",
            keys: configuration.members.map { "\($0.id)" }, at: index.number,
            NamedPayload(
                name: "Configuration",
                value: ConfigurationPayload(index: index.number, servers: configuration.members)))
    }

    func replicaReplaced(through index: LogIndex) {
        events.skip(through: index.number)
        queries.endAll()
        tell(
            .snapshot, "SnapshotInstalled", "\(id)", at: index.number,
            FieldsPayload(name: "Snapshot", fields: own + [("Index", .number(index.number))]))
    }

    private func tell(of command: Command, at index: UInt64) {
        let state = replica.state
        switch command {
        case .setAutopilot, .initializeAutopilot:
            guard let configuration = state.autopilot else { return }
            tell(
                .autopilotConfiguration, "AutopilotConfigurationUpdated", "", at: index,
                NamedPayload(name: "AutopilotConfiguration", value: configuration))
        case .setScheduler, .initializeScheduler:
            guard let configuration = state.scheduler else { return }
            tell(
                .schedulerConfiguration, "SchedulerConfigurationUpdated", "", at: index,
                NamedPayload(name: "SchedulerConfiguration", value: configuration))
        case .recordEvent(var event):
            event.index = index
            tell(
                .autopilot, "ActionRecorded", event.serverID,
                keys: [event.action.rawValue, event.serverName].filter { !$0.isEmpty }, at: index,
                NamedPayload(name: "Action", value: event))
        case .recordLeader(var term):
            term.index = index
            tell(
                .leadership, "LeaderElected", term.leaderID, keys: [term.leaderName], at: index,
                NamedPayload(name: "Leader", value: term))
        case .restoreEnd:
            tell(
                .snapshot, "SnapshotRestored", "", at: index,
                FieldsPayload(name: "Snapshot", fields: [("Index", .number(index))]))
        case .acl(let command, _): tell(of: command, in: state, at: index)
        case .putServer, .removeServer, .restoreBegin, .restoreChunk, .setUpgradeBaseline,
            .scheduling:
            break  // Told by the configuration and by the history, or of no interest alone.
        }
    }

    /// Names, and never a secret: the state has none.
    private func tell(of command: ACLCommand, in state: State, at index: UInt64) {
        switch command {
        case .upsertPolicies(let policies):
            for policy in policies { tellPolicy(policy.name, "ACLPolicyUpserted", at: index) }
        case .deletePolicies(let names):
            for name in names { tellPolicy(name, "ACLPolicyDeleted", at: index) }
        case .createToken(let token): tellToken(token.accessorID, state, at: index)
        case .updateToken(let change): tellToken(change.accessorID, state, at: index)
        case .deleteTokens(let accessors):
            for accessor in accessors { tellTokenGone(accessor, at: index) }
        case .deleteExpiredTokens(let asOf, _):
            tell(
                .aclToken, "ACLTokensExpired", "", at: index,
                FieldsPayload(
                    name: "ACLTokens",
                    fields: [
                        ("ExpiredBefore", .text(Timestamp.rfc3339Nano(unixNanoseconds: asOf)))
                    ]))
        case .createRole(let role), .updateRole(let role): tellRole(role.id, state, at: index)
        case .deleteRoles(let ids):
            for id in ids {
                tell(
                    .aclRole, "ACLRoleDeleted", id, at: index,
                    FieldsPayload(name: "ACLRole", fields: [("ID", .text(id))]))
            }
        case .bootstrap(let token, _, let revokesManagement):
            tell(
                .aclToken, "ACLBootstrapped", token.accessorID, at: index,
                FieldsPayload(
                    name: "ACLBootstrap",
                    fields: [
                        ("AccessorID", .text(token.accessorID)),
                        ("RevokesManagement", .bool(revokesManagement)),
                    ]))
        }
    }

    private func tellPolicy(_ name: String, _ type: String, at index: UInt64) {
        tell(
            .aclPolicy, type, name, at: index,
            FieldsPayload(name: "ACLPolicy", fields: [("Name", .text(name))]))
    }

    private func tellToken(_ accessor: String, _ state: State, at index: UInt64) {
        guard let token = state.token(accessor: accessor) else { return }
        tell(
            .aclToken, "ACLTokenUpserted", accessor, keys: token.policies, at: index,
            NamedPayload(
                name: "ACLToken",
                value: ACLTokenStub(token, roles: state.roleLinks(of: token))))
    }

    private func tellTokenGone(_ accessor: String, at index: UInt64) {
        tell(
            .aclToken, "ACLTokenDeleted", accessor, at: index,
            FieldsPayload(name: "ACLToken", fields: [("AccessorID", .text(accessor))]))
    }

    private func tellRole(_ id: String, _ state: State, at index: UInt64) {
        guard let role = state.role(id) else { return }
        tell(
            .aclRole, "ACLRoleUpserted", id, keys: [role.name], at: index,
            NamedPayload(name: "ACLRole", value: role))
    }

    // MARK: Of this server

    func tellStatus(_ status: Status) {
        tellOwn(
            .leadership, "RaftStatusChanged",
            FieldsPayload(
                name: "Raft",
                fields: own + [
                    ("Role", .text("\(status.role)")), ("Term", .number(status.term.number)),
                    ("Leader", .text(status.leader.map { "\($0)" } ?? "")),
                ]))
    }

    func tellObservation(_ observation: Observation) {
        switch observation {
        case .campaignStarted(let term, isPreVote: false):
            tellOwn(
                .leadership, "CampaignStarted",
                FieldsPayload(name: "Raft", fields: own + [("Term", .number(term.number))]))
        case .leadershipLost(let reason):
            tellOwn(
                .leadership, "LeadershipLost",
                FieldsPayload(name: "Raft", fields: own + [("Reason", .text("\(reason)"))]))
        case .campaignStarted, .peerStateChanged, .messageRefused: break
        }
    }

    func tellMember(_ info: MemberInfo, _ status: SerfStatus) {
        tell(
            .health, "MemberStatusChanged", "\(info.id)", keys: [info.fullName],
            at: replica.state.lastAppliedIndex,
            FieldsPayload(
                name: "Member",
                fields: [
                    ("ID", .text("\(info.id)")), ("Name", .text(info.fullName)),
                    ("Address", .text(info.peerAddress)), ("Status", .text(status.rawValue)),
                    ("SeenBy", .text(options.name)),
                ]))
    }

    /// The leader's view; those that were not in the view before are new.
    func tellHealth(_ health: ClusterHealth, before: ClusterHealth?) {
        for (position, server) in health.servers.enumerated() {
            let old =
                before?.servers.indices.contains(position) == true
                    && before?.servers[position].health.id == server.health.id
                ? before?.servers[position]
                : before?.servers.first { $0.health.id == server.health.id }
            guard old?.health.isHealthy != server.health.isHealthy else { continue }
            tell(
                .health, "ServerHealthChanged", server.health.id, keys: [server.health.name],
                at: replica.state.lastAppliedIndex,
                NamedPayload(name: "ServerHealth", value: server.health))
        }
    }

    func tellSnapshotTaken(at index: LogIndex) {
        tellOwn(
            .snapshot, "SnapshotTaken",
            FieldsPayload(name: "Snapshot", fields: own + [("Index", .number(index.number))]))
    }

    private var own: [(String, FieldsPayload.Value)] {
        [("ID", .text("\(id)")), ("Name", .text(options.name))]
    }

    private func tellOwn(
        _ topic: EventTopic, _ type: String, _ payload: some JSONWritable & Sendable
    ) {
        tell(
            topic, type, "\(id)", keys: [options.name], at: replica.state.lastAppliedIndex, payload)
    }

    private func tell(
        _ topic: EventTopic, _ type: String, _ key: String, keys: [String] = [],
        at index: UInt64, _ payload: some JSONWritable & Sendable
    ) {
        events.append(
            ClusterEvent(
                topic: topic, type: type, key: key, filterKeys: keys, index: index,
                payload: payload))
    }
}

private struct ConfigurationPayload: JSONWritable, Sendable {
    let index: UInt64
    let servers: [Configuration.Server]

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Index", index)
        writer.key("Servers")
        writer.beginArray()
        for server in servers {
            writer.beginObject()
            writer.member("Address", server.address)
            writer.member("ID", "\(server.id)")
            writer.member("Voter", server.role == .voter)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
