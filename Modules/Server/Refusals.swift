// SPDX-License-Identifier: Apache-2.0
import MartletGossip
import MartletRaft

/// What peers sent and was not taken: counted for `/v1/metrics`, and logged now and then.
struct Refusals {
    /// The raw value ends the counter's name.
    enum Reason: String, CaseIterable {
        /// A frame or message that cannot be read, or was damaged on its way.
        case malformed
        /// A frame over its bound.
        case oversized
        /// More connections than one address, or all of them, may have.
        case crowded = "too_many_connections"
        /// A host that says of more servers than can be asked at once where they are.
        case tooManyAddresses = "too_many_addresses"
        /// No greeting in time.
        case silent = "no_greeting"
        /// A Raft message, a request or a snapshot from a server that is not of this cluster.
        case foreignCluster = "foreign_cluster"
        /// Refused in its greeting: another cluster, region or recovery epoch, or this server itself.
        case unwelcome
        case absurdTerm = "absurd_term"
        case malformedEntries = "malformed_entries"
        case secondLeader = "second_leader"
        case contradiction
        case impossibleAnswer = "impossible_answer"
        case ownID = "own_id"
        /// Gossip that none of this server's keys opens, or that is not sealed though it should be.
        case sealed = "wrongly_sealed"
        /// More members than there is room for.
        case noRoom = "no_room"

        init(_ refusal: MessageRefusal) {
            self =
                switch refusal {
                case .absurdTerm: .absurdTerm
                case .malformed: .malformedEntries
                case .secondLeader: .secondLeader
                case .contradiction: .contradiction
                case .impossibleAnswer: .impossibleAnswer
                case .ownID: .ownID
                }
        }

        /// nil for what happens in good order: somebody is not known yet, or any more.
        init?(_ refusal: GossipRefusal) {
            switch refusal {
            case .oversized: self = .oversized
            case .malformed, .version: self = .malformed
            case .notAdmitted: self = .unwelcome
            case .own: self = .ownID
            case .full: self = .noRoom
            case .unknownSender, .misdirected, .left: return nil
            }
        }
    }

    private struct Key: Hashable {
        var peer: String
        var reason: Reason
    }

    /// One line for a peer and a reason in this time: enough to see, too little to fill a disk.
    static let logInterval: Duration = .seconds(60)
    /// Peers and reasons that are told apart.
    static let keysMax = 1024

    private var counts: [Reason: UInt64] = [:]
    private var loggedAt: [Key: Duration] = [:]

    /// Counts one; true if it is to be logged.
    mutating func note(_ reason: Reason, from peer: String, at now: Duration) -> Bool {
        counts[reason, default: 0] &+= 1
        let key = Key(peer: peer, reason: reason)
        if let last = loggedAt[key], now - last < Self.logInterval { return false }
        if loggedAt.count >= Self.keysMax {
            loggedAt = loggedAt.filter { now - $0.value < Self.logInterval }
        }
        // As many new peers in a minute are one attacker's: nothing more is said of them.
        guard loggedAt.count < Self.keysMax else { return false }
        loggedAt[key] = now
        return true
    }

    /// In the order of the names.
    var byName: [(String, UInt64)] {
        Reason.allCases.map(\.rawValue).sorted().map { name in
            (
                "nomad.raft.messages_refused.\(name)",
                Reason(rawValue: name).flatMap { counts[$0] } ?? 0
            )
        }
    }
}
