// SPDX-License-Identifier: Apache-2.0

/// What one workload cost, and what it brought.
struct RunReport {
    let name: String
    let nodes: Int
    var evaluations = 0
    var asked = 0
    var placed = 0
    var victims = 0
    var victimPriorities = 0
    var cpuSeconds = 0.0
    var residentMB = 0.0
    var live = 0
    var nodesUsed = 0
    var devicesUsed = 0
    var devicesTotal = 0
    var faults: [String] = []
    var digest: UInt64 = 0

    init(name: String, nodes: Int) {
        self.name = name
        self.nodes = nodes
    }

    var perSecond: Double { cpuSeconds > 0 ? Double(placed) / cpuSeconds : 0 }

    /// Microseconds.
    var costPerPlacement: Double { placed > 0 ? cpuSeconds * 1e6 / Double(placed) : 0 }

    static let header =
        Text.left("workload", 26) + Text.right("placed/asked", 16) + Text.right("per CPU-s", 12)
        + Text.right("us each", 10) + Text.right("victims", 9) + Text.right("sum prio", 9)
        + Text.right("used", 7) + Text.right("MB", 7) + "  devices"

    var line: String {
        let devices =
            devicesTotal > 0
            ? "  " + Text.fixed(100 * Double(devicesUsed) / Double(devicesTotal), 2) + " %" : ""
        return Text.left(name, 26) + Text.right("\(placed)/\(asked)", 16)
            + Text.right(Text.fixed(perSecond, 0), 12)
            + Text.right(Text.fixed(costPerPlacement, 2), 10) + Text.right("\(victims)", 9)
            + Text.right("\(victimPriorities)", 9) + Text.right("\(nodesUsed)", 7)
            + Text.right(Text.fixed(residentMB, 0), 7) + devices
    }
}

/// The cost per placement by number of nodes, for workloads that end in one.
struct CostChart {
    private var rows: [(name: String, points: [(nodes: Int, cost: Double)])] = []

    mutating func add(_ report: RunReport) {
        guard let dash = report.name.lastIndex(of: "-"),
            Int(report.name[report.name.index(after: dash)...]) != nil, report.placed > 0
        else { return }
        let name = String(report.name[..<dash])
        let point = (report.nodes, report.costPerPlacement)
        if let known = rows.firstIndex(where: { $0.name == name }) {
            rows[known].points.append(point)
        } else {
            rows.append((name, [point]))
        }
    }

    var text: String {
        var lines = ["", "cost of a placement, microseconds, by number of nodes"]
        for row in rows where row.points.count > 1 {
            let points = row.points.sorted { $0.nodes < $1.nodes }
            let highest = points.map(\.cost).max() ?? 1
            let growth = points[points.count - 1].cost / max(points[0].cost, 1e-9)
            lines.append("\(row.name): last against first x\(Text.fixed(growth, 2))")
            for point in points {
                let bar = String(repeating: "#", count: max(1, Int(40 * point.cost / highest)))
                lines.append(
                    Text.right("\(point.nodes)", 8) + Text.right(Text.fixed(point.cost, 2), 10)
                        + " " + bar)
            }
        }
        return lines.joined(separator: "\n")
    }
}

/// Columns.
enum Text {
    static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }

    static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((value * scale).rounded())
        guard digits > 0 else { return "\(scaled)" }
        let text =
            String(repeating: "0", count: max(0, digits + 1 - "\(scaled)".count)) + "\(scaled)"
        return text.dropLast(digits) + "." + text.suffix(digits)
    }
}
