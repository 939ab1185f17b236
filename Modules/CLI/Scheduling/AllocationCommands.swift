// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient

/// `alloc …`.
enum AllocationCommands {
    static let all = [
        Command(
            "alloc status", "shows an allocation",
            detail: "Shows an allocation: where and why there, what its tasks do, whom it "
                + "displaced or who displaced it. The id may be given by its beginning.",
            operands: .exactly("ALLOCATION"),
            flags: [
                Flag("short", .onOff, "Without its tasks' resources and events."),
                Invocation.verbose,
            ] + Reading.flags, run: status),
        Command(
            "alloc stop", "stops an allocation, and places another",
            operands: .exactly("ALLOCATION"),
            flags: [Invocation.detach, JobCommands.yes, Invocation.verbose], run: stop),
    ]

    private static let status: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let allocation = try invocation.find(.allocation, invocation.values.operands[0])
        try invocation.show(allocation) { () throws(CLIFailure) in
            try AllocationText(allocation, invocation).text()
        }
        return .fine
    }

    private static let stop: Command.Run = { (invocation) throws(CLIFailure) in
        let typed = invocation.values.operands[0]
        let id = try invocation.completed(.allocation, typed)
        try invocation.confirm(typed, is: id, "allocation \(id)")
        let answer = try invocation.answer(
            .put, "\(ObjectKind.allocation.path(id))/stop", failing: "Error stopping allocation")
        return try invocation.follow(answer, followsDeployment: false)
    }
}

/// An allocation in words.
struct AllocationText {
    private let allocation: Answer
    private let invocation: Invocation

    init(_ allocation: Answer, _ invocation: Invocation) {
        self.allocation = allocation
        self.invocation = invocation
    }

    func text() throws(CLIFailure) -> String {
        var text = facts().text(invocation.style) + preemptions() + addresses()
        for (name, state) in allocation.sortedMembers("TaskStates") {
            text += try task(name, state)
        }
        guard let metric = allocation["Metrics"], invocation.isVerbose else { return text }
        let scores = PlacementText.scores(metric) { invocation.shown($0) }
        return text + invocation.title("Placement Metrics") + PlacementText.reasons(metric) + scores
    }

    private func facts() -> Facts {
        var facts = Facts()
        facts.add("ID", allocation.text("ID"))
        facts.add("Eval ID", id("EvalID"))
        facts.add("Name", allocation.text("Name"))
        facts.add("Node ID", id("NodeID"))
        facts.add("Node Name", allocation.text("NodeName"))
        facts.add("Job ID", allocation.text("JobID"))
        facts.add("Job Version", AllocationTable.version(of: allocation))
        let status = AllocationTable.status(of: allocation)
        facts.add("Client Status", status.text, status.tint)
        facts.add("Client Description", allocation.text("ClientDescription"))
        facts.add("Desired Status", allocation.text("DesiredStatus"))
        facts.add("Desired Description", allocation.text("DesiredDescription"))
        facts.add("Created", invocation.age(allocation.int("CreateTime")))
        facts.add("Modified", invocation.age(allocation.int("ModifyTime")))
        addDeployment(&facts)
        for (title, field) in [
            ("Replacement Alloc ID", "NextAllocation"), ("Previous Alloc ID", "PreviousAllocation"),
            ("Reschedule Eval ID", "FollowupEvalID"),
        ] where !allocation.text(field).isEmpty {
            facts.add(title, id(field))
        }
        if let events = allocation["RescheduleTracker"]?["Events"]?.elementsOrNone, !events.isEmpty
        {
            facts.add("Reschedule Attempts", "\(events.count)")
        }
        if invocation.isVerbose, let metric = allocation["Metrics"] {
            facts.add("Evaluated Nodes", "\(metric.int("NodesEvaluated"))")
            facts.add("Filtered Nodes", "\(metric.int("NodesFiltered"))")
            facts.add("Exhausted Nodes", "\(metric.int("NodesExhausted"))")
            let time = GoDuration(nanoseconds: metric.int("AllocationTime"))
            facts.add("Allocation Time", "\(time)")
            facts.add("Failures", "\(metric.int("CoalescedFailures"))")
        }
        return facts
    }

    private func id(_ field: String) -> String { invocation.shown(allocation.text(field)) }

