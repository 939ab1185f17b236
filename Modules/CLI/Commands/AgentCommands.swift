// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// What one agent says of itself, and requests of any kind.
enum AgentCommands {
    static let all = [
        Command(
            "agent-info", "shows how the agent that is asked does", flags: Reading.flags,
            run: agentInfo),
        Command(
            "operator metrics", "prints the metrics of the agent that is asked",
            flags: [
                Flag("pretty", .onOff, "Print JSON that people can read."),
                Flag(
                    "format", .choice(["json", "prometheus"]),
                    "As which they are wanted; json if it is not given."),
            ] + Reading.flags, run: metrics),
        Command(
            "operator api", "sends a request of any kind and prints the answer",
            detail:
                "Sends a request and prints the body of the answer as it is. PATH may leave out "
                + "/v1. DATA is sent as the body, by PUT if no method is given: a text, @FILE, or - "
                + "for standard input.",
            operands: Operands(["PATH", "DATA"], 1...2),
            flags: [
                Flag(
                    "X", .choice(["GET", "HEAD", "PUT", "POST", "DELETE"]),
                    "The method; GET, or PUT with DATA."),
                Flag("dryrun", .onOff, "Print what would be sent."),
            ], run: api),
    ]

    // MARK: agent-info

    private static let agentInfo: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let answer = try invocation.answer("/v1/agent/self", failing: "Error querying agent info")
        try invocation.show(answer) { () throws(CLIFailure) in
            var text = ""
            for section in try answer.required("stats").members().sorted(by: { $0.name < $1.name })
            {
                text += Text.line(section.name) + "\n"
                let values = try section.value.members().sorted { $0.name < $1.name }
                for value in values { text += "  \(Text.line(value.name)) = \(value.value.text)\n" }
            }
            return text
        }
        return .fine
    }

    // MARK: metrics

    private static let metrics: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let failing = "Error getting metrics"
        let format = invocation.values.text("format")
        let query = format.map { [("format", $0)] } ?? []
        let response = try invocation.success(.get, "/v1/metrics", query: query, failing: failing)
        if format != "prometheus", !invocation.wantsTable || invocation.values.isOn("pretty") {
            let answer = try Answer(response, failing: failing)
            try invocation.show(answer) { SortedJSON.text(answer.node) }
            return .fine
        }
        invocation.write(Text.lines(String(decoding: response.body, as: UTF8.self)).endingLine)
        return .fine
    }

    // MARK: api

    private static let bodyBytesMax = 64 << 20

    private static let api: Command.Run = { (invocation) throws(CLIFailure) in
        let operands = invocation.values.operands
        var path = operands[0].hasPrefix("/") ? operands[0] : "/" + operands[0]
        if !path.hasPrefix("/v1/") { path = "/v1" + path }
        guard path.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw .usage("the path has blanks or other characters that a URL writes as %XX")
        }
        let body = try operands.count > 1 ? data(operands[1], invocation) : nil
        let method = try method(invocation.values.text("X") ?? (body == nil ? "GET" : "PUT"))
        guard !invocation.values.isOn("dryrun") else {
            let settings = try invocation.settings()
            let target = Target.text(
                path, [], region: settings.region, namespace: settings.namespace)
            invocation.line("\(method.name) \(settings.addresses[0])\(target)")
            if let body { invocation.environment.writeOutput(body + [0x0a]) }
            return .fine
        }
        let response = try invocation.response(
            method.method, path, body: body, failing: "Error sending the request")
        invocation.environment.writeOutput(response.body)
        let endsLine = response.body.last == 0x0a || response.body.isEmpty
        if invocation.environment.isTerminal, !endsLine { invocation.line("") }
        guard (200..<300).contains(response.status) else {
            if !invocation.environment.isTerminal, !endsLine { invocation.note("") }
            invocation.note("Unexpected response code: \(response.status)")
            return .refused
        }
        return .fine
    }

    private static func method(
        _ name: String
    ) throws(CLIFailure) -> (name: String, method: ClientMethod) {
        switch name {
        case "HEAD": ("HEAD", .head)
        case "PUT": ("PUT", .put)
        case "POST": ("POST", .post)
        case "DELETE": ("DELETE", .delete)
        default: ("GET", .get)
        }
    }

    private static func data(
        _ text: String, _ invocation: Invocation
    ) throws(CLIFailure) -> [UInt8] {
        if text == "-" || text.hasPrefix("@") {
            return try invocation.content(
                of: text == "-" ? text : String(text.dropFirst()), limitBytes: bodyBytesMax)
        }
        return Array(text.utf8)
    }
}

extension String {
    /// With a line feed at the end.
    var endingLine: String { hasSuffix("\n") ? self : self + "\n" }
}
