// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletJSON

/// A value of a server's answer, and the words for when it is not what it should be.
struct Answer {
    let node: JSONNode
    private let failing: String

    private static let limits = JSONLimits(bytesMax: 64 << 20, valuesMax: 1 << 22)

    init(_ response: ClientResponse, failing: String) throws(CLIFailure) {
        try self.init(bytes: response.body, failing: failing)
    }

    init(bytes: [UInt8], failing: String) throws(CLIFailure) {
        do throws(JSONError) {
            node = try JSONReader.parse(bytes, limits: Self.limits)
        } catch {
            throw CLIFailure("\(failing): the answer is no JSON: \(error)", .refused)
        }
        self.failing = failing
    }

    private init(_ node: JSONNode, failing: String) {
        self.node = node
        self.failing = failing
    }

    subscript(_ name: String) -> Answer? {
        guard let node = node.member(name), !node.value.isNull else { return nil }
        return Answer(node, failing: failing)
    }

    /// - Throws: exit code 2 when there is none.
    func required(_ name: String) throws(CLIFailure) -> Answer {
        guard let member = self[name] else { throw wrong("it has no \(name)") }
        return member
    }

    /// The elements of a list; none for null.
    func elements() throws(CLIFailure) -> [Answer] {
        switch node.value {
        case .array(let nodes): return nodes.map { Answer($0, failing: failing) }
        case .null: return []
        default: throw wrong("a list was expected, not \(node.value.kind)")
        }
    }

    /// The list of that name; none where it is missing.
    func list(_ name: String) throws(CLIFailure) -> [Answer] {
        try self[name]?.elements() ?? []
    }

    /// Of an object, in its order.
    func members() throws(CLIFailure) -> [(name: String, value: Answer)] {
        guard case .object(let members) = node.value else {
            throw wrong("an object was expected, not \(node.value.kind)")
        }
        return members.map { ($0.name, Answer($0.node, failing: failing)) }
    }

    /// A scalar as it is printed, a list of them as Go prints one; without control characters.
    var text: String {
        switch node.value {
        case .null: ""
        case .bool(let value): "\(value)"
        case .number(let number): number.text
        case .string(let text): Text.line(text)
        case .array(let nodes):
            "[" + nodes.map { Answer($0, failing: failing).text }.joined(separator: " ") + "]"
        case .object: "{…}"
        }
    }

    /// Several lines as they came.
    var rawText: String {
        guard case .string(let text) = node.value else { return text }
        return Text.lines(text)
    }

    func text(_ name: String, default value: String = "") -> String { self[name]?.text ?? value }

    var isObject: Bool {
        switch node.value {
        case .object: true
        case .null, .bool, .number, .string, .array: false
        }
    }

    func isTrue(_ name: String) -> Bool {
        guard case .bool(true)? = self[name]?.node.value else { return false }
        return true
    }

    func count(_ name: String) -> UInt64? {
        guard case .number(let number)? = self[name]?.node.value else { return nil }
        return number.uint64
    }

    /// 0 where there is no such number.
    func int(_ name: String) -> Int64 {
        guard case .number(let number)? = self[name]?.node.value else { return 0 }
        return number.int64 ?? 0
    }

    /// The elements of null and of other values are none.
    func texts(_ name: String) -> [String] {
        guard case .array(let nodes)? = self[name]?.node.value else { return [] }
        return nodes.map { Answer($0, failing: failing).text }
    }

    /// Of an object, by the bytes of their names; none for other values.
    func sortedMembers(_ name: String) -> [(name: String, value: Answer)] {
        guard case .object(let members)? = self[name]?.node.value else { return [] }
        return members.map { (Text.line($0.name), Answer($0.node, failing: failing)) }
            .sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
    }

    func wrong(_ why: String) -> CLIFailure {
        CLIFailure("\(failing): the answer is not what was asked for: \(why)", .refused)
    }
}

extension JSONValue {
    var isNull: Bool {
        if case .null = self { true } else { false }
    }
}

/// JSON for people and programs: four spaces a level, names sorted by their bytes, as Nomad's
/// command line prints it.
struct SortedJSON: JSONWritable {
    let node: JSONNode

    static func text(_ node: JSONNode) -> String {
        String(decoding: JSONWriter.encode(SortedJSON(node: node), pretty: true), as: UTF8.self)
    }

    func write(to writer: inout JSONWriter) {
        switch node.value {
        case .object(let members):
            writer.beginObject()
            let sorted = members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            for member in sorted {
                writer.key(member.name)
                SortedJSON(node: member.node).write(to: &writer)
            }
            writer.endObject()
        case .array(let nodes):
            writer.beginArray()
            for node in nodes { SortedJSON(node: node).write(to: &writer) }
            writer.endArray()
        default: node.write(to: &writer)
        }
    }
}
