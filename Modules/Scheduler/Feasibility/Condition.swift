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

/// A condition that remembers its answers: many kinds of nodes have few values.
struct RememberingCondition {
    let condition: Condition
    private let isLiteral: Bool
    private var answers: [String: Bool] = [:]

    init(_ condition: Condition) {
        self.condition = condition
        isLiteral = if case .literal = condition.right { true } else { false }
    }

    mutating func holds(for node: Node) -> Bool {
        guard isLiteral, let value = condition.left.value(of: node) else {
            return condition.holds(for: node)
        }
        if let known = answers[value] { return known }
        let answer = condition.holds(for: node)
        answers[value] = answer
        return answer
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
