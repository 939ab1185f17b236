// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// `node status`.
enum NodeStatus {
    static let run: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        guard let typed = invocation.values.operands.first else { return try list(invocation) }
        for flag in ListPages.flags where invocation.values.text(flag.name) != nil {
            throw .usage("-\(flag.name) is for the list: it goes without an id")
        }
        let node = try invocation.find(.node, typed)
        try invocation.show(node) { () throws(CLIFailure) in try text(node, invocation) }
        return .fine
    }

    // MARK: List

    private static func list(_ invocation: Invocation) throws(CLIFailure) -> ExitCode {
        let failing = "Error querying node status"
        let response = try invocation.page("/v1/nodes", failing: failing)
        let answer = try Answer(response, failing: failing)
        try invocation.show(answer) { () throws(CLIFailure) in
            let nodes = try answer.elements()
            guard !nodes.isEmpty else {
                // There may be others than those that were asked for.
                let isPart = ["filter", "page-token"].contains {
                    invocation.values.text($0) != nil
                }
                return isPart ? "No nodes found\n" : "No nodes registered\n"
            }
            let counts = try invocation.values.isOn("allocs") ? runningByNode(invocation) : nil
            return table(nodes, counts, invocation).text(invocation.style)
        }
        invocation.tellNextPage(after: response)
        return .fine
    }

    private static let pageMax = 5000
    private static let pagesMax = 1000

    /// A page at a time: all of them may be more than one answer can hold.
    private static func runningByNode(
        _ invocation: Invocation
    ) throws(CLIFailure) -> [String: Int] {
        let failing = "Error querying node allocations"
        var counts: [String: Int] = [:]
        var query = [("per_page", "\(pageMax)")]
        for _ in 0..<pagesMax {
            let response = try invocation.success(
                .get, "/v1/allocations", query: query, failing: failing)
            for allocation in try Answer(response, failing: failing).elements()
            where allocation.text("ClientStatus") == "running" {
                counts[allocation.text("NodeID"), default: 0] += 1
            }
            guard let token = response.header("X-Nomad-NextToken"), !token.isEmpty else { break }
            query = [("per_page", "\(pageMax)"), ("next_token", token)]
        }
        return counts
    }

    static func table(
        _ nodes: [Answer], _ counts: [String: Int]?, _ invocation: Invocation
    ) -> Table {
        let isVerbose = invocation.isVerbose
        var table = Table(
            columns: ["ID", "Node Pool", "DC", "Name", "Class"]
                + (isVerbose ? ["Address", "Version"] : [])
                + ["Drain", "Eligibility", "Status"] + (counts == nil ? [] : ["Running Allocs"]))
        for node in nodes {
            var row = [Cell(invocation.shown(node.text("ID")))]
            row += ["NodePool", "Datacenter", "Name", "NodeClass"].map { Cell(node.text($0)) }
            if isVerbose { row += [Cell(node.text("Address")), Cell(node.text("Version"))] }
            let eligibility = node.text("SchedulingEligibility")
            row += [
                Cell("\(node.isTrue("Drain"))", node.isTrue("Drain") ? .warning : .plain),
                Cell(eligibility, eligibility == "eligible" ? .plain : .warning),
                Cell(node.text("Status"), tint(of: node.text("Status"))),
            ]
            if let counts { row.append(Cell("\(counts[node.text("ID")] ?? 0)")) }
            table.rows.append(row)
        }
        return table
    }

    private static func tint(of status: String) -> Style.Tint {
        switch status {
        case "ready": .good
        case "down", "disconnected": .bad
        default: .warning
        }
    }

    // MARK: One

    private static func text(
        _ node: Answer, _ invocation: Invocation
    ) throws(CLIFailure) -> String {
        let allocations = try invocation.answer(
            "\(ObjectKind.node.path(node.text("ID")))/allocations",
            failing: "Error querying node allocations"
        ).elements()
        var text = facts(node, invocation).text(invocation.style)
        if !invocation.values.isOn("short") { text += try events(node, invocation) }
        text +=
            invocation.title("Allocated Resources")
            + resources(node, allocations).text(invocation.style)
        text += devices(node, allocations, invocation)
        text +=
            invocation.title("Allocations")
            + AllocationTable.text(
                invocation.isVerbose
                    ? allocations : allocations.filter { !AllocationTable.hasEnded($0) }, invocation
            )
        guard invocation.isVerbose else { return text }
        return text + pairs("Attributes", node, invocation) + pairs("Meta", node, invocation)
    }

    private static func facts(_ node: Answer, _ invocation: Invocation) -> Facts {
        var facts = Facts()
        let status = node.text("Status")
        facts.add("ID", node.text("ID"))
        facts.add("Name", node.text("Name"))
        facts.add("Node Pool", node.text("NodePool"))
        facts.add("Class", node.text("NodeClass"))
        facts.add("DC", node.text("Datacenter"))
        if let strategy = node["DrainStrategy"] {
            facts.add("Drain", "true; \(deadline(of: strategy))", .warning)
        } else {
            facts.add("Drain", "false")
        }
        let eligibility = node.text("SchedulingEligibility")
        facts.add("Eligibility", eligibility, eligibility == "eligible" ? .plain : .warning)
        let why = node.text("StatusDescription")
        facts.add("Status", status + (why.isEmpty ? "" : ": \(why)"), tint(of: status))
        let drivers = node.sortedMembers("Drivers").filter { $0.value.isTrue("Detected") }
        facts.add(
            "Drivers",
            drivers.map { $0.name + ($0.value.isTrue("Healthy") ? "" : " (unhealthy)") }
                .joined(separator: ","))
        let volumes = node.sortedMembers("HostVolumes").map(\.name)
        facts.add("Host Volumes", volumes.joined(separator: ","))
        return facts
    }

    private static func deadline(of strategy: Answer) -> String {
        let until = Moment.given(strategy.text("ForceDeadline"))
        if strategy.int("Deadline") < 0 { return "all of it at once" }
        return (until.isEmpty ? "no deadline" : "deadline \(until)")
            + (strategy.isTrue("IgnoreSystemJobs") ? ", system jobs stay" : "")
    }

    private static func events(_ node: Answer, _ invocation: Invocation) throws(CLIFailure)
        -> String
    {
        var table = Table("Time", "Subsystem", "Message")
        for event in try node.list("Events").reversed() {
            table.rows.append([
                Cell(Moment.given(event.text("Timestamp"))), Cell(event.text("Subsystem")),
                Cell(event.text("Message")),
            ])
        }
        return table.rows.isEmpty
            ? "" : invocation.title("Node Events") + table.text(invocation.style)
    }

    static func pairs(
        _ name: String, _ node: Answer, _ invocation: Invocation
    ) -> String {
        var facts = Facts()
        for (name, value) in node.sortedMembers(name) { facts.add(name, value.text) }
        return facts.rows.isEmpty ? "" : invocation.title(name) + facts.text(invocation.style)
    }

    // MARK: What it has

    /// What its live allocations were given, of what the node has besides what it keeps for itself.
    private static func resources(_ node: Answer, _ allocations: [Answer]) -> Table {
        let (has, keeps) = (node["NodeResources"], node["ReservedResources"])
        func amount(_ group: String, _ field: String) -> Int64 {
            sum([has?[group]?.int(field) ?? 0, -max(0, keeps?[group]?.int(field) ?? 0)])
        }
        let live = allocations.filter { AllocatedAmounts.takesRoom($0) }.map(AllocatedAmounts.init)
        var table = Table("CPU", "Memory", "Disk")
        table.rows.append([
            Cell("\(sum(live.map(\.cpu)))/\(amount("Cpu", "CpuShares")) MHz"),
            Cell("\(sum(live.map(\.memoryMB)))/\(amount("Memory", "MemoryMB")) MiB"),
            Cell("\(sum(live.map(\.diskMB)))/\(amount("Disk", "DiskMB")) MiB"),
        ])
        return table
    }

    private static func sum(_ amounts: [Int64]) -> Int64 { AllocatedAmounts.sum(amounts) }

    private static func devices(
        _ node: Answer, _ allocations: [Answer], _ invocation: Invocation
    ) -> String {
        let groups = node["NodeResources"]?["Devices"]?.elementsOrNone ?? []
        guard !groups.isEmpty else { return "" }
        let used = allocations.filter { AllocatedAmounts.takesRoom($0) }
            .flatMap { AllocatedAmounts($0).deviceIDs }
        var table = Table("Device", "Instances", "Healthy", "Given away")
        for group in groups {
            let instances = group["Instances"]?.elementsOrNone ?? []
            let ids = instances.map { $0.text("ID") }
            let name = ["Vendor", "Type", "Name"].map { group.text($0) }.joined(separator: "/")
            table.rows.append([
                Cell(name), Cell("\(instances.count)"),
                Cell("\(instances.count { $0.isTrue("Healthy") })"),
                Cell("\(used.count { $0.group == name && ids.contains($0.id) })"),
            ])
        }
        return invocation.title("Devices") + table.text(invocation.style)
    }
}

