// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Figure 2 of the paper, rule by rule") struct PaperTests {
    // MARK: - All servers

    @Test("All servers 1 (§5.3): what is committed is handed out, in order and once")
    func applies() {
        var follower = Subject(terms: [1])
        follower.append(term: 2, after: (1, 1), terms: [2, 2], commit: 2)
        #expect(follower.committed.map(\.index.number) == [1, 2])

        follower.append(term: 2, after: (3, 2), commit: 3)
        #expect(follower.committed.map(\.index.number) == [3])
    }

    @Test("All servers 2 (§5.1): a newer term in any request or answer makes a follower of it")
    func newerTerm() {
        var leader = Subject.leader()
        leader.append(from: B, term: 9, after: (0, 0))
        #expect(leader.core.status == Status(role: .follower, term: Term(9), leader: B))

        var other = Subject.leader()
        other.accept(from: C, match: 0, term: Term(9))
        #expect(other.core.status == Status(role: .follower, term: Term(9), leader: nil))

        var candidate = Subject.candidate()
        candidate.vote(from: B, term: 9, isGranted: false)
        #expect(candidate.core.status == Status(role: .follower, term: Term(9), leader: nil))
    }

    // MARK: - Followers

    @Test("Followers 1 (§5.2): answer requests of leaders and candidates")
    func answers() {
        var follower = Subject()
        follower.append(term: 1, after: (1, 1))
        #expect(follower.answers.map(\.outcome) == [.accepted(match: LogIndex(1))])

        var voter = Subject()
        voter.ask(from: B, term: 2, last: (1, 1))
        voter.persist()
        #expect(voter.voteResponses.map(\.isGranted) == [true])
    }

    @Test("Followers 2 (§5.2): silence for an election timeout leads to an election, not before")
    func timeout() {
        var follower = Subject()
        follower.append(term: 1, after: (1, 1))
        follower.step(.ticked, after: .milliseconds(499))
        #expect(follower.role == .follower)

        follower.step(.ticked, after: .milliseconds(501))
        #expect(follower.role == .preCandidate)
    }

    @Test("Followers 2 (§5.2): timeouts differ, between once and twice the base")
    func randomTimeouts() {
        let deadlines = (1...50).map { Subject(seed: UInt64($0)).core.deadline ?? .zero }

        #expect(deadlines.allSatisfy { $0 >= .milliseconds(500) && $0 < .milliseconds(1000) })
        #expect(Set(deadlines).count > 40)
    }

    // MARK: - Candidates

    @Test("Candidates 1 (§5.2): next term, own vote durable first, new timer, votes asked of all")
    func campaigns() {
        var subject = Subject(term: 4)
        subject.step(.campaignRequested)
        #expect(subject.voteRequests.map(\.isPreVote) == [true, true])
        subject.vote(from: B, term: 5, isPreVote: true)

        #expect(subject.core.status == Status(role: .candidate, term: Term(5), leader: nil))
        #expect(subject.writes.map(\.hardState) == [HardState(term: Term(5), vote: A)])
        #expect(subject.voteRequests.isEmpty)

        subject.persist()
        #expect(subject.sent.map(\.to) == [B, C])
        #expect(
            subject.voteRequests.allSatisfy { $0.term == Term(5) && !$0.isPreVote })
        #expect(subject.core.deadline ?? .zero >= subject.now + .milliseconds(500))
    }

    @Test("Candidates 2 (§5.2): a majority makes a leader and nothing less does")
    func majority() {
        var candidate = Subject.candidate(voters(A, B, C, D, E))
        candidate.vote(from: B, term: 2)
        candidate.vote(from: B, term: 2)
        #expect(candidate.role == .candidate)

        candidate.vote(from: C, term: 2)
        #expect(candidate.role == .leader)
    }

    @Test("Candidates 3 (§5.2): an append of a leader of the same term makes a follower")
    func concedes() {
        var candidate = Subject.candidate()
        candidate.append(from: C, term: 2, after: (1, 1), terms: [2])

        #expect(candidate.core.status == Status(role: .follower, term: Term(2), leader: C))
    }

    @Test("Candidates 4 (§5.2): after a timeout there is another election")
    func campaignsAgain() {
        var candidate = Subject.candidate()
        candidate.timeOut()
        #expect(candidate.voteRequests.map(\.term) == [Term(3), Term(3)])
        candidate.vote(from: B, term: 3, isPreVote: true)

        #expect(candidate.core.status == Status(role: .candidate, term: Term(3), leader: nil))
    }

    // MARK: - Leaders

    @Test("Leaders 1 (§5.2): appends at once when elected, and in each heartbeat interval")
    func heartbeats() {
        var candidate = Subject.candidate()
        candidate.vote(from: B, term: 2)
        #expect(candidate.appends(to: B).count == 1 && candidate.appends(to: C).count == 1)

        candidate.timeOut()
        #expect(candidate.now == .milliseconds(50))
        #expect(candidate.appends(to: B).count == 1 && candidate.appends(to: C).count == 1)
    }

    @Test("Leaders 2 (§5.3): a command is appended; it is handed out when it is committed")
    func proposal() {
        var leader = Subject.leader()
        leader.step(.proposed([[1], [2]]))
        #expect(
            leader.effects.first == .proposed(.accepted(first: LogIndex(3), term: Term(2))))
        #expect(leader.writes.flatMap(\.entries).map(\.index.number) == [3, 4])
        leader.persist()
        #expect(leader.committed.isEmpty)

        leader.accept(from: B, match: 4)
        #expect(leader.committed.map(\.payload) == [[1], [2]])
    }

    @Test("Leaders 3 (§5.3): followers that lack entries are sent them; refusals step back")
    func backsUp() {
        var leader = Subject.newLeader(terms: [1, 1, 1])
        #expect(leader.appends().isEmpty == false)
        leader.receive(
            .appendResponse(
                AppendResponse(
                    term: Term(2),
                    outcome: .rejected(
                        previousIndex: LogIndex(3), hintIndex: LogIndex(1), hintTerm: Term(1)),
                    round: 0, session: LogIndex(1), lastIndex: LogIndex(1), lastTerm: Term(1))),
            from: B)

        #expect(leader.appends(to: B).map(\.previousIndex) == [LogIndex(1)])
        #expect(leader.appends(to: B).flatMap(\.entries).map(\.index.number) == [2, 3, 4])
    }

    @Test("Leaders 4 (§5.3, §5.4.2): a majority commits entries of the own term, and only those")
    func commitRule() {
        var leader = Subject.newLeader(voters(A, B, C), terms: [1, 2, 2], term: 3)
        leader.persist()
        leader.accept(from: B, match: 3)
        #expect(leader.core.commitIndex == LogIndex(1))

        leader.accept(from: B, match: 4)
        #expect(leader.core.commitIndex == LogIndex(4))
    }

    // MARK: - RequestVote

    @Test("RequestVote 1 (§5.1): a candidate of an older term is refused")
    func oldCandidate() {
        var voter = Subject(term: 5)
        voter.ask(from: B, term: 4, last: (9, 4))

        #expect(
            voter.voteResponses
                == [VoteResponse(term: Term(5), isPreVote: false, isGranted: false)])
    }

    @Test("RequestVote 2 (§5.2): one vote in a term, given again to the same candidate only")
    func oneVote() {
        var voter = Subject(term: 5, vote: C)
        voter.ask(from: B, term: 5, last: (1, 1))
        #expect(voter.voteResponses.map(\.isGranted) == [false])

        voter.ask(from: C, term: 5, last: (1, 1))
        #expect(voter.voteResponses.map(\.isGranted) == [true])
    }

    @Test(
        "RequestVote 2 (§5.4.1): only for a log at least as up to date",
        arguments: [
            (last: (2, 3), isGranted: true), (last: (3, 3), isGranted: true),
            (last: (1, 4), isGranted: true), (last: (1, 3), isGranted: false),
            (last: (9, 2), isGranted: false),
        ] as [(last: (UInt64, UInt64), isGranted: Bool)])
    func upToDate(last: (UInt64, UInt64), isGranted: Bool) {
        var voter = Subject(terms: [1, 3])
        voter.ask(from: B, term: 9, last: last)
        voter.persist()

        #expect(voter.voteResponses.map(\.isGranted) == [isGranted])
    }

    // MARK: - AppendEntries

    @Test("AppendEntries 1 (§5.1): a leader of an older term is refused")
    func oldLeader() {
        var follower = Subject(term: 5)
        follower.append(term: 4, after: (1, 1), terms: [4])

        #expect(follower.answers.map(\.term) == [Term(5)])
        #expect(follower.last == [1, 1])
        #expect(follower.core.status.leader == nil)
    }

    @Test("AppendEntries 2 (§5.3): refused without an entry of that index and term")
    func consistency() {
        var follower = Subject(terms: [1, 2])
        follower.append(term: 3, after: (2, 3), terms: [3])
        follower.persist()
        #expect(
            follower.answers.map(\.outcome) == [
                .rejected(previousIndex: LogIndex(2), hintIndex: LogIndex(2), hintTerm: Term(2))
            ])

        follower.append(term: 3, after: (7, 3), terms: [3])
        #expect(
            follower.answers.map(\.outcome) == [
                .rejected(previousIndex: LogIndex(7), hintIndex: LogIndex(2), hintTerm: Term(2))
            ])
        #expect(follower.last == [2, 2])
    }

    @Test("AppendEntries 3 (§5.3): an entry that conflicts goes, and all that follow it")
    func conflict() {
        var follower = Subject(terms: [1, 2, 2, 2])
        follower.append(term: 3, after: (2, 2), terms: [3])

        #expect(follower.terms == [1, 2, 3])
        #expect(follower.writes.map(\.truncateAfter) == [LogIndex(2)])
        #expect(follower.writes.flatMap(\.entries).map(\.index.number) == [3])
    }

    @Test("AppendEntries 4 (§5.3): only what is not there is appended")
    func appendsNew() {
        var follower = Subject(terms: [1, 2, 2])
        follower.append(term: 2, after: (1, 1), terms: [2, 2, 2])

        #expect(follower.terms == [1, 2, 2, 2])
        #expect(follower.writes.map(\.truncateAfter) == [nil])
        #expect(follower.writes.flatMap(\.entries).map(\.index.number) == [4])
    }

    @Test("AppendEntries 5 (§5.3): commit is the smaller of the leader's and the last new entry")
    func commitOfFollower() {
        var follower = Subject(terms: [1])
        follower.append(term: 2, after: (1, 1), terms: [2], commit: 9)
        #expect(follower.core.commitIndex == LogIndex(2))
    }

    @Test("Persistent state (§5.1): nothing is promised before it is durable")
    func persistence() {
        var follower = Subject()
        follower.append(term: 2, after: (1, 1), terms: [2])
        #expect(follower.answers.isEmpty)
        follower.persist()
        #expect(follower.answers.map(\.outcome) == [.accepted(match: LogIndex(2))])

        var voter = Subject()
        voter.ask(from: B, term: 2, last: (1, 1))
        #expect(voter.voteResponses.isEmpty)
        #expect(voter.writes.map(\.hardState) == [HardState(term: Term(2), vote: B)])
        voter.persist()
        #expect(voter.voteResponses.map(\.isGranted) == [true])
    }
}
