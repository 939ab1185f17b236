// SPDX-License-Identifier: Apache-2.0

import MartletHCL
import MartletJSON
import MartletServer

/// Merges files and flags into one configuration, later ones over earlier ones, and gathers
/// everything that is wrong on the way instead of stopping at the first.
struct ConfigurationReader {
    private(set) var configuration: AgentConfiguration
    private(set) var problems: [Problem] = []
    private(set) var warnings = Warnings()
    /// Where the setting in force was written, by its path: `ports.http`.
    private var origins: [String: Origin] = [:]
    private let schema = Schema.keys()

    init(over defaults: AgentConfiguration) {
        configuration = defaults
    }

    /// Where `path` was last set; ``Origin/none`` for what nobody set.
    func origin(of path: String) -> Origin {
        origins[path] ?? .none
    }

    mutating func report(_ path: String, _ text: String) {
        problems.append(Problem(origin: origin(of: path), text: "\(path): \(text)"))
    }

    mutating func warn(_ path: String, _ text: String) {
        warnings.add(path, text, at: origin(of: path))
    }

    /// Something that belongs to no key, such as a file that cannot be read.
    mutating func report(_ problem: Problem) {
        problems.append(problem)
    }

    // MARK: Files

    /// Reads one JSON file over what is there.
    mutating func read(_ bytes: [UInt8], named path: String) {
        let places = Places(path: path, bytes: bytes)
        let root: JSONNode
        do throws(JSONError) {
            root = try JSONReader.parse(bytes)
        } catch {
            problems.append(
                Problem(origin: places[error.offset], text: "not JSON: \(error.reason)"))
            return
        }
        readBlock(root, schema, under: [], places)
    }

    /// A block is an object, or an array of objects as HCL's JSON writes blocks.
    private mutating func readBlock(
        _ node: JSONNode, _ keys: [Key], under path: [String], _ places: Places
    ) {
        switch node.value {
        case .null:
            break
        case .object(let members):
            for member in members {
                readMember(member, keys, under: path, places)
            }
        case .array(let blocks):
            for block in blocks {
                if case .object = block.value {
                    readBlock(block, keys, under: path, places)
                } else {
                    mismatch(block, "a block: {…}", path, places)
                }
            }
        case .bool, .number, .string:
            mismatch(node, "a block: {…}", path, places)
        }
    }

    private mutating func readMember(
        _ member: JSONMember, _ keys: [Key], under path: [String], _ places: Places
    ) {
        let full = path + [member.name]
        guard let key = keys.first(where: { $0.name == member.name }) else {
            let nearest = nearestName(to: member.name, among: keys.map(\.name))
            let home = path.isEmpty ? "" : " in \(path.joined(separator: "."))"
            let hint = nearest.map { "did you mean \"\($0)\"?" } ?? known(keys)
            problems.append(
                Problem(
                    origin: places[member.nameOffset],
                    text: "unknown key \(quoted(member.name))\(home): \(hint)"))
            return
        }
        origins[full.joined(separator: ".")] = places[member.nameOffset]
        if case .null = member.node.value { return }
        readValue(member.node, key.shape, full, places)
    }

    private func known(_ keys: [Key]) -> String {
        let names = keys.prefix(6).map { "\"\($0.name)\"" }.joined(separator: ", ")
        return keys.count > 6 ? "such as \(names) are known" : "known are \(names)"
    }

