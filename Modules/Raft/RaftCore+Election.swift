// SPDX-License-Identifier: Apache-2.0

/// One attempt to be elected, or to learn whether one would be.
struct Campaign: Sendable {
    var granted: [ServerID] = []
    var refused: [ServerID] = []
    var isTransfer = false
    /// Votes are asked for once the own is durable.
    var isAsked = false
}

extension RaftCore {
    /// The spread of a first candidate's start after a lost connection: wider than a round trip and a
    /// durable write in one data centre, so that usually one survivor is done before the next begins.
    static let jitterMax = Duration.milliseconds(20)

    /// Only a voter may look for votes (``ConfigurationHistory/mayCampaign(_:committed:)``).
    var canCampaign: Bool {
        !isRecovering && configurations.mayCampaign(id, committed: commitIndex)
    }

    /// Between once and twice the timeout (Raft §5.2).
    mutating func electionDelay() -> Duration {
        let delay = generator.duration(
            from: timing.electionTimeout, to: timing.electionTimeout + timing.electionTimeout)
        return delay + reluctance(of: Duration(attoseconds: timing.electionTimeout.attoseconds / 2))
    }

    /// The part of `span` by which this server lets others go first: nothing with full priority, and
    /// nothing in later attempts, for the others may be down.
    ///
    /// `mutating`, or the whole core would be copied for the look.
    private mutating func reluctance(of span: Duration) -> Duration {
        guard attempts == 0, options.priority < Options.priorityMax else { return .zero }
        // Plain integers, as in ``Generator/duration(from:to:)``.
        let share = span.attoseconds * Int128(Options.priorityMax - options.priority)
        return Duration(attoseconds: share / Int128(Options.priorityMax))
    }

    /// After a refusal: a fifth to the whole of a heartbeat, twice as much each time, at most a
    /// timeout. Short, for a voter may only have been later to notice; growing, for it may go on
    /// hearing a leader that we do not.
    private mutating func backOff() {
        let doublings = min(max(attempts - 1, 0), 16)
        let span = min(timing.heartbeat * (1 << doublings), timing.electionTimeout)
        electionDeadline = now + generator.duration(from: span / 5, to: span)
    }

    mutating func requestCampaign() {
        guard canCampaign, role == .follower else { return }
        startPreVote()
    }

    /// Without its leader's connection a follower waits for no timeout, unless it promised to.
    mutating func forgetLeader(_ server: ServerID) {
        guard role == .follower, leader == server, !options.leaseReads else { return }
        leader = nil
        let span = min(timing.heartbeat, Self.jitterMax)
        let jitter = generator.duration(from: .zero, to: span)
        electionDeadline = min(
            electionDeadline, now + jitter + reluctance(of: timing.heartbeat * 2))
    }

    // MARK: - Asking

    /// Asks who would vote, which changes nothing at anybody (dissertation §9.6).
    mutating func startPreVote() {
        guard canCampaign, !isDiskStalled else { return }
        if isBound {  // Its own vote is promised away as well.
            electionDeadline = max(electionDeadline, following.boundUntil)
            return
        }
        role = .preCandidate
        leader = nil
        attempts += 1
        campaigning = Campaign(granted: [id], isAsked: true)
        let half = timing.electionTimeout / 2
        electionDeadline = now + generator.duration(from: half, to: timing.electionTimeout)
        observe(.campaignStarted(term: Term(term.number + 1), isPreVote: true))
        sendVoteRequests(term: Term(term.number + 1), isPreVote: true)
        countVotes()
    }

    mutating func campaign(isTransfer: Bool) {
        store(HardState(term: Term(term.number + 1), vote: id))
        role = .candidate
        leader = nil
        campaigning = Campaign(granted: [id], isTransfer: isTransfer)
        electionDeadline = now + electionDelay()
        observe(.campaignStarted(term: term, isPreVote: false))
    }

    /// The own vote is durable: it counts, and others are asked for theirs.
    mutating func requestVotes() {
        guard !campaigning.isAsked, writes.isHardStateDurable else { return }
        campaigning.isAsked = true
        electionDeadline = now + electionDelay()
        sendVoteRequests(term: term, isPreVote: false)
        countVotes()
    }

    private mutating func sendVoteRequests(term: Term, isPreVote: Bool) {
        let request = VoteRequest(
            term: term, isPreVote: isPreVote, lastLogIndex: log.lastIndex,
            lastLogTerm: log.lastTerm, isTransfer: campaigning.isTransfer)
        for server in configuration.members where server.role == .voter && server.id != id {
            outbox.append(.send(.voteRequest(request), to: server.id))
        }
    }

    private mutating func countVotes() {
        if isElected(by: { campaigning.granted.contains($0) }) {
            if role == .preCandidate { campaign(isTransfer: false) } else { becomeLeader() }
        } else if !isElected(by: { !campaigning.refused.contains($0) }) {
            backOff()
        }
    }

    // MARK: - Answering

