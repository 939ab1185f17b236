// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletSimulation
import MartletStorage
import MartletTransport
import Testing

@testable import MartletServer

/// A server that started on such a folder as a new one forgot its votes, and its cluster had a
/// stranger with an old address.
@Suite("Data folders in the layout of an earlier version") struct EarlierLayoutTests {
    private typealias Fixture = FolderFixture

    private func earlier() throws -> (FolderFixture, ServerMetadata) {
        let fixture = try FolderFixture()
        let server = try fixture.join(besides: [Fixture.other, Fixture.third])
        try fixture.takeBackLayout()
        return (fixture, server)
    }

    @Test("The stores are moved, and the server is who it was, with all it had")
    func moved() throws {
        let (fixture, server) = try earlier()
        let opened = try fixture.folder().open()

        #expect(opened.replica.metadata == server)
        #expect(opened.replica.restored.hardState.vote == server.serverID)
        #expect(opened.replica.restored.entries.count == 3)
        #expect(try fixture.host.files.list(Fixture.directory) == ["server"])
        #expect(
            try fixture.host.files.list(Fixture.raft) == [
                "FORMAT", "log", "peers.info", "snapshots",
            ])
        #expect(try fixture.folder().identityFile.read() == .sound(server))
        #expect(fixture.diskCount == 1, "nothing was made anew")
    }

    @Test("A crash at any change of the move goes on with the next start, as the same server")
    func crashes() throws {
        for changes in 0..<20 {
            let (fixture, server) = try earlier()
            let files = CrashingFiles(fixture.host.files, after: changes)
            do {
                _ = try fixture.folder(files).open()
            } catch {
                #expect(files.hasCrashed, "\(error)")
            }
            let opened = try fixture.folder().open()
            #expect(opened.replica.metadata == server, "after \(changes) changes")
            #expect(opened.replica.restored.entries.count == 3)
            #expect(fixture.diskCount == 1)
            if !files.hasCrashed { return }
        }
        Issue.record("the move never came to its end")
    }

    @Test("A second crash, at any change of what the first one left, changes nothing of that")
    func crashesTwice() throws {
        for first in 0..<8 {
            for second in 0..<8 {
                let (fixture, server) = try earlier()
                for changes in [first, second] {
                    let files = CrashingFiles(fixture.host.files, after: changes)
                    _ = try? fixture.folder(files).open()
                }
                #expect(
                    try fixture.folder().open().replica.metadata == server, "\(first) \(second)")
                #expect(fixture.diskCount == 1)
            }
        }
    }

    @Test("With data in both layouts it refuses, says why, and changes nothing")
    func both() throws {
        let (fixture, server) = try earlier()
        try fixture.host.files.makeDirectory("\(Fixture.directory)/server")
        try fixture.host.files.replace(
            Fixture.identity, with: IdentityFile.encoded(ServerMetadata(serverID: Fixture.other)))
        let error = try #require(fixture.refusal())
        #expect(error == .twoLayouts(folder: Fixture.directory))
        #expect(error.description.contains("move the other out"))
        #expect(fixture.host.files.exists("\(Fixture.directory)/FORMAT"))

        try fixture.host.files.remove(Fixture.identity)
        #expect(try fixture.folder().open().replica.metadata == server, "as advised")
    }

    @Test("Where a part cannot be moved it refuses, with advice, and goes on when that is solved")
    func hindered() throws {
        let (fixture, server) = try earlier()
        try fixture.write("?", to: "\(Fixture.directory)/server")
        let error = try #require(fixture.refusal())
        guard case .notMoved = error else {
            Issue.record("\(error)")
            return
        }
        #expect(error.description.contains("by hand"))
        try fixture.host.files.remove("\(Fixture.directory)/server")
        #expect(try fixture.folder().open().replica.metadata == server)
    }

    @Test("What only looks at folders moves nothing, and says what to do first")
    func survey() throws {
        let (fixture, _) = try earlier()
        do throws(DataFolderError) {
            _ = try fixture.folder().survey()
            Issue.record("it was surveyed")
        } catch {
            #expect(error.description.contains("start the server once"))
        }
        #expect(fixture.host.files.exists("\(Fixture.directory)/FORMAT"))
        _ = try fixture.folder().open()
        _ = try fixture.folder().survey()
    }

    @Test("Somebody else's folders of those names stay where they are")
    func strangers() throws {
        let fixture = try FolderFixture()
        try fixture.host.files.makeDirectory("\(Fixture.directory)/log")
        try fixture.write("x", to: "\(Fixture.directory)/log/martlet.log")
        _ = try fixture.folder().open()
        #expect(fixture.host.files.exists("\(Fixture.directory)/log/martlet.log"))
    }
}
