// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletSimulation
import MartletStorage
import Testing

@testable import MartletServer

@Suite("Recovery by peers.json") struct PeersFileTests {
    private typealias Fixture = FolderFixture
    private static let ids = [
        "00000000-0000-0001-0000-000000000002", "00000000-0000-0003-0000-000000000004",
    ]

    private func problem(_ text: String) -> String? {
        do throws(PeersFile.Problem) {
            _ = try PeersFile.parse(Array(text.utf8))
            return nil
        } catch {
            return error.text
        }
    }

    @Test("Nomad's form for Raft protocol 3 is read, and written the same")
    func form() throws {
        let text = """
            [{"id": "\(Self.ids[0])", "address": "10.1.0.1:4647"},
             {"id": "\(Self.ids[1])", "address": "10.1.0.2:4647", "non_voter": true}]
            """
        let configuration = try PeersFile.parse(Array(text.utf8))
        #expect(
            configuration.servers == [
                .init(id: ServerID(high: 1, low: 2), address: "10.1.0.1:4647", role: .voter),
                .init(id: ServerID(high: 3, low: 4), address: "10.1.0.2:4647", role: .nonVoter),
            ])
        #expect(try PeersFile.parse(Array(PeersFile.text(configuration).utf8)) == configuration)
    }

    @Test("What cannot be followed is refused with what is wrong")
    func problems() {
        let server = #""id": "\#(Self.ids[0])", "address": "10.1.0.1:4647""#
        let cases = [
            ("[]", "need at least one voter"),
            (#"["10.1.0.1:4647"]"#, "json: cannot unmarshal string"),
            (#"["10.1.0.1:4647"]"#, "Raft protocol 2"),
            ("{}", "json: cannot unmarshal object"),
            ("[", "unexpected EOF"),
            ("[{\(server)}, {\(server)}]", "duplicate id"),
            (
                #"[{\#(server)}, {"id": "\#(Self.ids[1])", "address": "10.1.0.1:4647"}]"#,
                "duplicate address"
            ),
            (#"[{\#(server), "non_voter": true}]"#, "need at least one voter"),
            (#"[{\#(server), "non_voter": 1}]"#, "non_voter"),
            (#"[{\#(server), "nonvoter": true}]"#, "unknown field"),
            (#"[{"id": "x", "address": "10.1.0.1:4647"}]"#, "UUID"),
            (#"[{"id": "\#(Self.ids[0])", "address": "host:4647"}]"#, "ip:port"),
            (#"[{"id": "\#(Self.ids[0])"}]"#, "ip:port"),
        ]
        for (text, wanted) in cases {
            #expect(problem(text)?.contains(wanted) == true, "\(text): \(problem(text) ?? "taken")")
        }
    }

    private func text(_ servers: (ServerID, String)...) -> String {
        PeersFile.text(
            Configuration(servers: servers.map { .init(id: $0.0, address: $0.1, role: .voter) }))
    }

    @Test("The survivor gets the new configuration after its log, a new epoch, and the file goes")
    func survivor() throws {
        let fixture = try FolderFixture()
        let server = try fixture.join(besides: [Fixture.other, Fixture.third])
        try fixture.write(text((server.serverID, "10.0.0.1:4647")), to: Fixture.peersFile)
        let opened = try fixture.folder().open()

        let entries = opened.replica.restored.entries
        #expect(entries.map(\.index.number) == [1, 2, 3, 4])
        #expect(entries.last?.kind == .configuration)
        #expect(entries.last?.term.number == 2 + Term.recoveryStride)
        #expect(opened.replica.metadata.recoveryEpoch >> 32 == 1)
        #expect(opened.replica.metadata.otherVoters == 0)
        #expect(!fixture.host.files.exists(Fixture.peersFile))
        let again = try fixture.folder().open().replica
        #expect(again.metadata == opened.replica.metadata)
        #expect(again.restored == opened.replica.restored)
    }

    @Test("A crash at any change of a recovery leaves one that ends the same")
    func crashes() throws {
        var whole: (ServerMetadata, [UInt64])?
        for changes in (0..<20).reversed() {
            let fixture = try FolderFixture()
            let server = try fixture.join(besides: [Fixture.other])
            try fixture.write(text((server.serverID, "10.0.0.1:4647")), to: Fixture.peersFile)
            let files = CrashingFiles(fixture.host.files, after: changes)
            do { _ = try fixture.folder(files).open() } catch { #expect(files.hasCrashed) }
            let replica = try fixture.folder().open().replica
            let terms = replica.restored.entries.map(\.term.number)
            if let whole {
                #expect(replica.metadata == whole.0, "after \(changes) changes")
                #expect(terms == whole.1)
            } else {
                whole = (replica.metadata, terms)
            }
        }
    }

    @Test("The same file brings equal epochs, another file or another life does not")
    func epochs() {
        func servers(_ ids: ServerID...) -> Configuration {
            Configuration(servers: ids.map { .init(id: $0, address: "a", role: .voter) })
        }
        let first = Term(Term.recoveryStride + 9)
        let second = Term(2 * Term.recoveryStride + 9)
        let one = RecoveryEpoch.of(first, servers(Fixture.other, Fixture.third))
        #expect(one == RecoveryEpoch.of(first, servers(Fixture.third, Fixture.other)))
        #expect(one != RecoveryEpoch.of(first, servers(Fixture.other)))
        #expect(one != RecoveryEpoch.of(second, servers(Fixture.other, Fixture.third)))
        #expect(RecoveryEpoch.text(one).hasPrefix("1-"))
    }

    @Test("A server without state, or that is not in the file, refuses and keeps the file")
    func refusals() throws {
        let fixture = try FolderFixture()
        try fixture.host.files.makeDirectory(Fixture.raft)
        try fixture.write(text((Fixture.other, "10.0.0.1:4647")), to: Fixture.peersFile)
        #expect(fixture.refusal()?.description.contains("no state") == true)
        try fixture.host.files.remove(Fixture.peersFile)
        try fixture.join(besides: [Fixture.other])
        try fixture.write(text((Fixture.other, "10.0.0.1:4647")), to: Fixture.peersFile)
        #expect(fixture.refusal()?.description.contains("is not in the file") == true)
        try fixture.write("[]", to: Fixture.peersFile)
        #expect(
            fixture.refusal()?.description.contains("\(Fixture.peersFile): need at least one voter")
                == true)
        #expect(fixture.host.files.exists(Fixture.peersFile))
    }

    @Test("Damaged data, and what was not refilled yet, are no base for a recovery")
    func damagedBase() throws {
        let fixture = try FolderFixture()
        let server = try fixture.join(besides: [Fixture.other])
        let file = text((server.serverID, "10.0.0.1:4647"))
        try fixture.write(file, to: Fixture.peersFile)
        fixture.damaged = [0]
        #expect(fixture.refusal()?.description.contains("is damaged") == true)
        #expect(try fixture.aside.isEmpty)
        try fixture.host.files.remove(Fixture.peersFile)
        _ = try fixture.folder().open()
        try fixture.write(file, to: Fixture.peersFile)
        #expect(fixture.refusal() != nil)
    }

    @Test("The place of the file is explained beside it")
    func explained() throws {
        let fixture = try FolderFixture()
        _ = try fixture.folder().open()
        let info = try fixture.host.files.read("/data/server/raft/peers.info", limitBytes: 9999)
        #expect(String(decoding: info, as: UTF8.self).contains("peers.json"))
    }
}
