// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletTransport

/// One question on somebody's gossip port, and its answer.
final class GossipCall: StreamHandler {
    enum Outcome {
        /// Still sealed.
        case answered([UInt8])
        /// The other wants nothing to do with this server; without a reason it is this server.
        case refused(String)
        case failed(String)
    }

    private let request: [UInt8]
    private let loop: any Loop
    private let refused: (ByteError, _ isOversized: Bool) -> Void
    private var done: ((Outcome) -> Void)?
    private var stream: (any ByteStream)?
    private var reader = FrameReader()
    private var timer: (any LoopTimer)?

    private static let connectTimeout: Duration = .seconds(2)
    private static let answerTimeout: Duration = .seconds(3)
    static let reasonBytesMax = 1024

    /// - Parameters:
    ///   - refused: told of an answer that cannot be read.
    ///   - done: called once, unless the call is cancelled.
    init(
        _ request: [UInt8], loop: any Loop,
        refused: @escaping (ByteError, _ isOversized: Bool) -> Void,
        done: @escaping (Outcome) -> Void
    ) {
        self.request = request
        self.loop = loop
        self.refused = refused
        self.done = done
    }

    func start(at address: SocketAddress, streams: any Streams) {
        streams.connect(to: address, timeout: Self.connectTimeout) { result in
            switch result {
            case .success(let stream): self.connected(stream)
            case .failure(let error): self.finish(.failed("\(error)"))
            }
        }
    }

    func cancel() {
        done = nil
        finish(.failed("cancelled"))
    }

    private func connected(_ stream: any ByteStream) {
        guard done != nil else { return stream.reset() }
        self.stream = stream
        stream.handler = self
        stream.resumeReading()
        timer = loop.makeTimer { [weak self] in self?.finish(.failed("no answer in time")) }
        timer?.arm(at: loop.now + Self.answerTimeout)
        var writer = ByteWriter()
        Frame.write(.gossip, to: &writer) { $0.write(raw: request) }
        let bytes = writer.bytes
        stream.write(bytes.span)
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        reader.receive(bytes)
        do throws(ByteError) {
            guard let (kind, rest) = try reader.next() else { return }
            var payload = rest
            switch kind {
            case .gossipAnswer:
                finish(.answered(Array(try payload.readRaw(count: payload.remaining))))
            case .gossipRefusal:
                finish(.refused(try payload.readString(maxBytes: Self.reasonBytesMax)))
            default:
                throw ByteError(offset: 0, reason: "\(kind) instead of an answer")
            }
        } catch {
            refused(error, reader.isOversized)
            finish(.failed("its answer cannot be read: \(error.reason)"))
        }
    }

    func streamEnded() { finish(.failed("no answer")) }
    func streamDrained() {}
    func streamClosed(_ error: TransportError?) { finish(.failed("no answer")) }

    private func finish(_ outcome: Outcome) {
        let done = done
        self.done = nil
        timer?.disarm()
        stream?.handler = nil
        stream?.close()
        stream = nil
        done?(outcome)
    }
}

/// What a stream between gossip ports carries: who speaks, so that a stranger is told why it is
/// one, and what its core says.
struct GossipMessage {
    let sender: MemberInfo
    let core: [UInt8]

    init(sender: MemberInfo, core: [UInt8]) {
        self.sender = sender
        self.core = core
    }

    init(_ bytes: [UInt8]) throws(ByteError) {
        var reader = ByteReader(bytes)
        sender = try MemberInfo(reading: &reader)
        core = Array(try reader.readRaw(count: reader.remaining))
    }

    var encoded: [UInt8] {
        var writer = ByteWriter(reservingBytes: 512 + core.count)
        sender.write(to: &writer)
        writer.write(raw: core)
        return writer.finish()
    }
}
