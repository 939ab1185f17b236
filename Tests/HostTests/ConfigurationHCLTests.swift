// SPDX-License-Identifier: Apache-2.0
import MartletHost
import Testing

/// Loads one HCL file, `/c.hcl`, over what `-dev` starts from.
private func loadHCL(_ text: String) throws(ConfigurationFailure) -> LoadedConfiguration {
    try AgentConfiguration.load(
        arguments: ["-dev", "-config=/c.hcl"], files: FakeFiles(texts: ["/c.hcl": text]),
        hostName: "host"
    ).get()
}

private func problem(in text: String) -> String {
    do throws(ConfigurationFailure) {
        _ = try loadHCL(text)
        return ""
    } catch {
        return error.text
    }
}

@Suite("Configuration in HCL") struct ConfigurationHCLTests {
    @Test("HCL and JSON of the same content are one configuration")
    func sameInBoth() throws {
        let hcl = try loadHCL(
            """
            region = "eu" # comment
            ports { http = 1, rpc = 2 }
            server {
              raft_multiplier = 5
              server_join { retry_join = ["10.0.0.1", "10.0.0.2",] }
            }
            log_level = "debug"
            """)
        let json = try load(
            """
            {"region": "eu", "ports": [{"http": 1, "rpc": 2}], "log_level": "DEBUG",
             "server": {"raft_multiplier": 5,
                        "server_join": [{"retry_join": ["10.0.0.1", "10.0.0.2"]}]}}
            """, ["-dev"])
        #expect(hcl == json)
        #expect(hcl.configuration.region == "eu")
        #expect(hcl.configuration.server.retryJoin.count == 2)
    }

    @Test("A file that is not named *.json is JSON all the same when it begins as JSON does")
    func jsonByContent() throws {
        #expect(try loadHCL(#" {"region": "eu"}"#).configuration.region == "eu")
        #expect(problem(in: #"{"regoin": "eu"}"#).hasPrefix("/c.hcl:1:2: unknown key"))
    }

    @Test(
        "Numbers and Booleans may stand in quotation marks; numbers in other bases count",
        arguments: [
            ("ports { http = \"80\" }", 80), ("ports { http = 0x50 }", 80),
            ("ports { http = 0120 }", 80), ("ports { http = \"0x50\" }", 80),
        ])
    func looseNumbers(text: String, port: Int) throws {
        #expect(try loadHCL(text).configuration.ports.http == port)
    }

    @Test("Booleans are words in any case, or 1 and 0")
    func looseBooleans() throws {
        for word in ["true", "\"TRUE\"", "\"1\"", "1"] {
            #expect(try loadHCL("log_json = \(word)").configuration.logJSON)
        }
        for word in ["false", "\"False\"", "\"0\"", "0"] {
            #expect(try !loadHCL("log_json = true\nlog_json = \(word)").configuration.logJSON)
        }
        #expect(problem(in: "log_json = 2").contains("2 must be true or false"))
    }

    @Test(
        "What is wrong is told with file, line, column, key and what would be right",
        arguments: [
            ("ports {\n  http = 70000\n}", "/c.hcl:2:10: ports.http: 70000 must be a whole number"),
            ("ports {\n  htpp = 1\n}", "/c.hcl:2:3: unknown key \"htpp\" in ports: did you mean"),
            (
                "bind_adr = \"\"",
                "/c.hcl:1:1: unknown key \"bind_adr\": did you mean \"bind_addr\"?"
            ),
            ("server \"x\" {}", "/c.hcl:1:8: server: takes no label \"x\""),
            ("server = true", "/c.hcl:1:10: server: true must be a block"),
            (
                "server { retry_join = \"a\" }",
                "/c.hcl:1:23: server.retry_join: \"a\" must be a list"
            ),
            ("name = [\"a\"]", "/c.hcl:1:8: name: a list must be a string"),
            ("name { x = 1 }", "/c.hcl:1:6: name: a block must be a string"),
            ("name = 5", "/c.hcl:1:8: name: 5 must be a string"),
            ("region = eu", "/c.hcl:1:10: \"eu\" is neither true nor false: a text stands in"),
            ("server {\n", "/c.hcl:1:8: this \"{\" is never closed"),
            ("region = \"eu\nname = \"a\"", "/c.hcl:1:10: this string is never closed on its line"),
            ("\u{FEFF}name = \"a\"", "/c.hcl:1:1: begins with a byte order mark"),
            ("name = \"\0\"", "/c.hcl:1:9: a NUL byte"),
            ("limits { http_max_conns = 0 }", "must be a whole number from 1 to 1000000"),
            ("limits { http_idle_timeout = \"1ms\" }", "must be a duration from 100ms to 1h0m0s"),
        ])
    func wrongs(text: String, message: String) {
        #expect(problem(in: text).contains(message), "\(problem(in: text))")
    }

