// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletBytes
import MartletRaft
import MartletTransport

/// What the network between servers tells the rest of the server.
protocol PeerNetworkDelegate: AnyObject {
    func network(received message: Message, from peer: ServerID)
    /// The connection *from* this peer ended without a farewell.
    func networkLostConnection(from peer: ServerID)
    /// The connection *to* this peer ended: what was in flight may be lost.
    func networkUnreachable(_ peer: ServerID)
    /// The connection to this peer stands (again).
    func networkConnected(to peer: ServerID)
    /// A peer says that it belongs to a cluster, and this server belongs to none.
    func network(toldCluster clusterID: ServerID, by peer: MemberInfo)
    func networkMembersChanged()
    func network(
        forwarded request: APIRequest, from peer: ServerID,
        reply: @escaping (ForwardReply) -> Void)
    func network(
        founding kind: FrameKind, _ payload: inout ByteReader, from peer: MemberInfo,
        session: PeerSession?) throws(ByteError)
    /// Who is in the configuration: never forgotten.
    func networkConfiguredServers() -> [ServerID]
    func networkReceiver(for peer: ServerID, session: PeerSession) -> SnapshotReceiver?
}

/// All connections between this server and the others: one link to each, one session from each,
/// the gossip port, and what they tell about who is alive.
///
/// A connection is refused in its greeting when the other belongs to another cluster, another
/// recovery epoch or another region, or is this server itself.
final class PeerNetwork: PeerLinkOwner, PeerSessionOwner {
    private let options: ServerOptions
    private let loop: any Loop
    private let streams: any Streams
    private let logger: Logger
    weak var delegate: (any PeerNetworkDelegate)?

    private(set) var own: MemberInfo {
        didSet { life = (own.clusterID, own.recoveryEpoch) }
    }
    /// Of ``own``: what each message is checked against.
    private var life: (clusterID: ServerID?, epoch: UInt64)
    private(set) var members = Members()
    private var links: [ServerID: PeerLink] = [:]
    /// By number of acceptance, so that their order is that of events.
    private var sessions: [UInt64: PeerSession] = [:]
    private var nextSession: UInt64 = 0
    private var listeners: [any Listener] = []
    private var ticker: (any LoopTimer)?
    private var lastPing: Duration = .zero
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
    /// Connections from peers and strangers in all; a stranger beyond is refused.
    private static let sessionsMax = 512
    private static let forwardsMax = 16_384
    /// No forwarded request waits longer for its answer.
    private static let forwardTimeout: Duration = .seconds(5)

    init(own: MemberInfo, options: ServerOptions, environment: ServerEnvironment, logger: Logger) {
        self.own = own
        life = (own.clusterID, own.recoveryEpoch)
        self.options = options
        loop = environment.loop
        streams = environment.streams
        self.logger = logger
    }

