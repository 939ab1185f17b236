// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletTransport

/// A body that comes from another server. Its connection is read only while somebody waits for a
/// piece, so that the other end is slowed as TCP slows it.
final class PeerBody: ByteSource {
    /// Of one frame. Larger pieces are cut.
    static let pieceBytesMax = 256 << 10
    static let reasonBytesMax = 1024

    private var wanted: (() -> Void)?
    private var dropped: (() -> Void)?
    private var taken: ((SourcePiece) -> Void)?

    /// - Parameters:
    ///   - wanted: the next piece is asked for.
    ///   - dropped: nobody takes the rest. Called at most once, and not after the end.
    init(wanted: @escaping () -> Void, dropped: @escaping () -> Void) {
        self.wanted = wanted
        self.dropped = dropped
    }

    var isAwaited: Bool { taken != nil }

    func next(_ taken: @escaping (SourcePiece) -> Void) {
        guard let wanted else { return taken(.failed("the other server is gone")) }
        precondition(self.taken == nil, "a piece of a body is awaited already")
        self.taken = taken
        wanted()
    }

    func cancel() {
        let dropped = dropped
        end()
        dropped?()
    }

    /// Takes a frame of the body.
    ///
    /// - Precondition: it is awaited.
    func received(_ kind: FrameKind, _ payload: inout ByteReader) throws(ByteError) {
        precondition(isAwaited, "a frame of a body that nobody waits for")
        switch kind {
        case .bodyPiece:
            let bytes = Array(try payload.readRaw(count: payload.remaining))
            guard !bytes.isEmpty else { throw ByteError(offset: 0, reason: "an empty piece") }
            let taken = taken
            self.taken = nil
            taken?(.bytes(bytes))
        case .bodyEnd: give(last: .end)
        case .bodyFailed:
            let reason = try payload.readString(maxBytes: Self.reasonBytesMax)
            give(last: .failed(reason))
        default: throw ByteError(offset: 0, reason: "\(kind) within a body")
        }
    }

    /// The connection is gone, or of no use.
    func fail(_ reason: String) { give(last: .failed(reason)) }

    private func give(last piece: SourcePiece) {
        let taken = taken
        end()
        taken?(piece)
    }

    private func end() {
        taken = nil
        wanted = nil
        dropped = nil
    }

    /// Pieces in the form of frames, for a ``BodyPump``.
    static func encode(_ piece: SourcePiece, _ output: inout [UInt8]) -> Bool {
        var writer = ByteWriter()
        switch piece {
        case .bytes(let bytes):
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = Array(rest.prefix(pieceBytesMax))
                Frame.write(.bodyPiece, to: &writer) { $0.write(raw: part) }
                rest = rest.dropFirst(part.count)
            }
        case .end: Frame.write(.bodyEnd, to: &writer) { _ in }
        case .failed(let reason):
            Frame.write(.bodyFailed, to: &writer) {
                $0.write(string: String(reason.prefix(reasonBytesMax / 4)))
            }
        }
        output += writer.bytes
        return true
    }
}
