// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletCLI

/// Every command of the table, walked.
@Suite("Command tree") struct CommandTreeTests {
    private static let tree = Commands.tree(foreign: [foreign])
    private static let foreign = ForeignCommand(
        "operator keygen", "makes a key", flagNames: ["help"], help: "Usage: …\n", run: { _ in 7 })
    private static let commands = tree.entries.compactMap { entry -> MartletCLI.Command? in
        if case .own(let command) = entry { command } else { nil }
    }
    static let names = commands.map(\.name)

    private func command(_ name: String) throws -> MartletCLI.Command {
        try #require(Self.commands.first { $0.name == name })
    }

    /// A line with as many operands as the command needs.
    private func line(_ command: MartletCLI.Command) -> [String] {
        command.words + (0..<command.operands.countMin).map { "x\($0)" }
    }

    @Test("It has all that an operator types")
    func complete() {
        let expected = [
            "acl bootstrap", "acl policy apply", "acl policy delete", "acl policy info",
            "acl policy list", "acl role create", "acl role delete", "acl role info",
            "acl role list", "acl role update", "acl token create", "acl token delete",
            "acl token info", "acl token list", "acl token self", "acl token update", "agent-info",
            "alloc status", "alloc stop", "completion", "deployment fail", "deployment list",
            "deployment pause", "deployment promote", "deployment resume", "deployment status",
            "dev", "eval delete", "eval list", "eval status", "job allocs", "job deployments",
            "job eval",
            "job history", "job inspect", "job plan", "job promote", "job revert", "job run",
            "job scale", "job status", "job stop", "job validate", "man", "monitor",
            "node drain", "node eligibility", "node pool apply", "node pool delete",
            "node pool info", "node pool jobs", "node pool list", "node pool nodes", "node status",
            "operator api",
            "operator autopilot get-config",
            "operator autopilot health", "operator autopilot plan",
            "operator autopilot set-config", "operator autopilot state", "operator debug",
            "operator doctor",
            "operator events",
            "operator gossip keyring install", "operator gossip keyring list",
            "operator gossip keyring remove", "operator gossip keyring use", "operator keyring",
            "operator metrics", "operator raft history", "operator raft info",
            "operator raft list-peers",
            "operator raft logs", "operator raft remove-peer", "operator raft state",
            "operator raft transfer-leadership", "operator scheduler get-config",
            "operator scheduler set-config", "operator snapshot agent",
            "operator snapshot inspect", "operator snapshot restore", "operator snapshot save",
            "server force-leave", "server join", "server members", "status", "system gc",
            "system reconcile summaries", "top", "version",
        ]
        #expect(Self.names == expected)
    }

    @Test("Each explains itself: operands and every flag", arguments: names)
    func help(name: String) throws {
        let command = try command(name)
        let desk = Desk()
        for word in ["-h", "-help", "--help"] {
            #expect(desk.run(command.words + [word]) == 0)
            #expect(desk.text.hasPrefix("Usage: martlet \(name) [flags]"))
            #expect(desk.text.contains(command.operands.usage))
            for flag in command.allFlags { #expect(desk.text.contains("  \(flag.usage)\n")) }
            #expect(desk.errors.isEmpty)
            #expect(desk.text.split(separator: "\n").allSatisfy { $0.count <= 80 })
        }
        #expect(desk.run(["help"] + command.words) == 0)
        #expect(desk.seen.isEmpty)
    }

    @Test("Each has flags of different names, and words about all of them", arguments: names)
    func flags(name: String) throws {
        let command = try command(name)
        let names = command.allFlags.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(command.allFlags.allSatisfy { $0.help.hasSuffix(".") })
        #expect(!command.synopsis.isEmpty && !command.synopsis.hasSuffix("."))
        #expect(command.detail.isEmpty || command.detail.hasSuffix("."))
    }

    @Test(
        "A wrong flag costs one line and exit code 2, with the nearest right one", arguments: names)
    func wrongFlag(name: String) throws {
        let desk = Desk()
        let line = line(try command(name))
        #expect(desk.run(line + ["-hepl"]) == 2)
        #expect(desk.errors == "unknown flag -hepl: did you mean -help?\n")
        #expect(desk.run(line + ["-qqqqqqqqqq"]) == 2)
        #expect(
            desk.errors == "unknown flag -qqqqqqqqqq: 'martlet \(name) -help' lists them\n")
        #expect(desk.text.isEmpty && desk.seen.isEmpty)
    }

    @Test("Missing and extra operands are refused before anything is asked", arguments: names)
    func operands(name: String) throws {
        let command = try command(name)
        let desk = Desk()
        if command.operands.countMin > 0 {
            #expect(desk.run(command.words) == 2)
            #expect(desk.errors.hasPrefix("\(command.operands.names[0]) is missing: "))
        }
        let many = (0...command.operands.countMax).map { "x\($0)" }
        #expect(desk.run(command.words + many) == 2)
        #expect(desk.errors.hasPrefix("unexpected argument \"x\(command.operands.countMax)\""))
        #expect(desk.seen.isEmpty)
    }

