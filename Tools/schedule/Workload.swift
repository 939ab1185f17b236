// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON

/// A neutral workload: configuration, nodes, and phases of jobs.
struct Workload {
    struct Phase {
        let name: String
        let isMeasured: Bool
        let jobs: [Entry]
    }

    struct Entry {
        let job: Shared<Job>
        /// Jobs that stop before this one comes.
        let stops: [String]
    }

    struct Malformed: Error {
        let what: String
    }

    let name: String
    let configuration: SchedulerConfiguration
    let nodes: [Node]
    let phases: [Phase]

    init(_ bytes: [UInt8]) throws {
        let limits = JSONLimits(depthMax: 32, bytesMax: 1 << 30, valuesMax: 1 << 26)
        let root = try JSONReader.parse(bytes, limits: limits)
        name = root.text("Name") ?? ""
        configuration = Self.configuration(root.member("Config"))
        nodes = root.items("Nodes").enumerated().map { Self.node($1, index: $0) }
        phases = root.items("Phases").map { phase in
            Phase(
                name: phase.text("Name") ?? "", isMeasured: phase.flag("Measured"),
                jobs: phase.items("Jobs").map { job in
                    Entry(job: Shared(Self.job(job)), stops: job.texts("Stop"))
                })
        }
    }

    private static func configuration(_ node: JSONNode?) -> SchedulerConfiguration {
        var result = SchedulerConfiguration()
        result.schedulerAlgorithm =
            node?.text("Algorithm").flatMap { SchedulerAlgorithm(rawValue: $0) } ?? .binpack
        result.preemptionConfig.systemSchedulerEnabled = node?.flag("PreemptSystem") ?? true
        result.preemptionConfig.batchSchedulerEnabled = node?.flag("PreemptBatch") ?? false
        result.preemptionConfig.serviceSchedulerEnabled = node?.flag("PreemptService") ?? false
        return result
    }

    private static func node(_ source: JSONNode, index: Int) -> Node {
        let id = source.text("ID").flatMap { UniqueID($0) } ?? UniqueID(high: 1, low: UInt64(index))
        var node = Node(
            id: id, name: source.text("Name") ?? "", datacenter: source.text("DC") ?? "dc1",
            resources: NodeResources(
                cpu: source.number("CPU"), memoryMB: source.number("Mem"),
                diskMB: source.number("Disk")))
        node.nodeClass = source.text("Class") ?? ""
        node.attributes = source.map("Attrs")
        node.meta = source.map("Meta")
        node.status = .ready
        for device in source.items("Devices") {
            let name = device.text("Name") ?? ""
            node.resources.devices.append(
                NodeDeviceGroup(
                    vendor: device.text("Vendor") ?? "", type: device.text("Type") ?? "",
                    name: name,
                    instances: (0..<device.number("Count")).map { NodeDevice(id: "\(name)/\($0)") })
            )
        }
        node.computedClass = node.classDigest
        return node
    }

    private static func job(_ source: JSONNode) -> Job {
        var job = Job(
            id: source.text("ID") ?? "",
            type: source.text("Type").flatMap { JobType(rawValue: $0) } ?? .service)
        job.priority = source.number("Priority", default: 50)
        job.datacenters = source.texts("DCs")
        job.constraints = source.items("Constraints").map(constraint)
        job.groups = source.items("Groups").map { group($0, type: job.type) }
        return job
    }

    private static func group(_ source: JSONNode, type: JobType) -> TaskGroup {
        var task = JobTask(name: "t", driver: "")
        task.resources = TaskResources(
            cpu: source.number("CPU"), memoryMB: source.number("Mem"),
            devices: source.items("Devices").map(device))
        var group = TaskGroup(
            name: source.text("Name") ?? "g", count: source.number("Count", default: 1),
            tasks: [task])
        group.ephemeralDisk.sizeMB = source.number("Disk")
        group.constraints = source.items("Constraints").map(constraint)
        group.affinities = source.items("Affinities").map { item in
            Affinity(
                item.text("L") ?? "", item.text("Op") ?? "=", item.text("R") ?? "",
                weight: item.number("Weight", default: 50))
        }
        group.spreads = source.items("Spreads").map { item in
            Spread(
                attribute: item.text("Attr") ?? "", weight: item.number("Weight", default: 50),
                targets: item.items("Targets").map { target in
                    SpreadTarget(
                        value: target.text("Value") ?? "", percent: target.number("Percent"))
                })
        }
        let ports = source.items("Ports")
        if !ports.isEmpty { group.networks = [network(ports)] }
        if type == .service {
            var migrate = MigrateStrategy()
            migrate.maxParallel = source.number("MaxParallel", default: 1)
            group.migrate = migrate
        }
        return group
    }

    private static func constraint(_ source: JSONNode) -> Constraint {
        Constraint(source.text("L") ?? "", source.text("Op") ?? "=", source.text("R") ?? "")
    }

    private static func network(_ ports: [JSONNode]) -> NetworkRequest {
        var network = NetworkRequest()
        for port in ports {
            let request = PortRequest(label: port.text("Label") ?? "", value: port.number("Value"))
            if request.value > 0 {
                network.reservedPorts.append(request)
            } else {
                network.dynamicPorts.append(request)
            }
        }
        return network
    }

    private static func device(_ source: JSONNode) -> DeviceRequest {
        let parts = ["Vendor", "Type", "Name"].compactMap { source.text($0) }.filter { !$0.isEmpty }
        return DeviceRequest(
            name: parts.joined(separator: "/"), count: source.number("Count", default: 1),
            constraints: source.items("Constraints").map(constraint))
    }
}

extension JSONNode {
    func text(_ name: String) -> String? {
        if case .string(let text)? = member(name)?.value { text } else { nil }
    }

    func number(_ name: String, default fallback: Int = 0) -> Int {
        if case .number(let number)? = member(name)?.value, let value = number.int64 {
            Int(value)
        } else {
            fallback
        }
    }

    func flag(_ name: String) -> Bool {
        if case .bool(true)? = member(name)?.value { true } else { false }
    }

    func items(_ name: String) -> [JSONNode] {
        if case .array(let items)? = member(name)?.value { items } else { [] }
    }

    func texts(_ name: String) -> [String] {
        items(name).compactMap { if case .string(let text) = $0.value { text } else { nil } }
    }

    func map(_ name: String) -> StringMap {
        guard case .object(let members)? = member(name)?.value else { return StringMap() }
        return StringMap(
            members.compactMap { member in
                if case .string(let text) = member.node.value { (member.name, text) } else { nil }
            })
    }
}
