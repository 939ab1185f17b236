// SPDX-License-Identifier: Apache-2.0
import Foundation
import MartletHCL
import MartletHost
import MartletJSON
import MartletTransport
import Testing

@Suite("Nomad's files") struct NomadFileTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("NomadFiles")

    private func text(of name: String) throws -> String {
        let path = Self.folder.appendingPathComponent(name).path
        return try String(contentsOfFile: path, encoding: .utf8)
    }

    private func load(_ name: String) throws -> LoadedConfiguration? {
        load(text: try text(of: name))
    }

    /// What this version does not do yet may keep a server from starting, nothing else.
    private func load(text: String) -> LoadedConfiguration? {
        let files = FakeFiles(texts: ["/n.hcl": text])
        switch AgentConfiguration.load(
            arguments: ["-config=/n.hcl"], files: files, hostName: "host")
        {
        case .success(let loaded): return loaded
        case .failure(let failure):
            let others = failure.text.split(separator: "\n").filter {
                !$0.hasSuffix("so it does not start")
            }
            #expect(others == [])
            return nil
        }
    }

    /// The key of each warning, which names its place first.
    private func keys(of loaded: LoadedConfiguration) -> [Substring] {
        loaded.warnings.map { $0.split(separator: " ")[1].dropLast() }
    }

    @Test("A server of three, with most of what is documented")
    func server() throws {
        let loaded = try #require(try load("server.hcl"))
        let configuration = loaded.configuration
        #expect(configuration.name == "nomad-1")
        #expect(configuration.addresses.http == "127.0.0.1")
        #expect(configuration.advertisedAddress(of: .serf)?.description == "10.1.0.11:5648")
        #expect(configuration.server.bootstrapExpect == 3)
        #expect(configuration.server.retryJoin.count == 3)
        #expect(configuration.server.retryInterval == .seconds(15))
        #expect(configuration.server.encrypt != nil)
        #expect(configuration.autopilot.minQuorum == 3)
        #expect(configuration.logFile == "/var/log/nomad/nomad.log")
        #expect(
            keys(of: loaded) == [
                "log_rotate_bytes", "log_rotate_duration", "log_rotate_max_files",
                "telemetry.statsd_address", "ui", "consul", "http_api_response_headers",
            ])
    }

    @Test("A server where ACLs, TLS and the audit log are on")
    func secured() throws {
        guard let loaded = try load("secured.hcl") else { return }
        #expect(loaded.configuration.acl.isEnabled)
        #expect(loaded.configuration.tls.minimumVersion == .tls13)
        #expect(loaded.configuration.tls.cipherSuites.count == 2)
        #expect(loaded.configuration.audit.sinks.map(\.name) == ["audit"])
        #expect(loaded.configuration.audit.sinks[0].mode == 0o640)
        #expect(loaded.configuration.limits.rpcMaxConnectionsPerClient == 255)
        #expect(
            keys(of: loaded) == [
                "server.default_scheduler_config", "server.oidc_issuer",
                "server.enable_event_broker", "audit.filter", "sentinel", "keyring",
                "http_api_response_headers", "audit.sink.audit.mode",
            ])
    }

    @Test("A server that is a client too: what has no effect is named once each")
    func combined() throws {
        let loaded = try #require(try load("combined.hcl"))
        #expect(loaded.configuration.server.retryJoin == ["192.168.7.2"])
        #expect(
            keys(of: loaded) == [
                "client", "plugin", "consul", "vault", "telemetry.datadog_tags",
            ])
        #expect(!loaded.warnings.joined().contains("b5ab2b8d"))
    }

    @Test(
        "Printed, and as JSON, they say the same",
        arguments: ["server.hcl", "secured.hcl", "combined.hcl"])
    func otherForms(name: String) throws {
        let text = try text(of: name)
        let body = try HCL.parse(Array(text.utf8))
        let printed = HCL.print(body)
        #expect(try HCL.parse(Array(printed.utf8)) == body)
        let original = load(text: text)
        for other in [load(text: printed), load(text: Self.json(body))] {
            #expect(other?.configuration == original?.configuration)
            #expect(other.map { keys(of: $0) } == original.map { keys(of: $0) })
        }
    }

    /// As Nomad's own JSON writes it: labels are objects, blocks of one key are a list.
    private static func json(_ body: HCLBody) -> String {
        var keys: [String] = []
        for item in body.items where !keys.contains(item.key) { keys.append(item.key) }
        let members = keys.map { key in
            let values = body.items.filter { $0.key == key }.map { item in
                item.labels.reversed().reduce(json(item.node)) { inner, label in
                    "{\(goQuoted(label.text)): \(inner)}"
                }
            }
            let isBlock =
                if case .object = body.items.first(where: { $0.key == key })?.node.value {
                    true
                } else { false }
            let value = isBlock ? "[\(values.joined(separator: ", "))]" : values.last ?? "null"
            return "\(goQuoted(key)): \(value)"
        }
        return "{\(members.joined(separator: ", "))}"
    }

    private static func json(_ node: HCLNode) -> String {
        switch node.value {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let text): HCLNumber.integer(text).map(String.init) ?? text
        case .string(let text): goQuoted(text)
        case .list(let nodes): "[\(nodes.map(json).joined(separator: ", "))]"
        case .object(let body): json(body)
        }
    }
}
