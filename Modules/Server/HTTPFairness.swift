// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// What all connections from one address hold together.
final class HTTPClient {
    let host: String
    var connections = 0
    /// Requests whose answer is not made yet.
    var requests = 0
    /// Bodies on their way piece by piece.
    var streams = 0
    fileprivate var share = Share()

    init(host: String) { self.host = host }
}

/// What somebody has begun in one turn of the loop.
struct Share {
    private var turn: UInt64 = .max
    private var begun = 0

    fileprivate func isUsedUp(in turn: UInt64, at max: Int) -> Bool {
        self.turn == turn && begun >= max
    }

    fileprivate mutating func take(in turn: UInt64) {
        if self.turn != turn {
            self.turn = turn
            begun = 0
        }
        begun += 1
    }
}

/// How many requests are begun in one turn of the loop: between two turns, everybody else's sockets
/// speak, those of peers and their heartbeats among them.
///
/// Only who sends requests ahead notices: a client that waits for its answers begins one a turn.
final class TurnBudget {
    /// A read costs some 5 µs: a turn is over after a few milliseconds, whoever asks.
    static let requestsMax = 1024
    static let perClientMax = 256
    static let perConnectionMax = 32

    private let loop: any Loop
    private var turn: UInt64 = 0
    private var begun = 0
    private var isTurnMarked = false
    /// Made once.
    private var turnEnded: () -> Void = {}

    init(loop: any Loop) {
        self.loop = loop
        turnEnded = { [weak self] in self?.endTurn() }
    }

    var isUsedUp: Bool { begun >= Self.requestsMax }

    func allows(_ client: HTTPClient, _ connection: Share) -> Bool {
        begun < Self.requestsMax
            && !connection.isUsedUp(in: turn, at: Self.perConnectionMax)
            && !client.share.isUsedUp(in: turn, at: Self.perClientMax)
    }

    func take(_ client: HTTPClient, _ connection: inout Share) {
        begun += 1
        client.share.take(in: turn)
        connection.take(in: turn)
        guard !isTurnMarked else { return }
        isTurnMarked = true
        loop.atEndOfTurn(turnEnded)
    }

    private func endTurn() {
        isTurnMarked = false
        turn &+= 1
        begun = 0
    }
}
