// SPDX-License-Identifier: Apache-2.0

import MartletHCL
import MartletJSON

extension ConfigurationExplanation {
    /// A setting a line, columns two blanks apart.
    var table: String {
        let rows =
            [["Setting", "Value", "Default", "Set by"]]
            + settings.map {
                [$0.path, Self.text(of: $0.value), Self.text(of: $0.defaultValue), $0.source.text]
            }
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            return Self.withoutBlanksAtEnd(cells.joined(separator: "  "))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func withoutBlanksAtEnd(_ line: String) -> Substring {
        let blanks = line.reversed().prefix { $0 == " " }.count
        return line.dropLast(blanks)
    }

    private static func text(of value: HCLValue) -> String {
        switch value {
        case .null: "-"
        case .bool(let value): value ? "true" : "false"
        case .number(let text): text
        case .string(let text): text.isEmpty ? "\"\"" : printable(text)
        case .list(let nodes):
            nodes.isEmpty ? "[]" : nodes.map { text(of: $0.value) }.joined(separator: ", ")
        case .object: "{…}"
        }
    }

    /// Whole, unlike what messages show.
    private static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
            result.unicodeScalars.append(isControl ? "\u{fffd}" : scalar)
        }
        return result
    }

    /// `{"Settings": […], "Warnings": […]}`, with a newline at the end.
    func json(warnings: [String]) -> String {
        var writer = JSONWriter(pretty: true)
        writer.beginObject()
        writer.key("Settings")
        writer.beginArray()
        for setting in settings { Self.write(setting, to: &writer) }
        writer.endArray()
        writer.member("Warnings", warnings)
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }

    private static func write(_ setting: Setting, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Name", setting.path)
        writer.key("Value")
        write(setting.value, to: &writer)
        writer.key("Default")
        write(setting.defaultValue, to: &writer)
        writer.member("SetBy", setting.source.text)
        writer.endObject()
    }

    private static func write(_ value: HCLValue, to writer: inout JSONWriter) {
        switch value {
        case .null, .object: writer.null()
        case .bool(let value): writer.bool(value)
        case .number(let text): writer.int(HCLNumber.integer(text).map(Int64.init) ?? 0)
        case .string(let text): writer.string(text)
        case .list(let nodes):
            writer.beginArray()
            for node in nodes { write(node.value, to: &writer) }
            writer.endArray()
        }
    }
}
