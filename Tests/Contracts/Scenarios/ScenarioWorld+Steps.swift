// SPDX-License-Identifier: Apache-2.0
import MartletRaft

extension ScenarioWorld {
    // MARK: - Sending

    mutating func send(_ content: ScenarioPacket.Content, from: ServerID, to: ServerID) {
        let link = ScenarioLink(from: from, to: to)
        var packet = ScenarioPacket(link: link, content: content, due: now + Self.networkLatency)
        sent["\(from.scenarioName)->\(to.scenarioName) \(packet.kind)", default: 0] += 1
        if let refined = packet.content.refinedKind {
            sent["\(from.scenarioName)->\(to.scenarioName) \(refined)", default: 0] += 1
        }
        if cut.contains(link) {
            if case .message = content { return }
            packet.isLost = true
        }
        network.append(packet)
    }

    /// A stream carries the newest snapshot that its sender has.
    func newest(_ offer: SnapshotOffer, at position: Int) -> SnapshotOffer {
        var offer = offer
        if let snapshot = members[position].disk.snapshot { offer.metadata = snapshot }
        return offer
    }

    mutating func stream(_ offer: SnapshotOffer, from sender: Int, to receiver: Int) {
        let link = ScenarioLink(from: members[sender].id, to: members[receiver].id)
        network.append(
            ScenarioPacket(
                link: link,
                content: .snapshot(offer, state: members[sender].disk.snapshotState),
                due: now + Self.networkLatency, life: members[receiver].life,
                isLost: cut.contains(link)))
    }

    // MARK: - Arriving

    /// Takes one packet out of the network and gives it to whom it is for.
    mutating func deliver(_ position: Int) {
        let packet = network.remove(at: position)
        guard !packet.isLost, let to = self.position(of: packet.link.to), members[to].core != nil
        else {
            lose(packet)
            return
        }
        switch packet.content {
        case .message(let message):
            input(.received(message, from: packet.link.from), to: to)
        case .offer(let offer):
            input(.snapshotOffered(offer, from: packet.link.from), to: to)
        case .snapshot(let offer, let state):
            guard packet.life == members[to].life else {
                lose(packet)
                return
            }
            if members[to].disk.snapshot?.lastIndex ?? .zero < offer.metadata.lastIndex {
                members[to].disk.snapshot = offer.metadata
                members[to].disk.snapshotState = state
            }
            input(.snapshotReceived(offer, from: packet.link.from), to: to)
        }
    }

    /// A message is gone; of a stream both ends hear that it ended.
    mutating func lose(_ packet: ScenarioPacket) {
        switch packet.content {
        case .message: return
        case .offer: break
        case .snapshot(let offer, _):
            if let to = position(of: packet.link.to), packet.life == members[to].life {
                input(.snapshotAbandoned(offer, from: packet.link.from), to: to)
            }
        }
        guard let from = position(of: packet.link.from) else { return }
        input(.snapshotSendFailed(to: packet.link.to), to: from)
    }

    /// The next write of a disk is done.
    mutating func persist(_ position: Int) {
        let work = members[position].disk.waiting.removeFirst().work
        members[position].disk.carryOut(work)
        if case .write(let write) = work {
            input(.persisted(through: write.sequence), to: position)
        }
    }

    /// Lets the deadline come.
    mutating func tick(_ position: Int) throws(ScenarioProblem) {
        guard let deadline = try core(position).deadline else {
            throw ScenarioProblem("\(members[position].id.scenarioName) waits for no time")
        }
        now = max(now, deadline)
        input(.ticked, to: position)
    }

    // MARK: - Running

    /// Something that may happen next without time going by.
    enum Action: Sendable {
        case deliver(Int)
        case persist(Int)
    }

    var actions: [Action] {
        var actions: [Action] = []
        for position in members.indices where canPersist(position) {
            actions.append(.persist(position))
        }
        var links: Set<ScenarioLink> = []
        for position in network.indices where canDeliver(position) {
            if links.insert(network[position].link).inserted { actions.append(.deliver(position)) }
        }
        return actions
    }

    func canPersist(_ position: Int) -> Bool {
        !members[position].isStalled && !members[position].isPaused
            && members[position].core != nil && !members[position].disk.waiting.isEmpty
    }

    func canDeliver(_ position: Int) -> Bool {
        let link = network[position].link
        guard let to = self.position(of: link.to) else { return true }
        return !held.contains(link) && !members[to].isPaused
    }

    mutating func carryOut(_ action: Action) {
        switch action {
        case .deliver(let position): deliver(position)
        case .persist(let position): persist(position)
        }
    }

    /// Writes and delivers until nothing is left, or `limit` things have happened: disks first and
    /// then in the order of sending, or in an order of chance.
    mutating func settle(limit: Int?, seed: UInt64?) throws(ScenarioProblem) {
        var order = seed.map { ScenarioGenerator(seed: $0) }
        var steps = 0
        while limit == nil || steps < limit ?? 0 {
            let possible = actions
            guard let first = possible.first else { return }
            carryOut(order == nil ? first : possible[order?.below(possible.count) ?? 0])
            steps += 1
            guard steps < Self.stepsMax else {
                throw ScenarioProblem("it does not settle within \(Self.stepsMax) steps")
            }
        }
    }

    /// Time goes by: everything takes its time, and whoever is due ticks. Ends early if `isDone`.
    mutating func run(
        until end: Duration, isDone: (ScenarioWorld) -> Bool
    ) throws(ScenarioProblem) {
        var steps = 0
        while !isDone(self) {
            guard let (due, action) = next(before: end) else {
                now = max(now, end)
                return
            }
            now = max(now, due)
            switch action {
            case .tick(let position): input(.ticked, to: position)
            case .other(let action): carryOut(action)
            }
            steps += 1
            guard steps < Self.stepsMax else {
                throw ScenarioProblem("more than \(Self.stepsMax) steps before \(end)")
            }
        }
    }

    private enum Timed {
        case tick(Int)
        case other(Action)
    }

    /// The earliest; of equals the first of deliveries, writes and ticks, in this order.
    private func next(before end: Duration) -> (Duration, Timed)? {
        var best: (Duration, Timed)?
        func consider(_ due: Duration, _ action: Timed) {
            let due = max(due, now)
            guard due <= end else { return }
            if let known = best, known.0 <= due { return }
            best = (due, action)
        }
        for position in network.indices where canDeliver(position) {
            consider(network[position].due, .other(.deliver(position)))
        }
        for position in members.indices where canPersist(position) {
            consider(members[position].disk.waiting[0].due, .other(.persist(position)))
        }
        for position in members.indices where !members[position].isPaused {
            guard let deadline = members[position].core?.deadline else { continue }
            consider(deadline, .tick(position))
        }
        return best
    }
}

extension ScenarioPacket.Content {
    /// A narrower kind, counted as well: what an append carried, and how it was answered.
    var refinedKind: String? {
        guard case .message(let message) = self else { return nil }
        switch message {
        case .appendRequest(let request): return request.entries.isEmpty ? "heartbeat" : "entries"
        case .appendResponse(let answer):
            if case .rejected = answer.outcome { return "append-rejection" }
            return nil
        case .voteRequest, .voteResponse, .timeoutNow, .snapshotResponse, .readRequest,
            .readResponse:
            return nil
        }
    }
}
