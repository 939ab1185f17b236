// SPDX-License-Identifier: Apache-2.0
package import MartletClient
package import MartletRaft
package import MartletServer
package import MartletSimulation
import MartletStorage
package import MartletTransport

/// Whole servers in a ``SimulatedWorld``: the same bytes on simulated sockets and disks as on real
/// ones, in virtual time, on one thread.
///
/// Nothing here waits: the world is turned until a condition holds.
package final class SimulatedCluster {
    /// One server: its machine, and the door of its present life.
    package final class Node {
        package let name: String
        package let host: SimulatedHost
        package fileprivate(set) var door: ServerDoor?
        /// As last seen by ``SimulatedCluster/glance(at:)``; nil before, and with a new disk.
        package var id: ServerID?
        package fileprivate(set) var startError: TransportError?
        /// Why its disk could not be read when it was last started; it is down then.
        package fileprivate(set) var startFailure: DataFolderError?
        /// What its next life is started with.
        package var options: ServerOptions

        init(name: String, host: SimulatedHost, options: ServerOptions) {
            self.name = name
            self.host = host
            self.options = options
        }

        package var httpAddress: SocketAddress { host.address(port: 4646) }
        package var peerAddress: String { "\(host.address(port: 4647))" }
    }

    package let world: SimulatedWorld
    package let nodes: [Node]
    /// Sees the steps of every server that is started from here on.
    package var observer: (any ReplicaObserver)?
    /// Gets the log of every server that is started from here on, with the server's name.
    package var tell: ((_ name: String, _ line: String) -> Void)?
    /// What servers that are started from here on talk to each other on, made on their loops; nil for
    /// their hosts' streams as they are.
    package var peerStreams: ((Node) -> any Streams)?
    /// What writes are told to at servers that are started from here on; nil for nothing.
    package var tracer: ((Node) -> any WriteTracer)?
    let clientHost: SimulatedHost

    /// - Parameters:
    ///   - count: servers that found the cluster together.
    ///   - spares: servers that only join; they are not started by ``startAll()``.
    package init(
        seed: UInt64, count: Int, spares: Int = 0,
        configure: (inout ServerOptions) -> Void = { _ in }
    ) {
        world = SimulatedWorld(seed: seed)
        founderCount = count
        var hosts: [SimulatedHost] = []
        for number in 1...(count + spares) { hosts.append(world.makeHost("s\(number)")) }
        let gossip = hosts.map { "\($0.address(port: 4648))" }
        nodes = hosts.enumerated().map { position, host in
            var options = ServerOptions(
                name: "s\(position + 1)", httpAddress: host.address(port: 4646),
                peerAddress: host.address(port: 4647), gossipAddress: host.address(port: 4648))
            options.bootstrapExpect = position < count ? count : 0
            options.join = gossip
            options.joinInterval = .seconds(2)
            options.dataDirectory = "/data"
            options.keyringPath = DataFolder.keyringPath(in: "/data")
            options.membersPath = DataFolder.membersPath(in: "/data")
            options.spoolPath = DataFolder.spoolPath(in: "/data")
            configure(&options)
            return Node(name: options.name, host: host, options: options)
        }
        clientHost = world.makeHost("client")
    }

    package func startAll() {
        for node in nodes.prefix(founderCount) { start(node) }
    }

    private let founderCount: Int

    /// Starts a server on what its disk holds: as a process does, reading it before it serves.
    package func start(_ node: Node) {
        node.host.restart()
        let host = node.host
        let loop = host.loop
        let streams = host.streams
        let datagrams = host.datagrams
        let door = ServerDoor(loop: loop)
        node.door = door
        node.startError = nil
        node.startFailure = nil
        let life = UncheckedBox(
            value: Life(
                node: node, door: door, streams: streams, peerStreams: peerStreams,
                datagrams: datagrams, observer: observer, tracer: tracer, tell: tell))
        loop.enter { life.value.begin() }
    }

    /// What its disk holds, for an operator: while it is down.
    package func folder(of node: Node) -> DataFolder {
        let silent = Life(
            node: node, door: ServerDoor(loop: node.host.loop), streams: node.host.streams,
            peerStreams: nil, datagrams: node.host.datagrams, observer: nil, tracer: nil, tell: nil)
        return silent.folder
    }

    /// As `kill -9`: the process is gone, the kernel resets its connections.
    package func kill(_ node: Node) {
        node.door = nil
        node.host.crash(.resetsPeers)
    }

    /// What crashed by itself has no door any more.
    package func forget(_ node: Node) {
        node.door = nil
        node.startFailure = nil
    }

    /// As SIGTERM: it says farewell and ends by itself; the world turns until it has.
    package func stop(_ node: Node, isLeaving: Bool) {
        guard let door = node.door else { return }
        let isDone = UncheckedBox(value: false)
        node.host.loop.enter {
            door.assumeIsolated { $0.stop(isLeaving: isLeaving) { isDone.value = true } }
        }
        _ = world.run(until: { isDone.value }, limit: .seconds(10))
        node.door = nil
        node.host.crash(.resetsPeers)
    }

    /// As SIGTERM to some of them, or to all, at one instant, with `leave_on_terminate`.
    ///
    /// - Returns: whether all of those have ended.
    package func leaveTogether(_ some: [Node]? = nil, limit: Duration) -> Bool {
        let running = (some ?? nodes).filter { $0.door != nil }
        let ended = UncheckedBox(value: 0)
        for node in running {
            guard let door = node.door else { continue }
            node.host.loop.enter {
                door.assumeIsolated { $0.stop(isLeaving: true) { ended.value += 1 } }
            }
        }
        return world.run(until: { ended.value == running.count }, limit: limit)
    }

    /// As a power cut: nobody is told.
    package func cutPower(of node: Node) {
        node.door = nil
        node.host.crash(.silent)
    }

    // MARK: Looking

    /// What a server says of itself at this moment; nil while it is down or paused. Costs no time.
    package func glance(at node: Node) -> ServerOverview? {
        guard let door = node.door, node.host.isRunning, !node.host.isPaused else { return nil }
        var seen: ServerOverview?
        node.host.perform { seen = door.assumeIsolated { $0.overview } }
        if let seen { node.id = seen.id }
        return seen
    }

    /// What a server says of itself; nil while it is down.
    package func overview(of node: Node) -> ServerOverview? {
        guard let door = node.door, node.host.isRunning else { return nil }
        let result = UncheckedBox<ServerOverview?>(value: nil)
        var isDone = false
        let done = UncheckedBox(value: { isDone = true })
        node.host.loop.enter {
            result.value = door.assumeIsolated { $0.overview }
            done.value()
        }
        _ = world.run(until: { isDone }, limit: .seconds(1))
        return result.value
    }

    package var leader: Node? {
        nodes.first { overview(of: $0)?.status.role == .leader }
    }

    /// Turns the world until one server leads and every running server knows it.
    package func settle(limit: Duration = .seconds(30)) -> Node? {
        let end = world.now + limit
        while world.now < end {
            let views = nodes.filter { $0.host.isRunning && $0.door != nil }.map {
                overview(of: $0)
            }
            let leaders = Set(views.map { $0?.status.leader })
            if leaders.count == 1, let id = leaders.first.flatMap(\.self),
                let found = nodes.first(where: { overview(of: $0)?.id == id }),
                overview(of: found)?.status.role == .leader
            {
                return found
            }
            world.run(for: .milliseconds(10))
        }
        return nil
    }

    // MARK: Asking

    package func client(
        of node: Node, token: String? = nil, headers: [ClientResponse.Header] = []
    ) -> APIClient {
        APIClient(
            loop: clientHost.loop, streams: clientHost.streams, address: node.httpAddress,
            token: token, headers: headers)
    }

    /// One request to one server, and its answer; the world turns until it is there.
    package func ask(
        _ node: Node, _ method: ClientMethod, _ target: String, body: String? = nil,
        token: String? = nil, headers: [ClientResponse.Header] = [],
        timeout: Duration = .seconds(10)
    ) -> Result<ClientResponse, ClientError> {
        ask(
            node, method, target, bytes: body.map { Array($0.utf8) }, token: token,
            headers: headers, timeout: timeout)
    }

    /// The same with a body that is no text.
    package func ask(
        _ node: Node, _ method: ClientMethod, _ target: String, bytes content: [UInt8]?,
        token: String? = nil, headers: [ClientResponse.Header] = [],
        timeout: Duration = .seconds(10)
    ) -> Result<ClientResponse, ClientError> {
        let client = client(of: node, token: token, headers: headers)
        let answer = UncheckedBox<Result<ClientResponse, ClientError>?>(value: nil)
        let sender = UncheckedBox(value: client)
        clientHost.loop.enter {
            sender.value.send(method, target, body: content, timeout: timeout) {
                answer.value = $0
            }
        }
        _ = world.run(until: { answer.value != nil }, limit: timeout + .seconds(1))
        clientHost.loop.enter { sender.value.close() }
        guard let result = answer.value else {
            preconditionFailure("a client that neither answers nor times out")
        }
        return result
    }

    /// Begins a request to one server; the world has to turn until its answer is there.
    package func begin(
        _ node: Node, _ method: ClientMethod, _ target: String, token: String? = nil,
        timeout: Duration = .seconds(30)
    ) -> PendingAnswer {
        let pending = PendingAnswer(client: client(of: node, token: token))
        let box = UncheckedBox(value: pending)
        clientHost.loop.enter {
            box.value.client.send(method, target, body: nil, timeout: timeout) {
                box.value.result = $0
            }
        }
        return pending
    }

    /// Closes the connection of a request that was begun.
    package func abandon(_ pending: PendingAnswer) {
        let box = UncheckedBox(value: pending)
        clientHost.loop.enter { box.value.client.close() }
    }

    /// The same request with each of these bodies, on a connection of its own and all of them at one
    /// instant; the statuses of the answers, 0 for none.
    package func ask(
        _ node: Node, _ method: ClientMethod, _ target: String, bodiesAtOnce bodies: [String]
    ) -> [Int] {
        let statuses = UncheckedBox(value: [Int?](repeating: nil, count: bodies.count))
        let senders = UncheckedBox(value: bodies.map { _ in client(of: node) })
        clientHost.loop.enter {
            for (position, body) in bodies.enumerated() {
                senders.value[position].send(
                    method, target, body: Array(body.utf8), timeout: .seconds(10)
                ) { answer in
                    if case .success(let response) = answer {
                        statuses.value[position] = response.status
                    } else {
                        statuses.value[position] = 0
                    }
                }
            }
        }
        _ = world.run(until: { !statuses.value.contains(nil) }, limit: .seconds(11))
        clientHost.loop.enter { for sender in senders.value { sender.close() } }
        return statuses.value.map { $0 ?? 0 }
    }
}

