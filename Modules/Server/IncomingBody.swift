// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// A request's body as its connection brings it: nothing is read from the client before it is asked
/// for, and a client that waits to be told to send (`Expect: 100-continue`) is told then.
final class IncomingBody: ByteSource {
    private weak var connection: HTTPConnection?
    private var taken: ((SourcePiece) -> Void)?
    /// How long the client has kept its server waiting, without the present wait.
    private var waited: Duration = .zero
    private var askedAt: Duration = .zero
    private var bytes = 0

    let bytesMax: Int

    init(_ connection: HTTPConnection, bytesMax: Int) {
        self.connection = connection
        self.bytesMax = bytesMax
    }

    var isAwaited: Bool { taken != nil }

    func next(_ taken: @escaping (SourcePiece) -> Void) {
        precondition(self.taken == nil, "a piece of a body is awaited already")
        guard let connection else { return taken(.failed("the client is gone")) }
        self.taken = taken
        askedAt = connection.now
        connection.bringMore(of: self)
    }

    func cancel() { taken = nil }

    /// The connection has news.
    func give(_ piece: SourcePiece, at now: Duration) {
        if case .bytes(let more) = piece { bytes += more.count }
        waited += now - askedAt
        askedAt = now
        let taken = taken
        self.taken = nil
        taken?(piece)
    }

    /// Nothing more will come.
    func detach() {
        connection = nil
        taken = nil
    }

    /// Whether the client sends nothing, or too little, although it is waited for.
    func isLate(at now: Duration, _ limits: HTTPServiceLimits) -> Bool {
        guard isAwaited else { return false }
        let passed = now - askedAt
        let all = waited + passed
        return passed >= limits.bodyTimeout
            || all >= limits.bodyGrace
                && bytes < limits.bodyBytesPerSecondMin * Int(all.components.seconds)
    }
}

/// Gathers what a source gives, up to a bound.
final class SourceCollector {
    private let source: any ByteSource
    private let bytesMax: Int
    private var gathered: [UInt8] = []
    private var isAsking = false
    private let done: (Result<[UInt8], CollectFailure>) -> Void

    enum CollectFailure: Error, Equatable {
        /// There is more; the source is cancelled.
        case tooLarge
        case failed(String)
    }

    /// `done` is called once, in this call or later, unless the source is cancelled by another.
    static func collect(
        _ source: any ByteSource, bytesMax: Int,
        done: @escaping (Result<[UInt8], CollectFailure>) -> Void
    ) {
        SourceCollector(source, bytesMax, done).ask()
    }

    private init(
        _ source: any ByteSource, _ bytesMax: Int,
        _ done: @escaping (Result<[UInt8], CollectFailure>) -> Void
    ) {
        self.source = source
        self.bytesMax = bytesMax
        self.done = done
    }

    /// As a loop, since a source may answer in the call that asks it.
    private func ask() {
        var hasMore = true
        while hasMore {
            hasMore = false
            isAsking = true
            source.next { [self] piece in
                let isInCall = isAsking
                switch piece {
                case .bytes(let bytes):
                    guard gathered.count + bytes.count <= bytesMax else {
                        source.cancel()
                        return done(.failure(.tooLarge))
                    }
                    gathered += bytes
                    if isInCall { hasMore = true } else { ask() }
                case .end: done(.success(gathered))
                case .failed(let reason): done(.failure(.failed(reason)))
                }
            }
            isAsking = false
        }
    }
}
