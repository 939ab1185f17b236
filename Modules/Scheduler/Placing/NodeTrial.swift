// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// What a node would give an instance beyond processor, memory and disk.
struct ExtraAssignment {
    var ports: PortAssignment?
    var devices: DeviceAssignment?
    /// By task.
    var cores: [[UInt16]] = []

    func resources(
        of compiled: CompiledGroup, on node: Shared<Node>, frequency: Int
    ) -> Shared<AllocatedResources> {
        guard ports != nil || devices != nil || !cores.isEmpty else {
            return compiled.plainResources
        }
        var result = compiled.plainResources.value
        result.networks = ports?.networks ?? []
        result.ports = ports?.ports ?? []
        for index in result.tasks.indices {
            if let network = ports?.tasks[index] { result.tasks[index].networks = [network] }
            if let devices {
                result.tasks[index].devices = devices.devices(
                    of: index, ask: compiled.devices, node: node.value)
            }
            if !cores.isEmpty, !cores[index].isEmpty {
                result.tasks[index].reservedCores = cores[index]
                result.tasks[index].cpu = cores[index].count * frequency
            }
        }
        return Shared(result)
    }
}

/// A node with some of its allocations thought away, asked for room.
struct NodeTrial {
    let slot: Int32
    private(set) var free: Capacity
    private var ports: NodePorts
    private var devices: NodeDevices?
    private var cores: NodeCores?
    private let node: Shared<Node>

    /// nil for a slot without a node.
    init?(_ slot: Int32, view: ClusterView) {
        guard let node = view.nodes[Int(slot)] else { return nil }
        self.slot = slot
        self.node = node
        free = view.rows[Int(slot)].free
        ports = view.ports[Int(slot)]
        devices = view.devices[Int(slot)]
        cores = view.cores[Int(slot)]
    }

    mutating func remove(_ record: AllocationRecord) {
        free += record.size
        guard record.hasExtras else { return }
        let resources = record.resources.value
        ports.apply(resources, isTaking: false)
        devices?.apply(resources, on: node.value, isTaking: false)
        cores?.apply(resources, isTaking: false)
    }

    /// What an instance takes here: whole cores bring their MHz.
    func ask(_ compiled: CompiledGroup) -> Capacity {
        guard compiled.coreSum > 0 else { return compiled.size }
        var size = compiled.size
        size.cpu += compiled.coreSum * (cores?.frequency ?? 0)
        return size
    }

    /// What is missing first, in the order in which metrics name it; nil if nothing is.
    func shortage(for compiled: CompiledGroup) -> String? {
        let ask = ask(compiled)
        if free.cpu < ask.cpu { return "cpu" }
        if compiled.coreSum > (cores?.free ?? 0) { return "cores" }
        if free.memory < ask.memory { return "memory" }
        return free.disk < ask.disk ? "disk" : nil
    }

    /// Ports, devices and cores for one instance, or what is missing. `opening` is that of
    /// ``DeviceAssignment/make(_:on:in:opening:)``, and does not decide whether something is missing.
    func assign(
        _ compiled: CompiledGroup, seed: UInt64, opening: [Bool] = []
    ) -> Result<ExtraAssignment, Shortage> {
        var result = ExtraAssignment()
        guard compiled.hasExtras else { return .success(result) }
        if !compiled.ports.isEmpty {
            var trial = ports
            do throws(PortAssignment.Refusal) {
                result.ports = try PortAssignment.make(compiled.ports, in: &trial, seed: seed)
            } catch {
                return .failure(Shortage(dimension: error.dimension))
            }
        }
        if !compiled.devices.isEmpty {
            guard let devices,
                let assignment = DeviceAssignment.make(
                    compiled.devices, on: node.value, in: devices, opening: opening)
            else { return .failure(Shortage(dimension: "devices")) }
            result.devices = assignment
        }
        if compiled.coreSum > 0 {
            guard var trial = cores else { return .failure(Shortage(dimension: "cores")) }
            for count in compiled.cores {
                guard let picked = trial.pick(count) else {
                    return .failure(Shortage(dimension: "cores"))
                }
                trial.take(picked)
                result.cores.append(picked)
            }
        }
        return .success(result)
    }

    /// Whether an instance that had `own` here may go on as one of the group: of each amount it fits, or
    /// asks for no more than it had.
    func keeps(_ compiled: CompiledGroup, of own: Capacity) -> Bool {
        let ask = ask(compiled)
        return ask.cpu <= max(free.cpu, own.cpu) && ask.memory <= max(free.memory, own.memory)
            && ask.disk <= max(free.disk, own.disk) && compiled.coreSum <= cores?.free ?? 0
    }

    struct Shortage: Error {
        let dimension: String
    }

    /// Whether an instance has room, extras included.
    func fits(_ compiled: CompiledGroup, seed: UInt64) -> Bool {
        guard shortage(for: compiled) == nil else { return false }
        if case .success = assign(compiled, seed: seed) { return true }
        return false
    }
}
