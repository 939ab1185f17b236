// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletBytes
import MartletRaft
import MartletTransport

/// All connections between this server and the others: one link to each, one session from each, and
/// gossip, which says who is there.
///
/// A connection is refused in its greeting when the other is a stranger (``Admission``).
final class PeerNetwork: PeerLinkOwner, PeerSessionOwner, GossipPortOwner {
    private let options: ServerOptions
    private let environment: ServerEnvironment
    /// Requests that are passed on with bodies that go piece by piece.
    let requests = PeerRequests()
    private let loop: any Loop
    private let streams: any Streams
    private let logger: Logger
    weak var delegate: (any PeerNetworkDelegate)?

    let gossip: GossipPort
    private(set) var own: MemberInfo {
        didSet { life = (own.clusterID, own.recoveryEpoch) }
    }
    /// Of ``own``: what each message is checked against.
    private var life: (clusterID: ServerID?, epoch: UInt64)
    private(set) var members = Members()
    private var links = PeerLinks()
    /// By number of acceptance, so that their order is that of events.
    private var sessions: [UInt64: PeerSession] = [:]
    private var nextSession: UInt64 = 0
    private var listeners: [any Listener] = []
    private var ticker: (any LoopTimer)?
    private var lastPing: Duration = .zero
    private var pings: UInt64 = 0
    private var joining: Joining?
    private var isStopped = false

    private var forwards: [UInt64: Forward] = [:]
    private var nextForward: UInt64 = 0

    private struct Forward {
        let peer: ServerID
        var deadline: Duration
        let done: (ForwardResult) -> Void
    }

    private static let tickInterval: Duration = .milliseconds(250)
    private static let pingInterval: Duration = .seconds(1)
    private static let pingsPerSearch: UInt64 = 5
    /// Connections from peers and strangers in all; a stranger beyond is refused.
    private static let sessionsMax = 512
    /// Of ``sessionsMax``, those that only servers of the configuration get.
    private static let sessionsReserved = 64
    private static let forwardsMax = 16_384
    /// No forwarded request waits longer for its answer, but those that may take long.
    private static let forwardTimeout: Duration = .seconds(5)
    private static let longForwardTimeout: Duration = .seconds(600)
    /// Whoever is connected and answered that lately is there: two pings.
    private static let presence: Duration = .seconds(2)

    init(
        own: MemberInfo, options: ServerOptions, environment: ServerEnvironment,
        seal: GossipSeal, logger: Logger
    ) {
        self.own = own
        life = (own.clusterID, own.recoveryEpoch)
        self.options = options
        self.environment = environment
        loop = environment.loop
        streams = environment.peerStreams
        self.logger = logger
        gossip = GossipPort(
            own: own, environment: environment, seal: seal, logger: logger)
    }

    func start() throws(PortFailure) {
        gossip.owner = self
        var gossipAddress = options.gossipAddress
        for address in Set([options.peerAddress, options.gossipAddress]).sorted(by: {
            $0.description < $1.description
        }) {
            let port = address == options.peerAddress ? "rpc" : "serf"
            let listener = try PortFailure.opening(port, at: address) {
                () throws(TransportError) in
                try streams.listen(on: address) { [weak self] in self?.accepted($0) }
            }
            listeners.append(listener)
            tellPort(of: listener, for: address)
            if address == options.gossipAddress { gossipAddress = listener.address }
        }
        _ = members.learn(own, at: loop.now)
        _ = members.set(.alive, of: own.id)
        try PortFailure.opening("serf", at: gossipAddress) { () throws(TransportError) in
            try gossip.start(on: gossipAddress, as: own)
        }
        ticker = loop.makeTimer { [weak self] in self?.tick() }
        ticker?.arm(at: loop.now + Self.tickInterval)
        let joining = Joining(
            options: options, loop: loop, streams: streams, network: self, logger: logger)
        self.joining = joining
        joining.start()
    }

    /// A port that the system chose is told as it is.
    private func tellPort(of listener: any Listener, for address: SocketAddress) {
        guard address.port == 0, let port = listener.address.port else { return }
        func told(_ text: String) -> String {
            guard let advertised = SocketAddress(text), advertised.port == 0 else { return text }
            return "\(advertised.host):\(port)"
        }
        if address == options.peerAddress { own.peerAddress = told(own.peerAddress) }
        if address == options.gossipAddress { own.gossipAddress = told(own.gossipAddress) }
    }

