// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHCL
import MartletJSON

/// `node pool …`.
enum PoolCommands {
    static let all = [
        Command(
            "node pool list", "lists the pools of nodes",
            flags: [Flag("prefix", .text("PREFIX"), "Only those whose name begins so.")]
                + ListPages.flags + Reading.flags, run: list),
        Command(
            "node pool info", "shows a pool of nodes", operands: .exactly("NAME"),
            flags: Reading.flags, run: info),
        Command(
            "node pool apply", "makes or changes a pool of nodes",
            detail: "Makes a pool of nodes, or takes the place of the one of this name. It comes "
                + "from a file, or for - from standard input, in HCL or JSON.",
            operands: .exactly("PATH"),
            flags: [Flag("json", .onOff, "The file is JSON, whatever its name.")], run: apply),
        Command(
            "node pool delete", "removes a pool of nodes that is empty",
            operands: .exactly("NAME"), run: delete),
        Command(
            "node pool nodes", "lists the nodes of a pool", operands: .exactly("NAME"),
            flags: [Invocation.verbose] + ListPages.flags + Reading.flags, run: nodes),
        Command(
            "node pool jobs", "lists the jobs that want a pool", operands: .exactly("NAME"),
            flags: ListPages.flags + Reading.flags, run: jobs),
    ]

    private static func path(_ name: String) -> String { "/v1/node/pool/\(Target.encoded(name))" }

    private static let list: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let query = invocation.values.text("prefix").map { [("prefix", $0)] } ?? []
        let failing = "Error querying node pools"
        let response = try invocation.page("/v1/node/pools", query: query, failing: failing)
        let answer = try Answer(response, failing: failing)
        try invocation.show(answer) { () throws(CLIFailure) in
            let pools = try answer.elements()
            guard !pools.isEmpty else { return "No node pools\n" }
            var table = Table("Name", "Description")
            for pool in pools {
                table.rows.append([Cell(pool.text("Name")), Cell(pool.text("Description"))])
            }
            return table.text(invocation.style)
        }
        invocation.tellNextPage(after: response)
        return .fine
    }

    private static let info: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let answer = try invocation.answer(
            path(invocation.values.operands[0]), failing: "Error querying node pool")
        try invocation.show(answer) {
            var facts = Facts()
            facts.add("Name", answer.text("Name"))
            facts.add("Description", answer.text("Description"))
            if let rules = answer["SchedulerConfiguration"] {
                let algorithm = rules.text("SchedulerAlgorithm")
                if !algorithm.isEmpty { facts.add("Scheduler Algorithm", algorithm) }
                let memory = rules.text("MemoryOversubscriptionEnabled")
                if !memory.isEmpty { facts.add("Memory Oversubscription", memory) }
            }
            return facts.text(invocation.style) + NodeStatus.pairs("Meta", answer, invocation)
        }
        return .fine
    }

    private static let delete: Command.Run = { (invocation) throws(CLIFailure) in
        let name = invocation.values.operands[0]
        _ = try invocation.success(.delete, path(name), failing: "Error deleting node pool")
        invocation.line("Successfully deleted node pool \"\(Text.line(name))\"!")
        return .fine
    }

    private static let nodes: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let failing = "Error querying nodes of node pool"
        let response = try invocation.page(
            path(invocation.values.operands[0]) + "/nodes", failing: failing)
        let answer = try Answer(response, failing: failing)
        try invocation.show(answer) { () throws(CLIFailure) in
            let nodes = try answer.elements()
            guard !nodes.isEmpty else { return "No nodes\n" }
            return NodeStatus.table(nodes, nil, invocation).text(invocation.style)
        }
        invocation.tellNextPage(after: response)
        return .fine
    }

    private static let jobs: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let failing = "Error querying jobs of node pool"
        let response = try invocation.page(
            path(invocation.values.operands[0]) + "/jobs", failing: failing)
        let answer = try Answer(response, failing: failing)
        try invocation.show(answer) { () throws(CLIFailure) in
            let jobs = try answer.elements()
            guard !jobs.isEmpty else { return "No jobs\n" }
            return Invocation.jobTable(jobs, invocation.environment).text(invocation.style)
        }
        invocation.tellNextPage(after: response)
        return .fine
    }

    // MARK: Applying

    private static let fileBytesMax = 64 << 10

    private static let apply: Command.Run = { (invocation) throws(CLIFailure) in
        let source = invocation.values.operands[0]
        let bytes = try invocation.content(of: source, limitBytes: fileBytesMax)
        let place = source == "-" ? "standard input" : Text.line(source)
        let body = try invocation.isJSON(bytes, of: source) ? bytes : json(ofHCL: bytes, place)
        let pool: NodePool
        do throws(APIError) {
            pool = try NodePool.parse(body: body)
        } catch {
            throw CLIFailure("\(place): \(error.message)", .refused)
        }
        _ = try invocation.success(
            .put, "/v1/node/pools", body: JSONWriter.encode(pool) + [0x0a],
            failing: "Error applying node pool")
        invocation.line("Successfully applied node pool \"\(pool.name)\"!")
        return .fine
    }

    private static func json(
        ofHCL bytes: [UInt8], _ place: String
    ) throws(CLIFailure) -> [UInt8] {
        do throws(HCLError) {
            return JSONWriter.encode(try pool(in: bytes))
        } catch {
            throw CLIFailure("\(place):\(error)", .refused)
        }
    }

    /// `node_pool "NAME" { … }`, and nothing else.
    private static func pool(in bytes: [UInt8]) throws(HCLError) -> JobValue {
        let body = try HCL.parse(bytes, limits: HCLLimits(bytesMax: fileBytesMax), syntax: .hcl)
        for item in body.items where item.key != "node_pool" {
            throw HCLError(
                "unknown key \(hclQuoted(item.key)): a file holds node_pool \"NAME\" { … }",
                at: item.position)
        }
        let blocks = try body.blocks("node_pool", labels: 1)
        guard let block = blocks.first, blocks.count == 1 else {
            throw HCLError(
                "a file holds one node_pool \"NAME\" { … }, not \(blocks.count)",
                at: blocks.last?.position ?? HCLPosition(line: 1, column: 1))
        }
        return .object(
            [("Name", .text(block.labels[0].text))] + (try schema.members(of: block.body)))
    }

    private static let schema = JobSchema(
        title: "node_pool",
        fields: [
            JobSchema.field("description", "Description", .text),
            JobSchema.field("meta", "Meta", .map),
            JobSchema.field("scheduler_config", "SchedulerConfiguration", .block(rules)),
        ], outside: ["node_identity_ttl"])

    private static let rules = JobSchema(
        title: "scheduler_config",
        fields: [
            JobSchema.field("scheduler_algorithm", "SchedulerAlgorithm", .text),
            JobSchema.field(
                "memory_oversubscription_enabled", "MemoryOversubscriptionEnabled", .truth),
        ])
}
