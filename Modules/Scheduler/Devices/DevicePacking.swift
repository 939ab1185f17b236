// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// How much a placement leaves of devices for those who come later.
///
/// Devices are dear, and a free one is worth nothing on a node whose processor is used up: what must
/// be kept is the balance. Instances that ask for devices therefore go where, after them, the free
/// share of the processor is as near as possible to the free share of the devices, a lack of processor
/// or memory being the worse side; how full these are is no aim of its own for them. Of device groups they
/// take what others can be expected to use least (``ExpectedUse``), and open one while too little is open
/// (``DeviceOutlook``). Instances that ask for none stay off nodes that have devices while others have
/// room. The weights are those that left the fewest devices idle in replays of the openb trace
/// (docs/adr/0034-placing.md, docs/adr/0047-open-device-groups.md); the question is the one that Weng et
/// al. ask in "Beware of Fragmentation" (ATC 2023).
enum DevicePacking {
    /// Weight of a free share of devices beyond that of the processor: what becomes idle.
    private static let shortWeight = 1.0
    /// Weight of a free share of processor beyond that of the devices.
    private static let overWeight = 0.13
    /// Weight of a free share of devices beyond that of the memory.
    private static let memoryWeight = 0.5
    /// Weight of what a device group is worth less, beyond what is taken of it.
    private static let lossWeight = 0.5
    /// Weight of what is left in a group that is taken from: of equals the smaller is used up.
    private static let leftWeight = 0.02
    /// What it costs to fill an open group while too little is open.
    private static let fillingCost = 0.5

    /// Of a group that asks for devices: from −2.5 to 0.5.
    static func score(
        _ chosen: DeviceAssignment, _ slot: Int32, _ compiled: CompiledGroup, _ view: ClusterView,
        _ outlook: DeviceOutlook
    ) -> Double {
        guard let state = view.devices[Int(slot)] else { return 0 }
        let capacity = view.rows[Int(slot)].capacity
        let free = capacity - view.rows[Int(slot)].used - compiled.size
        let taken = chosen.instances.reduce(0) { $0 + $1.count }
        let devices = share(self.free(state) - taken, of: total(state))
        let lead = devices - share(free.cpu, of: capacity.cpu)
        let memoryLead = devices - share(free.memory, of: capacity.memory)
        var cost = lead > 0 ? shortWeight * lead : -overWeight * lead
        cost += memoryWeight * max(0, memoryLead)
        cost += loss(chosen, state, compiled, outlook)
        return -(fills(chosen, state, compiled, outlook) ? cost + fillingCost : cost)
    }

    /// Of the device groups that are taken from, the mean over the requests.
    private static func loss(
        _ chosen: DeviceAssignment, _ state: NodeDevices, _ compiled: CompiledGroup,
        _ outlook: DeviceOutlook
    ) -> Double {
        var sum = 0.0
        // What earlier requests have taken, if there are any.
        var taken = chosen.groups.count > 1 ? [Int](repeating: 0, count: state.groups.count) : []
        for (request, group) in chosen.groups.enumerated() {
            let count = chosen.instances[request].count
            var free = state.groups[group].free
            if !taken.isEmpty {
                free -= taken[group]
                taken[group] += count
            }
            let type = compiled.devices.requests[request].type
            let loss = outlook.loss(count, ofFree: free, type)
            let whole = Double(max(1, state.groups[group].total))
            sum += (lossWeight * loss + leftWeight * Double(free - count)) / whole
        }
        return sum / Double(max(1, chosen.groups.count))
    }

    /// Whether something is taken of an open group that should stay so.
    private static func fills(
        _ chosen: DeviceAssignment, _ state: NodeDevices, _ compiled: CompiledGroup,
        _ outlook: DeviceOutlook
    ) -> Bool {
        guard !outlook.opening.isEmpty else { return false }
        return chosen.groups.enumerated().contains { request, group in
            state.groups[group].isOpen
                && outlook.opening[compiled.devices.requests[request].type]
        }
    }

    /// Of a group that asks for none: at most −1, so that no node with devices is better than one
    /// without; less where more devices are free. nil for a node without devices.
    static func withoutDevices(
        _ slot: Int32, _ compiled: CompiledGroup, _ view: ClusterView
    ) -> Double? {
        guard view.rows[Int(slot)].hasDevices, let state = view.devices[Int(slot)],
            total(state) > 0
        else { return nil }
        return -1 - 0.6 * share(free(state), of: total(state))
    }

    private static func share(_ part: Int, of whole: Int) -> Double {
        whole > 0 ? Double(part) / Double(whole) : 0
    }

    private static func free(_ state: NodeDevices) -> Int {
        state.groups.reduce(0) { $0 + $1.free }
    }

    private static func total(_ state: NodeDevices) -> Int {
        state.groups.reduce(0) { $0 + $1.total }
    }
}
