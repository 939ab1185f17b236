// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// `docs/internals/scheduler-scenarios.md` says which test shows which entry of the scenario catalogue.
@Suite("The table of scenarios") struct ScenarioTableTests {
    private struct Row {
        let code: String
        let files: [String]
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../..")

    /// Rows of the form `| A1 | what | `Suite/File.swift`, … |`.
    private static func rows() throws -> [Row] {
        let table = root.appendingPathComponent("docs/internals/scheduler-scenarios.md")
        let text = try String(contentsOf: table, encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3, cells[0].contains(#/^[A-J][0-9]+b?$/#) else { return nil }
            let files = cells[2].matches(of: #/`([^`]+\.swift)`/#).map { String($0.1) }
            return Row(code: cells[0], files: files)
        }
    }

    /// Whether the name of a test or suite in `source` holds the code.
    private static func names(_ code: String, in source: String) throws -> Bool {
        let name = try Regex(#""([^"]*[ ,])?"# + code + #"(?:, [A-Z0-9a-z, ]+)?:"#)
        return source.contains(name)
    }

    @Test("Each scenario has a test with its code in the name, in the file that the table names")
    func complete() throws {
        let rows = try Self.rows()
        #expect(rows.count == 93, "the catalogue has as many entries")
        #expect(Set(rows.map(\.code)).count == rows.count)
        for row in rows {
            #expect(!row.files.isEmpty, "\(row.code) names no file")
            for file in row.files {
                let source = try String(
                    contentsOf: Self.root.appendingPathComponent("Tests/\(file)"), encoding: .utf8)
                #expect(try Self.names(row.code, in: source), "\(file) has no test of \(row.code)")
            }
        }
    }
}
