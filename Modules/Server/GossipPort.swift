// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletBytes
import MartletGossip
import MartletRaft
import MartletTransport

/// What gossip tells the rest of the server. Always from the loop, never from within a call.
protocol GossipPortOwner: AnyObject {
    /// Somebody is new, or says something new, or has another status.
    func gossipChanged(_ info: MemberInfo, status: SerfStatus)
    /// Somebody is no longer a member.
    func gossipForgot(_ id: ServerID)
    /// Another process uses this server's id.
    func gossipConflict(_ info: MemberInfo)
    /// Something was not taken.
    func gossipRefused(_ reason: Refusals.Reason, from peer: String, _ detail: String)
}

/// The way of the ``MartletGossip/Gossip`` core to the world: datagrams and streams on the gossip
/// port, sealed if there are keys, and its clock.
final class GossipPort {
    private let loop: any Loop
    private let streams: any Streams
    private let datagrams: any Datagrams
    private let logger: Logger
    weak var owner: (any GossipPortOwner)?

    private var core: Gossip
    /// What the core's own record says.
    private var own: MemberInfo
    private let seal: GossipSeal
    private var socket: (any DatagramSocket)?
    private var timer: (any LoopTimer)?
    private var armedFor: Duration?
    private var isStopped = false

    /// What happened while a step's effects were carried out: its turn comes after them.
    private var waiting: [GossipInput] = []
    private var isStepping = false
    private var effects: [GossipEffect] = []
    /// Streams that this server opened, by number.
    private var calls: [UInt64: GossipCall] = [:]
    private var nextCall: UInt64 = 0
    /// Who wants to know what became of asking an address.
    private var joins: [String: [(JoinFailure?) -> Void]] = [:]
    private var answers: [UInt64: [UInt8]] = [:]
    private var nextToken: UInt64 = 0
    private var leaves: [() -> Void] = []
    /// The others were told, or had their time: nothing more is said to anybody.
    private var hasLeft = false

    private var places = GossipPlaces()

    /// Addresses that somebody named for himself, and who that was: a stranger may name one where
    /// nobody answers.
    private var meetings: [String: String] = [:]

    private static let callsMax = 64
    /// Of ``callsMax``, what those whom nobody has met yet may take, and one host of them.
    private static let meetingsMax = 32
    private static let meetingsPerHostMax = 4

    /// - Precondition: `own` fits a record: its addresses and texts are those of a checked
    ///   configuration.
    init(
        own: MemberInfo, environment: ServerEnvironment, seal: GossipSeal, logger: Logger
    ) {
        self.own = own
        self.seal = seal
        self.logger = logger
        loop = environment.loop
        streams = environment.peerStreams
        datagrams = environment.datagrams
        core = Gossip(
            own: NodeRecord(own), timing: .lan, seed: loop.makeSeed(), at: loop.now,
            admits: Self.admits)
    }

    /// Opens the port. `address` is that of the listener for streams: both have one number.
    func start(on address: SocketAddress, as own: MemberInfo) throws(TransportError) {
        socket = try datagrams.bind(to: address) { [weak self] bytes, sender in
            self?.received(bytes, from: sender)
        }
        timer = loop.makeTimer { [weak self] in
            self?.armedFor = nil
            self?.step(.tick)
        }
        update(own)
    }

    func stop() {
        isStopped = true
        timer?.disarm()
        socket?.close()
        socket = nil
        for number in calls.keys.sorted() { calls[number]?.cancel() }
        calls = [:]
        let lost = joins
        joins = [:]
        for address in lost.keys.sorted() {
            for done in lost[address] ?? [] { done(.isOver) }
        }
        finishLeaving()
    }

    var metrics: GossipMetrics { core.metrics }

    /// When this server saw it become what it is.
    func since(_ id: ServerID) -> Duration? { core[NodeID(id)]?.since }

    func status(of id: ServerID) -> SerfStatus {
        core[NodeID(id)].map { SerfStatus($0.status) } ?? .none
    }

    // MARK: Wishes

    /// This server has something new to say of itself.
    func update(_ own: MemberInfo) {
        self.own = own
        step(.ownChanged(address: own.gossipAddress, payload: own.payload))
    }

