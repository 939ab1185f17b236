// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// The ways between the servers of `martlet dev`, and the place where they are cut.
///
/// Each server's advertised ports are listened on here, and what comes is passed on to the ports that
/// it has bound; datagrams leave from the sender's advertised port, so that a server sees of another
/// only what that advertises. Servers that are cut off are as if the cable were out: nothing is passed
/// to them or from them, connections stand still and are not broken. When the way is free again, what
/// waited goes on.
///
/// On the loop.
final class Relays {
    private let loop: any Loop
    private let streams: any Streams
    private let datagrams: any Datagrams
    private let machine: DevMachine
    private let plans: [DevServerPlan]
    private var listeners: [any Listener] = []
    /// Of the gossip ports, in the order of the plans.
    private var sockets: [any DatagramSocket] = []
    private var connections: [ObjectIdentifier: RelayedConnection] = [:]
    private(set) var cutOff: Set<Int> = []

    /// Beyond, connections are refused: seven servers need less than a hundred.
    private static let connectionsMax = 512

    init(
        _ plans: [DevServerPlan], loop: any Loop, streams: any Streams, datagrams: any Datagrams,
        machine: DevMachine
    ) {
        self.plans = plans
        self.loop = loop
        self.streams = streams
        self.datagrams = datagrams
        self.machine = machine
    }

    /// Opens all advertised ports.
    func start() throws(TransportError) {
        for plan in plans {
            try listen(on: plan.peer, for: plan, at: plan.boundPeer)
            try listen(on: plan.gossip, for: plan, at: plan.boundGossip)
            sockets.append(
                try datagrams.bind(to: DevServerPlan.address(plan.gossip)) {
                    [weak self] bytes, sender in
                    self?.pass(bytes, from: sender, to: plan)
                })
        }
    }

    func stop() {
        for listener in listeners { listener.close() }
        for socket in sockets { socket.close() }
        for connection in connections.values { connection.drop() }
        listeners = []
        sockets = []
        connections = [:]
    }

    /// Cuts a server off from all others, or lets it be heard again.
    func set(_ number: Int, isCutOff: Bool) {
        if isCutOff { cutOff.insert(number) } else { cutOff.remove(number) }
        for connection in connections.values { connection.update() }
    }

    // MARK: Connections

    private func listen(
        on port: UInt16, for plan: DevServerPlan, at bound: UInt16
    ) throws(TransportError) {
        do throws(TransportError) {
            listeners.append(
                try streams.listen(on: DevServerPlan.address(port)) { [weak self] stream in
                    self?.accept(stream, for: plan, at: bound)
                })
        } catch {
            throw .other("port \(port): \(error)")
        }
    }

    private func accept(_ stream: any ByteStream, for plan: DevServerPlan, at bound: UInt16) {
        guard connections.count < Self.connectionsMax else { return stream.reset() }
        let connection = RelayedConnection(stream, to: plan.number, at: bound, relays: self)
        connections[ObjectIdentifier(connection)] = connection
        connection.start()
    }

    func ended(_ connection: RelayedConnection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    /// Whether nothing is passed on between a server and another, or one that has not said yet who it
    /// is.
    func isCut(_ one: Int, _ other: Int?) -> Bool {
        cutOff.contains(one) || other.map(cutOff.contains) ?? false
    }

    /// Which server speaks; nil while that is not clear.
    ///
    /// - Throws: for one that is none of these.
    func speaker(of first: [UInt8]) throws(TransportError) -> Int? {
        guard let address = try machine.speaker(first) else {
            guard first.count < machine.firstBytesMax else { throw .other("a long greeting") }
            return nil
        }
        guard let plan = plans.first(where: { DevServerPlan.address($0.peer) == address }) else {
            throw .other("a stranger: \(address)")
        }
        return plan.number
    }

    func connect(
        to port: UInt16, completion: @escaping (Result<any ByteStream, TransportError>) -> Void
    ) {
        streams.connect(
            to: DevServerPlan.address(port), timeout: .seconds(2), completion: completion)
    }

    // MARK: Datagrams

    private func pass(_ bytes: Span<UInt8>, from sender: SocketAddress, to plan: DevServerPlan) {
        // Only this machine can send to a loopback address.
        guard let from = plans.firstIndex(where: { $0.boundGossip == sender.port }),
            !isCut(plan.number, plans[from].number), from < sockets.count
        else { return }
        sockets[from].send(bytes, to: DevServerPlan.address(plan.boundGossip))
    }
}
