// SPDX-License-Identifier: Apache-2.0

/// What a leader knows of the promises that its reads can lean on.
///
/// A server with leases on promises, with each answer to its leader, not to vote for anybody for an
/// election timeout *since it heard that leader*. The leader cannot know when that was; it counts
/// from the instant at which it began the round that the answer echoes, which is earlier, and takes
/// off what clocks may differ in. While a majority is so bound nobody else can be elected.
///
/// What ends a promise early, and why no read suffers:
/// - A vote for a transfer's target ignores promises. A leader that ever told somebody to campaign
///   has no lease for the rest of its term: that message may arrive at any time.
/// - A restart forgets when the leader was heard: the promise counts anew from the start.
/// - A connection's end is no reason to forget the leader (`forgetLeader`).
struct Lease: Sendable {
    struct Round: Sendable {
        var number: UInt64
        var begunAt: Duration
    }

    /// Rounds whose answers can still count. A lease is shorter than so many heartbeats.
    static let roundsMax = 64

    /// In order of their numbers, the newest last.
    private(set) var rounds: [Round] = []
    /// Somebody was told to campaign in this term.
    var isForfeited = false

    mutating func began(_ number: UInt64, at now: Duration) {
        if rounds.count == Self.roundsMax { rounds.removeFirst() }
        rounds.append(Round(number: number, begunAt: now))
    }

    func beginning(of number: UInt64) -> Duration? {
        rounds.last { $0.number == number }?.begunAt
    }
}

extension RaftCore {
    /// How long this server votes for nobody after it heard its leader: what its answers promise.
    var voteHold: Duration { options.leaseReads ? timing.electionTimeout : .zero }

    /// A promise not to vote is in force; none was ever given by a server without leases.
    var isBound: Bool { now < following.boundUntil }

    /// Starts the promise anew: the leader was heard.
    mutating func bind() {
        if options.leaseReads { following.boundUntil = now + voteHold }
    }

    /// Numbers a round of messages that begins now.
    mutating func beginRound() {
        leadership.reads.round += 1
        if options.leaseReads { leadership.lease.began(leadership.reads.round, at: now) }
    }

    mutating func notePromise(_ response: AppendResponse, by position: Int) {
        guard options.leaseReads, response.voteHold > .zero,
            let begunAt = leadership.lease.beginning(of: response.round)
        else { return }
        let hold = min(response.voteHold, Self.voteHoldMax)
        let until = begunAt + hold * (100 - options.clockDriftPercentMax) / 100
        leadership.peers[position].boundUntil = max(
            leadership.peers[position].boundUntil, until)
    }

    /// No promise counts for longer, whatever a peer says.
    private static let voteHoldMax: Duration = .seconds(60)

    /// Until when nobody else can lead; nil without a lease.
    var leaseEnd: Duration? {
        guard options.leaseReads, hasCommittedOwnTerm, leadership.transfer == nil,
            !leadership.lease.isForfeited
        else { return nil }
        let ends = leadership.peers.map(\.boundUntil).filter { $0 > now }.sorted(by: >)
        return ends.first { end in hasMajority { $0.boundUntil >= end } }
    }
}
