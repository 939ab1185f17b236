// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletHost

@Suite("martlet tls") struct TLSCommandTests {
    private let world = SimulatedWorld(seed: 1)
    private let host: SimulatedHost
    private var files: SimulatedFiles { host.files }
    /// 2026-01-01.
    private static let now: Int64 = 1_767_225_600

    init() { host = world.makeHost("host") }

    private func run(_ arguments: String...) throws(ConfigurationFailure) -> String {
        try TLSCommand.parse(arguments).outcome(
            files: files, certificates: WishWriter(), now: Self.now)
    }

    private func failure(_ arguments: String...) -> ConfigurationFailure? {
        do throws(ConfigurationFailure) {
            _ = try TLSCommand.parse(arguments).outcome(
                files: files, certificates: WishWriter(), now: Self.now)
            return nil
        } catch {
            return error
        }
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try files.read(path, limitBytes: 1 << 20), as: UTF8.self)
    }

    @Test("An authority is asked for as it was wished, and its files have Nomad's names")
    func authority() throws {
        let output = try run("ca", "create", "-domain=acme", "--days", "10", "-common-name", "A CA")
        #expect(
            output == """
                ==> CA certificate saved to: acme-agent-ca.pem
                ==> CA certificate key saved to: acme-agent-ca-key.pem

                """)
        #expect(try text("acme-agent-ca.pem") == "A CA [] 864060 s")
        #expect(try text("acme-agent-ca-key.pem") == "key")
        _ = try run(
            "ca", "create", "-name-constraint", "-additional-domain", "a", "-additional-domain=b")
        #expect(
            try text("nomad-agent-ca.pem")
                == "Nomad Agent CA 1767225600 [\"a\", \"b\", \"nomad\", \"localhost\"] 157680060 s")
    }

    @Test("A certificate is asked for by its role", arguments: ["server", "client", "cli"])
    func roles(_ role: String) throws {
        _ = try run("ca", "create")
        let output = try run(
            "cert", "create", "-\(role)", "-region", "eu", "-additional-dnsname", "x",
            "-additional-ipaddress", "::1")
        #expect(output.contains("Certificate saved to eu-\(role)-nomad.pem\n"))
        #expect(output.contains("Certificate key saved to eu-\(role)-nomad-key.pem\n"))
        #expect(
            output.contains(
                "==> Using CA file nomad-agent-ca.pem and CA key nomad-agent-ca-key.pem\n"))
        #expect(output.hasPrefix("==> WARNING") == (role == "server"))
        let expected =
            role == "cli"
            ? "cli.eu.nomad [\"cli.eu.nomad\", \"localhost\", \"x\"] [::1]:0 client"
            : "\(role).eu.nomad [\"\(role).eu.nomad\", \"localhost\", \"x\"] [::1]:0 127.0.0.1:0 "
                + "server client"
        #expect(try text("eu-\(role)-nomad.pem") == expected)
    }

    @Test("Nothing is written over, and nothing is written beside what is there")
    func existing() throws {
        _ = try run("ca", "create")
        #expect(
            failure("ca", "create")?.text
                == "nomad-agent-ca.pem already exists: it is not written over")
        try files.remove("nomad-agent-ca.pem")
        #expect(failure("ca", "create")?.text.hasPrefix("nomad-agent-ca-key.pem") == true)
        #expect(!files.exists("nomad-agent-ca.pem"))
        #expect(failure("ca", "create")?.exitCode == 1)
    }

    @Test(
        "A wrong command line exits 2 and says what is wrong",
        arguments: [
            (["cert", "create"], "one of -server, -client and -cli"),
            (["cert", "create", "-server", "-cli"], "one of -server"),
            (["cert", "create", "-sever"], "did you mean -server"),
            (["cert", "create", "-server", "-days"], "-days wants a value"),
            (
                ["cert", "create", "-server", "-days", "0"],
                "-days: \"0\" is no number of 1 to 36500"
            ),
            (["cert", "create", "-server", "-region", "../x"], "-region: \"../x\" is no name"),
            (["cert", "create", "-server", "-additional-ipaddress", "x"], "is no address"),
            (["ca", "create", "-additional-domain", "a"], "without -name-constraint"),
            (["ca", "create", "x"], "unexpected argument"),
            (["cert", "info"], "wants one file"),
            (["ca"], "unknown command \"tls ca\""),
        ])
    func wrong(_ arguments: [String], _ words: String) {
        do throws(ConfigurationFailure) {
            _ = try TLSCommand.parse(arguments)
            Issue.record("taken")
        } catch {
            #expect(error.text.contains(words), "\(error.text)")
            #expect(error.exitCode == 2)
        }
    }

    @Test("Help is printed, wherever it is asked for")
    func help() throws {
        for arguments in [
            [], ["-h"], ["ca", "create", "-help"], ["cert", "create", "--help"],
            ["ca", "info", "-h"],
        ] {
            #expect(try TLSCommand.parse(arguments).action == .help(TLSCommand.help))
        }
    }

    @Test("What a certificate says is shown in rows, with the days it has left")
    func info() throws {
        try files.replace("c.pem", with: [1])
        let output = try run("cert", "info", "c.pem")
        #expect(output.contains("Common Name        = server.global.nomad\n"))
        #expect(output.contains("Expiry Date        = 2026-01-31T00:00:00Z (in 30 days)\n"))
        #expect(output.contains("IP Addresses       = <none>\n"))
        #expect(failure("cert", "info", "none.pem")?.exitCode == 1)
    }
}

/// Writes what it was asked for in place of certificates.
private struct WishWriter: Certificates {
    func makeAuthority(_ wish: AuthorityWish) throws(SecurityError) -> CertificateAndKey {
        made("\(wish.commonName) \(wish.permittedDomains) \(wish.notAfter - wish.notBefore) s")
    }

    func makeCertificate(
        _ wish: CertificateWish, by authority: CertificateAndKey
    ) throws(SecurityError) -> CertificateAndKey {
        let addresses = wish.addresses.map { " \($0)" }.joined()
        return made(
            "\(wish.commonName) \(wish.dnsNames)\(addresses)\(wish.isForServers ? " server" : "")"
                + (wish.isForClients ? " client" : ""))
    }

    func read(_ file: [UInt8]) throws(SecurityError) -> [CertificateFacts] {
        var facts = CertificateFacts()
        facts.commonName = "server.global.nomad"
        facts.notAfter = 1_767_225_600 + 30 * 86_400
        return [facts]
    }

    private func made(_ text: String) -> CertificateAndKey {
        CertificateAndKey(certificate: Array(text.utf8), key: Array("key".utf8))
    }
}
