// SPDX-License-Identifier: Apache-2.0

import MartletHost
import MartletServer
import MartletTransport
import Testing

@Suite("Configuration files") struct ConfigurationFileTests {
    @Test("Every key that Martlet obeys reaches the configuration")
    func everyKey() throws {
        let loaded = try load(
            """
            {"name": "s1", "region": "eu", "datacenter": "dc2", "data_dir": "/d",
             "bind_addr": "10.0.0.1",
             "addresses": {"http": "127.0.0.1", "rpc": "10.0.0.2", "serf": "::1"},
             "ports": {"http": 1, "rpc": 2, "serf": 3},
             "advertise": {"http": "10.0.0.3", "rpc": "10.0.0.4:5", "serf": "[::2]:6"},
             "log_level": "warn", "log_json": true, "log_file": "/l",
             "server": {"enabled": true, "bootstrap_expect": 3, "raft_multiplier": 10,
                        "raft_lease_reads": true, "raft_priority": 3,
              "raft_protocol": 3, "redundancy_zone": "z", "upgrade_version": "1.2.3",
              "encrypt": "AgICAgICAgICAgICAgICAg==", "rejoin_after_leave": true,
              "server_join": {"retry_join": ["10.0.0.9", "10.0.0.8:7"], "retry_interval": "2s",
               "retry_max": 4}},
             "autopilot": {"cleanup_dead_servers": false, "last_contact_threshold": "1s",
              "max_trailing_logs": 9, "min_quorum": 3, "server_stabilization_time": "0s",
              "enable_redundancy_zones": true, "disable_upgrade_migration": true,
              "enable_custom_upgrades": true},
             "acl": {"enabled": false}, "tls": {"http": false, "rpc": false},
             "limits": {"http_max_conns_per_client": 0, "https_handshake_timeout": "1s",
              "rpc_max_conns_per_client": 7, "rpc_handshake_timeout": "2s",
              "rpc_hold_timeout": "1m"},
             "telemetry": {"collection_interval": "3s", "disable_hostname": true,
              "prometheus_metrics": true, "trace_file": "/t", "trace_one_in": 10},
             "leave_on_terminate": true, "leave_on_interrupt": true,
             "storage": {"backend": "memory"}}
            """)

        var expected = AgentConfiguration()
        expected.name = "s1"
        expected.region = "eu"
        expected.datacenter = "dc2"
        expected.dataDirectory = "/d"
        expected.bindAddress = "10.0.0.1"
        expected.addresses.http = "127.0.0.1"
        expected.addresses.rpc = "10.0.0.2"
        expected.addresses.serf = "::1"
        expected.ports.http = 1
        expected.ports.rpc = 2
        expected.ports.serf = 3
        expected.advertise.http = "10.0.0.3"
        expected.advertise.rpc = "10.0.0.4:5"
        expected.advertise.serf = "[::2]:6"
        expected.logLevel = .warn
        expected.logJSON = true
        expected.logFile = "/l"
        expected.telemetry.traceFile = "/t"
        expected.telemetry.traceOneIn = 10
        expected.server.isEnabled = true
        expected.server.bootstrapExpect = 3
        expected.server.raftMultiplier = 10
        expected.server.raftLeaseReads = true
        expected.server.raftPriority = 3
        expected.server.redundancyZone = "z"
        expected.server.upgradeVersion = "1.2.3"
        expected.server.encrypt = try GossipKey(bytes: [UInt8](repeating: 2, count: 16))
        expected.server.rejoinAfterLeave = true
        expected.server.retryJoin = ["10.0.0.9", "10.0.0.8:7"]
        expected.server.retryInterval = .seconds(2)
        expected.server.retryMax = 4
        expected.autopilot.cleanupDeadServers = false
        expected.autopilot.lastContactThreshold = .seconds(1)
        expected.autopilot.maxTrailingLogs = 9
        expected.autopilot.minQuorum = 3
        expected.autopilot.serverStabilizationTime = .zero
        expected.autopilot.enableRedundancyZones = true
        expected.autopilot.disableUpgradeMigration = true
        expected.autopilot.enableCustomUpgrades = true
        expected.limits.httpMaxConnectionsPerClient = 0
        expected.limits.httpsHandshakeTimeout = .seconds(1)
        expected.limits.rpcMaxConnectionsPerClient = 7
        expected.limits.rpcHandshakeTimeout = .seconds(2)
        expected.limits.rpcHoldTimeout = .seconds(60)
        expected.leaveOnTerminate = true
        expected.leaveOnInterrupt = true
        expected.storageBackend = .memory
        #expect(loaded.configuration == expected)
    }

