// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletHTTP
import MartletRaft
import MartletSimulation
import MartletState
import MartletTransport
import Testing

@testable import MartletServer

@Suite("Tar") struct TarTests {
    static let files = [
        Tar.File(name: "meta.json", content: Array("{}".utf8)),
        Tar.File(name: "empty", content: []),
        Tar.File(
            name: String(repeating: "n", count: 100), content: [UInt8](repeating: 7, count: 512)),
        Tar.File(name: "é", content: [UInt8](repeating: 0, count: 513)),
    ]

    private static func fault(_ bytes: [UInt8]) -> ArchiveError? {
        do throws(ArchiveError) {
            _ = try Tar.read(bytes, filesMax: 4)
            return nil
        } catch {
            return error
        }
    }

    @Test("Files read back as they were written, whatever fills the archive up behind its end")
    func roundTrip() throws {
        let bytes = Tar.write(Self.files, unixSeconds: 1_700_000_000)

        #expect(bytes.count == 512 * (4 + 1 + 1 + 2 + 2))
        #expect(try Tar.read(bytes, filesMax: 4) == Self.files)
        #expect(
            try Tar.read(bytes + [UInt8](repeating: 0, count: 9_000), filesMax: 4) == Self.files)
        #expect(try Tar.read(Tar.write([], unixSeconds: 0), filesMax: 0).isEmpty)
    }

    @Test("The header is that of other programs, byte for byte")
    func header() {
        // Python's tarfile of one such file, owner and group 0, without names.
        let bytes = Tar.write([Tar.File(name: "a", content: [65])], unixSeconds: 8)
        let texts: [(Int, String)] = [
            (0, "a\0"), (100, "0000600\0"), (108, "0000000\0"), (124, "00000000001\0"),
            (136, "00000000010\0"), (148, "006070\0 "), (156, "0"), (257, "ustar\u{0}00"),
            (512, "A"),
        ]
        for (offset, text) in texts {
            #expect(
                Array(bytes[offset..<offset + text.utf8.count]) == Array(text.utf8), "\(offset)")
        }
    }

    @Test("However it is cut, the same is read", arguments: [1, 100, 511, 512, 513, 5_000])
    func pieces(size: Int) throws {
        let bytes = Tar.write(Self.files, unixSeconds: 1)
        var reader = TarReader(filesMax: 4)
        var files: [Tar.File] = []
        var ended = 0
        for start in stride(from: 0, to: bytes.count, by: size) {
            for event in try reader.receive(bytes[start..<min(start + size, bytes.count)]) {
                switch event {
                case .file(let name, let size):
                    files.append(Tar.File(name: name, content: []))
                    #expect(size == Self.files[files.count - 1].content.count)
                case .content(let more): files[files.count - 1].content += more
                case .fileEnd: ended += 1
                }
            }
        }
        try reader.finish()
        #expect(files == Self.files && ended == 4)
    }

    @Test("One file too many is refused")
    func count() {
        let bytes = Tar.write(Self.files + Self.files[..<1], unixSeconds: 0)
        #expect(Self.fault(bytes) == ArchiveError("over 4 files"))
    }

    @Test("A shortening into a file or its header is refused")
    func shortenings() {
        let bytes = Tar.write(Self.files, unixSeconds: 0)
        for length in stride(from: 0, to: bytes.count - 1024, by: 7) {
            #expect(Self.fault(Array(bytes[..<length])) != nil)
        }
    }

    @Test("Links, folders and extended headers are refused", arguments: ["1", "2", "5", "x", "L"])
    func types(type: String) throws {
        var bytes = Tar.write([Self.files[0]], unixSeconds: 0)
        let byte = try #require(type.utf8.first)
        bytes[156] = byte
        // The sum is made right again, so that the type is what is refused.
        let sum = bytes[..<512].enumerated().reduce(0) {
            $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element))
        }
        let digits = String(sum, radix: 8)
        let text = String(repeating: "0", count: 6 - digits.count) + digits + "\0 "
        bytes.replaceSubrange(148..<156, with: Array(text.utf8))
        #expect(Self.fault(bytes) == ArchiveError("something else than a plain file"))
    }

    @Test("Bytes behind the end are refused")
    func trailing() {
        #expect(Self.fault(Tar.write(Self.files, unixSeconds: 0) + [1]) != nil)
    }

    @Test("No mutation and no noise traps; a changed header is never taken for another file")
    func mutations() throws {
        var random = SplitMix64(seed: 3)
        let whole = Tar.write(Self.files, unixSeconds: 1)
        for step in 0..<1_000 {
            var bytes = whole
            for _ in 0...step % 3 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(random.next() & 255)
            }
            do throws(ArchiveError) {
                let names = try Tar.read(bytes, filesMax: 4).map(\.name)
                #expect(names == Self.files.map(\.name))
            } catch {
                #expect(!error.description.isEmpty)
            }
            let noise = (0..<1_024).map { _ in UInt8(random.next() & 1 == 0 ? 0 : 0x37) }
            _ = Self.fault(noise)
        }
    }
}

