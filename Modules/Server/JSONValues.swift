// SPDX-License-Identifier: Apache-2.0
import MartletAPI
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

struct StringList: JSONWritable {
    let texts: [String]

    init(_ texts: [String]) { self.texts = texts }

    func write(to writer: inout JSONWriter) {
        writer.beginArray()
        for text in texts { writer.string(text) }
        writer.endArray()
    }
}
