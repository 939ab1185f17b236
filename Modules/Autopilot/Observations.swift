// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What the leader knows of one server of the Raft configuration at one moment: from gossip its
/// status, from Raft's own answers the rest.
package struct ServerObservation: Equatable, Sendable {
    package var id: String
    /// Name and region, as in `s1.global`.
    package var name: String
    package var address: String
    package var version: String
    package var serfStatus: SerfStatus
    package var isLeader: Bool
    package var isVoter: Bool
    /// Age of its last answer, or of the leadership as long as none came; nil only if neither is
    /// known. It is also the age of `lastTerm` and `lastIndex`, which come with each answer: a
    /// server that froze on an idle cluster shows here. Of no account for the leader.
    package var lastContact: Duration?
    /// Term and index of the last entry of its log.
    package var lastTerm: UInt64
    package var lastIndex: UInt64

    package init(
        id: String, name: String, address: String, version: String, serfStatus: SerfStatus,
        isLeader: Bool, isVoter: Bool, lastContact: Duration?, lastTerm: UInt64, lastIndex: UInt64
    ) {
        self.id = id
        self.name = name
        self.address = address
        self.version = version
        self.serfStatus = serfStatus
        self.isLeader = isLeader
        self.isVoter = isVoter
        self.lastContact = lastContact
        self.lastTerm = lastTerm
        self.lastIndex = lastIndex
    }
}

/// The end of the leader's log; zeroes while it is not known.
package struct LeaderView: Equatable, Sendable {
    package var lastTerm: UInt64
    package var lastIndex: UInt64

    package init(lastTerm: UInt64, lastIndex: UInt64) {
        self.lastTerm = lastTerm
        self.lastIndex = lastIndex
    }
}

/// The first rule that a server breaks.
package enum UnhealthyReason: String, Equatable, Sendable {
    /// Nothing to compare with: the leader's log is not known.
    case noLeaderState = "no-leader-state"
    case gossipUnknown = "gossip-unknown"
    case gossipFailed = "gossip-failed"
    case gossipLeft = "gossip-left"
    case neverContacted = "never-contacted"
    /// Its last answer is older than the threshold.
    case lastContact = "last-contact"
    /// Its log ends in another term than the leader's.
    case lastTerm = "last-term"
    /// Its log is too far behind the leader's.
    case trailingLogs = "trailing-logs"
}

/// A server's health with its reason, which the compatible answer has no place for.
package struct ServerAssessment: Equatable, Sendable {
    package var health: ServerHealth
    /// nil for a healthy server.
    package var reason: UnhealthyReason?
}