/// A request that is under way.
package final class PendingAnswer {
    let client: APIClient
    /// nil until there is an answer, or it is clear that there will be none.
    package internal(set) var result: Result<ClientResponse, ClientError>?

    init(client: APIClient) { self.client = client }
}

/// Carries a value of the one thread that turns the world through a closure that may leave it.
// SAFETY: a simulated world and everything in it runs on the thread that turns it.
final class UncheckedBox<Value>: @unchecked Sendable {
    var value: Value

    init(value: Value) { self.value = value }
}

/// What a server's life is made of.
private struct Life {
    let node: SimulatedCluster.Node
    let door: ServerDoor
    let streams: any Streams
    let peerStreams: ((SimulatedCluster.Node) -> any Streams)?
    let datagrams: any Datagrams
    let observer: (any ReplicaObserver)?
    let tracer: ((SimulatedCluster.Node) -> any WriteTracer)?
    let tell: ((_ name: String, _ line: String) -> Void)?

    /// Called on the loop.
    func begin() {
        do throws(DataFolderError) {
            node.startError = start(try folder.open())
        } catch {
            node.startFailure = error
            if node.door === door { node.door = nil }
        }
    }

    var folder: DataFolder {
        let host = UncheckedBox(value: node.host)
        return DataFolder(
            "/data", files: node.host.files, crypto: node.host.crypto, logger: .telling(line),
            wallClockNanoseconds: { host.value.loop.wallClockNanoseconds },
            openStores: { (directory) throws(StoreError) in
                try host.value.disk.openStores(in: directory)
            })
    }

