// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletRaft
import MartletState
import MartletStorage
import MartletTransport

/// `operator raft info`, `logs` and `state`: what a server that is stopped has stored. The folder
/// is locked as a server locks it; nothing is changed.
enum OfflineRaftCommands {
    static let all = [
        Command(
            "operator raft info", "shows what a stopped server has stored",
            detail:
                "Shows the bounds of the log, the term and the snapshots in the data folder of a "
                + "server that is stopped.",
            operands: .exactly("DATA_DIR"), flags: Reading.flags, asksServer: false, run: info),
        Command(
            "operator raft logs", "prints the log of a stopped server as JSON",
            detail: "Prints the entries of the log in the data folder of a server that is stopped, "
                + "one line of JSON each.",
            operands: .exactly("DATA_DIR"),
            flags: [
                Flag("from", .count, "Begin with the entry of this index."),
                Flag("limit", .count, "Print at most so many; 10000 if it is not given."),
            ], asksServer: false, run: logs),
        Command(
            "operator raft state", "prints the state of a stopped server as JSON",
            detail: "Prints the state that the newest snapshot and the committed entries behind it "
                + "make, from the data folder of a server that is stopped.",
            operands: .exactly("DATA_DIR"),
            flags: [Flag("last-index", .count, "Apply no entry after this index.")]
                + Reading.flags, asksServer: false, run: state),
    ]

    // MARK: The folder

    /// The folder with the stores: that of a server, or of its data folder.
    private static func withStores<Value>(
        _ invocation: Invocation, _ body: (ServerStores) throws(StoreError) -> Value
    ) throws(CLIFailure) -> Value {
        var directory = invocation.values.operands[0]
        while directory.utf8.count > 1, directory.hasSuffix("/") { directory.removeLast() }
        let environment = invocation.environment
        let raft = "\(directory)/server/raft"
        guard environment.files.isDirectory(raft) else {
            throw CLIFailure(
                "\(Text.line(directory)): no data folder of a server: there is no server/raft in it",
                .unable)
        }
        let lock: any FileLock
        do throws(FileError) {
            lock = try environment.files.lock(directory)
        } catch {
            throw CLIFailure("\(error): stop that server first", .unable)
        }
        defer { lock.release() }
        do throws(StoreError) {
            let stores = try environment.openStores(raft)
            defer { stores.close() }
            return try body(stores)
        } catch {
            throw CLIFailure("\(Text.line(directory)): \(error)", .unable)
        }
    }

    // MARK: info

    private static let info: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let facts = try withStores(invocation) { (stores) throws(StoreError) in
            StoredFacts(
                bounds: stores.log.bounds, hardState: try stores.log.hardState(),
                commitHint: try stores.log.commitHint(), metadata: try stores.metadata.load(),
                snapshots: try stores.snapshots.list())
        }
        try invocation.show(try Answer(facts)) { facts.text.text(invocation.style) }
        return .fine
    }

    // MARK: logs

    private static let logs: Command.Run = { (invocation) throws(CLIFailure) in
        let first = invocation.values.count("from") ?? 0
        var left = Int(clamping: invocation.values.count("limit") ?? 10_000)
        try withStores(invocation) { (stores) throws(StoreError) in
            let bounds = stores.log.bounds
            var next = LogIndex(max(first, bounds.previousIndex.number + 1))
            while left > 0, next <= bounds.lastIndex {
                let entries = try stores.log.read(
                    from: next, countMax: min(left, 256), bytesMax: 4 << 20)
                guard let last = entries.last else { break }
                for entry in entries { invocation.line(EntryText.json(entry)) }
                left -= entries.count
                next = LogIndex(last.index.number + 1)
            }
        }
        return .fine
    }

    // MARK: state

    private static let state: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let limit = invocation.values.count("last-index") ?? .max
        let state = try withStores(invocation) { (stores) throws(StoreError) in
            try rebuilt(from: stores, limit: limit)
        }
        let answer = try Answer(StateText(state: state))
        try invocation.show(answer) { SortedJSON.text(answer.node) }
        return .fine
    }

    private static func rebuilt(
        from stores: ServerStores, limit: UInt64
    ) throws(StoreError) -> State {
        var state = State()
        if let snapshot = try stores.snapshots.list().last(where: { $0.lastIndex.number <= limit })
        {
            var bytes: [UInt8] = []
            while true {
                let chunk = try stores.snapshots.read(
                    snapshot, from: UInt64(bytes.count), bytesMax: 1 << 20)
                if chunk.isEmpty { break }
                bytes += chunk
            }
            do throws(StateError) {
                state = try State(decoding: bytes)
            } catch {
                throw .corrupt("the snapshot at \(snapshot.lastIndex): \(error)")
            }
        }
        let end = min(limit, try stores.log.commitHint().number)
        var next = max(state.lastAppliedIndex, stores.log.bounds.previousIndex.number) + 1
        while next <= end {
            let entries = try stores.log.read(
                from: LogIndex(next), countMax: 256, bytesMax: 4 << 20)
            guard let last = entries.last else { break }
            for entry in entries where entry.index.number <= end {
                if entry.kind == .command {
                    _ = state.apply(entry.payload, at: entry.index.number)
                } else {
                    state.advance(to: entry.index.number)
                }
            }
            next = last.index.number + 1
        }
        return state
    }
}

