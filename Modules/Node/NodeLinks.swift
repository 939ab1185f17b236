// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletTransport

/// The connections of one process to the server that it uses at the moment.
struct NodeLinks {
    /// A question that waits for news must hold up nothing else, and a heartbeat must not wait behind
    /// megabytes.
    enum Kind: Int, CaseIterable {
        case heartbeat
        case news
        case rest
    }

    /// Of those that were given and those that were learned; more are of no use.
    private static let serversMax = 32

    private let loop: any Loop
    private let streams: any Streams
    private let secret: UniqueID
    private var servers: [SocketAddress]
    private var position = 0
    private var clients: [APIClient] = []

    init(loop: any Loop, streams: any Streams, servers: [SocketAddress], secret: UniqueID) {
        self.loop = loop
        self.streams = streams
        self.servers = servers
        self.secret = secret
        open()
    }

    var server: SocketAddress { servers[position] }

    func client(for kind: Kind) -> APIClient { clients[kind.rawValue] }

    /// Leaves a server for the next one, once; what waits for it fails.
    mutating func turn(from server: SocketAddress) {
        guard servers.count > 1, server == self.server else { return }
        position = (position + 1) % servers.count
        close()
        open()
    }

    /// What waits for an answer of this kind fails.
    mutating func cutOff(_ kind: Kind) {
        clients[kind.rawValue].close()
        clients[kind.rawValue] = makeClient()
    }

    mutating func learn(_ told: [SocketAddress]) {
        for server in told where !servers.contains(server) && servers.count < Self.serversMax {
            servers.append(server)
        }
    }

    func close() { for client in clients { client.close() } }

    private mutating func open() {
        clients = Kind.allCases.map { _ in makeClient() }
    }

    private func makeClient() -> APIClient {
        let header = ClientResponse.Header(name: "X-Martlet-Node-Secret", value: "\(secret)")
        return APIClient(
            loop: loop, streams: streams, address: server, token: nil, headers: [header])
    }
}
