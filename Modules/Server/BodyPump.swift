// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// A body that is made while it is sent, or comes while it is read.
struct StreamedBody {
    let source: any ByteSource
    /// Bytes of all of it, if that is known.
    var length: Int?
    /// It goes on until its client leaves: who closes its end of the connection has left.
    var isLive = false
}

/// Sends a body piece by piece: asks its source for more only while the connection has room, so that a
/// reader that is slow slows the source and fills no memory.
///
/// ```
///   asking ──piece──▶ room? ──yes──▶ asking
///                       └──no──▶ waiting ──fetched──▶ asking
///   any ── end, failure, cancel() ──▶ over
/// ```
final class BodyPump {
    /// What may wait in the connection before the next piece is asked for.
    private static let queuedBytesMax = 256 << 10

    private let body: StreamedBody
    private let stream: any ByteStream
    private let loop: any Loop
    private let encode: (SourcePiece, inout [UInt8]) -> Bool
    private var finished: ((_ isWhole: Bool) -> Void)?
    private var isAsking = false
    private var isPumping = false
    private var timer: (any LoopTimer)?
    private var output: [UInt8] = []

    /// Bytes that were written, and of them those that had been fetched when that was last looked at.
    private var written = 0
    private var fetched = 0
    /// When more was fetched, or nothing was there to fetch.
    private var fetchedAt: Duration

    /// - Parameters:
    ///   - encode: appends a piece, the end or a failure in the connection's form; false if it does not
    ///     fit what was promised.
    ///   - finished: called once, later than ``start()``, unless it is cancelled before: false when the
    ///     body is not what was promised.
    init(
        _ body: StreamedBody, on stream: any ByteStream, loop: any Loop,
        encode: @escaping (SourcePiece, inout [UInt8]) -> Bool,
        finished: @escaping (_ isWhole: Bool) -> Void
    ) {
        self.body = body
        self.stream = stream
        self.loop = loop
        self.encode = encode
        self.finished = finished
        fetchedAt = loop.now
    }

    var isLive: Bool { body.isLive }

    func start() {
        timer = loop.makeTimer { [weak self] in self?.pump() }
        timer?.arm(at: .zero)
    }

    /// The connection has sent all that it had.
    func drained() { pump() }

    /// Nobody reads any more.
    func cancel() {
        guard finished != nil else { return }
        end()
        body.source.cancel()
    }

    /// Whether the reader has not fetched a byte for so long, although there are some.
    func isStuck(at now: Duration, for timeout: Duration) -> Bool {
        let nowFetched = written - stream.queuedBytes
        if nowFetched > fetched || stream.queuedBytes == 0 {
            fetched = nowFetched
            fetchedAt = now
        }
        return now - fetchedAt >= timeout
    }

    private func pump() {
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        while finished != nil, !isAsking {
            guard stream.queuedBytes < Self.queuedBytesMax else { return waitForReader() }
            isAsking = true
            body.source.next { [weak self] in self?.took($0) }
        }
    }

    /// What was queued in this turn may all leave at its end, of which the stream says nothing. The
    /// next piece is for another turn in any case: a fast reader must not keep the loop for itself.
    private func waitForReader() {
        loop.atEndOfTurn { [weak self] in
            guard let self, self.stream.queuedBytes == 0 else { return }
            self.timer?.arm(at: .zero)
        }
    }

    private func took(_ piece: SourcePiece) {
        isAsking = false
        guard finished != nil else { return }
        output.removeAll(keepingCapacity: true)
        let fits = encode(piece, &output)
        let bytes = output
        written += bytes.count
        stream.write(bytes.span)
        switch piece {
        case .bytes where fits: pump()
        case .bytes:
            body.source.cancel()
            finish(isWhole: false)
        case .end: finish(isWhole: fits)
        case .failed: finish(isWhole: false)
        }
    }

    private func finish(isWhole: Bool) {
        let finished = finished
        end()
        finished?(isWhole)
    }

    private func end() {
        finished = nil
        timer?.disarm()
        timer = nil
    }
}
