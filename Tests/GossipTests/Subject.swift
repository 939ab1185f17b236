// SPDX-License-Identifier: Apache-2.0
import MartletGossipWorld
import Testing

@testable import MartletGossip

/// One core (server 0), and peers that say what a test wants.
struct Subject {
    struct Sent: Equatable {
        let message: Message
        let to: String
    }

    static let incarnation: UInt64 = 10

    var core: Gossip
    private(set) var now: Duration = .zero

    /// The peers 1 to `peers` have introduced themselves.
    init(
        peers: Int, seed: UInt64 = 7, timing: GossipTiming = .lan,
        admits: @escaping Gossip.Admission = { $0.payload.first == $1.payload.first }
    ) {
        core = Gossip(
            own: Self.record(0), timing: timing, seed: seed, at: .zero, admits: admits)
        for peer in 0..<peers { hear(.ack(sequence: 0), from: peer + 1) }
    }

    static func record(
        _ index: Int, incarnation: UInt64 = Subject.incarnation, payload: [UInt8] = [1]
    ) -> NodeRecord {
        NodeRecord(
            id: World.id(index), address: World.address(index), incarnation: incarnation,
            payload: payload)
    }

    static func suspect(_ index: Int, by accuser: Int, incarnation: UInt64 = 10) -> Claim {
        .suspect(World.id(index), incarnation: incarnation, accuser: World.id(accuser))
    }

    subscript(peer: Int) -> GossipMember? { core[World.id(peer)] }

    @discardableResult
    mutating func take(_ input: GossipInput) -> [GossipEffect] {
        var effects: [GossipEffect] = []
        core.step(input, at: now, into: &effects)
        if core.nextDeadline <= now { Issue.record("a tick storm at \(now) after \(input)") }
        return effects
    }

    @discardableResult
    mutating func hear(
        _ body: Message.Body, from peer: Int, incarnation: UInt64 = Subject.incarnation,
        standing: Standing = [], claims: [Claim] = []
    ) -> [GossipEffect] {
        let record = Self.record(peer, incarnation: incarnation)
        let bytes = Self.bytes(body, of: record, standing: standing, claims: claims)
        return take(.packet(bytes, from: record.address))
    }

    static func bytes(
        _ body: Message.Body, of record: NodeRecord, standing: Standing = [], claims: [Claim] = []
    ) -> [UInt8] {
        let sender: Message.Sender =
            switch body {
            case .nack, .news: .named(record.id, incarnation: record.incarnation)
            case .ping, .ack, .pingRequest, .exchange, .exchangeAnswer: .introduced(record)
            }
        return MessageCodec.encode(
            Message(sender: sender, standing: standing, body: body, claims: claims))
    }

    /// Time passes, tick by tick; these peers answer each ping at once.
    @discardableResult
    mutating func wait(_ span: Duration, answering peers: [Int] = []) -> [GossipEffect] {
        let end = now + span
        var effects: [GossipEffect] = []
        while core.nextDeadline <= end {
            now = core.nextDeadline
            let fresh = take(.tick)
            effects += fresh
            for sent in Self.sent(fresh) {
                guard case .ping(let sequence, _) = sent.message.body else { continue }
                for peer in peers where World.address(peer) == sent.to {
                    effects += hear(.ack(sequence: sequence), from: peer)
                }
            }
        }
        now = end
        return effects
    }

    /// Time passes without a step.
    mutating func sleep(_ span: Duration) { now += span }

    /// Waits, with nobody answering, for the first ping of a peer.
    mutating func firstPing() throws -> (sequence: UInt64, target: Int) {
        for _ in 0..<100 {
            for sent in Self.sent(wait(core.nextDeadline - now)) {
                guard case .ping(let sequence, let target) = sent.message.body else { continue }
                return (sequence, Int(target.low) - 1)
            }
        }
        throw Silence()
    }

    struct Silence: Error {}

    static func sent(_ effects: [GossipEffect]) -> [Sent] {
        effects.compactMap { effect in
            guard case .send(let bytes, let to) = effect else { return nil }
            do {
                return Sent(message: try MessageCodec.decode(bytes, isStream: false), to: to)
            } catch {
                Issue.record("a packet that nobody takes: \(error)")
                return nil
            }
        }
    }

    static func refusals(_ effects: [GossipEffect]) -> [GossipRefusal] {
        effects.compactMap { effect in
            guard case .refused(let reason, _) = effect else { return nil }
            return reason
        }
    }
}

extension World {
    /// All have started and know each other.
    static func settled(
        _ servers: Int, seed: UInt64 = 1, faults: Faults = Faults(), timing: GossipTiming = .lan
    ) -> World {
        var world = World(seed: seed, servers: servers, faults: faults, timing: timing)
        world.startAll()
        #expect(world.run(atMost: .seconds(60)) { $0.agree })
        return world
    }

    var running: [Int] { nodes.indices.filter { nodes[$0].core != nil && !nodes[$0].isPaused } }

    /// Whether all that run see each other alive, and all else alike.
    var agree: Bool {
        let views = running.map { index in
            nodes[index].core?.members.map { View(id: $0.id, status: $0.status, record: $0.record) }
        }
        return views.allSatisfy { $0 == views[0] }
            && running.allSatisfy { status(of: $0, at: running[0]) == .alive }
    }

    private struct View: Equatable {
        let id: NodeID
        let status: GossipStatus
        let record: NodeRecord
    }

    /// Whether all others that run take it for this.
    func all(_ subject: Int, are status: GossipStatus?) -> Bool {
        running.allSatisfy { $0 == subject || self.status(of: subject, at: $0) == status }
    }

    func observed(_ status: GossipStatus?, of subject: Int? = nil) -> [Observation] {
        observations.filter { observation in
            observation.status == status
                && subject.map { observation.subject == Self.id($0) } != false
        }
    }
}
