// SPDX-License-Identifier: Apache-2.0
import MartletBytes

/// What a peer frame carries. The raw value is part of the wire format.
enum FrameKind: UInt8 {
    case hello = 1
    case helloReply = 2
    case raft = 3
    case forward = 4
    case forwardReply = 5
    case ping = 6
    case pong = 7
    case snapshotOffer = 9
    case snapshotBegin = 10
    case snapshotChunk = 11
    case snapshotEnd = 12
    case foundingProposal = 13
    case foundingReply = 14
    case foundingDone = 15
    case member = 16
    case foundingQuery = 17
    case foundingWithdrawn = 18
    case gossip = 19
    case gossipAnswer = 20
    case gossipRefusal = 21
    case request = 22
    case bodyWanted = 23
    case bodyPiece = 24
    case bodyEnd = 25
    case bodyFailed = 26
    case reply = 27
    case lanesOffered = 28
    case look = 29
    case lookAnswer = 30
}

/// The frame that everything between servers travels in, little-endian:
///
/// | offset | width | meaning                              |
/// |--------|-------|--------------------------------------|
/// | 0      | 4     | length of the payload                |
/// | 4      | 4     | CRC-32C of kind and payload          |
/// | 8      | 1     | kind                                 |
/// | 9      | n     | payload                              |
enum Frame {
    static let headerBytes = 9
    /// The largest payload taken from a peer that has not said who it is.
    static let strangerBytesMax = 96 << 10
    /// The largest payload at all: one full append message, or one entry of the largest size.
    static let payloadBytesMax = 8 << 20

    /// Appends one frame to `writer`; `body` writes the payload.
    static func write(
        _ kind: FrameKind, to writer: inout ByteWriter, body: (inout ByteWriter) -> Void
    ) {
        let start = writer.count
        writer.write(UInt32(0))
        writer.write(UInt32(0))
        writer.write(kind.rawValue)
        body(&writer)
        let payload = writer.count - start - headerBytes
        precondition(payload <= payloadBytesMax, "a \(kind) frame of \(payload) bytes")
        writer.patch(UInt32(payload), at: start)
        writer.patch(CRC32C.checksum(writer.span.extracting((start + 8)...)), at: start + 4)
    }
}

/// Cuts a byte stream into frames. Keeps only an incomplete frame.
struct FrameReader {
    /// Raised once the peer is known.
    var payloadBytesMax = Frame.strangerBytesMax
    /// What ``next()`` threw for was a frame's length.
    private(set) var isOversized = false
    /// Of it, what is from `start` to `end` counts.
    private var buffer: [UInt8] = []
    private var start = 0
    private var end = 0

    /// What an empty one keeps at most.
    private static let bytesKeptMax = 256 << 10

    mutating func receive(_ bytes: Span<UInt8>) {
        guard buffer.count - end >= bytes.count else { return grow(by: bytes) }
        let place = end
        end += bytes.count
        // SAFETY: there is room for all of them behind `place`, and the two do not overlap.
        unsafe buffer.withUnsafeMutableBufferPointer { target in
            unsafe bytes.withUnsafeBufferPointer { source in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                unsafe (to + place).update(from: from, count: source.count)
            }
        }
    }

    private mutating func grow(by bytes: Span<UInt8>) {
        buffer.removeLast(buffer.count - end)
        buffer.append(copying: bytes)
        end = buffer.count
    }

    /// The next whole frame, nil when more bytes are needed.
    ///
    /// - Throws: ``ByteError`` for a frame that is too large, damaged or of an unknown kind; the
    ///   stream is of no use afterwards.
    mutating func next() throws(ByteError) -> (kind: FrameKind, payload: ByteReader)? {
        let available = end - start
        guard available >= Frame.headerBytes else {
            releaseConsumed()
            return nil
        }
        let length = Int(word(at: start))
        guard length <= payloadBytesMax else {
            isOversized = true
            throw ByteError(
                offset: start, reason: "a frame of \(length) bytes, at most \(payloadBytesMax)")
        }
        guard available >= Frame.headerBytes + length else {
            releaseConsumed()
            return nil
        }
        let next = start + Frame.headerBytes + length
        let expected = word(at: start + 4)
        let begin = start + 8
        guard CRC32C.checksum(buffer.span.extracting(begin..<next)) == expected else {
            throw ByteError(offset: start, reason: "a frame with a wrong checksum")
        }
        guard let kind = FrameKind(rawValue: buffer[start + 8]) else {
            throw ByteError(offset: start, reason: "a frame of unknown kind \(buffer[start + 8])")
        }
        let payload = ByteReader(buffer, in: (start + Frame.headerBytes)..<next)
        start = next
        return (kind, payload)
    }

    private mutating func releaseConsumed() {
        if start == end {
            end = 0
            if buffer.capacity > Self.bytesKeptMax { buffer = [] }
        } else if start > 0 {
            buffer.removeFirst(start)
            end -= start
        }
        start = 0
    }

    private func word(at offset: Int) -> UInt32 {
        let raw = unsafe buffer.span.bytes  // Any bytes may be seen as raw ones.
        // SAFETY: every pattern of bits is an integer; the load checks its bounds.
        let loaded = unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
        return UInt32(littleEndian: loaded)
    }
}
