// SPDX-License-Identifier: Apache-2.0
import MartletServer
import MartletTransport
import Testing

@testable import MartletHost

/// What a file makes of the defaults, checked for what `acl`, `tls` and `audit` say only.
private func read(_ texts: String...) -> ConfigurationReader {
    var reader = ConfigurationReader(over: AgentConfiguration())
    for (index, text) in texts.enumerated() {
        reader.read(Array(text.utf8), named: "/\(index + 1).hcl")
    }
    if reader.problems.isEmpty { reader.checkSecurity() }
    return reader
}

@Suite("Configuration of acl, tls and audit") struct ConfigurationSecurityTests {
    @Test("Every key reaches the configuration")
    func everyKey() {
        let reader = read(
            """
            acl {
              enabled = true
              token_ttl = "1s"
              policy_ttl = "2s"
              role_ttl = "3s"
              token_min_expiration_ttl = "4s"
              token_max_expiration_ttl = "5h"
              bootstrap_reset_revokes = true
            }
            tls {
              http = true
              rpc = true
              ca_file = "/ca"
              cert_file = "/cert"
              key_file = "/key"
              verify_server_hostname = true
              verify_https_client = true
              rpc_upgrade_mode = true
              tls_min_version = "tls13"
              tls_cipher_suites = "A_B, C_D ,E"
              tls_prefer_server_cipher_suites = true
            }
            audit {
              enabled = true
              sink "one" {
                type = "file"
                delivery_guarantee = "best-effort"
                format = "json"
                path = "/audit.log"
                mode = "0640"
                rotate_bytes = 1
                rotate_duration = "2h"
                rotate_max_files = 3
              }
            }
            limits {
              http_max_conns = 1
              http_max_requests = 2
              http_max_requests_per_client = 3
              http_header_timeout = "4s"
              http_body_timeout = "5s"
              http_idle_timeout = "6s"
            }
            """)
        var expected = AgentConfiguration()
        expected.acl.isEnabled = true
        expected.acl.tokenTTL = .seconds(1)
        expected.acl.policyTTL = .seconds(2)
        expected.acl.roleTTL = .seconds(3)
        expected.acl.tokenMinExpirationTTL = .seconds(4)
        expected.acl.tokenMaxExpirationTTL = .seconds(5 * 3_600)
        expected.acl.bootstrapResetRevokes = true
        expected.tls.http = true
        expected.tls.rpc = true
        expected.tls.caFile = "/ca"
        expected.tls.certFile = "/cert"
        expected.tls.keyFile = "/key"
        expected.tls.verifyServerHostname = true
        expected.tls.verifyHTTPSClient = true
        expected.tls.rpcUpgradeMode = true
        expected.tls.minimumVersion = .tls13
        expected.tls.cipherSuites = ["A_B", "C_D", "E"]
        expected.tls.prefersServerCipherSuites = true
        expected.audit.isEnabled = true
        var sink = AgentConfiguration.Audit.Sink(name: "one")
        sink.deliveryGuarantee = .bestEffort
        sink.path = "/audit.log"
        sink.mode = 0o640
        sink.rotateBytes = 1
        sink.rotateDuration = .seconds(7_200)
        sink.rotateMaxFiles = 3
        expected.audit.sinks = [sink]
        expected.limits.httpMaxConnections = 1
        expected.limits.httpMaxRequests = 2
        expected.limits.httpMaxRequestsPerClient = 3
        expected.limits.httpHeaderTimeout = .seconds(4)
        expected.limits.httpBodyTimeout = .seconds(5)
        expected.limits.httpIdleTimeout = .seconds(6)
        #expect(reader.problems == [])
        #expect(reader.configuration == expected)
    }

    @Test(
        "What cannot be is told, with what would be right",
        arguments: [
            (
                "tls { tls_min_version = \"tls11\" }",
                "\"tls11\" must be \"tls12\" or \"tls13\", what is"
            ),
            ("tls { ca_file = \"ca.pem\" }", "must be an absolute path"),
            ("tls { tls_cipher_suites = \"A;B\" }", "\"A;B\" must be names such as \"TLS_"),
            ("acl { token_ttl = \"25h\" }", "must be a duration from 0s to 24h0m0s"),
            ("acl { token_min_expiration_ttl = \"25h\" }", "25h0m0s is more than token_max"),
            (
                "audit { sink \"a\" { type = \"socket\" } }",
                "audit.sink.a.type: \"socket\" must be \"file\""
            ),
            (
                "audit { sink \"a\" { mode = \"0666\" } }",
                "\"0666\" must be an octal number such as"
            ),
            ("audit { sink \"a\" { mode = \"0400\" } }", "\"0400\" must be an octal"),
            ("audit { sink \"a\" { mode = \"u+rw\" } }", "\"u+rw\" must be an octal"),
            ("audit { sink \"a\" { mode = 0701 } }", "0701 must be an octal"),
            (
                "audit { sink \"a\" { pathh = \"/x\" } }",
                "unknown key \"pathh\" in audit.sink.a: did you"
            ),
            ("audit { sink { path = \"/x\" } }", "audit.sink: \"sink\" \"path\" must be a block"),
            ("audit { sink \"a b\" {} }", "audit.sink: \"a b\" must be 1 to 128 letters"),
            (
                "audit { sink = 5 }",
                "/1.hcl:1:16: audit.sink: \"sink\" must be a block, with 1 name"
            ),
            ("tls { http = true }", "tls.cert_file: missing: tls.http is true, and TLS needs"),
            ("tls { rpc = true }", "tls.ca_file: missing: tls.rpc is true"),
            (
                "audit { enabled = true\nsink \"a\" {}\nsink \"b\" {}\n}",
                "/1.hcl:3:6: audit.sink.b: a second sink: there is one audit log"
            ),
        ])
    func wrongs(text: String, message: String) {
        let told = read(text).problems.map(\.description).joined(separator: "\n")
        #expect(told.contains(message), "\(told)")
    }

