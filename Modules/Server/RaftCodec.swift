// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft

/// Raft's messages as bytes. The first byte is the message's kind; integers are little-endian.
///
/// | kind | message           | fields                                                             |
/// |------|-------------------|--------------------------------------------------------------------|
/// | 1    | VoteRequest       | term, flags (1 pre-vote, 2 transfer), last index, last term        |
/// | 2    | VoteResponse      | term, flags (1 pre-vote, 2 granted)                                |
/// | 3    | AppendRequest     | term, previous index, previous term, commit, round, session, n (plus 2^31 if a recovery is over), n entries; number of that recovery |
/// | 4    | AppendResponse    | term, flags (1 accepted, 2 recovering), index, hint index, hint term, round, session, last index, last term; number of the recovery, if flagged |
/// | 5    | TimeoutNow        | term                                                               |
/// | 6    | SnapshotResponse  | term, last index, flags (1 installed), match, session              |
/// | 7    | ReadRequest       | term, id                                          (protocol 2)     |
/// | 8    | ReadResponse      | term, flags (1 has an index), id, index           (protocol 2)     |
///
/// Protocol 2 appends to AppendResponse: vote hold in milliseconds (4).
///
/// An entry is index (8), term (8), kind (1), length (4), payload.
enum RaftCodec {
    /// One message never has more: a smaller one would be a smaller payload than its own headers.
    private static let entriesMax = 1 << 16
    private static let recoveryFlag: UInt32 = 1 << 31

    /// Whether a peer that speaks `version` understands the message at all. One of version 1 would
    /// count what a recovering server answers.
    static func isKnown(_ message: Message, in version: UInt16) -> Bool {
        if version >= 2 { return true }
        switch message {
        case .voteRequest, .voteResponse, .appendRequest, .timeoutNow, .snapshotResponse:
            return true
        case .appendResponse(let response):
            return !response.isRecovering
        case .readRequest, .readResponse:
            return false
        }
    }

    /// - Parameter version: the peer protocol; what it does not have is left out.
    /// - Precondition: the message is known in it.
    static func write(
        _ message: Message, protocol version: UInt16, to writer: inout ByteWriter
    ) {
        precondition(isKnown(message, in: version), "\(message) in protocol \(version)")
        switch message {
        case .voteRequest(let request):
            writer.write(UInt8(1))
            writer.write(request.term.number)
            writer.write(flags(request.isPreVote, request.isTransfer))
            writer.write(request.lastLogIndex.number)
            writer.write(request.lastLogTerm.number)
        case .voteResponse(let response):
            writer.write(UInt8(2))
            writer.write(response.term.number)
            writer.write(flags(response.isPreVote, response.isGranted))
        case .appendRequest(let request):
            writer.write(UInt8(3))
            writer.write(request.term.number, request.previousIndex.number)
            writer.write(request.previousTerm.number, request.commit.number)
            writer.write(request.round, request.session.number)
            let recoveryFlag = request.isRecovered ? Self.recoveryFlag : 0
            writer.write(UInt32(request.entries.count) | recoveryFlag)
            for entry in request.entries { write(entry, to: &writer) }
            if let recovered = request.recovered { writer.write(recovered) }
        case .appendResponse(let response):
            write(response, to: &writer)
            if version >= 2 {
                writer.write(UInt32(clamping: response.voteHold.milliseconds))
            }
        case .timeoutNow(let message):
            writer.write(UInt8(5))
            writer.write(message.term.number)
        case .snapshotResponse(let response):
            writer.write(UInt8(6))
            writer.write(response.term.number)
            writer.write(response.lastIndex.number)
            writer.write(flags(response.isInstalled, false))
            writer.write(response.match.number)
            writer.write(response.session.number)
        case .readRequest(let request):
            writer.write(UInt8(7))
            writer.write(request.term.number)
            writer.write(request.id)
        case .readResponse(let response):
            writer.write(UInt8(8))
            writer.write(response.term.number)
            writer.write(flags(response.index != nil, false))
            writer.write(response.id)
            writer.write((response.index ?? .zero).number)
        }
    }

    private static func write(_ response: AppendResponse, to writer: inout ByteWriter) {
        writer.write(UInt8(4))
        writer.write(response.term.number)
        switch response.outcome {
        case .accepted(let match):
            writer.write(flags(true, response.isRecovering))
            writer.write(match.number)
            writer.write(0, 0)
        case .rejected(let previous, let hintIndex, let hintTerm):
            writer.write(flags(false, response.isRecovering))
            writer.write(previous.number)
            writer.write(hintIndex.number, hintTerm.number)
        }
        writer.write(response.round, response.session.number)
        writer.write(response.lastIndex.number, response.lastTerm.number)
        if let recovery = response.recovery { writer.write(recovery) }
    }

    static func write(_ entry: Entry, to writer: inout ByteWriter) {
        writer.write(entry.index.number, entry.term.number)
        writer.write(entry.kind.rawValue)
        writer.write(bytes: entry.payload)
    }

    static func write(_ offer: SnapshotOffer, to writer: inout ByteWriter) {
        writer.write(offer.term.number)
        writer.write(offer.session.number)
        writer.write(offer.metadata.lastIndex.number)
        writer.write(offer.metadata.lastTerm.number)
        writer.write(bytes: offer.metadata.configuration.encoded())
        writer.write(offer.metadata.configurationIndex.number)
        writer.write(offer.metadata.sizeBytes)
        writer.write(offer.metadata.checksum)
    }

