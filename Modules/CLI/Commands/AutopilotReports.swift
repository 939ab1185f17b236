// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// What Autopilot sees, wants and waits for.
enum AutopilotReports {
    static let all = [
        Command(
            "operator autopilot health", "shows the health of the servers",
            detail: "Shows the health of the servers as the leader sees it, and why those that are "
                + "unhealthy are. The exit code is 0 when all are healthy and 2 when one is not.",
            flags: Reading.flags, run: health),
        Command(
            "operator autopilot state", "shows what Autopilot sees and wants",
            flags: Reading.flags, run: state),
        Command(
            "operator autopilot plan", "shows what Autopilot would do",
            detail: "Shows what Autopilot would do next, as things are or if some servers left or "
                + "failed or settings were others; nothing is changed. The exit code is 2 when it "
                + "would be dangerous.",
            flags: [
                Flag("leaving", .list("SERVER"), "Assume that it leaves; by ID, name or address."),
                Flag("failed", .list("SERVER"), "Assume that it fails; by ID, name or address."),
                Flag(
                    "set", .list("FIELD=VALUE"),
                    "Assume this setting, such as MinQuorum=3, by its name in get-config."),
            ] + Reading.flags, run: plan),
    ]

    // MARK: health

    private static let healthFailing = "Error querying Autopilot health"

