// SPDX-License-Identifier: Apache-2.0

package import MartletTransport

/// `martlet config validate` and `martlet config explain`: what an agent would run with, without
/// starting one. Reads files, changes nothing.
package enum ConfigCommand {
    package static let help = """
        Usage: martlet config validate [flags] PATH [PATH ...]
               martlet config explain [flags] [PATH ...]

          validate says whether an agent would start with these files, folders and flags;
          explain prints every setting that it would run with. '-h' after either says more.

        """

    /// What is printed, and the exit code.
    package struct Outcome: Equatable, Sendable {
        package var output = ""
        package var error = ""
        /// 0 for a configuration that is right, 1 when something cannot be read, 2 for one that is
        /// wrong and for a wrong command line.
        package var exitCode: Int32 = 0
    }

    package static func run(arguments: [String], plugins: HostPlugins) -> Int32 {
        let outcome = outcome(
            of: arguments, files: plugins.files, hostName: plugins.hostName)
        if !outcome.output.isEmpty { plugins.writeOutput(outcome.output) }
        if !outcome.error.isEmpty { plugins.writeError(outcome.error) }
        return outcome.exitCode
    }

    /// For the arguments that follow `config`.
    package static func outcome(
        of arguments: [String], files: any Files, hostName: String
    ) -> Outcome {
        let rest = Array(arguments.dropFirst())
        switch arguments.first {
        case "validate": return outcome(.validate, rest, files, hostName)
        case "explain": return outcome(.explain, rest, files, hostName)
        case "-h", "-help", "--help": return Outcome(output: help)
        case let other:
            let text = other.map { "unknown command 'config \(clipped($0))'\n" } ?? ""
            return Outcome(error: text + help, exitCode: 2)
        }
    }

    private static func outcome(
        _ command: AgentCommandLine.Command, _ arguments: [String], _ files: any Files,
        _ hostName: String
    ) -> Outcome {
        let line: AgentCommandLine
        do throws(ConfigurationFailure) {
            line = try AgentCommandLine.parse(arguments, of: command)
        } catch {
            return Outcome(error: error.text + "\n", exitCode: error.exitCode)
        }
        guard !line.wantsHelp else {
            return Outcome(output: AgentCommandLine.help(for: command) + "\n")
        }
        let reader = AgentConfiguration.read(line, files: files, hostName: hostName)
        guard reader.problems.isEmpty else {
            let text = ConfigurationFailure(reader.problems).text + "\n"
            return Outcome(error: text, exitCode: reader.hasUnreadable ? 1 : 2)
        }
        let warnings = reader.warnings.lines
        let told = warnings.map { "Warning: \($0)\n" }.joined()
        guard command == .explain else {
            return Outcome(output: "Configuration is valid!\n", error: told)
        }
        let explanation = ConfigurationExplanation(of: reader, hostName: hostName)
        return line.wantsJSON
            ? Outcome(output: explanation.json(warnings: warnings))
            : Outcome(output: explanation.table, error: told)
    }
}
