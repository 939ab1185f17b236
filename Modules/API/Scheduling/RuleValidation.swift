// SPDX-License-Identifier: Apache-2.0

extension Constraint {
    /// Whether it is one of a set rather than of a node.
    package var isDistinct: Bool {
        operand == Self.distinctHosts || operand == Self.distinctProperty
    }

    /// Regular expressions and versions are only measured here: whoever evaluates them reads them
    /// (`Job.unreadableExpressions`), and one that cannot be read matches nothing.
    var faults: [String] {
        guard Self.operands.contains(operand) else {
            return ["Unknown constraint type \(FaultList.shown(operand))"]
        }
        var faults = FaultList.text("LTarget", leftTarget) + FaultList.text("RTarget", rightTarget)
        if leftTarget.isEmpty, operand != Self.distinctHosts {
            faults.append("No LTarget provided but is required by constraint")
        }
        faults += rightFaults
        return faults
    }

    private var rightFaults: [String] {
        switch operand {
        case "set_contains", "set_contains_all", "set_contains_any", "version", "semver", "regexp":
            if rightTarget.isEmpty {
                return ["Operand \(FaultList.shown(operand)) requires an RTarget"]
            }
            guard operand == "regexp", rightTarget.utf8.count > SchedulingBounds.patternBytesMax
            else { return [] }
            return [
                "Regular expression is longer than \(SchedulingBounds.patternBytesMax) bytes"
            ]
        case Self.distinctProperty:
            guard !rightTarget.isEmpty else { return [] }
            guard let count = UInt64(rightTarget) else {
                return ["Failed to convert RTarget \(FaultList.shown(rightTarget)) to uint64"]
            }
            guard count > 0 else {
                return ["Distinct Property must have an allowed count of 1 or greater: 0 < 1"]
            }
            return count <= UInt64(SchedulingBounds.instancesMax)
                ? []
                : [
                    "Distinct Property must have an allowed count of at most "
                        + "\(SchedulingBounds.instancesMax)"
                ]
        case "is_set", "is_not_set":
            return rightTarget.isEmpty
                ? [] : ["Operator \(FaultList.shown(operand)) does not support an RTarget"]
        default: return []
        }
    }
}

extension Affinity {
    var faults: [String] {
        let constraint = Constraint(leftTarget, operand, rightTarget)
        var faults =
            constraint.isDistinct
            ? ["Unknown affinity operator \(FaultList.shown(operand))"] : constraint.faults
        if !(-100...100 ~= weight) {
            faults.append("Affinity weight must be within the range [-100,100]")
        }
        if weight == 0 { faults.append("Affinity weight cannot be zero") }
        return faults
    }
}

extension Spread {
    var faults: [String] {
        var faults = FaultList.text("Attribute", attribute)
        if attribute.isEmpty { faults.append("Missing spread attribute") }
        if !(1...100 ~= weight) {
            faults.append("Spread stanza must have a positive weight from 0 to 100")
        }
        var seen: Set<String> = []
        var sum = 0
        for target in targets {
            faults += FaultList.text("SpreadTarget value", target.value)
            if !seen.insert(target.value).inserted {
                faults.append(
                    "Spread target value \(FaultList.shown(target.value)) already defined")
            }
            guard 0...100 ~= target.percent else {
                faults.append(
                    "Spread target percentage for value \(FaultList.shown(target.value)) must be "
                        + "between 0 and 100")
                continue
            }
            sum += target.percent
        }
        if sum > 100 {
            faults.append(
                "Sum of spread target percentages must not be greater than 100%; got \(sum)%")
        }
        return faults
    }
}

extension FaultList {
    static func constraints(_ constraints: [Constraint]) -> [String] {
        constraints.enumerated().flatMap { nested("Constraint \($0 + 1)", $1.faults) }
    }

    static func affinities(_ affinities: [Affinity]) -> [String] {
        affinities.enumerated().flatMap { nested("Affinity \($0 + 1)", $1.faults) }
    }

    static func spreads(_ spreads: [Spread]) -> [String] {
        spreads.enumerated().flatMap { nested("Spread \($0 + 1)", $1.faults) }
    }

    /// Of metadata, and of an environment.
    static func map(_ field: String, _ map: StringMap) -> [String] {
        map.flatMap { element in
            (element.key.utf8.contains(0) || element.key.isEmpty
                ? ["\(field) has an invalid key \(shown(element.key))"] : [])
                + (element.key.utf8.count > SchedulingBounds.textBytesMax
                    ? [
                        "\(field) has a key that is longer than \(SchedulingBounds.textBytesMax) bytes"
                    ]
                    : [])
                + (element.value.utf8.count > SchedulingBounds.jsonBytesMax
                    ? [
                        "\(field) \(shown(element.key)) is longer than \(SchedulingBounds.jsonBytesMax) bytes"
                    ]
                    : [])
        }
    }
}
