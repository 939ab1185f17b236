// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Nodes that no constraint can tell apart, unless it asks for what is unique to one.
struct NodeKind {
    let digest: UInt64
    /// Any of the nodes.
    let representative: Shared<Node>
    let classText: String
    let hasDevices: Bool
    var count = 0

    init(digest: UInt64, representative: Shared<Node>, classText: String) {
        self.digest = digest
        self.representative = representative
        self.classText = classText
        hasDevices = !representative.value.resources.devices.isEmpty
    }

    /// ``Node/classDigest`` leaves amounts out; how many healthy devices there are is part of what a
    /// group can be refused for, so it is added here.
    static func digest(of node: Node) -> UInt64 {
        var digest = node.classDigest
        for group in node.resources.devices {
            digest = Mix.combine(digest, UInt64(group.instances.count(where: \.isHealthy)))
        }
        return digest
    }
}

/// The order of nodes in indexes: by capacity, kind, and a digest of the id.
///
/// It depends on the set of nodes alone, never on the order in which the view heard of them, so that
/// two servers with the same state break ties alike.
struct NodeLayout {
    /// Neighbours of one capacity and kind: `low..<high`.
    struct Cell {
        let kind: Int32
        let capacity: Capacity
        let low: Int32
        let high: Int32
        let hasDevices: Bool
        /// Numbers in ``ClusterView/names``.
        var datacenter: Int32 = 0
        var nodeClass: Int32 = 0

        var positions: Range<Int32> { low..<high }
    }

    /// Tells layouts apart: what was computed over another one is void.
    var version: UInt64 = 0
    /// Slots by position.
    var slots: [Int32] = []
    /// Positions by slot; -1 for a free slot.
    var positions: [Int32] = []
    var cells: [Cell] = []
    /// Their kinds alone: what conditions look at.
    var kinds: [Int32] = []
    /// Cells by position.
    var cellAt: [Int32] = []
}
