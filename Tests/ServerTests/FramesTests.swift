// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import Testing

@testable import MartletServer

@Suite("Peer frames and Raft messages on the wire") struct FramesTests {
    private static let id = ServerID(high: 1, low: 2)

    private static func entry(_ index: UInt64, bytes: Int) -> Entry {
        Entry(
            index: LogIndex(index), term: Term(3), kind: .command,
            payload: (0..<bytes).map { UInt8(truncatingIfNeeded: $0) })
    }

    private static let configuration = Configuration(servers: [
        .init(id: ServerID(high: 7, low: 8), address: "10.0.0.1:4647", role: .voter),
        .init(id: ServerID(high: 9, low: 1), address: "[::1]:4647", role: .nonVoter),
    ])

    private static let messages: [Message] = [
        .voteRequest(
            VoteRequest(
                term: Term(4), isPreVote: true, lastLogIndex: LogIndex(9), lastLogTerm: Term(3),
                isTransfer: false)),
        .voteRequest(
            VoteRequest(
                term: Term(4), isPreVote: false, lastLogIndex: LogIndex(9), lastLogTerm: Term(3),
                isTransfer: true)),
        .voteResponse(VoteResponse(term: Term(4), isPreVote: false, isGranted: true)),
        .voteResponse(VoteResponse(term: Term(4), isPreVote: true, isGranted: false)),
        .appendRequest(
            AppendRequest(
                term: Term(4), previousIndex: LogIndex(6), previousTerm: Term(3),
                entries: [entry(7, bytes: 0), entry(8, bytes: 300)], commit: LogIndex(6),
                round: 11, session: LogIndex(1))),
        .appendRequest(
            AppendRequest(
                term: Term(4), previousIndex: .zero, previousTerm: .zero, entries: [],
                commit: .zero, round: 0, session: .zero)),
        .appendResponse(
            AppendResponse(
                term: Term(4), outcome: .accepted(match: LogIndex(8)), round: 11,
                session: LogIndex(1), lastIndex: LogIndex(9), lastTerm: Term(4))),
        .appendResponse(
            AppendResponse(
                term: Term(4),
                outcome: .rejected(
                    previousIndex: LogIndex(8), hintIndex: LogIndex(5), hintTerm: Term(2)),
                round: 11, session: LogIndex(1), lastIndex: LogIndex(5), lastTerm: Term(2))),
        .appendRequest(
            AppendRequest(
                term: Term(4), previousIndex: LogIndex(7), previousTerm: Term(3), entries: [],
                commit: LogIndex(6), round: 11, session: LogIndex(1), recovered: 1 << 63)),
        .appendResponse(
            AppendResponse(
                term: Term(4), outcome: .accepted(match: LogIndex(8)), round: 11,
                session: LogIndex(1), lastIndex: LogIndex(9), lastTerm: Term(4),
                recovery: 1 << 63)),
        .timeoutNow(TimeoutNow(term: Term(4))),
        .snapshotResponse(
            SnapshotResponse(
                term: Term(4), lastIndex: LogIndex(100), isInstalled: true, match: LogIndex(120),
                session: LogIndex(1))),
    ]

    /// What only protocol 2 has.
    private static let newMessages: [Message] = [
        .appendResponse(
            AppendResponse(
                term: Term(4), outcome: .accepted(match: LogIndex(8)), round: 11,
                session: LogIndex(1), lastIndex: LogIndex(9), lastTerm: Term(4),
                voteHold: .milliseconds(500))),
        .readRequest(ReadRequest(term: Term(4), id: .max)),
        .readResponse(ReadResponse(term: Term(4), id: 7, index: LogIndex(12))),
        .readResponse(ReadResponse(term: Term(4), id: 7, index: nil)),
    ]