    @Test(
        "A switch that is believed to protect and does not gets a warning",
        arguments: [
            ("tls { verify_https_client = true }", "tls.verify_https_client: has no effect"),
            ("tls { verify_server_hostname = true }", "tls.verify_server_hostname: has no effect"),
            ("tls { rpc_upgrade_mode = true }", "tls.rpc_upgrade_mode: has no effect"),
            (
                #"tls { rpc_upgrade_mode = true rpc = true ca_file="/a" cert_file="/b" key_file="/c" }"#,
                "tls.rpc_upgrade_mode: servers without TLS are taken too"
            ),
            ("acl { replication_token = \"x\" }", "acl.replication_token: there is one region"),
            (
                "audit { enabled = true\nsink \"a\" { mode = \"0640\" }\n}",
                "audit.sink.a.mode: has no effect: audit files are always 0600"
            ),
            ("audit { filter \"f\" { type = \"x\" } }", "audit.filter: nothing is left out"),
        ])
    func warnings(text: String, message: String) {
        let reader = read(text)
        #expect(reader.problems == [])
        #expect(reader.warnings.lines.count == 1)
        #expect(reader.warnings.lines.first?.contains(message) == true)
    }

    @Test("A later file's sink of the same name is a new one, others are added")
    func sinks() {
        let reader = read(
            "audit { sink \"a\" { path = \"/a\" rotate_bytes = 5 } }",
            "audit { sink \"a\" { path = \"/b\" }\n sink \"c\" { path = \"/c\" } }",
            #"{"audit": {"sink": [{"d": {"path": "/d"}}, {"e": [{"path": "/e"}]}]}}"#)
        #expect(reader.problems == [])
        #expect(reader.configuration.audit.sinks.map(\.name) == ["a", "c", "d", "e"])
        #expect(reader.configuration.audit.sinks.map(\.path) == ["/b", "/c", "/d", "/e"])
        #expect(reader.configuration.audit.sinks[0].rotateBytes == 0)
        #expect(reader.origin(of: "audit.sink.a.rotate_bytes") == .none)
        #expect(reader.origin(of: "audit.sink.a.path") == .file("/2.hcl", line: 1, column: 20))
    }

    @Test("ACLs can be switched on by a flag")
    func aclFlag() throws {
        var reader = read("acl { enabled = false }")
        for setting in try AgentCommandLine.parse(["-acl-enabled"]).settings {
            reader.read(setting)
        }
        #expect(reader.configuration.acl.isEnabled)
        #expect(reader.origin(of: "acl.enabled") == .flag("-acl-enabled"))
    }

    @Test("An audit log without a sink goes to a file in the data folder; none while it is off")
    func standardSink() {
        var configuration = AgentConfiguration()
        configuration.dataDirectory = "/d"
        #expect(configuration.auditSinks == [])
        configuration.audit.isEnabled = true
        #expect(configuration.auditSinks.map(\.name) == ["file"])
        #expect(configuration.auditPath(of: configuration.auditSinks[0]) == "/d/audit/audit.log")
        configuration.audit.sinks = [.init(name: "x")]
        #expect(configuration.auditSinks.map(\.name) == ["x"])
    }
}

@Suite("Configuration of limits") struct ConfigurationLimitsTests {
    @Test("Every limit reaches the server, and what nobody sets is what a server has by itself")
    func limits() {
        let address = SocketAddress.ipv4(0x7f00_0001, port: 0)
        var options = ServerOptions(
            name: "s", httpAddress: address, peerAddress: address, gossipAddress: address)
        let standard = String(reflecting: options)
        AgentConfiguration.Limits().apply(to: &options)
        #expect(String(reflecting: options) == standard)

        let reader = read(
            """
            limits {
              http_max_conns_per_client = 1 http_max_conns = 2 http_max_requests = 3
              http_max_requests_per_client = 4 http_header_timeout = "5s" http_body_timeout = "6s"
              http_idle_timeout = "7s" rpc_hold_timeout = "8s" rpc_max_conns_per_client = 9
              rpc_handshake_timeout = "10s"
            }
            """)
        reader.configuration.limits.apply(to: &options)
        #expect(options.httpLimits.connectionsPerClientMax == 1)
        #expect(options.httpLimits.connectionsMax == 2)
        #expect(options.httpLimits.requestsMax == 3)
        #expect(options.httpLimits.requestsPerClientMax == 4)
        #expect(options.httpLimits.headerTimeout == .seconds(5))
        #expect(options.httpLimits.bodyTimeout == .seconds(6))
        #expect(options.httpLimits.idleTimeout == .seconds(7))
        #expect(options.leaderHold == .seconds(8))
        #expect(options.peerConnectionsPerAddressMax == 9)
        #expect(options.greetingTimeout == .seconds(10))
    }
}
