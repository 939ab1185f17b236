// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Cores that are given to one task alone.
struct NodeCores: Sendable {
    /// Ascending, without those that the node keeps.
    private let reservable: [UInt16]
    private var used: Set<UInt16> = []
    /// MHz of one core.
    let frequency: Int

    init(_ node: Node) {
        let kept = Set(node.reserved.reservedCores)
        reservable = node.resources.reservableCores.filter { !kept.contains($0) }.sorted()
        frequency =
            node.resources.totalCores > 0
            ? Amount.clamped(node.resources.cpu) / node.resources.totalCores : 0
    }

    var free: Int { reservable.count(where: { !used.contains($0) }) }

    /// The lowest free ones; nil if there are not enough.
    func pick(_ count: Int) -> [UInt16]? {
        let free = reservable.lazy.filter { !used.contains($0) }.prefix(count)
        let result = Array(free)
        return result.count == count ? result : nil
    }

    mutating func take(_ cores: [UInt16]) { used.formUnion(cores) }

    mutating func apply(_ resources: AllocatedResources, isTaking: Bool) {
        for task in resources.tasks where !task.reservedCores.isEmpty {
            if isTaking {
                used.formUnion(task.reservedCores)
            } else {
                used.subtract(task.reservedCores)
            }
        }
    }
}
