// SPDX-License-Identifier: Apache-2.0

/// Templates for commands of other modules, which answer with JSON of their own.
package enum TemplateText {
    /// - Throws: exit code 2 for a template that is wrong.
    package static func make(json: String, _ template: String) throws(CLIFailure) -> String {
        let answer = try Answer(bytes: Array(json.utf8), failing: "Error")
        return try Template(template).text(of: answer.node)
    }
}
