// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletMemory
import MartletRaft
import MartletSimulation
import MartletState
import MartletStorage
import MartletTransport
import Testing

@testable import MartletCLI

/// Commands that write or read files.
@Suite("Files") struct FileTests {
    private let desk = Desk()

    /// An archive of Nomad's form.
    private func archive(
        meta: String = #"{"ID":"2-9-1","Index":9,"Term":2,"Size":3,"Version":1}"#,
        damage: Bool = false
    ) throws -> [UInt8] {
        var files = [
            Tar.File(name: "meta.json", content: Array(meta.utf8)),
            Tar.File(name: "state.bin", content: [1, 2, 3]),
        ]
        var sums = ""
        for file in files {
            sums += "\(Hexadecimal.text(try desk.host.crypto.sha256(file.content)))  \(file.name)\n"
        }
        files.append(Tar.File(name: "SHA256SUMS", content: Array(sums.utf8)))
        if damage { files[1].content[0] = 7 }
        return try desk.host.compression.gzip(Tar.write(files, unixSeconds: 0))
    }

    private func digest(_ bytes: [UInt8]) throws -> String {
        "Digest: sha-256=\(Base64.encoded(try desk.host.crypto.sha256(bytes)))"
    }

    @Test("A state is saved whole, under the name that is given, or one with the time")
    func save() throws {
        let bytes = try archive()
        desk.replies["GET /v1/operator/snapshot"] = .bytes(bytes, headers: [try digest(bytes)])
        #expect(desk.run("operator snapshot save /a.snap") == 0)
        #expect(desk.text == "State file written to /a.snap\n")
        #expect(desk.file("/a.snap") == bytes)
        #expect(desk.run("operator snapshot save -stale") == 0)
        #expect(desk.requests == ["GET /v1/operator/snapshot?stale="])
        #expect(desk.file("martlet-state-20261123T075908Z.snap") == bytes)
    }

    @Test("What is there is not written over, and nothing is asked")
    func existing() {
        desk.put("/a.snap", "precious")
        #expect(desk.run("operator snapshot save /a.snap") == 1)
        #expect(desk.errors.hasPrefix("Destination file already exists: \"/a.snap\""))
        #expect(desk.seen.isEmpty)
        #expect(desk.file("/a.snap") == Array("precious".utf8))
    }

    @Test("What does not come as it was sent leaves no file")
    func damaged() throws {
        let bytes = try archive()
        let right = try digest(bytes)
        let damaged = try archive(damage: true)
        let cases: [(Reply, Int32, String)] = [
            (
                .bytes(Array(bytes.dropLast()), headers: [right]), 2,
                "its sum is not that of the Digest"
            ),
            (.bytes(bytes, headers: []), 2, "no Digest"),
            (.bytes(damaged, headers: [try digest(damaged)]), 2, "its sums are not those"),
            (.bytes([1, 2], headers: [try digest([1, 2])]), 2, "failed to decompress"),
            (.cut("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\(right)\r\n\r\nabc"), 1, "ended"),
            (.answer(403, "Permission denied"), 2, "403"),
        ]
        for (reply, code, text) in cases {
            desk.replies["GET /v1/operator/snapshot"] = reply
            #expect(desk.run("operator snapshot save /b.snap") == code)
            #expect(desk.errors.contains(text))
            #expect(desk.errors.hasPrefix("Failed to get snapshot file: "))
            #expect(desk.file("/b.snap") == nil && desk.file("/b.snap.tmp") == nil)
        }
    }

    @Test("A folder that is not there is said, and so is what a crash left behind, which goes")
    func folders() throws {
        let bytes = try archive()
        desk.replies["GET /v1/operator/snapshot"] = .bytes(bytes, headers: [try digest(bytes)])
        #expect(desk.run("operator snapshot save /no/a.snap") == 1)
        #expect(desk.errors.contains("/no/a.snap.tmp: no such file or folder"))
        desk.put("/a.snap.tmp", "half of it")
        #expect(desk.run("operator snapshot save /a.snap") == 0)
        #expect(desk.file("/a.snap") == bytes && desk.file("/a.snap.tmp") == nil)
    }

    @Test("On a terminal it shows how far it has come, and leaves nothing of that behind")
    func progress() throws {
        let bytes = try archive()
        desk.replies["GET /v1/operator/snapshot"] = .bytes(bytes, headers: [try digest(bytes)])
        desk.isTerminal = true
        #expect(desk.run("operator snapshot save /a.snap") == 0)
        let waiting = "\rWaiting for the server to pack its state\u{1B}[K\r\u{1B}[K"
        #expect(desk.text.hasPrefix(waiting))
        #expect(desk.text.hasSuffix("\r\u{1B}[KState file written to /a.snap\n"))
        #expect(desk.errors.isEmpty)
    }