    private func start(_ opened: DataFolder.Opened) -> TransportError? {
        let life = UncheckedBox(value: self)
        let stores = opened.stores
        var options = node.options
        do throws(KeyringError) {
            _ = try options.readPoolFiles(from: node.host.files)
        } catch {
            preconditionFailure("a keyring that a test has damaged: \(error)")
        }
        let prepared = options
        return door.assumeIsolated { door -> TransportError? in
            do throws(PortFailure) {
                try door.start(
                    prepared, loaded: opened.replica,
                    logger: .telling(life.value.line, watchedBy: prepared.logWatch)
                ) { life.value.environment(with: stores) }
                return nil
            } catch {
                return error.cause
            }
        }
    }

    private func environment(with stores: ServerStores) -> ServerEnvironment {
        var environment = ServerEnvironment(
            loop: node.host.loop, httpStreams: streams,
            peerStreams: peerStreams?(node) ?? streams,
            datagrams: datagrams, crypto: node.host.crypto, compression: node.host.compression,
            log: stores.log, metadata: stores.metadata, snapshots: stores.snapshots,
            files: node.host.files)
        environment.observer = observer
        environment.tracer = tracer?(node)
        return environment
    }

    private var line: (@Sendable (String) -> Void)? {
        guard let tell else { return nil }
        let told = UncheckedBox(value: (tell: tell, name: node.name))
        return { told.value.tell(told.value.name, $0) }
    }
}
