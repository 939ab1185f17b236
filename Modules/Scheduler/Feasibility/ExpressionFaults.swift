// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension Job {
    /// More expressions than this are not looked at: reading one costs time, and one that cannot be
    /// read matches nothing.
    private static var expressionsMax: Int { 512 }

    /// Regular expressions and lists of versions that no node will ever match since they cannot be
    /// read, or are too large, each with its field.
    package var unreadableExpressions: [String] {
        var reader = ExpressionReader(rest: Self.expressionsMax)
        reader.read(constraints, affinities, in: "Job")
        for (number, group) in groups.enumerated() {
            let place = "Job.TaskGroups[\(number)]"
            reader.read(group.constraints, group.affinities, in: place)
            for (number, task) in group.tasks.enumerated() {
                let place = "\(place).Tasks[\(number)]"
                reader.read(task.constraints, task.affinities, in: place)
                for (number, device) in task.resources.devices.enumerated() {
                    let place = "\(place).Resources.Devices[\(number)]"
                    reader.read(device.constraints, device.affinities, in: place)
                }
            }
        }
        return reader.faults
    }
}

private struct ExpressionReader {
    var rest: Int
    private(set) var faults: [String] = []

    init(rest: Int) { self.rest = rest }

    mutating func read(
        _ constraints: [Constraint], _ affinities: [Affinity], in place: String
    ) {
        for (number, constraint) in constraints.enumerated() {
            read(constraint.operand, constraint.rightTarget, "\(place).Constraints[\(number)]")
        }
        for (number, affinity) in affinities.enumerated() {
            read(affinity.operand, affinity.rightTarget, "\(place).Affinities[\(number)]")
        }
    }

    private mutating func read(
        _ operand: String, _ text: String, _ place: @autoclosure () -> String
    ) {
        guard ["regexp", "version", "semver"].contains(operand), rest > 0 else { return }
        rest -= 1
        let fault: String
        switch Comparison(operand, right: TargetName(text)) {
        case .regexp(nil): fault = "is no regular expression, or one that is too large"
        case .version(nil): fault = "is no list of versions"
        case .semver(nil): fault = "is no list of semantic versions"
        default: return
        }
        let shown = String(text.unicodeScalars.prefix(64))
        faults.append("\(place()).RTarget: \"\(shown)\" \(fault)")
    }
}
