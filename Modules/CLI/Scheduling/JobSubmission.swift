// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletJSON

/// `job run` and `job validate`.
enum JobSubmission {
    static let run: Command.Run = { (invocation) throws(CLIFailure) in
        let values = invocation.values
        let source = try JobSource.read(values.operands[0], invocation)
        if values.isOn("output") {
            let body = try Answer(bytes: source.body(), failing: "Error")
            invocation.write(SortedJSON.text(body.node))
            return .fine
        }
        let body = source.body { writer in
            if let index = values.count("check-index") {
                writer.member("EnforceIndex", true)
                writer.member("JobModifyIndex", index)
            }
            if let priority = values.count("eval-priority") {
                writer.member("EvalPriority", priority)
            }
            if values.isOn("preserve-counts") { writer.member("PreserveCounts", true) }
        }
        let answer = try invocation.answer(
            .put, "/v1/jobs", body: body, failing: "Error submitting job")
        invocation.warn(answer)
        return try invocation.follow(answer, done: "Job registration successful")
    }

    static let validate: Command.Run = { (invocation) throws(CLIFailure) in
        let source = try JobSource.read(invocation.values.operands[0], invocation)
        let answer = try invocation.answer(
            .put, "/v1/validate/job", body: source.body(), failing: "Error validating job")
        invocation.warn(answer)
        var errors = answer.texts("ValidationErrors")
        if errors.isEmpty, !answer.text("Error").isEmpty { errors = [answer.text("Error")] }
        guard errors.isEmpty else {
            throw CLIFailure(
                "Job validation errors:\n" + errors.map { "  * \($0)" }.joined(separator: "\n"),
                .refused)
        }
        invocation.line("Job validation successful")
        return .fine
    }
}

extension Invocation {
    /// What a server found strange, beside the output.
    func warn(_ answer: Answer) {
        guard let warnings = answer["Warnings"]?.rawText, !warnings.isEmpty else { return }
        note("Job Warnings:\n\(warnings)")
    }
}
