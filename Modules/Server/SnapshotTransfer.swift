// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import MartletState
import MartletStorage
import MartletTransport

/// Streams one snapshot to a follower, on a connection of its own, from where the follower wants it.
///
/// hello → helloReply, offer → begin(offset), chunks → end. Raft learns of the success from the
/// follower's ``MartletRaft/SnapshotResponse``, and of anything else from here.
final class SnapshotSender: StreamHandler {
    private let offer: SnapshotOffer
    private let store: any SnapshotStore
    private let lane: any Lane
    private let hello: Hello
    private let refused: (ByteError, _ isOversized: Bool) -> Void
    private var finished: ((_ isComplete: Bool) -> Void)?
    private var stream: (any ByteStream)?
    private var reader = FrameReader()
    private var writer = ByteWriter()
    private var isGreeted = false
    private var isSending = false
    private var isComplete = false

    /// What may wait in the stream before the next chunk is read from the disk.
    private static let queuedBytesMax = 1 << 20
    /// A transfer that does not move for so long is given up: its follower may be gone without a
    /// word. It resumes where it stopped.
    private static let stallMax: Duration = .seconds(5)

    private let loop: any Loop
    private var timer: (any LoopTimer)?

    /// - Parameters:
    ///   - refused: told of what came that cannot be taken; the transfer has failed then.
    ///   - finished: called once.
    init(
        _ offer: SnapshotOffer, store: any SnapshotStore, lane: any Lane, loop: any Loop,
        hello: Hello, refused: @escaping (ByteError, _ isOversized: Bool) -> Void,
        finished: @escaping (_ isComplete: Bool) -> Void
    ) {
        self.offer = offer
        self.loop = loop
        self.store = store
        self.lane = lane
        self.hello = hello
        self.refused = refused
        self.finished = finished
    }

    func start(to address: SocketAddress, streams: any Streams) {
        timer = loop.makeTimer { [weak self] in self?.cancel() }
        moved()
        streams.connect(to: address, timeout: Self.stallMax) { result in
            switch result {
            case .success(let stream): self.connected(stream)
            case .failure: self.finish()
            }
        }
    }

    private func moved() { timer?.arm(at: loop.now + Self.stallMax) }

    func cancel() {
        isComplete = false
        stream?.handler = nil
        stream?.reset()
        finish()
    }

    private func connected(_ stream: any ByteStream) {
        guard finished != nil else { return stream.reset() }
        self.stream = stream
        stream.handler = self
        stream.resumeReading()
        write(.hello) { hello.write(to: &$0) }
    }

    private func write(_ kind: FrameKind, body: (inout ByteWriter) -> Void) {
        // Out of the property, whose memory it keeps, so that its bytes can be lent.
        var frame = ByteWriter()
        swap(&frame, &writer)
        frame.clear()
        Frame.write(kind, to: &frame, body: body)
        stream?.write(frame.span)
        swap(&frame, &writer)
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        moved()
        reader.receive(bytes)
        do {
            while let (kind, rest) = try reader.next() {
                var payload = rest
                try received(kind, &payload)
            }
        } catch {
            refused(error, reader.isOversized)
            stream?.reset()
        }
    }

    private func received(_ kind: FrameKind, _ payload: inout ByteReader) throws(ByteError) {
        switch kind {
        case .helloReply where !isGreeted:
            let reply = try HelloReply(reading: &payload)
            guard reply.verdict == .welcome else {
                stream?.close()
                return
            }
            isGreeted = true
            write(.snapshotOffer) { RaftCodec.write(offer, to: &$0) }
        case .snapshotBegin where isGreeted && !isSending:
            let offset = try payload.readUInt64()
            guard offset <= offer.metadata.sizeBytes else {
                throw ByteError(offset: 0, reason: "a begin after the snapshot's end")
            }
            isSending = true
            next = offset
            sendMore()
        default:
            throw ByteError(offset: 0, reason: "\(kind) on a snapshot stream")
        }
    }

