// SPDX-License-Identifier: Apache-2.0
import MartletHCL
import MartletJSON

/// JSON that is being made.
indirect enum JobValue: JSONWritable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case text(String)
    case list([JobValue])
    /// In the order of the file; names differ.
    case object([(name: String, value: JobValue)])

    func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .bool(let value): writer.bool(value)
        case .int(let value): writer.int(Int64(value))
        case .double(let value): writer.double(value)
        case .text(let text): writer.string(text)
        case .list(let values):
            writer.beginArray()
            for value in values { value.write(to: &writer) }
            writer.endArray()
        case .object(let members):
            writer.beginObject()
            for member in members {
                writer.key(member.name)
                member.value.write(to: &writer)
            }
            writer.endObject()
        }
    }
}

/// What HCL says, read as a type.
extension JobValue {
    static func text(_ node: HCLNode, of key: String) throws(HCLError) -> String {
        guard case .string(let text) = node.value else { throw mismatch(node, key, "a text") }
        try checkInterpolations(in: text, node)
        return text
    }

    static func count(_ node: HCLNode, of key: String) throws(HCLError) -> Int {
        guard case .number(let text) = node.value else {
            throw mismatch(node, key, "a whole number")
        }
        guard let value = HCLNumber.integer(text) else {
            throw HCLError(
                "\(hclQuoted(key)) must be a whole number that fits 64 bits, not "
                    + hclQuoted(text), at: node.position)
        }
        return value
    }

    static func truth(_ node: HCLNode, of key: String) throws(HCLError) -> Bool {
        guard case .bool(let value) = node.value else {
            throw mismatch(node, key, "true or false")
        }
        return value
    }

    static func texts(_ node: HCLNode, of key: String) throws(HCLError) -> [String] {
        guard case .list(let nodes) = node.value else { throw mismatch(node, key, "a list") }
        var texts: [String] = []
        for node in nodes { texts.append(try text(node, of: key)) }
        return texts
    }

    /// Numbers and truths of an environment are texts to those who read it.
    static func scalarText(_ node: HCLNode, of key: String) throws(HCLError) -> String {
        switch node.value {
        case .number(let text): return text
        case .bool(let value): return "\(value)"
        default: return try text(node, of: key)
        }
    }

    /// Whatever stands there: what a driver makes of it, the driver knows. A block that is there
    /// several times is a list.
    static func anything(_ node: HCLNode, of key: String) throws(HCLError) -> JobValue {
        switch node.value {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .string: return .text(try text(node, of: key))
        case .number(let text):
            if let whole = HCLNumber.integer(text) { return .int(whole) }
            guard let value = Double(text), value.isFinite else {
                throw HCLError(
                    "\(hclQuoted(key)) is a number that is too large", at: node.position)
            }
            return .double(value)
        case .list(let nodes):
            var values: [JobValue] = []
            for node in nodes { values.append(try anything(node, of: key)) }
            return .list(values)
        case .object(let body): return try anything(body)
        }
    }

    private static func anything(_ body: HCLBody) throws(HCLError) -> JobValue {
        var members: [(name: String, value: JobValue)] = []
        var places: [String: Int] = [:]
        for item in body.items {
            var value = try anything(item.node, of: item.key)
            for label in item.labels.reversed() { value = .object([(label.text, value)]) }
            guard let place = places[item.key] else {
                places[item.key] = members.count
                members.append((item.key, value))
                continue
            }
            if case .list(let values) = members[place].value {
                members[place].value = .list(values + [value])
            } else {
                members[place].value = .list([members[place].value, value])
            }
        }
        return .object(members)
    }

    static func mismatch(_ node: HCLNode, _ key: String, _ wanted: String) -> HCLError {
        HCLError(
            "\(hclQuoted(key)) must be \(wanted), not \(node.value.kind)", at: node.position)
    }

    // MARK: Interpolations

    /// What nodes and schedulers read stays; what Nomad's own command line would have worked out is
    /// refused, as it would be taken for a text here.
    private static func checkInterpolations(in text: String, _ node: HCLNode) throws(HCLError) {
        for part in text.split(separator: "${", omittingEmptySubsequences: false).dropFirst() {
            let inner = part.prefix { $0 != "}" }
            let isOutside =
                inner.contains("(") || inner.contains("?")
                || ["var.", "local.", "each.", "path."].contains { inner.hasPrefix($0) }
            guard isOutside else { continue }
            throw HCLError(
                "\(hclQuoted("${\(inner)}")) is outside the subset of job files that is read here: "
                    + "variables, functions and other expressions; write the value itself",
                at: node.position)
        }
    }
}
