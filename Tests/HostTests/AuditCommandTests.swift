// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletHost
@testable import MartletServer

@Suite("martlet audit verify") struct AuditCommandTests {
    private let world = SimulatedWorld(seed: 1)
    private let host: SimulatedHost

    init() throws {
        host = world.makeHost("s1")
        var options = AuditOptions(path: "/log/audit.log")
        options.rotateBytes = 500
        var file = AuditFile(options, node: "s1", files: host.files, crypto: host.crypto)
        for number in 1...12 { try file.write([Array("{\"n\":\(number)".utf8)], at: 0) }
    }

    private func verify(_ arguments: String...) throws -> AuditVerifier {
        try AuditCommand.parse(arguments).verify(host.files, host.crypto)
    }

    @Test("A folder is read whole, the oldest file first, and files as they are given")
    func order() throws {
        let names = try host.files.list("/log")
        try #require(names.count > 2)
        let whole = try verify("/log")
        #expect(whole.isIntact && whole.first == 1)
        let sorted = names.filter { $0 != "audit.log" } + ["audit.log"]
        let given = try AuditCommand.parse(sorted.map { "/log/\($0)" })
        #expect(try given.verify(host.files, host.crypto).isIntact)
        let wrong = try AuditCommand.parse(sorted.reversed().map { "/log/\($0)" })
        #expect(try !wrong.verify(host.files, host.crypto).isIntact)
    }

    @Test("A finding names the file and the line")
    func finding() throws {
        var bytes = try host.files.read("/log/audit.log", limitBytes: 1 << 20)
        bytes[10] ^= 1
        try host.files.replace("/log/audit.log", with: bytes)
        let verifier = try verify("/log/")
        #expect(verifier.findings.map(\.description).first?.hasPrefix("/log/audit.log:1: ") == true)
        #expect(!verifier.isIntact)
    }

    @Test(
        "What cannot be read, and a wrong command line, end with 2",
        arguments: [
            ["/none"], ["-x", "/log"], [], ["-name", "a/b", "/log"], ["-name=other", "/empty"],
        ])
    func wrong(arguments: [String]) throws {
        try host.files.makeDirectory("/empty")
        #expect {
            _ = try AuditCommand.parse(arguments).verify(host.files, host.crypto)
        } throws: {
            ($0 as? ConfigurationFailure)?.exitCode == 2
        }
    }
}