    private mutating func readValue(
        _ node: JSONNode, _ shape: Shape, _ path: [String], _ places: Places
    ) {
        switch (shape, node.value) {
        case (.block(let keys), _):
            readBlock(node, keys, under: path, places)
        case (.harmless, _):
            break
        case (.withoutEffect(let reason), _):
            if isOn(node.value) { warn(path.joined(separator: "."), reason) }
        case (.refused(let reason), _):
            if isOn(node.value) { refuse(places[node.offset], path, reason) }
        case (.texts, .array(let nodes)):
            readTexts(nodes, shape, path, places)
        case (.text, .string(let text)), (.optionalText, .string(let text)),
            (.duration, .string(let text)), (.logLevel, .string(let text)),
            (.storageBackend, .string(let text)), (.gossipKey, .string(let text)):
            set(shape, to: [text], path, at: places[node.offset])
        case (.number, .number), (.exactly, .number):
            set(shape, to: [text(of: node.value)], path, at: places[node.offset])
        case (.bool, .bool(let value)):
            set(shape, to: [value ? "true" : "false"], path, at: places[node.offset])
        case (.gossipKey, _):
            wrong(places[node.offset], path, "the key", expectation(shape))
        default:
            mismatch(node, expectation(shape), path, places)
        }
    }

    private mutating func readTexts(
        _ nodes: [JSONNode], _ shape: Shape, _ path: [String], _ places: Places
    ) {
        guard case .texts(let target, let rule) = shape else { return }
        var texts: [String] = []
        for node in nodes {
            guard case .string(let text) = node.value else {
                mismatch(node, "a string", path, places)
                continue
            }
            if let right = rule(text) {
                wrong(places[node.offset], path, quoted(text), right)
            }
            texts.append(text)
        }
        configuration[keyPath: target] = texts
    }

    /// False, zero, empty, and what holds only such, switch nothing on.
    private func isOn(_ value: JSONValue) -> Bool {
        switch value {
        case .null: false
        case .bool(let value): value
        case .number: text(of: value).utf8.contains { UInt8(ascii: "1")...UInt8(ascii: "9") ~= $0 }
        case .string(let text): !text.isEmpty
        case .array(let nodes): nodes.contains { isOn($0.value) }
        case .object(let members): members.contains { isOn($0.node.value) }
        }
    }

    private func text(of value: JSONValue) -> String {
        switch value {
        case .number(let number): number.text
        case .string(let text): quoted(text)
        case .bool(let value): value ? "true" : "false"
        case .null: "null"
        case .array: "an array"
        case .object: "an object"
        }
    }

    // MARK: Flags

    /// Applies one flag over what is there.
    mutating func read(_ setting: AgentCommandLine.Setting) {
        var keys = schema
        var found: Shape?
        for name in setting.path {
            found = keys.first { $0.name == name }?.shape
            if case .block(let inner) = found { keys = inner }
        }
        guard let shape = found else {
            preconditionFailure("the flag \(setting.flag) sets no key of the schema")
        }
        let origin = Origin.flag(setting.flag)
        origins[setting.path.joined(separator: ".")] = origin
        if case .refused(let reason) = shape {
            // Not a wrong command line: a right one that asks for what is not there.
            refuse(.none, setting.path, reason)
            return
        }
        set(shape, to: setting.values, setting.path, at: origin)
    }

    // MARK: Values

    private mutating func set(
        _ shape: Shape, to values: [String], _ path: [String], at origin: Origin
    ) {
        let value = values.last ?? ""
        switch shape {
        case .text(let target, let rule):
            if let right = rule(value) { return wrong(origin, path, quoted(value), right) }
            configuration[keyPath: target] = value
        case .optionalText(let target, let rule):
            // Nomad takes an empty text for an absent one.
            if value.isEmpty {
                configuration[keyPath: target] = nil
                return
            }
            if let right = rule(value) { return wrong(origin, path, quoted(value), right) }
            configuration[keyPath: target] = value
        case .texts(let target, let rule):
            for value in values {
                if let right = rule(value) { wrong(origin, path, quoted(value), right) }
            }
            configuration[keyPath: target] = values
        case .number(let target, let range):
            guard let number = integer(value), range.contains(number) else {
                return wrong(origin, path, clipped(value), expectation(shape))
            }
            configuration[keyPath: target] = number
        case .exactly(let wanted, _):
            if integer(value) != wanted {
                wrong(origin, path, clipped(value), expectation(shape))
            }
        case .bool(let target):
            configuration[keyPath: target] = value == "true"
        case .duration(let target, let range):
            guard let duration = goDuration(value), range.contains(duration) else {
                return wrong(origin, path, quoted(value), expectation(shape))
            }
            configuration[keyPath: target] = duration
        case .logLevel:
            let lower = value.lowercased() == "err" ? "error" : value.lowercased()
            guard let level = AgentConfiguration.LogLevel(rawValue: lower) else {
                return wrong(origin, path, quoted(value), expectation(shape))
            }
            configuration.logLevel = level
        case .storageBackend:
            guard let backend = AgentConfiguration.StorageBackend(rawValue: value) else {
                return wrong(origin, path, quoted(value), expectation(shape))
            }
            configuration.storageBackend = backend
        case .gossipKey(let target):
            setKey(target, to: value, path, at: origin, expectation(shape))
        case .block, .harmless, .withoutEffect, .refused:
            preconditionFailure("\(path) is not set from a text")
        }
    }

