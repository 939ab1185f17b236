// SPDX-License-Identifier: Apache-2.0

/// A deployment, and how far it has got.
enum DeploymentText {
    static func text(_ deployment: Answer, _ invocation: Invocation) -> String {
        var facts = Facts()
        facts.add("ID", invocation.shown(deployment.text("ID")))
        facts.add("Job ID", deployment.text("JobID"))
        facts.add("Job Version", deployment.text("JobVersion"))
        facts.add("Status", deployment.text("Status"), tint(of: deployment.text("Status")))
        facts.add("Description", deployment.text("StatusDescription"))
        return facts.text(invocation.style) + deployed(deployment, invocation)
    }

    /// Columns that no group needs are left out.
    static func deployed(_ deployment: Answer, _ invocation: Invocation) -> String {
        let groups = deployment.sortedMembers("TaskGroups")
        guard !groups.isEmpty else { return "" }
        let reverts = groups.contains { $0.value.isTrue("AutoRevert") }
        let hasCanaries = groups.contains { $0.value.int("DesiredCanaries") > 0 }
        let hasDeadline = groups.contains { !deadline(of: $0.value).isEmpty }
        var columns = ["Task Group"]
        if reverts { columns.append("Auto Revert") }
        if hasCanaries { columns.append("Promoted") }
        columns.append("Desired")
        if hasCanaries { columns.append("Canaries") }
        columns += ["Placed", "Healthy", "Unhealthy"]
        if hasDeadline { columns.append("Progress Deadline") }
        var table = Table(columns: columns)
        for (name, state) in groups {
            var row = [Cell(name)]
            if reverts { row.append(Cell("\(state.isTrue("AutoRevert"))")) }
            if hasCanaries {
                let isCanary = state.int("DesiredCanaries") > 0
                row.append(Cell(isCanary ? "\(state.isTrue("Promoted"))" : "N/A"))
            }
            row.append(Cell("\(state.int("DesiredTotal"))"))
            if hasCanaries { row.append(Cell("\(state.int("DesiredCanaries"))")) }
            let unhealthy = state.int("UnhealthyAllocs")
            row += [
                Cell("\(state.int("PlacedAllocs"))"), Cell("\(state.int("HealthyAllocs"))"),
                Cell("\(unhealthy)", unhealthy > 0 ? .bad : .plain),
            ]
            if hasDeadline { row.append(Cell(deadline(of: state))) }
            table.rows.append(row)
        }
        return invocation.title("Deployed") + table.text(invocation.style)
    }

    private static func deadline(of state: Answer) -> String {
        Moment.given(state.text("RequireProgressBy"))
    }

    static func list(_ deployments: [Answer], _ invocation: Invocation) -> String {
        guard !deployments.isEmpty else { return "No deployments found\n" }
        var table = Table("ID", "Job ID", "Job Version", "Status", "Description")
        for deployment in AllocationTable.newestFirst(deployments) {
            let status = deployment.text("Status")
            table.rows.append([
                Cell(invocation.shown(deployment.text("ID"))), Cell(deployment.text("JobID")),
                Cell(deployment.text("JobVersion")), Cell(status, tint(of: status)),
                Cell(deployment.text("StatusDescription")),
            ])
        }
        return table.text(invocation.style)
    }

    static func tint(of status: String) -> Style.Tint {
        switch status {
        case "successful": .good
        case "failed", "cancelled": .bad
        case "paused": .warning
        default: .plain
        }
    }

    /// Whether all that can be done without an operator is done: canaries are healthy, and wait.
    static func waitsForPromotion(_ deployment: Answer) -> Bool {
        let groups = deployment.sortedMembers("TaskGroups").map(\.value)
        let waiting = groups.filter {
            $0.int("DesiredCanaries") > 0 && !$0.isTrue("Promoted") && !$0.isTrue("AutoPromote")
        }
        return deployment.text("Status") == "running" && !waiting.isEmpty
            && waiting.allSatisfy { $0.int("HealthyAllocs") >= $0.int("DesiredCanaries") }
    }
}
