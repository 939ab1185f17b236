// SPDX-License-Identifier: Apache-2.0
import MartletHCL

/// Flags as Go's package `flag` takes them: `-x`, `--x`, `-x=v`, `-x v`.
struct FlagReader {
    struct Flag {
        let name: String
        fileprivate let inline: String?

        /// Of a flag that is on or off.
        func isOn() throws(ConfigurationFailure) -> Bool {
            switch inline {
            case nil, "1", "t", "T", "true", "TRUE", "True": return true
            case "0", "f", "F", "false", "FALSE", "False": return false
            case let other?:
                throw FlagReader.wrong("-\(name): \(quoted(other)) is neither true nor false")
            }
        }
    }

    private var rest: ArraySlice<String>
    private let known: [String]
    private let takesOperands: Bool
    /// What is not a flag, in order; complete at the end.
    private(set) var operands: [String] = []

    init(_ arguments: [String], known: [String], takesOperands: Bool = false) {
        rest = arguments[...]
        self.known = known
        self.takesOperands = takesOperands
    }

    /// The next flag, nil at the end.
    mutating func next() throws(ConfigurationFailure) -> Flag? {
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument.utf8.count > 1 else {
                guard takesOperands else {
                    throw Self.wrong("unexpected argument \(quoted(argument))")
                }
                operands.append(argument)
                continue
            }
            let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
            let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard known.contains(name) else {
                let near = nearestName(to: name, among: known).map { ": did you mean -\($0)?" }
                throw Self.wrong("unknown flag -\(clipped(name))\(near ?? "")")
            }
            return Flag(name: name, inline: parts.dropFirst().first.map(String.init))
        }
        return nil
    }

    /// The value of the flag that came last.
    mutating func value(of flag: Flag) throws(ConfigurationFailure) -> String {
        guard let value = flag.inline ?? rest.popFirst(), !value.isEmpty else {
            throw Self.wrong("-\(flag.name) wants a value")
        }
        return value
    }

    mutating func number(
        of flag: Flag, _ range: ClosedRange<Int>
    ) throws(ConfigurationFailure) -> Int {
        let text = try value(of: flag)
        guard let number = Int(text), range.contains(number) else {
            throw Self.wrong(
                "-\(flag.name): \(quoted(text)) is no number of \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
        return number
    }

    static func wrong(_ text: String) -> ConfigurationFailure {
        ConfigurationFailure(text: text, exitCode: 2)
    }
}
