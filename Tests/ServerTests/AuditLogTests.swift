// SPDX-License-Identifier: Apache-2.0
import MartletHarness
import MartletJSON
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletServer

private let folder = "/audit"

/// An audit file on a simulated disk, without a server.
private struct Desk {
    let world = SimulatedWorld(seed: 5)
    let host: SimulatedHost
    var file: AuditFile
    var options = AuditOptions(path: "\(folder)/audit.log")

    init(_ change: (inout AuditOptions) -> Void = { _ in }) {
        host = world.makeHost("s1")
        change(&options)
        file = AuditFile(options, node: "s1", files: host.files, crypto: host.crypto)
    }

    mutating func write(_ texts: String..., at second: Int64 = 0) throws {
        try file.write(
            texts.map { Array("{\"payload\":\"\($0)\"".utf8) }, at: second * 1_000_000_000)
    }

    /// As after a restart of the process.
    mutating func reopen() {
        file = AuditFile(options, node: "s1", files: host.files, crypto: host.crypto)
    }

    var names: [String] { get throws { try host.files.list(folder) } }

    func bytes(_ name: String = "audit.log") throws -> [UInt8] {
        try host.files.read("\(folder)/\(name)", limitBytes: 1 << 20)
    }

    func lines(_ name: String = "audit.log") throws -> [[UInt8]] {
        try bytes(name).split(separator: UInt8(ascii: "\n")).map(Array.init)
    }

    /// What the verifier says of all files, the oldest first, or of these bytes instead.
    func verify(_ bytes: [UInt8]? = nil) throws -> AuditVerifier {
        var verifier = AuditVerifier(crypto: host.crypto)
        if let bytes {
            try verifier.check(bytes, of: "a")
            return verifier
        }
        let all = try names
        let names = AuditNames(path: options.path)
        for name in names.rotated(among: all) + all.filter({ $0 == names.name }) {
            try verifier.check(try self.bytes(name), of: name)
        }
        return verifier
    }
}

private func joined(_ lines: [[UInt8]]) -> [UInt8] { lines.flatMap { $0 + [10] } }

@Suite("The audit log's files") struct AuditFileTests {
    @Test("Lines follow each other, over restarts too, and the chain says so")
    func chain() throws {
        var desk = Desk()
        try desk.write("a", "b")
        try desk.write("c")
        desk.reopen()
        try desk.write("d")
        let lines = try desk.lines().compactMap { AuditLine($0[...]) }
        #expect(lines.map(\.sequence) == [1, 2, 3, 4, 5, 6], "two lines are the log's own")
        let verifier = try desk.verify()
        #expect(verifier.findings == [])
        #expect(verifier.linesChecked == 6)
        #expect(verifier.last?.sequence == 6)
    }