    /// Closes everything.
    func stop() {
        guard !isStopped else { return }
        isStopped = true
        ticker?.disarm()
        joining?.stop()
        gossip.stop()
        for link in links.inOrder { link.close() }
        links = PeerLinks()
        for listener in listeners { listener.close() }
        listeners = []
        for number in sessions.keys.sorted() { sessions[number]?.close() }
        sessions = [:]
        requests.lose(nil)
        let lost = forwards
        forwards = [:]
        for id in lost.keys.sorted() { lost[id]?.done(.lost) }
    }

    /// Ends with its server, whether it was stopped or not: it and its connections hold each other.
    func letGo() {
        for session in sessions.values { session.letGo() }
    }

    // MARK: Who is there

    /// This server's own facts changed: tells those it is connected to at once, and everybody.
    func update(_ change: (inout MemberInfo) -> Void) {
        var changed = own
        change(&changed)
        guard changed != own else { return }
        changed.revision += 1
        own = changed
        _ = members.learn(own, at: loop.now)
        for link in links.inOrder { link.send(.member) { own.write(to: &$0) } }
        gossip.update(own)
    }

    /// Takes up what a server says of itself on a connection of its own.
    private func learn(_ info: MemberInfo) {
        if Admission.refusal(of: info, by: own) == nil {
            guard takeUp(info) else { return }
        } else {
            // It went over to another life: nothing that it says from here on is for this one.
            guard members.contains(info.id), members.learn(info, at: loop.now) else { return }
        }
        delegate?.networkMembersChanged()
    }

    /// - Returns: whether it was news.
    private func takeUp(_ info: MemberInfo) -> Bool {
        // What is only told of is checked when it calls: it may be what was true before a restart.
        guard imposture(of: info) == nil else { return false }
        if !members.contains(info.id) { makeRoom() }
        let isNews = members.learn(info, at: loop.now)
        if isNews || links[info.id] == nil { connect(to: info.id, at: info.peerAddress) }
        return isNews
    }

    /// Why this is not the server that has its id: that one is there, and is another process. One of
    /// the two runs on a copy of the other's data, and both would vote and acknowledge as one.
    ///
    /// - Returns: nil for a server of which no other life is there.
    private func imposture(of info: MemberInfo) -> String? {
        guard let known = members[info.id], known.info.incarnation != info.incarnation,
            isConnected(to: info.id), loop.now - known.lastContact < Self.presence
        else { return nil }
        return
            "\(known.info.fullName) at \(known.info.peerAddress) has its id and is there: one of "
            + "the two runs on a copy of the other's data: stop that one, and empty its data folder"
    }

    /// To what was connected as this server in another life nobody listens any longer.
    private func endOtherLives(of info: MemberInfo) {
        let others = sessions.values.filter {
            $0.peerID == info.id && $0.peer?.incarnation != info.incarnation
        }
        for session in others.sorted(by: { $0.number < $1.number }) { session.stream.reset() }
    }

    /// A server of before the start: known by name and looked for, and not there until it answers.
    func remember(_ info: MemberInfo) {
        guard info.id != own.id, !members.contains(info.id),
            Admission.refusal(of: info, by: own) == nil, takeUp(info)
        else { return }
        meet(info, saidBy: nil)
    }

    private func makeRoom() {
        let needed = delegate?.networkConfiguredServers() ?? []
        guard let gone = members.makeRoom(keeping: { $0 == own.id || needed.contains($0) }) else {
            return
        }
        links.remove(gone)?.close()
    }

    /// Makes sure that there is a link to a server of the configuration. What it says itself of
    /// where it is counts more than what the configuration remembers.
    func connect(toConfigured id: ServerID, at address: String) {
        connect(to: id, at: members[id]?.info.peerAddress ?? address)
    }

    /// Makes sure that there is a link to this server, at this address.
    func connect(to id: ServerID, at address: String) {
        guard !isStopped, id != own.id else { return }
        let known = links[id]
        if known?.addressText == address { return }
        guard let place = SocketAddress(address) else { return }
        if let known { return known.move(to: place, named: address) }
        guard links.count < Members.countMax else { return }
        let link = PeerLink(
            to: id, at: place, named: address, loop: loop, streams: streams, owner: self)
        links[id] = link
        link.start()
    }

