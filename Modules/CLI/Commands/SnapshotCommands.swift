// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// `operator snapshot …`: the state as an archive in a file, and back.
enum SnapshotCommands {
    static let all = [
        Command(
            "operator snapshot save", "saves the state of the cluster in a file",
            detail: "Saves the state of the cluster in a new file: complete and checked, or not at "
                + "all. Without FILE its name has the time.",
            operands: Operands(["FILE"], 0...1), flags: [Commands.stale], run: save),
        Command(
            "operator snapshot inspect", "checks a saved state and shows what it is",
            operands: .exactly("FILE"), flags: Reading.flags, asksServer: false, run: inspect),
        Command(
            "operator snapshot restore", "makes a saved state the state of the cluster",
            detail: "Makes a saved state the state of the cluster that runs. The file is checked "
                + "first, here and by the server; a damaged one changes nothing.",
            operands: .exactly("FILE"), run: restore),
        SnapshotAgentCommand.command,
    ]

    private static let save: Command.Run = { (invocation) throws(CLIFailure) in
        let file =
            invocation.values.operands.first ?? freshName("martlet-state", invocation.environment)
        _ = try invocation.saveState(
            as: file, isStale: invocation.values.isOn("stale"),
            failing: "Failed to get snapshot file")
        invocation.line("State file written to \(Text.line(file))")
        return .fine
    }

    /// With the time, to the second: in the order of names they are in the order of time.
    static func freshName(_ prefix: String, _ environment: CLIEnvironment) -> String {
        let time = Timestamp.rfc3339(unixNanoseconds: environment.wallClockNanoseconds())
        return "\(prefix)-\(time.filter { $0 != ":" && $0 != "-" }).snap"
    }

    private static let inspect: Command.Run = { (invocation) throws(CLIFailure) in
        let meta = try invocation.checkState(
            in: invocation.values.operands[0], failing: "Error verifying snapshot"
        ).meta
        try invocation.show(meta) {
            let rows = ["ID", "Size", "Index", "Term", "Version"].map { ($0, meta.text($0)) }
            return rows.map { name, value in
                name + String(repeating: " ", count: 9 - name.count) + value + "\n"
            }.joined()
        }
        return .fine
    }

    private static let restore: Command.Run = { (invocation) throws(CLIFailure) in
        let failing = "Error restoring snapshot"
        let state = try invocation.checkState(
            in: invocation.values.operands[0], failing: failing)
        try invocation.restoreState(state, failing: failing)
        invocation.line("Snapshot Restored")
        return .fine
    }
}
