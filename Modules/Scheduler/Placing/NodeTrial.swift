// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// What a node would give an instance beyond processor, memory and disk.
struct ExtraAssignment {
    var ports: PortAssignment?
    var devices: DeviceAssignment?
    /// By task.
    var cores: [[UInt16]] = []

    /// What an instance gets on the node in a slot.
    func resources(
        of compiled: CompiledGroup, on slot: Int32, _ view: ClusterView
    ) -> Shared<AllocatedResources> {
        guard ports != nil || devices != nil || !cores.isEmpty else {
            return compiled.plainResources
        }
        var result = compiled.plainResources.value
        result.networks = ports?.networks ?? []
        result.ports = ports?.ports ?? []
        for index in result.tasks.indices {
            if let network = ports?.tasks[index] { result.tasks[index].networks = [network] }
            if let devices, let node = view.nodes[Int(slot)] {
                result.tasks[index].devices = devices.devices(
                    of: index, ask: compiled.devices, node: node.value)
            }
            if !cores.isEmpty, !cores[index].isEmpty {
                result.tasks[index].reservedCores = cores[index]
                result.tasks[index].cpu =
                    cores[index].count * (view.cores[Int(slot)]?.frequency ?? 0)
            }
        }
        return Shared(result)
    }
}

/// A node with some of its allocations thought away, asked for room.
///
/// What a group does not ask for is not read: a node's ports and devices are each in a place of their own.
struct NodeTrial {
    let slot: Int32
    private(set) var free: Capacity
    private let hasExtras: Bool
    private var ports: NodePorts?
    private var devices: (of: NodeDevices, on: Shared<Node>)?
    private var cores: NodeCores?

    /// nil for a slot without a node.
    init?(_ slot: Int32, for compiled: CompiledGroup, view: ClusterView) {
        guard view.rows[Int(slot)].kind >= 0 else { return nil }
        self.slot = slot
        free = view.rows[Int(slot)].free
        hasExtras = compiled.hasExtras
        guard hasExtras else { return }
        if !compiled.ports.isEmpty { ports = view.ports[Int(slot)] }
        if !compiled.devices.isEmpty, let node = view.nodes[Int(slot)] {
            devices = view.devices[Int(slot)].map { ($0, node) }
        }
        if compiled.coreSum > 0 { cores = view.cores[Int(slot)] }
    }

    /// Thinks the allocation of a record away.
    mutating func remove(_ record: Int32, in view: ClusterView) {
        free += view.records[Int(record)].size
        guard hasExtras, view.records[Int(record)].hasExtras else { return }
        remove(view.records[Int(record)].resources.value)
    }

    private mutating func remove(_ resources: AllocatedResources) {
        ports?.apply(resources, isTaking: false)
        if let node = devices?.on {
            devices?.of.apply(resources, on: node.value, isTaking: false)
        }
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
        guard hasExtras else { return .success(result) }
        if let ports {
            do throws(PortAssignment.Refusal) {
                result.ports = try PortAssignment.make(compiled.ports, in: ports, seed: seed)
            } catch {
                return .failure(Shortage(dimension: error.dimension))
            }
        }
        if !compiled.devices.isEmpty {
            guard let (devices, node) = devices,
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
