// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Reads at followers (E05)") struct FollowerReadTests {
    /// Follows B in term 1, with one entry.
    private func follower() -> Subject {
        var subject = Subject()
        subject.append(term: 1, after: (1, 1))
        return subject
    }

    private func answer(
        _ subject: inout Subject, id: UInt64, index: UInt64?, term: UInt64 = 1,
        from server: ServerID = B
    ) {
        let response = ReadResponse(term: Term(term), id: id, index: index.map { LogIndex($0) })
        subject.receive(.readResponse(response), from: server)
    }

    @Test("A follower asks its leader once for all that wait, and answers what it has applied")
    func asks() throws {
        var subject = follower()
        subject.step(.readRequestedHere(id: 1))
        let first = try #require(subject.readRequests.first)
        #expect(subject.sent.map(\.to) == [B])
        subject.step(.readRequestedHere(id: 2))
        subject.step(.readRequestedHere(id: 3))
        #expect(subject.sent.isEmpty)
        answer(&subject, id: first.id, index: 1)
        #expect(subject.reads == [1: .ready(at: LogIndex(1))])
        let second = try #require(subject.readRequests.first)
        #expect(second.id != first.id)
        answer(&subject, id: second.id, index: 1)
        #expect(subject.reads == [2: .ready(at: LogIndex(1)), 3: .ready(at: LogIndex(1))])
    }

    @Test("E05: a read waits until the index is applied here")
    func waits() throws {
        var subject = follower()
        subject.step(.readRequestedHere(id: 1))
        answer(&subject, id: try #require(subject.readRequests.first).id, index: 3)
        #expect(subject.reads.isEmpty)
        subject.append(term: 1, after: (1, 1), terms: [1], commit: 3)
        #expect(subject.core.commitIndex == LogIndex(2) && subject.reads.isEmpty)
        subject.append(term: 1, after: (2, 1), terms: [1], commit: 3)
        #expect(subject.reads == [1: .ready(at: LogIndex(3))])
    }

    @Test("E05: a change of leader or term refuses what is asked, answered or not")
    func changes() throws {
        for isAnswered in [false, true] {
            var subject = follower()
            subject.step(.readRequestedHere(id: 1))
            if isAnswered {
                answer(&subject, id: try #require(subject.readRequests.first).id, index: 9)
            }
            subject.append(from: C, term: 2, after: (1, 1))
            #expect(subject.reads == [1: .refused(.notLeader(leader: C))])
        }
        var subject = follower()
        subject.step(.readRequestedHere(id: 1))
        subject.step(.connectionLost(B))
        #expect(subject.reads == [1: .refused(.notLeader(leader: nil))])
        subject.step(.readRequestedHere(id: 2))
        #expect(subject.reads == [2: .refused(.notLeader(leader: nil))])
    }

    @Test("Answers count once, from the leader, in the term and to the question that was asked")
    func strangers() throws {
        var subject = follower()
        subject.step(.readRequestedHere(id: 1))
        let id = try #require(subject.readRequests.first).id
        answer(&subject, id: id, index: 1, from: C)
        answer(&subject, id: id &+ 1, index: 1)
        answer(&subject, id: id, index: 1, term: 2)
        #expect(subject.reads.isEmpty)
        answer(&subject, id: id, index: 1)
        #expect(subject.reads == [1: .ready(at: LogIndex(1))])
        subject.step(.readRequestedHere(id: 2))
        answer(&subject, id: id, index: 1)
        #expect(subject.reads.isEmpty, "an answer that came twice is for the first question")
    }

    @Test("No two lives of a server ask with the same id")
    func lives() {
        let ids = (1...20).map { seed -> UInt64 in
            var subject = Subject(seed: UInt64(seed))
            subject.append(term: 1, after: (1, 1))
            subject.step(.readRequestedHere(id: 1))
            return subject.readRequests.first?.id ?? 0
        }
        #expect(Set(ids).count == 20)
    }

    @Test("A lost question or answer is asked again with a heartbeat; in the end it is refused")
    func lost() throws {
        var subject = follower()
        subject.step(.readRequestedHere(id: 1))
        let first = subject.readRequests
        subject.now += .milliseconds(50)
        subject.append(term: 1, after: (1, 1))
        #expect(subject.readRequests == first)

        var silent = Subject(C, voters(A, B, nonVoters: [C]))
        silent.append(term: 1, after: (1, 1))
        silent.step(.readRequestedHere(id: 1))
        silent.timeOut()
        #expect(silent.now == .milliseconds(500), "also where nothing else is waited for")
        #expect(silent.reads == [1: .refused(.notLeader(leader: B))])
        #expect(silent.core.deadline == nil)
    }

    // MARK: - The leader's part

    private func ask(_ subject: inout Subject, _ id: UInt64, from server: ServerID = B) {
        subject.receive(
            .readRequest(ReadRequest(term: subject.core.term, id: id)), from: server)
    }

    @Test("A leader answers a follower after a round, and tells it the commit index with it")
    func leader() {
        var leader = Subject.leader()
        leader.step(.proposed([[1]]))
        leader.persist()
        leader.accept(from: C, match: 3)
        ask(&leader, 7)
        #expect(leader.readResponses.isEmpty && leader.appends().map(\.round) == [1, 1])
        ask(&leader, 7)
        leader.accept(from: C, match: 3, round: 1)
        #expect(
            leader.readResponses == [ReadResponse(term: Term(2), id: 7, index: LogIndex(3))])
    }

    @Test("A leader gives followers no index under a lease: nobody could check it again")
    func noLease() {
        var leader = Subject.leader(options: .leases)
        leader.timeOut()
        let round = leader.appends(to: B)[0].round
        leader.accept(from: B, match: 2, round: round, voteHold: .milliseconds(500))
        ask(&leader, 7)
        #expect(leader.readResponses.isEmpty)
        leader.accept(from: B, match: 2, round: round + 1, voteHold: .milliseconds(500))
        #expect(leader.readResponses.map(\.id) == [7])
    }

    @Test("Who does not lead, or is asked by a stranger or of another term, says so")
    func refuses() {
        var follower = follower()
        ask(&follower, 7, from: C)
        #expect(follower.readResponses == [ReadResponse(term: Term(1), id: 7, index: nil)])
        var leader = Subject.leader()
        ask(&leader, 7, from: E)
        #expect(leader.readResponses.map(\.index) == [nil])
        leader.receive(.readRequest(ReadRequest(term: Term(1), id: 8)), from: B)
        #expect(leader.readResponses.map(\.index) == [nil])
    }

    @Test("A new leader lets followers wait until an entry of its own term is committed")
    func ownTerm() {
        var leader = Subject.newLeader()
        leader.persist()
        ask(&leader, 7)
        #expect(leader.readResponses.isEmpty && leader.appends().isEmpty)
        leader.accept(from: B, match: 2)
        leader.accept(from: B, match: 2, round: 1)
        #expect(leader.readResponses.map(\.index) == [LogIndex(2)])
    }

    @Test("A leader that loses its term answers nil; a newer question replaces one that waits")
    func lostTerm() {
        var leader = Subject.leader()
        ask(&leader, 7)
        ask(&leader, 8)
        ask(&leader, 9)
        leader.append(from: C, term: 3, after: (0, 0))
        #expect(
            leader.readResponses == [7, 9].map { ReadResponse(term: Term(2), id: $0, index: nil) })
    }

    @Test("Followers' reads are never stale, under everything at once", arguments: 0..<4)
    func storms(group: Int) {
        var answered = 0
        for seed in (group * 10)..<(group * 10 + 10) {
            var cluster = Cluster(seed: UInt64(seed), voters: 3, spares: 1)
            cluster.run(for: .seconds(1))
            cluster.faults = .rough
            for round in 0..<60 {
                cluster.run(for: .milliseconds(10 + cluster.generator.below(60)))
                ClusterTests.disturb(&cluster)
                for position in cluster.servers.indices {
                    cluster.input(.proposed([[UInt8(round)]]), to: position)
                    let read = UInt64(cluster.reads.count)
                    cluster.reads[read] = cluster.committedMax
                    cluster.input(.readRequestedHere(id: read), to: position)
                }
            }
            answered += cluster.followerReadsAnswered
        }
        #expect(answered > 100, "the storm was too rough to prove anything")
    }
}
