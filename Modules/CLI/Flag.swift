// SPDX-License-Identifier: Apache-2.0

/// A flag of a command: what a command line may say, and what help, completions and manual pages
/// say of it.
package struct Flag: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// On when it is there; `-x=false` is off.
        case onOff
        /// Any text; the word that stands for it in help.
        case text(String)
        /// The path of a file.
        case file
        /// A whole number from 0 on.
        case count
        /// A span of time as Go writes it: `10s`, `1m30s`.
        case duration
        /// A text that may be given several times.
        case list(String)
        /// One of these.
        case choice([String])
        /// A setting: `-x=true`, `-x=false`, or `-x` for true.
        case setting
    }

    package let name: String
    package let kind: Kind
    /// One sentence or more, wrapped where it is shown.
    package let help: String

    package init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }

    /// As help writes it: `-peer-id ID`, `-stale`.
    package var usage: String {
        switch kind {
        case .onOff: "-\(name)"
        case .text(let word), .list(let word): "-\(name) \(word)"
        case .file: "-\(name) FILE"
        case .count: "-\(name) N"
        case .duration: "-\(name) DURATION"
        case .choice(let values): "-\(name) \(values.joined(separator: "|"))"
        case .setting: "-\(name)=true|false"
        }
    }

    /// Whether the next word is its value, if none stands behind `=`.
    package var takesValue: Bool { kind != .onOff && kind != .setting }
}

/// What follows the flags.
package struct Operands: Equatable, Sendable {
    /// In order; the last one may be repeated if ``countMax`` is larger.
    package let names: [String]
    package let countMin: Int
    package let countMax: Int

    package static let none = Operands([], 0...0)

    package init(_ names: [String], _ counts: ClosedRange<Int>) {
        self.names = names
        countMin = counts.lowerBound
        countMax = counts.upperBound
    }

    /// Exactly these.
    package static func exactly(_ names: String...) -> Operands {
        Operands(names, names.count...names.count)
    }

    /// As help writes it: `NODE`, `[PATH]`, `ADDRESS...`.
    package var usage: String {
        names.enumerated().map { place, name in
            let text = place < countMin ? name : "[\(name)]"
            return place == names.count - 1 && countMax > names.count ? text + "..." : text
        }.joined(separator: " ")
    }
}
