// SPDX-License-Identifier: Apache-2.0

/// What a node must be for work to be placed on it: `LTarget operand RTarget`, where each target is a
/// text or names something of the node, such as `${attr.kernel.name}`.
package struct Constraint: Hashable, Sendable {
    package var leftTarget: String
    package var rightTarget: String
    /// As it was written: `=`, `!=`, `regexp`, `distinct_hosts`, …
    package var operand: String

    package init(_ leftTarget: String, _ operand: String = "=", _ rightTarget: String = "") {
        self.leftTarget = leftTarget
        self.rightTarget = rightTarget
        self.operand = operand
    }

    package static let distinctHosts = "distinct_hosts"
    package static let distinctProperty = "distinct_property"

    /// What validation knows. `==` and `is` mean `=`, `not` means `!=`, and `set_contains_all` means
    /// `set_contains`.
    package static let operands: Set<String> = [
        "=", "==", "is", "!=", "not", "<", "<=", ">", ">=", "version", "semver", "regexp",
        "set_contains", "set_contains_all", "set_contains_any", "is_set", "is_not_set",
        distinctHosts, distinctProperty,
    ]
}

/// A wish rather than a rule: nodes that match are better by `weight`, or worse where it is negative.
package struct Affinity: Hashable, Sendable {
    package static let weightDefault = 50

    package var leftTarget: String
    package var rightTarget: String
    package var operand: String
    /// From -100 to 100, never 0.
    package var weight: Int

    package init(
        _ leftTarget: String, _ operand: String = "=", _ rightTarget: String = "",
        weight: Int = Affinity.weightDefault
    ) {
        self.leftTarget = leftTarget
        self.rightTarget = rightTarget
        self.operand = operand
        self.weight = weight
    }
}

/// How instances shall be divided between the values of an attribute.
package struct Spread: Hashable, Sendable {
    package static let weightDefault = 50

    package var attribute: String
    /// From 1 to 100.
    package var weight: Int
    /// None means evenly.
    package var targets: [SpreadTarget]

    package init(
        attribute: String, weight: Int = Spread.weightDefault, targets: [SpreadTarget] = []
    ) {
        self.attribute = attribute
        self.weight = weight
        self.targets = targets
    }
}

/// The share of one value; what is left to 100 belongs to all others.
package struct SpreadTarget: Hashable, Sendable {
    package var value: String
    package var percent: Int

    package init(value: String, percent: Int) {
        self.value = value
        self.percent = percent
    }
}