    @Test(
        "Templates and cloud look-ups get a message of their own",
        arguments: [
            (#"bind_addr = "{{ GetInterfaceIP \"eth0\" }}""#, "templates are not evaluated here"),
            (#"advertise { rpc = "{{ GetPrivateIP }}:4647" }"#, "templates are not evaluated here"),
            (#"server { retry_join = ["{{ env \"X\" }}"] }"#, "templates are not evaluated here"),
            (
                #"server { retry_join = ["provider=aws tag_key=nomad tag_value=server"] }"#,
                "looking servers up at a cloud provider"
            ),
        ])
    func templates(text: String, message: String) {
        #expect(problem(in: text).contains(message), "\(problem(in: text))")
    }

    @Test("A value given twice in one block gets a warning; blocks may be given in parts")
    func twice() throws {
        let loaded = try loadHCL(
            "region = \"a\"\nregion = \"b\"\nports { http = 1 }\nports { rpc = 2 }")
        #expect(loaded.configuration.region == "b")
        #expect(loaded.configuration.ports.rpc == 2)
        #expect(
            loaded.warnings == ["/c.hcl:2:1: region: given twice in one place: the last one counts"]
        )
    }

    @Test("A folder's *.hcl and *.json files are read in the order of their names, others are not")
    func folders() throws {
        let files = FakeFiles(texts: [
            "/f/10.hcl": "region = \"a\"\nserver { retry_join = [\"10.0.0.1\"] }",
            "/f/20.json": #"{"region": "b"}"#, "/f/B.hcl": "datacenter = \"b\"",
            "/f/a.hcl": "datacenter = \"a\"\nserver { retry_join = [\"10.0.0.2\"] }",
            "/f/.#z.hcl": "broken", "/f/z.hcl~": "broken", "/f/sub.hcl/x.hcl": "broken",
        ])
        let loaded = try AgentConfiguration.load(
            arguments: ["-dev", "-config=/f"], files: files, hostName: "host"
        ).get()
        #expect(loaded.configuration.region == "b")
        #expect(loaded.configuration.datacenter == "a")
        #expect(loaded.configuration.server.retryJoin == ["10.0.0.2"])
    }

    @Test("Keys are known in any case, as in Nomad")
    func anyCase() throws {
        let loaded = try loadHCL("Region = \"eu\"\nSERVER { Raft_Multiplier = 5 }")
        #expect(loaded.configuration.region == "eu")
        #expect(loaded.configuration.server.raftMultiplier == 5)
        #expect(problem(in: "PORTS { HTTP = -1 }").hasPrefix("/c.hcl:1:16: ports.http: -1 must"))
    }

    @Test("A folder without configuration gets a warning")
    func emptyFolder() throws {
        let loaded = try AgentConfiguration.load(
            arguments: ["-dev", "-config=/f"], files: FakeFiles(texts: ["/f/notes.txt": ""]),
            hostName: "host"
        ).get()
        #expect(loaded.warnings == ["/f: no *.hcl and no *.json file in this folder"])
    }

    @Test("A block that is not enabled has nothing switched on, whatever else it says")
    func disabledBlocks() throws {
        let loaded = try loadHCL(
            """
            vault { enabled = false address = "https://vault:8200" }
            ui { enabled = false label { text = "x" } }
            plugin "docker" { config { x = 1 } }
            plugin "exec" {}
            """)
        #expect(loaded.warnings.count == 1)
        #expect(loaded.warnings[0].hasPrefix("/c.hcl:3:1: plugin: "))
    }
}