    mutating func receive(_ request: VoteRequest, from server: ServerID) {
        // Who hears a leader refuses, and keeps its term: a server that was cut off or removed does
        // not disturb the others (dissertation §4.2.3). A leader hears itself. A vote that the own
        // disk does not store is worth nothing. And who does not know any more what it promised
        // promises nothing.
        let isAllowed = request.isTransfer && !request.isPreVote
        if (isLoyal || isBound) && !isAllowed || isDiskStalled || isRecovering {
            answer(request, from: server, isGranted: false)
            return
        }
        let isCurrent =
            (request.lastLogTerm, request.lastLogIndex) >= (log.lastTerm, log.lastIndex)
        if request.isPreVote {
            let isGranted = request.term > term && isCurrent && !isAhead(of: request, server)
            if isGranted { yield() }
            answer(request, from: server, isGranted: isGranted)
            return
        }
        if request.term > term { becomeFollower(in: request.term, of: nil, shownBy: server) }
        let isFree = hardState.vote == nil || hardState.vote == server
        guard request.term == term, role != .leader, isFree, isCurrent else {
            answer(request, from: server, isGranted: false)
            return
        }
        if hardState.vote == nil { store(HardState(term: term, vote: server)) }
        role = .follower
        electionDeadline = now + electionDelay()
        answer(request, from: server, isGranted: true)
    }

    private var isLoyal: Bool {
        if role == .leader { return true }
        guard leader != nil, let contact = following.lastContact else { return false }
        return now - contact < timing.electionTimeout
    }

    /// Of two equal servers that begin at the same moment, the one with the larger id goes first, or
    /// both would get pre-votes and split the votes. Only in its first attempt: it may be cut off.
    private func isAhead(of request: VoteRequest, _ server: ServerID) -> Bool {
        role == .preCandidate && attempts == 1 && id > server
            && request.lastLogIndex == log.lastIndex && request.lastLogTerm == log.lastTerm
    }

    /// Lets the server that was told yes go first.
    private mutating func yield() {
        let rest = generator.duration(from: timing.heartbeat, to: timing.heartbeat * 2)
        switch role {
        case .preCandidate:
            role = .follower
            electionDeadline = now + rest
        case .follower:
            electionDeadline = max(electionDeadline, now + rest)
        case .candidate, .leader:
            break  // A vote, or a term, is under way already.
        }
    }

    private mutating func answer(
        _ request: VoteRequest, from server: ServerID, isGranted: Bool
    ) {
        let said = request.isPreVote && isGranted ? request.term : term
        sendWhenDurable(
            .voteResponse(
                VoteResponse(term: said, isPreVote: request.isPreVote, isGranted: isGranted)),
            to: server)
    }

    mutating func receive(_ response: VoteResponse, from server: ServerID) {
        guard configuration.contains(server) else { return }
        let isPreGrant = response.isPreVote && response.isGranted
        if response.term > term, !isPreGrant {
            let wasAsking = role == .preCandidate || role == .candidate
            becomeFollower(in: response.term, of: nil, shownBy: server)
            if wasAsking { backOff() }
            return
        }
        let asked: Term
        switch (role, response.isPreVote) {
        case (.preCandidate, true): asked = isPreGrant ? Term(term.number + 1) : term
        case (.candidate, false): asked = term
        case (.preCandidate, false), (.candidate, true), (.follower, _), (.leader, _):
            return  // The answer to a question that is no longer open.
        }
        // Who refuses out of loyalty may be behind in term.
        let isAnswer = response.isGranted ? response.term == asked : response.term <= asked
        guard campaigning.isAsked, isAnswer,
            !campaigning.granted.contains(server), !campaigning.refused.contains(server)
        else { return }
        if response.isGranted {
            campaigning.granted.append(server)
        } else {
            campaigning.refused.append(server)
        }
        countVotes()
    }

    // MARK: - Transitions

    mutating func store(_ newState: HardState) {
        precondition(newState.term >= term, "\(newState.term) after \(term)")
        if newState.term > term {
            // What any leader of a new term is sure to share with us is what is committed (§5.4.3).
            following.verified = commitIndex
            following.leaderCommit = .zero
            following.isAcknowledgementOwed = false
        }
        hardState = newState
        writes.store(newState)
    }

    /// Follows: a newer term, or the leader of this one, showed itself.
    mutating func becomeFollower(
        in newTerm: Term, of newLeader: ServerID?, shownBy server: ServerID
    ) {
        if role == .leader {
            resign(to: newLeader, newTerm: newTerm, shownBy: server, because: .newerTerm)
        } else {
            if role != .follower, newLeader == nil { electionDeadline = now + electionDelay() }
            role = .follower
            leader = newLeader
        }
        if newTerm > term { store(HardState(term: newTerm, vote: nil)) }
    }

    /// Ends the own leadership and answers whoever waits for something from it.
    mutating func resign(
        to newLeader: ServerID?, newTerm: Term, shownBy server: ServerID?,
        because reason: LeadershipLoss
    ) {
        role = .follower
        leader = newLeader
        following.lastContact = nil
        following.verified = commitIndex
        electionDeadline = now + electionDelay()
        refuseReads()
        var loss = reason
        if let transfer = leadership.transfer {
            let outcome = outcome(of: transfer, newTerm: newTerm, shownBy: server)
            if case .done = outcome { loss = .transferred }
            if !transfer.isOwn { outbox.append(.transferDecided(outcome)) }
        }
        leadership = Leadership()
        observe(.leadershipLost(loss))
    }
}
