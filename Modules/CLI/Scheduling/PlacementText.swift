// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// Why instances found no place, or why one found the place that it has: what the API calls
/// `AllocMetric`, in words.
enum PlacementText {
    /// A line for each reason, such as `* Dimension "cpu" exhausted on 3 nodes`.
    static func reasons(_ metric: Answer, indent: String = "  ") -> String {
        var lines: [String] = []
        if metric.int("NodesEvaluated") == 0 {
            lines.append("No nodes were eligible for evaluation")
        }
        for (datacenter, count) in metric.sortedMembers("NodesAvailable") where count.text == "0" {
            lines.append("No nodes are available in datacenter \"\(datacenter)\"")
        }
        for (name, count) in metric.sortedMembers("ClassFiltered") {
            lines.append("Class \"\(name)\": \(nodes(count)) excluded by filter")
        }
        for (name, count) in metric.sortedMembers("ConstraintFiltered") {
            lines.append("Constraint \"\(name)\": \(nodes(count)) excluded by filter")
        }
        let exhausted = metric.int("NodesExhausted")
        if exhausted > 0 { lines.append("Resources exhausted on \(nodes("\(exhausted)"))") }
        for (name, count) in metric.sortedMembers("ClassExhausted") {
            lines.append("Class \"\(name)\" exhausted on \(nodes(count))")
        }
        for (name, count) in metric.sortedMembers("DimensionExhausted") {
            lines.append("Dimension \"\(name)\" exhausted on \(nodes(count))")
        }
        for name in metric.texts("QuotaExhausted") { lines.append("Quota limit hit \"\(name)\"") }
        return lines.map { "\(indent)* \($0)\n" }.joined()
    }

    private static func nodes(_ count: Answer) -> String { nodes(count.text) }

    private static func nodes(_ count: String) -> String {
        count == "1" ? "1 node" : "\(count) nodes"
    }

    /// `Task Group "web" (failed to place 3 allocations):` and the reasons, for each group.
    ///
    /// - Parameter isVerbose: how many nodes were looked at, and the scores of the last ones, too.
    static func failures(
        _ evaluation: Answer, indent: String = "", isVerbose: Bool = false
    ) -> String {
        evaluation.sortedMembers("FailedTGAllocs").map { group, metric in
            let count = metric.int("CoalescedFailures").addingReportingOverflow(1).partialValue
            let noun = count == 1 ? "allocation" : "allocations"
            let head = "\(indent)Task Group \"\(group)\" (failed to place \(count) \(noun)):\n"
            let text = head + reasons(metric, indent: indent + "  ")
            return isVerbose ? text + looked(metric, indent + "  ") + scores(metric) : text
        }.joined()
    }

    private static func looked(_ metric: Answer, _ indent: String) -> String {
        "\(indent)* \(metric.int("NodesEvaluated")) evaluated, "
            + "\(metric.int("NodesFiltered")) filtered, \(metric.int("NodesExhausted")) exhausted\n"
    }

    /// The nodes that were considered last, and what counted; empty where nothing was scored.
    static func scores(_ metric: Answer, shown: (String) -> String = { $0 }) -> String {
        guard case .array(let nodes)? = metric["ScoreMetaData"]?.node.value, !nodes.isEmpty else {
            return ""
        }
        var names: [String] = []
        for node in nodes {
            guard case .object(let members)? = node.member("Scores")?.value else { continue }
            for member in members where !names.contains(member.name) { names.append(member.name) }
        }
        names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var table = Table(columns: ["Node"] + names.map { Text.line($0) } + ["final score"])
        for node in nodes {
            let scores = node.member("Scores")
            table.rows.append(
                [Cell(shown(text(node.member("NodeID"))))]
                    + names.map { Cell(rounded(scores?.member($0))) }
                    + [Cell(rounded(node.member("NormScore")))])
        }
        return table.text(.none)
    }

    private static func text(_ node: JSONNode?) -> String {
        guard case .string(let text)? = node?.value else { return "" }
        return Text.line(text)
    }

    /// To three digits behind the point; a score that is not there counts nothing.
    private static func rounded(_ node: JSONNode?) -> String {
        guard case .number(let number)? = node?.value, let value = Double(number.text),
            value.isFinite, value.magnitude < 1e12
        else { return "0" }
        let thousandths = Int64((value * 1000).rounded())
        let sign = thousandths < 0 ? "-" : ""
        let digits = "\(thousandths.magnitude % 1000 + 1000)".dropFirst()
        let fraction = digits.reversed().drop { $0 == "0" }.reversed()
        let whole = "\(sign)\(thousandths.magnitude / 1000)"
        return fraction.isEmpty ? whole : "\(whole).\(String(fraction))"
    }
}