    /// Asks the gossip port at `address` to be let in. `done` is told why not, once; nil if it was.
    func join(_ address: SocketAddress, done: @escaping (JoinFailure?) -> Void) {
        guard !isStopped, !hasLeft else {
            return loop.atEndOfTurn { done(.isOver) }
        }
        let text = "\(address)"
        joins[text, default: []].append(done)
        if joins[text]?.count == 1 { step(.joinRequested(address: text)) }
    }

    /// Asks the gossip port of somebody who has said himself where that is.
    ///
    /// - Parameter host: who said so. One host is believed a few addresses at a time.
    /// - Returns: false if it, or all of them, are being asked at enough addresses already.
    func meet(at address: SocketAddress, saidBy host: String) -> Bool {
        let text = "\(address)"
        if meetings[text] != nil { return true }
        guard meetings.count < Self.meetingsMax,
            meetings.values.count(where: { $0 == host }) < Self.meetingsPerHostMax
        else { return false }
        meetings[text] = host
        join(address) { [weak self] _ in self?.meetings[text] = nil }
        return true
    }

    /// Says that this server leaves; `done` when the others know, or had their time, or nothing can
    /// be said to them any more.
    func leave(done: @escaping () -> Void) {
        guard !isStopped else { return done() }
        leaves.append(done)
        if leaves.count == 1 { step(.leaveRequested) }
    }

    func forceLeave(_ id: ServerID, prune: Bool) {
        step(.forceLeaveRequested(id: NodeID(id), prune: prune))
    }

    // MARK: Stepping

    private func step(_ input: GossipInput) {
        guard !isStopped else { return }
        guard !isStepping else { return waiting.append(input) }
        isStepping = true
        carryOutStep(input)
        while !waiting.isEmpty, !isStopped { carryOutStep(waiting.removeFirst()) }
        isStepping = false
        arm()
    }

    private func carryOutStep(_ input: GossipInput) {
        effects.removeAll(keepingCapacity: true)
        core.step(input, at: loop.now, into: &effects)
        for effect in effects { carryOut(effect) }
    }

    private func arm() {
        let deadline = core.deadline()
        guard !isStopped, deadline != armedFor else { return }
        armedFor = deadline
        timer?.arm(at: deadline)
    }

    private func carryOut(_ effect: GossipEffect) {
        switch effect {
        case .send(let bytes, let receiver):
            send(bytes, to: receiver)
        case .exchange(let bytes, let address):
            call(address, bytes) { [weak self] result in self?.exchanged(result, with: address) }
        case .answerExchange(let token, let bytes):
            answers[token] = bytes
        case .streamPing(let sequence, let address, let bytes):
            call(address, bytes) { [weak self] result in
                if case .answered = result { self?.step(.streamPingAnswered(sequence: sequence)) }
            }
        case .changed(let id):
            changed(id)
        case .forgotten(let id):
            owner?.gossipForgot(ServerID(id))
        case .conflict(let record):
            if let info = MemberInfo(record) { owner?.gossipConflict(info) }
        case .refused(let reason, let address):
            guard let reason = Refusals.Reason(reason) else { return }
            owner?.gossipRefused(reason, from: address, "gossip")
        case .leaveFinished:
            hasLeft = true
            finishLeaving()
        }
    }

    private func finishLeaving() {
        let done = leaves
        leaves = []
        for each in done { each() }
    }

    private func changed(_ id: NodeID) {
        guard let member = core[id], let info = MemberInfo(member.record) else { return }
        owner?.gossipChanged(info, status: SerfStatus(member.status))
    }

    // MARK: Datagrams

    private func received(_ bytes: Span<UInt8>, from sender: SocketAddress) {
        guard bytes.count <= Gossip.packetBytesMax + GossipSeal.overheadBytes else {
            owner?.gossipRefused(.oversized, from: sender.host, "a gossip packet")
            return
        }
        var sealed: [UInt8] = []
        sealed.append(copying: bytes)
        do throws(GossipSeal.Failure) {
            step(.packet(try seal.open(sealed, for: .packet), from: places.text(of: sender)))
        } catch {
            owner?.gossipRefused(.sealed, from: sender.host, error.description)
        }
    }

