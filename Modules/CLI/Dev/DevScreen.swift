// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// The texts of `martlet dev`: what a terminal shows again and again, and what other outputs get once.
struct DevScreen {
    let plans: [DevServerPlan]
    let style: Style
    let environment: CLIEnvironment

    /// Below the overview.
    enum Pane {
        /// What happened, the newest last.
        case news([String])
        /// The end of a server's log.
        case log(of: DevServerPlan, [String])
    }

    /// Fewer lines of what happens, and less is said of the rest.
    private static let paneLinesMin = 5

    static let keys = "k kill  p pause  r restart  c cut off  l log  h help  q quit"

    // MARK: Of a terminal

    /// All lines of a screen, at most `height` of them.
    func lines(
        _ core: DevCore, _ picture: DevPicture, _ pane: Pane, question: String?, height: Int
    ) -> [String] {
        var lines = split(places)
        lines += [""] + split(table(core, picture)) + [""]
        let whole = split(overview(picture))
        let isRoomy = height - lines.count - whole.count - 3 >= Self.paneLinesMin
        lines += (isRoomy ? whole : split(brief(picture))) + [""]
        let room = max(1, height - lines.count - 2)
        switch pane {
        case .news(let news): lines += news.suffix(room)
        case .log(let plan, let log):
            lines.append(style.paint("\(plan.logPath) (l again: back)", .faint))
            lines += log.suffix(room - 1)
        }
        let footer = style.paint(question ?? Self.keys, question == nil ? .faint : .strong)
        return lines.prefix(max(1, height - 2)) + ["", footer]
    }

    /// The same as a terminal takes it: over what stood there, without flicker.
    static func frame(_ lines: [String], isFirst: Bool) -> String {
        (isFirst ? "\u{1b}[2J" : "") + "\u{1b}[?25l\u{1b}[?7l\u{1b}[H"
            + lines.dropLast().map { "\($0)\u{1b}[K\n" }.joined()
            + (lines.last ?? "") + "\u{1b}[K\u{1b}[J\u{1b}[?7h"
    }

    /// The cursor is back, below everything.
    static let end = "\u{1b}[?25h\n"

    private func split(_ text: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init).dropLastEmpty
    }

    private var places: String {
        """
        NOMAD_ADDR=\(plans[0].url)   page \(plans[0].url)/ui/   data \(plans[0].directory)

        """
    }

    private func overview(_ picture: DevPicture) -> String {
        guard let overview = picture.overview else {
            return style.paint("UNKNOWN", .bad) + "  No server answers.\n"
        }
        return overview.text(askedAt: picture.source, work: "", events: "", style, environment)
    }

    /// What matters most of it, where there is no room for all.
    private func brief(_ picture: DevPicture) -> String {
        guard let overview = picture.overview else { return self.overview(picture) }
        let word = style.paint(overview.level.word, overview.level.tint)
        return "\(word)  \(style.paint(overview.sentence, .strong))\n"
            + overview.reasons.prefix(3).map { "  - \($0)\n" }.joined()
    }

    /// Each process, and what it says of itself.
    func table(_ core: DevCore, _ picture: DevPicture) -> String {
        var table = Table(
            "Server", "Process", "Network", "HTTP", "Says", "Term", "Last", "Committed")
        for plan in plans {
            let server = core[plan.number]
            let facts = picture.facts[plan.number]
            table.rows.append([
                Cell(plan.name), Self.cell(server.life),
                server.isCutOff ? Cell("cut off", .bad) : Cell("connected"), Cell(plan.url),
                Cell(facts?.role ?? "-", facts?.role == "Leader" ? .good : .plain),
                Cell(facts.map { "\($0.term)" } ?? "-"),
                Cell(facts.map { "\($0.lastIndex)" } ?? "-"),
                Cell(facts.map { "\($0.committed)" } ?? "-"),
            ])
        }
        return table.text(style)
    }

    private static func cell(_ life: DevCore.Life) -> Cell {
        switch life {
        case .running: Cell("runs", .good)
        case .paused: Cell("paused", .warning)
        case .stopping: Cell("stopping", .warning)
        case .ended(.signal(let signal)): Cell("ended (signal \(signal))", .bad)
        case .ended(.code(let code)): Cell("ended (code \(code))", .bad)
        case .missing: Cell("not started", .bad)
        }
    }

    /// What to try first.
    var hint: String { "Try: curl '\(plans[0].url)/v1/operator/autopilot/health?pretty'" }

    // MARK: Of other outputs

    /// For `s`.
    func status(_ core: DevCore, _ picture: DevPicture) -> String {
        table(core, picture) + "\n" + overview(picture)
    }

    /// What can be done with a cluster that stands.
    var invitation: String {
        let last = plans[plans.count - 1]
        return """

            Try this in another terminal:

              export NOMAD_ADDR=\(plans[0].url)
              curl '\(plans[0].url)/v1/operator/raft/configuration?pretty'
              curl '\(plans[0].url)/v1/operator/autopilot/health?pretty'
              curl -X PUT -d '{"SchedulerAlgorithm":"spread"}' '\(last.url)/v1/operator/scheduler/configuration'

            The page of each server is at /ui/, such as \(plans[0].url)/ui/


            """
    }

    /// Seconds since the start, before a line of what happened.
    static func stamped(_ line: String, after elapsed: Duration) -> String {
        let hundredths = Int64(elapsed / .milliseconds(10))
        let digits = hundredths % 100
        let text = "\(hundredths / 100).\(digits < 10 ? "0" : "")\(digits) s"
        return String(repeating: " ", count: max(0, 9 - text.utf8.count)) + text + "  " + line
    }
}

extension [String] {
    fileprivate var dropLastEmpty: [String] { last?.isEmpty == true ? Array(dropLast()) : self }
}
