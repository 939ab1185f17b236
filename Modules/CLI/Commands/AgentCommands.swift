// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// What one agent says of itself.
enum AgentCommands {
    static let all =
        [
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
        ] + APICommand.all

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
}

extension String {
    /// With a line feed at the end.
    var endingLine: String { hasSuffix("\n") ? self : self + "\n" }
}