    /// Servers that answered lately, this one included.
    func reachableCount(of servers: [ServerID]) -> Int {
        servers.count { $0 == own.id || (members.status(of: $0) == .alive && isConnected(to: $0)) }
    }

    func isConnected(to id: ServerID) -> Bool { links[id]?.isOpen == true }

    private func tick() {
        let now = loop.now
        ticker?.arm(at: now + Self.tickInterval)
        if now - lastPing >= Self.pingInterval {
            lastPing = now
            // A founding goes on although a word of it was lost.
            if own.clusterID == nil { delegate?.networkMembersChanged() }
            for link in links.inOrder { link.send(.ping) { _ in } }
            meetUnmet()
        }
        members.contacted(own.id, at: now)
        var late: [PeerSession] = []
        for session in sessions.values
        where session.isStranger && now - session.since > options.greetingTimeout {
            late.append(session)
        }
        for session in late.sorted(by: { $0.number < $1.number }) {
            if !session.hasGreeted {
                refuse(.silent, from: session.stream.remoteAddress.host, "a connection")
            }
            session.stream.reset()
        }
        expireForwards(at: now)
    }

    /// Whoever gossip has not met is asked again, if it is connected or every few seconds.
    private func meetUnmet() {
        pings += 1
        let unmet = members.ids(.none)
        let configured = unmet.isEmpty ? [] : delegate?.networkConfiguredServers() ?? []
        for position in unmet.indices {
            // Another first each time: a few are asked, and whoever made up the others is patient.
            let id = unmet[(position + Int(pings % UInt64(unmet.count))) % unmet.count]
            guard pings % Self.pingsPerSearch == 0 || isConnected(to: id),
                let member = members[id]
            else { continue }
            meet(member.info, saidBy: configured.contains(id) ? nil : "")
        }
    }

    /// - Parameter host: who said where it is; empty for somebody, nil for this server's own
    ///   configuration.
    private func meet(_ info: MemberInfo, saidBy host: String?) {
        guard gossip.status(of: info.id) == .none, let address = SocketAddress(info.gossipAddress)
        else { return }
        guard let host else { return gossip.join(address) { _ in } }
        if !gossip.meet(at: address, saidBy: host), !host.isEmpty {
            refuse(.tooManyAddresses, from: host, "it says that it is at \(address)")
        }
    }

    private func contacted(_ id: ServerID) { members.contacted(id, at: loop.now) }

    // MARK: Gossip

    func gossipChanged(_ info: MemberInfo, status: SerfStatus) {
        guard info.id != own.id, !isStopped else { return }
        var isNews = takeUp(info)
        let before = members.status(of: info.id)
        if members.set(status, of: info.id) {
            isNews = true
            delegate?.network(member: info, became: status)
            logger.log(
                level: status == .failed ? .warning : .info, "member status changed",
                metadata: [
                    "member": "\(info.fullName)", "status": "\(status.rawValue)",
                    "was": "\(before?.rawValue ?? "none")",
                ])
        }
        if isNews {
            if status == .alive { tellCluster(info) }
            delegate?.networkMembersChanged()
        }
        closeLinksOfGone()
    }

    /// Whoever left and is not in the configuration any more is not called back by a connection.
    func closeLinksOfGone() {
        let gone = members.ids(.left)
        guard !gone.isEmpty else { return }
        let needed = delegate?.networkConfiguredServers() ?? []
        for id in gone where !needed.contains(id) { links.remove(id)?.close() }
    }

    func gossipForgot(_ id: ServerID) {
        if (delegate?.networkConfiguredServers() ?? []).contains(id) {
            _ = members.set(.none, of: id)
        } else {
            members.forget(id)
            links.remove(id)?.close()
        }
        delegate?.networkMembersChanged()
    }

    func gossipConflict(_ info: MemberInfo) {
        refuse(
            .unwelcome, from: "\(info.fullName) at \(info.gossipAddress)",
            "it has this server's id: stop it, and empty the data folder that is a copy")
    }

    func gossipRefused(_ reason: Refusals.Reason, from peer: String, _ detail: String) {
        refuse(reason, from: peer, detail)
    }

    // MARK: Messages

    /// Drops what the peer would not understand: nothing but an answer depends on it.
    func send(_ message: Message, to peer: ServerID) {
        if let link = links[peer], !link.send(message) { messagesDropped += 1 }
    }

