// SPDX-License-Identifier: Apache-2.0

/// Allocations, a line each.
enum AllocationTable {
    /// The newest first.
    static func text(_ allocations: [Answer], _ invocation: Invocation) -> String {
        guard !allocations.isEmpty else { return "No allocations placed\n" }
        let isVerbose = invocation.isVerbose
        var table = Table(
            columns: isVerbose
                ? [
                    "ID", "Eval ID", "Node ID", "Node Name", "Task Group", "Version", "Desired",
                    "Status", "Created", "Modified",
                ]
                : [
                    "ID", "Node ID", "Task Group", "Version", "Desired", "Status", "Created",
                    "Modified",
                ])
        for allocation in newestFirst(allocations) {
            var row = [Cell(invocation.shown(allocation.text("ID")))]
            if isVerbose { row.append(Cell(allocation.text("EvalID"))) }
            row.append(Cell(invocation.shown(allocation.text("NodeID"))))
            if isVerbose { row.append(Cell(allocation.text("NodeName"))) }
            row += [
                Cell(allocation.text("TaskGroup")), Cell(version(of: allocation)),
                Cell(allocation.text("DesiredStatus")), status(of: allocation),
                Cell(invocation.age(allocation.int("CreateTime"))),
                Cell(invocation.age(allocation.int("ModifyTime"))),
            ]
            table.rows.append(row)
        }
        return table.text(invocation.style)
    }

    static func newestFirst(_ allocations: [Answer]) -> [Answer] {
        allocations.enumerated().sorted {
            let (left, right) = ($0.element.int("CreateIndex"), $1.element.int("CreateIndex"))
            return left == right ? $0.offset < $1.offset : left > right
        }.map(\.element)
    }

    static func status(of allocation: Answer) -> Cell {
        let status = allocation.text("ClientStatus")
        let tint: Style.Tint =
            switch status {
            case "failed", "lost": .bad
            case "pending": .warning
            default: .plain
            }
        return Cell(status, tint)
    }

    /// A whole allocation has its job, one of a list its number.
    static func version(of allocation: Answer) -> String {
        allocation["JobVersion"]?.text ?? allocation["Job"]?.text("Version") ?? ""
    }

    /// Whether it runs, or shall.
    static func isLive(_ allocation: Answer) -> Bool {
        allocation.text("DesiredStatus") == "run"
            && ["pending", "running"].contains(allocation.text("ClientStatus"))
    }

    /// Whether its node has said that it ended, or nobody expects that any more.
    static func hasEnded(_ allocation: Answer) -> Bool {
        ["complete", "failed", "lost"].contains(allocation.text("ClientStatus"))
    }
}
