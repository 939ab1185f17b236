// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension TaskLaunch {
    /// What the driver `raw_exec` makes of a task.
    ///
    /// - Throws: a refusal with the reason why it cannot run here.
    init(
        _ run: TaskRun, _ assignment: Assignment, on node: Node, _ folders: AllocationFolders,
        _ inherited: [String: String]
    ) throws(APIError) {
        let task = assignment.group.tasks[run.position]
        try Self.check(task)
        let settings = try ExecSettings(task.config)
        let variables = TaskVariables(
            task, assignment, node, folders, inherited: inherited)
        self.init(
            run: run, taskName: task.name, command: variables.expanded(settings.command),
            arguments: settings.arguments.map(variables.expanded),
            environment: variables.environment,
            folder: settings.folder.isEmpty ? nil : variables.expanded(settings.folder),
            logs: task.logs)
    }

    private static func check(_ task: JobTask) throws(APIError) {
        func refuse(_ text: String) -> APIError { APIError(status: 400, message: text) }
        guard task.driver == "raw_exec" else {
            throw refuse("this node has no driver \(task.driver)")
        }
        // Its folders and logs are named after it.
        guard !["", ".", "..", "alloc"].contains(task.name),
            !task.name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
        else { throw refuse("a folder cannot have the name of the task") }
        guard task.user.isEmpty else {
            throw refuse("raw_exec runs commands as the user of the node's agent, and no other")
        }
        guard task.artifacts == nil else { throw refuse("artifacts are not fetched") }
        guard task.volumeMounts.isEmpty else { throw refuse("volumes are not mounted") }
        if !task.killSignal.isEmpty, Signals.number(of: task.killSignal) == nil {
            throw refuse("\(task.killSignal) is no signal")
        }
    }
}

/// What a task finds in its environment, and what `${…}` stands for in its configuration.
struct TaskVariables {
    private var named: [String: String] = [:]
    private let node: Node
    private let own: StringMap
    /// Of the agent's own environment, what every task finds in its own.
    private let inherited: [String: String]

    init(
        _ task: JobTask, _ assignment: Assignment, _ node: Node, _ folders: AllocationFolders,
        inherited: [String: String]
    ) {
        self.node = node
        self.inherited = inherited
        own = task.environment
        let job = assignment.job.value
        named = [
            "NOMAD_ALLOC_DIR": folders.shared,
            "NOMAD_TASK_DIR": folders.local(task.name),
            "NOMAD_SECRETS_DIR": folders.secrets(task.name),
            "NOMAD_ALLOC_ID": assignment.id.description,
            "NOMAD_SHORT_ALLOC_ID": assignment.id.short,
            "NOMAD_ALLOC_NAME": assignment.name,
            "NOMAD_ALLOC_INDEX": Self.index(in: assignment.name),
            "NOMAD_TASK_NAME": task.name,
            "NOMAD_GROUP_NAME": assignment.group.name,
            "NOMAD_JOB_ID": job.id,
            "NOMAD_JOB_NAME": job.name,
            "NOMAD_NAMESPACE": job.namespace,
            "NOMAD_REGION": job.region,
            "NOMAD_DC": node.datacenter,
            "NOMAD_CPU_LIMIT": "\(task.resources.cpu)",
            "NOMAD_MEMORY_LIMIT": "\(task.resources.memoryMB)",
        ]
        if !job.parentID.isEmpty { named["NOMAD_JOB_PARENT_ID"] = job.parentID }
        // The nearest to the task says it.
        for meta in [job.meta, assignment.group.meta, task.meta] {
            for pair in meta {
                named["NOMAD_META_\(Self.name(of: pair.key))"] = pair.value
                named["NOMAD_META_\(Self.name(of: pair.key.uppercased()))"] = pair.value
            }
        }
        for port in assignment.ports { add(port) }
    }

    private mutating func add(_ port: AllocatedPort) {
        let label = Self.name(of: port.label)
        let inside = port.to > 0 ? port.to : port.value
        named["NOMAD_PORT_\(label)"] = "\(inside)"
        named["NOMAD_HOST_PORT_\(label)"] = "\(port.value)"
        for kind in ["IP", "HOST_IP"] { named["NOMAD_\(kind)_\(label)"] = port.hostIP }
        for kind in ["ADDR", "HOST_ADDR"] {
            named["NOMAD_\(kind)_\(label)"] = "\(port.hostIP):\(port.value)"
        }
    }

    /// `web.group[3]` has 3.
    private static func index(in name: String) -> String {
        guard let open = name.lastIndex(of: "["), name.hasSuffix("]") else { return "0" }
        return String(name[name.index(after: open)...].dropLast())
    }

    /// Shells know no other names.
    private static func name(of text: String) -> String {
        String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    /// The task's own settings go before everything but what it is told of itself.
    var environment: [String: String] {
        var environment = inherited
        for pair in own where !pair.key.isEmpty && !pair.key.utf8.contains(UInt8(ascii: "=")) {
            environment[pair.key] = expanded(pair.value)
        }
        return environment.merging(named) { $1 }
    }

    /// With values in the place of `${NAME}`, `${env["NAME"]}`, `${node.class}`, `${attr.…}` and
    /// `${meta.…}`; what is not known stays as it is.
    func expanded(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.range(of: "${") {
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                return result + rest[start.lowerBound...]
            }
            let name = rest[start.upperBound..<end]
            result += value(of: name) ?? String(rest[start.lowerBound...end])
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private func value(of name: Substring) -> String? {
        if let value = named[String(name)] { return value }
        switch name {
        case "node.unique.id": return node.id.description
        case "node.unique.name": return node.name
        case "node.datacenter": return node.datacenter
        case "node.class": return node.nodeClass
        case "node.pool": return node.nodePool
        default: break
        }
        if name.hasPrefix("attr.") { return node.attributes[String(name.dropFirst(5))] }
        if name.hasPrefix("meta.") { return node.meta[String(name.dropFirst(5))] }
        if name.hasPrefix("env[\""), name.hasSuffix("\"]") {
            let key = String(name.dropFirst(5).dropLast(2))
            return named[key] ?? own[key] ?? inherited[key]
        }
        return own[String(name)]
    }
}

extension Substring {
    /// Where a text of two characters begins and ends.
    fileprivate func range(of pair: String) -> Range<Index>? {
        var position = startIndex
        while position < endIndex {
            if self[position...].hasPrefix(pair) {
                return position..<index(position, offsetBy: 2)
            }
            position = index(after: position)
        }
        return nil
    }
}