    @Test("The agent saves again and again, keeps the newest, and touches nothing else")
    func agent() throws {
        let bytes = try archive()
        desk.replies["GET /v1/operator/snapshot"] = .bytes(bytes, headers: [try digest(bytes)])
        let own = ["01", "02", "03"].map { "/s/martlet-agent-20260101T0000\($0)Z.snap" }
        let others = [
            "/s/other.snap", "/s/martlet-agent-2026.snap", "/s/martlet-agent-20260101T00000xZ.snap",
            "/s/martlet-state-20200101T000000Z.snap",
        ]
        try desk.host.files.makeDirectory("/s")
        for path in own + others { desk.put(path, path) }
        let line = "operator snapshot agent -local-path=/s -interval=10s -retain=2 -count=1"
        #expect(desk.run(line) == 0, "\(desk.errors)")
        #expect(desk.file("/s/martlet-agent-20261123T075908Z.snap") == bytes)
        #expect(own.map { desk.file($0) != nil } == [false, false, true])
        for path in others { #expect(desk.file(path) == Array(path.utf8)) }
        #expect(desk.text.contains("[INFO] snapshot agent: saved /s/martlet-agent-20261123T"))
        #expect(desk.text.contains("[INFO] snapshot agent: removed martlet-agent-20260101T000001Z"))
        #expect(desk.text.hasSuffix("snapshot agent: ended\n"))
    }

    /// Each new file was removed at once, for as long as the clock had been ahead.
    @Test("What a clock that was ahead has named goes first, and never what was saved just now")
    func agentAhead() throws {
        let bytes = try archive()
        desk.replies["GET /v1/operator/snapshot"] = .bytes(bytes, headers: [try digest(bytes)])
        let ahead = ["01", "02", "03"].map { "/s/martlet-agent-20270101T0000\($0)Z.snap" }
        let before = "/s/martlet-agent-20260101T000001Z.snap"
        try desk.host.files.makeDirectory("/s")
        for path in ahead + [before] { desk.put(path, path) }
        let line = "operator snapshot agent -local-path=/s -interval=10s -retain=3 -count=1"
        #expect(desk.run(line) == 0, "\(desk.errors)")
        #expect(desk.file("/s/martlet-agent-20261123T075908Z.snap") == bytes)
        #expect(ahead.map { desk.file($0) != nil } == [false, false, true])
        #expect(desk.file(before) != nil)
    }

    @Test("After the last state it ends, and waits for no next one")
    func agentEnds() throws {
        let bytes = try archive()
        desk.replies["GET /v1/operator/snapshot"] = .bytes(bytes, headers: [try digest(bytes)])
        try desk.host.files.makeDirectory("/s")
        let begun = desk.world.now
        let line = "operator snapshot agent -local-path=/s -interval=10m -count=1"
        #expect(desk.run(line) == 0, "\(desk.errors)")
        #expect(desk.world.now - begun < .seconds(600))
    }

    @Test("The agent says in a line what failed, tries again, and ends when it is told to")
    func agentErrors() throws {
        let bytes = try archive()
        desk.replies["GET /v1/operator/snapshot"] = .answer(503, "No cluster leader")
        desk.stopAfter = .seconds(100)
        #expect(desk.run("operator snapshot agent -local-path=/s -interval=30s") == 0)
        let lines = desk.text.split(separator: "\n")
        #expect(lines.count == 5 && lines.last?.hasSuffix("[INFO] snapshot agent: ended") == true)
        #expect(
            lines.dropLast().allSatisfy {
                $0.contains("[ERROR] snapshot agent: Failed to save the state: ")
                    && $0.contains("No cluster leader")
            })
        #expect(try desk.host.files.list("/s").isEmpty)
        for wrong in ["-interval=1ms", "-retain=0", "-count=0", "-prefix=a/b"] {
            desk.replies["GET /v1/operator/snapshot"] = .bytes(bytes, headers: [])
            #expect(desk.run("operator snapshot agent \(wrong)") == 2)
        }
    }