    @Test("Every Raft message is read back as it was written")
    func messagesRoundTrip() throws {
        let cases =
            Self.messages.filter { RaftCodec.isKnown($0, in: 1) }.map { ($0, 1 as UInt16) }
            + Self.messages.map { ($0, 2) } + Self.newMessages.map { ($0, 2) }
        for (message, version) in cases {
            var writer = ByteWriter()
            RaftCodec.write(message, protocol: version, to: &writer)
            var reader = ByteReader(writer.bytes)
            #expect(try RaftCodec.readMessage(&reader, protocol: version) == message)
            #expect(reader.remaining == 0)
        }
    }

    @Test("A peer of protocol 1 is not told what a recovering server answers: it would count that")
    func recoveringAnswer() {
        let hidden = Self.messages.filter { !RaftCodec.isKnown($0, in: 1) }
        #expect(!hidden.isEmpty)
        for message in hidden {
            guard case .appendResponse(let response) = message else {
                Issue.record("hidden: \(message)")
                continue
            }
            #expect(response.isRecovering && RaftCodec.isKnown(message, in: 2))
        }
    }

    @Test("Protocol 1 gets the bytes that it knows, and none of the new messages")
    func oldProtocol() throws {
        var writer = ByteWriter()
        RaftCodec.write(Self.newMessages[0], protocol: 1, to: &writer)
        #expect(writer.bytes.count == 66)
        var reader = ByteReader(writer.bytes)
        guard
            case .appendResponse(let old) = try RaftCodec.readMessage(&reader, protocol: 1)
        else { return #expect(Bool(false), "another message") }
        #expect(old.voteHold == .zero)

        for message in Self.newMessages.dropFirst() {
            #expect(!RaftCodec.isKnown(message, in: 1) && RaftCodec.isKnown(message, in: 2))
            var writer = ByteWriter()
            RaftCodec.write(message, protocol: 2, to: &writer)
            var reader = ByteReader(writer.bytes)
            #expect(throws: ByteError.self) {
                try RaftCodec.readMessage(&reader, protocol: 1)
            }
        }
    }

    private static let member = MemberInfo(
        id: id, name: "s1", region: "global", datacenter: "dc1", version: "1",
        peerAddress: "10.0.0.1:4647", gossipAddress: "10.0.0.1:4648",
        httpAddress: "10.0.0.1:4646", bootstrapExpect: 3, isNonVoter: false, clusterID: nil,
        recoveryEpoch: 0, hasLog: false, incarnation: 1)

    @Test("Greetings agree on the lower of two protocols; to protocol 1 nothing is appended")
    func greetings() throws {
        for (ours, theirs) in [(1, 1), (1, 2), (2, 1), (2, 3), (3, 3), (3, 4), (4, 4)]
            as [(UInt16, UInt16)]
        {
            var writer = ByteWriter()
            Hello(purpose: .peer, sender: Self.member, protocolMax: theirs)
                .write(to: &writer)
            var reader = ByteReader(writer.bytes)
            let hello = try Hello(reading: &reader, ownMax: ours)
            #expect(hello.protocolMax == theirs)

            let agreed = min(ours, hello.protocolMax)
            writer.clear()
            HelloReply(
                verdict: .welcome, sender: Self.member, agreedProtocol: agreed
            ).write(to: &writer)
            var answer = ByteReader(writer.bytes)
            #expect(try HelloReply(reading: &answer).agreedProtocol == agreed)
            if agreed == 1 {
                var old = ByteReader(writer.bytes)
                _ = try old.readUInt8()
                _ = try old.readString(maxBytes: 1024)
                _ = try MemberInfo(reading: &old)
                #expect(old.remaining == 0, "version 1 reads to the end")
            }
        }
    }

    @Test("A refusal is logged once a minute for each peer and reason, and always counted")
    func refusals() {
        var refusals = Refusals()
        let logged = [
            (Refusals.Reason.malformed, "a", 0), (.malformed, "a", 59), (.oversized, "a", 59),
            (.malformed, "b", 59), (.malformed, "a", 60),
        ].map { refusals.note($0.0, from: $0.1, at: .seconds($0.2)) }
        #expect(logged == [true, false, true, true, true])
        #expect(refusals.byName.first { $0.0 == "nomad.raft.messages_refused.malformed" }?.1 == 4)
        for number in 0..<5_000 {
            _ = refusals.note(.malformed, from: "x\(number)", at: .seconds(61))
        }
        let later = [61, 300].map { refusals.note(.unwelcome, from: "y", at: .seconds($0)) }
        #expect(later == [false, true], "bounded, and free again")
    }