    private func addDeployment(_ facts: inout Facts) {
        guard !allocation.text("DeploymentID").isEmpty else { return }
        facts.add("Deployment ID", id("DeploymentID"))
        let health = allocation["DeploymentStatus"]
        switch health?["Healthy"]?.text {
        case "true": facts.add("Deployment Health", "healthy", .good)
        case "false": facts.add("Deployment Health", "unhealthy", .bad)
        default: facts.add("Deployment Health", "unset")
        }
        if health?.isTrue("Canary") ?? false { facts.add("Canary", "true") }
    }

    /// On both sides: who had to go for it, and for whom it had to.
    private func preemptions() -> String {
        var text = ""
        let by = allocation.text("PreemptedByAllocation")
        if !by.isEmpty {
            text +=
                "\nPreempted by allocation \(invocation.shown(by)): martlet alloc status "
                + "\(invocation.shown(by))\n"
        }
        let victims = allocation.texts("PreemptedAllocations")
        guard !victims.isEmpty else { return text }
        return text + invocation.title("Preempted Allocations")
            + victims.map { "\(invocation.shown($0))\n" }.joined()
    }

    private func addresses() -> String {
        let shared = allocation["AllocatedResources"]?["Shared"]
        var table = Table("Label", "Address", "To")
        for port in shared?["Ports"]?.elementsOrNone ?? [] {
            add(port, host: port.text("HostIP"), to: &table)
        }
        if table.rows.isEmpty {
            for network in shared?["Networks"]?.elementsOrNone ?? [] {
                for list in ["ReservedPorts", "DynamicPorts"] {
                    for port in network[list]?.elementsOrNone ?? [] {
                        add(port, host: network.text("IP"), to: &table)
                    }
                }
            }
        }
        return table.rows.isEmpty
            ? "" : invocation.title("Allocation Addresses") + table.text(invocation.style)
    }

    private func add(_ port: Answer, host: String, to table: inout Table) {
        let shownHost = host.contains(":") ? "[\(host)]" : host
        let inner = port.int("To")
        table.rows.append([
            Cell(port.text("Label")), Cell("\(shownHost):\(port.text("Value"))"),
            Cell(inner > 0 ? "\(inner)" : "-"),
        ])
    }

    // MARK: Tasks

    private func task(_ name: String, _ state: Answer) throws(CLIFailure) -> String {
        let word = state.text("State") + (state.isTrue("Failed") ? " (failed)" : "")
        let title = invocation.title("Task \"\(name)\" is \"\(word)\"")
        guard !invocation.values.isOn("short") else { return title }
        return title + resources(of: name) + moments(of: state) + (try events(of: state))
    }

    private func resources(of name: String) -> String {
        let resources = allocation["AllocatedResources"]
        guard let task = resources?["Tasks"]?[name] else { return "" }
        var table = Table("CPU", "Memory", "Disk", "Devices")
        let devices = (task["Devices"]?.elementsOrNone ?? []).map { device in
            "\(device.text("Type"))/\(device.text("Name")): \(device.texts("DeviceIDs").count)"
        }
        table.rows.append([
            Cell("\(task["Cpu"]?.int("CpuShares") ?? 0) MHz"),
            Cell("\(task["Memory"]?.int("MemoryMB") ?? 0) MiB"),
            Cell("\(resources?["Shared"]?.int("DiskMB") ?? 0) MiB"),
            Cell(devices.isEmpty ? "-" : devices.joined(separator: ", ")),
        ])
        return table.text(invocation.style) + "\n"
    }

    private func moments(of state: Answer) -> String {
        var facts = Facts()
        facts.add("Started At", Moment.given(state.text("StartedAt")).orDash)
        facts.add("Finished At", Moment.given(state.text("FinishedAt")).orDash)
        facts.add("Total Restarts", "\(state.int("Restarts"))")
        facts.add("Last Restart", Moment.given(state.text("LastRestart")).orDash)
        return facts.text(invocation.style)
    }

    private func events(of state: Answer) throws(CLIFailure) -> String {
        var table = Table("Time", "Type", "Description")
        for event in try state.list("Events").reversed() {
            let text = event.text("DisplayMessage")
            table.rows.append([
                Cell(invocation.age(event.int("Time"))), Cell(event.text("Type")),
                Cell(text.isEmpty ? event.text("Message").orDash : text),
            ])
        }
        return table.rows.isEmpty ? "" : "\nRecent Events:\n" + table.text(invocation.style)
    }
}
