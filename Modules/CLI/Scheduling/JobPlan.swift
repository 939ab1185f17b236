// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletJSON

/// `job plan`: what registering a job would do.
enum JobPlan {
    /// Allocations would be made or stopped.
    private static let changes = ExitCode(rawValue: 1)
    /// Told apart from both answers.
    private static let failed = ExitCode(rawValue: 255)

    static let run: Command.Run = { (invocation) throws(CLIFailure) in
        do throws(CLIFailure) {
            return try plan(invocation)
        } catch {
            throw CLIFailure(error.text, failed)
        }
    }

    private static func plan(_ invocation: Invocation) throws(CLIFailure) -> ExitCode {
        let path = invocation.values.operands[0]
        let source = try JobSource.read(path, invocation)
        let wantsDiff = invocation.values.truth("diff") ?? true
        let answer = try invocation.answer(
            .put, Invocation.jobPath(source.id, "/plan"),
            body: source.body { writer in writer.member("Diff", wantsDiff) },
            failing: "Error during plan")
        if wantsDiff, let diff = answer["Diff"] {
            let text = DiffText(style: invocation.style, showsEqual: invocation.isVerbose)
            invocation.write(try text.text(ofJob: diff) + "\n")
        }
        invocation.write(dryRun(answer, invocation))
        invocation.write(try preemptions(answer, invocation))
        invocation.warn(answer)
        invocation.write("\n" + advice(answer.int("JobModifyIndex"), path, invocation.style))
        return changesAllocations(answer) ? changes : .fine
    }

    private static func dryRun(_ answer: Answer, _ invocation: Invocation) -> String {
        let style = invocation.style
        let title = style.paint("Scheduler dry-run:", .strong) + "\n"
        let failures = PlacementText.failures(
            answer, indent: "  ", isVerbose: invocation.isVerbose)
        guard failures.isEmpty else {
            return title + style.paint("- WARNING: Failed to place all allocations.", .warning)
                + "\n" + failures
        }
        return title + style.paint("- All tasks successfully allocated.", .good) + "\n"
    }

    private static func preemptions(
        _ answer: Answer, _ invocation: Invocation
    ) throws(CLIFailure) -> String {
        let victims = try answer["Annotations"]?.list("PreemptedAllocs") ?? []
        guard !victims.isEmpty else { return "" }
        var table = Table("Alloc ID", "Job ID", "Task Group", "Node ID")
        for victim in victims {
            table.rows.append([
                Cell(invocation.shown(victim.text("ID"))), Cell(victim.text("JobID")),
                Cell(victim.text("TaskGroup")), Cell(invocation.shown(victim.text("NodeID"))),
            ])
        }
        return invocation.title("Preemptions") + table.text(invocation.style)
    }

    private static func advice(_ index: Int64, _ path: String, _ style: Style) -> String {
        style.paint("Job Modify Index: \(index)", .strong) + "\n"
            + "To submit the job with version verification run:\n\n"
            + "martlet job run -check-index \(index) \(Text.line(path))\n\n"
            + "Then the job is run only if its modify index on the servers is still this one: "
            + "otherwise\nsomebody has changed it meanwhile, and what was planned here may be "
            + "wrong.\n"
    }

    private static func changesAllocations(_ answer: Answer) -> Bool {
        let groups = answer["Annotations"]?.sortedMembers("DesiredTGUpdates") ?? []
        return groups.contains { group in
            ["Place", "Stop", "Migrate", "DestructiveUpdate", "Canary"].contains {
                group.value.int($0) > 0
            }
        }
    }
}
