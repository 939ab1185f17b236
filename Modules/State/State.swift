// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// The replicated state: what applying the log's commands in order comes to.
///
/// A copy costs nothing and is a snapshot: it may go to another thread and be encoded there while
/// the original changes.
///
/// - Invariant: equal commands at equal indexes give equal states, and equal encoded bytes, on
///   every machine.
/// - Invariant: no index in it is beyond `lastAppliedIndex`.
package struct State: Equatable, Sendable {
    package enum Table: UInt8, Equatable, Sendable, CaseIterable {
        case autopilot
        case scheduler
        case servers
        case history
        case policies
        case tokens
        case roles
        case nodes
        case jobs
        case evaluations
        case allocations
        case deployments
        case pools
    }

    /// Bound of the servers table: far above any Raft configuration.
    package static let serversMax = 4096

    /// nil until the first leader has stored one. Its indexes are log indexes.
    package internal(set) var autopilot: AutopilotConfiguration?
    /// nil until the first leader has stored one. Its indexes are log indexes.
    package internal(set) var scheduler: SchedulerConfiguration?
    /// The last entry of the log that this state includes; 0 before any.
    package internal(set) var lastAppliedIndex: UInt64 = 0
    var serverTable = OrderedTable<String, ServerIdentity>()
    var serverTableIndex: UInt64 = 0
    /// Log index of the last restore that took effect; 0 before any.
    package internal(set) var restoredIndex: UInt64 = 0
    var pendingRestore: PendingRestore? {
        didSet { restoreIndex = pendingRestore?.index }
    }
    /// Log index of the restoreBegin under way; nil without one. Stored: whoever asks for what is
    /// computed copies the state, and this is asked for with each batch of entries.
    package private(set) var restoreIndex: UInt64?
    /// Of the history the terms; the events beside them as bytes.
    var terms = History()
    var eventLog = EventLog()
    var historyIndex: UInt64 = 0
    /// How many voters there were when the upgrade that is under way began; nil while there is none.
    package internal(set) var upgradeBaseline: UInt64?
    /// Log index of the last change to it; 0 before any. For check-and-set.
    package internal(set) var upgradeBaselineIndex: UInt64 = 0
    /// Who may do what.
    package internal(set) var acl = ACLTables()
    /// What runs where, and what shall.
    package internal(set) var scheduling = SchedulerTables()

    package init() {}

    // MARK: Reading

    package func server(_ id: String) -> ServerIdentity? { serverTable[id] }

    /// In the order of their ids.
    package var servers: [ServerIdentity] { serverTable.map(\.value) }

    /// Log index of the last change to a table; 0 before any. Never goes back, also when a restore
    /// leaves a table empty.
    package func index(of table: Table) -> UInt64 {
        switch table {
        case .autopilot: max(autopilot?.modifyIndex ?? 0, restoredIndex)
        case .scheduler: max(scheduler?.modifyIndex ?? 0, restoredIndex)
        case .servers: serverTableIndex
        case .history: historyIndex
        case .policies: acl.policyIndex
        case .tokens: acl.tokenIndex
        case .roles: acl.roleIndex
        case .nodes: scheduling.nodeIndex
        case .jobs: scheduling.jobIndex
        case .evaluations: scheduling.evaluationIndex
        case .allocations: scheduling.allocationIndex
        case .deployments: scheduling.deploymentIndex
        case .pools: scheduling.poolIndex
        }
    }

    // MARK: Applying

    /// Carries out a committed command. Total: bytes of any origin give a result, and those that
    /// are refused change nothing but `lastAppliedIndex`, or end a restore that they were part of.
    ///
    /// - Precondition: `index` is beyond `lastAppliedIndex`.
    package mutating func apply(_ command: [UInt8], at index: UInt64) -> CommandResult {
        applyReading(command, at: index).result
    }

    /// The same, with what the bytes said; nil for those that say nothing.
    package mutating func applyReading(
        _ command: [UInt8], at index: UInt64
    ) -> (command: Command?, result: CommandResult) {
        advance(to: index)
        var read: Command?
        do throws(StateError) {
            let command = try Command(decoding: command)
            read = command
            return (read, try apply(command, at: index))
        } catch {
            return (read, .refused(error.description))
        }
    }

    /// Notes an entry that holds no command: a configuration, or a new leader's first entry.
    ///
    /// - Precondition: `index` is beyond `lastAppliedIndex`.
    package mutating func advance(to index: UInt64) {
        precondition(index > lastAppliedIndex, "\(index) applied after \(lastAppliedIndex)")
        lastAppliedIndex = index
        dropLateRestore()
    }

    private mutating func apply(
        _ command: Command, at index: UInt64
    ) throws(StateError) -> CommandResult {
        switch command {
        case .setAutopilot(let configuration, let cas, let author):
            if let failure = check(cas, against: autopilot?.modifyIndex, at: index) {
                return failure
            }
            record(configuration, by: author, at: index)
            store(configuration, at: index)
        case .initializeAutopilot(let configuration):
            guard autopilot == nil else { return .unchanged }
            store(configuration, at: index)
        case .setScheduler(let configuration, let cas, let author):
            if let failure = check(cas, against: scheduler?.modifyIndex, at: index) {
                return failure
            }
            record(configuration, by: author, at: index)
            store(configuration, at: index)
        case .initializeScheduler(let configuration):
            guard scheduler == nil else { return .unchanged }
            store(configuration, at: index)
        case .putServer(let server):
            return put(server, at: index)
        case .removeServer(let id):
            guard serverTable.remove(id) != nil else { return .unchanged }
            serverTableIndex = index
        case .restoreBegin(let sizeBytes, let checksum, let isStaged):
            return try beginRestore(
                size: sizeBytes, checksum: checksum, isStaged: isStaged, at: index)
        case .restoreChunk(let restore, let number, let bytes):
            return try addChunk(bytes, number: number, to: restore, at: index)
        case .restoreEnd(let restore, let hasACL):
            return try endRestore(restore, hasACL: hasACL, at: index)
        case .recordEvent(let event):
            record(event, at: index)
        case .recordLeader(let leader):
            return record(leader, at: index)
        case .setUpgradeBaseline(let voters, let cas):
            if let failure = check(cas, against: upgradeBaselineIndex, at: index) {
                return failure
            }
            guard voters != upgradeBaseline else { return .unchanged }
            upgradeBaseline = voters
            upgradeBaselineIndex = index
        case .acl(let command, let bounds):
            return acl.apply(command, bounds: bounds, at: index)
        case .scheduling(let command):
            return scheduling.apply(command, at: index)
        }
        return .applied(modifyIndex: index)
    }

    /// Equality with the ModifyIndex; 0 stands for what is absent, and no existing one has it.
    private func check(
        _ cas: UInt64?, against current: UInt64?, at index: UInt64
    ) -> CommandResult? {
        guard let cas, cas != current ?? 0 else { return nil }
        return .casFailed(current: current ?? 0, at: index)
    }

    private mutating func store(_ configuration: AutopilotConfiguration, at index: UInt64) {
        var stored = configuration
        stored.createIndex = autopilot?.createIndex ?? index
        stored.modifyIndex = index
        autopilot = stored
    }

    private mutating func store(_ configuration: SchedulerConfiguration, at index: UInt64) {
        var stored = configuration
        stored.createIndex = scheduler?.createIndex ?? index
        stored.modifyIndex = index
        scheduler = stored
    }

    private mutating func put(_ server: ServerIdentity, at index: UInt64) -> CommandResult {
        let known = serverTable[server.id]
        guard known != server else { return .unchanged }
        guard known != nil || serverTable.count < Self.serversMax else {
            return .refused("more than \(Self.serversMax) servers")
        }
        serverTable.insert(server, at: server.id)
        serverTableIndex = index
        return .applied(modifyIndex: index)
    }
}
