// SPDX-License-Identifier: Apache-2.0

import MartletHCL

/// Merges files and flags into one configuration, later ones over earlier ones, and gathers
/// everything that is wrong on the way instead of stopping at the first. What values become:
/// `ConfigurationReader+Values.swift`.
struct ConfigurationReader {
    var configuration: AgentConfiguration
    private(set) var problems: [Problem] = []
    private(set) var warnings = Warnings()
    /// Whether a file could not even be read.
    private(set) var hasUnreadable = false
    /// Where the setting in force was written, by its path: `ports.http`.
    private(set) var origins: [String: Origin] = [:]
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

    mutating func report(_ problem: Problem) {
        problems.append(problem)
    }

    mutating func reportUnreadable(_ text: String) {
        hasUnreadable = true
        problems.append(Problem(origin: .none, text: text))
    }

    // MARK: Files

    /// Reads one file over what is there: HCL or JSON as its first byte says, but JSON when its
    /// name says so.
    mutating func read(_ bytes: [UInt8], named file: String) {
        let limits = HCLLimits(bytesMax: AgentConfiguration.fileLimitBytes)
        do throws(HCLError) {
            let body = try HCL.parse(
                bytes, limits: limits, syntax: file.hasSuffix(".json") ? .json : .either)
            readBody(body, schema, under: [], file)
        } catch {
            problems.append(Problem(origin: Origin(file, error.position), text: error.message))
        }
    }

    private mutating func readBody(
        _ body: HCLBody, _ keys: [Key], under path: [String], _ file: String
    ) {
        var values: Set<String> = []
        for item in body.items {
            let place = Origin(file, item.position)
            // In any case, as Nomad takes them.
            let name = item.key.lowercased()
            guard let key = keys.first(where: { $0.name == name }) else {
                reportUnknown(item.key, keys, under: path, at: place)
                continue
            }
            if item.node.value == .null { continue }  // Says nothing.
            let full = path + [name]
            origins[full.joined(separator: ".")] = place
            if key.shape.isValue, !values.insert(name).inserted {
                warn(full.joined(separator: "."), "given twice in one place: the last one counts")
            }
            readItem(item, key.shape, full, file)
        }
    }

    private mutating func reportUnknown(
        _ name: String, _ keys: [Key], under path: [String], at place: Origin
    ) {
        let nearest = nearestName(to: name, among: keys.map(\.name))
        let home = path.isEmpty ? "" : " in \(clipped(path.joined(separator: ".")))"
        let hint = nearest.map { "did you mean \"\($0)\"?" } ?? known(keys)
        problems.append(
            Problem(origin: place, text: "unknown key \(quoted(name))\(home): \(hint)"))
    }

    private func known(_ keys: [Key]) -> String {
        let names = keys.prefix(6).map { "\"\($0.name)\"" }.joined(separator: ", ")
        return keys.count > 6 ? "such as \(names) are known" : "known are \(names)"
    }

    private mutating func readItem(
        _ item: HCLItem, _ shape: Shape, _ path: [String], _ file: String
    ) {
        switch shape {
        case .harmless: break
        case .withoutEffect(let reason):
            if isOn(item.node.value) { warn(path.joined(separator: "."), reason) }
        case .auditSinks: readSinks(item, path, file)
        case .block(let keys):
            if let label = item.labels.first {
                let text = "\(path.joined(separator: ".")): takes no label \(quoted(label.text))"
                problems.append(Problem(origin: Origin(file, label.position), text: text))
                return
            }
            readBlock(item.node, keys, under: path, file)
        case .alias(let target):
            let place = Origin(file, item.position)
            guard let shape = Self.shape(at: target, in: schema) else {
                preconditionFailure("\(path) stands for no key of the schema")
            }
            origins[target.joined(separator: ".")] = place
            readItem(item, shape, path, file)
        default: readValue(item.node, shape, path, file)
        }
    }

    /// A block is an object, or a list of objects as HCL's JSON writes blocks.
    private mutating func readBlock(
        _ node: HCLNode, _ keys: [Key], under path: [String], _ file: String
    ) {
        switch node.value {
        case .object(let body): readBody(body, keys, under: path, file)
        case .list(let nodes):
            for element in nodes {
                if case .object(let body) = element.value {
                    readBody(body, keys, under: path, file)
                } else {
                    mismatch(element, "a block: {…}", path, file)
                }
            }
        case .null, .bool, .number, .string: mismatch(node, "a block: {…}", path, file)
        }
    }

    /// A sink of a name that was there is another one now, as in Nomad.
    private mutating func readSinks(_ item: HCLItem, _ path: [String], _ file: String) {
        let blocks: [HCLBlock]
        do throws(HCLError) {
            blocks = try HCLBody([item]).blocks(item.key, labels: 1)
        } catch {
            let text = "\(path.joined(separator: ".")): \(error.message)"
            problems.append(Problem(origin: Origin(file, error.position), text: text))
            return
        }
        for block in blocks {
            let name = block.labels[0].text
            let place = Origin(file, block.labels[0].position)
            if let right = Rule.label(name) {
                wrong(place, path, quoted(name), right)
                continue
            }
            let full = path + [name]
            let prefix = full.joined(separator: ".")
            origins = origins.filter { !$0.key.hasPrefix(prefix + ".") }
            origins[prefix] = place
            let index = configuration.beginAuditSink(named: name)
            readBody(block.body, Schema.auditSink(at: index), under: full, file)
        }
    }

    /// False, zero, empty, what holds only such, and a block that is not enabled switch nothing on.
    private func isOn(_ value: HCLValue) -> Bool {
        switch value {
        case .null: return false
        case .bool(let value): return value
        case .number(let text):
            return text.utf8.contains { UInt8(ascii: "1")...UInt8(ascii: "9") ~= $0 }
        case .string(let text): return !text.isEmpty
        case .list(let nodes): return nodes.contains { isOn($0.value) }
        case .object(let body):
            let isDisabled = body.items.contains {
                $0.key.lowercased() == "enabled" && $0.node.value == .bool(false)
            }
            return !isDisabled && body.items.contains { isOn($0.node.value) }
        }
    }

    // MARK: Flags

    /// Applies one flag over what is there.
    mutating func read(_ setting: AgentCommandLine.Setting) {
        guard let shape = Self.shape(at: setting.path, in: schema) else {
            preconditionFailure("the flag \(setting.flag) sets no key of the schema")
        }
        let origin = Origin.flag(setting.flag)
        origins[setting.path.joined(separator: ".")] = origin
        set(shape, to: setting.values, setting.path, at: origin)
    }

    private static func shape(at path: [String], in schema: [Key]) -> Shape? {
        var keys = schema
        var found: Shape?
        for name in path {
            found = keys.first { $0.name == name }?.shape
            if case .block(let inner) = found { keys = inner }
        }
        return found
    }
}

extension Shape {
    /// Whether a key holds one value rather than blocks.
    fileprivate var isValue: Bool {
        switch self {
        case .block, .auditSinks, .harmless, .withoutEffect: false
        default: true
        }
    }
}