    @Test("A line that is changed, removed, put in, doubled or moved is found where it is")
    func tampering() throws {
        var desk = Desk()
        try desk.write("a", "b", "c", "d", "e")
        let lines = try desk.lines()
        func found(_ change: (inout [[UInt8]]) -> Void) throws -> [Int] {
            var changed = lines
            change(&changed)
            return try desk.verify(joined(changed)).findings.filter(\.isDamage).map(\.line)
        }
        #expect(try found { _ in } == [])
        #expect(try found { $0[2][12] ^= 1 } == [3], "content")
        #expect(try found { $0[2][$0[2].count - 3] ^= 1 } == [3, 4], "chain")
        #expect(try found { $0.remove(at: 2) } == [3])
        #expect(try found { $0.removeSubrange(2...3) } == [3])
        #expect(try found { $0.insert($0[2], at: 2) } == [4])
        #expect(try found { $0.insert(Array("{}".utf8), at: 2) } == [3])
        #expect(try found { $0.swapAt(2, 3) } == [3, 4, 5])
        #expect(try found { $0[0][2] ^= 1 } == [1])
        let forged =
            Array(#"{"payload":"x","sequence":4,"chain":""#.utf8) + AuditLine.genesis + [34, 125]
        #expect(try found { $0[3] = forged } == [4, 5])
    }

    @Test("Every changed byte is found")
    func everyByte() throws {
        var desk = Desk()
        try desk.write("a", "b", "c")
        let bytes = try desk.bytes()
        for position in bytes.indices {
            var changed = bytes
            changed[position] ^= 1
            #expect(try !desk.verify(changed).findings.isEmpty, "byte \(position)")
        }
    }

    @Test("A line that a crash tore is told of, and the chain goes on from the one before")
    func torn() throws {
        for length in 1..<104 {
            var desk = Desk()
            try desk.write("a", "b")
            let whole = try desk.bytes()
            try desk.write("c")
            let all = try desk.bytes()
            try #require(all.count - whole.count == 104)
            try desk.host.files.replace(
                desk.options.path, with: Array(all.prefix(whole.count + length)))
            desk.reopen()
            try desk.write("d")
            let verifier = try desk.verify()
            let isWhole = whole.count + length == all.count - 1
            #expect(verifier.isIntact)
            #expect(verifier.findings.map(\.line) == (isWhole ? [] : [4]), "\(length)")
            #expect(verifier.last?.sequence == (isWhole ? 6 : 5))
        }
    }

    @Test("A line that only lacks its end of line is whole; zeros behind the last are torn")
    func tornEnds() throws {
        var desk = Desk()
        try desk.write("a")
        try desk.host.files.replace(desk.options.path, with: Array(try desk.bytes().dropLast()))
        desk.reopen()
        try desk.write("b")
        #expect(try desk.verify().findings == [])
        #expect(try desk.verify().last?.sequence == 4)
        let zeros = [UInt8](repeating: 0, count: 4096)
        try desk.host.files.replace(desk.options.path, with: try desk.bytes() + zeros)
        desk.reopen()
        try desk.write("c")
        #expect(try desk.verify().isIntact)
        #expect(try desk.verify().findings.map(\.text) == ["4097 bytes were torn by a crash"])
    }

    @Test("What was torn in the first write of all is begun again")
    func tornBeginning() throws {
        var desk = Desk()
        try desk.host.files.makeDirectory(folder)
        try desk.host.files.replace(desk.options.path, with: Array("{\"created".utf8))
        try desk.write("a")
        #expect(try desk.verify().isIntact)
        #expect(try desk.verify().last?.sequence == 2)
    }

    @Test("A file that is no audit log is left as it is")
    func foreign() throws {
        var desk = Desk()
        try desk.host.files.makeDirectory(folder)
        try desk.host.files.replace(desk.options.path, with: Array("root:x:0:0\n".utf8))
        #expect(throws: FileError.self) { try desk.write("a") }
        #expect(try desk.bytes() == Array("root:x:0:0\n".utf8))
    }

    @Test("Files are rotated by size, the oldest go, and the chain runs through")
    func rotation() throws {
        var desk = Desk {
            $0.rotateBytes = 600
            $0.rotatedFilesMax = 3
        }
        for number in 1...20 { try desk.write("line \(number)") }
        #expect(try desk.names.count == 4)
        #expect(try desk.verify().findings == [])
        let first = try #require(try desk.verify().first)
        #expect(first > 1)
        #expect(
            try desk.names.first
                == AuditNames(path: desk.options.path).rotated(among: desk.names).first)
        // One in the middle is missing.
        try desk.host.files.remove("\(folder)/\(try desk.names[1])")
        #expect(try desk.verify().findings.count == 1)
        desk.reopen()
        try desk.write("more")
        #expect(try desk.verify().findings.count == 1)
    }

    @Test("Files are rotated by age")
    func rotationByAge() throws {
        var desk = Desk { $0.rotateDuration = .seconds(60) }
        try desk.write("a", at: 0)
        try desk.write("b", at: 59)
        #expect(try desk.names.count == 1)
        try desk.write("c", at: 60)
        #expect(try desk.names == ["audit-000000000003.log", "audit.log"])
        #expect(try desk.verify().findings == [])
    }

    @Test("A crash between the renaming and the new file costs nothing")
    func crashInRotation() throws {
        var desk = Desk()
        try desk.write("a")
        try desk.host.files.rename(desk.options.path, to: "\(folder)/audit-000000000002.log")
        desk.reopen()
        try desk.write("b")
        #expect(try desk.verify().findings == [])
        #expect(try desk.verify().last?.sequence == 4)
    }

    @Test("At whichever change the process ends, what is there is intact and goes on")
    func crashes() throws {
        for changes in 0...12 {
            var desk = Desk {
                $0.rotateBytes = 400; $0.rotatedFilesMax = 2
            }
            let crashing = CrashingFiles(desk.host.files, after: changes)
            desk.file = AuditFile(
                desk.options, node: "s1", files: crashing, crypto: desk.host.crypto)
            var written = 0
            do {
                for number in 1...8 {
                    try desk.write("line \(number)")
                    written = number
                }
            } catch {}
            desk.host.crash()
            desk.host.restart()
            desk.reopen()
            try desk.write("after")
            let verifier = try desk.verify()
            #expect(verifier.findings == [], "after \(changes) changes")
            #expect(written == 0 || verifier.last.map { Int($0.sequence) > written } == true)
        }
    }
}