    /// Whether this peer answers questions for a read index.
    func canBeAskedToRead(_ peer: ServerID) -> Bool {
        isConnected(to: peer) && agreedProtocol(with: peer) ?? 1 >= 2
    }

    /// What this server and that one speak, or spoke last; nil before they met.
    func agreedProtocol(with peer: ServerID) -> UInt16? { links[peer]?.agreedProtocol }

    /// Asks `peer` to carry out a request in the name of who made it; `done` is called once.
    ///
    /// - Parameter isLong: a server that is well may work on it for minutes.
    func forward(
        _ request: APIRequest, of credential: Credential, to peer: ServerID,
        isLong: Bool = false, trace: String? = nil, done: @escaping (ForwardResult) -> Void
    ) {
        guard let link = links[peer], link.isOpen, forwards.count < Self.forwardsMax else {
            return done(.notSent)
        }
        nextForward += 1
        let id = nextForward
        let timeout = isLong ? Self.longForwardTimeout : Self.forwardTimeout
        forwards[id] = Forward(peer: peer, deadline: loop.now + timeout, done: done)
        let wasSent = link.send(.forward) {
            $0.write(id)
            request.write(to: &$0)
            let agreed = link.agreedProtocol ?? 1
            if agreed >= Hello.credentialProtocol { credential.write(to: &$0) }
            if agreed >= Hello.traceProtocol { $0.write(string: trace ?? "") }
        }
        if !wasSent { forwards.removeValue(forKey: id)?.done(.notSent) }
    }

    /// Whether a request with bodies that go piece by piece can be passed on to this peer.
    func canPassStreams(to peer: ServerID) -> Bool {
        isConnected(to: peer) && agreedProtocol(with: peer) ?? 1 >= Hello.requestProtocol
    }

    /// The same as ``forward(_:of:to:done:)``, over a connection of its own. The request's body is
    /// not begun before the peer wants it.
    func passStream(
        _ request: APIRequest, of credential: Credential, to peer: ServerID,
        done: @escaping (ForwardResult) -> Void
    ) {
        guard let address = peerAddress(of: peer), !isStopped else { return done(.notSent) }
        requests.send(
            request, of: credential, to: peer, at: address, by: self, environment: environment,
            done: done)
    }

    /// Whether what a node asks can be passed on to this peer: with what it presents.
    func canPassNodes(to peer: ServerID) -> Bool {
        agreedProtocol(with: peer) ?? 1 >= Hello.credentialProtocol
    }

    /// Whether lanes can be lent to this peer.
    func canLend(to peer: ServerID) -> Bool {
        isConnected(to: peer) && agreedProtocol(with: peer) ?? 1 >= Hello.lanesProtocol
    }

    /// Says something of lent lanes to the leader.
    ///
    /// - Returns: whether it is on its way.
    @discardableResult
    func lend(_ kind: FrameKind, to peer: ServerID, body: (inout ByteWriter) -> Void) -> Bool {
        links[peer]?.send(kind, body: body) ?? false
    }

    /// Another server leads: what is still with others is answered soon or not at all.
    func leaderChanged(to leader: ServerID?) {
        let limit = loop.now + .milliseconds(250)
        for (id, forward) in forwards where forward.peer != leader && forward.deadline > limit {
            forwards[id]?.deadline = limit
        }
    }

    private func expireForwards(at now: Duration) {
        if forwards.isEmpty { return }
        let expired = forwards.filter { $0.value.deadline <= now }.keys.sorted()
        for id in expired { forwards.removeValue(forKey: id)?.done(.lost) }
    }

    private func loseForwards(to peer: ServerID) {
        let lost = forwards.filter { $0.value.peer == peer }.keys.sorted()
        for id in lost { forwards.removeValue(forKey: id)?.done(.lost) }
    }

    func sendFounding(
        _ kind: FrameKind, to peer: ServerID, body: (inout ByteWriter) -> Void
    ) {
        links[peer]?.send(kind, body: body)
    }

    /// Where a snapshot to this server goes; nil while nothing is known of it.
    func peerAddress(of id: ServerID) -> SocketAddress? { links[id]?.address }

    // MARK: Greetings

    var protocolMax: UInt16 { options.peerProtocolMax }

    func helloForPeer() -> Hello { hello(for: .peer) }