    private mutating func setKey(
        _ target: Shape.Target<GossipKey?>, to text: String, _ path: [String], at origin: Origin,
        _ right: String
    ) {
        // Nomad takes an empty text for an absent one.
        guard !text.isEmpty else { return configuration[keyPath: target] = nil }
        do throws(KeyringError) {
            configuration[keyPath: target] = try GossipKey(base64: text)
        } catch {
            wrong(origin, path, "the key", "\(right) (\(error))")
        }
    }

    /// Digits with an optional minus: what JSON writes without a fraction.
    private func integer(_ text: String) -> Int? {
        text.hasPrefix("+") ? nil : Int(text)
    }

    private func expectation(_ shape: Shape) -> String {
        switch shape {
        case .text, .optionalText: "a string"
        case .texts: "an array of strings"
        case .bool: "true or false"
        case .number(_, let range) where range.upperBound == .max:
            "a whole number from \(range.lowerBound)"
        case .number(_, let range):
            "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .exactly(let wanted, let reason): "\(wanted), \(reason)"
        case .duration(_, let range):
            "a duration from \(goText(range.lowerBound)) to \(goText(range.upperBound)) in a"
                + " string, such as \"30s\" or \"1m30s\""
        case .logLevel: "\"TRACE\", \"DEBUG\", \"INFO\", \"WARN\" or \"ERROR\""
        case .storageBackend: "\"lmdb\" or \"memory\""
        case .gossipKey:
            "16, 24 or 32 bytes in base64, as 'martlet operator gossip keyring generate' makes them"
        case .block, .harmless, .withoutEffect, .refused: "a block: {…}"
        }
    }

    private mutating func mismatch(
        _ node: JSONNode, _ right: String, _ path: [String], _ places: Places
    ) {
        wrong(places[node.offset], path, text(of: node.value), right)
    }

    private mutating func wrong(
        _ origin: Origin, _ path: [String], _ found: String, _ right: String
    ) {
        let key = path.isEmpty ? "" : path.joined(separator: ".") + ": "
        problems.append(Problem(origin: origin, text: "\(key)\(found) must be \(right)"))
    }

    private mutating func refuse(_ origin: Origin, _ path: [String], _ reason: String) {
        problems.append(Problem(origin: origin, text: "\(path.joined(separator: ".")): \(reason)"))
    }
}

/// Turns offsets into lines and columns.
private struct Places {
    let path: String
    private let bytes: [UInt8]
    /// Where each line starts.
    private let starts: [Int]

    init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        starts = [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
    }

    subscript(offset: Int) -> Origin {
        let offset = min(max(offset, 0), bytes.count)
        // The last line that starts at or before the offset.
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= offset { low = middle } else { high = middle }
        }
        // Bytes that continue a character (10xxxxxx) have no column of their own.
        let column = bytes[starts[low]..<offset].count { $0 & 0xc0 != 0x80 } + 1
        return .file(path, line: low + 1, column: column)
    }
}
