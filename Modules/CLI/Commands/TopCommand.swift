// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient

/// `top`: the cluster at one glance, again and again.
enum TopCommand {
    static let all = [
        Command(
            "top", "shows at a glance whether the cluster is safe",
            detail: "Shows whether the cluster is safe and why not, its servers, how many jobs and "
                + "nodes there are, what Autopilot will do next and what was done last. On a terminal it looks again every second "
                + "until it is interrupted; elsewhere it prints this once. Without a leader it "
                + "shows what the server itself knows. The exit code is 0 when all servers are "
                + "healthy and another may fail, and 2 when not.",
            flags: [
                Flag("count", .count, "Look so many times, then end."),
                Flag("interval", .duration, "How long to wait before looking again; 1s."),
            ], run: run)
    ]

    private static let failing = "Error querying the cluster"
    private static let intervalMin: Duration = .milliseconds(100)

    private static let run: Command.Run = { (invocation) throws(CLIFailure) in
        let interval = invocation.values.duration("interval")?.duration ?? .seconds(1)
        guard interval >= intervalMin else {
            throw .usage("-interval must be at least 100ms")
        }
        let isTerminal = invocation.environment.isTerminal
        let limit = invocation.values.count("count") ?? (isTerminal ? UInt64.max : 1)
        guard limit > 0 else { throw .usage("-count must be at least 1") }
        var screen = Screen(invocation, isRedrawn: isTerminal && limit > 1)
        var level = try look(invocation, &screen)
        for _ in 1..<limit {
            invocation.wait(for: interval)
            level = lookAgain(invocation, &screen)
        }
        return level == .safe ? .fine : .refused
    }

    /// Whoever is watching goes on watching while nobody answers.
    private static func lookAgain(
        _ invocation: Invocation, _ screen: inout Screen
    ) -> Overview.Level? {
        do throws(CLIFailure) {
            return try look(invocation, &screen)
        } catch {
            let word = invocation.style.paint("UNKNOWN", .bad)
            screen.show("\(word)  \(Text.line(error.text))\n")
            return nil
        }
    }

    private static func look(
        _ invocation: Invocation, _ screen: inout Screen
    ) throws(CLIFailure) -> Overview.Level? {
        let overview = try overview(invocation)
        let text = overview.text(
            askedAt: invocation.answering, work: try work(invocation),
            events: try events(invocation), invocation.style, invocation.environment)
        screen.show(text)
        return overview.level
    }

    private static func overview(_ invocation: Invocation) throws(CLIFailure) -> Overview {
        let response = try invocation.response(
            .get, "/v1/operator/autopilot/state", query: [("wait_for_leader", "0s")],
            failing: failing)
        if response.status == 200 {
            return try Overview(state: try Answer(response, failing: failing))
        }
        guard response.saysNoLeader else { throw invocation.refusal(response, failing: failing) }
        return try Overview(
            withoutLeader: Text.reason(response.body),
            configuration: try invocation.answer(
                "/v1/operator/raft/configuration", query: [("stale", "")], failing: failing),
            members: try invocation.answer("/v1/agent/members", failing: failing))
    }

    /// What there is to do and who does it, as far as the server that is asked has come; empty where
    /// there is nothing, or it does not say.
    private static func work(_ invocation: Invocation) throws(CLIFailure) -> String {
        let response = try invocation.response(.get, "/v1/metrics", failing: failing)
        guard response.status == 200 else { return "" }
        let gauges = try Answer(response, failing: failing).list("Gauges")
        func count(_ name: String, status: String? = nil) -> UInt64 {
            gauges.first {
                $0.text("Name") == "nomad.nomad.state.\(name)"
                    && (status == nil || $0["Labels"]?.text("status") == status)
            }?.count("Value") ?? 0
        }
        let statuses: [String] = ["ready", "initializing", "disconnected", "down"]
        let nodes = statuses.map { ($0, count("nodes", status: $0)) }.filter { $0.1 > 0 }
        let (jobs, running, blocked) = (
            count("jobs"), count("allocations_running"), count("evaluations_blocked")
        )
        let notes = [
            ("broker_paused", "The evaluation broker is paused: nothing is placed or moved.\n"),
            ("registration_rejected", "Jobs are refused, but from management tokens.\n"),
        ].filter { count($0.0) > 0 }.map { invocation.style.paint($0.1, .warning) }.joined()
        guard jobs > 0 || !nodes.isEmpty else { return notes }
        let shown = nodes.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
        return "\(jobs) jobs, \(running) allocations running, \(blocked) evaluations blocked; "
            + "nodes: \(shown.isEmpty ? "none" : shown)\n" + notes
    }

    /// The newest first; empty where there are none, or the token may not see them.
    private static func events(_ invocation: Invocation) throws(CLIFailure) -> String {
        let response = try invocation.response(
            .get, "/v1/operator/raft/history", query: [("limit", "5"), ("stale", "")],
            failing: failing)
        guard response.status == 200 else { return "" }
        let events = try Answer(response, failing: failing).list("Events")
        guard !events.isEmpty else { return "" }
        var table = Table("Done", "Action", "Server", "By", "Reason")
        for event in events.reversed() {
            table.rows.append([
                Cell(Moment.age(of: event.text("Time"), invocation.environment)),
                Cell(event.text("Action")), Cell(event.text("Name").orDash),
                Cell(event.text("Actor")), Cell(event.text("Reason").orDash),
            ])
        }
        return table.text(invocation.style)
    }
}

/// Where a text takes the place of the one before, if it is a terminal's.
private struct Screen {
    private let invocation: Invocation
    private let isRedrawn: Bool
    private var isFirst = true

    init(_ invocation: Invocation, isRedrawn: Bool) {
        self.invocation = invocation
        self.isRedrawn = isRedrawn
    }

    mutating func show(_ text: String) {
        defer { isFirst = false }
        guard isRedrawn else { return invocation.write(isFirst ? text : "\n" + text) }
        let height = invocation.environment.height
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        let shown = height > 1 ? lines.prefix(height - 1) : lines[...]
        // Long lines end at the edge. Each line clears what stood there, so that nothing flickers.
        invocation.write(
            (isFirst ? "\u{1b}[2J" : "") + "\u{1b}[?7l\u{1b}[H"
                + shown.map { "\($0)\u{1b}[K\n" }.joined() + "\u{1b}[J\u{1b}[?7h")
    }
}
