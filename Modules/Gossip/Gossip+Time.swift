// SPDX-License-Identifier: Apache-2.0

/// What time brings.
extension Gossip {
    static let reapInterval: Duration = .seconds(15)
    /// Some 34,000 years: nothing is due.
    private static let never: Duration = .seconds(1 << 40)

    /// When ``GossipInput/tick`` is due. Coming early or twice does no harm.
    ///
    /// - Invariant: after a step it lies after that step's instant, so ticks never storm.
    package var nextDeadline: Duration {
        var core = self
        return core.deadline()
    }

    /// ``nextDeadline``, seen in place: a core that is a class's property is copied otherwise.
    package mutating func deadline() -> Duration {
        guard !presence.isOver else { return Self.never }
        var next = min(exchangeAt, reconnectAt, reapAt, probing.nextDeadline)
        if !queue.isEmpty { next = min(next, gossipAt) }
        if table.suspectCount > 0 {
            for entry in table.entries {
                if let suspicion = entry.suspicion { next = min(next, suspicion.deadline) }
            }
        }
        if let nack = relays.nextNackAt { next = min(next, nack) }
        if let leaving = presence.nextDeadline { next = min(next, leaving) }
        return next
    }

    /// A step that comes long after the last deadline says that this server was stopped: by a
    /// signal, a debugger, a hypervisor. Nobody could answer it meanwhile, so the silence of that
    /// time is nobody else's: a probe under way counts for nothing, and suspects get their time.
    mutating func absorbPause() {
        let pause = now - deadline()
        guard pause > timing.probeTimeout else { return }
        counters.pauses &+= 1
        awareness.worsen()
        probing.shift(by: pause)
        relays = RelayTable()
        for position in table.entries.indices where table.entries[position].suspicion != nil {
            table.update(position) { $0.suspicion?.shift(by: pause) }
        }
        presence.shift(by: pause)
    }

    /// Answers are taken before deadlines: what came in time counts, even if it was read late.
    mutating func doWhatIsDue() {
        guard !presence.isOver else { return }
        sendNacks()
        probe()
        failSuspects()  // After the probe, which may confirm a suspicion and so end it.
        if exchangeAt <= now {
            exchangeAt = now + timing.exchangeInterval
            if let partner = pick(1, where: { !$0.isGone }).first { exchange(with: partner) }
        }
        if reconnectAt <= now {
            reconnectAt = now + timing.reconnectInterval
            if let lost = pick(1, where: { $0.standing == .gone }).first { exchange(with: lost) }
        }
        if reapAt <= now {
            reapAt = now + Self.reapInterval
            reap()
        }
        advanceLeaving()
        guard !queue.isEmpty, gossipAt <= now else { return }
        gossip()
        advanceLeaving()  // The others may have been told by this.
    }

    private mutating func failSuspects() {
        guard table.suspectCount > 0 else { return }
        for position in table.entries.indices {
            guard let suspicion = table.entries[position].suspicion, suspicion.deadline <= now
            else { continue }
            counters.failuresDeclared &+= 1
            raise(.gone, at: position)
        }
    }

    private mutating func reap() {
        for entry in table.entries where entry.isGone && now - entry.since >= kept(entry.standing) {
            forget(entry.id)
        }
    }

    func kept(_ standing: Standing) -> Duration {
        standing == .gone ? timing.failedKept : timing.leftKept
    }

    mutating func forget(_ id: NodeID) {
        guard let entry = table[id] else { return }
        table.remove(id)
        queue.forget(id)
        probing.forget(id)
        if !entry.standing.isErased { outbox.append(.forgotten(id)) }
    }

    /// Addresses of up to `count` random members.
    mutating func pick(_ count: Int, where matches: (Entry) -> Bool) -> [String] {
        pickEntries(count, where: matches).map(\.record.address)
    }

    mutating func pickEntries(_ count: Int, where matches: (Entry) -> Bool) -> [Entry] {
        var candidates = table.entries.indices.filter { matches(table.entries[$0]) }
        var picked: [Entry] = []
        while picked.count < count, !candidates.isEmpty {
            let place = generator.below(candidates.count)
            picked.append(table.entries[candidates[place]])
            candidates.swapAt(place, candidates.count - 1)
            candidates.removeLast()
        }
        return picked
    }
}
