// SPDX-License-Identifier: Apache-2.0
import MartletHCL
import Testing

@testable import MartletHost

@Suite("config validate and config explain") struct ConfigCommandTests {
    private let files = FakeFiles(texts: [
        "/good.hcl": """
        name = "s1"
        data_dir = "/d"
        bind_addr = "10.0.0.1"
        addresses { http = "127.0.0.1" }
        server {
          enabled = true
          bootstrap_expect = 3
          retry_join = ["10.0.0.2", "10.0.0.3"]
          encrypt = "AgICAgICAgICAgICAgICAg=="
        }
        """,
        "/warned.hcl": "consul { address = \"127.0.0.1:8500\" }", "/bad.hcl": "nam = 1\nregion = 2",
        "/f/a.json": #"{"region": "eu"}"#,
    ])

    private func run(_ arguments: String...) -> ConfigCommand.Outcome {
        ConfigCommand.outcome(of: arguments, files: files, hostName: "host")
    }

    @Test("A right configuration is valid, in Nomad's words; warnings go to the other output")
    func valid() {
        #expect(run("validate", "/good.hcl") == .init(output: "Configuration is valid!\n"))
        let warned = run("validate", "-config", "/warned.hcl", "/good.hcl", "/f")
        #expect(warned.exitCode == 0)
        #expect(warned.output == "Configuration is valid!\n")
        #expect(warned.error.hasPrefix("Warning: /warned.hcl:1:1: consul: "))
    }

    @Test("A wrong one is told whole and exits 2; what cannot be read exits 1")
    func invalid() {
        let bad = run("validate", "/bad.hcl")
        #expect(bad.exitCode == 2)
        #expect(bad.output.isEmpty)
        #expect(bad.error.split(separator: "\n").count == 2)
        #expect(bad.error.hasPrefix("/bad.hcl:1:1: unknown key \"nam\": did you mean \"name\"?"))
        let missing = run("validate", "/bad.hcl", "/none.hcl")
        #expect(missing.exitCode == 1)
        #expect(missing.error.contains("/none.hcl: no such file"))
        #expect(run("explain", "/bad.hcl").exitCode == 2)
        #expect(run("explain", "/none.hcl").exitCode == 1)
    }

    @Test("A wrong command line is told, exit 2; help is help")
    func commandLine() {
        #expect(run("validate").error.contains("the path of a file or folder is missing"))
        #expect(run("validate", "-json", "/good.hcl").error.contains("unknown flag -json"))
        #expect(run("explain", "-jsn").error.contains("did you mean -json?"))
        #expect(run().exitCode == 2)
        #expect(run("vaildate").error.hasPrefix("unknown command 'config vaildate'"))
        for outcome in [run("validate"), run("validate", "-json"), run("x")] {
            #expect(outcome.exitCode == 2)
            #expect(outcome.output.isEmpty)
        }
        for outcome in [run("-h"), run("validate", "-h"), run("explain", "--help")] {
            #expect(outcome.exitCode == 0)
            #expect(outcome.output.hasPrefix("Usage: martlet config "))
        }
    }

    /// The rest of the table's line for a setting, blanks folded.
    private func row(_ name: String, in table: String) -> String {
        for line in table.split(separator: "\n") {
            let cells = line.split(separator: " ").map(String.init)
            if cells.first == name { return cells.dropFirst().joined(separator: " ") }
        }
        return "(none)"
    }

