// SPDX-License-Identifier: Apache-2.0
import Foundation
import MartletContracts
import Testing

/// A file of `Scenarios/`, found beside this source.
struct ScenarioFile: Sendable, CustomTestStringConvertible {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Scenarios")

    static let all: [ScenarioFile] = {
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (names ?? []).filter { $0.hasSuffix(".txt") }.sorted().map(ScenarioFile.init)
    }()

    let name: String

    var url: URL { Self.folder.appendingPathComponent(name) }

    /// Code and title, for the name of the test.
    var testDescription: String {
        guard let scenario = try? read() else { return name }
        return "\(scenario.code) \(scenario.title)"
    }

    func read() throws -> Scenario {
        try Scenario(
            file: "Scenarios/\(name)", text: String(contentsOf: url, encoding: .utf8))
    }
}

/// With `MARTLET_REWRITE=1` in the environment the traces of all files whose expectations hold are
/// recorded anew, to be reviewed as a diff.
@Suite("Scenarios as text") struct ScenarioFileTests {
    static let isRewriting = ProcessInfo.processInfo.environment["MARTLET_REWRITE"] == "1"

    @Test("Scenario", arguments: ScenarioFile.all)
    func scenario(_ file: ScenarioFile) throws {
        let scenario = try file.read()
        let report = scenario.run(comparesTraces: !Self.isRewriting)
        for failure in report.failures { Issue.record("\(failure)") }
        if Self.isRewriting, report.passes {
            try report.rewritten.write(to: file.url, atomically: true, encoding: .utf8)
        }
        #expect(file.name.hasPrefix(scenario.code + "-"), "the name begins with the code")
    }

    /// Every entry of the list that Martlet is measured by.
    static let codes = [
        "A01", "A02", "A04", "A05", "A07", "A08", "A10", "A11", "A13", "A14", "A16", "A17", "A19",
        "A20", "A22", "A23", "B01", "B02", "B04", "B05", "B07", "B08", "B10", "B11", "B13", "B14",
        "B16", "B17", "B19", "B20", "B22", "C01", "C03", "C04", "C06", "C07", "C09", "C10", "C12",
        "C13", "D01", "D02", "D04", "D05", "D07", "D08", "D10", "D11", "D13", "D14", "D16", "D17",
        "E02", "E03", "E05", "E06", "E08", "E09", "E11", "E12", "F01", "F02", "F09", "F10",
    ]

    @Test("Every entry of the list has a file", arguments: codes)
    func complete(code: String) {
        #expect(ScenarioFile.all.contains { $0.name.hasPrefix(code + "-") })
    }

    @Test("No name is taken twice, and the cases are many")
    func count() throws {
        #expect(try ScenarioFile.all.reduce(0) { try $0 + $1.read().caseCount } >= 750)
        #expect(Set(ScenarioFile.all.map(\.testDescription)).count == ScenarioFile.all.count)
    }
}
