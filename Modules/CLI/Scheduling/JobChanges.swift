// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletJSON

/// What changes a job that is there: each makes an evaluation, which is followed.
enum JobChanges {
    private static func job(_ invocation: Invocation) throws(CLIFailure) -> Answer {
        try invocation.findJob(invocation.values.operands[0])
    }

    static let stop: Command.Run = { (invocation) throws(CLIFailure) in
        let id = try job(invocation).text("ID")
        try invocation.confirm(invocation.values.operands[0], is: id, "job \"\(id)\"")
        let answer = try invocation.answer(
            .delete, Invocation.jobPath(id),
            query: invocation.values.isOn("purge") ? [("purge", "true")] : [],
            failing: "Error deregistering job")
        return try invocation.follow(answer, followsDeployment: false)
    }

    static let evaluate: Command.Run = { (invocation) throws(CLIFailure) in
        let id = try job(invocation).text("ID")
        let isForced = invocation.values.isOn("force-reschedule")
        let answer = try invocation.answer(
            .put, Invocation.jobPath(id, "/evaluate"),
            body: body { writer in
                writer.member("JobID", id)
                writer.key("EvalOptions")
                writer.beginObject()
                writer.member("ForceReschedule", isForced)
                writer.endObject()
            }, failing: "Error evaluating job")
        return try invocation.follow(answer, done: "Created eval for job \"\(id)\"")
    }

    static let revert: Command.Run = { (invocation) throws(CLIFailure) in
        let text = invocation.values.operands[1]
        guard let version = UInt64(text) else {
            throw .usage("\"\(Text.clipped(text))\" is no version: it is a whole number from 0 on")
        }
        let id = try job(invocation).text("ID")
        let answer = try invocation.answer(
            .put, Invocation.jobPath(id, "/revert"),
            body: body { writer in
                writer.member("JobID", id)
                writer.member("JobVersion", version)
            }, failing: "Error retrieving job versions")
        return try invocation.follow(answer)
    }

    static let promote: Command.Run = { (invocation) throws(CLIFailure) in
        let id = try job(invocation).text("ID")
        let deployment = try invocation.answer(
            Invocation.jobPath(id, "/deployment"), failing: "Error querying deployment")
        guard deployment.isObject else {
            throw CLIFailure("Job \"\(id)\" has no deployment to promote", .refused)
        }
        return try DeploymentCommands.promote(deployment.text("ID"), invocation)
    }

    static let scale: Command.Run = { (invocation) throws(CLIFailure) in
        let operands = invocation.values.operands
        guard let last = operands.last, let count = UInt64(last), count <= Int64.max.magnitude
        else {
            throw .usage(
                "\"\(Text.clipped(operands.last ?? ""))\" is no count: it is a whole number from 0 on"
            )
        }
        let job = try job(invocation)
        let groups = try job.list("TaskGroups").map { $0.text("Name") }
        guard let group = operands.count == 3 ? operands[1] : groups.first,
            operands.count == 3 || groups.count == 1
        else {
            throw .usage("the job has \(groups.count) groups: name one of them, \(names(groups))")
        }
        let answer = try invocation.answer(
            .put, Invocation.jobPath(job.text("ID"), "/scale"),
            body: body { writer in
                writer.member("Count", count)
                writer.key("Target")
                writer.beginObject()
                writer.member("Group", group)
                writer.endObject()
                writer.member("Message", "submitted using the Martlet CLI")
            }, failing: "Error submitting scaling request")
        invocation.warn(answer)
        return try invocation.follow(answer)
    }

    private static func names(_ groups: [String]) -> String {
        groups.prefix(16).joined(separator: ", ") + (groups.count > 16 ? ", …" : "")
    }

    /// An object.
    static func body(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        members(&writer)
        writer.endObject()
        return writer.bytes
    }
}
