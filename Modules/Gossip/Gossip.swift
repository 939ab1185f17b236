// SPDX-License-Identifier: Apache-2.0

/// Who is there: SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips, Currey 2017) as
/// a value. One input in, effects out; no clock, no socket, seeded randomness.
package struct Gossip: Sendable {
    /// The largest datagram, before it is sealed: with a seal of 29 bytes and the headers of UDP
    /// and IPv6 it fits the smallest packet that IPv6 carries in one piece (1,280 bytes).
    package static let packetBytesMax = 1_200
    /// The largest message over a stream.
    package static let exchangeBytesMax = 80 * 1_024
    /// Members that are remembered, this server included.
    package static let membersMax = 64
    /// Whether `other` belongs to the pool of `own`. A pure function of the two.
    package typealias Admission = @Sendable (_ other: NodeRecord, _ own: NodeRecord) -> Bool

    /// What this server says of itself.
    package private(set) var own: NodeRecord
    package private(set) var metrics = GossipMetrics()
    let timing: GossipTiming
    let admits: Admission

    /// - Precondition: `own` is well-formed.
    package init(
        own: NodeRecord, timing: GossipTiming = .lan, seed: UInt64, at now: Duration,
        admits: @escaping Admission
    ) {
        precondition(own.isWellFormed, "a record that others refuse: \(own.address)")
        self.own = own
        self.timing = timing
        self.admits = admits
    }

    /// Takes one input; what follows from it is appended to `effects`. `now` is monotonic; an
    /// earlier one than before counts as the same.
    package mutating func step(
        _ input: GossipInput, at now: Duration, into effects: inout [GossipEffect]
    ) {}

    /// When ``GossipInput/tick`` is due. Coming early or twice does no harm.
    package var nextDeadline: Duration { .zero }

    /// All members, ordered by id, this server included.
    package var members: [GossipMember] { [] }

    package subscript(id: NodeID) -> GossipMember? { nil }
}