@Suite("Snapshot archives") struct SnapshotArchiveTests {
    private static let crypto = SimulatedWorld(seed: 1).makeHost("a").crypto
    private static let compression = SimulatedWorld(seed: 1).makeHost("a").compression

    private static let meta = SnapshotMeta(
        index: 12, term: 3,
        configuration: Configuration(servers: [
            .init(id: ServerID(high: 0, low: 1), address: "10.0.0.1:4647", role: .voter),
            .init(id: ServerID(high: 0, low: 2), address: "10.0.0.2:4647", role: .nonVoter),
        ]), configurationIndex: 1, wallClockNanoseconds: 1_700_000_000_123_456_789)

    private static func state() -> State {
        var state = State()
        _ = state.apply(Command.initializeAutopilot(AutopilotConfiguration()).encoded(), at: 1)
        return state
    }

    /// What a server makes of the state.
    private struct Packed {
        let bytes: [UInt8]
        let digest: String
    }

    private static func packed(_ state: State = state()) throws -> Packed {
        let packed = try SnapshotArchive.pack(
            state, meta, to: MemorySpoolFile(), crypto: crypto, compression: compression
        ).get()
        let bytes = try packed.file.read(from: 0, limitBytes: .max)
        #expect(bytes.count == packed.sizeBytes)
        return Packed(bytes: bytes, digest: packed.digest)
    }

    private static func unpack(
        _ bytes: [UInt8], compression: any Compression = compression
    ) -> Result<[UInt8], ArchiveError> {
        let (archive, state) = (MemorySpoolFile(), MemorySpoolFile())
        do {
            try archive.append(bytes)
            let unpacked = try SnapshotArchive.unpack(
                archive, to: state, crypto: crypto, compression: compression
            ).get()
            let bytes = try state.read(from: 0, limitBytes: .max)
            #expect(bytes.count == unpacked.sizeBytes && bytes.first ?? 0 == unpacked.version)
            #expect(CRC32C.checksum(bytes) == unpacked.checksum)
            return .success(bytes)
        } catch {
            #expect(state.isEmpty)
            return .failure(error as? ArchiveError ?? ArchiveError("\(error)"))
        }
    }

    private static func why(_ bytes: [UInt8]) -> String? {
        if case .failure(let error) = unpack(bytes) { error.description } else { nil }
    }

    /// An archive of these files; sums as given, or right ones.
    private static func archive(
        _ files: [(String, [UInt8])], sums: String? = nil
    ) throws -> [UInt8] {
        var text = ""
        for (name, content) in files {
            let digest = try crypto.sha256(content)
            text += digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            text += "  \(name)\n"
        }
        var all = files.map { Tar.File(name: $0.0, content: $0.1) }
        all.append(Tar.File(name: "SHA256SUMS", content: Array((sums ?? text).utf8)))
        return try compression.gzip(Tar.write(all, unixSeconds: 0))
    }

