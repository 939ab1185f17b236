// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletJSON

/// `deployment …`.
enum DeploymentCommands {
    static let group = Flag("group", .list("NAME"), "Only this group; may be given several times.")

    static let all = [
        Command(
            "deployment list", "lists the deployments",
            flags: [Invocation.verbose] + ListPages.flags + Reading.flags, run: list),
        Command(
            "deployment status", "shows how far a deployment is",
            detail: "Shows how far a deployment is, or lists all. The id may be given by its "
                + "beginning. With -monitor the exit code is 2 when it failed.",
            operands: Operands(["DEPLOYMENT"], 0...1),
            flags: [
                Flag("monitor", .onOff, "Follow it until it has ended."), Invocation.verbose,
            ] + Reading.flags, run: status),
        Command(
            "deployment promote", "lets the canaries take over",
            operands: .exactly("DEPLOYMENT"),
            flags: [group, Invocation.detach, Invocation.verbose]
        ) { (invocation) throws(CLIFailure) in
            try promote(
                try invocation.completed(.deployment, invocation.values.operands[0]), invocation)
        },
        Command(
            "deployment fail", "ends a deployment as failed",
            detail: "Ends a deployment as failed; the job goes back to the version before where "
                + "it says so.",
            operands: .exactly("DEPLOYMENT"), flags: [Invocation.detach, Invocation.verbose],
            run: fail),
        Command(
            "deployment pause", "stops a deployment until it is resumed",
            operands: .exactly("DEPLOYMENT"), flags: [Invocation.verbose]
        ) { (invocation) throws(CLIFailure) in try pause(true, invocation) },
        Command(
            "deployment resume", "lets a paused deployment go on",
            operands: .exactly("DEPLOYMENT"), flags: [Invocation.detach, Invocation.verbose]
        ) { (invocation) throws(CLIFailure) in try pause(false, invocation) },
    ]

    private static let list: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let failing = "Error retrieving deployments"
        let response = try invocation.page("/v1/deployments", failing: failing)
        let answer = try Answer(response, failing: failing)
        try invocation.show(answer) { () throws(CLIFailure) in
            DeploymentText.list(try answer.elements(), invocation)
        }
        invocation.tellNextPage(after: response)
        return .fine
    }

    private static let status: Command.Run = { (invocation) throws(CLIFailure) in
        guard let typed = invocation.values.operands.first else { return try list(invocation) }
        try invocation.checkReading()
        if invocation.values.isOn("monitor") {
            let id = try invocation.completed(.deployment, typed)
            return try DeploymentMonitor(invocation).follow(id)
        }
        let deployment = try invocation.find(.deployment, typed)
        try invocation.show(deployment) { DeploymentText.text(deployment, invocation) }
        return .fine
    }

    private static func path(_ verb: String, _ id: String) -> String {
        "/v1/deployment/\(verb)/\(Target.encoded(id))"
    }

    static func promote(_ id: String, _ invocation: Invocation) throws(CLIFailure) -> ExitCode {
        let groups = invocation.values.list("group")
        let answer = try invocation.answer(
            .put, path("promote", id),
            body: JobChanges.body { writer in
                writer.member("DeploymentID", id)
                writer.member("All", groups.isEmpty)
                if !groups.isEmpty { writer.member("Groups", groups) }
            }, failing: "Error promoting deployment")
        return try invocation.follow(
            answer, done: "Deployment \"\(invocation.shown(id))\" promoted")
    }

    private static let fail: Command.Run = { (invocation) throws(CLIFailure) in
        let id = try invocation.completed(.deployment, invocation.values.operands[0])
        let answer = try invocation.answer(
            .put, path("fail", id),
            body: JobChanges.body { writer in writer.member("DeploymentID", id) },
            failing: "Error failing deployment")
        let reverted = answer.text("RevertedJobVersion")
        let done =
            "Deployment \"\(invocation.shown(id))\" failed"
            + (reverted.isEmpty ? "" : ". Auto-reverted to job version \(reverted)")
        if !invocation.values.isOn("detach") { invocation.line(done) }
        // The deployment itself has ended already.
        return try invocation.follow(answer, done: done, followsDeployment: false)
    }

    private static func pause(
        _ isPaused: Bool, _ invocation: Invocation
    ) throws(CLIFailure) -> ExitCode {
        let id = try invocation.completed(.deployment, invocation.values.operands[0])
        let answer = try invocation.answer(
            .put, path("pause", id),
            body: JobChanges.body { writer in
                writer.member("DeploymentID", id)
                writer.member("Pause", isPaused)
            }, failing: "Error \(isPaused ? "pausing" : "resuming") deployment")
        invocation.line(
            "Deployment \"\(invocation.shown(id))\" \(isPaused ? "paused" : "resumed")")
        return isPaused ? .fine : try invocation.follow(answer)
    }
}
