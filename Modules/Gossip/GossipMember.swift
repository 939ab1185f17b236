// SPDX-License-Identifier: Apache-2.0

/// What a server is taken for.
package enum GossipStatus: Sendable, Hashable {
    /// It answers, or it is not yet certain that it does not.
    case alive
    /// It said that it leaves; or somebody said so for it, and it has not contradicted yet.
    case leaving
    /// It left, or fell silent while leaving, or was failed and forced out. No failure.
    case left
    /// It fell silent without leaving.
    case failed
}

/// A server as this one knows it.
package struct GossipMember: Sendable, Equatable {
    package let record: NodeRecord
    package let status: GossipStatus
    /// Probes of it go unanswered; it is still shown as alive or leaving.
    package let isSuspect: Bool
    /// When it got this status, as far as this server knows; of one that was failed or left when it
    /// was first heard of, when the others saw that.
    package let since: Duration

    package var id: NodeID { record.id }
}

/// Counters for metrics: they only grow, up to ``awareness`` and ``broadcasts``.
package struct GossipMetrics: Sendable, Equatable {
    package var probes: UInt64 = 0
    /// Probes without any answer: direct, through others, or by stream.
    package var probesMissed: UInt64 = 0
    package var probesIndirect: UInt64 = 0
    /// Of the own suspicions, and of those that others told first.
    package var suspicions: UInt64 = 0
    /// Suspicions that were taken back because the suspect spoke up.
    package var suspicionsRefuted: UInt64 = 0
    /// Suspicions of this server that became failures by its own clock.
    package var failuresDeclared: UInt64 = 0
    /// How often this server contradicted what was said of it.
    package var refutations: UInt64 = 0
    package var exchanges: UInt64 = 0
    package var refused: UInt64 = 0
    /// Steps that came so late that this server must have been stopped meanwhile.
    package var pauses: UInt64 = 0
    /// 0 is healthy; its probes are slower by this factor plus one (Lifeguard).
    package var awareness: Int = 0
    /// Claims that wait to be told.
    package var broadcasts: Int = 0

    package init() {}
}
