// SPDX-License-Identifier: Apache-2.0
import MartletBytes

/// Probes: a ping; if no answer comes in time, pings through others and one over a stream; if still
/// none comes until the interval is over, suspicion.
extension Gossip {
    mutating func probe() {
        if let probe = probing.current, !probe.isAnswered, !probe.isEscalated,
            probe.timeoutAt <= now
        {
            escalate(probe)
        }
        guard probing.isDue(at: now) else { return }
        if let probe = probing.finish() { judge(probe) }
        startProbe()
    }

    private mutating func startProbe() {
        let interval = awareness.scale(timing.probeInterval)
        let target = probing.nextTarget(in: table, generator: &generator)
        guard let target else { return probing.rest(until: now + interval) }
        counters.probes &+= 1
        let sequence = probing.start(
            target.id, at: now, timeout: awareness.scale(timing.probeTimeout), interval: interval)
        outbox.append(.send(bytes: ping(target, sequence), to: target.record.address))
    }

    private mutating func escalate(_ probe: Probing.Probe) {
        guard let target = table[probe.target], !target.isGone else {
            return probing.escalate(to: [], until: now)  // It failed meanwhile: nothing to ask.
        }
        let helpers = pickEntries(timing.indirectProbes) { $0.id != target.id && !$0.isGone }
        // Even if this comes late, the second half of the probe has its time.
        let rest = timing.probeInterval - timing.probeTimeout
        probing.escalate(to: helpers.map(\.id), until: now + awareness.scale(rest))
        counters.probesIndirect &+= 1
        let body = Message.Body.pingRequest(sequence: probe.sequence, target: target.id)
        for helper in helpers {
            outbox.append(.send(bytes: packet(body), to: helper.record.address))
        }
        outbox.append(
            .streamPing(
                sequence: probe.sequence, to: target.record.address,
                bytes: stream(
                    .ping(sequence: probe.sequence, target: target.id), accusations(of: target))))
    }

    /// Silence of the target is suspicious; silence of those who were asked as well says that this
    /// server itself hears badly.
    private mutating func judge(_ probe: Probing.Probe) {
        guard !probe.isAnswered else { return awareness.improve() }
        guard let position = table.position(of: probe.target), !table.entries[position].isGone
        else { return }
        counters.probesMissed &+= 1
        let missing = probe.helpers.count - probe.nacks.count
        awareness.worsen(by: probe.helpers.isEmpty ? 1 : missing)
        suspect(position, by: own.id)
    }

    /// A suspect is told with the ping, so that it can contradict with the answer (Lifeguard §IV-C).
    private mutating func ping(_ target: Entry, _ sequence: UInt64) -> [UInt8] {
        var told = accusations(of: target)
        return packet(.ping(sequence: sequence, target: target.id), first: &told)
    }

    private func accusations(of target: Entry) -> [Claim] {
        target.suspicion.map { suspicion in
            let incarnation = target.record.incarnation
            return [
                .suspect(target.id, incarnation: incarnation, accuser: suspicion.accusers[0])
            ]
        } ?? []
    }

    /// A message with as much news as has room.
    mutating func packet(_ body: Message.Body) -> [UInt8] {
        var nothing: [Claim] = []
        return packet(body, first: &nothing)
    }

    /// … after what must be said first.
    ///
    /// - Parameter first: afterwards what had no room.
    mutating func packet(_ body: Message.Body, first: inout [Claim]) -> [UInt8] {
        var writer = ByteWriter(reservingBytes: 512)
        MessageCodec.writeHead(sender(of: body), ownStanding, body, to: &writer)
        let told = first.prefix { claim in
            guard writer.count + claim.encodedBytes <= Self.packetBytesMax else { return false }
            claim.write(to: &writer)
            return true
        }
        first.removeFirst(told.count)
        if case .nack = body { return writer.bytes }
        let (table, own, standing) = (table, own, ownStanding)
        queue.tell(limit: retransmitLimit) { subject in
            guard let claim = Self.claim(subject, table, own, standing) else { return .outdated }
            guard writer.count + claim.encodedBytes <= Self.packetBytesMax else { return .noRoom }
            if !told.contains(claim) { claim.write(to: &writer) }
            return .told
        }
        return writer.bytes
    }

    func sender(of body: Message.Body) -> Message.Sender {
        switch body {
        case .ping, .ack, .pingRequest, .exchange, .exchangeAnswer: .introduced(own)
        case .nack, .news: .named(own.id, incarnation: own.incarnation)
        }
    }

    private static func claim(
        _ subject: BroadcastQueue.Subject, _ table: MemberTable, _ own: NodeRecord,
        _ ownStanding: Standing
    ) -> Claim? {
        switch subject {
        case .standing(own.id):
            return .standing(own, ownStanding)
        case .standing(let id):
            return table[id].map { .standing($0.record, $0.standing) }
        case .suspicion(let id, let accuser):
            guard let entry = table[id], let suspicion = entry.suspicion,
                suspicion.accusers.contains(accuser)
            else { return nil }
            return .suspect(id, incarnation: entry.record.incarnation, accuser: accuser)
        }
    }

    /// Enough for everybody to hear of it with near certainty (SWIM §4.1): λ · log n.
    private var retransmitLimit: Int {
        let members = table.presentCount + 1
        return timing.retransmitFactor * (members < 10 ? 1 : 2)
    }

    /// News goes to a few at random; also to those gone of late, who may not know it.
    mutating func gossip() {
        gossipAt = now + timing.gossipInterval
        let recent = now - timing.gossipToGone
        let targets = pick(timing.gossipFanOut) { entry in
            !entry.isGone || (entry.since > recent && !entry.standing.isErased)
        }
        for target in targets where !queue.isEmpty {
            outbox.append(.send(bytes: packet(.news), to: target))
        }
        if targets.isEmpty { queue = BroadcastQueue() }  // Nobody to tell.
    }
}
