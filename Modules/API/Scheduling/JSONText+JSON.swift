// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension JSONText {
    /// The same value, its members in order and without blanks.
    package init(_ node: JSONNode) {
        var writer = JSONWriter()
        Self.writeSorted(node, to: &writer)
        self.init(canonical: String(decoding: writer.bytes, as: UTF8.self))
    }

    /// Reads a text of any origin; nil unless it is just what ``text`` may be.
    package init?(verifying text: String) {
        guard let node = Self.node(of: text) else { return nil }
        let canonical = JSONText(node)
        guard canonical.text.utf8.elementsEqual(text.utf8) else { return nil }
        self = canonical
    }

    /// The value as a tree, for drivers.
    package var node: JSONNode {
        Self.node(of: text) ?? JSONNode(value: .null, offset: 0)
    }

    private static func node(of text: String) -> JSONNode? {
        do throws(JSONError) {
            return try JSONReader.parse(Array(text.utf8), limits: SchedulingBounds.jobLimits)
        } catch {
            return nil
        }
    }

    private static func writeSorted(_ node: JSONNode, to writer: inout JSONWriter) {
        switch node.value {
        case .null, .bool, .number, .string: node.write(to: &writer)
        case .array(let elements):
            writer.beginArray()
            for element in elements { writeSorted(element, to: &writer) }
            writer.endArray()
        case .object(let members):
            writer.beginObject()
            for member in members.sorted(by: { Self.areInOrder($0.name, $1.name) }) {
                writer.key(member.name)
                writeSorted(member.node, to: &writer)
            }
            writer.endObject()
        }
    }

    private static func areInOrder(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}

extension JSONText: JSONWritable {
    package func write(to writer: inout JSONWriter) { node.write(to: &writer) }
}
