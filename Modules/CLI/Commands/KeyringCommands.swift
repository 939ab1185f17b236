// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletJSON

/// `operator gossip keyring …`, and `operator keyring` as it was called before.
enum KeyringCommands {
    static let all = [
        Command(
            "operator gossip keyring list", "lists the keys that seal gossip",
            detail:
                "Lists the keys that seal gossip, on how many servers each is, and which is used.",
            flags: Reading.flags
        ) { (invocation) throws(CLIFailure) in try list(invocation) },
        Command(
            "operator gossip keyring install", "makes a key known to all servers",
            detail: "Makes a key known to all servers. They take what is sealed by it, and go on "
                + "sealing by the one in use. With - the key is read from standard input, where nobody sees "
                + "it among the arguments.",
            operands: .exactly("KEY")
        ) { (invocation) throws(CLIFailure) in
            try change(.install, invocation.values.operands[0], invocation)
        },
        Command(
            "operator gossip keyring use", "makes all servers seal by a key",
            detail:
                "Makes all servers seal by a key that is installed on all of them; - reads it from "
                + "standard input.",
            operands: .exactly("KEY")
        ) { (invocation) throws(CLIFailure) in
            try change(.use, invocation.values.operands[0], invocation)
        },
        Command(
            "operator gossip keyring remove", "makes all servers forget a key",
            detail:
                "Makes all servers forget a key that is not in use; - reads it from standard input.",
            operands: .exactly("KEY")
        ) { (invocation) throws(CLIFailure) in
            try change(.remove, invocation.values.operands[0], invocation)
        },
        Command(
            "operator keyring", "the same as operator gossip keyring, by flags",
            flags: [
                Flag("list", .onOff, "List the keys."),
                Flag("install", .text("KEY"), "Make a key known to all servers."),
                Flag("use", .text("KEY"), "Make all servers seal by a key."),
                Flag("remove", .text("KEY"), "Make all servers forget a key."),
            ] + Reading.flags, run: byFlags),
    ]

    private enum Change: String, CaseIterable {
        case install, use, remove

        var announcement: String {
            switch self {
            case .install: "Installing new gossip encryption key..."
            case .use: "Changing primary gossip encryption key..."
            case .remove: "Removing gossip encryption key..."
            }
        }
    }

    private static let byFlags: Command.Run = { (invocation) throws(CLIFailure) in
        let values = invocation.values
        let changes = Change.allCases.filter { values.text($0.rawValue) != nil }
        guard changes.count + (values.isOn("list") ? 1 : 0) == 1 else {
            throw .usage("exactly one of -list, -install, -use and -remove is needed")
        }
        guard let change = changes.first else { return try list(invocation) }
        return try Self.change(change, values.text(change.rawValue) ?? "", invocation)
    }

    private static func list(_ invocation: Invocation) throws(CLIFailure) -> ExitCode {
        try invocation.checkReading()
        if invocation.wantsTable { invocation.line("Gathering installed encryption keys...") }
        let response = try invocation.response(.get, "/v1/agent/keyring/list", failing: "error")
        let (answer, failures) = try read(response, invocation)
        try invocation.show(answer) { () throws(CLIFailure) in
            let count = answer.text("NumNodes", default: "?")
            let primaries = try answer["PrimaryKeys"]?.members().map(\.name) ?? []
            var table = Table("Key", "Servers", "Primary")
            for key in try answer.required("Keys").members().sorted(by: { $0.name < $1.name }) {
                let isPrimary = primaries.contains(key.name)
                table.rows.append([
                    Cell(Text.line(key.name)), Cell("\(key.value.text)/\(count)"),
                    Cell("\(isPrimary)", isPrimary ? .good : .plain),
                ])
            }
            return table.text(invocation.style)
        }
        // What the others have is shown all the same: who lost the key needs to see it.
        guard failures.isEmpty else { throw notDone("told by", failures) }
        return .fine
    }

    private static func change(
        _ change: Change, _ given: String, _ invocation: Invocation
    ) throws(CLIFailure) -> ExitCode {
        var key = given
        if given == "-" {
            let input = try invocation.content(of: "-", limitBytes: 4096)
            key = Text.line(String(decoding: input, as: UTF8.self))
        }
        invocation.line(change.announcement)
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("Key", key)
        writer.endObject()
        let response = try invocation.response(
            .put, "/v1/agent/keyring/\(change.rawValue)", body: writer.bytes, failing: "error")
        let failures = try read(response, invocation).failures
        guard failures.isEmpty else { throw notDone("done on", failures) }
        invocation.line("Done on all servers.")
        return .fine
    }

    /// The answer, and which servers did not do it, where it tells.
    private static func read(
        _ response: ClientResponse, _ invocation: Invocation
    ) throws(CLIFailure) -> (answer: Answer, failures: [String]) {
        guard response.status != 200 else {
            return (try Answer(response, failing: "error"), [])
        }
        let refusal = invocation.refusal(response, failing: "error")
        guard response.body.first == UInt8(ascii: "{") else { throw refusal }
        let answer = try Answer(response, failing: "error")
        let failures = try answer["Messages"]?.members() ?? []
        guard !failures.isEmpty else { throw refusal }
        return (answer, failures.map { "\(Text.line($0.name)): \($0.value.text)" })
    }

    private static func notDone(_ verb: String, _ failures: [String]) -> CLIFailure {
        CLIFailure(
            "error: not \(verb) \(failures.count) servers: \(failures.joined(separator: "; "))",
            .refused)
    }
}