    private var next: UInt64 = 0
    private var isReading = false

    private func sendMore() {
        guard isSending, !isReading, !isComplete, let stream,
            stream.queuedBytes < Self.queuedBytesMax
        else { return }
        let offset = next
        if offset >= offer.metadata.sizeBytes {
            isComplete = true
            write(.snapshotEnd) { _ in }
            stream.finishWriting()
            return
        }
        isReading = true
        let store = store
        let metadata = offer.metadata
        lane.attempt({ () throws(StoreError) in
            try store.read(metadata, from: offset, bytesMax: SnapshotFile.chunkBytes)
        }) { [weak self] result in
            guard let self else { return }
            self.isReading = false
            guard case .success(let chunk) = result, !chunk.isEmpty else {
                self.stream?.reset()
                return
            }
            self.write(.snapshotChunk) {
                $0.write(offset)
                $0.write(bytes: chunk)
            }
            self.next = offset + UInt64(chunk.count)
            self.sendMore()
        }
    }

    func streamEnded() { stream?.close() }

    func streamDrained() {
        moved()
        sendMore()
    }

    func streamClosed(_ error: TransportError?) {
        if error != nil { isComplete = false }
        finish()
    }

    private func finish() {
        timer?.disarm()
        let finished = finished
        self.finished = nil
        stream = nil
        finished?(isComplete)
    }
}

/// Takes one snapshot from the leader: chunks go to the store, a whole one to the replica.
///
/// Chunks are written one at a time on the snapshot lane; the stream is paused meanwhile, so that
/// a fast leader fills no memory here.
final class SnapshotReceiver {
    private enum Stage {
        case expectingOffer
        /// Work is on the lane.
        case preparing(SnapshotOffer)
        case receiving(SnapshotOffer, next: UInt64)
        case committing(SnapshotOffer)
        case done
    }

    private let peer: ServerID
    private let replica: Replica
    private let store: any SnapshotStore
    private unowned let session: PeerSession
    private var stage = Stage.expectingOffer
    private var isEnded = false
    /// A later stream goes on from what is stored.
    private var hasGivenWay = false

    init(
        from peer: ServerID, replica: Replica, store: any SnapshotStore, session: PeerSession
    ) {
        self.peer = peer
        self.replica = replica
        self.store = store
        self.session = session
    }

    /// Work is on the snapshot lane: no further frame can be taken.
    var isBusy: Bool {
        switch stage {
        case .preparing, .committing: true
        case .expectingOffer, .receiving, .done: false
        }
    }

    func received(_ kind: FrameKind, _ payload: inout ByteReader) throws(ByteError) {
        switch (stage, kind) {
        case (.expectingOffer, .snapshotOffer):
            let offer = try RaftCodec.readOffer(&payload)
            guard offer.metadata.sizeBytes <= SnapshotFile.sizeBytesMax else {
                throw ByteError(
                    offset: 0, reason: "a snapshot of \(offer.metadata.sizeBytes) bytes")
            }
            guard replica.offered(offer, from: peer) else { return end() }
            replica.receiver?.giveWay()
            replica.receiver = self
            prepare(offer)
        case (.receiving(let offer, let next), .snapshotChunk):
            let offset = try payload.readUInt64()
            let chunk = try payload.readBytes(max: SnapshotFile.chunkBytes)
            guard offset == next, UInt64(chunk.count) <= offer.metadata.sizeBytes - next else {
                throw ByteError(offset: 0, reason: "a snapshot chunk out of place")
            }
            write(chunk, at: offset, of: offer)
        case (.receiving(let offer, let next), .snapshotEnd):
            guard next == offer.metadata.sizeBytes else {
                throw ByteError(offset: 0, reason: "a snapshot that ends early")
            }
            complete(offer)
        case (.done, _):
            break  // What was still on the way.
        default:
            throw ByteError(offset: 0, reason: "\(kind) out of order on a snapshot stream")
        }
    }

