// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// `job status`, `job allocs` and `job deployments`.
enum JobStatus {
    static let run: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        guard let typed = invocation.values.operands.first else { return try list(invocation) }
        let job = try invocation.findJob(typed)
        try invocation.show(job) { () throws(CLIFailure) in
            facts(job).text(invocation.style)
                + (invocation.values.isOn("short") ? "" : try details(job, invocation))
        }
        return .fine
    }

    private static func list(_ invocation: Invocation) throws(CLIFailure) -> ExitCode {
        let answer = try invocation.answer("/v1/jobs", failing: "Error querying jobs")
        try invocation.show(answer) { () throws(CLIFailure) in
            let jobs = try answer.elements()
            guard !jobs.isEmpty else { return "No running jobs\n" }
            return Invocation.jobTable(jobs, invocation.environment).text(invocation.style)
        }
        return .fine
    }

    private static func facts(_ job: Answer) -> Facts {
        var facts = Facts()
        facts.add("ID", job.text("ID"))
        facts.add("Name", job.text("Name"))
        let submitted = job.int("SubmitTime")
        facts.add(
            "Submit Date", submitted == 0 ? "" : Timestamp.rfc3339(unixNanoseconds: submitted))
        facts.add("Type", job.text("Type"))
        facts.add("Priority", job.text("Priority"))
        facts.add("Datacenters", job.texts("Datacenters").joined(separator: ","))
        facts.add("Namespace", job.text("Namespace"))
        facts.add("Node Pool", job.text("NodePool"))
        facts.add("Status", job.text("Status") + (job.isTrue("Stop") ? " (stopped)" : ""))
        facts.add("Version", job.text("Version"))
        facts.add("Periodic", "\(job["Periodic"] != nil)")
        facts.add("Parameterized", "\(job["ParameterizedJob"] != nil)")
        return facts
    }

    // MARK: What comes of it

    private static func details(
        _ job: Answer, _ invocation: Invocation
    ) throws(CLIFailure) -> String {
        let id = job.text("ID")
        func ask(_ what: String, _ query: [(String, String)] = []) throws(CLIFailure) -> Answer {
            try invocation.answer(
                Invocation.jobPath(id, "/\(what)"), query: query,
                failing: "Error querying job \(what)")
        }
        let all = invocation.values.isOn("all-allocs") ? [("all", "true")] : []
        let summary = try ask("summary")
        let evaluations = AllocationTable.newestFirst(try ask("evaluations").elements())
        let deployment = try ask("deployment")
        let allocations = try ask("allocations", all).elements()
        var text = summaryText(summary, invocation)
        if invocation.values.isOn("evals") || invocation.isVerbose {
            text += invocation.title("Evaluations") + EvaluationText.table(evaluations, invocation)
        }
        text += waiting(evaluations, invocation)
        if deployment.isObject {
            text += invocation.title("Latest Deployment") + latest(deployment, invocation)
        }
        return text + invocation.title("Allocations")
            + AllocationTable.text(allocations, invocation)
    }

    private static func summaryText(_ summary: Answer, _ invocation: Invocation) -> String {
        let columns = ["Queued", "Starting", "Running", "Failed", "Complete", "Lost"]
        var table = Table(columns: ["Task Group"] + columns)
        for (name, group) in summary.sortedMembers("Summary") {
            table.rows.append(
                [Cell(name)]
                    + columns.map { column in
                        let isBad = column == "Failed" || column == "Lost" || column == "Queued"
                        return Cell(
                            "\(group.int(column))",
                            isBad && group.int(column) > 0 ? .warning : .plain)
                    })
        }
        return invocation.title("Summary") + table.text(invocation.style)
    }

    /// Why something of the job does not run: what found no place, and what the scheduler has not done.
    private static func waiting(_ evaluations: [Answer], _ invocation: Invocation) -> String {
        var text = ""
        let blocked = evaluations.first { $0.text("Status") == "blocked" }
        let failed = evaluations.first { !$0.sortedMembers("FailedTGAllocs").isEmpty }
        if let blocked, let failed {
            text +=
                invocation.title("Placement Failure")
                + PlacementText.failures(failed, isVerbose: invocation.isVerbose)
            text += EvaluationText.waiting(blocked, invocation)
        }
        // A failure that something came after is history.
        let newest = evaluations.first.map { $0.text("Status") == "failed" ? [$0] : [] } ?? []
        let pending = newest + evaluations.filter { $0.text("Status") == "pending" }
        guard !pending.isEmpty else { return text }
        text += invocation.title("Waiting Evaluations")
        return text + pending.map { EvaluationText.waiting($0, invocation) }.joined()
    }

    private static func latest(_ deployment: Answer, _ invocation: Invocation) -> String {
        var facts = Facts()
        let status = deployment.text("Status")
        facts.add("ID", invocation.shown(deployment.text("ID")))
        facts.add("Status", status, DeploymentText.tint(of: status))
        facts.add("Description", deployment.text("StatusDescription"))
        return facts.text(invocation.style) + DeploymentText.deployed(deployment, invocation)
    }

    // MARK: Lists of one job

    static let allocations: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let id = try invocation.findJob(invocation.values.operands[0]).text("ID")
        let answer = try invocation.answer(
            Invocation.jobPath(id, "/allocations"), query: all(invocation),
            failing: "Error retrieving allocations")
        try invocation.show(answer) { () throws(CLIFailure) in
            AllocationTable.text(try answer.elements(), invocation)
        }
        return .fine
    }

    static let deployments: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let id = try invocation.findJob(invocation.values.operands[0]).text("ID")
        let failing = "Error retrieving deployments"
        if invocation.values.isOn("latest") {
            let answer = try invocation.answer(
                Invocation.jobPath(id, "/deployment"), failing: failing)
            try invocation.show(answer) {
                answer.isObject
                    ? DeploymentText.text(answer, invocation) : "No deployment found\n"
            }
            return .fine
        }
        let answer = try invocation.answer(
            Invocation.jobPath(id, "/deployments"), query: all(invocation), failing: failing)
        try invocation.show(answer) { () throws(CLIFailure) in
            DeploymentText.list(try answer.elements(), invocation)
        }
        return .fine
    }

    private static func all(_ invocation: Invocation) -> [(String, String)] {
        invocation.values.isOn("all") ? [("all", "true")] : []
    }
}