/// What an allocation was given.
struct AllocatedAmounts {
    private(set) var cpu: Int64 = 0
    private(set) var memoryMB: Int64 = 0
    private(set) var diskMB: Int64 = 0
    private(set) var deviceIDs: [(group: String, id: String)] = []

    init(_ allocation: Answer) {
        let resources = allocation["AllocatedResources"]
        diskMB = resources?["Shared"]?.int("DiskMB") ?? 0
        for (_, task) in resources?.sortedMembers("Tasks") ?? [] {
            cpu = Self.sum([cpu, task["Cpu"]?.int("CpuShares") ?? 0])
            memoryMB = Self.sum([memoryMB, task["Memory"]?.int("MemoryMB") ?? 0])
            for device in task["Devices"]?.elementsOrNone ?? [] {
                let name = ["Vendor", "Type", "Name"].map { device.text($0) }
                    .joined(separator: "/")
                deviceIDs += device.texts("DeviceIDs").map { (name, $0) }
            }
        }
    }

    /// Whether its place is not free: it has not ended, as far as its node has told.
    static func takesRoom(_ allocation: Answer) -> Bool { !AllocationTable.hasEnded(allocation) }

    /// What does not fit stays at its end.
    static func sum(_ amounts: [Int64]) -> Int64 {
        amounts.reduce(0) { left, right in
            let (sum, isTooLarge) = left.addingReportingOverflow(right)
            return isTooLarge ? (right < 0 ? .min : .max) : sum
        }
    }
}

extension Answer {
    /// Of a value that is no list there are none.
    var elementsOrNone: [Answer] {
        do throws(CLIFailure) {
            return try elements()
        } catch {
            return []
        }
    }
}
