// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Disks that hang or are full (F01, F02, F10, C6)") struct DiskStallTests {
    /// A leader with one entry that its own disk does not finish, committed by the others.
    private func stalledLeader(_ configuration: Configuration = voters(A, B, C)) -> Subject {
        var leader = Subject.leader(configuration, options: .observing)
        leader.step(.proposed([[1]]))
        let written = leader.now
        while leader.now - written <= .milliseconds(950), leader.role == .leader {
            for server in configuration.servers where server.id != A {
                leader.accept(from: server.id, match: 3)
            }
            leader.timeOut()
        }
        return leader
    }

    @Test("C6: a leader whose write takes two election timeouts hands over to the best voter")
    func handsOver() {
        var leader = stalledLeader()
        #expect(leader.core.commitIndex == LogIndex(3) && !leader.core.isDiskStalled)
        leader.accept(from: B, match: 3)
        leader.accept(from: C, match: 3)
        leader.timeOut()
        leader.step(.ticked, after: .milliseconds(1))

        #expect(leader.core.isDiskStalled)
        leader.timeOut()
        #expect(
            leader.sent.contains {
                $0.message == .timeoutNow(TimeoutNow(term: Term(2))) && $0.to == C
            })
        leader.ask(from: C, term: 3, last: (3, 2), isTransfer: true)
        #expect(leader.voteResponses.map(\.isGranted) == [false], "its vote is worth nothing")
        #expect(leader.transferOutcome == nil, "nobody asked for it")
        leader.append(from: C, term: 3, after: (3, 2))
        #expect(leader.observations == [.leadershipLost(.transferred)])
        #expect(leader.role == .follower)
    }

    @Test("What waits for a follower's disk is told by its answers, and only by them")
    func followers() {
        var leader = Subject.leader()
        func unwritten() -> Duration? { leader.core.progress[2].unwrittenFor }
        func answer(match: UInt64, last: UInt64, after span: Duration = .milliseconds(100)) {
            leader.step(.ticked, after: span)
            leader.accept(from: B, match: match)
            leader.accept(from: C, match: match, last: last)
        }
        leader.step(.proposed([[1], [2], [3]]))
        leader.persist()
        answer(match: 2, last: 2)
        #expect(unwritten() == nil)
        answer(match: 2, last: 5)
        #expect(unwritten() == .zero)
        for _ in 0..<4 { answer(match: 2, last: 5) }
        #expect(unwritten() == .milliseconds(400))
        leader.step(.ticked, after: .milliseconds(300))
        #expect(unwritten() == .milliseconds(400), "a silent one says nothing of its disk")

        // A slow disk takes one after the other.
        answer(match: 3, last: 5)
        #expect(unwritten() == .zero)
        answer(match: 3, last: 5)
        answer(match: 4, last: 5)
        #expect(unwritten() == .zero)
        answer(match: 5, last: 5)
        #expect(unwritten() == nil)
        // Entries beyond the leader's log are of another one.
        for _ in 0..<3 { answer(match: 5, last: 9) }
        #expect(unwritten() == nil)
    }

    @Test("Without a voter that takes over it steps down, and refuses what is proposed meanwhile")
    func stepsDown() {
        var leader = stalledLeader()
        var outcomes: [ProposalOutcome] = []
        while leader.role == .leader, leader.now < .seconds(4) {
            leader.accept(from: B, match: 3)
            leader.step(.proposed([[2]]))
            for case .proposed(let outcome) in leader.effects { outcomes.append(outcome) }
            leader.timeOut()
        }
        #expect(leader.observations == [.leadershipLost(.diskStalled)])
        #expect(leader.now < .milliseconds(1_700))
        #expect(outcomes.contains(.refused(.transferring)))
    }

    @Test("A disk that answers in time, or again, costs no leadership")
    func recovers() {
        var leader = stalledLeader()
        leader.persist()
        let start = leader.now
        while leader.now - start < .seconds(3) {
            leader.accept(from: B, match: 3)
            leader.timeOut()
        }
        #expect(leader.role == .leader && leader.core.uncommittedBytes == 0)
        leader.step(.proposed([[2]]))
        #expect(leader.effects.first == .proposed(.accepted(first: LogIndex(4), term: Term(2))))
    }

    @Test("A single voter whose disk hangs steps down, and leads again once it answers")
    func single() {
        var leader = Subject.leader(voters(A))
        leader.step(.proposed([[1]]))
        while leader.role == .leader, leader.now < .seconds(2) { leader.timeOut() }
        #expect(leader.role == .follower && leader.now < .milliseconds(1_100))
        for _ in 0..<5 { leader.timeOut() }
        #expect(leader.role == .follower && leader.writes.isEmpty)
        leader.persist()
        leader.timeOut()
        leader.persist()
        leader.persist()
        #expect(leader.role == .leader && leader.committed.last?.index == LogIndex(4))
    }

    @Test("F02: a server with a hanging write grants no vote, asks for none, and takes no transfer")
    func neither() {
        var follower = Subject()
        follower.append(term: 1, after: (1, 1), terms: [1])
        follower.now += .milliseconds(1_001)
        follower.step(.ticked)
        #expect(follower.core.isDiskStalled && follower.role == .follower)
        let term = follower.core.term
        follower.ask(from: C, term: 5, last: (9, 9), isPreVote: true)
        #expect(follower.voteResponses.map(\.isGranted) == [false])
        follower.ask(from: C, term: 5, last: (9, 9))
        #expect(follower.voteResponses.map(\.isGranted) == [false])
        follower.receive(.timeoutNow(TimeoutNow(term: Term(1))), from: B)
        for _ in 0..<5 { follower.timeOut() }
        #expect(follower.role == .follower && follower.core.term == term && follower.sent.isEmpty)

        follower.persist()
        follower.ask(from: C, term: 5, last: (9, 9))
        follower.persist()
        #expect(follower.voteResponses.map(\.isGranted) == [true], "when the disk answers again")
    }

    @Test("A follower with too much to write answers heartbeats and takes no entries")
    func bounded() {
        var limits = Limits()
        limits.unwrittenBytesMax = 3 * command(1, 1).sizeBytes
        var follower = Subject(limits: limits)
        for index in 1...4 as ClosedRange<UInt64> {
            follower.append(term: 1, after: (index, 1), terms: [1])
        }
        #expect(follower.core.lastIndex == LogIndex(4))
        #expect(follower.answers.map(\.outcome) == [.accepted(match: LogIndex(1))])
        #expect(follower.answers.map(\.lastIndex) == [LogIndex(4)])
        follower.persist()
        follower.append(term: 1, after: (4, 1), terms: [1])
        #expect(follower.core.lastIndex == LogIndex(5))
    }

    @Test("A leader sends a follower that stores nothing no more than one window, ever")
    func noHotLoop() {
        var limits = Limits()
        limits.appendEntriesMax = 1
        limits.inflightMessagesMax = 1_000
        limits.inflightBytesMax = 10 * command(1, 1).sizeBytes
        var leader = Subject.leader(limits: limits)
        for _ in 0..<100 { leader.step(.proposed([[1, 1]])) }
        leader.persist()
        var received = 12 as UInt64
        var sent = 0
        for round in 0..<200 {
            if round % 20 == 10 { leader.step(.unreachable(B)) }
            leader.accept(from: C, match: 102)
            leader.accept(from: B, match: 2, last: received)
            leader.timeOut()
            for request in leader.appends(to: B) {
                sent += request.entries.count
                if let last = request.entries.last { received = max(received, last.index.number) }
            }
        }
        #expect(sent <= 2 && received <= 14, "\(sent) entries sent again, up to \(received)")
    }

    @Test("F10: a follower's slow disk delays no commit of the others")
    func slowFollower() throws {
        var cluster = Cluster(seed: 10, voters: 3)
        let leader = try cluster.elect()
        cluster.run(for: .seconds(1))
        let slow = (leader + 1) % 3
        cluster.servers[slow].diskFreeAt = cluster.now + .seconds(5)
        for round in 0..<50 {
            cluster.input(.proposed([[UInt8(round)]]), to: leader)
            cluster.run(for: .milliseconds(10))
            let core = try #require(cluster.servers[leader].core)
            #expect(core.commitIndex == core.lastIndex, "round \(round)")
        }
        cluster.run(for: .seconds(6))
        #expect(cluster.servers[slow].core?.durableIndex == cluster.servers[leader].core?.lastIndex)
        #expect(cluster.leader == leader)
    }

    @Test(
        "C6: with the leader's disk frozen writes are back within two seconds, at another",
        arguments: 0..<20)
    func failover(seed: UInt64) throws {
        var cluster = Cluster(seed: seed, voters: 3)
        let leader = try cluster.elect()
        cluster.run(for: .seconds(1))
        cluster.servers[leader].diskFreeAt = cluster.now + .seconds(60)
        cluster.input(.proposed([[1]]), to: leader)
        let start = cluster.now
        while cluster.leader == leader, cluster.now - start < .seconds(5) {
            cluster.run(for: .milliseconds(10))
        }
        let successor = try cluster.elect()
        #expect(successor != leader)
        let index = cluster.committedMax
        cluster.input(.proposed([[2]]), to: successor)
        cluster.run(for: .milliseconds(100))
        #expect(cluster.committedMax > index && cluster.now - start < .seconds(2))
        cluster.run(for: .seconds(5))
        #expect(cluster.leader == successor)
    }

    @Test("F02: all disks full, then space again: service resumes by itself")
    func allFull() throws {
        var cluster = Cluster(seed: 2, voters: 3)
        let leader = try cluster.elect()
        cluster.run(for: .seconds(1))
        for position in 0..<3 { cluster.servers[position].diskFreeAt = cluster.now + .seconds(8) }
        cluster.input(.proposed([[1]]), to: leader)
        cluster.run(for: .seconds(3))
        #expect(cluster.leader == nil)
        cluster.run(for: .seconds(8))
        let next = try cluster.elect()
        cluster.input(.proposed([[2]]), to: next)
        cluster.run(for: .seconds(1))
        #expect(cluster.servers[next].core?.commitIndex == cluster.servers[next].core?.lastIndex)
        #expect(cluster.committed.values.count { $0.kind == .command } == 2)
    }
}