    @Test("What is packed unpacks to the state's bytes, and has the form of Nomad's archives")
    func roundTrip() throws {
        let packed = try Self.packed()
        #expect(try Self.unpack(packed.bytes).get() == Self.state().encoded())

        let tar = try Self.compression.gunzip(packed.bytes, limitBytes: 1 << 20)
        let files = try Tar.read(tar, filesMax: 3)
        #expect(files.map(\.name) == ["meta.json", "state.bin", "SHA256SUMS"])
        #expect(
            String(decoding: files[0].content, as: UTF8.self)
                == "{\"Version\":1,\"ID\":\"3-12-1700000000123\",\"Index\":12,\"Term\":3,"
                + "\"Configuration\":{\"Servers\":[{\"Suffrage\":0,"
                + "\"ID\":\"00000000-0000-0000-0000-000000000001\",\"Address\":\"10.0.0.1:4647\"},"
                + "{\"Suffrage\":1,\"ID\":\"00000000-0000-0000-0000-000000000002\","
                + "\"Address\":\"10.0.0.2:4647\"}]},\"ConfigurationIndex\":1,"
                + "\"Size\":\(files[1].content.count)}")
        #expect(
            packed.digest == Base64.encoded(try Self.crypto.sha256(packed.bytes)))
    }

    @Test("Garbage, foreign archives, missing, doubled and surplus files are refused")
    func refused() throws {
        let state = Self.state().encoded()
        #expect(Self.why([]) != nil)
        #expect(Self.why(Array("garbage".utf8))?.hasPrefix("not gzip") == true)
        #expect(Self.why(try Self.compression.gzip([1, 2, 3])) != nil)
        #expect(Self.why(try Self.archive([("meta.json", []), ("state.bin", state)])) == nil)
        #expect(
            Self.why(try Self.archive([("meta.json", [])]))
                == "the archive has 0 files named state.bin")
        #expect(Self.why(try Self.archive([("state.bin", state), ("state.bin", state)])) != nil)
        #expect(
            Self.why(try Self.archive([("meta.json", []), ("state.bin", state), ("x", [])]))
                == "over 3 files")
        #expect(
            Self.why(try Self.archive([("meta.json", []), ("state.bin", [0x93, 1, 2])]))?
                .hasPrefix("state.bin: ") == true)
        let other = try Self.archive([("meta.json", []), ("state.bin", state)], sums: "")
        #expect(Self.why(other) == "SHA256SUMS does not agree with the other files")
    }

    @Test("What would unpack beyond its bound is refused without being unpacked")
    func bomb() throws {
        let header = Tar.header(
            of: "state.bin", sizeBytes: StateRestore.bytesMax + 1, unixSeconds: 0)
        let bytes = try Self.compression.gzip(header + [UInt8](repeating: 0, count: 1 << 20))
        #expect(
            Self.why(bytes)
                == "state.bin has \(StateRestore.bytesMax + 1) bytes, at most "
                + "\(StateRestore.bytesMax) are taken")
        let large = Tar.header(of: "meta.json", sizeBytes: 1 << 21, unixSeconds: 0)
        #expect(Self.why(try Self.compression.gzip(large))?.hasPrefix("meta.json has") == true)
    }

    @Test("A state of many pieces goes through; pieces and files are all that is in memory")
    func large() throws {
        var state = Self.state()
        let rules = String(repeating: "x", count: 60_000)
        for number in 0..<40 as Range<UInt64> {
            let policy = ACLPolicy(name: "p\(number)", description: "", rules: rules)
            _ = state.apply(
                Command.acl(.upsertPolicies([policy])).encoded(), at: number + 2)
        }
        let bytes = try Self.unpack(try Self.packed(state).bytes).get()
        #expect(bytes == state.archived() && bytes.count > 8 * StateEncoder.pieceBytes)
    }

    @Test("No flipped bit of the files gets through")
    func flips() throws {
        let packed = try Self.packed().bytes
        let tar = try Self.compression.gunzip(packed, limitBytes: 1 << 20)
        var random = SplitMix64(seed: 5)
        for _ in 0..<150 {
            var bytes = tar
            // Within the two files' contents: each has one block of its own.
            let block = random.next() % 2 == 0 ? 1 : 3
            bytes[block * 512 + Int(random.next() % 40)] ^= UInt8(1 << (random.next() % 8))
            #expect(Self.why(try Self.compression.gzip(bytes)) != nil)
        }
    }

    @Test("A forwarded archive keeps its digest, and becomes the answer that clients expect")
    func answer() throws {
        let packed = try Self.packed()
        var response = APIResponse(
            status: 200, content: .archive, body: packed.bytes,
            freshness: .init(index: 12, knowsLeader: true, lastContactMilliseconds: 0))
        response.digest = packed.digest
        var writer = ByteWriter()
        ForwardReply.answered(response).write(to: &writer)
        var reader = ByteReader(writer.bytes)
        guard case .answered(let read) = try ForwardReply(reading: &reader) else {
            Issue.record("no answer")
            return
        }
        let answer = Response(read)
        #expect(answer.contentType == .gzip && answer.body == packed.bytes)
        #expect(answer.headers.contains(HeaderField("Digest", "sha-256=\(packed.digest)")))
        #expect(answer.headers.contains(HeaderField("X-Nomad-Index", "12")))
    }
}
