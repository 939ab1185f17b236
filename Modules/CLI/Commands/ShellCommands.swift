// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletTransport

/// What needs no server: the version, completions and manual pages.
enum ShellCommands {
    static let all = [
        Command("version", "prints the version", asksServer: false) { invocation in
            invocation.line("Martlet v\(invocation.environment.version)")
            return .fine
        },
        Command(
            "completion", "prints a script that completes commands in a shell",
            detail: "Prints a script that completes commands and flags in a shell. For bash: "
                + "source <(martlet completion bash).",
            operands: .exactly("SHELL"), asksServer: false, run: completion),
        Command(
            "man", "prints a manual page, or writes all of them",
            detail: "Prints the manual page of a command, for instance to 'man -l -'.",
            operands: Operands(["COMMAND"], 0...8),
            flags: [
                Flag(
                    "output-dir", .text("FOLDER"),
                    "Write all pages into this folder, which is made if it is missing.")
            ], asksServer: false, run: man),
    ]

    private static let completion: Command.Run = { (invocation) throws(CLIFailure) in
        let name = invocation.values.operands[0]
        guard let shell = Completions.Shell(rawValue: name) else {
            throw .usage(
                "no completions for \"\(Text.clipped(name))\": bash, zsh and fish are known")
        }
        invocation.write(Completions(tree: invocation.tree).script(for: shell))
        return .fine
    }

    /// Of today, or as reproducible builds ask for it.
    private static func date(_ environment: CLIEnvironment) -> String {
        let asked = environment.variable("SOURCE_DATE_EPOCH").flatMap { Int64($0) }
        let (nanoseconds, isTooLarge) = (asked ?? 0).multipliedReportingOverflow(by: 1_000_000_000)
        let time =
            asked == nil || isTooLarge ? environment.wallClockNanoseconds() : nanoseconds
        return String(Timestamp.rfc3339(unixNanoseconds: time).prefix(10))
    }

    private static let man: Command.Run = { (invocation) throws(CLIFailure) in
        let pages = ManualPages(
            tree: invocation.tree, version: invocation.environment.version,
            date: date(invocation.environment)
        ).all
        guard let folder = invocation.values.text("output-dir") else {
            let name = (["martlet"] + invocation.values.operands).joined(separator: "-")
            guard let page = pages.first(where: { $0.name == name }) else {
                throw .usage("no manual page \"\(Text.clipped(name))\"")
            }
            invocation.write(page.text)
            return .fine
        }
        let files = invocation.environment.files
        do throws(FileError) {
            try files.makeDirectory(folder)
            for page in pages {
                try files.replace("\(folder)/\(page.fileName)", with: Array(page.text.utf8))
            }
        } catch {
            throw CLIFailure("\(error)", .unable)
        }
        invocation.line("\(pages.count) pages written to \(Text.line(folder))")
        return .fine
    }
}
