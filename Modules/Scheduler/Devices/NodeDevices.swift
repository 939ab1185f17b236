// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Which instances of a node's devices are free.
struct NodeDevices: Sendable {
    struct Group: Sendable {
        /// Healthy instances.
        let total: Int
        /// How many allocations hold each instance: more than one only if the state is wrong.
        var holders: [UInt8]
        let isHealthy: [Bool]
        /// Healthy instances that nobody holds.
        var free: Int

        /// Some is in use, some is free.
        var isOpen: Bool { free > 0 && free < total }
    }

    private(set) var groups: [Group]

    init(_ node: Node) {
        groups = node.resources.devices.map { group in
            let healthy = group.instances.map(\.isHealthy)
            let total = healthy.count(where: { $0 })
            return Group(
                total: total, holders: Array(repeating: 0, count: healthy.count),
                isHealthy: healthy, free: total)
        }
    }

    /// The first `count` free instances of a group.
    func pick(_ count: Int, of group: Int) -> [Int] {
        var result: [Int] = []
        let row = groups[group]
        for index in row.holders.indices where row.holders[index] == 0 && row.isHealthy[index] {
            guard result.count < count else { break }
            result.append(index)
        }
        return result
    }

    mutating func take(_ instances: [Int], of group: Int) {
        for index in instances { change(index, of: group, isTaking: true) }
    }

    private mutating func change(_ index: Int, of group: Int, isTaking: Bool) {
        let before = groups[group].holders[index]
        let after = isTaking ? before == .max ? before : before + 1 : before == 0 ? 0 : before - 1
        groups[group].holders[index] = after
        guard groups[group].isHealthy[index] else { return }
        if before == 0, after > 0 { groups[group].free -= 1 }
        if before > 0, after == 0 { groups[group].free += 1 }
    }

    /// Takes, or gives back, all that an allocation has.
    mutating func apply(_ resources: AllocatedResources, on node: Node, isTaking: Bool) {
        for task in resources.tasks {
            for device in task.devices { apply(device, on: node, isTaking: isTaking) }
        }
    }

    private mutating func apply(_ device: AllocatedDevice, on node: Node, isTaking: Bool) {
        let owned = node.resources.devices
        guard
            let group = owned.firstIndex(where: {
                $0.name == device.name && $0.type == device.type && $0.vendor == device.vendor
            })
        else { return }
        let instances = owned[group].instances
        // Ids mostly come in the order of the node: the search goes on from the last find.
        var from = 0
        for id in device.deviceIDs {
            let later = instances[from...].firstIndex { $0.id == id }
            guard let index = later ?? instances[..<from].firstIndex(where: { $0.id == id }) else {
                continue
            }
            change(index, of: group, isTaking: isTaking)
            from = index
        }
    }
}
