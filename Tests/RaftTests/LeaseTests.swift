// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

extension Options {
    static var leases: Options {
        var options = Options()
        options.leaseReads = true
        return options
    }
}

@Suite("Lease reads (dissertation §6.4.1, E06)") struct LeaseTests {
    private static let hold: Duration = .milliseconds(500)

    /// A leader whose newest round, begun at ``Subject/now``, B has confirmed.
    private func leader() -> Subject {
        var leader = Subject.leader(options: .leases)
        leader.timeOut()
        let round = leader.appends(to: B)[0].round
        leader.accept(from: B, match: 2, round: round, voteHold: Self.hold)
        return leader
    }

    @Test("A read under a lease is answered at once, until a promise's end less the clocks' drift")
    func answered() {
        var leader = leader()
        let end = leader.now + .milliseconds(450)
        leader.step(.readRequested(id: 1), after: .milliseconds(20))

        #expect(leader.reads == [1: .ready(at: LogIndex(2), validUntil: end)])
        #expect(leader.sent.isEmpty)
    }

    @Test("The lease counts from when the round began, however late its answer comes")
    func fromTheBeginning() {
        var leader = Subject.leader(options: .leases)
        leader.timeOut()
        let end = leader.now + .milliseconds(450)
        let round = leader.appends(to: B)[0].round
        leader.now += .milliseconds(40)
        leader.accept(from: B, match: 2, round: round, voteHold: Self.hold)
        leader.step(.readRequested(id: 1))

        #expect(leader.reads == [1: .ready(at: LogIndex(2), validUntil: end)])
    }

    @Test("E06: after a pause the lease is over, and a read takes a round or is refused")
    func paused() {
        var leader = leader()
        leader.step(.readRequested(id: 1), after: .milliseconds(450))
        #expect(leader.reads.isEmpty && !leader.appends().isEmpty)
        leader.step(.readRequested(id: 2), after: .seconds(3))
        #expect(
            leader.reads == [
                1: .refused(.notLeader(leader: nil)), 2: .refused(.notLeader(leader: nil)),
            ])
    }

    @Test("Only promises count: of servers with leases on, and of a majority")
    func promises() {
        var leader = Subject.leader(voters(A, B, C, D, E), options: .leases)
        leader.timeOut()
        let round = leader.appends(to: B)[0].round
        leader.accept(from: B, match: 2, round: round, voteHold: Self.hold)
        leader.accept(from: C, match: 2, round: round)
        leader.accept(from: D, match: 2, round: 0, voteHold: Self.hold)
        leader.step(.readRequested(id: 1))
        #expect(leader.reads.isEmpty)
        leader.accept(from: E, match: 2, round: round, voteHold: .milliseconds(100))
        leader.step(.readRequested(id: 2))

        let end = leader.now + .milliseconds(90)
        #expect(leader.reads == [2: .ready(at: LogIndex(2), validUntil: end)])
    }

    @Test("There is no lease before an entry of the own term is committed")
    func ownTerm() {
        var leader = Subject.newLeader(options: .leases)
        leader.persist()
        let round = 1 as UInt64
        leader.accept(from: B, match: 1, round: round, voteHold: Self.hold)
        leader.step(.readRequested(id: 1))
        #expect(leader.reads.isEmpty)
        leader.accept(from: B, match: 2, round: round, voteHold: Self.hold)
        #expect(leader.reads == [1: .ready(at: LogIndex(2), validUntil: .milliseconds(450))])
    }

    @Test("A transfer drops the lease, and for good once somebody was told to campaign")
    func transfer() {
        var leader = leader()
        leader.step(.transferRequested(to: B))
        #expect(leader.sent.map(\.message) == [.timeoutNow(TimeoutNow(term: Term(2)))])
        leader.step(.readRequested(id: 1))
        #expect(leader.reads.isEmpty)
        let start = leader.now
        while leader.now - start < .milliseconds(900), leader.role == .leader {
            leader.timeOut()
            let round = leader.appends(to: B).first?.round ?? 0
            leader.accept(from: B, match: 2, round: round, voteHold: Self.hold)
        }
        leader.step(.readRequested(id: 2))
        #expect(leader.role == .leader && leader.reads.isEmpty, "the target may still be told")

        var other = self.leader()
        other.step(.proposed([[1]]))
        other.step(.transferRequested(to: C))
        other.step(.readRequested(id: 1))
        #expect(other.reads.isEmpty, "suspended before anybody is told")
    }

    // MARK: - Promises kept

    /// Follows B in term 2 since the instant 0.
    private func voter() -> Subject {
        var voter = Subject(A, term: 2, options: .leases)
        voter.now = .seconds(5)
        voter.append(term: 2, after: (1, 1))
        return voter
    }

    @Test("A20: with leases on, a lost connection is no reason to forget the leader")
    func lostConnection() {
        var voter = voter()
        let deadline = voter.core.deadline
        voter.step(.connectionLost(B))
        #expect(voter.core.status.leader == B && voter.core.deadline == deadline)
        voter.ask(from: C, term: 3, last: (9, 9), isPreVote: true)
        voter.ask(from: C, term: 3, last: (9, 9))
        #expect(voter.voteResponses.map(\.isGranted) == [false])
    }

    @Test("A promise binds whatever became of the leader since, and not a moment longer")
    func bound() {
        var voter = voter()
        voter.accept(from: C, match: 0, term: Term(7))
        #expect(voter.core.status == Status(role: .follower, term: Term(7), leader: nil))
        voter.persist()
        voter.ask(from: C, term: 8, last: (9, 9))
        #expect(voter.voteResponses.map(\.isGranted) == [false])
        voter.step(.campaignRequested)
        #expect(voter.role == .follower, "nor does it vote for itself")
        voter.now += .milliseconds(500)
        voter.ask(from: C, term: 8, last: (9, 9))
        voter.persist()
        #expect(voter.voteResponses.map(\.isGranted) == [true])
    }

    @Test("A restart begins the promise anew; a server that never had a leader made none")
    func restart() {
        var voter = Subject(A, term: 2, options: .leases)
        voter.ask(from: C, term: 3, last: (9, 9))
        #expect(voter.voteResponses.map(\.isGranted) == [false])
        voter.step(.campaignRequested)
        #expect(voter.role == .follower)

        var founder = Subject(A, term: 1, options: .leases)
        founder.ask(from: C, term: 2, last: (9, 9))
        founder.persist()
        #expect(founder.voteResponses.map(\.isGranted) == [true])
    }

    @Test("The target of a transfer, and its voters, are free; pre-votes never claim to be one")
    func transferVotes() {
        var target = voter()
        target.receive(.timeoutNow(TimeoutNow(term: Term(2))), from: B)
        #expect(target.role == .candidate)

        var voter = voter()
        voter.ask(from: C, term: 3, last: (1, 1), isPreVote: true, isTransfer: true)
        #expect(voter.voteResponses.map(\.isGranted) == [false])
        voter.ask(from: C, term: 3, last: (1, 1), isTransfer: true)
        voter.persist()
        #expect(voter.voteResponses.map(\.isGranted) == [true])
    }

    @Test("Answers carry the promise only where it is kept")
    func told() {
        var voter = voter()
        #expect(voter.answers.map(\.voteHold) == [.milliseconds(500)])
        voter = Subject()
        voter.append(term: 1, after: (1, 1))
        #expect(voter.answers.map(\.voteHold) == [.zero])
    }

    @Test(
        "No read is stale under pauses, cuts, crashes, transfers and clocks that drift",
        arguments: 0..<8)
    func storms(group: Int) {
        var leased = 0
        for seed in (group * 4)..<(group * 4 + 4) {
            var cluster = Cluster(seed: UInt64(seed), voters: 3) { position, server in
                server.options = .leases
                server.clockPercent = [100, 96, 104][(position + seed) % 3]
            }
            if seed % 2 == 0 { cluster.faults.delayMaxMicroseconds = 100_000 }
            for round in 0..<400 { Self.disturb(&cluster, round) }
            leased += cluster.leaseReadsAnswered
        }
        #expect(leased > 300, "the storm was too rough to prove anything")
    }

    /// A few reads at everybody who takes them, at an instant at which anything may be under way.
    private static func disturb(_ cluster: inout Cluster, _ round: Int) {
        cluster.run(for: .milliseconds(2 + cluster.generator.below(50)))
        let victim = cluster.generator.below(3)
        let other = (victim + 1 + cluster.generator.below(2)) % 3
        switch cluster.generator.below(90) {
        case 0: cluster.cut = [victim]
        case 1: cluster.parted = (victim, other)
        case 2: cluster.blocked = (victim, other)
        case 3, 4, 5:
            cluster.cut = []
            cluster.blocked = nil
            cluster.parted = nil
        case 6, 7: cluster.pause(victim)
        case 8, 9, 10: for position in 0..<3 { cluster.resume(position) }
        case 11:
            if cluster.servers[victim].core != nil { cluster.crash(victim) }
        case 16, 17, 18:
            if cluster.servers[victim].core != nil { cluster.crash(victim) }
            cluster.start(victim)
        case 12, 13:
            for position in 0..<3 where cluster.servers[position].core == nil {
                cluster.start(position)
            }
        case 14:
            let target = Cluster.id(1 + victim)
            if let leader = cluster.leader {
                cluster.input(.transferRequested(to: target), to: leader)
            }
        case 15:
            for position in 0..<3 {
                cluster.input(.connectionLost(Cluster.id(victim + 1)), to: position)
            }
        default: break
        }
        for position in 0..<3 where !cluster.servers[position].isPaused {
            cluster.input(.proposed([[UInt8(truncatingIfNeeded: round)]]), to: position)
            let read = UInt64(cluster.reads.count)
            cluster.reads[read] = cluster.committedMax
            cluster.input(.readRequestedHere(id: read), to: position)
        }
    }
}