    func start() throws(TransportError) {
        for address in Set([options.peerAddress, options.gossipAddress]).sorted(by: {
            $0.description < $1.description
        }) {
            let listener = try streams.listen(on: address) { [weak self] in self?.accepted($0) }
            listeners.append(listener)
            tellPort(of: listener, for: address)
        }
        _ = members.learn(own, isDirect: true, at: loop.now)
        _ = members.contacted(own.id, at: loop.now)
        ticker = loop.makeTimer { [weak self] in self?.tick() }
        ticker?.arm(at: loop.now + Self.tickInterval)
        let joining = Joining(options: options, loop: loop, streams: streams, logger: logger)
        joining.network = self
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

    /// Tells everybody, then closes everything.
    func stop(announcing isLeaving: Bool) {
        guard !isStopped else { return }
        isStopped = true
        ticker?.disarm()
        joining?.stop()
        for id in links.keys.sorted() {
            if isLeaving { links[id]?.send(.leaving) { _ in } }
            links[id]?.close()
        }
        links = [:]
        for listener in listeners { listener.close() }
        listeners = []
        for number in sessions.keys.sorted() { sessions[number]?.close() }
        sessions = [:]
        let lost = forwards
        forwards = [:]
        for id in lost.keys.sorted() { lost[id]?.done(.lost) }
    }

    // MARK: Who is there

    /// This server's own facts changed: tells those it is connected to.
    func update(_ change: (inout MemberInfo) -> Void) {
        change(&own)
        _ = members.learn(own, isDirect: true, at: loop.now)
        for id in links.keys.sorted() {
            links[id]?.send(.members) { MemberList.write([own], to: &$0) }
        }
    }

    /// Takes up what a server says of itself (the `speaker`) and of others: whom to connect to.
    func learn(_ infos: [MemberInfo], from speaker: ServerID?) {
        var isNews = false
        for info in infos where info.id != own.id && info.region == own.region {
            guard !isOfAnotherCluster(info) else {
                // A peer that had no log went over to another life: nothing that it says from here
                // on is for this one.
                if info.id == speaker, members[info.id] != nil {
                    isNews = members.learn(info, isDirect: true, at: loop.now) || isNews
                }
                continue
            }
            if members[info.id] == nil { makeRoom() }
            guard members.learn(info, isDirect: info.id == speaker, at: loop.now) else { continue }
            isNews = true
            connect(to: info.id, at: info.peerAddress)
        }
        if isNews { delegate?.networkMembersChanged() }
    }

    /// Of another cluster, or of another life of this one.
    private func isOfAnotherCluster(_ info: MemberInfo) -> Bool {
        guard let mine = own.clusterID, let theirs = info.clusterID else { return false }
        return mine != theirs || isOfAnotherLife(info)
    }

    /// Whoever has no log yet has nothing of an older life, and takes up a newer one.
    private func isOfAnotherLife(_ info: MemberInfo) -> Bool {
        own.recoveryEpoch != info.recoveryEpoch
            && !RecoveryEpoch.takesUp(info, from: own) && !RecoveryEpoch.takesUp(own, from: info)
    }

    private func makeRoom() {
        let needed = delegate?.networkConfiguredServers() ?? []
        guard let gone = members.makeRoom(keeping: { $0 == own.id || needed.contains($0) }) else {
            return
        }
        links.removeValue(forKey: gone)?.close()
    }

    /// Makes sure that there is a link to this server, at this address.
    func connect(to id: ServerID, at address: String) {
        guard !isStopped, id != own.id, let address = SocketAddress(address) else { return }
        if let link = links[id] { return link.move(to: address) }
        guard links.count < Members.countMax else { return }
        let link = PeerLink(to: id, at: address, loop: loop, streams: streams, owner: self)
        links[id] = link
        link.start()
    }

    /// Servers that answered lately, this one included.
    func reachableCount(of servers: [ServerID]) -> Int {
        servers.count { $0 == own.id || (members[$0]?.status == .alive && isConnected(to: $0)) }
    }

    func isConnected(to id: ServerID) -> Bool { links[id]?.isOpen == true }

    /// Everybody else who has not left, to be told to others.
    func knownInfos() -> [MemberInfo] {
        members.all.filter { $0.info.id != own.id && $0.status != .left }.map(\.info)
    }

    private func tick() {
        let now = loop.now
        ticker?.arm(at: now + Self.tickInterval)
        if now - lastPing >= Self.pingInterval {
            lastPing = now
            // A founding goes on although a word of it was lost.
            if own.clusterID == nil { delegate?.networkMembersChanged() }
            for id in links.keys.sorted() { links[id]?.send(.ping) { _ in } }
        }
        _ = members.contacted(own.id, at: now)
        let changed = members.tick(at: now, except: own.id)
        for id in changed {
            guard let member = members[id] else { continue }
            logger.warning(
                "member status changed",
                metadata: [
                    "member": "\(member.info.fullName)", "status": "\(member.status.rawValue)",
                ])
        }
        let late = sessions.filter {
            $0.value.isStranger && now - $0.value.since > options.greetingTimeout
        }
        for number in late.keys.sorted() {
            guard let session = late[number] else { continue }
            if !session.hasGreeted {
                refuse(.silent, from: session.stream.remoteAddress.host, "a connection")
            }
            session.stream.reset()
        }
        expireForwards(at: now)
        if !changed.isEmpty { delegate?.networkMembersChanged() }
    }

    private func contacted(_ id: ServerID) {
        guard members.contacted(id, at: loop.now) else { return }
        if let member = members[id] {
            logger.info("member is alive", metadata: ["member": "\(member.info.fullName)"])
        }
        delegate?.networkMembersChanged()
    }

    // MARK: Messages

    /// Drops what the peer would not understand: nothing but an answer depends on it.
    func send(_ message: Message, to peer: ServerID) {
        guard let link = links[peer], link.isOpen, let version = link.agreedProtocol else { return }
        guard RaftCodec.isKnown(message, in: version) else { return }
        if !link.send(.raft, body: { RaftCodec.write(message, protocol: version, to: &$0) }) {
            messagesDropped += 1
        }
    }

    /// Whether this peer answers questions for a read index.
    func canBeAskedToRead(_ peer: ServerID) -> Bool {
        isConnected(to: peer) && agreedProtocol(with: peer) ?? 1 >= 2
    }

    /// What this server and that one speak, or spoke last; nil before they met.
    func agreedProtocol(with peer: ServerID) -> UInt16? { links[peer]?.agreedProtocol }

    /// Asks `peer` to carry out a request; `done` is called once.
    func forward(
        _ request: APIRequest, to peer: ServerID, done: @escaping (ForwardResult) -> Void
    ) {
        guard let link = links[peer], link.isOpen, forwards.count < Self.forwardsMax else {
            return done(.notSent)
        }
        nextForward += 1
        let id = nextForward
        forwards[id] = Forward(peer: peer, deadline: loop.now + Self.forwardTimeout, done: done)
        let wasSent = link.send(.forward) {
            $0.write(id)
            request.write(to: &$0)
        }
        if !wasSent { forwards.removeValue(forKey: id)?.done(.notSent) }
    }

    /// Another server leads: what is still with others is answered soon or not at all.
    func leaderChanged(to leader: ServerID?) {
        let limit = loop.now + .milliseconds(250)
        for (id, forward) in forwards where forward.peer != leader && forward.deadline > limit {
            forwards[id]?.deadline = limit
        }
    }

    private func expireForwards(at now: Duration) {
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
        Hello(purpose: purpose, sender: own, known: knownInfos(), protocolMax: protocolMax)
    }

    func greet(_ hello: Hello) -> HelloReply {
        let verdict = verdict(on: hello.sender)
        if verdict == .welcome {
            learn([hello.sender] + hello.known, from: hello.sender.id)
            contactedBy(hello)
        }
        if case .refused(let reason) = verdict, !isThisProcess(hello.sender) {
            refuse(.unwelcome, from: hello.sender.fullName, reason)
        }
        return HelloReply(
            verdict: verdict, sender: own, known: knownInfos(),
            agreedProtocol: min(protocolMax, hello.protocolMax))
    }

    /// It asks the address of a server that it replaced, or finds its own among those to join.
    private func isThisProcess(_ info: MemberInfo) -> Bool {
        info.id == own.id && info.incarnation == own.incarnation
    }

    private func contactedBy(_ hello: Hello) {
        guard hello.purpose == .peer else { return }
        contacted(hello.sender.id)
        tellCluster(hello.sender)
    }

    private func tellCluster(_ peer: MemberInfo) {
        guard let clusterID = peer.clusterID,
            own.clusterID == nil || RecoveryEpoch.takesUp(own, from: peer)
        else { return }
        delegate?.network(toldCluster: clusterID, by: peer)
    }

    /// Strangers end here.
    private func verdict(on peer: MemberInfo) -> HelloReply.Verdict {
        if peer.id == own.id {
            return .refused("that is this server itself, or another with a copy of its data")
        }
        if peer.region != own.region {
            return .refused("this server is of region \(own.region), not \(peer.region)")
        }
        if let mine = own.clusterID, let theirs = peer.clusterID {
            if mine != theirs {
                return .refused("this server belongs to cluster \(mine), not \(theirs)")
            }
            if isOfAnotherLife(peer) {
                let left = own.recoveryEpoch < peer.recoveryEpoch ? own : peer
                return .refused(
                    "\(own.fullName) is of recovery epoch \(RecoveryEpoch.text(own.recoveryEpoch)), "
                        + "\(peer.fullName) of \(RecoveryEpoch.text(peer.recoveryEpoch)): the cluster "
                        + "was recovered without \(left.fullName), which needs an empty data folder "
                        + "to join it")
            }
        }
        return .welcome
    }

    // MARK: PeerLinkOwner

    func link(_ link: PeerLink, greeted reply: HelloReply) -> Bool {
        guard !isThisProcess(reply.sender) else { return false }
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
        if case .refused(let reason) = verdict(on: reply.sender) {
            refuse(.unwelcome, from: reply.sender.fullName, reason)
            return false
        }
        learn([reply.sender] + reply.known, from: reply.sender.id)
        contacted(link.id)
        tellCluster(reply.sender)
        return true
    }

    /// Said once per reason and server: a stranger tries again every second.
    private var refusals: [ServerID: String] = [:]

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
        link.send(.members) { MemberList.write([own], to: &$0) }
        delegate?.networkConnected(to: link.id)
        delegate?.networkMembersChanged()
    }