    @Test("A saved state is shown as Nomad shows it")
    func inspect() throws {
        try desk.host.files.replace("/a.snap", with: try archive())
        #expect(desk.run("operator snapshot inspect /a.snap") == 0)
        #expect(
            desk.text == """
                ID       2-9-1
                Size     3
                Index    9
                Term     2
                Version  1

                """)
        #expect(desk.run("operator snapshot inspect -t={{.Index}} /a.snap") == 0)
        #expect(desk.text == "9")
        desk.put("/hostname", "box\n")
        #expect(desk.run("operator snapshot inspect /hostname") == 2)
        #expect(
            desk.errors.hasPrefix("Error verifying snapshot: failed to decompress snapshot: "))
        #expect(desk.run("operator snapshot inspect /nope") == 1)
    }

    @Test("A state is restored from a file that is whole; another one never leaves")
    func restore() throws {
        try desk.host.files.replace("/a.snap", with: try archive())
        try desk.host.files.replace("/b.snap", with: try archive(damage: true))
        desk.replies["PUT /v1/operator/snapshot"] = .ok("")
        #expect(desk.run("operator snapshot restore /b.snap") == 2)
        #expect(desk.seen.isEmpty)
        #expect(desk.run("operator snapshot restore /a.snap") == 0)
        #expect(desk.text == "Snapshot Restored\n")
        #expect(desk.seen.count == 1)
    }

    @Test("A debug archive holds what could be asked, and names what could not")
    func debug() throws {
        desk.replies["GET /v1/agent/self"] = .ok("{}")
        desk.replies["GET /v1/agent/members"] = .ok(#"{"Members":[]}"#)
        #expect(desk.run("operator debug -output=/d") == 0)
        let path = "/d/martlet-debug-20261123T075908Z.tar.gz"
        let bytes = try #require(desk.file(path))
        let tar = try desk.host.compression.gunzip(bytes, limitBytes: 1 << 20)
        let names = try Tar.read(tar, filesMax: 99).map(\.name)
        #expect(
            names
                == ["members.json", "agent-self.json", "doctor.txt", "index.txt"].map {
                    "martlet-debug-20261123T075908Z/\($0)"
                })
        #expect(desk.errors.contains("/v1/metrics: response code 404"))
        #expect(desk.run("operator debug -output=/d") == 1)
    }

    // MARK: Data folders

    private func stores() throws -> ServerStores {
        let disk = MemoryDisk()
        let log = MemoryLogStore(disk: disk)
        let id = ServerID(high: 1, low: 2)
        try log.commit(
            LogBatch(
                hardState: HardState(term: Term(3), vote: id),
                entries: [
                    Entry(index: LogIndex(1), term: Term(2), kind: .noop, payload: []),
                    Entry(
                        index: LogIndex(2), term: Term(2), kind: .command,
                        payload: MartletState.Command.initializeAutopilot(.init()).encoded()),
                    Entry(index: LogIndex(3), term: Term(3), kind: .command, payload: [255]),
                ], commitHint: LogIndex(2)))
        return ServerStores(
            log: log, metadata: MemoryMetadataStore(disk: disk),
            snapshots: MemorySnapshotStore(disk: disk), close: {})
    }

    @Test("What a stopped server has stored is shown: bounds, entries, state")
    func offline() throws {
        desk.stores = try stores()
        try desk.host.files.makeDirectory("/data/server/raft")
        #expect(desk.run("operator raft info /data/") == 0)
        #expect(desk.text.contains("Term           = 3\n"))
        #expect(desk.text.contains("Last Index     = 3\n"))
        #expect(desk.run("operator raft logs -from=2 /data") == 0)
        let lines = desk.text.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].contains(#""Kind":"command","Bytes":"#))
        #expect(lines[0].hasSuffix(#""Command":"initializeAutopilot"}"#))
        #expect(lines[1].contains(#""Error":"#))
        #expect(desk.run("operator raft logs -limit=1 /data") == 0)
        #expect(desk.text == "{\"Index\":1,\"Term\":2,\"Kind\":\"noop\",\"Bytes\":0}\n")
        // Only what is committed.
        #expect(desk.run("operator raft state -t={{.LastAppliedIndex}} /data") == 0)
        #expect(desk.text == "2")
        #expect(desk.run("operator raft state -last-index=1 -t={{.LastAppliedIndex}} /data") == 0)
        #expect(desk.text == "1")
    }

    @Test("A folder that is none, is in use or is damaged is said so: exit code 1")
    func offlineFailures() throws {
        #expect(desk.run("operator raft info /nope") == 1)
        #expect(desk.errors.hasPrefix("/nope: no data folder of a server"))
        try desk.host.files.makeDirectory("/data/server/raft")
        #expect(desk.run("operator raft info /data") == 1)
        #expect(desk.errors == "/data: storage failed: no stores here\n")
        let lock = try desk.host.files.lock("/data")
        #expect(desk.run("operator raft logs /data") == 1)
        #expect(desk.errors.hasSuffix("stop that server first\n"))
        lock.release()
    }
}
