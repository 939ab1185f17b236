// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import MartletSimulation
import MartletStorage
import Testing

@testable import MartletServer

@Suite("Damage to a data folder") struct DataFolderTests {
    private typealias Fixture = FolderFixture

    @Test("A first start makes an identity, beside the stores and in them, and keeps it")
    func firstStart() throws {
        let fixture = try FolderFixture()
        let first = try fixture.folder().open().replica.metadata
        #expect(try fixture.folder().identityFile.read() == .sound(first))
        #expect(try fixture.disk.openMetadataStore().load() == first)
        #expect(try fixture.folder().open().replica.metadata == first)
        #expect(!first.isRecovering)
    }

    @Test("A crash at any change of a first start leaves what starts as one server")
    func firstStartCrashes() throws {
        for changes in 0..<20 {
            let fixture = try FolderFixture()
            let files = CrashingFiles(fixture.host.files, after: changes)
            do {
                _ = try fixture.folder(files).open()
            } catch {
                #expect(files.hasCrashed, "\(error)")
            }
            let server = try fixture.folder().open().replica.metadata
            #expect(!server.isRecovering)
            #expect(try fixture.folder().open().replica.metadata == server)
            if !files.hasCrashed { return }
        }
        Issue.record("the start never came to its end")
    }

    @Test("Damaged stores are set aside, and the same server recovers")
    func setAside() throws {
        let fixture = try FolderFixture()
        let server = try fixture.join(besides: [Fixture.other, Fixture.third])
        fixture.damaged = [0]
        let opened = try fixture.folder().open()

        var expected = server
        expected.isRecovering = true
        #expect(opened.replica.metadata == expected)
        #expect(opened.replica.restored.isRecovering)
        #expect(!opened.replica.hasLog)
        #expect(try fixture.aside == ["raft.damaged-20231114T221320Z"])
        #expect(fixture.host.files.exists("/data/server/raft.damaged-20231114T221320Z/FORMAT"))
        #expect(try fixture.folder().open().replica.metadata == expected, "until it is refilled")
    }