    @Test("A snapshot's offer is read back as it was written")
    func offerRoundTrip() throws {
        let offer = SnapshotOffer(
            term: Term(5),
            metadata: SnapshotMetadata(
                lastIndex: LogIndex(10), lastTerm: Term(2), configuration: Self.configuration,
                configurationIndex: LogIndex(4), sizeBytes: 77, checksum: 0xDEAD_BEEF),
            session: LogIndex(4))
        var writer = ByteWriter()
        RaftCodec.write(offer, to: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try RaftCodec.readOffer(&reader) == offer)
    }

    @Test("Messages cut short anywhere are errors, never traps")
    func truncated() {
        for message in Self.messages + Self.newMessages {
            var writer = ByteWriter()
            RaftCodec.write(message, protocol: 2, to: &writer)
            for count in 0..<writer.bytes.count {
                var reader = ByteReader(writer.bytes[..<count])
                #expect(throws: ByteError.self) {
                    try RaftCodec.readMessage(&reader, protocol: 2)
                }
            }
        }
    }

    @Test("Messages with any byte changed are read or refused, never a trap")
    func mutated() {
        var generator = SplitMix(seed: 1)
        for message in Self.messages + Self.newMessages {
            var writer = ByteWriter()
            RaftCodec.write(message, protocol: 2, to: &writer)
            for _ in 0..<400 {
                var bytes = writer.bytes
                for _ in 0...Int(generator.next() % 3) {
                    bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(
                        truncatingIfNeeded: generator.next())
                }
                var reader = ByteReader(bytes)
                do {
                    _ = try RaftCodec.readMessage(&reader, protocol: 2)
                } catch {
                    #expect(!error.reason.isEmpty)
                }
            }
        }
    }

    @Test("An index beyond any real log is refused where it is parsed")
    func absurdIndex() {
        var writer = ByteWriter()
        RaftCodec.write(
            .snapshotResponse(
                SnapshotResponse(
                    term: Term(1), lastIndex: LogIndex(.max), isInstalled: false, match: .zero,
                    session: .zero)),
            protocol: 2, to: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(throws: ByteError.self) { try RaftCodec.readMessage(&reader, protocol: 2) }
    }

    @Test("Frames come out of a stream however it is cut")
    func framesInPieces() throws {
        var writer = ByteWriter()
        for size in [0, 1, 100, 5000] {
            Frame.write(.ping, to: &writer) { $0.write(raw: [UInt8](repeating: 7, count: size)) }
        }
        for step in [1, 3, 64, 10_000] {
            var reader = FrameReader()
            var sizes: [Int] = []
            var offset = 0
            while offset < writer.bytes.count {
                let piece = Array(writer.bytes[offset..<min(offset + step, writer.bytes.count)])
                offset += piece.count
                reader.receive(piece.span)
                while let (kind, payload) = try reader.next() {
                    #expect(kind == .ping)
                    sizes.append(payload.remaining)
                }
            }
            #expect(sizes == [0, 1, 100, 5000])
        }
    }

    @Test("A damaged, unknown or too large frame ends the stream with a reason")
    func badFrames() throws {
        var writer = ByteWriter()
        Frame.write(.ping, to: &writer) { $0.write(raw: [1, 2, 3]) }
        var damaged = writer.bytes
        damaged[10] ^= 1
        var unknown = writer.bytes
        unknown[8] = 200
        var large = writer.bytes
        large[2] = 0xFF
        for bytes in [damaged, unknown, large] {
            var reader = FrameReader()
            reader.receive(bytes.span)
            #expect(throws: ByteError.self) { try reader.next() }
        }
    }
}

/// The test's own generator: seeded, so that a failure comes again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
