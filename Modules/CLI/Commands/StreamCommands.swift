// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// What goes on until it is interrupted: a server's log, and what happens in the cluster.
enum StreamCommands {
    static let all = [
        Command(
            "monitor", "prints the log of a server as it is written",
            detail: "Prints the log of the server that is asked, or of another that it knows, as "
                + "it is written, until it is interrupted. The server's own log keeps its level.",
            flags: [
                Flag(
                    "log-level", .choice(["trace", "debug", "info", "warn", "error"]),
                    "The lowest level to print; info if it is not given."),
                Flag("json", .onOff, "Print a JSON object to a line."),
                Flag(
                    "server-id", .text("SERVER"),
                    "Whose log: the id or the name of a server, or leader."),
                Flag("node-id", .text("SERVER"), "The same, as it is called for clients."),
            ], run: monitor),
        Command(
            "operator events", "prints what happens in the cluster as it happens",
            detail: "Prints elections, changes of configurations, health, Autopilot's and "
                + "operators' actions, changes of tokens, policies and roles, and snapshots, until "
                + "it is interrupted. What the token may not read is left out.",
            flags: [
                Flag(
                    "topic", .list("TOPIC[:KEY]"),
                    "Only of this topic, or of this key of it, such as Leadership or Health:ID; "
                        + "may be given several times."),
                Flag(
                    "index", .count,
                    "Begin with what came of this log index, as far as the server still knows it."),
                Flag("json", .onOff, "Print the lines as they come, in JSON."),
            ], run: events),
    ]

    // MARK: monitor

    private static let monitor: Command.Run = { (invocation) throws(CLIFailure) in
        let failing = "Error starting monitor"
        var query: [(String, String)] = []
        for (flag, name) in [
            ("log-level", "log_level"), ("server-id", "server_id"), ("node-id", "node_id"),
        ] {
            if let value = invocation.values.text(flag) { query.append((name, value)) }
        }
        // The server that is asked may live on when the one behind it is gone.
        let elsewhere = query.first { $0.0 != "log_level" }.map { " \(Text.line($0.1))" } ?? ""
        if invocation.values.isOn("json") { query.append(("log_json", "true")) }
        let answer = try invocation.openAnswer(
            "/v1/agent/monitor", query: query, failing: failing)
        try invocation.follow(answer, failing: "Error monitoring\(elsewhere)") {
            (line) throws(CLIFailure) in
            let frame = try Answer(bytes: line, failing: failing)
            guard let lines = Base64.decoded(frame.text("Data")) else {
                throw frame.wrong("its Data is no base64")
            }
            invocation.write(Text.lines(String(decoding: lines, as: UTF8.self)))
        }
        return .fine
    }

    // MARK: operator events

    private static let events: Command.Run = { (invocation) throws(CLIFailure) in
        let failing = "Error reading events"
        var query = invocation.values.list("topic").map { ("topic", $0) }
        if let index = invocation.values.count("index") { query.append(("index", "\(index)")) }
        let answer = try invocation.openAnswer("/v1/event/stream", query: query, failing: failing)
        let isJSON = invocation.values.isOn("json")
        try invocation.follow(answer, failing: failing) { (line) throws(CLIFailure) in
            let frame = try Answer(bytes: line, failing: failing)
            if isJSON { return invocation.line(String(decoding: line, as: UTF8.self)) }
            for event in try frame.list("Events") { invocation.line(try summary(of: event)) }
        }
        return .fine
    }

    /// `7  Leadership  LeaderElected  s1.global  Term=3 …`
    private static func summary(of event: Answer) throws(CLIFailure) -> String {
        var details: [String] = []
        for (name, value) in try event["Payload"]?.members() ?? [] {
            guard value.isObject else {
                details.append("\(Text.line(name))=\(value.text)")
                continue
            }
            for (name, value) in try value.members() where !value.text.isEmpty {
                details.append("\(Text.line(name))=\(value.text)")
            }
        }
        let words = ["Index", "Topic", "Type", "Key"].map { event.text($0) }
        return (words + details).filter { !$0.isEmpty }.joined(separator: "  ")
    }
}