    func hello(for purpose: Hello.Purpose) -> Hello {
        Hello(purpose: purpose, sender: own, protocolMax: protocolMax)
    }

    func greet(_ hello: Hello, from session: PeerSession) -> HelloReply {
        var verdict = HelloReply.Verdict.welcome
        if let reason = Admission.refusal(of: hello.sender, by: own) ?? imposture(of: hello.sender)
        {
            verdict = .refused(reason)
            if !Admission.isSameProcess(hello.sender, own) {
                refuse(.unwelcome, from: hello.sender.fullName, reason)
            }
        } else {
            met(hello.sender, at: session.stream.remoteAddress.host)
            endOtherLives(of: hello.sender)
        }
        return HelloReply(
            verdict: verdict, sender: own, agreedProtocol: min(protocolMax, hello.protocolMax))
    }

    /// Somebody who belongs here is at the other end of a connection.
    private func met(_ info: MemberInfo, at host: String) {
        learn(info)
        contacted(info.id)
        meet(info, saidBy: host)
        tellCluster(info)
    }

    private func tellCluster(_ peer: MemberInfo) {
        guard let clusterID = peer.clusterID,
            own.clusterID == nil || RecoveryEpoch.takesUp(own, from: peer)
        else { return }
        delegate?.network(toldCluster: clusterID, by: peer)
    }

    // MARK: PeerLinkOwner

    func link(_ link: PeerLink, greeted reply: HelloReply) -> Bool {
        guard !Admission.isSameProcess(reply.sender, own) else { return false }
        if case .refused(let reason) = reply.verdict {
            logRefusal(of: link, reason)
            return false
        }
        guard reply.sender.id == link.id else {
            refuse(
                .unwelcome, from: "\(link.address)",
                "server \(reply.sender.id) answers where \(link.id) was")
            return false
        }
        if let reason = Admission.refusal(of: reply.sender, by: own) {
            refuse(.unwelcome, from: reply.sender.fullName, reason)
            return false
        }
        met(reply.sender, at: link.address.host)
        return true
    }

    /// Said once per reason and server: a stranger tries again every second.
    private var refusals: [ServerID: String] = [:]

    /// What one of these servers says for not letting this one in; nil if none does.
    func refusal(by servers: [ServerID]) -> String? {
        servers.lazy.filter { !self.isConnected(to: $0) }.compactMap { self.refusals[$0] }.first
    }

    /// The same of an address of `retry_join`.
    var refusalToJoin: String? { joining?.refusal }

    private func logRefusal(of link: PeerLink, _ reason: String) {
        guard refusals[link.id] != reason else { return }
        if refusals.count > Members.countMax { refusals = [:] }
        refusals[link.id] = reason
        logger.warning(
            "no connection to a peer",
            metadata: ["address": "\(link.address)", "reason": "\(reason)"])
    }

    func linkOpened(_ link: PeerLink) {
        refusals[link.id] = nil
        // What changed since the greeting left.
        link.send(.member) { own.write(to: &$0) }
        delegate?.networkConnected(to: link.id)
        delegate?.networkMembersChanged()
    }

    func linkClosed(_ link: PeerLink, wasOpen: Bool) {
        guard wasOpen else { return }
        loseForwards(to: link.id)
        requests.lose(link.id)
        delegate?.networkUnreachable(link.id)
    }

    func link(_ link: PeerLink, received kind: FrameKind, _ payload: inout ByteReader)
        throws(ByteError)
    {
        switch kind {
        case .pong:
            contacted(link.id)
        case .forwardReply:
            let id = try payload.readUInt64()
            let reply = try ForwardReply(reading: &payload)
            forwards.removeValue(forKey: id)?.done(.replied(reply))
        case .foundingReply, .foundingWithdrawn:
            guard let peer = members[link.id]?.info else { return }
            try delegate?.network(founding: kind, &payload, from: peer, session: nil)
        case .look: try delegate?.network(look: &payload, from: link.id)
        default:
            throw ByteError(offset: 0, reason: "\(kind) on a link")
        }
    }

    // MARK: What is not taken

    private(set) var refusalCounts = Refusals()
    /// Messages that a full queue to their peer had no room for; Raft says them again.
    private(set) var messagesDropped: UInt64 = 0