    private func send(_ bytes: [UInt8], to receiver: String) {
        guard let socket, let address = places.place(of: receiver) else { return }
        guard let sealed = sealed(bytes, for: .packet) else { return }
        socket.send(sealed.span, to: address)
    }

    private func sealed(_ bytes: [UInt8], for purpose: SealedPacket.Purpose) -> [UInt8]? {
        do {
            return try seal.close(bytes, for: purpose)
        } catch {
            logger.error("gossip cannot be sealed", metadata: ["error": "\(error)"])
            return nil
        }
    }

    // MARK: Streams

    private func call(
        _ address: String, _ bytes: [UInt8], done: @escaping (GossipCall.Outcome) -> Void
    ) {
        guard let receiver = places.place(of: address), calls.count < Self.callsMax,
            let request = sealed(GossipMessage(sender: own, core: bytes).encoded, for: .question)
        else {
            return loop.atEndOfTurn { done(.failed("no stream could be opened")) }
        }
        nextCall += 1
        let number = nextCall
        let call = GossipCall(
            request, loop: loop,
            refused: { [weak self] error, isOversized in
                self?.owner?.gossipRefused(
                    isOversized ? .oversized : .malformed, from: address, error.reason)
            }
        ) { [weak self] answer in
            guard let self else { return }
            self.calls[number] = nil
            done(self.opened(answer, from: receiver))
        }
        calls[number] = call
        call.start(at: receiver, streams: streams)
    }

    /// What an answer says, once it is opened.
    private func opened(
        _ outcome: GossipCall.Outcome, from address: SocketAddress
    ) -> GossipCall.Outcome {
        guard case .answered(let bytes) = outcome else { return outcome }
        do {
            return .answered(try seal.open(bytes, for: .answer))
        } catch {
            owner?.gossipRefused(.sealed, from: address.host, error.description)
            return .failed(error.description)
        }
    }

    private func exchanged(_ outcome: GossipCall.Outcome, with address: String) {
        let failure: JoinFailure?
        switch outcome {
        case .answered(let bytes): failure = answered(bytes, by: address)
        case .refused(""): failure = .itself
        case .refused(let reason): failure = .refused(reason)
        case .failed(let reason): failure = .unreachable(reason)
        }
        if failure != nil { step(.exchangeFailed(address: address)) }
        let done = joins.removeValue(forKey: address) ?? []
        for each in done { each(failure) }
    }

    private func answered(_ bytes: [UInt8], by address: String) -> JoinFailure? {
        do {
            let message = try GossipMessage(bytes)
            if let reason = Admission.refusal(of: message.sender, by: own) {
                return .refused(reason)
            }
            step(.exchangeAnswered(address: address, bytes: message.core))
            return nil
        } catch {
            owner?.gossipRefused(.malformed, from: address, error.reason)
            return .refused("its answer cannot be read: \(error.reason)")
        }
    }

    /// Answers somebody's stream.
    func answer(_ bytes: [UInt8], from peer: String) -> GossipReply {
        let message: GossipMessage
        do {
            let opened = try seal.open(bytes, for: .question)
            message = try GossipMessage(opened)
        } catch let error as GossipSeal.Failure {
            owner?.gossipRefused(.sealed, from: peer, "\(error)")
            return .refused("\(error)")
        } catch {
            owner?.gossipRefused(.malformed, from: peer, "a gossip message: \(error)")
            return .refused("the message cannot be read")
        }
        if Admission.isSameProcess(message.sender, own) { return .refused("") }
        if let reason = Admission.refusal(of: message.sender, by: own) {
            owner?.gossipRefused(.unwelcome, from: message.sender.fullName, reason)
            return .refused(reason)
        }
        nextToken += 1
        let token = nextToken
        step(.exchangeReceived(token: token, bytes: message.core))
        guard let reply = answers.removeValue(forKey: token),
            let sealed = sealed(GossipMessage(sender: own, core: reply).encoded, for: .answer)
        else { return .refused("the message was not understood") }
        return .answered(sealed)
    }

    // MARK: Who belongs here

    private static let admits: Gossip.Admission = { other, own in
        guard let other = MemberInfo(other), let own = MemberInfo(own) else { return false }
        return Admission.refusal(of: other, by: own) == nil
    }
}