    static func readMessage(
        _ reader: inout ByteReader, protocol version: UInt16
    ) throws(ByteError) -> Message {
        let kind = try reader.readUInt8()
        let term = Term(try reader.readUInt64())
        switch kind {
        case 1:
            let flags = try reader.readUInt8()
            return .voteRequest(
                VoteRequest(
                    term: term, isPreVote: flags & 1 != 0, lastLogIndex: try index(&reader),
                    lastLogTerm: Term(try reader.readUInt64()), isTransfer: flags & 2 != 0))
        case 2:
            let flags = try reader.readUInt8()
            return .voteResponse(
                VoteResponse(term: term, isPreVote: flags & 1 != 0, isGranted: flags & 2 != 0))
        case 3:
            return .appendRequest(try readAppendRequest(&reader, term: term))
        case 4:
            var response = try readAppendResponse(&reader, term: term)
            if version >= 2 { response.voteHold = .milliseconds(Int(try reader.readUInt32())) }
            return .appendResponse(response)
        case 5:
            return .timeoutNow(TimeoutNow(term: term))
        case 6:
            let lastIndex = try index(&reader)
            let flags = try reader.readUInt8()
            return .snapshotResponse(
                SnapshotResponse(
                    term: term, lastIndex: lastIndex, isInstalled: flags & 1 != 0,
                    match: try index(&reader), session: try index(&reader)))
        case 7 where version >= 2:
            return .readRequest(ReadRequest(term: term, id: try reader.readUInt64()))
        case 8 where version >= 2:
            let flags = try reader.readUInt8()
            let id = try reader.readUInt64()
            let index = try index(&reader)
            return .readResponse(
                ReadResponse(term: term, id: id, index: flags & 1 != 0 ? index : nil))
        default:
            throw ByteError(offset: 0, reason: "unknown Raft message \(kind)")
        }
    }

    private static func readAppendRequest(
        _ reader: inout ByteReader, term: Term
    ) throws(ByteError) -> AppendRequest {
        var request = AppendRequest(
            term: term, previousIndex: try index(&reader),
            previousTerm: Term(try reader.readUInt64()), entries: [], commit: try index(&reader),
            round: try reader.readUInt64(), session: try index(&reader))
        let flagged = try reader.readUInt32()
        let count = Int(flagged & ~recoveryFlag)
        guard count <= entriesMax, count <= reader.remaining / 21 else {
            throw ByteError(offset: 0, reason: "\(count) entries in \(reader.remaining) bytes")
        }
        if count > 0 { request.entries.reserveCapacity(count) }
        for _ in 0..<count { request.entries.append(try readEntry(&reader)) }
        if flagged & recoveryFlag != 0 { request.recovered = try reader.readUInt64() }
        return request
    }

    private static func readAppendResponse(
        _ reader: inout ByteReader, term: Term
    ) throws(ByteError) -> AppendResponse {
        let flags = try reader.readUInt8()
        let first = try index(&reader)
        let hintIndex = try index(&reader)
        let hintTerm = Term(try reader.readUInt64())
        return AppendResponse(
            term: term,
            outcome: flags & 1 != 0
                ? .accepted(match: first)
                : .rejected(previousIndex: first, hintIndex: hintIndex, hintTerm: hintTerm),
            round: try reader.readUInt64(), session: try index(&reader),
            lastIndex: try index(&reader), lastTerm: Term(try reader.readUInt64()),
            recovery: flags & 2 != 0 ? try reader.readUInt64() : nil)
    }

    static func readEntry(_ reader: inout ByteReader) throws(ByteError) -> Entry {
        let index = try index(&reader)
        let term = Term(try reader.readUInt64())
        let number = try reader.readUInt8()
        guard let kind = Entry.Kind(rawValue: number) else {
            throw ByteError(offset: 0, reason: "unknown entry kind \(number)")
        }
        return Entry(
            index: index, term: term, kind: kind,
            payload: try reader.readBytes(max: Frame.payloadBytesMax))
    }

    static func readOffer(_ reader: inout ByteReader) throws(ByteError) -> SnapshotOffer {
        let term = Term(try reader.readUInt64())
        let session = try index(&reader)
        let lastIndex = try index(&reader)
        let lastTerm = Term(try reader.readUInt64())
        let encoded = try reader.readBytes(max: Frame.strangerBytesMax * 2)
        guard let configuration = Configuration(encoded: encoded) else {
            throw ByteError(offset: 0, reason: "a snapshot with a malformed configuration")
        }
        return SnapshotOffer(
            term: term,
            metadata: SnapshotMetadata(
                lastIndex: lastIndex, lastTerm: lastTerm, configuration: configuration,
                configurationIndex: try index(&reader), sizeBytes: try reader.readUInt64(),
                checksum: try reader.readUInt32()),
            session: session)
    }

    private static func index(_ reader: inout ByteReader) throws(ByteError) -> LogIndex {
        let index = LogIndex(try reader.readUInt64())
        guard index <= .max else { throw ByteError(offset: 0, reason: "\(index) is out of range") }
        return index
    }

    private static func flags(_ first: Bool, _ second: Bool) -> UInt8 {
        (first ? 1 : 0) | (second ? 2 : 0)
    }
}
