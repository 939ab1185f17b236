// SPDX-License-Identifier: Apache-2.0

/// The table of all commands.
package enum Commands {
    package static func tree(foreign: [ForeignCommand]) -> CommandTree {
        CommandTree(
            commands: RaftCommands.all + RaftHistoryCommand.all + OfflineRaftCommands.all
                + AutopilotCommands.all + DevCommand.all
                + SchedulerCommands.all + ServerCommands.all + AgentCommands.all
                + KeyringCommands.all + SnapshotCommands.all + ACLPolicyCommands.all
                + ACLTokenCommands.all + ACLRoleCommands.all + DebugCommand.all
                + DoctorCommand.all + ShellCommands.all + TopCommand.all + StreamCommands.all
                + scheduling,
            foreign: foreign, groups: groups)
    }

    private static let scheduling =
        JobCommands.all + NodeCommands.all + PoolCommands.all + EvaluationCommands.all
        + AllocationCommands.all + DeploymentCommands.all + SystemCommands.all

    private static let groups = [
        "acl": "tokens, policies and roles: who may do what",
        "acl policy": "what a token that has them may do",
        "acl role": "policies under one name",
        "acl token": "secrets that say who asks",
        "alloc": "allocations: instances of jobs on nodes",
        "audit": "the log of who asked for what",
        "config": "configuration files, looked at without starting a server",
        "deployment": "new versions of jobs, as they take over",
        "eval": "evaluations: what the scheduler has to do, and what came of it",
        "job": "jobs: what shall run",
        "node": "nodes: where it runs",
        "node pool": "parts of the nodes, and how work is placed there",
        "operator": "looks after the servers themselves",
        "operator autopilot": "health of the servers, and what tends them",
        "operator gossip": "how the servers know of each other",
        "operator gossip keyring": "the keys that seal gossip",
        "operator raft": "who votes, who leads, and what a server has stored",
        "operator scheduler": "how work is placed",
        "operator snapshot": "the state as a file, and back",
        "server": "the servers as they know of each other",
        "system": "looks after all objects of the scheduler",
        "system reconcile": "mends what was counted",
        "tls": "authorities and certificates",
        "tls ca": "certificate authorities",
        "tls cert": "certificates",
    ]

    static let stale = Flag(
        "stale", .onOff,
        "Ask for what the server itself knows, which may be old: an answer also without a leader.")
}

/// Reads print a table, or with these flags something else.
enum Reading {
    static let flags = [
        Flag("json", .onOff, "Print JSON, its names sorted."),
        Flag(
            "t", .text("TEMPLATE"),
            "Print by a template of Go's form, such as "
                + "'{{range .Servers}}{{.Node}} {{.Address}}{{\"\\n\"}}{{end}}'."),
    ]
}

extension Invocation {
    /// Whether a table is wanted: only then is more asked for it.
    var wantsTable: Bool { !values.isOn("json") && values.text("t") == nil }

    /// Prints a read's answer as `-json` or `-t` ask, or by `table`.
    func show(
        _ answer: Answer, table: () throws(CLIFailure) -> String
    ) throws(CLIFailure) {
        if let template = values.text("t") {
            guard !values.isOn("json") else { throw .usage("-json and -t exclude each other") }
            return write(try Template(template).text(of: answer.node))
        }
        write(values.isOn("json") ? SortedJSON.text(answer.node) : try table())
    }

    /// Checks a template before anything is asked.
    func checkReading() throws(CLIFailure) {
        if let template = values.text("t") { _ = try Template(template) }
    }
}