    @Test("Damage that is found again gets another name")
    func twice() throws {
        let fixture = try FolderFixture()
        try fixture.join(besides: [Fixture.other])
        fixture.damaged = [0]
        _ = try fixture.folder().open()
        fixture.damaged = [0, 1]
        _ = try fixture.folder().open()
        #expect(
            try fixture.aside
                == ["raft.damaged-20231114T221320Z", "raft.damaged-20231114T221320Z-2"])
    }

    @Test("A crash at any change of setting aside goes on with the next start")
    func setAsideCrashes() throws {
        for changes in 0..<20 {
            let fixture = try FolderFixture()
            let server = try fixture.join(besides: [Fixture.other])
            fixture.damaged = [0]
            let files = CrashingFiles(fixture.host.files, after: changes)
            do {
                _ = try fixture.folder(files).open()
            } catch {
                #expect(files.hasCrashed, "\(error)")
            }
            let opened = try fixture.folder().open()
            #expect(opened.replica.metadata.serverID == server.serverID)
            #expect(opened.replica.metadata.isRecovering, "after \(changes) changes")
            #expect(!opened.replica.hasLog)
            #expect(try fixture.aside.count == 1)
            if !files.hasCrashed { return }
        }
        Issue.record("it never came to its end")
    }

    @Test("A log and snapshots that do not fit together are damage too")
    func crossCheck() throws {
        let fixture = try FolderFixture()
        try fixture.join(besides: [Fixture.other])
        try fixture.disk.openLogStore().compact(through: LogIndex(2), term: Term(2))
        #expect(try fixture.folder().open().replica.metadata.isRecovering)
        #expect(try fixture.aside.count == 1)
    }

    @Test("Stores that are gone while the identity is in use are damage, not a first start")
    func wiped() throws {
        let fixture = try FolderFixture()
        let server = try fixture.join(besides: [Fixture.other])
        try fixture.host.files.rename(Fixture.raft, to: "/elsewhere")
        let found = try fixture.folder().open().replica.metadata
        #expect(found.serverID == server.serverID)
        #expect(found.isRecovering)
    }

    @Test("The only voter is not set aside: it refuses, and says how to go on")
    func onlyVoter() throws {
        let fixture = try FolderFixture()
        try fixture.join(besides: [])
        fixture.damaged = [0]
        guard case .onlyCopy = fixture.refusal() else {
            Issue.record("\(String(describing: fixture.refusal()))")
            return
        }
        #expect(fixture.refusal()?.description.contains("backup") == true)
        #expect(try fixture.aside.isEmpty)
        fixture.damaged = []
        #expect(try fixture.folder().open().replica.hasLog, "nothing was changed")
    }

    @Test("The only voter whose stores are gone refuses at each start")
    func onlyVoterWiped() throws {
        let fixture = try FolderFixture()
        try fixture.join(besides: [])
        try fixture.host.files.rename(Fixture.raft, to: "/elsewhere")
        for _ in 1...2 {
            guard case .onlyCopy = fixture.refusal() else {
                Issue.record("\(String(describing: fixture.refusal()))")
                return
            }
        }
    }

    @Test("A server that never agreed to anything starts anew under its name, with a vote")
    func unused() throws {
        let fixture = try FolderFixture()
        let server = try fixture.folder().open().replica.metadata
        fixture.damaged = [0]
        #expect(try fixture.folder().open().replica.metadata == server)
    }

    @Test("A damaged or missing identity is written anew from the stores")
    func identityRepaired() throws {
        let fixture = try FolderFixture()
        let server = try fixture.join(besides: [Fixture.other])
        let sound = try fixture.host.files.read(Fixture.identity, limitBytes: 4096)
        for bit in 0..<sound.count * 8 {
            var flipped = sound
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            try fixture.host.files.replace(Fixture.identity, with: flipped)
            #expect(try fixture.folder().open().replica.metadata == server, "bit \(bit)")
            #expect(try fixture.host.files.read(Fixture.identity, limitBytes: 4096) == sound)
        }
        try fixture.host.files.remove(Fixture.identity)
        #expect(try fixture.folder().open().replica.metadata == server)
    }

    @Test("When identity and stores are damaged, nobody knows who it was: it refuses")
    func nobodyKnows() throws {
        let fixture = try FolderFixture()
        try fixture.join(besides: [Fixture.other])
        try fixture.write("not an identity", to: Fixture.identity)
        fixture.damaged = [0]
        guard case .nobodyKnowsWho = fixture.refusal() else {
            Issue.record("\(String(describing: fixture.refusal()))")
            return
        }
        #expect(try fixture.aside.isEmpty)
    }

    @Test("An identity of another server is refused")
    func twoServers() throws {
        let fixture = try FolderFixture()
        try fixture.join(besides: [Fixture.other])
        try fixture.folder().identityFile.write(ServerMetadata(serverID: Fixture.third))
        #expect(fixture.refusal() == .twoServers(folder: Fixture.directory))
    }

    @Test("An identity of a newer format is refused with both formats named")
    func newerIdentity() throws {
        let fixture = try FolderFixture()
        let server = try fixture.folder().open().replica.metadata
        let newer = IdentityFile.encoded(server, format: 2)
        try fixture.host.files.replace(Fixture.identity, with: newer)
        #expect(
            fixture.refusal()
                == .store(.unknownFormat(found: 2, known: 1), folder: Fixture.directory))
    }

    @Test("Every field of an identity comes back")
    func identityFields() throws {
        let fixture = try FolderFixture()
        try fixture.host.files.makeDirectory("/data/server")
        let configuration = Configuration(
            servers: [.init(id: Fixture.third, address: "a:1", role: .nonVoter)])
        let servers = [
            ServerMetadata(serverID: Fixture.other),
            ServerMetadata(
                serverID: Fixture.other, clusterID: Fixture.clusterID,
                founding: .init(
                    proposer: Fixture.third, clusterID: Fixture.clusterID,
                    configuration: configuration),
                recoveryEpoch: .max, isRecovering: true, otherVoters: 6),
        ]
        let file = fixture.folder().identityFile
        for server in servers {
            try file.write(server)
            #expect(try file.read() == .sound(server))
        }
    }

    @Test("A damaged snapshot is passed over and told as long as the log is whole without it")
    func passedOver() throws {
        let fixture = try FolderFixture()
        let server = try fixture.join(besides: [Fixture.other])
        let configuration = Configuration(
            servers: [.init(id: server.serverID, address: "10.0.0.1:4647", role: .voter)])
        let snapshot = SnapshotMetadata(
            lastIndex: LogIndex(2), lastTerm: Term(2), configuration: configuration,
            configurationIndex: LogIndex(1), sizeBytes: 1, checksum: CRC32C.checksum([9]))
        let store = fixture.disk.openSnapshotStore()
        try store.begin(snapshot)
        try store.write([9], at: 0)
        try store.commit(snapshot)
        let opened = try fixture.folder().open()
        guard case .corrupt = opened.replica.damage else {
            Issue.record("\(String(describing: opened.replica.damage))")
            return
        }
        #expect(!opened.replica.metadata.isRecovering)
        #expect(opened.replica.restored.entries.count == 3)
        #expect(opened.replica.restored.snapshot == nil)
        try fixture.disk.openLogStore().compact(through: LogIndex(1), term: Term(1))
        #expect(try fixture.folder().open().replica.metadata.isRecovering)
    }
}
