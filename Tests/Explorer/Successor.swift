// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// An entry that was committed, and the term of the leader that committed it.
struct Committed: Hashable {
    var entry: UInt16
    var term: UInt64
}

/// One step of the whole: from a world to the next, with the checks that look at both.
struct Successor {
    var world: World
    /// Sent by the step and never before, sorted.
    var added: [UInt16] = []
    var violation: String?

    private let catalog: Catalog

    init(from world: World, in catalog: Catalog) {
        self.world = world
        self.catalog = catalog
    }

    /// False if the choice does nothing, or leads out of the scope.
    mutating func take(_ choice: Choice, at server: Int, _ histories: inout Histories) -> Bool {
        let before = world.nodes
        if case .read(let number) = choice {
            // Whatever is committed at this moment the answer must show.
            world.setRead(UInt64(number), to: UInt16(histories[world.history].count) + 1)
        }
        if case .campaign(let partner) = choice, partner > 0 {
            guard takePreVote(of: server, asking: partner - 1, &histories) else { return false }
        } else {
            let outcome = catalog.outcome(of: choice, at: world.nodes[server])
            guard settle(outcome, at: server, &histories) else { return false }
        }
        count(choice)
        return violation != nil || !added.isEmpty || world.nodes[0] != before[0]
            || world.nodes[1] != before[1] || world.nodes[2] != before[2]
    }

    /// Three steps of the cores in one: the timeout, the question, the answer.
    private mutating func takePreVote(
        of server: Int, asking partner: Int, _ histories: inout Histories
    ) -> Bool {
        let asked = catalog.outcome(of: .campaign(partner: 0), at: world.nodes[server])
        guard let question = preVote(among: asked.sent, to: partner),
            settle(asked, at: server, &histories)
        else { return false }
        let answered = catalog.outcome(
            of: .deliverLate(message: question), at: world.nodes[partner])
        guard let answer = preVote(among: answered.sent, to: server),
            case .voteResponse(let response) = catalog.envelopes[Int(answer)].message,
            response.isGranted, settle(answered, at: partner, &histories)
        else { return false }
        let begun = catalog.outcome(of: .deliver(message: answer), at: world.nodes[server])
        return settle(begun, at: server, &histories)
    }

    private func preVote(among sent: [UInt16], to server: Int) -> UInt16? {
        sent.first {
            catalog.envelopes[Int($0)].isPreVote && catalog.envelopes[Int($0)].to == server
        }
    }

    private mutating func count(_ choice: Choice) {
        switch choice {
        case .propose: world.used.proposals += 1
        case .read: world.used.reads += 1
        case .crash: world.used.crashes += 1
        case .heartbeat, .lateHeartbeat: world.used.heartbeats += 1
        case .transfer: world.used.transfers += 1
        case .loseLeader, .loseTouch: world.used.resets += 1
        case .change(let number): world.used.changes |= 1 << UInt8(number)
        case .deliver, .deliverLate, .completeWrites, .campaign, .isolate: break
        }
    }

    private mutating func settle(
        _ outcome: Catalog.Outcome, at server: Int, _ histories: inout Histories
    ) -> Bool {
        let facts = catalog.facts[Int(outcome.node)]
        guard facts.term <= catalog.scope.termMax,
            UInt64(facts.log.count) <= catalog.scope.lastIndexMax
        else { return false }
        // A leader that loses its vote with an entry resigns in the very step that commits it.
        let isLeader =
            facts.role == .leader || catalog.facts[Int(world.nodes[server])].role == .leader
        world.nodes[server] = outcome.node
        violation = violation ?? outcome.violation
        for envelope in outcome.sent { send(envelope) }
        for read in outcome.refused { world.setRead(read, to: World.readAnswered) }
        for (read, index) in outcome.answered { answer(read, with: index) }
        if facts.role == .leader { checkLeader(server, facts) }
        extendHistory(by: facts, of: server, isLeader: isLeader, &histories)
        return true
    }

    private mutating func send(_ envelope: UInt16) {
        if catalog.scope.preVotes == .atOnce, catalog.envelopes[Int(envelope)].isPreVote { return }
        guard !world.contains(envelope) else { return }
        let position = added.firstIndex { $0 >= envelope } ?? added.count
        if position == added.count || added[position] != envelope {
            added.insert(envelope, at: position)
        }
    }

    private mutating func answer(_ read: UInt64, with index: UInt64) {
        let needed = world.read(read)
        if needed != 0, needed != World.readAnswered, index + 1 < UInt64(needed) {
            violation = "a stale read: index \(index) when \(needed - 1) entries were committed"
        }
        world.setRead(read, to: World.readAnswered)
    }

    private mutating func checkLeader(_ server: Int, _ facts: Catalog.Facts) {
        if let known = world.leader(of: facts.term) {
            if known != server {
                violation = "I1: S\(known + 1) and S\(server + 1) lead term \(facts.term)"
            }
        } else {
            world.setLeader(of: facts.term, to: server)
        }
    }

    /// I4, and that only a leader commits what nobody had committed.
    private mutating func extendHistory(
        by facts: Catalog.Facts, of server: Int, isLeader: Bool, _ histories: inout Histories
    ) {
        var history = histories[world.history]
        let known = history.count
        for position in 0..<min(facts.commit, facts.log.count) {
            if position < known {
                guard history[position].entry == facts.log[position] else {
                    violation = "I4: S\(server + 1) has another entry committed at \(position + 1)"
                    return
                }
            } else {
                if !isLeader {
                    violation = "S\(server + 1) commits index \(position + 1) before any leader"
                }
                history.append(Committed(entry: facts.log[position], term: facts.term))
            }
        }
        if history.count > known { world.history = histories.number(of: history) }
    }
}

/// What is committed, in all the ways that it came about.
struct Histories {
    private var all: [[Committed]] = [[]]
    private var numbers: [[Committed]: UInt16] = [[]: 0]

    subscript(number: UInt16) -> [Committed] { all[Int(number)] }

    mutating func number(of history: [Committed]) -> UInt16 {
        if let known = numbers[history] { return known }
        let number = UInt16(all.count)
        numbers[history] = number
        all.append(history)
        return number
    }
}
