// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// `server …` and `status`.
enum ServerCommands {
    static let all = [
        Command(
            "server members", "lists the servers that gossip knows",
            detail:
                "Lists the servers that gossip knows, and who leads. Without a leader the list is "
                + "shown all the same, and the exit code is 2.",
            flags: [
                Flag("detailed", .onOff, "Show all that each server says of itself."),
                Flag("verbose", .onOff, "The same as -detailed."),
            ] + Reading.flags, run: members),
        Command(
            "server join", "makes a server join others",
            operands: Operands(["ADDRESS"], 1...16), run: join),
        Command(
            "server force-leave", "declares a failed server as gone",
            detail: "Declares a server that failed as gone, so that nobody waits for it.",
            operands: .exactly("NODE"),
            flags: [Flag("prune", .onOff, "Forget it altogether.")], run: forceLeave),
        Command(
            "status", "lists the jobs",
            detail: "Lists the jobs; without a leader, the servers as gossip knows them.",
            flags: Reading.flags, run: status),
    ]

    // MARK: members

    private static let failing = "Error querying servers"

    private static let members: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let answer = try invocation.answer("/v1/agent/members", failing: failing)
        guard invocation.wantsTable else {
            // The list alone, as Nomad's.
            try invocation.show(answer.required("Members")) { "" }
            return .fine
        }
        let members = try answer.list("Members").sorted { $0.text("Name") < $1.text("Name") }
        let leaders = try Leaders(of: members, invocation)
        let isDetailed = invocation.values.isOn("detailed") || invocation.values.isOn("verbose")
        let table = try isDetailed ? detailed(members) : plain(members, leaders)
        invocation.write(table.text(invocation.style))
        guard let failure = leaders.failure else { return .fine }
        throw CLIFailure("Error determining leaders: \(failure)", .refused)
    }

    private static func plain(_ members: [Answer], _ leaders: Leaders) -> Table {
        var table = Table(
            "Name", "Address", "Port", "Status", "Leader", "Protocol", "Build", "Datacenter",
            "Region")
        for member in members {
            let status = member.text("Status")
            let leads = leaders.includes(member)
            let tags = member["Tags"]
            table.rows.append([
                Cell(member.text("Name")), Cell(member.text("Addr")), Cell(member.text("Port")),
                Cell(status, status == "alive" ? .plain : status == "failed" ? .bad : .warning),
                Cell("\(leads)", leads ? .good : .plain), Cell(member.text("ProtocolCur")),
                Cell(tags?.text("build") ?? ""), Cell(tags?.text("dc") ?? ""),
                Cell(tags?.text("region") ?? ""),
            ])
        }
        return table
    }

    private static func detailed(_ members: [Answer]) throws(CLIFailure) -> Table {
        var table = Table("Name", "Address", "Port", "Tags")
        for member in members {
            let tags = try member.required("Tags").members()
                .map { "\(Text.line($0.name))=\($0.value.text)" }.sorted()
            table.rows.append([
                Cell(member.text("Name")), Cell(member.text("Addr")), Cell(member.text("Port")),
                Cell(tags.joined(separator: ",")),
            ])
        }
        return table
    }

    /// Who leads each region that members name.
    struct Leaders {
        private var addresses: [String: String] = [:]
        private(set) var failure: String?

        init(of members: [Answer], _ invocation: Invocation) throws(CLIFailure) {
            let regions = Set(members.compactMap { $0["Tags"]?.text("region") })
            for region in regions.sorted() where !region.isEmpty {
                // With a region of its own, -region does not go along.
                let response = try invocation.response(
                    .get, "/v1/status/leader?region=\(Target.encoded(region))", inRegion: false,
                    failing: "Error determining leaders")
                guard response.status == 200 else {
                    let reason = Text.reason(response.body)
                    failure =
                        failure ?? "Region \"\(region)\": Unexpected response code: "
                        + "\(response.status) (\(reason))"
                    continue
                }
                let leader = try Answer(response, failing: "Error determining leaders").text
                addresses[region] = leader
                if leader.isEmpty { failure = failure ?? "Region \"\(region)\": No cluster leader" }
            }
        }

        func includes(_ member: Answer) -> Bool {
            guard let tags = member["Tags"], let leader = addresses[tags.text("region")],
                !leader.isEmpty
            else { return false }
            let host = tags.text("rpc_addr", default: member.text("Addr"))
            let port = tags.text("port")
            return leader == "\(host):\(port)" || leader == "[\(host)]:\(port)"
        }
    }

    // MARK: Changes

    private static let join: Command.Run = { (invocation) throws(CLIFailure) in
        let failing = "Error joining"
        let answer = try invocation.answer(
            .put, "/v1/agent/join", query: invocation.values.operands.map { ("address", $0) },
            failing: failing)
        let error = answer.text("error")
        let count = answer.count("num_joined") ?? 0
        guard error.isEmpty || count > 0 else { throw CLIFailure("\(failing): \(error)", .refused) }
        invocation.line("Joined \(count) servers successfully")
        guard error.isEmpty else { throw CLIFailure("\(failing): \(error)", .refused) }
        return .fine
    }

    private static let forceLeave: Command.Run = { (invocation) throws(CLIFailure) in
        var query = [("node", invocation.values.operands[0])]
        if invocation.values.isOn("prune") { query.append(("prune", "true")) }
        _ = try invocation.success(
            .put, "/v1/agent/force-leave", query: query, failing: "Error force-leaving server")
        return .fine
    }

    // MARK: status

    private static let status: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let failing = "Error querying jobs"
        let response = try invocation.response(.get, "/v1/jobs", failing: failing)
        if response.saysNoLeader, invocation.wantsTable {
            return try leaderless(invocation, Text.reason(response.body))
        }
        guard response.status == 200 else { throw invocation.refusal(response, failing: failing) }
        let answer = try Answer(response, failing: failing)
        try invocation.show(answer) { () throws(CLIFailure) in
            let jobs = try answer.elements()
            if jobs.isEmpty { return "No running jobs\n" }
            var table = Table("ID", "Type", "Priority", "Status")
            for job in jobs {
                table.rows.append(
                    ["ID", "Type", "Priority", "Status"].map { Cell(job.text($0)) })
            }
            return table.text(invocation.style)
        }
        return .fine
    }

    /// What the server that is asked knows by itself.
    private static func leaderless(
        _ invocation: Invocation, _ reason: String
    ) throws(CLIFailure) -> ExitCode {
        let failing = "Error querying servers"
        let members = try invocation.answer("/v1/agent/members", failing: failing)
        let all = try members.list("Members")
        var facts = Facts()
        facts.add("Healthy", "false", .bad)
        facts.add("Leader", "")
        facts.add("Servers", "\(all.count)")
        let statuses: [(title: String, status: String, tint: Style.Tint)] = [
            ("Alive", "alive", .plain), ("Failed", "failed", .bad), ("Left", "left", .plain),
        ]
        for (title, status, tint) in statuses {
            let names = all.filter { $0.text("Status") == status }.map { $0.text("Name") }
            if !names.isEmpty { facts.add(title, names.joined(separator: ", "), tint) }
        }
        invocation.write(facts.text(invocation.style))
        throw CLIFailure(
            "\(reason): asked \(invocation.answering), which knows this by gossip", .refused)
    }
}