    private static let health: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let response = try invocation.response(
            .get, "/v1/operator/autopilot/health", failing: healthFailing)
        guard response.status == 200 || response.status == 429 else {
            throw invocation.refusal(response, failing: healthFailing)
        }
        let answer = try Answer(response, failing: healthFailing)
        let isHealthy = response.status == 200 && answer.isTrue("Healthy")
        try invocation.show(answer) { () throws(CLIFailure) in
            let reasons = isHealthy ? [] : try reasons(invocation)
            return try text(of: answer, reasons, invocation)
        }
        return isHealthy ? .fine : .refused
    }

    private static func text(
        of answer: Answer, _ reasons: [String], _ invocation: Invocation
    ) throws(CLIFailure) -> String {
        let style = invocation.style
        let isHealthy = answer.isTrue("Healthy")
        var text = "Healthy: \(style.paint("\(isHealthy)", isHealthy ? .good : .bad))\n"
        text += "FailureTolerance: \(answer.text("FailureTolerance", default: "0"))\n"
        if let optimistic = answer["OptimisticFailureTolerance"] {
            text += "OptimisticFailureTolerance: \(optimistic.text)\n"
        }
        text += "Leader: \(answer.text("Leader"))\nVoters:\n"
        for voter in try answer.list("Voters") { text += "    \(voter.text)\n" }
        let replicas = try answer.list("ReadReplicas")
        if !replicas.isEmpty {
            text += "ReadReplicas:\n" + replicas.map { "    \($0.text)\n" }.joined()
        }
        if let upgrade = answer["Upgrade"] {
            text += "Upgrade: \(upgrade.text("Status")) to \(upgrade.text("TargetVersion"))\n"
        }
        text += "Servers:\n" + (try servers(of: answer, invocation.environment)).text(style)
        if !reasons.isEmpty { text += "\n" + reasons.joined(separator: "\n") + "\n" }
        return text
    }

    private static func servers(
        of answer: Answer, _ environment: CLIEnvironment
    ) throws(CLIFailure) -> Table {
        var table = Table(
            "ID", "Name", "Address", "SerfStatus", "Version", "Leader", "Voter", "Healthy",
            "LastContact", "LastTerm", "LastIndex", "StableSince")
        for server in try answer.list("Servers") {
            let status = server.text("SerfStatus")
            table.rows.append([
                Cell(server.text("ID")), Cell(server.text("Name")), Cell(server.text("Address")),
                Cell(status, status == "alive" ? .plain : .bad), Cell(server.text("Version")),
                Cell(server.text("Leader")), Cell(server.text("Voter")),
                .goodIfTrue(server.isTrue("Healthy")), Cell(server.text("LastContact")),
                Cell(server.text("LastTerm")), Cell(server.text("LastIndex")),
                Cell(Moment.age(of: server.text("StableSince"), environment)),
            ])
        }
        return table
    }

    /// Why servers are unhealthy, a line for each. None from servers that do not tell.
    private static func reasons(_ invocation: Invocation) throws(CLIFailure) -> [String] {
        let response = try invocation.response(
            .get, "/v1/operator/autopilot/state", failing: healthFailing)
        guard response.status == 200 else { return [] }
        let state = try Answer(response, failing: healthFailing)
        return try state.list("Servers").compactMap { server in
            guard let reason = server["UnhealthyReason"] else { return nil }
            return "\(server.text("Name")): \(reason.text("Text"))"
        }
    }

    // MARK: state

    private static let state: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let answer = try invocation.answer(
            "/v1/operator/autopilot/state", failing: "Error querying Autopilot state")
        try invocation.show(answer) { () throws(CLIFailure) in
            try text(ofState: answer, invocation.style)
        }
        return .fine
    }

    private static func text(ofState answer: Answer, _ style: Style) throws(CLIFailure) -> String {
        var facts = Facts()
        let isHealthy = answer.isTrue("Healthy")
        facts.add("Status", answer.text("Status"))
        facts.add("Healthy", "\(isHealthy)", isHealthy ? .good : .bad)
        facts.add("Leader", answer.text("Leader"))
        facts.add("Failure Tolerance", answer.text("FailureTolerance"))
        facts.add("Optimistic Tolerance", answer.text("OptimisticFailureTolerance"))
        facts.add("Configuration Index", answer.text("ConfigurationIndex"))
        if let target = answer["TargetVersion"] { facts.add("Target Version", target.text) }
        if let age = answer["Age"] { facts.add("Age", age.text, .warning) }
        var text = facts.text(style)
        text += paragraph("Next Actions", try answer.list("NextActions").map(\.text))
        text += try notices("Warnings", answer) + notices("Refused", answer)
        var table = Table(
            "Name", "ID", "Address", "Status", "NodeType", "Zone", "Version", "Healthy", "Reason")
        for server in try answer.list("Servers") {
            table.rows.append([
                Cell(server.text("Name")), Cell(server.text("ID")), Cell(server.text("Address")),
                Cell(server.text("Status"), server.text("Status") == "leader" ? .good : .plain),
                Cell(server.text("NodeType")), Cell(server.text("Zone", default: "-").orDash),
                Cell(server.text("UpgradeVersion", default: server.text("Version"))),
                .goodIfTrue(server.isTrue("Healthy")),
                Cell((server["UnhealthyReason"]?.text("Text") ?? "").orDash),
            ])
        }
        return text + "\n" + table.text(style)
    }

    private static func paragraph(_ title: String, _ lines: [String]) -> String {
        lines.isEmpty ? "" : "\n\(title)\n" + lines.map { "  \($0)\n" }.joined()
    }

    private static func notices(_ name: String, _ answer: Answer) throws(CLIFailure) -> String {
        paragraph(
            name,
            try answer.list(name).map { notice in
                let id = notice.text("ID")
                return notice.text("Text") + (id.isEmpty ? "" : " (\(id))")
            })
    }

    // MARK: plan

    private static let plan: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let values = invocation.values
        var query = values.list("leaving").map { ("leaving", $0) }
        query += values.list("failed").map { ("failed", $0) }
        for text in values.list("set") {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else {
                throw .usage("-set \(Text.clipped(text)): a name and a value, as in MinQuorum=3")
            }
            query.append((parts[0], parts[1]))
        }
        let answer = try invocation.answer(
            "/v1/operator/autopilot/plan", query: query, failing: "Error querying Autopilot plan")
        try invocation.show(answer) { () throws(CLIFailure) in
            try text(ofPlan: answer, invocation.style)
        }
        return answer.isTrue("Safe") ? .fine : .refused
    }

    private static func text(ofPlan answer: Answer, _ style: Style) throws(CLIFailure) -> String {
        var facts = Facts()
        let isSafe = answer.isTrue("Safe")
        facts.add("Safe", "\(isSafe)", isSafe ? .good : .bad)
        facts.add("Status", answer.text("Status"))
        facts.add("Quorum Survives", answer.text("QuorumSurvives"))
        facts.add("Failure Tolerance", answer.text("FailureTolerance"))
        facts.add("Settled Tolerance", answer.text("SettledFailureTolerance"))
        facts.add("Settled Voters", "\(try answer.list("SettledVoters").count)")
        var text = facts.text(style)
        text += try notices("Unsafe", answer)
        let actions = try answer.list("Actions").map { action in
            "\(action.text("Action")) \(action.text("ID")): \(action.text("Text"))"
        }
        text += paragraph("Actions", actions.isEmpty ? ["none"] : actions)
        return try text + notices("Refused", answer) + notices("Warnings", answer)
    }
}

extension String {
    /// For a cell where nothing is usual.
    var orDash: String { isEmpty ? "-" : self }
}