/// What `operator raft info` shows.
private struct StoredFacts: JSONWritable {
    let bounds: LogBounds
    let hardState: HardState
    let commitHint: LogIndex
    let metadata: ServerMetadata?
    let snapshots: [SnapshotMetadata]

    var text: Facts {
        var facts = Facts()
        facts.add("Server ID", metadata?.serverID.description ?? "")
        facts.add("Cluster ID", metadata?.clusterID?.description ?? "")
        facts.add("Term", "\(hardState.term.number)")
        facts.add("Voted For", hardState.vote?.description ?? "")
        facts.add("First Index", bounds.count == 0 ? "" : "\(bounds.previousIndex.number + 1)")
        facts.add("Last Index", "\(bounds.lastIndex.number)")
        facts.add("Commit Hint", "\(commitHint.number)")
        facts.add("Recovery Epoch", "\(metadata?.recoveryEpoch ?? 0)")
        facts.add("Recovering", "\(metadata?.isRecovering ?? false)")
        for snapshot in snapshots {
            facts.add(
                "Snapshot",
                "index \(snapshot.lastIndex.number), term \(snapshot.lastTerm.number), "
                    + "\(snapshot.configuration.servers.count) servers")
        }
        return facts
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("ServerID", metadata?.serverID.description ?? "")
        writer.member("ClusterID", metadata?.clusterID?.description ?? "")
        writer.member("Term", hardState.term.number)
        writer.member("Vote", hardState.vote?.description ?? "")
        writer.member("PreviousIndex", bounds.previousIndex.number)
        writer.member("LastIndex", bounds.lastIndex.number)
        writer.member("CommitHint", commitHint.number)
        writer.member("RecoveryEpoch", metadata?.recoveryEpoch ?? 0)
        writer.member("Recovering", metadata?.isRecovering ?? false)
        writer.key("Snapshots")
        writer.beginArray()
        for snapshot in snapshots {
            writer.beginObject()
            writer.member("Index", snapshot.lastIndex.number)
            writer.member("Term", snapshot.lastTerm.number)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}

/// An entry of the log as a line.
private enum EntryText {
    static func json(_ entry: Entry) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("Index", entry.index.number)
        writer.member("Term", entry.term.number)
        writer.member("Kind", "\(entry.kind)")
        writer.member("Bytes", UInt64(entry.payload.count))
        if entry.kind == .command {
            do throws(StateError) {
                writer.member("Command", name(try MartletState.Command(decoding: entry.payload)))
            } catch {
                writer.member("Error", "\(error)")
            }
        }
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private static func name(_ command: MartletState.Command) -> String {
        switch command {
        case .setAutopilot: "setAutopilot"
        case .initializeAutopilot: "initializeAutopilot"
        case .setScheduler: "setScheduler"
        case .initializeScheduler: "initializeScheduler"
        case .putServer(let server): "putServer \(server.id)"
        case .removeServer(let id): "removeServer \(id)"
        case .restoreBegin: "restoreBegin"
        case .restoreChunk: "restoreChunk"
        case .restoreEnd: "restoreEnd"
        case .recordEvent: "recordEvent"
        case .recordLeader(let term): "recordLeader \(term.leaderID)"
        case .setUpgradeBaseline: "setUpgradeBaseline"
        case .acl: "acl"
        case .scheduling: "scheduling"
        }
    }
}

/// A state without what identifies tokens' secrets.
private struct StateText: JSONWritable {
    let state: State

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("LastAppliedIndex", state.lastAppliedIndex)
        writer.key("AutopilotConfiguration")
        if let autopilot = state.autopilot { autopilot.write(to: &writer) } else { writer.null() }
        writer.key("SchedulerConfiguration")
        if let scheduler = state.scheduler { scheduler.write(to: &writer) } else { writer.null() }
        writer.key("Servers")
        writer.beginArray()
        for server in state.servers {
            writer.beginObject()
            writer.member("ID", server.id)
            writer.member("Name", server.name)
            writer.member("Region", server.region)
            writer.member("RPCAddress", server.rpcAddress)
            writer.member("Version", server.version)
            writer.endObject()
        }
        writer.endArray()
        writer.member("ACLPolicies", state.policies().map { ACLPolicyStub($0) })
        writer.member(
            "ACLTokens", state.tokens().map { ACLTokenStub($0, roles: state.roleLinks(of: $0)) })
        writer.member("ACLRoles", state.roles())
        writer.endObject()
    }
}

extension Answer {
    /// What this program wrote itself.
    fileprivate init(_ value: some JSONWritable) throws(CLIFailure) {
        try self.init(bytes: JSONWriter.encode(value), failing: "Error")
    }
}
