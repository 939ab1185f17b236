// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletJSON

/// `node …`, for operators.
enum NodeCommands {
    static let all = [
        Command(
            "node status", "lists the nodes, or shows one",
            detail: "Lists the nodes, or shows one: what it has, what of it is given away, what "
                + "happened to it and what runs there. The id may be given by its beginning.",
            operands: Operands(["NODE"], 0...1),
            flags: [
                Flag("allocs", .onOff, "In the list, count the allocations that run."),
                Flag("short", .onOff, "Without the events."), Invocation.verbose,
            ] + ListPages.flags + Reading.flags, run: NodeStatus.run),
        Command(
            "node drain", "empties a node, or ends that",
            detail: "With -enable a node gets nothing new and what runs there moves elsewhere, as "
                + "fast as its jobs allow; this follows it until the node is empty. With -disable "
                + "that ends.",
            operands: .exactly("NODE"),
            flags: [
                Flag("enable", .onOff, "Begin to empty it."),
                Flag("disable", .onOff, "End that, and let it take work again."),
                Flag(
                    "deadline", .duration,
                    "How long work may take to leave before it is stopped; 1h."),
                Invocation.detachDrain,
                Flag("force", .onOff, "Stop all that runs there at once."),
                Flag("no-deadline", .onOff, "Work may take as long as it needs."),
                Flag("ignore-system", .onOff, "Leave what system jobs run."),
                Flag("keep-ineligible", .onOff, "With -disable: it still gets nothing new."),
                Flag("m", .list("NAME=VALUE"), "Something to remember with the drain."),
                Flag("monitor", .onOff, "Follow a drain that has begun, and begin none."),
                JobCommands.yes, Invocation.verbose,
            ], run: NodeDrain.run),
        Command(
            "node eligibility", "says whether a node gets new work",
            operands: .exactly("NODE"),
            flags: [
                Flag("enable", .onOff, "It gets new work."),
                Flag("disable", .onOff, "It keeps what it has, and gets nothing new."),
                JobCommands.yes,
            ], run: eligibility),
    ]

    private static let eligibility: Command.Run = { (invocation) throws(CLIFailure) in
        let isEligible = try invocation.isEnabling()
        let typed = invocation.values.operands[0]
        let id = try invocation.completed(.node, typed)
        let word = isEligible ? "eligible" : "ineligible"
        let failing = "Error updating scheduling eligibility"
        _ = try invocation.success(
            .put, "\(ObjectKind.node.path(id))/eligibility",
            body: JobChanges.body { writer in
                writer.member("NodeID", id)
                writer.member("Eligibility", word)
            }, failing: failing)
        invocation.line(
            "Node \"\(Text.line(id))\" scheduling eligibility set: \(word) for scheduling")
        return .fine
    }
}

extension Invocation {
    static let detachDrain = Flag("detach", .onOff, "End at once, instead of following the drain.")

    /// - Throws: exit code 2 unless one of -enable and -disable is given.
    func isEnabling() throws(CLIFailure) -> Bool {
        let isEnabling = values.isOn("enable")
        let isDisabling = values.isOn("disable")
        guard isEnabling != isDisabling else {
            throw .usage(
                isEnabling
                    ? "-enable and -disable exclude each other"
                    : "either -enable or -disable is needed")
        }
        return isEnabling
    }
}

/// `node drain`.
enum NodeDrain {
    private static let deadline = GoDuration.seconds(3600)

    static let run: Command.Run = { (invocation) throws(CLIFailure) in
        let typed = invocation.values.operands[0]
        if invocation.values.isOn("monitor") {
            guard !invocation.values.isOn("enable"), !invocation.values.isOn("disable") else {
                throw .usage("-monitor begins and ends no drain: it goes without -enable, -disable")
            }
            var monitor = DrainMonitor(invocation)
            return try monitor.follow(try invocation.completed(.node, typed))
        }
        let isBeginning = try invocation.isEnabling()
        let deadline = try deadline(invocation, isBeginning: isBeginning)
        let meta = try meta(invocation)
        let id = try invocation.completed(.node, typed)
        try invocation.confirm(typed, is: id, "node \(id)")
        let isKept = invocation.values.isOn("keep-ineligible")
        _ = try invocation.success(
            .put, "\(ObjectKind.node.path(id))/drain",
            body: JobChanges.body { writer in
                writer.member("NodeID", id)
                writer.key("DrainSpec")
                if isBeginning {
                    writer.beginObject()
                    writer.member("Deadline", deadline.nanoseconds)
                    writer.member("IgnoreSystemJobs", invocation.values.isOn("ignore-system"))
                    writer.endObject()
                } else {
                    writer.null()
                    writer.member("MarkEligible", !isKept)
                }
                writer.key("Meta")
                writer.beginObject()
                for (name, value) in meta { writer.member(name, value) }
                writer.endObject()
            }, failing: "Error updating drain specification")
        guard isBeginning else {
            invocation.line("Node \"\(id)\" drain strategy unset")
            return .fine
        }
        invocation.line("Node \"\(id)\" drain strategy set")
        guard !invocation.values.isOn("detach") else { return .fine }
        var monitor = DrainMonitor(invocation)
        return try monitor.follow(id)
    }

