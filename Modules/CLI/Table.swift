// SPDX-License-Identifier: Apache-2.0

/// Colours of a terminal, or none.
struct Style: Sendable {
    enum Tint: Sendable {
        case plain, good, bad, warning, strong, faint

        fileprivate var code: String {
            switch self {
            case .plain: ""
            case .good: "32"
            case .bad: "31"
            case .warning: "33"
            case .strong: "1"
            case .faint: "2"
            }
        }
    }

    let isColoured: Bool

    static let none = Style(isColoured: false)

    init(isColoured: Bool) { self.isColoured = isColoured }

    init(_ values: CommandLineValues, _ environment: CLIEnvironment) {
        let isRefused =
            values.isOn("no-color") || environment.setting("CLI_NO_COLOR") != nil
            || environment.variable("NO_COLOR").map { !$0.isEmpty } ?? false
        let isForced =
            values.isOn("force-color") || environment.setting("CLI_FORCE_COLOR") != nil
        isColoured = !isRefused && (isForced || environment.isTerminal)
    }

    func paint(_ text: String, _ tint: Tint) -> String {
        isColoured && tint != .plain ? "\u{1b}[\(tint.code)m\(text)\u{1b}[0m" : text
    }
}

/// A cell of a table.
struct Cell: ExpressibleByStringLiteral {
    let text: String
    let tint: Style.Tint

    init(_ text: String, _ tint: Style.Tint = .plain) {
        self.text = text
        self.tint = tint
    }

    init(stringLiteral value: String) { self.init(value) }

    /// Green for true, red for false.
    static func goodIfTrue(_ value: Bool) -> Cell { Cell("\(value)", value ? .good : .bad) }
}

/// Columns two blanks apart; an empty cell is `<none>`. Nothing follows the last column's texts.
struct Table {
    let header: [String]
    var rows: [[Cell]] = []

    init(_ header: String...) { self.header = header }

    init(columns: [String]) { header = columns }

    func text(_ style: Style) -> String {
        let all = [header.map { Cell($0, .strong) }] + rows
        let shown = all.map { row in
            row.map { Cell($0.text.isEmpty ? "<none>" : $0.text, $0.tint) }
        }
        let widths = header.indices.map { column in
            shown.map { $0[column].text.count }.max() ?? 0
        }
        var lines = ""
        for row in shown {
            for (column, cell) in row.enumerated() {
                lines += style.paint(cell.text, cell.tint)
                guard column < row.count - 1 else { continue }
                lines += String(repeating: " ", count: widths[column] - cell.text.count + 2)
            }
            lines += "\n"
        }
        return lines
    }
}

/// `Name = value` lines.
struct Facts {
    /// Whether the equals signs stand below each other.
    let isAligned: Bool
    private(set) var rows: [(name: String, cell: Cell)] = []

    init(isAligned: Bool = true) { self.isAligned = isAligned }

    mutating func add(_ name: String, _ value: String, _ tint: Style.Tint = .plain) {
        rows.append((name, Cell(value, tint)))
    }

    func text(_ style: Style) -> String {
        let width = isAligned ? rows.map(\.name.count).max() ?? 0 : 0
        return rows.map { row in
            let gap = String(repeating: " ", count: max(0, width - row.name.count))
            let value = row.cell.text.isEmpty ? "<none>" : row.cell.text
            return "\(row.name)\(gap) = \(style.paint(value, row.cell.tint))\n"
        }.joined()
    }
}
