// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// One connection from a server to another, passed on.
///
/// ```
///             who speaks is known            connected
/// listening ─────────────────────▶ joining ───────────▶ passing ⇄ held
///     └────────────── stranger, end, refused ─────────────▶ over
/// ```
///
/// Before it is passed on, what comes is kept: also while its server is cut off, so that the end of
/// a greeting that nobody answers is noticed, and the connection does not stay for ever.
final class RelayedConnection {
    private enum State {
        /// What was said so far.
        case listening([UInt8])
        case joining([UInt8])
        case passing
        case over
    }

    private let near: any ByteStream
    private var far: (any ByteStream)?
    private unowned let relays: Relays
    private let target: Int
    private let port: UInt16
    private var speaker: Int?
    private var state = State.listening([])
    /// One side says no more.
    private var isHalfEnded = false

    /// Before it is passed on: servers greet, and wait for the answer.
    private static let keptBytesMax = 1 << 20
    /// Of one direction, until the other end takes them.
    fileprivate static let queuedBytesMax = 1 << 20

    /// - Parameters:
    ///   - target: number of the server that is meant.
    ///   - port: that it has bound.
    init(_ near: any ByteStream, to target: Int, at port: UInt16, relays: Relays) {
        self.near = near
        self.target = target
        self.port = port
        self.relays = relays
    }

    func start() {
        near.handler = RelayEnd(self, isNear: true)
        near.resumeReading()
    }

    /// Something was cut, or is whole again.
    func update() {
        switch state {
        case .listening(let bytes): join(after: bytes)
        case .passing: resume()
        case .joining, .over: break
        }
    }

    /// Breaks it off at both ends.
    func drop() {
        guard !isOver else { return }
        state = .over
        for end in [near, far] {
            end?.handler = nil
            end?.reset()
        }
        relays.ended(self)
    }

    private var isOver: Bool { if case .over = state { true } else { false } }
    private var isHeld: Bool { relays.isCut(target, speaker) }

    // MARK: Before it is passed on

    private func heard(_ more: Span<UInt8>, after first: [UInt8]) {
        var bytes = first
        for index in more.indices { bytes.append(more[index]) }
        guard bytes.count <= Self.keptBytesMax else { return drop() }
        state = .listening(bytes)
        join(after: bytes)
    }

    private func join(after bytes: [UInt8]) {
        do throws(TransportError) {
            if speaker == nil { speaker = try relays.speaker(of: bytes) }
        } catch {
            return drop()
        }
        guard speaker != nil, !isHeld else { return }
        state = .joining(bytes)
        near.pauseReading()
        relays.connect(to: port) { [weak self] result in self?.joined(result) }
    }

    private func joined(_ result: Result<any ByteStream, TransportError>) {
        switch (state, result) {
        case (.joining(let bytes), .success(let stream)):
            far = stream
            stream.handler = RelayEnd(self, isNear: false)
            state = .passing
            stream.write(bytes.span)
            resume()
        case (_, .success(let stream)): stream.reset()
        case (_, .failure): drop()
        }
    }

    // MARK: Passing on

    private func resume() {
        guard let far else { return }
        if isHeld {
            near.pauseReading()
            far.pauseReading()
        } else {
            if far.queuedBytes < Self.queuedBytesMax { near.resumeReading() }
            if near.queuedBytes < Self.queuedBytesMax { far.resumeReading() }
        }
    }

    private func other(than isNear: Bool) -> (any ByteStream)? { isNear ? far : near }

    fileprivate func received(_ bytes: Span<UInt8>, isNear: Bool) {
        switch state {
        case .listening(let first): heard(bytes, after: first)
        case .passing:
            guard let other = other(than: isNear) else { return }
            other.write(bytes)
            if other.queuedBytes >= Self.queuedBytesMax {
                (isNear ? near : far)?.pauseReading()
            }
        case .joining, .over: break
        }
    }

    fileprivate func ended(isNear: Bool) {
        guard case .passing = state else { return drop() }
        guard isHalfEnded else {
            isHalfEnded = true
            other(than: isNear)?.finishWriting()
            return
        }
        state = .over
        near.close()
        far?.close()
        relays.ended(self)
    }

    fileprivate func drained() { if case .passing = state { resume() } }

    /// A connection that is gone on one side is gone on the other.
    fileprivate func closed() { drop() }
}

private final class RelayEnd: StreamHandler {
    private weak var connection: RelayedConnection?
    private let isNear: Bool

    init(_ connection: RelayedConnection, isNear: Bool) {
        self.connection = connection
        self.isNear = isNear
    }

    func streamReceived(_ bytes: Span<UInt8>) { connection?.received(bytes, isNear: isNear) }
    func streamEnded() { connection?.ended(isNear: isNear) }
    func streamDrained() { connection?.drained() }
    func streamClosed(_ error: TransportError?) { connection?.closed() }
}