    /// 0 is as long as it needs, below 0 at once.
    private static func deadline(
        _ invocation: Invocation, isBeginning: Bool
    ) throws(CLIFailure) -> GoDuration {
        let values = invocation.values
        let given = ["deadline", "force", "no-deadline"].filter {
            $0 == "deadline" ? values.text($0) != nil : values.isOn($0)
        }
        guard given.count <= 1 else {
            throw .usage("-deadline, -force and -no-deadline exclude each other")
        }
        guard isBeginning else {
            let other = given.first ?? (values.isOn("ignore-system") ? "ignore-system" : nil)
            if let other { throw .usage("-\(other) goes with -enable only") }
            return .zero
        }
        guard !values.isOn("keep-ineligible") else {
            throw .usage("-keep-ineligible goes with -disable only")
        }
        if values.isOn("force") { return .seconds(-1) }
        if values.isOn("no-deadline") { return .zero }
        guard let deadline = values.duration("deadline") else { return Self.deadline }
        guard deadline > .zero else {
            throw .usage(
                "-deadline must be above zero: -force is at once, -no-deadline as long as it needs")
        }
        return deadline
    }

    private static func meta(
        _ invocation: Invocation
    ) throws(CLIFailure) -> [(name: String, value: String)] {
        var meta: [(name: String, value: String)] = []
        for text in invocation.values.list("m") {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw .usage("-m \(Text.clipped(text)): it is NAME=VALUE")
            }
            meta.removeAll { $0.name == parts[0] }
            meta.append((String(parts[0]), String(parts[1])))
        }
        return meta
    }
}

/// Follows a drain until nothing runs on the node any more.
struct DrainMonitor {
    private let invocation: Invocation
    private let failing = "Error monitoring drain"
    /// Statuses by the allocation's id, as they were told.
    private var told: [String: String] = [:]
    private var isFirst = true
    private var ignoresSystem = false

    init(_ invocation: Invocation) { self.invocation = invocation }

    mutating func follow(_ id: String) throws(CLIFailure) -> ExitCode {
        let name = "node \"\(invocation.shown(id))\""
        invocation.heading("Monitoring \(name): Ctrl-C to detach monitoring")
        var (index, isDraining): (UInt64, Bool?) = (0, nil)
        while true {
            let (node, newest) = try invocation.news(
                ObjectKind.node.path(id), after: index, failing: failing)
            index = newest
            let strategy = node["DrainStrategy"]
            if let strategy { ignoresSystem = strategy.isTrue("IgnoreSystemJobs") }
            if strategy == nil, isDraining == nil {
                invocation.heading("No drain strategy set for \(name)")
                return .fine
            }
            let left = try tellAllocations(of: id)
            if strategy == nil, isDraining == true {
                guard node["LastDrain"]?.text("Status") != "canceled" else {
                    invocation.heading("Drain cancelled for \(name): somebody else has ended it")
                    if left > 0 { invocation.event("Allocations that still run there: \(left)") }
                    return .refused
                }
                invocation.heading("Drain complete for \(name)")
            }
            isDraining = strategy != nil
            if strategy == nil, left == 0 {
                invocation.heading("All allocations on \(name) have stopped")
                return .fine
            }
        }
    }

    /// - Returns: how many have to leave yet.
    private mutating func tellAllocations(of id: String) throws(CLIFailure) -> Int {
        let allocations = try invocation.answer(
            "\(ObjectKind.node.path(id))/allocations", failing: failing
        ).elements()
        var left = 0
        for allocation in allocations {
            if !AllocationTable.hasEnded(allocation), !(ignoresSystem && Self.isSystem(allocation))
            {
                left += 1
            }
            tell(allocation)
        }
        isFirst = false
        return left
    }

    private static func isSystem(_ allocation: Answer) -> Bool {
        let type = allocation["Job"]?.text("Type") ?? allocation.text("JobType")
        return type == "system" || type == "sysbatch"
    }

    private mutating func tell(_ allocation: Answer) {
        let id = allocation.text("ID")
        let client = allocation.text("ClientStatus")
        let isLeaving = allocation.text("DesiredStatus") != "run"
        let isMarked = allocation["DesiredTransition"]?.isTrue("Migrate") ?? false
        let isGone = AllocationTable.hasEnded(allocation)
        let status =
            client
            + (isGone ? "" : isLeaving ? ", draining" : isMarked ? ", marked for migration" : "")
        let before = told[id]
        told[id] = status
        // What had ended before is no news.
        if before == nil, isFirst, isGone { return }
        guard before != status else { return }
        let change = before.map { "\($0) -> \(status)" } ?? status
        invocation.event("Alloc \"\(invocation.shown(id))\" \(change)")
    }
}
