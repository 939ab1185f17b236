// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletJSON

/// `eval …`.
enum EvaluationCommands {
    static let all = [
        Command(
            "eval list", "lists the evaluations",
            flags: [
                Flag("job", .text("JOB"), "Only those of this job."),
                Flag(
                    "status", .choice(["blocked", "pending", "complete", "failed", "canceled"]),
                    "Only those of this status."),
                Invocation.verbose,
            ] + ListPages.flags + Reading.flags, run: list),
        Command(
            "eval status", "shows an evaluation",
            detail: "Shows an evaluation: what it was for, what came of it, and why something "
                + "found no place. The id may be given by its beginning.",
            operands: .exactly("EVALUATION"),
            flags: [
                Flag("monitor", .onOff, "Follow it until the scheduler has done with it."),
                Invocation.verbose,
            ] + Reading.flags, run: status),
        Command(
            "eval delete", "removes evaluations",
            detail: "Removes an evaluation, or all that a filter chooses, also those that "
                + "nobody has looked at yet. The broker must be paused meanwhile: operator "
                + "scheduler set-config -pause-eval-broker.",
            operands: Operands(["EVALUATION"], 0...1),
            flags: [
                Flag(
                    "filter", .text("EXPRESSION"),
                    "All for which it is true, such as 'Status == \"blocked\"'; with -yes."),
                Flag(
                    "yes", .onOff,
                    "Do it even if only the beginning of the id was given, or a filter."),
            ], run: delete),
    ]

    private static let list: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let query = ["job", "status"].compactMap { name in
            invocation.values.text(name).map { (name, $0) }
        }
        let failing = "Error querying evaluations"
        let response = try invocation.page("/v1/evaluations", query: query, failing: failing)
        let answer = try Answer(response, failing: failing)
        try invocation.show(answer) { () throws(CLIFailure) in
            // A server that does not choose by these answers with all.
            let shown = try answer.elements().filter { evaluation in
                [("job", "JobID"), ("status", "Status")].allSatisfy { flag, field in
                    invocation.values.text(flag).map { $0 == evaluation.text(field) } ?? true
                }
            }
            guard !shown.isEmpty else { return "No evals found\n" }
            let isPage = ["page-token", "per-page"].contains { invocation.values.text($0) != nil }
            let order = isPage ? shown : AllocationTable.newestFirst(shown)
            return EvaluationText.table(order, invocation, isOfOneJob: false)
        }
        invocation.tellNextPage(after: response)
        return .fine
    }

    private static let status: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let typed = invocation.values.operands[0]
        if invocation.values.isOn("monitor") {
            var monitor = EvaluationMonitor(invocation)
            return try monitor.follow(try invocation.completed(.evaluation, typed))
        }
        let evaluation = try invocation.find(.evaluation, typed)
        try invocation.show(evaluation) { EvaluationText.text(evaluation, invocation) }
        return .fine
    }

    private static let delete: Command.Run = { (invocation) throws(CLIFailure) in
        switch (invocation.values.operands.first, invocation.values.text("filter")) {
        case (let typed?, nil):
            let id = try invocation.completed(.evaluation, typed)
            try invocation.confirm(typed, is: id, "evaluation \(id)")
            try delete([id], invocation)
            invocation.line("Evaluation \"\(Text.line(id))\" deleted")
            return .fine
        case (nil, let filter?): return try deleteAll(filter, invocation)
        case (nil, nil), (_?, _?): throw .usage("either EVALUATION or -filter is needed")
        }
    }

    /// As many as servers take in one request.
    private static let deletedMax = 1000
    private static let pagesMax = 10_000

    /// Chosen first, and only then removed: what was counted is what goes.
    private static func deleteAll(
        _ filter: String, _ invocation: Invocation
    ) throws(CLIFailure) -> ExitCode {
        let failing = "Error querying evaluations"
        let query = [("filter", filter), ("per_page", "\(deletedMax)")]
        var ids: [String] = []
        var page: [(String, String)] = []
        for _ in 0..<pagesMax {
            let response = try invocation.success(
                .get, "/v1/evaluations", query: query + page, failing: failing)
            ids += try Answer(response, failing: failing).elements().map { $0.text("ID") }
            guard let token = response.header("X-Nomad-NextToken"), !token.isEmpty else { break }
            page = [("next_token", token)]
        }
        guard !ids.isEmpty else {
            invocation.line("No evals found")
            return .fine
        }
        guard invocation.values.isOn("yes") else {
            throw .usage("\(ids.count) evaluation(s) are chosen: add -yes if they are meant")
        }
        for start in stride(from: 0, to: ids.count, by: deletedMax) {
            try delete(Array(ids[start..<min(ids.count, start + deletedMax)]), invocation)
        }
        invocation.line("\(ids.count) evaluation(s) deleted")
        return .fine
    }

    private static func delete(_ ids: [String], _ invocation: Invocation) throws(CLIFailure) {
        _ = try invocation.success(
            .delete, "/v1/evaluations",
            body: JobChanges.body { $0.member("EvalIDs", ids) },
            failing: "Error deleting evaluation")
    }
}