    @Test("Every setting is explained by its value, its default and where it was set")
    func explain() {
        let outcome = run("explain", "/good.hcl", "/f", "-http-port=7")
        #expect(outcome.exitCode == 0)
        #expect(outcome.error.isEmpty)
        let table = outcome.output
        #expect(table.hasPrefix("Setting "))
        #expect(row("name", in: table) == "s1 host /good.hcl:1:1")
        #expect(row("region", in: table) == "eu global /f/a.json:1:2")
        #expect(row("ports.http", in: table) == "7 4646 -http-port")
        #expect(row("ports.rpc", in: table) == "4647 4647 default")
        #expect(row("addresses.http", in: table) == "127.0.0.1 - /good.hcl:4:13")
        #expect(row("addresses.rpc", in: table) == "10.0.0.1 - bind_addr")
        #expect(row("advertise.rpc", in: table) == "10.0.0.1:4647 - addresses.rpc")
        #expect(
            row("server.server_join.retry_join", in: table)
                == "10.0.0.2, 10.0.0.3 [] /good.hcl:8:3")
        #expect(row("server.encrypt", in: table) == "(hidden) - /good.hcl:9:3")
        #expect(row("server.redundancy_zone", in: table) == "\"\" \"\" default")
        #expect(row("tls.tls_min_version", in: table) == "tls12 tls12 default")
        #expect(row("log_level", in: table) == "INFO INFO default")
        #expect(!table.contains("AgIC"))
        #expect(table.split(separator: "\n").allSatisfy { !$0.hasSuffix(" ") })
    }

    @Test("Null says nothing, and so sets nothing")
    func null() {
        var files = files
        files.texts["/null.json"] = #"{"region": null, "ports": {"http": null}, "server": null}"#
        let table = ConfigCommand.outcome(
            of: ["explain", "-dev", "/null.json"], files: files, hostName: "host"
        ).output
        #expect(row("region", in: table) == "global global default")
        #expect(row("ports.http", in: table) == "4646 4646 default")
    }

    @Test("What -dev sets is said to be so")
    func development() {
        let table = run("explain", "-dev").output
        #expect(row("bind_addr", in: table) == "127.0.0.1 0.0.0.0 -dev")
        #expect(row("server.bootstrap_expect", in: table) == "1 0 -dev")
        #expect(row("name", in: table) == "host host default")
    }

    @Test("Nothing that has an effect is left out of the explanation")
    func complete() throws {
        let everything = run("explain", "-dev").output.split(separator: "\n").count - 1
        #expect(everything == Self.count(Schema.keys()))
    }

    /// Keys that hold a value; those of a sink come with the sink.
    private static func count(_ keys: [Key]) -> Int {
        keys.map { key in
            switch key.shape {
            case .block(let inner): count(inner)
            case .alias, .harmless, .withoutEffect, .auditSinks: 0
            default: 1
            }
        }.reduce(0, +)
    }

    @Test("JSON says the same, with its types")
    func json() {
        let text = run("explain", "-json", "/good.hcl", "/warned.hcl").output
        for part in [
            "{\n    \"Settings\": [\n", "\"Name\": \"ports.http\"", "\"Value\": 4646",
            "\"Value\": true", "\"SetBy\": \"/good.hcl:8:3\"", "\"Value\": \"(hidden)\"",
            "\"Default\": null", "\"10.0.0.3\"",
            "\"Warnings\": [\n        \"/warned.hcl:1:1: consul",
        ] {
            #expect(text.contains(part), "\(part)")
        }
        #expect(!text.contains("AgIC"))
    }

    @Test("The sinks of an audit log that is on are explained, and where the usual one writes")
    func sinks() {
        func explanation(_ text: String) -> [ConfigurationExplanation.Setting] {
            var reader = ConfigurationReader(over: AgentConfiguration())
            reader.read(Array(text.utf8), named: "/c.hcl")
            return ConfigurationExplanation(of: reader, hostName: "host").settings.filter {
                $0.path.hasSuffix(".path")
            }
        }
        #expect(explanation("audit { sink \"a\" { path = \"/a\" } }") == [])
        #expect(
            explanation("data_dir = \"/d\"\naudit { enabled = true }") == [
                .init(
                    path: "audit.sink.file.path", value: .string("/d/audit/audit.log"),
                    defaultValue: .null, source: .setting("data_dir"))
            ])
        #expect(
            explanation("audit { enabled = true\n sink \"a\" { path = \"/a\" } }") == [
                .init(
                    path: "audit.sink.a.path", value: .string("/a"), defaultValue: .null,
                    source: .file("/c.hcl:2:13"))
            ])
    }
}
