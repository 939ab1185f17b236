// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// How much a placement leaves of devices for those who come later.
///
/// Devices are dear, and a free one is worth nothing on a node whose processor is used up: what must
/// be kept is the balance. Instances that ask for devices therefore go where, after them, the free
/// share of the processor is as near as possible to the free share of the devices, a lack of processor
/// being the worse side; how full processor and memory are is no aim of its own for them. Instances
/// that ask for none stay off nodes that have devices while others have room. The weights are those
/// that left the fewest devices idle in replays of the openb trace (docs/adr/0034-placing.md); the
/// question is the one that Weng et al. ask in "Beware of Fragmentation" (ATC 2023).
enum DevicePacking {
    /// Weight of a free share of devices beyond that of the processor: what becomes idle.
    private static let shortWeight = 1.0
    /// Weight of a free share of processor beyond that of the devices.
    private static let overWeight = 0.13
    /// Weight of what is left in a group of devices that was opened.
    private static let leftWeight = 0.02

    /// Of a group that asks for devices: 0 at best, above −1.2.
    static func score(
        _ chosen: DeviceAssignment, _ slot: Int32, _ compiled: CompiledGroup, _ view: ClusterView
    ) -> Double {
        guard let state = view.devices[Int(slot)] else { return 0 }
        var taken = 0
        var left = 0.0
        for (request, group) in chosen.groups.enumerated() {
            let count = chosen.instances[request].count
            taken += count
            let row = state.groups[group]
            left += Double(row.free - count) / Double(max(1, row.total))
        }
        let devices = share(free(state) - taken, of: total(state))
        let capacity = view.rows[Int(slot)].capacity.cpu
        let used = view.rows[Int(slot)].used.cpu + compiled.size.cpu
        let imbalance = devices - share(capacity - used, of: capacity)
        let cost = imbalance > 0 ? shortWeight * imbalance : -overWeight * imbalance
        return -(cost + leftWeight * left / Double(max(1, chosen.groups.count)))
    }

    /// Of a group that asks for none: at most −1, so that no node with devices is better than one
    /// without; less where more devices are free. nil for a node without devices.
    static func withoutDevices(
        _ slot: Int32, _ compiled: CompiledGroup, _ view: ClusterView
    ) -> Double? {
        guard let state = view.devices[Int(slot)], total(state) > 0 else { return nil }
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
