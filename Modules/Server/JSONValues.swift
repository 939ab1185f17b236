// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// Bare JSON values that are whole answers.
struct JSONString: JSONWritable {
    let text: String

    init(_ text: String) { self.text = text }

    func write(to writer: inout JSONWriter) { writer.string(text) }
}

struct JSONBool: JSONWritable {
    let value: Bool

    init(_ value: Bool) { self.value = value }

    func write(to writer: inout JSONWriter) { writer.bool(value) }
}

struct JSONList<Element: JSONWritable>: JSONWritable {
    let elements: [Element]

    init(_ elements: [Element]) { self.elements = elements }

    func write(to writer: inout JSONWriter) {
        writer.beginArray()
        for element in elements { element.write(to: &writer) }
        writer.endArray()
    }
}

extension JSONList<JSONString> {
    init(_ texts: [String]) { self.init(texts.map(JSONString.init)) }
}