/// An evaluation in words.
enum EvaluationText {
    static func table(
        _ evaluations: [Answer], _ invocation: Invocation, isOfOneJob: Bool = true
    ) -> String {
        guard !evaluations.isEmpty else { return "No evaluations\n" }
        var table = Table(
            columns: ["ID", "Priority", "Triggered By"] + (isOfOneJob ? [] : ["Job ID"])
                + ["Node ID", "Status", "Placement Failures"])
        for evaluation in evaluations {
            var row = [
                Cell(invocation.shown(evaluation.text("ID"))), Cell(evaluation.text("Priority")),
                Cell(evaluation.text("TriggeredBy")),
            ]
            if !isOfOneJob { row.append(Cell(evaluation.text("JobID"))) }
            let failures = failures(of: evaluation)
            row += [
                Cell(invocation.shown(evaluation.text("NodeID"))),
                Cell(evaluation.text("Status"), tint(of: evaluation.text("Status"))),
                Cell(failures, failures == "true" ? .warning : .plain),
            ]
            table.rows.append(row)
        }
        return table.text(invocation.style)
    }

    private static func failures(of evaluation: Answer) -> String {
        evaluation.text("Status") == "blocked"
            ? "N/A - In Progress" : "\(!evaluation.sortedMembers("FailedTGAllocs").isEmpty)"
    }

    static func tint(of status: String) -> Style.Tint {
        switch status {
        case "blocked", "pending": .warning
        case "failed", "canceled": .bad
        default: .plain
        }
    }

    static func text(_ evaluation: Answer, _ invocation: Invocation) -> String {
        let status = evaluation.text("Status")
        var facts = Facts()
        facts.add("ID", invocation.shown(evaluation.text("ID")))
        facts.add("Create Time", invocation.age(evaluation.int("CreateTime")))
        facts.add("Modify Time", invocation.age(evaluation.int("ModifyTime")))
        facts.add("Status", status, tint(of: status))
        facts.add("Status Description", evaluation.text("StatusDescription"))
        facts.add("Type", evaluation.text("Type"))
        facts.add("TriggeredBy", evaluation.text("TriggeredBy"))
        let node = evaluation.text("NodeID")
        facts.add("Job ID", evaluation.text("JobID"))
        if !node.isEmpty { facts.add("Node ID", invocation.shown(node)) }
        let deployment = evaluation.text("DeploymentID")
        if !deployment.isEmpty { facts.add("Deployment ID", invocation.shown(deployment)) }
        facts.add("Priority", evaluation.text("Priority"))
        facts.add("Placement Failures", failures(of: evaluation))
        for (title, field) in [
            ("Previous Eval", "PreviousEval"), ("Next Eval", "NextEval"),
            ("Blocked Eval", "BlockedEval"),
        ] where invocation.isVerbose || !evaluation.text(field).isEmpty {
            facts.add(title, invocation.shown(evaluation.text(field)))
        }
        var text = facts.text(invocation.style)
        let failed = PlacementText.failures(evaluation, isVerbose: invocation.isVerbose)
        if !failed.isEmpty { text += invocation.title("Failed Placements") + failed }
        let blocked = evaluation.text("BlockedEval")
        if !blocked.isEmpty {
            text +=
                "\nEvaluation \"\(invocation.shown(blocked))\" waiting for additional capacity "
                + "to place remainder\n"
        }
        let waits = waiting(evaluation, invocation)
        return waits.isEmpty ? text : text + "\n" + waits
    }

    /// What an evaluation that has not ended waits for, or why it failed; nothing for others.
    static func waiting(_ evaluation: Answer, _ invocation: Invocation) -> String {
        let name = "Evaluation \"\(invocation.shown(evaluation.text("ID")))\""
        let why = evaluation.text("StatusDescription")
        let until = Moment.given(evaluation.text("WaitUntil"))
        switch evaluation.text("Status") {
        case "blocked":
            return "\(name) is blocked until a node has room for it or fits it"
                + (why.isEmpty ? "" : ": \(why)") + "\n"
        case "pending" where !until.isEmpty:
            return "\(name) waits until \(Moment.age(of: until, invocation.environment))"
                + (why.isEmpty ? "" : ": \(why)") + "\n"
        case "pending": return "\(name) waits for a scheduler\n"
        case "failed": return "\(name) failed" + (why.isEmpty ? "" : ": \(why)") + "\n"
        default: return ""
        }
    }
}
