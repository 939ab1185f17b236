// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Scenarios E: reads and transfer") struct ReadAndTransferScenarioTests {
    // MARK: - Reads

    @Test("A read waits for one round of a quorum; those that come meanwhile for the next")
    func rounds() {
        var leader = Subject.leader()
        leader.step(.readRequested(id: 1))
        #expect(leader.appends().map(\.round) == [1, 1])
        leader.step(.readRequested(id: 2))
        leader.step(.readRequested(id: 3))
        #expect(leader.appends().isEmpty)

        leader.accept(from: B, match: 2, round: 1)
        #expect(leader.reads == [1: .ready(at: LogIndex(2))])
        #expect(leader.appends().map(\.round) == [2, 2])
        leader.accept(from: C, match: 2, round: 2)
        #expect(leader.reads == [2: .ready(at: LogIndex(2)), 3: .ready(at: LogIndex(2))])
    }

    @Test("A new leader answers no read before an entry of its own term is committed")
    func ownTerm() {
        var leader = Subject.newLeader()
        leader.persist()
        leader.step(.readRequested(id: 1))
        #expect(leader.appends().isEmpty && leader.reads.isEmpty)
        leader.accept(from: B, match: 2)
        leader.accept(from: B, match: 2, round: 1)

        #expect(leader.reads == [1: .ready(at: LogIndex(2))])
    }

    @Test("A single voter answers reads at once")
    func single() {
        var leader = Subject.leader(voters(A))
        leader.step(.readRequested(id: 1))
        #expect(leader.reads == [1: .ready(at: LogIndex(2))])
    }

    @Test("E02: a leader that hears nobody never answers a read, and refuses it in the end")
    func isolated() {
        var leader = Subject.leader()
        leader.step(.readRequested(id: 1))
        var answers: [UInt64: ReadOutcome] = [:]
        while leader.role == .leader, leader.now < .seconds(3) {
            leader.timeOut()
            answers.merge(leader.reads) { first, _ in first }
        }
        #expect(answers == [1: .refused(.notLeader(leader: nil))])
    }

    @Test("E02: a leader that was paused finds out before it answers anybody")
    func paused() {
        var leader = Subject.leader()
        leader.step(.readRequested(id: 1), after: .seconds(3))

        #expect(leader.reads == [1: .refused(.notLeader(leader: nil))])
        #expect(leader.role == .follower)
    }

    @Test("E03: answers from before a round, or from an earlier leadership, do not count")
    func lateAnswers() {
        var leader = Subject.leader()
        leader.step(.readRequested(id: 1))
        leader.accept(from: B, match: 2, round: 0)
        #expect(leader.reads.isEmpty)
        leader.append(from: B, term: 3, after: (0, 0))
        #expect(leader.reads == [1: .refused(.notLeader(leader: B))])
        leader.persist()
        leader.now += .seconds(2)
        leader.timeOut()
        leader.vote(from: B, term: 4, isPreVote: true)
        leader.persist()
        leader.vote(from: B, term: 4)
        leader.persist()
        leader.accept(from: C, match: 3)
        leader.step(.readRequested(id: 1))
        leader.accept(from: B, match: 2, round: 1, term: Term(2))

        #expect(leader.role == .leader && leader.reads.isEmpty)
        leader.accept(from: B, match: 3, round: 1)
        #expect(leader.reads == [1: .ready(at: LogIndex(3))])
    }

    // MARK: - Transfer

    @Test("E08: a transfer that makes no sense is refused, each with its reason")
    func refusals() {
        var leader = Subject.leader(voters(A, B, C, nonVoters: [D]))
        for (target, outcome) in [(A, .noop), (D, .notVoter), (E, .unknownServer)]
            as [(ServerID, TransferOutcome)]
        {
            leader.step(.transferRequested(to: target))
            #expect(leader.transferOutcome == outcome)
        }
        leader.step(.proposed([[1]]))
        leader.step(.transferRequested(to: B))
        leader.step(.transferRequested(to: C))
        #expect(leader.transferOutcome == .inProgress)

        var follower = Subject()
        follower.step(.transferRequested(to: B))
        #expect(follower.transferOutcome == .refused(.notLeader(leader: nil)))
    }

    @Test("A transfer waits until the target has all, then asks it; its term ends it")
    func transfers() {
        var leader = Subject.leader()
        leader.step(.proposed([[1]]))
        leader.persist()
        leader.accept(from: C, match: 3)
        leader.step(.transferRequested(to: B))
        #expect(leader.sent.isEmpty)
        leader.step(.proposed([[2]]))
        #expect(leader.effects == [.proposed(.refused(.transferring))])
        leader.accept(from: B, match: 3)
        #expect(leader.sent.map(\.message) == [.timeoutNow(TimeoutNow(term: Term(2)))])

        leader.ask(from: B, term: 3, last: (3, 2), isTransfer: true)
        #expect(leader.transferOutcome == .done(to: B))
        leader.persist()
        #expect(leader.voteResponses.map(\.isGranted) == [true])
    }

    @Test("The target campaigns at once, without pre-vote, and says why")
    func target() {
        var follower = Subject()
        follower.append(term: 1, after: (1, 1))
        follower.receive(.timeoutNow(TimeoutNow(term: Term(1))), from: B)
        #expect(follower.role == .candidate && follower.core.term == Term(2))
        follower.persist()
        #expect(follower.voteRequests.map(\.isTransfer) == [true, true])

        var voter = Subject(C)
        voter.append(term: 1, after: (1, 1))
        voter.ask(from: A, term: 2, last: (1, 1), isTransfer: true)
        voter.persist()
        #expect(voter.voteResponses.map(\.isGranted) == [true])
    }

    @Test("E09: transfers under load lose and double nothing, and are quick")
    func underLoad() throws {
        var cluster = Cluster(seed: 9, voters: 3)
        _ = try cluster.elect()
        cluster.run(for: .seconds(1))
        var proposed = 0
        for round in 0..<100 {
            let leader = try #require(cluster.leader)
            let target = (leader + 1 + round % 2) % 3
            cluster.input(.proposed([[UInt8(round)]]), to: leader)
            proposed += 1
            cluster.input(.transferRequested(to: Cluster.id(target + 1)), to: leader)
            cluster.run(for: .milliseconds(30))
            #expect(cluster.leader == target, "round \(round)")
        }
        cluster.run(for: .seconds(1))
        #expect(cluster.transfers.count == 100)
        #expect(cluster.committed.values.count { $0.kind == .command } == proposed)
    }

    @Test("E11: a transfer to a dead server is abandoned after a timeout, and writes resume")
    func deadTarget() {
        var leader = Subject.leader()
        leader.step(.proposed([[1]]))
        leader.step(.transferRequested(to: C))
        let start = leader.now
        var outcome: TransferOutcome?
        while outcome == nil, leader.now < .seconds(5) {
            leader.timeOut()
            outcome = leader.transferOutcome
            leader.accept(from: B, match: 3)
        }
        #expect(outcome == .timedOut && leader.now - start == .milliseconds(500))
        leader.step(.proposed([[2]]))
        #expect(leader.effects.first == .proposed(.accepted(first: LogIndex(4), term: Term(2))))
    }
}
