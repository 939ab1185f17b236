// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// A constraint or an affinity, ready to be asked of nodes.
struct Condition: Sendable {
    let left: TargetName
    let right: TargetName
    let comparison: Comparison
    private let words: [String]

    init(_ left: String, _ operand: String, _ right: String) {
        self.left = TargetName(left)
        self.right = TargetName(right)
        comparison = Comparison(operand, right: self.right)
        words = [left, operand, right]
    }

    /// As metrics name it.
    var text: String {
        var text = ""
        for word in words where !word.isEmpty { text += text.isEmpty ? word : " " + word }
        return text
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

    /// Whether it is known, without a look at any candidate, that it holds for all.
    mutating func isAlwaysTrue() -> Bool {
        let (comparison, right) = (condition.comparison, right)
        return answers?.isAlwaysYes { comparison.holds($0, right) } ?? false
    }

    /// Calls `body` with each entry, of those that are asked, for which it holds, or does not.
    @inline(__always)
    mutating func forEach(
        of candidates: NodeCandidates, holding: Bool, where isAsked: (Int) -> Bool,
        _ body: (Int) -> Void
    ) {
        let (condition, right) = (condition, right)
        if answers != nil {
            answers?.forEach(
                candidates.kinds, saying: holding, where: isAsked,
                { condition.comparison.holds($0, right) }, body)
            return
        }
        for entry in candidates.kinds.indices
        where isAsked(entry) && condition.holds(for: candidates.node(entry)) == holding {
            body(entry)
        }
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