    /// Counts, and says so now and then.
    func refuse(_ reason: Refusals.Reason, from peer: String, _ detail: String) {
        guard refusalCounts.note(reason, from: peer, at: loop.now) else { return }
        logger.warning(
            "refused what a peer sent",
            metadata: ["from": "\(peer)", "reason": "\(reason.rawValue)", "detail": "\(detail)"])
    }

    func refuse(_ reason: MessageRefusal, from peer: ServerID) {
        let name = members[peer]?.info.fullName ?? "\(peer)"
        refuse(Refusals.Reason(reason), from: name, "a Raft message")
    }

    func link(_ link: PeerLink, refused error: ByteError, isOversized: Bool) {
        refuse(isOversized ? .oversized : .malformed, from: "\(link.address)", error.reason)
    }

    func session(_ session: PeerSession, refused error: ByteError, isOversized: Bool) {
        let peer = session.peer?.fullName ?? session.stream.remoteAddress.host
        refuse(isOversized ? .oversized : .malformed, from: peer, error.reason)
    }

    /// What came on a connection that is neither a link nor a session.
    func refuse(_ error: ByteError, isOversized: Bool, from peer: String) {
        refuse(isOversized ? .oversized : .malformed, from: peer, error.reason)
    }

    // MARK: PeerSessionOwner

    private func accepted(_ stream: any ByteStream) {
        guard !isStopped else { return stream.reset() }
        guard hasRoom(for: stream.remoteAddress) else {
            refuse(.crowded, from: stream.remoteAddress.host, "\(sessions.count) in all")
            return stream.reset()
        }
        nextSession += 1
        let session = PeerSession(stream, number: nextSession, owner: self, now: loop.now)
        sessions[nextSession] = session
        session.start()
    }

    /// Of one address only so many connections are kept, and the last of all are for the servers of
    /// the configuration: strangers from many addresses do not keep them out.
    private func hasRoom(for address: SocketAddress) -> Bool {
        if sessions.count >= Self.sessionsMax - Self.sessionsReserved {
            guard sessions.count < Self.sessionsMax, isOfConfigured(address) else { return false }
        }
        guard options.peerConnectionsPerAddressMax > 0 else { return true }
        let count = sessions.values.count { $0.stream.remoteAddress.isSameHost(as: address) }
        return count < options.peerConnectionsPerAddressMax
    }

    private func isOfConfigured(_ address: SocketAddress) -> Bool {
        (delegate?.networkConfiguredServers() ?? []).contains {
            links[$0]?.address.isSameHost(as: address) == true
        }
    }

    func sessionOpened(_ session: PeerSession) {
        guard let peer = session.peer else { return }
        // A server that has just (re)started is there to be talked to: do not wait out a backoff.
        if let link = links[peer.id], link.isWaiting { link.reconnect() }
    }

    func session(_ session: PeerSession, received kind: FrameKind, _ payload: inout ByteReader)
        throws(ByteError)
    {
        guard let peerID = session.peerID else { return }
        switch kind {
        case .raft:
            let message = try RaftCodec.readMessage(
                &payload, protocol: session.agreedProtocol)
            try payload.finish()
            guard let clusterID = life.clusterID,
                members.belongs(peerID, to: clusterID, epoch: life.epoch)
            else {
                // Perhaps not of one cluster yet: Raft says it again.
                let name = members[peerID]?.info.fullName ?? "\(peerID)"
                refuse(.foreignCluster, from: name, "a Raft message")
                return
            }
            delegate?.network(received: message, from: peerID)
        case .forward:
            try receivedForward(&payload, from: peerID, session: session)
        case .ping:
            contacted(peerID)
            session.send(.pong) { _ in }
        case .member:
            let info = try MemberInfo(reading: &payload)
            try payload.finish()
            guard info.id == peerID else {
                throw ByteError(offset: 0, reason: "a server speaks for another")
            }
            learn(info)
            tellCluster(info)
        case .foundingProposal, .foundingDone, .foundingQuery:
            guard let peer = session.peer else { return }
            try delegate?.network(founding: kind, &payload, from: peer, session: session)
        case .lanesOffered, .lookAnswer:
            guard mayAsk(peerID) else {
                let name = members[peerID]?.info.fullName ?? "\(peerID)"
                return refuse(.foreignCluster, from: name, "lanes")
            }
            try delegate?.network(lent: kind, &payload, by: session)
        default:
            throw ByteError(offset: 0, reason: "\(kind) from a peer")
        }
    }

