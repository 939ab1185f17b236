// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// A field of a configuration, and the flag that sets it.
struct Setting<Configuration: Sendable>: Sendable {
    let flag: Flag
    /// How it is shown.
    let title: String
    let set: @Sendable (inout Configuration, CommandLineValues) -> Void
    let show: @Sendable (Configuration) -> String

    static func truth(
        _ flag: String, _ title: String,
        _ path: any WritableKeyPath<Configuration, Bool> & Sendable, _ help: String
    ) -> Setting {
        Setting(
            flag: Flag(flag, .setting, help), title: title,
            set: { $0[keyPath: path] = $1.truth(flag) ?? $0[keyPath: path] },
            show: { "\($0[keyPath: path])" })
    }

    static func span(
        _ flag: String, _ title: String,
        _ path: any WritableKeyPath<Configuration, GoDuration> & Sendable, _ help: String
    ) -> Setting {
        Setting(
            flag: Flag(flag, .duration, help), title: title,
            set: { $0[keyPath: path] = $1.duration(flag) ?? $0[keyPath: path] },
            show: { "\($0[keyPath: path])" })
    }

    static func count(
        _ flag: String, _ title: String,
        _ path: any WritableKeyPath<Configuration, UInt64> & Sendable, _ help: String
    ) -> Setting {
        Setting(
            flag: Flag(flag, .count, help), title: title,
            set: { $0[keyPath: path] = $1.count(flag) ?? $0[keyPath: path] },
            show: { "\($0[keyPath: path])" })
    }
}

extension Commands {
    static let dryRun = Flag("dry-run", .onOff, "Show what would change, and change nothing.")
}

extension Invocation {
    /// Refuses a command line that sets nothing.
    func checkGiven<Configuration>(
        _ settings: [Setting<Configuration>], example: String
    ) throws(CLIFailure) {
        guard settings.contains(where: { values.text($0.flag.name) != nil }) else {
            throw .usage("nothing to change: give a setting, such as \(example)")
        }
    }

    /// What the settings that are given make of a configuration, after telling the difference; nil if
    /// that is not to be written: it is so already, or this is a dry run.
    func changed<Configuration>(
        _ present: Configuration, by settings: [Setting<Configuration>]
    ) -> Configuration? {
        var wanted = present
        for setting in settings { setting.set(&wanted, values) }
        let difference = Difference(
            settings.map { ($0.title, $0.show(present), $0.show(wanted)) })
        guard !difference.isEmpty else {
            line("No change: the configuration is like that already.")
            return nil
        }
        guard !values.isOn("dry-run") else {
            write(difference.text(style))
            return nil
        }
        environment.writeError(difference.text(.none))
        return wanted
    }
}

/// What a change changes, a line for each setting.
private struct Difference {
    private let rows: [(name: String, old: String, new: String)]

    init(_ all: [(String, String, String)]) { rows = all.filter { $0.1 != $0.2 } }

    var isEmpty: Bool { rows.isEmpty }

    func text(_ style: Style) -> String {
        rows.map { row in
            "\(row.name): \(style.paint(row.old, .bad)) -> \(style.paint(row.new, .good))\n"
        }.joined()
    }
}
