// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// How much a placement leaves of devices for those who come later.
enum DevicePacking {
    /// Of a group that asks for devices: near 1 if it fills what is open already.
    static func score(
        _ devices: DeviceAssignment, _ slot: Int32, _ compiled: CompiledGroup, _ view: ClusterView
    ) -> Double {
        guard let state = view.devices[Int(slot)] else { return 0 }
        var free = 0
        var total = 0
        for group in state.groups {
            free += group.free
            total += group.total
        }
        return total > 0 ? 1 - Double(free) / Double(total) : 0
    }

    /// Of a group that asks for none, on a node that has some free: the more are free, the worse. nil
    /// for a node without devices.
    static func withoutDevices(
        _ slot: Int32, _ compiled: CompiledGroup, _ view: ClusterView
    ) -> Double? {
        guard let state = view.devices[Int(slot)] else { return nil }
        var free = 0
        var total = 0
        for group in state.groups {
            free += group.free
            total += group.total
        }
        return total > 0 ? -Double(free) / Double(total) : nil
    }
}
