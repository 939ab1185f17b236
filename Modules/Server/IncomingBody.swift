// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// A request's body as its connection brings it: nothing is read from the client before it is asked
/// for, and a client that waits to be told to send (`Expect: 100-continue`) is told then.
final class IncomingBody: ByteSource {
    private weak var connection: HTTPConnection?
    private var taken: ((SourcePiece) -> Void)?
    /// How long the client has kept its server waiting, without the present wait.
    private var waited: Duration = .zero
    /// Since when it is awaited, or is not.
    private var movedAt: Duration
    private var bytes = 0

    let bytesMax: Int

    init(_ connection: HTTPConnection, bytesMax: Int) {
        self.connection = connection
        self.bytesMax = bytesMax
        movedAt = connection.now
    }

    var isAwaited: Bool { taken != nil }
    /// Something of it was asked for: it cannot be read from its beginning again.
    private(set) var hasBegun = false

    func next(_ taken: @escaping (SourcePiece) -> Void) {
        precondition(self.taken == nil, "a piece of a body is awaited already")
        hasBegun = true
        guard let connection else { return taken(.failed("the client is gone")) }
        self.taken = taken
        movedAt = connection.now
        connection.bringMore(of: self)
    }

    func cancel() { taken = nil }

    /// The connection has news.
    func give(_ piece: SourcePiece, at now: Duration) {
        if case .bytes(let more) = piece { bytes += more.count }
        waited += now - movedAt
        movedAt = now
        let taken = taken
        self.taken = nil
        taken?(piece)
    }

    /// Nothing more will come.
    func detach() {
        connection = nil
        taken = nil
    }

    /// Whether the client sends nothing, or too little, although it is waited for; or whoever works on
    /// the request has wanted nothing more for as long as any work may take.
    func isLate(at now: Duration, _ limits: HTTPServiceLimits) -> Bool {
        let passed = now - movedAt
        guard isAwaited else { return passed >= limits.longAnswerTimeout }
        let all = waited + passed
        return passed >= limits.bodyTimeout
            || all >= limits.bodyGrace
                && bytes < limits.bodyBytesPerSecondMin * Int(all.components.seconds)
    }
}