    @Test(
        "Where no server is, each that asks says so in one line, with exit code 1", arguments: names
    )
    func unreachable(name: String) throws {
        let command = try command(name)
        guard command.asksServer else { return }
        let desk = Desk(servers: 0)
        desk.put("x0", #"{"ID":"x","Name":"x"}"#)
        desk.put("x1", "")
        // Those that check something first are asked for something that passes.
        let extra: [String: [String]] = [
            "operator raft remove-peer": ["-peer-id=x"],
            "operator raft transfer-leadership": ["-peer-id=x"],
            "operator autopilot set-config": ["-min-quorum=3"],
            "operator scheduler set-config": ["-pause-eval-broker"],
            "operator keyring": ["-list"], "acl token update": ["-name=x"],
            "acl role create": ["-name=x", "-policy=p"], "acl role update": ["-name=x"],
            "node drain": ["-enable"], "node eligibility": ["-disable"],
        ]
        let whole = [
            "job revert": ["job", "revert", "x", "1"], "job scale": ["job", "scale", "x", "1"],
            "eval delete": ["eval", "delete", "x0"],
        ]
        // The file of the one is checked first; the other goes on for ever.
        guard !["operator snapshot restore", "operator snapshot agent"].contains(name) else {
            return
        }
        let line = whole[name] ?? line(command) + (extra[name] ?? [])
        #expect(desk.run(line) == (name == "job plan" ? 255 : 1))
        #expect(desk.errors.contains("http://10.0.0.2:4646: connection refused"))
        #expect(desk.errors.contains("-address or NOMAD_ADDR names another"))
        #expect(desk.errors.split(separator: "\n").count == 1)
    }

    @Test("A read takes -json and -t, not both, and checks the template first", arguments: names)
    func reads(name: String) throws {
        let command = try command(name)
        guard command.flags.contains(where: { $0.name == "t" }) else { return }
        #expect(command.flags.contains { $0.name == "json" })
        guard command.asksServer, name != "operator keyring" else { return }
        let desk = Desk()
        #expect(desk.run(line(command) + ["-t", "{{.X"]) == 2)
        #expect(desk.errors == "-t: an action is not closed by }}\n")
        #expect(desk.seen.isEmpty)
    }

    @Test("Words that lead nowhere are answered with the nearest that do")
    func unknownWords() {
        let desk = Desk()
        #expect(desk.run("operator raft lst-peers") == 2)
        #expect(
            desk.errors
                == "unknown command 'operator raft lst-peers': did you mean 'operator raft "
                + "list-peers'?\n")
        #expect(desk.run("operator zzzzzzzz") == 2)
        #expect(
            desk.errors
                == "unknown command 'operator zzzzzzzz': 'martlet operator -help' lists what there "
                + "is\n")
        #expect(desk.run("\u{1b}[2J") == 2)
        #expect(!desk.errors.contains("\u{1b}"))
    }

    @Test("A group lists what belongs to it: asked for on output, else as an error")
    func groups() {
        let desk = Desk()
        #expect(desk.run("operator raft -h") == 0)
        #expect(desk.text.contains("  list-peers            lists the servers"))
        #expect(desk.run("operator raft") == 2)
        #expect(desk.text.isEmpty && desk.errors.contains("list-peers"))
        #expect(desk.run([]) == 2)
        #expect(desk.run("-stale") == 2)
        #expect(desk.run("help operator") == 0)
        #expect(desk.run("--version") == 0)
        #expect(desk.text == "Martlet v1.2.3\n")
    }

    @Test("A command of another module gets its arguments and gives its exit code")
    func foreignCommand() {
        let desk = Desk()
        desk.foreign = [
            ForeignCommand("config validate", "checks", help: "") { arguments in
                Int32(arguments.count)
            }
        ]
        #expect(desk.run("config validate a -b c") == 3)
        #expect(desk.run("config -h") == 0)
        #expect(desk.text.contains("validate   checks"))
    }

    @Test("Completions and manual pages know every command and flag")
    func generated() {
        let completions = Completions(tree: Self.tree)
        for shell in Completions.Shell.allCases {
            let script = completions.script(for: shell)
            for command in Self.commands {
                #expect(script.contains(command.words.last ?? ""))
                for flag in command.flags { #expect(script.contains(flag.name)) }
            }
            #expect(script.contains("keygen"))
        }
        let pages = ManualPages(tree: Self.tree, version: "1", date: "2026-01-02").all
        #expect(Set(pages.map(\.name)).count == pages.count)
        #expect(pages[0].name == "martlet")
        for command in Self.commands {
            let name = (["martlet"] + command.words).joined(separator: "-")
            let page = pages.first { $0.name == name }
            for flag in command.allFlags {
                #expect(page?.text.contains(flag.name.replacing("-", with: "\\-")) ?? false)
            }
        }
    }

    @Test("Manual pages go to a folder, or one of them to the output")
    func man() {
        let desk = Desk()
        #expect(desk.run("man operator raft list-peers") == 0)
        #expect(
            desk.text.hasPrefix(
                ".TH MARTLET\\-OPERATOR\\-RAFT\\-LIST\\-PEERS 1 2026-11-23 \"Martlet 1.2.3\""))
        desk.variables["SOURCE_DATE_EPOCH"] = "0"
        desk.run("man")
        #expect(desk.text.hasPrefix(".TH MARTLET 1 1970-01-01 "))
        #expect(desk.run("man nope") == 2)
        #expect(desk.run("man -output-dir /pages") == 0)
        #expect(desk.file("/pages/martlet.1") != nil)
        #expect(desk.file("/pages/martlet-acl-token-create.1") != nil)
        #expect(desk.run("completion tcsh") == 2)
        #expect(desk.run("completion bash") == 0)
        #expect(desk.text.contains("complete -o default -F _martlet martlet"))
    }
}