    func linkClosed(_ link: PeerLink, wasOpen: Bool) {
        guard wasOpen else { return }
        members.disconnected(link.id)
        loseForwards(to: link.id)
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
        guard sessions.count < Self.sessionsMax, hasRoom(for: stream.remoteAddress) else {
            refuse(.crowded, from: stream.remoteAddress.host, "\(sessions.count) in all")
            return stream.reset()
        }
        nextSession += 1
        let session = PeerSession(stream, number: nextSession, owner: self, now: loop.now)
        sessions[nextSession] = session
        session.start()
    }

    /// Members have what they need; of anybody else only so many connections are kept.
    private func hasRoom(for address: SocketAddress) -> Bool {
        guard options.peerConnectionsPerAddressMax > 0 else { return true }
        let host = address.host
        let count = sessions.values.count { $0.stream.remoteAddress.host == host }
        return count < options.peerConnectionsPerAddressMax
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
        case .leaving:
            // The farewell of an earlier life may come after the next one's greeting.
            guard session.peer?.incarnation == members[peerID]?.info.incarnation else { return }
            members.leaving(peerID)
            delegate?.networkMembersChanged()
        case .members:
            let infos = try MemberList.read(&payload)
            learn(infos, from: peerID)
            if let sender = infos.first(where: { $0.id == peerID }) { tellCluster(sender) }
        case .foundingProposal, .foundingDone, .foundingQuery:
            guard let peer = session.peer else { return }
            try delegate?.network(founding: kind, &payload, from: peer, session: session)
        default:
            throw ByteError(offset: 0, reason: "\(kind) from a peer")
        }
    }

    private func receivedForward(
        _ payload: inout ByteReader, from peer: ServerID, session: PeerSession
    ) throws(ByteError) {
        let id = try payload.readUInt64()
        let request = try APIRequest(reading: &payload)
        try payload.finish()
        delegate?.network(forwarded: request, from: peer) { [weak session] reply in
            session?.send(.forwardReply) {
                $0.write(id)
                reply.write(to: &$0)
            }
        }
    }

    func sessionClosed(_ session: PeerSession) {
        sessions.removeValue(forKey: session.number)
        guard let peer = session.peer else { return }
        // Another session of the same peer may have taken over.
        guard !sessions.values.contains(where: { $0.peer?.id == peer.id }) else { return }
        members.disconnected(peer.id)
        delegate?.networkLostConnection(from: peer.id)
        delegate?.networkMembersChanged()
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

/// What became of a forwarded request.
enum ForwardResult {
    case replied(ForwardReply)
    /// Certainly not carried out.
    case notSent
    /// It may have been carried out: the connection or the time ended first.
    case lost
}
