// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletTransport

// Several servers at once, each for itself: one that hangs keeps nobody waiting beyond the limit.

extension ServerConnection {
    /// What came of one request, and between which moments of our wall clock.
    struct Reply {
        let result: Result<ClientResponse, Failure>
        let sentNanoseconds: Int64
        let receivedNanoseconds: Int64
    }

    /// Sends the same requests to each server, in order.
    ///
    /// - Parameters:
    ///   - timeout: for all requests to a server together.
    /// - Returns: for each place a reply to each target.
    func askEach(
        _ places: [ServerAddress], _ targets: [String], timeout: Duration,
        clock: @escaping () -> Int64
    ) -> [[Reply]] {
        let rounds = places.map { round(for: $0, targets.count, clock) }
        let pending = rounds.filter { $0.client != nil }
        if !pending.isEmpty, !targets.isEmpty {
            network.perform { done in
                var left = pending.count * targets.count
                for round in pending {
                    for (position, target) in targets.enumerated() {
                        round.client?.send(.get, target, body: nil, timeout: timeout) {
                            [self] result in
                            round.take(
                                result.mapError {
                                    failure(of: $0, round.place, notices: round.notices)
                                }, at: position, clock())
                            left -= 1
                            if left == 0 { done() }
                        }
                    }
                }
            }
        }
        for case let client? in rounds.map(\.client) { close(client) }
        return rounds.map(\.replies)
    }

    /// Whether a connection can be made; why not, for each.
    func reach(_ addresses: [SocketAddress], timeout: Duration) -> [String?] {
        var outcomes = [String?](repeating: nil, count: addresses.count)
        guard !addresses.isEmpty else { return outcomes }
        network.perform { done in
            var left = addresses.count
            for (position, address) in addresses.enumerated() {
                plainStreams.connect(to: address, timeout: timeout) { result in
                    switch result {
                    case .success(let stream): stream.close()
                    case .failure(let error): outcomes[position] = "\(error)"
                    }
                    left -= 1
                    if left == 0 { done() }
                }
            }
        }
        return outcomes
    }

    private func round(for place: ServerAddress, _ count: Int, _ clock: () -> Int64) -> Round {
        let round = Round(place, count, startedAt: clock())
        do throws(CLIFailure) {
            let streams = try streams(for: place, telling: round.notices)
            switch resolve(place, streams) {
            case .success(let addresses):
                guard let address = addresses.first else {
                    round.fail("\(place): it has no address")
                    return round
                }
                round.client = APIClient(
                    loop: network.loop, streams: streams, address: address, token: settings.token,
                    responseBytesMax: responseBytesMax)
            case .failure(let error): round.fail("\(place): \(error)")
            }
        } catch {
            round.fail(error.text)
        }
        return round
    }
}

/// The requests to one server. On the loop's thread.
private final class Round {
    let place: ServerAddress
    let notices = NoticeBox()
    var client: APIClient?
    private(set) var replies: [ServerConnection.Reply]
    /// Requests follow each other: none is sent before the one before it is answered.
    private var lastNanoseconds: Int64

    init(_ place: ServerAddress, _ count: Int, startedAt: Int64) {
        self.place = place
        lastNanoseconds = startedAt
        let unasked = ServerConnection.Failure(
            text: "\(place): it was not asked", exitCode: .unable, isUncertain: false)
        replies = [ServerConnection.Reply](
            repeating: .init(
                result: .failure(unasked), sentNanoseconds: startedAt,
                receivedNanoseconds: startedAt), count: count)
    }

    func take(
        _ result: Result<ClientResponse, ServerConnection.Failure>, at position: Int, _ now: Int64
    ) {
        replies[position] = .init(
            result: result, sentNanoseconds: lastNanoseconds, receivedNanoseconds: now)
        lastNanoseconds = now
    }

    func fail(_ text: String) {
        let failure = ServerConnection.Failure(text: text, exitCode: .unable, isUncertain: false)
        for position in replies.indices {
            take(.failure(failure), at: position, lastNanoseconds)
        }
    }
}
