// SPDX-License-Identifier: Apache-2.0

/// Something for logs and counters; nothing depends on it.
public enum Observation: Equatable, Sendable {
    /// Votes, or pre-votes, are about to be asked for in this term.
    case campaignStarted(term: Term, isPreVote: Bool)
    /// This server led, and does no longer.
    case leadershipLost(LeadershipLoss)
    /// The leader feeds this server in another way than before.
    case peerStateChanged(ServerID, Progress.State)
    /// A message had no effect, and not because it came late.
    case messageRefused(from: ServerID, MessageRefusal)
}

/// Why a leadership ended.
public enum LeadershipLoss: Equatable, Sendable {
    /// No majority answered within the check-quorum interval.
    case checkQuorum
    /// The own disk does not answer.
    case diskStalled
    /// The configuration without this server's vote is committed.
    case removed
    /// Somebody spoke in a newer term.
    case newerTerm
    /// It was handed over.
    case transferred
}

/// Why a message was not taken. No server that works as it should sends such a message.
public enum MessageRefusal: String, CaseIterable, Equatable, Sendable {
    /// A term further ahead than any real one.
    case absurdTerm
    /// Not contiguous, terms out of order, an unreadable configuration.
    case malformed
    /// A second leader of one term.
    case secondLeader
    /// Entries that differ from what is committed, or from what this leader itself sent before.
    case contradiction
    /// An acknowledgement of entries that the leader does not have, or of a round to come.
    case impossibleAnswer
    /// The sender has this server's own id.
    case ownID
}

extension RaftCore {
    mutating func observe(_ observation: Observation) {
        if options.observes { outbox.append(.observed(observation)) }
    }

    mutating func refuse(_ reason: MessageRefusal, from server: ServerID) {
        observe(.messageRefused(from: server, reason))
    }

    /// Tells of each follower that is fed in another way since the last step.
    mutating func observePeers() {
        guard options.observes else { return }
        for position in leadership.peers.indices {
            let state = leadership.peers[position].progressState
            guard leadership.peers[position].observedState != state else { continue }
            leadership.peers[position].observedState = state
            observe(.peerStateChanged(leadership.peers[position].id, state))
        }
    }
}
