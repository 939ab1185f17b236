// SPDX-License-Identifier: Apache-2.0

import MartletHCL

/// The flags of `martlet agent` and of what looks at its configuration, in the forms that Go
/// programs take: `-x`, `--x`, `-x=v`, `-x v`, and `-x=false` for those that are on or off.
package struct AgentCommandLine: Equatable, Sendable {
    package enum Command: String, Sendable {
        case agent = "martlet agent"
        case validate = "martlet config validate"
        case explain = "martlet config explain"
    }

    /// A flag that sets the key at `path`.
    struct Setting: Equatable, Sendable {
        /// With one dash, as it is written in the help.
        let flag: String
        let path: [String]
        /// Several only for a flag that may be given several times.
        var values: [String]
    }

    /// Files and folders, in the order given.
    package var configurationPaths: [String] = []
    package var isDevelopment = false
    /// `-stop-on-eof`.
    package var stopsWithParent = false
    package var wantsHelp = false
    /// Of ``Command/explain``: JSON instead of a table.
    package var wantsJSON = false
    /// In the order of the first mention.
    var settings: [Setting] = []

    private struct Flag {
        enum Kind {
            case value(path: [String])
            case list(path: [String])
            case onOff(path: [String])
            case config, dev, help, json, stopWithParent
        }

        let name: String
        let kind: Kind
        /// What stands for the value in the help; empty for flags that are on or off.
        let value: String
        let help: String
    }

    private static let flags: [Flag] = [
        Flag(
            name: "config", kind: .config, value: "PATH",
            help: "a file of HCL or JSON, or a folder of them; may be given several times, later"
                + " ones win"),
        Flag(
            name: "dev", kind: .dev, value: "",
            help: "one server on 127.0.0.1 in a temporary folder, for trying things out"),
        Flag(name: "data-dir", kind: .value(path: ["data_dir"]), value: "DIR", help: "data folder"),
        Flag(
            name: "bind", kind: .value(path: ["bind_addr"]), value: "IP",
            help: "address to listen on"),
        Flag(name: "node", kind: .value(path: ["name"]), value: "NAME", help: "name of the server"),
        Flag(name: "region", kind: .value(path: ["region"]), value: "NAME", help: "region"),
        Flag(name: "dc", kind: .value(path: ["datacenter"]), value: "NAME", help: "datacenter"),
        Flag(
            name: "log-level", kind: .value(path: ["log_level"]), value: "LEVEL",
            help: "TRACE, DEBUG, INFO, WARN or ERROR"),
        Flag(name: "log-json", kind: .onOff(path: ["log_json"]), value: "", help: "log JSON lines"),
        Flag(
            name: "server", kind: .onOff(path: ["server", "enabled"]), value: "",
            help: "run a server"),
        Flag(
            name: "acl-enabled", kind: .onOff(path: ["acl", "enabled"]), value: "",
            help: "ask for tokens"),
        Flag(
            name: "bootstrap-expect", kind: .value(path: ["server", "bootstrap_expect"]),
            value: "N", help: "how many servers start a new cluster together"),
        Flag(
            name: "retry-join", kind: .list(path: ["server", "server_join", "retry_join"]),
            value: "IP[:PORT]", help: "another server's gossip address; may be given several times"),
        Flag(
            name: "join", kind: .list(path: ["server", "server_join", "retry_join"]),
            value: "IP[:PORT]", help: "the same as -retry-join"),
        Flag(
            name: "retry-interval",
            kind: .value(path: ["server", "server_join", "retry_interval"]), value: "DURATION",
            help: "time between attempts to join, such as 30s"),
        Flag(
            name: "retry-max", kind: .value(path: ["server", "server_join", "retry_max"]),
            value: "N", help: "attempts to join; 0, the default, is no limit"),
        Flag(
            name: "rejoin", kind: .onOff(path: ["server", "rejoin_after_leave"]), value: "",
            help: "join again although this server had left"),
        Flag(
            name: "encrypt", kind: .value(path: ["server", "encrypt"]), value: "KEY",
            help: "seals gossip: 32 bytes in base64; others on this machine can see it in a flag"),
        Flag(
            name: "raft-protocol", kind: .value(path: ["server", "raft_protocol"]), value: "N",
            help: "only 3"),
        Flag(
            name: "raft-multiplier", kind: .value(path: ["server", "raft_multiplier"]), value: "N",
            help: "scales Raft's timeouts, 1 to 10"),
        Flag(
            name: "storage", kind: .value(path: ["storage", "backend"]), value: "BACKEND",
            help: "lmdb or memory"),
        Flag(
            name: "http-port", kind: .value(path: ["ports", "http"]), value: "PORT",
            help: "port of the HTTP API"),
        Flag(
            name: "rpc-port", kind: .value(path: ["ports", "rpc"]), value: "PORT",
            help: "port for other servers"),
        Flag(
            name: "serf-port", kind: .value(path: ["ports", "serf"]), value: "PORT",
            help: "port for gossip"),
        Flag(
            name: "stop-on-eof", kind: .stopWithParent, value: "",
            help: "stop when the standard input, a pipe, ends: with whoever started this"),
        Flag(name: "json", kind: .json, value: "", help: "print JSON instead of a table"),
        Flag(name: "help", kind: .help, value: "", help: "this text"),
    ]

    private static func flags(of command: Command) -> [Flag] {
        flags.filter { flag in
            if case .json = flag.kind { command == .explain } else { true }
        }
    }

    /// The names of a command's flags, for completions.
    package static func flagNames(of command: Command = .agent) -> [String] {
        flags(of: command).map(\.name)
    }

    /// The text for `-help`.
    package static func help(for command: Command = .agent) -> String {
        let rows = flags(of: command).map { flag in
            (flag.value.isEmpty ? "-\(flag.name)" : "-\(flag.name)=\(flag.value)", flag.help)
        }
        let width = (rows.map(\.0.utf8.count).max() ?? 0) + 2
        let lines = rows.map { form, help in
            "  " + form + String(repeating: " ", count: width - form.utf8.count) + help
        }
        return "Usage: \(usage(of: command))\n\n" + lines.joined(separator: "\n")
    }

    private static func usage(of command: Command) -> String {
        switch command {
        case .agent: "\(command.rawValue) [flags]\n\nFlags win over files."
        case .validate:
            """
            \(command.rawValue) [flags] PATH [PATH ...]

            Checks the configuration that 'martlet agent' would read from these files and
            folders and with these flags.

            Exit status: 0 valid, 1 something cannot be read, 2 not valid or a wrong command
            line.
            """
        case .explain:
            """
            \(command.rawValue) [flags] [PATH ...]

            Prints every setting that an agent with these files, folders and flags would run
            with, its default, and where it was set. Secrets are hidden.

            Exit status: as of 'martlet config validate'.
            """
        }
    }

    /// Reads the arguments that follow the command.
    package static func parse(
        _ arguments: [String], of command: Command = .agent
    ) throws(ConfigurationFailure) -> AgentCommandLine {
        var result = AgentCommandLine()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument.utf8.count > 1 else {
                try result.takePath(argument, command)
                continue
            }
            if argument == "--" {
                while let path = rest.popFirst() { try result.takePath(path, command) }
                break
            }
            let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
            let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let flag = try flag(named: String(parts[0]), of: command)
            try result.take(flag, inline: parts.dropFirst().first, &rest)
        }
        if command == .validate, result.configurationPaths.isEmpty, !result.wantsHelp {
            throw wrong("the path of a file or folder is missing: \(command.rawValue) PATH")
        }
        return result
    }

    private mutating func takePath(
        _ path: String, _ command: Command
    ) throws(ConfigurationFailure) {
        guard command != .agent, !path.isEmpty else {
            throw Self.wrong("unexpected argument \(quoted(path)): settings are given as flags")
        }
        configurationPaths.append(path)
    }

    private mutating func take(
        _ flag: Flag, inline: Substring?, _ rest: inout ArraySlice<String>
    ) throws(ConfigurationFailure) {
        func value() throws(ConfigurationFailure) -> String {
            if let inline { return String(inline) }
            guard let next = rest.popFirst() else {
                throw Self.wrong("-\(flag.name) wants a value: -\(flag.name)=\(flag.value)")
            }
            return next
        }
        switch flag.kind {
        case .help:
            wantsHelp = try Self.isOn(inline, flag.name)
        case .stopWithParent:
            stopsWithParent = try Self.isOn(inline, flag.name)
        case .dev:
            isDevelopment = try Self.isOn(inline, flag.name)
        case .json:
            wantsJSON = try Self.isOn(inline, flag.name)
        case .config:
            let path = try value()
            guard !path.isEmpty else {
                throw Self.wrong("-config wants the path of a file or folder")
            }
            configurationPaths.append(path)
        case .onOff(let path):
            set(path, by: flag.name, to: try Self.isOn(inline, flag.name) ? "true" : "false")
        case .value(let path):
            set(path, by: flag.name, to: try value())
        case .list(let path):
            let text = try value()
            if let index = settings.firstIndex(where: { $0.path == path }) {
                settings[index].values.append(text)
            } else {
                settings.append(Setting(flag: "-\(flag.name)", path: path, values: [text]))
            }
        }
    }

    /// The last of several wins.
    private mutating func set(_ path: [String], by name: String, to value: String) {
        let setting = Setting(flag: "-\(name)", path: path, values: [value])
        if let index = settings.firstIndex(where: { $0.path == path }) {
            settings[index] = setting
        } else {
            settings.append(setting)
        }
    }

    private static func flag(
        named name: String, of command: Command
    ) throws(ConfigurationFailure) -> Flag {
        let flags = flags(of: command)
        let wanted = name == "h" ? "help" : name
        if let flag = flags.first(where: { $0.name == wanted }) { return flag }
        let nearest = nearestName(to: name, among: flags.map(\.name))
        throw wrong(
            "unknown flag -\(clipped(name))"
                + (nearest.map { ": did you mean -\($0)?" }
                    ?? ": \(command.rawValue) -help lists them"))
    }

    /// The words that Go's flag package reads as a Boolean.
    private static func isOn(_ text: Substring?, _ name: String) throws(ConfigurationFailure)
        -> Bool
    {
        switch text {
        case nil, "1", "t", "T", "true", "TRUE", "True": return true
        case "0", "f", "F", "false", "FALSE", "False": return false
        case let other?:
            throw wrong("-\(name): \(quoted(String(other))) is neither true nor false")
        }
    }

    private static func wrong(_ text: String) -> ConfigurationFailure {
        ConfigurationFailure(text: text, exitCode: 2)
    }
}

/// A text from outside, short and without control characters, for a message.
func clipped(_ text: String) -> String {
    var short = ""
    for scalar in text.unicodeScalars.prefix(80) {
        let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
        short.unicodeScalars.append(isControl ? "\u{fffd}" : scalar)
    }
    return text.unicodeScalars.count > 80 ? short + "…" : short
}

/// The same in quotes.
func quoted(_ text: String) -> String { "\"\(clipped(text))\"" }
