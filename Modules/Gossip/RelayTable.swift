// SPDX-License-Identifier: Apache-2.0

/// Pings that this server sends for others: SWIM's indirect probes, seen from the middle.
///
/// - Invariant: at most ``countMax``; who asks beyond gets nothing, which is what a lost packet is.
struct RelayTable: Sendable {
    struct Relay: Sendable {
        /// Of this server's ping.
        let sequence: UInt64
        let target: NodeID
        /// Of the probe that it helps, and where its server waits.
        let askedSequence: UInt64
        let askedFrom: String
        let nackAt: Duration
    }

    static let countMax = 64
    /// Each gets as long, so what came first is due first.
    private var relays: [Relay] = []

    var nextNackAt: Duration? { relays.first?.nackAt }

    mutating func add(_ relay: Relay) -> Bool {
        guard relays.count < Self.countMax else { return false }
        relays.append(relay)
        return true
    }

    /// - Returns: the relay that this answer belongs to; it is done.
    mutating func answered(_ sequence: UInt64, by sender: NodeID) -> Relay? {
        let position = relays.firstIndex { $0.sequence == sequence && $0.target == sender }
        return position.map { relays.remove(at: $0) }
    }

    /// - Returns: those whose time is over, in the order in which they were asked for.
    mutating func expire(at now: Duration) -> [Relay] {
        guard let next = nextNackAt, next <= now else { return [] }
        let over = relays.prefix { $0.nackAt <= now }
        relays.removeFirst(over.count)
        return Array(over)
    }
}
