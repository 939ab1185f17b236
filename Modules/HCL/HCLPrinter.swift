// SPDX-License-Identifier: Apache-2.0

extension HCL {
    /// The body as HCL, which parses back equal: an item a line, two spaces a level.
    ///
    /// - Precondition: labels stand before objects only, number texts are numbers, and nothing is
    ///   nested deeper than ``depthMax``; whatever was parsed is so.
    package static func print(_ body: HCLBody) -> String {
        var printer = HCLPrinter()
        printer.append(body, depth: 0)
        return printer.text
    }
}

private struct HCLPrinter {
    private(set) var text = ""

    mutating func append(_ body: HCLBody, depth: Int) {
        for item in body.items {
            indent(depth)
            text += Self.word(item.key)
            for label in item.labels { text += " \(HCLQuoting.quoted(label.text))" }
            if case .object = item.node.value {
                text += " "
            } else {
                precondition(item.labels.isEmpty, "labels before a value: \(item.key)")
                text += " = "
            }
            append(item.node.value, depth: depth)
            text += "\n"
        }
    }

    private mutating func append(_ value: HCLValue, depth: Int) {
        precondition(depth <= HCL.depthMax, "nested deeper than \(HCL.depthMax)")
        switch value {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .number(let number):
            precondition(HCLNumber.isNumber(number), "no number: \(number)")
            text += number
        case .string(let string): text += HCLQuoting.quoted(string)
        case .list(let nodes): append(nodes, depth: depth)
        case .object(let body) where body.items.isEmpty: text += "{}"
        case .object(let body):
            text += "{\n"
            append(body, depth: depth + 1)
            indent(depth)
            text += "}"
        }
    }

    /// On one line while nothing in it is longer than a scalar.
    private mutating func append(_ nodes: [HCLNode], depth: Int) {
        guard nodes.contains(where: { Self.isContainer($0.value) }) else {
            text += "["
            for (index, node) in nodes.enumerated() {
                if index > 0 { text += ", " }
                append(node.value, depth: depth)
            }
            text += "]"
            return
        }
        text += "[\n"
        for node in nodes {
            indent(depth + 1)
            append(node.value, depth: depth + 1)
            text += ",\n"
        }
        indent(depth)
        text += "]"
    }

    private static func isContainer(_ value: HCLValue) -> Bool {
        switch value {
        case .list, .object: true
        case .null, .bool, .number, .string: false
        }
    }

    private static func word(_ key: String) -> String {
        HCLScanner.isPlainWord(key) ? key : HCLQuoting.quoted(key)
    }

    private mutating func indent(_ depth: Int) {
        text += String(repeating: "  ", count: depth)
    }
}

/// Strings with their escapes.
private enum HCLQuoting {
    static func quoted(_ string: String) -> String {
        let bytes = Array(string.utf8)
        var result: [UInt8] = [UInt8(ascii: "\"")]
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "$"), index + 1 < bytes.count,
                bytes[index + 1] == UInt8(ascii: "{")
            {
                let end = interpolationEnd(bytes, index)
                result += end.map { bytes[index..<$0] } ?? Array("\\u0024".utf8)[...]
                index = end ?? index + 1
            } else {
                result += escaped(byte)
                index += 1
            }
        }
        result.append(UInt8(ascii: "\""))
        return String(decoding: result, as: UTF8.self)
    }

    /// nil for a `${` that is none: it is never closed, or too long to be looked for.
    private static func interpolationEnd(_ bytes: [UInt8], _ start: Int) -> Int? {
        let window = Array(bytes[start...].prefix(256))
        guard let length = HCLScanner.interpolationEnd(in: window, from: 0),
            window[..<length].allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return nil }
        return start + length
    }

    private static func escaped(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case UInt8(ascii: "\""): return Array("\\\"".utf8)
        case UInt8(ascii: "\\"): return Array("\\\\".utf8)
        case UInt8(ascii: "\n"): return Array("\\n".utf8)
        case UInt8(ascii: "\r"): return Array("\\r".utf8)
        case UInt8(ascii: "\t"): return Array("\\t".utf8)
        case 0..<0x20, 0x7F:
            let digits = String(byte, radix: 16)
            return Array("\\u00\(digits.count < 2 ? "0" : "")\(digits)".utf8)
        default: return [byte]
        }
    }
}
