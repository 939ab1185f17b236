// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// One thing that the doctor looked at.
struct Finding: Equatable {
    enum Level: Int, Comparable {
        case critical, warning, fine

        var word: String {
            switch self {
            case .critical: "critical"
            case .warning: "warning"
            case .fine: "ok"
            }
        }

        var tint: Style.Tint {
            switch self {
            case .critical: .bad
            case .warning: .warning
            case .fine: .good
            }
        }

        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    let level: Level
    /// One word.
    let area: String
    /// One line.
    let text: String
    /// A command to type or a setting to write; empty if there is nothing to mend.
    let fix: String

    static func critical(_ area: String, _ text: String, fix: String) -> Finding {
        Finding(level: .critical, area: area, text: text, fix: fix)
    }

    static func warning(_ area: String, _ text: String, fix: String) -> Finding {
        Finding(level: .warning, area: area, text: text, fix: fix)
    }

    static func fine(_ area: String, _ text: String) -> Finding {
        Finding(level: .fine, area: area, text: text, fix: "")
    }
}

/// All findings, the worst first.
struct Diagnosis: JSONWritable {
    let findings: [Finding]
    /// Servers that answered, of those that were asked.
    let answered: Int
    let asked: Int

    init(_ findings: [Finding], answered: Int, asked: Int) {
        // Stable: within a level the order of the areas stays.
        self.findings = findings.enumerated().sorted {
            ($0.element.level, $0.offset) < ($1.element.level, $1.offset)
        }.map(\.element)
        self.answered = answered
        self.asked = asked
    }

    func count(_ level: Finding.Level) -> Int { findings.count { $0.level == level } }

    /// 2 for what is critical, 1 where nobody could be asked.
    var exitCode: ExitCode {
        answered == 0 ? .unable : count(.critical) > 0 ? .refused : .fine
    }

    func text(_ style: Style) -> String {
        let areas = findings.map(\.area.count).max() ?? 0
        let levels = Finding.Level.critical.word.count
        var text = ""
        for finding in findings {
            let word = finding.level.word
            text += style.paint(word, finding.level.tint)
            text += String(repeating: " ", count: levels - word.count + 2) + finding.area
            text += String(repeating: " ", count: areas - finding.area.count + 2)
            text += Text.line(finding.text) + "\n"
            guard !finding.fix.isEmpty else { continue }
            text += String(repeating: " ", count: levels + areas + 4)
            text += style.paint("-> \(Text.line(finding.fix))", .strong) + "\n"
        }
        return text + "\n\(summary)\n"
    }

    private var summary: String {
        "\(answered) of \(asked) servers answered: \(count(.critical)) critical, "
            + "\(count(.warning)) \(count(.warning) == 1 ? "warning" : "warnings"), "
            + "\(count(.fine)) ok."
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Level", findings.map(\.level).min()?.word ?? Finding.Level.fine.word)
        writer.member("ServersAsked", UInt64(asked))
        writer.member("ServersAnswered", UInt64(answered))
        writer.key("Findings")
        writer.beginArray()
        for finding in findings {
            writer.beginObject()
            writer.member("Level", finding.level.word)
            writer.member("Area", finding.area)
            writer.member("Text", Text.line(finding.text))
            writer.member("Fix", Text.line(finding.fix))
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
