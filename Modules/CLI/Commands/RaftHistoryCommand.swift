// SPDX-License-Identifier: Apache-2.0

/// `operator raft history`: who led, and what was done to the servers, by whom and why.
enum RaftHistoryCommand {
    static let all = [
        Command(
            "operator raft history", "shows who led, and what was done to the servers",
            detail:
                "Shows the leaders of the last terms, and what Autopilot and operators did to the "
                + "servers and to their settings: the oldest first.",
            flags: [
                Flag("limit", .count, "Show at most so many of each, the newest ones."),
                Flag("after", .count, "Only what came after this log index."),
                Flag("id", .text("ID"), "Only what was done to this server."),
                Flag("action", .text("ACTION"), "Only this, such as remove or promote."),
            ] + Reading.flags, run: run)
    ]

    private static let run: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let values = invocation.values
        let query = ["action", "after", "id", "limit"].compactMap { name in
            values.text(name).map { (name, $0) }
        }
        let answer = try invocation.answer(
            "/v1/operator/raft/history", query: query, failing: "Error querying Raft history")
        try invocation.show(answer) { () throws(CLIFailure) in
            try leaders(of: answer, invocation).text(invocation.style) + "\n"
                + events(of: answer, invocation).text(invocation.style)
        }
        return .fine
    }

    private static func leaders(
        of answer: Answer, _ invocation: Invocation
    ) throws(CLIFailure) -> Table {
        var table = Table("Leader", "ID", "Term", "Since")
        for term in try answer.list("Leaders") {
            table.rows.append([
                Cell(term.text("Name")), Cell(term.text("ID")), Cell(term.text("Term")),
                Cell(Moment.age(of: term.text("Since"), invocation.environment)),
            ])
        }
        return table
    }

    private static func events(
        of answer: Answer, _ invocation: Invocation
    ) throws(CLIFailure) -> Table {
        var table = Table("Time", "Index", "Action", "Server", "By", "Outcome", "Reason")
        for event in try answer.list("Events") {
            let accessor = event.text("Accessor")
            let actor = event.text("Actor")
            table.rows.append([
                Cell(Moment.age(of: event.text("Time"), invocation.environment)),
                Cell(event.text("Index")), Cell(event.text("Action")),
                Cell(event.text("Name").orDash),
                Cell(accessor.isEmpty ? actor : "\(actor) \(accessor)"),
                Cell(event.text("Outcome")), Cell(event.text("Reason").orDash),
            ])
        }
        return table
    }
}
