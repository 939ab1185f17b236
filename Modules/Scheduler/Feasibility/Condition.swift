// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// A constraint or an affinity, ready to be asked of nodes.
struct Condition: Sendable {
    let left: TargetName
    let right: TargetName
    let comparison: Comparison
    /// As metrics name it.
    let text: String

    init(_ left: String, _ operand: String, _ right: String) {
        self.left = TargetName(left)
        self.right = TargetName(right)
        comparison = Comparison(operand, right: self.right)
        let words = [left, operand, right].filter { !$0.isEmpty }
        text = words.joined(separator: " ")
    }

    var isUnique: Bool { left.isUnique || right.isUnique }

    func holds(for node: Node) -> Bool {
        comparison.holds(left.value(of: node), right.value(of: node))
    }
}

extension Condition {
    init(_ constraint: Constraint) {
        self.init(constraint.leftTarget, constraint.operand, constraint.rightTarget)
    }

    init(_ affinity: Affinity) {
        self.init(affinity.leftTarget, affinity.operand, affinity.rightTarget)
    }
}
