// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Scenarios A: elections, votes, pre-vote, check-quorum") struct ElectionScenarioTests {
    @Test("A01: a first election takes one term, three of five votes and one empty entry")
    func firstElection() {
        var subject = Subject.candidate(voters(A, B, C, D, E))
        subject.vote(from: B, term: 2)
        #expect(subject.role == .candidate)
        subject.vote(from: C, term: 2)

        #expect(subject.core.status == Status(role: .leader, term: Term(2), leader: A))
        #expect(subject.writes.flatMap(\.entries).map(\.kind) == [.noop])
        #expect(subject.appends().count == 4)
    }

    @Test("A02: one durable vote in a term, repeated for the same candidate only")
    func oneVote() {
        var voter = Subject(term: 3)
        voter.ask(from: C, term: 4, last: (1, 1))
        let writes = voter.writes
        voter.persist()
        voter.ask(from: D, term: 4, last: (1, 1))
        #expect(voter.voteResponses.map(\.isGranted) == [false] && voter.writes.isEmpty)
        voter.ask(from: C, term: 4, last: (1, 1))
        #expect(voter.voteResponses.map(\.isGranted) == [true] && voter.writes.isEmpty)
        #expect(writes.map(\.hardState) == [HardState(term: Term(4), vote: C)])
    }

    @Test("A04: logs compare by last term, then by length")
    func comparison() {
        let asked: [((UInt64, UInt64), Bool)] = [
            ((1, 4), true), ((2, 3), true), ((3, 3), true), ((4, 2), false),
        ]
        for (position, (last, isGranted)) in asked.enumerated() {
            var voter = Subject(terms: [1, 3])
            voter.ask(from: B, term: UInt64(10 + position), last: last)
            voter.persist()
            #expect(voter.voteResponses.map(\.isGranted) == [isGranted])
        }
    }

    @Test("A05: an uncommitted tail of a newer term is overwritten by a legal leader")
    func overwritten() {
        var follower = Subject(terms: [1, 3], term: 3)
        follower.append(term: 4, after: (1, 1), terms: [2, 4], commit: 3)

        #expect(follower.terms == [1, 2, 4])
        #expect(follower.core.commitIndex == LogIndex(3))
    }

    @Test("A07, A08: who hears a leader refuses a pre-vote, and nobody's term moves")
    func loyal() {
        var voter = follower()
        voter.step(.ticked, after: .milliseconds(499))
        voter.ask(from: C, term: 2, last: (9, 1), isPreVote: true)
        #expect(
            voter.voteResponses
                == [VoteResponse(term: Term(1), isPreVote: true, isGranted: false)])
        voter.ask(from: C, term: 2, last: (9, 1))
        #expect(voter.voteResponses.map(\.isGranted) == [false])
        #expect(voter.core.term == Term(1))

        voter.now = .milliseconds(501)
        voter.ask(from: C, term: 2, last: (9, 1), isPreVote: true)
        #expect(
            voter.voteResponses
                == [VoteResponse(term: Term(2), isPreVote: true, isGranted: true)])
        #expect(voter.core.term == Term(1))
    }

    /// Follows B in term 1.
    private func follower(_ configuration: Configuration = voters(A, B, C)) -> Subject {
        var subject = Subject(A, configuration)
        subject.append(term: 1, after: (1, 1))
        return subject
    }

    @Test("A07: a server that lacks an entry gets no pre-vote and keeps its term")
    func behind() {
        var voter = Subject(terms: [1, 1])
        voter.ask(from: C, term: 2, last: (1, 1), isPreVote: true)

        #expect(voter.voteResponses.map(\.isGranted) == [false])
        #expect(voter.core.term == Term(1) && voter.writes.isEmpty)
    }

    @Test("A10: a server that was cut off for a thousand timeouts comes back in its old term")
    func partitioned() throws {
        var cluster = Cluster(seed: 10, voters: 3)
        let leader = try cluster.elect()
        let away = (leader + 1) % 3
        cluster.run(for: .seconds(1))
        let term = cluster.servers[leader].core?.term
        cluster.cut = [away]
        cluster.input(.proposed([[1]]), to: leader)
        cluster.run(for: .seconds(50))
        cluster.cut = []
        cluster.run(for: .seconds(2))

        #expect(cluster.servers[away].core?.term == term && cluster.leader == leader)
        #expect(cluster.servers[away].core?.commitIndex == cluster.committedMax)
    }

    @Test("A13: a server that does not know of its promotion votes when it is asked")
    func learnerVotes() {
        var learner = Subject(C, voters(A, B, nonVoters: [C]))
        #expect(learner.core.deadline == nil)
        learner.ask(from: B, term: 2, last: (2, 1))
        learner.persist()

        #expect(learner.voteResponses.map(\.isGranted) == [true])
    }

    @Test("A14: a leader that hears nobody steps down, and late answers do not revive it")
    func checkQuorum() {
        var leader = Subject.leader()
        while leader.role == .leader, leader.now < .seconds(5) { leader.timeOut() }
        #expect(leader.now <= .milliseconds(1000))
        #expect(leader.core.status == Status(role: .follower, term: Term(2), leader: nil))

        leader.accept(from: B, match: 2)
        leader.step(.proposed([[1]]))
        #expect(leader.effects == [.proposed(.refused(.notLeader(leader: nil)))])
        leader.step(.readRequested(id: 7))
        #expect(leader.reads == [7: .refused(.notLeader(leader: nil))])
    }

    @Test("A14: what a leader did not read because it did not run is nobody's silence")
    func keptFromRunning() {
        var leader = Subject.leader()
        // A turn of its own took long: what others said meanwhile is still to be read.
        leader.step(.ticked, after: .milliseconds(900))
        #expect(leader.role == .leader && !leader.appends().isEmpty)
        leader.accept(from: B, match: 2)
        leader.step(.ticked, after: .milliseconds(900))
        #expect(leader.role == .leader)

        // Nobody has said anything.
        let silentFrom = leader.now
        while leader.role == .leader, leader.now < silentFrom + .seconds(5) { leader.timeOut() }
        #expect(leader.now <= silentFrom + .milliseconds(500))
        #expect(leader.core.status == Status(role: .follower, term: Term(2), leader: nil))
    }

    @Test("A14: however little a leader runs, after two silent intervals it leads no more")
    func hardlyRunning() {
        var leader = Subject.leader()
        for _ in 0..<2 {
            leader.step(.ticked, after: .milliseconds(490))
            #expect(leader.role == .leader)
        }
        leader.step(.ticked, after: .milliseconds(50))
        #expect(leader.role == .follower)
    }

    @Test("A16: a leader that hears nobody is replaced although its heartbeats arrive")
    func deaf() throws {
        var cluster = Cluster(seed: 16, voters: 2)
        let leader = try cluster.elect()
        cluster.run(for: .seconds(1))
        let term = try #require(cluster.servers[leader].core?.term)
        cluster.blocked = (1 - leader, leader)
        cluster.run(for: .seconds(1))
        #expect(cluster.servers[leader].core?.status.role != .leader)

        cluster.blocked = nil
        cluster.run(for: .seconds(2))
        let newest = try #require(cluster.leader.flatMap { cluster.servers[$0].core?.term })
        #expect(newest.number == term.number + 1)
    }

    @Test("A17: a leader whose messages are lost is replaced within four timeouts")
    func mute() throws {
        var cluster = Cluster(seed: 17, voters: 3)
        let leader = try cluster.elect()
        cluster.run(for: .seconds(1))
        let term = try #require(cluster.servers[leader].core?.term)
        cluster.cut = [leader]
        cluster.run(for: .seconds(2))

        let successor = try #require(cluster.leader)
        #expect(successor != leader)
        #expect(cluster.servers[successor].core?.term == Term(term.number + 1))
        #expect(cluster.servers[leader].core?.status.role != .leader)
    }

    @Test("A19: votes and pre-votes never count for each other")
    func kinds() {
        var pre = Subject()
        pre.step(.campaignRequested)
        pre.vote(from: B, term: 1)
        pre.vote(from: B, term: 2)
        #expect(pre.role != .candidate && pre.role != .leader)

        var candidate = Subject.candidate()
        candidate.vote(from: C, term: 2, isPreVote: true)
        candidate.vote(from: C, term: 3, isPreVote: true)
        #expect(candidate.role == .candidate)
    }

    @Test("A20: a follower whose leader's connection broke grants a pre-vote at once")
    func forgets() {
        var voter = follower()
        voter.step(.connectionLost(B))
        #expect(voter.core.status.leader == nil)
        let deadline = voter.core.deadline ?? .zero
        #expect(deadline <= .milliseconds(20))
        voter.ask(from: C, term: 2, last: (0, 0), isPreVote: true)
        #expect(voter.voteResponses.map(\.isGranted) == [false])
        voter.ask(from: C, term: 2, last: (1, 1), isPreVote: true)
        #expect(voter.voteResponses.map(\.isGranted) == [true])

        var other = follower()
        other.step(.connectionLost(C))
        #expect(other.core.status.leader == B)
    }

    @Test("C4: with the connection's end known, the next leader comes in one term and 200 ms")
    func failover() throws {
        for seed in 0..<40 {
            var cluster = Cluster(seed: UInt64(seed), voters: 3)
            let leader = try cluster.elect()
            cluster.run(for: .seconds(1))
            let term = try #require(cluster.servers[leader].core?.term)
            cluster.crash(leader)
            for position in 0..<3 {
                cluster.input(.connectionLost(Cluster.id(leader + 1)), to: position)
            }
            let start = cluster.now
            let successor = try cluster.elect()
            #expect(cluster.now - start < .milliseconds(200), "seed \(seed)")
            #expect(cluster.servers[successor].core?.term == Term(term.number + 1), "\(seed)")
        }
    }

    @Test("A refused candidate tries again long before a timeout, ever less often")
    func backsOff() {
        var subject = Subject()
        var gaps: [Duration] = []
        for _ in 0..<8 {
            subject.timeOut()
            let start = subject.now
            subject.vote(from: B, term: 1, isPreVote: true, isGranted: false)
            subject.vote(from: C, term: 1, isPreVote: true, isGranted: false)
            gaps.append((subject.core.deadline ?? .zero) - start)
        }
        #expect(gaps[0] >= .milliseconds(10) && gaps[0] <= .milliseconds(50))
        #expect(gaps[7] >= .milliseconds(100) && gaps[7] <= .milliseconds(500))
        #expect(subject.core.term == Term(1))
    }

    @Test("A22: an absurd term is ignored in every message", arguments: [1 << 63, UInt64.max])
    func absurdTerm(term: UInt64) {
        var subject = Subject.leader()
        let before = subject.core.status
        subject.append(from: B, term: term, after: (0, 0))
        subject.ask(from: B, term: term, last: (9, 9))
        subject.ask(from: B, term: term, last: (9, 9), isPreVote: true)
        subject.vote(from: B, term: term)
        subject.accept(from: B, match: 1, term: Term(term))
        subject.receive(.timeoutNow(TimeoutNow(term: Term(term))), from: B)

        #expect(subject.core.status == before && subject.effects.isEmpty)
    }

    @Test("A23: an answer with a higher term causes one election, and the log stays")
    func higherTerm() {
        var leader = Subject.leader()
        leader.accept(from: C, match: 0, term: Term(30))
        #expect(leader.core.status == Status(role: .follower, term: Term(30), leader: nil))
        leader.persist()
        leader.timeOut()
        leader.vote(from: B, term: 31, isPreVote: true)
        leader.persist()
        leader.vote(from: B, term: 31)

        #expect(leader.role == .leader && leader.terms == [1, 2, 31])
    }
}
