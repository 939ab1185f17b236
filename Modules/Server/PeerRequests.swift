// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletTransport

/// Connections for one request each, in both directions: how many there are, and which of them are over
/// when a peer is gone.
final class PeerRequests {
    /// Of either direction: what one server's clients may have open (``HTTPServiceLimits/streamsMax``),
    /// and as many that others pass on.
    static let countMax = 256

    private var sent: [UInt64: (peer: ServerID, sender: PeerRequestSender)] = [:]
    private var next: UInt64 = 0
    /// Requests of others that are being served.
    var served = 0

    var sentCount: Int { sent.count }

    /// Passes a request on; `done` is called once.
    func send(
        _ request: APIRequest, of credential: Credential, to peer: ServerID,
        at address: SocketAddress, by network: PeerNetwork, environment: ServerEnvironment,
        done: @escaping (ForwardResult) -> Void
    ) {
        guard sent.count < Self.countMax else { return done(.notSent) }
        next += 1
        let number = next
        let sender = PeerRequestSender(
            request, of: credential, hello: network.hello(for: .request), loop: environment.loop,
            refused: { [weak network] error, isOversized in
                network?.refuse(error, isOversized: isOversized, from: "\(address)")
            },
            ended: { [weak self] in self?.sent[number] = nil }, done: done)
        sent[number] = (peer, sender)
        sender.start(to: address, streams: environment.peerStreams)
    }

    /// The connections to this peer broke; nil for all.
    func lose(_ peer: ServerID?) {
        let lost = sent.filter { peer == nil || $0.value.peer == peer }
        for (_, entry) in lost.sorted(by: { $0.key < $1.key }) {
            entry.sender.fail("the other server is gone")
        }
    }
}
