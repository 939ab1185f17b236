// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Bounds of numbers that come from outside.
enum Amount {
    /// No node has more MHz, megabytes or devices, and no sum of a node's allocations overflows
    /// with it: 2^30 megabytes are a petabyte. What asks for more fits nowhere.
    static let max = 1 << 30

    static func clamped(_ value: Int) -> Int {
        Swift.max(0, Swift.min(value, max))
    }
}

/// Processor, memory and disk: MHz and megabytes.
struct Capacity: Hashable, Sendable {
    var cpu = 0
    var memory = 0
    var disk = 0

    static func + (left: Self, right: Self) -> Self {
        Capacity(
            cpu: left.cpu + right.cpu, memory: left.memory + right.memory,
            disk: left.disk + right.disk)
    }

    static func - (left: Self, right: Self) -> Self {
        Capacity(
            cpu: left.cpu - right.cpu, memory: left.memory - right.memory,
            disk: left.disk - right.disk)
    }

    static func += (left: inout Self, right: Self) { left = left + right }
    static func -= (left: inout Self, right: Self) { left = left - right }

    func covers(_ ask: Capacity) -> Bool {
        cpu >= ask.cpu && memory >= ask.memory && disk >= ask.disk
    }
}

extension Capacity {
    init(_ combined: CombinedResources) {
        // A bound above `Amount.max` stays above it: such an ask fits nowhere.
        func bounded(_ value: Int) -> Int { Swift.max(0, Swift.min(value, 2 * Amount.max)) }
        self.init(
            cpu: bounded(combined.cpu), memory: bounded(combined.memoryMB),
            disk: bounded(combined.diskMB))
    }
}
