// SPDX-License-Identifier: Apache-2.0

/// `martlet`: from a command line to an exit code.
package enum CLI {
    /// - Returns: the process's exit code; see ``ExitCode``.
    package static func run(_ arguments: [String], _ environment: CLIEnvironment) -> Int32 {
        let tree = Commands.tree(foreign: environment.foreignCommands)
        do throws(CLIFailure) {
            return try run(arguments, tree, environment)
        } catch {
            environment.writeError("\(Text.lines(error.text))\n")
            return error.exitCode.rawValue
        }
    }

    private static func run(
        _ arguments: [String], _ tree: CommandTree, _ environment: CLIEnvironment
    ) throws(CLIFailure) -> Int32 {
        if arguments == ["-version"] || arguments == ["--version"] || arguments == ["-v"] {
            return try run(["version"], tree, environment)
        }
        if arguments.first == "help" {
            return try run(Array(arguments.dropFirst()) + ["-help"], tree, environment)
        }
        switch try tree.place(of: arguments) {
        case .group(let path, let rest):
            let text = Help(tree: tree, width: environment.width).text(ofGroup: path)
            if let first = rest.first {
                guard ["-h", "-help", "--help"].contains(first) else {
                    throw .usage(
                        "unknown flag \(Text.clipped(first)): flags follow the whole command")
                }
                environment.writeOutput(Array(text.utf8))
                return ExitCode.fine.rawValue
            }
            environment.writeError(text)
            return ExitCode.refused.rawValue
        case .command(.foreign(let command), let rest):
            return command.run(rest)
        case .command(.own(let command), let rest):
            return try run(command, rest, tree, environment).rawValue
        }
    }

    private static func run(
        _ command: Command, _ rest: [String], _ tree: CommandTree, _ environment: CLIEnvironment
    ) throws(CLIFailure) -> ExitCode {
        let values = try CommandLineValues.read(rest, of: command)
        if values.isOn("help") {
            let text = Help(tree: tree, width: environment.width).text(of: command)
            environment.writeOutput(Array(text.utf8))
            return .fine
        }
        let invocation = Invocation(command, values, environment, tree)
        defer { invocation.close() }
        return try command.run(invocation)
    }
}
