// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// What the `raw_exec` driver runs for a task.
package struct ExecSettings: Hashable, Sendable {
    private static let argumentsMax = 1024

    package var command: String
    package var arguments: [String]
    /// Where it runs; empty for the task's folder.
    package var folder: String

    /// Reads `command`, `args` and `work_dir`.
    ///
    /// - Throws: 400 that names the field.
    package init(_ config: JSONText?) throws(APIError) {
        let text = config?.text ?? "{}"
        let fields = try BodyFields(
            try ConfigurationKind.job.parse(body: Array(text.utf8)), of: .job)
        command = try fields.string("command", default: "")
        guard !command.isEmpty else { throw fields.refusal("command", "is missing") }
        arguments = try fields.strings("args", max: Self.argumentsMax)
        folder = try fields.string("work_dir", default: "")
        for text in [command, folder] + arguments where text.utf8.contains(0) {
            throw fields.refusal("command", "a zero byte is in it or in what goes along with it")
        }
    }
}
