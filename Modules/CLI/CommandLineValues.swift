// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHCL

/// What follows a command's words, read by its row of the table.
///
/// Flags are Go's: one dash or two, `-x v`, `-x=v`, and for those that are on or off `-x`,
/// `-x=false`. Unlike in Go they may also follow operands; behind `--` all are operands, and `-`
/// alone is one.
package struct CommandLineValues: Equatable, Sendable {
    package private(set) var operands: [String] = []
    /// In the order of the command line; checked against their kinds.
    private var given: [(name: String, value: String)] = []

    package static func == (left: Self, right: Self) -> Bool {
        left.operands == right.operands
            && left.given.elementsEqual(right.given) { $0.name == $1.name && $0.value == $1.value }
    }

    package static func read(
        _ arguments: [String], of command: Command
    ) throws(CLIFailure) -> CommandLineValues {
        var values = CommandLineValues()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                values.operands += rest
                break
            }
            guard argument.hasPrefix("-"), argument != "-" else {
                values.operands.append(argument)
                continue
            }
            try values.take(argument, &rest, command)
        }
        guard !values.isOn("help") else { return values }
        try values.checkOperands(of: command)
        return values
    }

    private mutating func take(
        _ argument: String, _ rest: inout ArraySlice<String>, _ command: Command
    ) throws(CLIFailure) {
        let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
        let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0] == "h" ? "help" : parts[0])
        let inline = parts.count > 1 ? String(parts[1]) : nil
        let known = command.allFlags
        guard let flag = known.first(where: { $0.name == name }) else {
            let nearest = nearestName(to: name, among: known.map(\.name))
            throw .usage(
                "unknown flag -\(Text.clipped(name))"
                    + (nearest.map { ": did you mean -\($0)?" }
                        ?? ": 'martlet \(command.name) -help' lists them"))
        }
        let value: String
        if let inline {
            value = inline
        } else if !flag.takesValue {
            value = "true"
        } else if let next = rest.popFirst() {
            value = next
        } else {
            throw .usage("flag needs an argument: \(flag.usage)")
        }
        given.append((name, try Self.checked(value, flag)))
    }

    /// - Throws: what is wrong, in Go's words.
    private static func checked(_ value: String, _ flag: Flag) throws(CLIFailure) -> String {
        func wrong(_ why: String) -> CLIFailure {
            .usage("invalid value \"\(Text.clipped(value))\" for flag -\(flag.name): \(why)")
        }
        switch flag.kind {
        case .text, .list, .file: return value
        case .onOff, .setting:
            guard let isOn = truth(value) else { throw wrong("it is neither true nor false") }
            return isOn ? "true" : "false"
        case .count:
            guard UInt64(value) != nil, value.utf8.first != UInt8(ascii: "+") else {
                throw wrong("not a whole number from 0 on")
            }
            return value
        case .duration:
            do throws(GoDuration.ParseError) {
                _ = try GoDuration(parsing: value)
                return value
            } catch {
                throw wrong("\(error)")
            }
        case .choice(let values):
            guard values.contains(value) else {
                throw wrong("it is one of \(values.joined(separator: ", "))")
            }
            return value
        }
    }

    /// What Go's `strconv.ParseBool` takes.
    static func truth(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }

    private func checkOperands(of command: Command) throws(CLIFailure) {
        let expected = command.operands
        if operands.count < expected.countMin {
            let missing = expected.names[operands.count]
            throw .usage("\(missing) is missing: martlet \(command.name) \(expected.usage)")
        }
        if operands.count > expected.countMax {
            throw .usage(
                "unexpected argument \"\(Text.clipped(operands[expected.countMax]))\": "
                    + "'martlet \(command.name) -help' shows what it takes")
        }
    }

    // MARK: Asking

    /// The last one given.
    package func text(_ name: String) -> String? { given.last { $0.name == name }?.value }

    package func list(_ name: String) -> [String] {
        given.filter { $0.name == name }.map(\.value)
    }

    package func isOn(_ name: String) -> Bool { text(name) == "true" }

    /// nil if it was not given.
    package func truth(_ name: String) -> Bool? { text(name).map { $0 == "true" } }

    package func count(_ name: String) -> UInt64? { text(name).flatMap { UInt64($0) } }

    /// - Precondition: a flag of that kind; it was checked when it was read.
    func duration(_ name: String) -> GoDuration? {
        guard let text = text(name) else { return nil }
        do throws(GoDuration.ParseError) {
            return try GoDuration(parsing: text)
        } catch {
            preconditionFailure("-\(name) was not checked: \(text)")
        }
    }
}
