// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// What a group's placements mean for those who will ask for devices after it.
///
/// A device group is *open* if some of it is in use and some is free. Open groups are closed by small
/// asks, whole ones are what large asks need, and when the last whole one is gone, small asks live on
/// what is open. So some is kept open: while little of the cluster's devices can be expected to be used in
/// open groups, small asks open whole ones instead of filling them.
struct DeviceOutlook {
    /// The share of all devices that shall be usable in open groups.
    private static let keptShare = 0.02

    private struct OfType {
        let name: String
        let use: ExpectedUse
        /// Of the nodes that may run the group.
        let total: Int
        /// What will be used of open groups' free instances.
        var kept = 0.0

        var isEnough: Bool { kept >= DeviceOutlook.keptShare * Double(total) }
    }

    private var types: [OfType] = []
    /// By type of the ask, whether an instance opens a group where it can; empty if none does.
    private(set) var opening: [Bool] = []

    /// Of a sweep that does not rank devices: nothing is expected, nothing opened.
    init() {}

    init(_ compiled: CompiledGroup, _ view: ClusterView) {
        let scan = DeviceScan(compiled, view)
        types = compiled.devices.types.enumerated().map { type, name in
            var sizes = view.deviceHoldings.sizes(of: name)
            // What is placed now is asked for as well.
            for request in compiled.devices.requests where request.type == type {
                sizes[request.matcher.count, default: 0] += max(1, compiled.group.count)
            }
            let use = ExpectedUse(sizes, largest: scan.rows[type].largest)
            var row = OfType(name: name, use: use, total: scan.rows[type].total)
            for (free, groups) in scan.rows[type].open.enumerated() where groups > 0 {
                row.kept += use.of(free) * Double(groups)
            }
            return row
        }
        opening = types.map { !$0.isEnough }
        settle()
    }

    private mutating func settle() {
        if !opening.contains(true) { opening = [] }
    }

    /// What a group with so many free instances is worth less once `count` are taken, beyond those.
    func loss(_ count: Int, ofFree free: Int, _ type: Int) -> Double {
        guard !types.isEmpty else { return 0 }
        return types[type].use.of(free) - types[type].use.of(free - count) - Double(count)
    }

    /// The devices of a node have changed. True if enough is open now, of a type of which it was not before.
    mutating func changed(_ node: Node, from old: NodeDevices?, to new: NodeDevices?) -> Bool {
        var isEnough = false
        for (group, devices) in node.resources.devices.enumerated() {
            guard let type = types.firstIndex(where: { $0.name == devices.type }) else { continue }
            types[type].kept += expected(new, group, type) - expected(old, group, type)
            guard !opening.isEmpty, opening[type], types[type].isEnough else { continue }
            opening[type] = false
            isEnough = true
        }
        settle()
        return isEnough
    }

    private func expected(_ devices: NodeDevices?, _ group: Int, _ type: Int) -> Double {
        guard let row = devices?.groups[group], row.isOpen else { return 0 }
        return types[type].use.of(row.free)
    }
}

/// The device groups on the nodes that may run a group, counted.
private struct DeviceScan {
    struct Row {
        var total = 0
        var largest = 0
        /// Open groups, by their free instances.
        var open: [Int] = []
    }

    /// By type of the ask.
    private(set) var rows: [Row]

    init(_ compiled: CompiledGroup, _ view: ClusterView) {
        rows = Array(repeating: Row(), count: compiled.devices.types.count)
        for lane in compiled.set.lanes {
            for range in lane.deviceRanges {
                for position in range {
                    add(view.layout.slots[Int(position)], compiled.devices.types, view)
                }
            }
        }
    }

    private mutating func add(_ slot: Int32, _ types: [String], _ view: ClusterView) {
        guard view.rows[Int(slot)].isReady, let node = view.nodes[Int(slot)],
            let devices = view.devices[Int(slot)]
        else { return }
        for (index, group) in node.value.resources.devices.enumerated() {
            guard let type = types.firstIndex(of: group.type) else { continue }
            let row = devices.groups[index]
            rows[type].total += row.total
            rows[type].largest = max(rows[type].largest, row.total)
            guard row.isOpen else { continue }
            while rows[type].open.count <= row.free { rows[type].open.append(0) }
            rows[type].open[row.free] += 1
        }
    }
}
