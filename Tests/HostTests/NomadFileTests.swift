// SPDX-License-Identifier: Apache-2.0
import Foundation
import MartletHost
import MartletTransport
import Testing

@Suite("Nomad's files") struct NomadFileTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("NomadFiles")

    /// Loads one of the files. What this version does not do yet may keep a server from starting,
    /// nothing else.
    private func load(_ name: String) throws -> LoadedConfiguration? {
        let path = Self.folder.appendingPathComponent(name).path
        let text = try String(contentsOfFile: path, encoding: .utf8)
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
                "http_api_response_headers",
            ])
    }

    @Test("A server that is a client too: what has no effect is named once each")
    func combined() throws {
        let loaded = try #require(try load("combined.hcl"))
        #expect(loaded.configuration.server.retryJoin == ["192.168.7.2"])
        #expect(
            keys(of: loaded) == [
                "client", "plugin", "consul", "vault", "telemetry.prometheus_metrics",
                "telemetry.datadog_tags",
            ])
        #expect(!loaded.warnings.joined().contains("b5ab2b8d"))
    }
}
