// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// All of a group that decides on which nodes it may run and what sets nodes apart for it, amounts
/// aside. Groups with the same signature share one ``FeasibleSet``.
struct GroupSignature: Hashable, Sendable {
    let datacenters: [String]
    let nodePool: String
    /// Of the job, the group and its tasks, without the distinct ones.
    let constraints: [Constraint]
    let drivers: [String]
    let volumes: [VolumeRequest]
    let devices: [DeviceRequest]
    /// Modes and address names that the networks need.
    let networkMode: String
    let hostNetworks: [String]
    let affinities: [Affinity]
    /// Attributes that are counted: of spreads first, then of distinct properties.
    let properties: [String]

    init(job: Job, group: TaskGroup) {
        datacenters = job.datacenters
        nodePool = job.nodePool
        var constraints = job.constraints + group.constraints
        var affinities = job.affinities + group.affinities
        var drivers: [String] = []
        for task in group.tasks {
            constraints += task.constraints
            affinities += task.affinities
            if !drivers.contains(task.driver) { drivers.append(task.driver) }
        }
        self.constraints = constraints.filter {
            $0.operand != Constraint.distinctHosts && $0.operand != Constraint.distinctProperty
        }
        self.affinities = affinities.filter { $0.weight != 0 }
        self.drivers = drivers.filter { !$0.isEmpty }
        volumes = group.volumeRequests
        devices = group.tasks.flatMap { $0.resources.devices }
        networkMode = group.networks.first?.mode ?? ""
        hostNetworks = Self.hostNetworks(of: group)
        properties =
            (job.spreads + group.spreads).map { $0.attribute }
            + DistinctRules(job: job, group: group).properties.map { $0.attribute }
    }

    /// What mostly tells signatures apart; all of it is compared only with those that have as much in common.
    func hash(into hasher: inout Hasher) {
        hasher.combine(nodePool)
        for name in datacenters { hasher.combine(name) }
        for constraint in constraints {
            hasher.combine(constraint.leftTarget)
            hasher.combine(constraint.rightTarget)
        }
        for affinity in affinities {
            hasher.combine(affinity.leftTarget)
            hasher.combine(affinity.rightTarget)
        }
        for volume in volumes { hasher.combine(volume.source) }
        for device in devices { hasher.combine(device.name) }
        for property in properties { hasher.combine(property) }
    }

    private static func hostNetworks(of group: TaskGroup) -> [String] {
        var names: [String] = []
        for network in group.networks {
            for port in network.reservedPorts + network.dynamicPorts
            where !port.hostNetwork.isEmpty && port.hostNetwork != PortRequest.hostNetworkDefault {
                if !names.contains(port.hostNetwork) { names.append(port.hostNetwork) }
            }
        }
        return names.sorted()
    }
}

/// The constraints that look at the other instances rather than at the node.
struct DistinctRules: Sendable {
    struct Property: Sendable {
        let attribute: String
        /// Instances that one value may have.
        let limit: Int
        /// Whether all groups of the job count, or this one.
        let isOfJob: Bool
    }

    /// Whether no node may have two instances of the job.
    let isJobDistinct: Bool
    /// Whether no node may have two instances of the group.
    let isGroupDistinct: Bool
    let properties: [Property]

    init(job: Job, group: TaskGroup) {
        isJobDistinct = job.constraints.contains(where: Self.isDistinctHosts)
        let own = group.constraints + group.tasks.flatMap { $0.constraints }
        isGroupDistinct = own.contains(where: Self.isDistinctHosts)
        properties =
            job.constraints.compactMap { Self.property($0, isOfJob: true) }
            + own.compactMap { Self.property($0, isOfJob: false) }
    }

    private static func isDistinctHosts(_ constraint: Constraint) -> Bool {
        constraint.operand == Constraint.distinctHosts && constraint.rightTarget != "false"
    }

    private static func property(_ constraint: Constraint, isOfJob: Bool) -> Property? {
        guard constraint.operand == Constraint.distinctProperty else { return nil }
        // A count that is none allows nobody: it is never met, as an unknown operator is not.
        let limit = constraint.rightTarget.isEmpty ? 1 : Int(constraint.rightTarget) ?? 0
        return Property(
            attribute: constraint.leftTarget, limit: max(0, limit), isOfJob: isOfJob)
    }
}
