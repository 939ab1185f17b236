// SPDX-License-Identifier: Apache-2.0

import MartletHCL
import MartletServer

/// What is written → what the agent runs with.
extension ConfigurationReader {
    mutating func readValue(_ node: HCLNode, _ shape: Shape, _ path: [String], _ file: String) {
        let place = Origin(file, node.position)
        switch (shape, node.value) {
        case (.texts(let target, let rule), .list(let nodes)):
            readTexts(nodes, target, rule, path, file)
        case (_, let value):
            guard let text = shape.text(from: value) else {
                let found = shape.isSecret ? "the key" : Self.text(of: value)
                return wrong(place, path, found, shape.expectation)
            }
            set(shape, to: [text], path, at: place, shown: Self.text(of: value))
        }
    }

    private mutating func readTexts(
        _ nodes: [HCLNode], _ target: Shape.Target<[String]>, _ rule: (String) -> String?,
        _ path: [String], _ file: String
    ) {
        var texts: [String] = []
        for node in nodes {
            guard case .string(let text) = node.value else {
                mismatch(node, "a string", path, file)
                continue
            }
            if let right = rule(text) {
                wrong(Origin(file, node.position), path, quoted(text), right)
            }
            texts.append(text)
        }
        configuration[keyPath: target] = texts
    }

    /// - Parameter shown: how a message shows a value; nil for one that is a text by itself.
    mutating func set(
        _ shape: Shape, to values: [String], _ path: [String], at origin: Origin,
        shown: String? = nil
    ) {
        let value = values.last ?? ""
        if let wrongPart = assign(shape, values) {
            let whole = shape.isSecret ? "the key" : shown ?? shape.shown(value)
            let found = wrongPart.found.map(quoted) ?? whole
            wrong(origin, path, found, wrongPart.right)
        }
    }

    /// What is not as it must be; nil when the value is set.
    private struct Mistake {
        /// nil for the whole value.
        var found: String?
        let right: String
    }

    private mutating func assign(_ shape: Shape, _ values: [String]) -> Mistake? {
        let value = values.last ?? ""
        let mistake = Mistake(right: shape.expectation)
        switch shape {
        case .text(let target, let rule):
            if let right = rule(value) { return Mistake(right: right) }
            configuration[keyPath: target] = value
        case .optionalText(let target, let rule):
            if !value.isEmpty, let right = rule(value) { return Mistake(right: right) }
            configuration[keyPath: target] = value.isEmpty ? nil : value
        case .texts(let target, let rule):
            return assign(target, rule, values)
        case .commaSeparated(let target, let rule):
            let parts = value.split(separator: ",").map(Self.trimmed)
            return assign(target, rule, parts)
        case .number(let target, let range):
            guard let number = HCLNumber.integer(value), range.contains(number) else {
                return mistake
            }
            configuration[keyPath: target] = number
        case .exactly(let wanted, _):
            return HCLNumber.integer(value) == wanted ? nil : mistake
        case .bool(let target):
            configuration[keyPath: target] = value == "true"
        case .duration(let target, let range):
            guard let duration = goDuration(value), range.contains(duration) else {
                return mistake
            }
            configuration[keyPath: target] = duration
        case .choice(let choice):
            return choice.set(&configuration, value) ? nil : mistake
        case .fileMode(let target):
            guard let mode = Self.fileMode(value) else { return mistake }
            configuration[keyPath: target] = mode
        case .gossipKey(let target):
            return assignKey(target, value, mistake.right)
        case .block, .auditSinks, .alias, .harmless, .withoutEffect:
            preconditionFailure("\(shape) is not set from a text")
        }
        return nil
    }

    private mutating func assign(
        _ target: Shape.Target<[String]>, _ rule: (String) -> String?, _ values: [String]
    ) -> Mistake? {
        for value in values {
            if let right = rule(value) { return Mistake(found: value, right: right) }
        }
        configuration[keyPath: target] = values
        return nil
    }

    private mutating func assignKey(
        _ target: Shape.Target<GossipKey?>, _ text: String, _ right: String
    ) -> Mistake? {
        // Nomad takes an empty text for an absent one.
        guard !text.isEmpty else {
            configuration[keyPath: target] = nil
            return nil
        }
        do throws(KeyringError) {
            configuration[keyPath: target] = try GossipKey(base64: text)
            return nil
        } catch {
            return Mistake(right: "\(right) (\(error))")
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        let rest = text.drop { $0 == " " }
        return String(rest.prefix { $0 != " " })
    }

    private static func fileMode(_ text: String) -> Int? {
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "7") ~= $0 }),
            let mode = Int(text, radix: 8), mode <= 0o777
        else { return nil }
        return mode & 0o600 == 0o600 && mode & 0o133 == 0 ? mode : nil
    }

    // MARK: Messages

    mutating func mismatch(_ node: HCLNode, _ right: String, _ path: [String], _ file: String) {
        wrong(Origin(file, node.position), path, Self.text(of: node.value), right)
    }

    private static func text(of value: HCLValue) -> String {
        switch value {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let text): clipped(text)
        case .string(let text): quoted(text)
        case .list: "a list"
        case .object: "a block"
        }
    }

    mutating func wrong(_ origin: Origin, _ path: [String], _ found: String, _ right: String) {
        let key = path.isEmpty ? "" : path.joined(separator: ".") + ": "
        report(Problem(origin: origin, text: "\(key)\(found) must be \(right)"))
    }
}

extension Shape {
    /// The text that is set; nil for a value of another kind. As in Nomad, numbers and Booleans may
    /// stand in quotation marks.
    fileprivate func text(from value: HCLValue) -> String? {
        switch (self, value) {
        case (.bool, .bool(let value)): value ? "true" : "false"
        case (.bool, .number("1")): "true"
        case (.bool, .number("0")): "false"
        case (.bool, .string(let text)): Self.booleans[text.lowercased()]
        case (.number, .number(let text)), (.number, .string(let text)): text
        case (.exactly, .number(let text)), (.exactly, .string(let text)): text
        case (.fileMode, .number(let text)), (.fileMode, .string(let text)): text
        case (.text, .string(let text)), (.optionalText, .string(let text)),
            (.duration, .string(let text)), (.choice, .string(let text)),
            (.commaSeparated, .string(let text)), (.gossipKey, .string(let text)):
            text
        default: nil
        }
    }

    /// A text from the command line, where numbers have no quotation marks either.
    fileprivate func shown(_ text: String) -> String {
        switch self {
        case .number, .exactly: clipped(text)
        default: quoted(text)
        }
    }

    /// Whether no message may show what was given.
    var isSecret: Bool {
        if case .gossipKey = self { true } else { false }
    }

    private static let booleans = ["true": "true", "1": "true", "false": "false", "0": "false"]
}
