// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletTransport

/// A body that is made while it is sent, or comes while it is read.
struct StreamedBody {
    let source: any ByteSource
    /// Bytes of all of it, if that is known.
    var length: Int?
    /// It goes on until its client leaves: who closes its end of the connection has left.
    var isLive = false
}

/// Sends an answer's body piece by piece: asks its source for more only while the connection has room,
/// so that a client that reads slowly slows the source and fills no memory.
///
/// ```
///   asking ──piece──▶ room? ──yes──▶ asking
///                       └──no──▶ waiting ──fetched──▶ asking
///   any ── end, failure, cancel() ──▶ over
/// ```
final class AnswerStream {
    /// What may wait in the connection before the next piece is asked for.
    private static let queuedBytesMax = 256 << 10

    private let body: StreamedBody
    private let stream: any ByteStream
    private let loop: any Loop
    private var writer: BodyWriter
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

    /// - Parameter finished: called once, later than ``start()``, unless it is cancelled before: false
    ///   when the body is not what was promised, and the connection cannot be used any more.
    init(
        _ body: StreamedBody, on stream: any ByteStream, loop: any Loop, writer: BodyWriter,
        finished: @escaping (_ isWhole: Bool) -> Void
    ) {
        self.body = body
        self.stream = stream
        self.loop = loop
        self.writer = writer
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

    /// Whether the client has not fetched a byte for so long, although there are some.
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
            guard stream.queuedBytes < Self.queuedBytesMax else { return waitForClient() }
            isAsking = true
            body.source.next { [weak self] in self?.took($0) }
        }
    }

    /// What was queued in this turn may all leave at its end, of which the stream says nothing. The
    /// next piece is for another turn in any case: a fast client must not keep the loop for itself.
    private func waitForClient() {
        loop.atEndOfTurn { [weak self] in
            guard let self, self.stream.queuedBytes == 0 else { return }
            self.timer?.arm(at: .zero)
        }
    }

    private func took(_ piece: SourcePiece) {
        isAsking = false
        guard finished != nil else { return }
        output.removeAll(keepingCapacity: true)
        switch piece {
        case .bytes(let bytes):
            guard writer.write(bytes, to: &output) else {
                body.source.cancel()
                return finish(isWhole: false)
            }
            send()
            pump()
        case .end:
            let isWhole = writer.end(to: &output)
            send()
            finish(isWhole: isWhole)
        case .failed:
            finish(isWhole: false)
        }
    }

    private func send() {
        let bytes = output
        written += bytes.count
        stream.write(bytes.span)
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
