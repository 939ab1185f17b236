// SPDX-License-Identifier: Apache-2.0

import MartletHCL

/// Where a setting was written.
enum Origin: Equatable {
    /// Line and column count from 1; a column is a character (a Unicode scalar).
    case file(String, line: Int, column: Int)
    /// A flag, as its canonical name: `-bind`.
    case flag(String)
    /// Nowhere: the setting is missing.
    case none

    init(_ file: String, _ position: HCLPosition) {
        self = .file(file, line: position.line, column: position.column)
    }

    var text: String {
        switch self {
        case .file(let path, let line, let column): "\(path):\(line):\(column): "
        case .flag(let name): "\(name): "
        case .none: ""
        }
    }
}

/// One thing that is wrong, with what would be right.
struct Problem: Equatable {
    let origin: Origin
    let text: String

    var description: String { origin.text + text }
}

/// Why an agent does not start: what to print on standard error, and the exit code.
package struct ConfigurationFailure: Error, Equatable, Sendable {
    /// Lines without a newline at the end.
    package let text: String
    /// 0 when help was asked for, 1 for a broken configuration, 2 for a wrong command line.
    package let exitCode: Int32

    package init(text: String, exitCode: Int32) {
        self.text = text
        self.exitCode = exitCode
    }

    /// More than anyone reads at once; the rest is counted.
    static let problemsShown = 20

    init(_ problems: [Problem]) {
        var lines = problems.prefix(Self.problemsShown).map(\.description)
        if problems.count > Self.problemsShown {
            lines.append("… and \(problems.count - Self.problemsShown) more problems")
        }
        let isCommandLine = problems.allSatisfy { problem in
            if case .flag = problem.origin { true } else { false }
        }
        self.init(text: lines.joined(separator: "\n"), exitCode: isCommandLine ? 2 : 1)
    }
}

/// What is said once and does not keep the agent from starting.
struct Warnings {
    private(set) var lines: [String] = []
    private var keys: Set<String> = []

    /// Adds the warning unless this key was warned about already.
    mutating func add(_ key: String, _ text: String, at origin: Origin) {
        guard keys.insert(key).inserted else { return }
        lines.append("\(origin.text)\(key): \(text)")
    }
}
