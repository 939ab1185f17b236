// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletTransport

/// The connections of one process to the server that it uses at the moment.
struct NodeLinks {
    /// A question that waits for news must hold up nothing else, a heartbeat must not wait behind
    /// megabytes, and what is to be run must not wait for servers to gather what is told.
    enum Kind: Int, CaseIterable {
        case heartbeat
        case news
        case word
        case rest

        /// Servers gather what is told before they answer: a single connection would mostly wait.
        var connections: Int { self == .word ? NodeLinks.wordsMax : 1 }
    }

    /// How many requests that tell what has become of allocations may be on their way at once.
    static let wordsMax = 4
    /// Of those that were given and those that were learned; more are of no use.
    private static let serversMax = 32

    private let loop: any Loop
    private let streams: any Streams
    private let secret: UniqueID
    private var servers: [SocketAddress]
    private var position = 0
    /// By kind.
    private var clients: [[APIClient]] = []

    init(loop: any Loop, streams: any Streams, servers: [SocketAddress], secret: UniqueID) {
        self.loop = loop
        self.streams = streams
        self.servers = servers
        self.secret = secret
        open()
    }

    var server: SocketAddress { servers[position] }

    /// The one with the least to do.
    func client(for kind: Kind) -> APIClient {
        let those = clients[kind.rawValue]
        return those.min { $0.pendingCount < $1.pendingCount } ?? those[0]
    }

    /// Leaves a server for the next one, once; what waits for it fails.
    mutating func turn(from server: SocketAddress) {
        guard servers.count > 1, server == self.server else { return }
        position = (position + 1) % servers.count
        close()
        open()
    }

    /// What waits for an answer of this kind fails.
    mutating func cutOff(_ kind: Kind) {
        for client in clients[kind.rawValue] { client.close() }
        clients[kind.rawValue] = makeClients(for: kind)
    }

    mutating func learn(_ told: [SocketAddress]) {
        for server in told where !servers.contains(server) && servers.count < Self.serversMax {
            servers.append(server)
        }
    }

    func close() { for client in clients.joined() { client.close() } }

    private mutating func open() {
        clients = Kind.allCases.map { makeClients(for: $0) }
    }

    private func makeClients(for kind: Kind) -> [APIClient] {
        let header = ClientResponse.Header(name: "X-Martlet-Node-Secret", value: "\(secret)")
        return (0..<kind.connections).map { _ in
            APIClient(
                loop: loop, streams: streams, address: server, token: nil, headers: [header])
        }
    }
}
