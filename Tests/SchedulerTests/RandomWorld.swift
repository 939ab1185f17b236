// SPDX-License-Identifier: Apache-2.0
import Foundation
import MartletAPI
import MartletScheduler

/// Clusters and jobs from a seed.
struct RandomWorld {
    /// How often each property is tried with fresh clusters: `MARTLET_ROUNDS`, or once. A round are
    /// some 1,700 evaluations over all properties, and takes seconds in a debug build.
    static let rounds: UInt64 =
        ProcessInfo.processInfo.environment["MARTLET_ROUNDS"].flatMap { UInt64($0) } ?? 1

    /// Evaluations in one cluster.
    static let evaluations = 50

    /// The seeds of all rounds, for the seed that a test is given.
    static func seeds(_ seed: UInt64) -> [UInt64] {
        (0..<rounds).map { seed + 1000 * $0 }
    }

    var sequence: SeededSequence
    let world = World()

    init(seed: UInt64) {
        sequence = SeededSequence(seed: seed)
        world.configuration.preemptionConfig.serviceSchedulerEnabled = true
        world.configuration.preemptionConfig.batchSchedulerEnabled = true
        if chance(4) { world.configuration.schedulerAlgorithm = .spread }
    }

    mutating func chance(_ oneIn: Int) -> Bool { sequence.next(below: oneIn) == 0 }

    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[sequence.next(below: values.count)]
    }

    mutating func addNodes(_ count: Int, extras: Bool) {
        for _ in 0..<count { addNode(extras: extras) }
    }

    mutating func addNode(extras: Bool) {
        let cpu = pick([1000, 2000, 4000, 4000, 4000])
        let memory = pick([1000, 2000, 4000])
        let rack = "r\(sequence.next(below: 4))"
        let zone = "z\(sequence.next(below: 3))"
        let devices = extras && chance(3) ? 1 + sequence.next(below: 4) : 0
        let cores = extras && chance(3)
        let isReady = !chance(12)
        world.node(cpu, memory, disk: 4000) { node in
            node.meta["rack"] = rack
            node.attributes["zone"] = zone
            if !isReady { node.eligibility = .ineligible }
            if devices > 0 {
                node.resources.devices = (0..<2).map { group in
                    NodeDeviceGroup(
                        vendor: "v", type: "gpu", name: "m\(group)",
                        instances: (0..<devices).map { NodeDevice(id: "\(group)-\($0)") })
                }
            }
            if cores {
                node.resources.totalCores = 4
                node.resources.reservableCores = [0, 1, 2, 3]
            }
            node.resources.minDynamicPort = 20_000
            node.resources.maxDynamicPort = 20_007
        }
    }

    mutating func job(_ number: Int, extras: Bool) -> Job {
        var job = World.job(
            "j\(number)", priority: pick([10, 20, 25, 30, 50, 70, 80]),
            count: 1 + sequence.next(below: 6), cpu: pick([50, 100, 300, 700, 1100]),
            memory: pick([10, 100, 300, 900]), disk: pick([0, 10, 500]),
            type: pick([.service, .batch]))
        if chance(3) {
            job.affinities = [Affinity("${attr.zone}", "=", "z1", weight: pick([50, -30]))]
        }
        if chance(3) { job.spreads = [Spread(attribute: "${meta.rack}")] }
        if chance(4) { job.constraints.append(Constraint("${attr.zone}", "!=", "z2")) }
        if chance(6) { job.constraints.append(Constraint("", Constraint.distinctHosts, "")) }
        if chance(8) {
            job.constraints.append(Constraint("${meta.rack}", Constraint.distinctProperty, "2"))
        }
        if extras { addExtras(&job) }
        return job
    }

    private mutating func addExtras(_ job: inout Job) {
        if chance(3) {
            var network = NetworkRequest()
            if chance(2) {
                network.dynamicPorts = [PortRequest(label: "d"), PortRequest(label: "e")]
            }
            if chance(2) {
                network.reservedPorts = [PortRequest(label: "s", value: pick([80, 81, 20_003]))]
            }
            job.groups[0].networks = [network]
        }
        if chance(4) {
            job.groups[0].tasks[0].resources.devices = (0...sequence.next(below: 2)).map { _ in
                DeviceRequest(name: "gpu", count: 1 + sequence.next(below: 2))
            }
        }
        if chance(6) {
            job.groups[0].tasks[0].resources.cpu = 0
            job.groups[0].tasks[0].resources.cores = 1 + sequence.next(below: 2)
        }
    }

    /// What is wrong on a node, by an account of its own; nil if nothing is.
    static func fault(of node: Node, _ allocations: [Allocation]) -> String? {
        var sum = CombinedResources()
        var ports: [String: Int] = [:]
        var devices: [String: Int] = [:]
        var cores: [UInt16: Int] = [:]
        for allocation in allocations {
            let given = allocation.resources.value
            sum = sum + given.combined
            for port in given.ports { ports["\(port.hostIP):\(port.value)", default: 0] += 1 }
            for task in given.tasks {
                for core in task.reservedCores { cores[core, default: 0] += 1 }
                for device in task.devices {
                    for id in device.deviceIDs { devices["\(device.name):\(id)", default: 0] += 1 }
                }
            }
        }
        let usable = node.usable
        if sum.cpu > usable.cpu || sum.memoryMB > usable.memoryMB || sum.diskMB > usable.diskMB {
            return "over capacity: \(sum) of \(usable)"
        }
        if ports.values.contains(where: { $0 > 1 }) { return "a port twice: \(ports)" }
        if devices.values.contains(where: { $0 > 1 }) { return "a device twice: \(devices)" }
        return cores.values.contains(where: { $0 > 1 }) ? "a core twice: \(cores)" : nil
    }

    func allocations(on node: UniqueID) -> [Allocation] {
        world.allocations.values.filter { $0.nodeID == node }
    }
}
