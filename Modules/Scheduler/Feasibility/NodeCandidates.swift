// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Nodes before the question whether a group may run there: each one, or the nodes of each cell as one.
struct NodeCandidates {
    private let view: ClusterView
    let isSingle: Bool
    private let cells: [NodeLayout.Cell]
    private let cellAt: [Int32]
    /// By entry.
    let kinds: [Int32]

    init(_ view: ClusterView, isSingle: Bool) {
        self.view = view
        self.isSingle = isSingle
        let cells = view.layout.cells
        self.cells = cells
        cellAt = view.layout.cellAt
        kinds = isSingle ? cellAt.map { cells[Int($0)].kind } : view.layout.kinds
    }

    func positions(_ entry: Int) -> Range<Int32> {
        isSingle ? Int32(entry)..<Int32(entry + 1) : cells[entry].positions
    }

    func hasDevices(_ entry: Int) -> Bool {
        cells[isSingle ? Int(cellAt[entry]) : entry].hasDevices
    }

    /// The node, or any of the cell's kind.
    func node(_ entry: Int) -> Shared<Node> {
        guard isSingle else { return view.kinds[Int(kinds[entry])].representative }
        guard let node = view.nodes[Int(view.layout.slots[entry])] else {
            preconditionFailure("a position without a node: \(entry)")
        }
        return node
    }
}

/// Which candidates a group may run on, and why not on the others.
struct FeasibilityVerdicts {
    static let feasible: Int32 = -1
    static let outOfScope: Int32 = -2

    /// By entry: what is against it, as an index into `reasons`, or one of the above.
    var numbers: [Int32]
    private(set) var reasons: [String] = []

    init(count: Int) {
        numbers = Array(repeating: Self.feasible, count: count)
    }

    /// Hands the numbers out to be changed, and set again.
    mutating func takeNumbers() -> [Int32] {
        defer { numbers = [] }
        return numbers
    }

    func isFeasible(_ entry: Int) -> Bool { numbers[entry] == Self.feasible }

    func reason(_ entry: Int) -> String? {
        numbers[entry] < 0 ? nil : reasons[Int(numbers[entry])]
    }

    /// Reasons are few: constraints of one job.
    mutating func number(ofReason reason: String) -> Int32 {
        if let known = reasons.firstIndex(of: reason) { return Int32(known) }
        reasons.append(reason)
        return Int32(reasons.count - 1)
    }
}