    @Test("Addresses: advertise wins, else what the service listens on, never any-address")
    func addresses() throws {
        var configuration = AgentConfiguration()
        configuration.addresses.rpc = "10.0.0.1"
        configuration.advertise.serf = "10.0.0.2"
        configuration.server.retryJoin = ["10.0.0.9", "[::1]:7"]

        #expect(configuration.listenAddress(of: .http) == SocketAddress("0.0.0.0:4646"))
        #expect(configuration.advertisedAddress(of: .http) == SocketAddress("127.0.0.1:4646"))
        #expect(configuration.advertisedAddress(of: .rpc) == SocketAddress("10.0.0.1:4647"))
        #expect(configuration.advertisedAddress(of: .serf) == SocketAddress("10.0.0.2:4648"))
        #expect(
            configuration.server.retryJoin == ["10.0.0.9", "[::1]:7"])
    }

    @Test("The files that the conformance and benchmark clusters write start a server")
    func clusterFiles() throws {
        let conformance = try load(
            """
            {"name": "s1", "region": "global", "datacenter": "dc1", "data_dir": "/t/s1",
             "bind_addr": "127.0.0.1", "log_level": "INFO", "disable_update_check": true,
             "enable_debug": false, "ports": {"http": 24600, "rpc": 24601, "serf": 24602},
             "advertise": {"http": "127.0.0.1:24600", "rpc": "127.0.0.1:24601",
              "serf": "127.0.0.1:24602"},
             "server": {"enabled": true, "bootstrap_expect": 3, "raft_protocol": 3,
              "raft_multiplier": 1, "num_schedulers": 1,
              "server_join": {"retry_join": ["127.0.0.1:24602", "127.0.0.1:24605",
               "127.0.0.1:24608"], "retry_interval": "2s"}},
             "client": {"enabled": false}, "acl": {"enabled": false},
             "consul": {"auto_advertise": false, "server_auto_join": false,
              "client_auto_join": false},
             "telemetry": {"disable_hostname": true},
             "leave_on_terminate": false, "leave_on_interrupt": false,
             "limits": {"http_max_conns_per_client": 0, "rpc_max_conns_per_client": 0}}
            """)
        #expect(conformance.warnings == [])
        #expect(conformance.configuration.server.retryJoin.count == 3)

        let bench = try load(
            """
            {"name": "s0", "region": "global", "datacenter": "dc1", "data_dir": "/d",
             "bind_addr": "127.0.0.1", "log_level": "ERROR",
             "advertise": {"http": "127.0.0.1:27150", "rpc": "127.0.0.1:27151",
              "serf": "127.0.0.1:27152"},
             "disable_update_check": true, "leave_on_terminate": false,
             "leave_on_interrupt": false,
             "ports": {"http": 27150, "rpc": 27151, "serf": 27152},
             "limits": {"http_max_conns_per_client": 0, "rpc_max_conns_per_client": 0},
             "consul": {"auto_advertise": false, "server_auto_join": false,
              "client_auto_join": false},
             "server": {"enabled": true, "bootstrap_expect": 1, "raft_multiplier": 1,
              "raft_protocol": 3, "server_join": {"retry_join": [], "retry_interval": "1s"}}}
            """)
        #expect(bench.warnings == [])
        #expect(bench.configuration.logLevel == .error)
    }

    @Test("Later files win, blocks merge, a folder's *.json files come in order of their names")
    func merging() throws {
        let files = FakeFiles(texts: [
            "/a.json": #"{"region": "a", "ports": {"http": 1, "rpc": 2}, "data_dir": "/a"}"#,
            "/f/2.json": #"{"region": "c", "server": {"enabled": true}}"#,
            "/f/1.json":
                #"{"region": "b", "ports": {"rpc": 9}, "server": {"bootstrap_expect": 1}}"#,
            "/f/notes.txt": "not configuration",
        ])
        let merged = try AgentConfiguration.load(
            arguments: ["-config=/a.json", "-config", "/f", "-http-port=7"], files: files,
            hostName: "host"
        ).get().configuration

        #expect(merged.region == "c")
        #expect(merged.ports.http == 7)
        #expect(merged.ports.rpc == 9)
        #expect(merged.dataDirectory == "/a")
        #expect(merged.server.isEnabled)
        #expect(merged.server.bootstrapExpect == 1)
        #expect(merged.name == "host")
    }

    @Test("A block may be an array of blocks, as HCL's JSON writes it; null says nothing")
    func arraysOfBlocks() throws {
        let loaded = try load(
            """
            {"server": [{"enabled": true, "server_join": [{"retry_join": ["10.0.0.1"]}]},
                        {"raft_multiplier": 5}], "region": null, "ports": null}
            """, ["-dev"])
        #expect(loaded.configuration.server.retryJoin == ["10.0.0.1"])
        #expect(loaded.configuration.server.raftMultiplier == 5)
        #expect(loaded.configuration.region == "global")
    }

    @Test("The old place of retry_join works too")
    func legacyJoin() throws {
        let loaded = try load(
            #"{"server": {"retry_join": ["10.0.0.1"], "retry_interval": "5s"}}"#, ["-dev"])
        #expect(loaded.configuration.server.retryJoin == ["10.0.0.1"])
        #expect(loaded.configuration.server.retryInterval == .seconds(5))
    }

    @Test(
        "A wrong value is told with file, line, column, key and what would be right",
        arguments: [
            (#"{"ports": {"http": 70000}}"#, "/c.json:1:20: ports.http: 70000 must be a whole"),
            (#"{"ports": {"http": "http"}}"#, #"/c.json:1:20: ports.http: "http" must be a whole"#),
            (#"{"ports": {"http": 1.5}}"#, "/c.json:1:20: ports.http: 1.5 must be a whole"),
            (
                "{\n  \"bind_addr\": \"h.example\"}",
                "/c.json:2:16: bind_addr: \"h.example\" must be"
            ),
            (#"{"bind_addr": "1.2.3.4:5"}"#, "/c.json:1:15: bind_addr:"),
            (#"{"name": "a b"}"#, #"/c.json:1:10: name: "a b" must be 1 to 128 bytes"#),
            (#"{"name": ""}"#, "/c.json:1:10: name:"),
            (#"{"region": "é", "datacenter": "d c"}"#, "/c.json:1:12: region: \"é\" must be 1"),
            (#"{"region": "é", "datacenter": "d c"}"#, "/c.json:1:31: datacenter: \"d c\""),
            (#"{"data_dir": "d"}"#, "/c.json:1:14: data_dir: \"d\" must be an absolute path"),
            (#"{"log_level": "LOUD"}"#, "/c.json:1:15: log_level: \"LOUD\" must be \"TRACE\""),
            (#"{"storage": {"backend": "x"}}"#, "/c.json:1:25: storage.backend: \"x\" must be"),
            (
                #"{"server": {"raft_protocol": 2}}"#,
                "/c.json:1:30: server.raft_protocol: 2 must be 3"
            ),
            (#"{"server": {"raft_multiplier": 11}}"#, "server.raft_multiplier: 11 must be a whole"),
            (#"{"server": {"raft_priority": 11}}"#, "server.raft_priority: 11 must be a whole"),
            (#"{"server": {"bootstrap_expect": 256}}"#, "number from 0 to 255"),
            (#"{"server": {"enabled": "yes"}}"#, "server.enabled: \"yes\" must be true or false"),
            (#"{"server": 1}"#, "/c.json:1:12: server: 1 must be a block"),
            (#"{"server": [1]}"#, "/c.json:1:13: server: 1 must be a block"),
            (
                #"{"server": {"retry_interval": 30}}"#,
                "/c.json:1:31: server.retry_interval: 30 must"
            ),
            (#"{"server": {"retry_interval": "0s"}}"#, "a duration from 100ms to 24h0m0s"),
            (#"{"server": {"retry_join": "10.0.0.1"}}"#, "must be a list of strings"),
            (#"{"server": {"retry_join": ["a_example:x"]}}"#, "/c.json:1:28: server.retry_join:"),
            (#"{"limits": {"rpc_hold_timeout": "61s"}}"#, "limits.rpc_hold_timeout: \"61s\" must"),
            (#"{"autopilot": {"max_trailing_logs": -1}}"#, "must be a whole number from 0"),
            ("[]", "/c.json:1:1: not a JSON object"),
            ("7", "/c.json:1:1: not a JSON object"),
            ("{\n\"name\": }", "/c.json:2:9: not JSON: "),
            ("", "/c.json:1:1: not JSON: "),
        ])
    func wrongValues(json: String, message: String) {
        let text = failure(of: json)?.text ?? ""
        #expect(text.contains(message), "\(text)")
    }

    @Test(
        "An unknown key is told where it stands, with the nearest known one",
        arguments: [
            (#"{"bind_adr": "1"}"#, "1:2: unknown key \"bind_adr\": did you mean \"bind_addr\"?"),
            (
                #"{"ports": {"htpp": 1}}"#,
                "1:12: unknown key \"htpp\" in ports: did you mean \"http\""
            ),
            (#"{"ports": {"zzzzzz": 1}}"#, "known are \"http\", \"rpc\", \"serf\""),
            (#"{"zzzzzzzzzzzz": 1}"#, "unknown key \"zzzzzzzzzzzz\": such as \"name\""),
            (#"{"a\u0007b": 1}"#, "unknown key \"a\u{fffd}b\""),
        ])
    func unknownKeys(json: String, message: String) {
        let failure = failure(of: json)
        #expect(failure?.text.contains(message) == true, "\(failure?.text ?? "")")
        #expect(failure?.exitCode == 1)
    }

    @Test("Several problems are all told, in order, up to a bound")
    func severalProblems() {
        let some = failure(of: #"{"nam": 1, "ports": {"http": -1}, "region": 5}"#)
        #expect(some?.text.split(separator: "\n").count == 3)

        let many = (0..<30).map { "\"unknown\($0)\": 1" }.joined(separator: ",")
        let lines = failure(of: "{\(many)}")?.text.split(separator: "\n") ?? []
        #expect(lines.count == 21)
        #expect(lines.last == "… and 10 more problems")
    }

    @Test(
        "A key that is none is refused, told where, and not shown",
        arguments: [
            #""a2V5""#, #""hunter2""#, "424242", #"["hunter2"]"#, #""AgICAgICAgICAgICAgICAg""#,
        ])
    func encrypt(given: String) throws {
        let refusal = failure(of: "{\"server\": {\"encrypt\": \(given)}}")
        let failure = try #require(refusal)
        #expect(
            failure.text.hasPrefix(
                "/c.json:1:24: server.encrypt: the key must be 16, 24 or 32 bytes in base64, as "
                    + "'martlet operator gossip keyring generate' makes them"))
        #expect(failure.exitCode == 1)
        for secret in ["a2V5", "hunter2", "424242", "AgIC"] {
            #expect(!failure.text.contains(secret))
        }
    }

    @Test("An empty key is none, and a later file takes a key back")
    func noKey() throws {
        #expect(
            try load(#"{"server": {"encrypt": ""}}"#, ["-dev"]).configuration.server.encrypt == nil)
        let key = "AgICAgICAgICAgICAgICAg=="
        let file = #"{"server": {"encrypt": "AgICAgICAgICAgICAgICAg=="}}"#
        #expect(try load(file, ["-dev"]).configuration.server.encrypt?.base64 == key)
        #expect(try load(file, ["-dev", "-encrypt="]).configuration.server.encrypt == nil)
    }

    @Test(
        "An upgrade version has one to three numbers, and what may follow them",
        arguments: [
            ("", true), ("1", true), ("1.2", true), ("1.2.3", true), ("0.0.0", true),
            ("1.2.3-beta.1", true), ("1.2.3+ent", true), ("1.2.3-rc.1+ent.7", true),
            ("1.2.3.4", false), ("v1.2", false), ("1.", false), (".1", false), ("1..2", false),
            ("latest", false), ("1.2 3", false), ("1.2.x", false), ("-1", false), ("1,2", false),
            ("1234567890.0.0", false), ("1.2.3-" + String(repeating: "a", count: 59), false),
        ])
    func upgradeVersions(text: String, isRight: Bool) {
        let json = "{\"server\": {\"upgrade_version\": \"\(text)\"}}"
        #expect((failure(of: json) == nil) == isRight)
    }

    @Test("Nomad's other keys start a server; a warning says once what has no effect")
    func recognisedKeys() throws {
        let loaded = try load(
            """
            {"enable_debug": true, "client": [{"enabled": true}, {"enabled": true}],
             "vault": {"enabled": false, "address": ""}, "consul": {},
             "plugin": {"docker": {"config": {"x": 1}}}, "disable_update_check": true,
             "server": {"num_schedulers": 2, "heartbeat_grace": "10s"},
             "telemetry": {"statsd_address": "10.0.0.1:8125"}}
            """, ["-dev"])
        let keys = loaded.warnings.map { $0.split(separator: " ")[1] }
        #expect(keys == ["enable_debug:", "client:", "plugin:", "telemetry.statsd_address:"])
        #expect(loaded.warnings.first?.hasPrefix("/c.json:1:2: enable_debug: ") == true)
    }

    @Test(
        "What does not hold together is told where it was written",
        arguments: [
            (#"{"server": {"enabled": true, "bootstrap_expect": 1}}"#, "data_dir: missing"),
            (#"{"data_dir": "/d"}"#, "server.enabled: must be true"),
            (#"{"data_dir": "/d", "server": {"enabled": false}}"#, "/c.json:1:31: server.enabled"),
            (#"{"data_dir": "/d", "server": {"enabled": true}}"#, "neither start a cluster"),
            (
                #"{"data_dir":"/d","server":{"enabled":true,"bootstrap_expect":1},"ports":{"rpc":4646}}"#,
                "/c.json:1:74: ports.rpc: ports.rpc and ports.http are both 4646"
            ),
            (
                #"{"data_dir":"/d","server":{"enabled":true,"bootstrap_expect":1},"ports":{"http":4648}}"#,
                "/c.json:1:74: ports.http: ports.serf and ports.http are both 4648"
            ),
            (
                #"{"data_dir":"/d","server":{"enabled":true,"retry_join":["10.0.0.1"]}}"#,
                "advertise.rpc: missing"
            ),
            (
                #"{"data_dir":"/d","server":{"enabled":true,"bootstrap_expect":1,"non_voting_server":true}}"#,
                "server.non_voting_server: a server that never votes"
            ),
        ])
    func wholes(json: String, message: String) {
        let failure = failure(of: json, [])
        #expect(failure?.text.contains(message) == true, "\(failure?.text ?? "")")
        #expect(failure?.exitCode == 1)
    }

    @Test("Port 0 lets the system choose and may be given three times")
    func portZero() throws {
        let ports = try loadDev(["-http-port=0", "-rpc-port=0", "-serf-port=0"]).ports
        #expect(ports.http == 0 && ports.rpc == 0 && ports.serf == 0)
    }

    @Test("An even number of servers and a cluster in memory get a warning")
    func warnings() throws {
        let loaded = try load(
            """
            {"data_dir": "/d", "bind_addr": "127.0.0.1", "storage": {"backend": "memory"},
             "server": {"enabled": true, "bootstrap_expect": 2, "retry_join": ["127.0.0.1:1"]}}
            """)
        #expect(
            loaded.warnings.contains { $0.hasPrefix("/c.json:2:30: server.bootstrap_expect: 2") })
        #expect(loaded.warnings.contains { $0.contains("storage.backend: \"memory\" forgets") })
    }

    @Test("Files that cannot be read or are too large are told by name, exit 1")
    func unreadable() {
        let files = FakeFiles(texts: [
            "/big.json": String(repeating: " ", count: (1 << 20) + 1)
        ])
        for (path, message) in [
            ("/none.json", "/none.json: no such file"), ("/big.json", "/big.json: larger than"),
        ] {
            let result = AgentConfiguration.load(
                arguments: ["-dev", "-config", path], files: files, hostName: "host")
            guard case .failure(let failure) = result else {
                Issue.record("\(path) was accepted")
                continue
            }
            #expect(failure.text.contains(message))
            #expect(failure.exitCode == 1)
        }
    }
}
