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

    func holds(for node: Shared<Node>) -> Bool {
        comparison.holds(left.value(of: node), right.value(of: node))
    }
}

/// A condition that remembers its answers: many kinds of nodes have few values.
struct RememberingCondition {
    let condition: Condition
    /// nil where the left side alone does not decide, or is unique to a node.
    private var answers: KindAnswers?
    private let right: String

    init(_ condition: Condition, _ view: ClusterView) {
        self.condition = condition
        switch (condition.left, condition.right) {
        case (let left, .literal(let text)) where left.isOfKinds:
            right = text
            answers = KindAnswers(view.column(left))
        default: right = ""
        }
    }

    mutating func holds(for entry: Int, of candidates: NodeCandidates) -> Bool {
        answers?.answer(candidates.kinds[entry]) { condition.comparison.holds($0, right) }
            ?? condition.holds(for: candidates.node(entry))
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
