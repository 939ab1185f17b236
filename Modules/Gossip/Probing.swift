// SPDX-License-Identifier: Apache-2.0

/// Whose turn it is, and the probe under way.
///
/// Members are probed in rounds, each in a new random order (SWIM §4.3). Every second probe may go
/// to a suspect instead, so that suspicions are confirmed or dispelled soon.
struct Probing: Sendable {
    struct Probe: Sendable {
        let target: NodeID
        let sequence: UInt64
        let timeoutAt: Duration
        /// Whom else was asked; empty before the timeout.
        var helpers: [NodeID] = []
        var nacks: [NodeID] = []
        var isEscalated = false
        var isAnswered = false
    }

    private(set) var current: Probe?
    private var nextAt: Duration
    private var sequence: UInt64
    private var round: [NodeID] = []
    private var wasUrgent = false

    init(firstAt: Duration, sequence: UInt64) {
        nextAt = firstAt
        self.sequence = sequence
    }

    var nextDeadline: Duration {
        guard let current, !current.isAnswered, !current.isEscalated else { return nextAt }
        return min(nextAt, current.timeoutAt)
    }

    func isDue(at now: Duration) -> Bool { nextAt <= now }

    /// A number that this server used for no other ping.
    mutating func nextSequence() -> UInt64 {
        sequence &+= 1
        return sequence
    }

    /// Whom to probe next; nil if nobody is there.
    mutating func nextTarget(in table: MemberTable, generator: inout Generator) -> Entry? {
        if !wasUrgent, table.suspectCount > 0 {
            wasUrgent = true
            let suspects = table.entries.filter { $0.suspicion != nil }
            return suspects[generator.below(suspects.count)]
        }
        wasUrgent = false
        while let id = round.popLast() {
            if let entry = table[id], !entry.isGone { return entry }
        }
        round = table.entries.filter { !$0.isGone }.map(\.id)
        generator.mix(&round)
        return round.popLast().flatMap { table[$0] }
    }

    /// A new member takes its turn at a random place of the round under way (SWIM §4.3).
    mutating func insert(_ id: NodeID, generator: inout Generator) {
        guard round.count < Gossip.membersMax, !round.contains(id) else { return }
        round.insert(id, at: generator.below(round.count + 1))
    }

    mutating func forget(_ id: NodeID) {
        round.removeAll { $0 == id }
        if current?.target == id { current = nil }
    }

    mutating func start(_ target: NodeID, at now: Duration, timeout: Duration, interval: Duration)
        -> UInt64
    {
        let sequence = nextSequence()
        nextAt = now + interval
        current = Probe(target: target, sequence: sequence, timeoutAt: now + timeout)
        return sequence
    }

    /// Nobody to probe: look again later.
    mutating func rest(until instant: Duration) {
        nextAt = instant
        current = nil
    }

    /// The direct answer did not come in time; others get until this instant at least.
    mutating func escalate(to helpers: [NodeID], until end: Duration) {
        nextAt = max(nextAt, end)
        current?.isEscalated = true
        current?.helpers = helpers
    }

    /// Something answered, by whatever way; late ones belong to no probe.
    mutating func answered(_ sequence: UInt64) {
        if current?.sequence == sequence { current?.isAnswered = true }
    }

    /// An answer counts from the target and from those who were asked to get it.
    mutating func answered(_ sequence: UInt64, by sender: NodeID) {
        guard let current, sender == current.target || current.helpers.contains(sender) else {
            return
        }
        answered(sequence)
    }

    mutating func refused(_ sequence: UInt64, by sender: NodeID) {
        guard let current, current.sequence == sequence, current.helpers.contains(sender),
            !current.nacks.contains(sender)
        else { return }
        self.current?.nacks.append(sender)
    }

    /// - Returns: the probe that is over.
    mutating func finish() -> Probe? {
        defer { current = nil }
        return current
    }

    mutating func shift(by pause: Duration) {
        current = nil
        nextAt += pause
    }
}