    private func prepare(_ offer: SnapshotOffer) {
        stage = .preparing(offer)
        let store = store
        onLane(
            offer,
            { () throws(StoreError) in
                let partial = try store.partialBytes(of: offer.metadata)
                try store.begin(offer.metadata)
                return partial
            }
        ) { receiver, partial in
            receiver.stage = .receiving(offer, next: partial)
            receiver.session.send(.snapshotBegin) { $0.write(partial) }
        }
    }

    private func write(_ chunk: [UInt8], at offset: UInt64, of offer: SnapshotOffer) {
        stage = .preparing(offer)
        let store = store
        onLane(offer, { () throws(StoreError) in try store.write(chunk, at: offset) }) {
            receiver, _ in
            receiver.stage = .receiving(offer, next: offset + UInt64(chunk.count))
        }
    }

    /// Durable, verified and decoded before Raft hears of it: nothing can fail after that.
    private func complete(_ offer: SnapshotOffer) {
        stage = .committing(offer)
        let store = store
        onLane(
            offer,
            { () throws(StoreError) -> State in
                try store.commit(offer.metadata)
                return try SnapshotFile.read(offer.metadata, from: store)
            }
        ) { receiver, state in
            receiver.stage = .done
            receiver.replica.received(offer, state: state, from: receiver.peer)
            receiver.end()
        }
    }

    /// One piece of work on the snapshot lane; nothing is read from the stream meanwhile.
    private func onLane<Value: Sendable>(
        _ offer: SnapshotOffer, _ work: @escaping @Sendable () throws(StoreError) -> Value,
        then: @escaping (SnapshotReceiver, Value) -> Void
    ) {
        session.stream.pauseReading()
        replica.snapshotLane.attempt(work) { [self] result in
            let value: Value
            switch result {
            case .success(let done): value = done
            case .failure(let error):
                stage = .done
                if !hasGivenWay {
                    tell(error)
                    replica.step(.snapshotAbandoned(offer, from: peer))
                }
                // Such a store takes no snapshot ever again, until it is opened anew.
                if case .failure(.broken(let detail)) = result {
                    replica.fail("snapshots: \(detail)")
                }
                return fail()
            }
            if hasGivenWay { return }
            if isEnded, case .preparing = stage {
                stage = .done
                return replica.step(.snapshotAbandoned(offer, from: peer))
            }
            then(self, value)
            if !isEnded { session.resume() }
        }
    }

    /// What came is not what was offered, or the own disk does not take it.
    private func tell(_ error: StoreError) {
        switch error {
        case .corrupt(let reason), .mismatch(let reason):
            // The stream may have ended while the lane was at work, and its session with it.
            if !isEnded { session.refuse("a snapshot: \(reason)") }
        case .full, .broken, .locked, .unknownFormat: replica.snapshotNotStored(error)
        }
    }

    private func end() {
        guard !isEnded else { return }
        session.close()
    }

    /// The sender must not take this for a success: it would wait for an answer.
    private func fail() {
        guard !isEnded else { return }
        session.stream.reset()
    }

    /// The leader has begun anew. A sender ends its stream first, but while the lane is at work nothing is read
    /// here, and the end is not heard: what is left of the stream would be written between the new one's
    /// chunks. What is whole already is committed nonetheless.
    func giveWay() {
        switch stage {
        case .expectingOffer, .committing, .done: return
        case .preparing, .receiving: break
        }
        hasGivenWay = true
        stage = .done
        fail()
    }

    /// The stream is gone. What the store has stays there, for the next attempt to go on from.
    func closed() {
        guard !isEnded else { return }
        isEnded = true
        if case .receiving(let offer, _) = stage {
            stage = .done
            replica.step(.snapshotAbandoned(offer, from: peer))
        }
    }
}