    private func receivedForward(
        _ payload: inout ByteReader, from peer: ServerID, session: PeerSession
    ) throws(ByteError) {
        let id = try payload.readUInt64()
        let request = try APIRequest(reading: &payload)
        let isNamed = session.agreedProtocol >= Hello.credentialProtocol
        let credential = isNamed ? try Credential(reading: &payload) : .anonymous
        let isTraceable = session.agreedProtocol >= Hello.traceProtocol
        let trace = isTraceable ? try payload.readString(maxBytes: 64) : ""
        try payload.finish()
        let answer = { (reply: ForwardReply) in
            session.send(.forwardReply) {
                $0.write(id)
                reply.write(to: &$0)
            }
        }
        guard mayAsk(peer) else {
            refuse(.foreignCluster, from: members[peer]?.info.fullName ?? "\(peer)", "a request")
            return answer(.answered(Self.foreign))
        }
        delegate?.network(
            forwarded: request, of: credential, trace: trace.isEmpty ? nil : trace, from: peer
        ) { Self.whole($0, answer) }
    }

    func requestReceiver(for hello: Hello, session: PeerSession) -> PeerRequestReceiver {
        requests.served += 1
        let peer = hello.sender.id
        return PeerRequestReceiver(session: session, loop: loop) {
            [weak self] request, credential, reply in
            guard let self, self.requests.served <= PeerRequests.countMax else {
                var busy = APIResponse.text(503, "Too many streams at once: try again in a second")
                busy.retryAfter = 1
                return reply(.answered(busy))
            }
            guard self.mayAsk(peer) else {
                self.refuse(.foreignCluster, from: hello.sender.fullName, "a request")
                return reply(.answered(Self.foreign))
            }
            self.delegate?.network(
                forwarded: request, of: credential, trace: nil, from: peer, reply: reply)
        }
    }

    func requestEnded() { requests.served -= 1 }

    private static var foreign: APIResponse {
        .text(403, "the server that passes this on is not of this cluster")
    }

    /// An answer in pieces, for who takes it only whole.
    private static func whole(
        _ reply: ForwardReply, _ done: @escaping (ForwardReply) -> Void
    ) {
        guard case .answered(var response) = reply, let body = response.stream else {
            return done(reply.fitting)
        }
        guard !body.isLive else {
            body.source.cancel()
            return done(
                .answered(
                    .text(503, "the answer goes on, and this connection takes only whole ones")))
        }
        SourceCollector.collect(body.source, bytesMax: APIRequest.bodyBytesMax) { result in
            response.stream = nil
            switch result {
            case .success(let bytes):
                response.body = bytes
                done(.answered(response))
            case .failure(.tooLarge):
                done(
                    .answered(
                        .text(
                            503,
                            "the answer is too long to pass on to a server of an older version: "
                                + "ask the leader")))
            case .failure(.failed(let reason)): done(.answered(.text(500, reason)))
            }
        }
    }

    /// Whether requests are taken of it: it is of this life of this cluster, or both wait for one.
    private func mayAsk(_ peer: ServerID) -> Bool {
        guard let clusterID = life.clusterID else {
            return members[peer].map { $0.info.clusterID == nil } ?? false
        }
        return members.belongs(peer, to: clusterID, epoch: life.epoch)
    }

    func sessionClosed(_ session: PeerSession) {
        sessions.removeValue(forKey: session.number)
        guard let peer = session.peer else { return }
        delegate?.networkEnded(session)
        // Another session of the same peer may have taken over.
        guard !sessions.values.contains(where: { $0.peer?.id == peer.id }) else { return }
        delegate?.networkLostConnection(from: peer.id)
    }

    func gossip(_ bytes: [UInt8], from session: PeerSession) -> GossipReply {
        gossip.answer(bytes, from: session.stream.remoteAddress.host)
    }

    func receiver(for hello: Hello, session: PeerSession) -> SnapshotReceiver? {
        guard own.clusterID != nil, hello.sender.clusterID == own.clusterID,
            hello.sender.recoveryEpoch == own.recoveryEpoch
        else {
            refuse(.foreignCluster, from: hello.sender.fullName, "a snapshot")
            return nil
        }
        return delegate?.networkReceiver(for: hello.sender.id, session: session)
    }
}
