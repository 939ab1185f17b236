// SPDX-License-Identifier: Apache-2.0

/// A cluster at one glance: is it safe, and if not, why?
struct Overview {
    enum Level {
        case safe
        case degraded
        /// The next failure of a voter stops it.
        case atRisk
        case down

        var word: String {
            switch self {
            case .safe: "SAFE"
            case .degraded: "DEGRADED"
            case .atRisk: "AT RISK"
            case .down: "DOWN"
            }
        }

        var tint: Style.Tint {
            switch self {
            case .safe: .good
            case .degraded, .atRisk: .warning
            case .down: .bad
            }
        }
    }

    struct Row {
        var name: String
        var role: String
        var isVoter: Bool
        var isHealthy: Bool
        /// Why it is not; empty if it is.
        var reason: String
        var lastContact: String
        var lag: String
        var version: String
        var zone: String
        /// RFC 3339, or empty.
        var stableSince: String
    }

    let level: Level
    let sentence: String
    let reasons: [String]
    let rows: [Row]
    /// Whether a leader says so. Otherwise it is what one server has, and may be old.
    let isLive: Bool
    /// What Autopilot will do, and what it refuses.
    let next: [String]

    private var voters: Int { rows.count { $0.isVoter } }

    // MARK: From the leader's picture

    /// - Parameter state: the answer of `/v1/operator/autopilot/state`.
    init(state: Answer) throws(CLIFailure) {
        let voters = try state.list("Voters").map(\.text)
        let servers = try state.list("Servers")
        let leader = state.text("Leader")
        let newest = servers.first { $0.text("ID") == leader }?.count("LastIndex")
        rows = servers.map { Self.row($0, voters: voters, newest: newest) }
        isLive = true
        next =
            try state.list("NextActions").map(\.text)
            + state.list("Refused").map { "refused: \($0.text("Text"))" }
        let ill = rows.filter { !$0.isHealthy }.map { "\($0.name): \($0.reason)" }
        let tolerance = state.count("FailureTolerance") ?? 0
        guard tolerance > 0 else {
            level = .atRisk
            sentence = "The cluster works. The next failure of a voter stops it."
            reasons = try ill + state.list("Warnings").map { $0.text("Text") }
            return
        }
        let isHealthy = state.isTrue("Healthy")
        level = isHealthy ? .safe : .degraded
        sentence =
            (isHealthy ? "All servers are healthy. " : "The cluster works. ")
            + "\(tolerance) more of \(voters.count) voters may fail."
        reasons = ill
    }

    private static func row(_ server: Answer, voters: [String], newest: UInt64?) -> Row {
        let isLeader = server.text("Status") == "leader"
        let isHealthy = server.isTrue("Healthy")
        let index = server.count("LastIndex")
        let type = server.text("NodeType")
        let status = server.text("Status")
        return Row(
            name: server.text("Name"),
            role: isLeader || type.isEmpty ? status : type,
            isVoter: voters.contains(server.text("ID")), isHealthy: isHealthy,
            reason: isHealthy
                ? "" : server["UnhealthyReason"]?.text("Text") ?? server.text("SerfStatus"),
            lastContact: isLeader ? "-" : Moment.rounded(server.text("LastContact")),
            lag: newest.flatMap { newest in index.map { "\(newest >= $0 ? newest - $0 : 0)" } }
                ?? "-",
            version: server.text("Version"), zone: server.text("Zone").orDash,
            stableSince: isHealthy ? server.text("StableSince") : "")
    }

    // MARK: Without a leader

    /// - Parameters:
    ///   - configuration: what one server has of `/v1/operator/raft/configuration`.
    ///   - members: what it knows of the others, from `/v1/agent/members`.
    ///   - reason: in the words of that server.
    init(
        withoutLeader reason: String, configuration: Answer, members: Answer
    ) throws(CLIFailure) {
        let known = try members.list("Members")
        rows = try configuration.list("Servers").map { server in
            let id = server.text("ID")
            let member = known.first { $0["Tags"]?.text("id") == id }
            let status = member?.text("Status") ?? "unknown to gossip"
            let isVoter = server.isTrue("Voter")
            return Row(
                name: member?.text("Name") ?? server.text("Node"),
                role: isVoter ? "voter" : "non-voter", isVoter: isVoter,
                isHealthy: status == "alive", reason: status == "alive" ? "" : status,
                lastContact: "-", lag: "-", version: member?["Tags"]?.text("build") ?? "-",
                zone: "-", stableSince: "")
        }
        isLive = false
        next = []
        level = .down
        sentence = "There is no leader. Nothing can be changed."
        let voters = rows.filter(\.isVoter)
        let dead = voters.filter { !$0.isHealthy }.map(\.name)
        let missing = voters.count / 2 + 1 - (voters.count - dead.count)
        guard missing > 0, !voters.isEmpty else {
            reasons = [reason]
            return
        }
        let choice = missing < dead.count ? "\(missing) of " : ""
        reasons = [reason, "start \(choice)\(dead.joined(separator: ", "))"]
    }

    // MARK: As text

    /// - Parameters:
    ///   - server: that was asked.
    ///   - work: what runs where, a line.
    ///   - events: the last things that were done, a line for each.
    func text(
        askedAt server: String, work: String, events: String, _ style: Style,
        _ environment: CLIEnvironment
    ) -> String {
        var text = "\(style.paint(level.word, level.tint))  \(style.paint(sentence, .strong))\n"
        text += reasons.map { "  - \($0)\n" }.joined()
        let source =
            isLive
            ? "live, through \(server)" : "STALE: what \(server) has by itself, which may be old"
        text += style.paint(source, isLive ? .faint : .warning) + "\n\n"
        let healthy = rows.count { $0.isVoter && $0.isHealthy }
        text +=
            "\(voters) voters, \(healthy) \(isLive ? "healthy" : "alive"), "
            + "quorum \(voters / 2 + 1)\n\n"
        text += table(environment).text(style)
        if !work.isEmpty { text += "\n" + work }
        if !next.isEmpty { text += "\nNext:\n" + next.map { "  - \($0)\n" }.joined() }
        return events.isEmpty ? text : text + "\n" + events
    }

    private func table(_ environment: CLIEnvironment) -> Table {
        var table = Table(
            "Name", "Role", "Health", "Contact", "Lag", "Version", "Zone", "Stable since")
        for row in rows {
            let health = row.isHealthy ? (isLive ? "healthy" : "alive") : "unhealthy"
            table.rows.append([
                Cell(row.name), Cell(row.role),
                Cell(health, row.isHealthy ? (isLive ? .good : .plain) : .bad),
                Cell(row.lastContact.orDash), Cell(row.lag), Cell(row.version), Cell(row.zone),
                Cell(
                    row.stableSince.isEmpty ? "-" : Moment.age(of: row.stableSince, environment)),
            ])
        }
        return table
    }
}
