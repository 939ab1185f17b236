// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Scenarios B: replication and commit") struct ReplicationScenarioTests {
    @Test(
        "B01: Figure 7: every follower converges, one rejection for each differing term",
        arguments: [
            (terms: [1, 1, 1, 4, 4, 5, 5, 6, 6], rejections: 1),
            (terms: [1, 1, 1, 4], rejections: 1),
            (terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6], rejections: 0),
            (terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], rejections: 0),
            (terms: [1, 1, 1, 4, 4, 4, 4], rejections: 2),
            (terms: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3], rejections: 2),
        ] as [(terms: [UInt64], rejections: Int)])
    func figure7(terms: [UInt64], rejections: Int) {
        let mine: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
        var leader = Subject.newLeader(terms: mine, term: 7)
        leader.persist()
        var follower = Subject(B, voters(A, B, C), terms: terms, term: 7)
        var refused = 0
        var toFollower = Subject.newLeader(terms: mine, term: 7).appends(to: B)
        var rounds = 0
        while follower.terms != leader.terms, rounds < 20 {
            rounds += 1
            var answers: [AppendResponse] = []
            for request in toFollower {
                follower.receive(.appendRequest(request), from: A)
                answers += follower.answers
                follower.persist()
                answers += follower.answers
            }
            toFollower = []
            for answer in answers {
                if case .rejected = answer.outcome { refused += 1 }
                leader.receive(.appendResponse(answer), from: B)
                toFollower += leader.appends(to: B)
            }
        }
        #expect(follower.terms == leader.terms)
        #expect(refused <= rejections)
    }

    @Test("B02: Figure 8: an older term's entry on a majority is not committed by counting")
    func figure8() {
        var leader = Subject.newLeader(voters(A, B, C, D, E), terms: [1, 2], term: 3)
        leader.persist()
        leader.accept(from: B, match: 2)
        leader.accept(from: C, match: 2)
        #expect(leader.core.commitIndex == LogIndex(1))

        leader.accept(from: B, match: 3)
        leader.accept(from: C, match: 3)
        #expect(leader.core.commitIndex == LogIndex(3))
    }

    @Test("B04: below a compacted prefix only the part above it is looked at")
    func compactedPrefix() {
        var follower = Subject(
            A,
            Restored(
                hardState: HardState(term: Term(2), vote: nil), snapshot: metadata(5, 2),
                entries: [command(6, 2)], previousIndex: LogIndex(5), previousTerm: Term(2),
                commitHint: LogIndex(5)))
        follower.append(term: 2, after: (3, 2), terms: [2, 2, 2, 2])
        follower.persist()

        #expect(follower.last == [7, 2])
        #expect(follower.answers.map(\.outcome) == [.accepted(match: LogIndex(7))])
    }

    @Test("B05: an old append takes nothing away; a conflict takes all from there")
    func stale() {
        var follower = Subject(terms: [1] + Array(repeating: 2, count: 11))
        follower.append(term: 3, after: (4, 2), terms: [2, 2, 2, 2])
        #expect(follower.last == [12, 2])

        follower.append(term: 3, after: (9, 2), terms: [3])
        #expect(follower.last == [10, 3])
    }

    @Test("B07: a follower learns the commit index with the next append or heartbeat")
    func laggingCommit() {
        var leader = Subject.leader()
        leader.step(.proposed([[1]]))
        leader.persist()
        leader.accept(from: B, match: 3)
        #expect(leader.appends(to: C).isEmpty)

        leader.timeOut()
        #expect(leader.appends(to: C).map(\.commit) == [LogIndex(3)])
    }

    /// A follower that stored entries and was restarted before it acknowledged them answered each
    /// heartbeat with its old match, and with a full window no new append could ask for more.
    @Test("B07: what a follower says that it has and never acknowledged is asked for in the end")
    func unsureTail() {
        var leader = Subject.leader()
        leader.step(.proposed([[1]]))
        leader.persist()
        var asked: [LogIndex] = []
        for _ in 0..<5 {
            leader.timeOut()
            asked += leader.appends(to: C).map(\.previousIndex)
            leader.accept(from: C, match: 2, last: 3)
        }
        #expect(asked == [2, 2, 2, 2, 3].map(LogIndex.init))
    }

    @Test("B08: the commit index never passes what the leader's messages verified")
    func unverifiedTail() {
        var follower = Subject(terms: [1] + Array(repeating: 2, count: 8))
        follower.append(term: 3, after: (4, 2), commit: 9)
        #expect(follower.core.commitIndex == LogIndex(4))
    }

    @Test("B10: a silent follower gets no more than its window, then empty probes")
    func window() {
        var limits = Limits()
        limits.inflightMessagesMax = 3
        var leader = Subject.leader(limits: limits)
        var messages = 0
        for _ in 0..<10 {
            leader.step(.proposed([[1]]))
            messages += leader.appends(to: C).count
        }
        #expect(messages == 3)

        var carried = 0
        for _ in 0..<9 {
            leader.timeOut()
            carried += leader.appends(to: C).flatMap(\.entries).count
            leader.accept(from: B, match: 2)
        }
        #expect(carried == 0)

        leader.accept(from: C, match: 2)
        #expect(leader.appends(to: C).flatMap(\.entries).map(\.index.number) == Array(3...12))
    }

    @Test("B11: an unreachable follower streams again after the next heartbeat's answer")
    func unreachable() {
        var leader = Subject.leader()
        leader.step(.unreachable(C))
        leader.step(.proposed([[1]]))
        #expect(leader.appends(to: C).isEmpty)
        leader.timeOut()
        #expect(leader.appends(to: C).map(\.entries.count) == [0])
        leader.accept(from: C, match: 2)
        #expect(leader.appends(to: C).map(\.entries.count) == [1])

        leader.step(.proposed([[2]]))
        #expect(leader.appends(to: C).map(\.entries.count) == [1])
    }

    @Test("B13: uncommitted bytes are bounded, released exactly, and gone with the leadership")
    func bound() {
        var limits = Limits()
        limits.uncommittedBytesMax = 100
        var leader = Subject.leader(limits: limits)
        for _ in 0..<1000 {
            leader.step(.proposed([[UInt8](repeating: 0, count: 200)]))
            #expect(leader.core.uncommittedBytes == 232)
            leader.step(.proposed([[]]))
            #expect(leader.effects == [.proposed(.refused(.busy))])
            leader.persist()
            leader.accept(from: B, match: leader.core.lastIndex.number)
            #expect(leader.core.uncommittedBytes == 0)
        }
        leader.step(.proposed([[1]]))
        leader.append(from: B, term: 9, after: (0, 0))
        #expect(leader.core.uncommittedBytes == 0)
    }

    @Test("B14: pipelined appends may come in any order and twice")
    func reordered() {
        var follower = Subject()
        follower.append(term: 1, after: (2, 1), terms: [1])
        #expect(follower.last == [1, 1])
        follower.append(term: 1, after: (1, 1), terms: [1])
        follower.append(term: 1, after: (2, 1), terms: [1])
        follower.append(term: 1, after: (1, 1), terms: [1], commit: 3)
        follower.persist()

        #expect(follower.last == [3, 1])
        #expect(follower.answers.map(\.outcome) == [.accepted(match: LogIndex(3))])
        #expect(follower.core.commitIndex == LogIndex(3))
    }

    @Test("B16: an answer from a server's earlier life does not count for the next")
    func sessions() {
        var leader = Subject.leader(voters(A, B, C))
        change(&leader, .remove(C))
        change(&leader, .addNonVoter(C, address: "a"))
        leader.accept(from: C, match: 4, session: 4)
        change(&leader, .promote(C), acknowledgedBy: [])
        leader.accept(from: C, match: 5, session: 1)
        #expect(leader.core.progress.last?.match == LogIndex(4))
        #expect(leader.core.commitIndex == LogIndex(4))

        leader.accept(from: C, match: 5, session: 4)
        #expect(leader.core.progress.last?.match == LogIndex(5))
        #expect(leader.core.commitIndex == LogIndex(5))
    }

    private func change(
        _ leader: inout Subject, _ action: ConfigurationChange.Action,
        acknowledgedBy followers: [ServerID] = [B]
    ) {
        leader.step(
            .changeProposed(
                ConfigurationChange(id: 1, action: action, ifConfigurationIndex: nil)))
        leader.persist()
        for follower in followers {
            leader.accept(from: follower, match: leader.core.lastIndex.number)
        }
    }

    @Test("B17: a single voter commits with its own durable write, not before, and asks nobody")
    func singleVoter() {
        var subject = Subject(A, voters(A))
        #expect(subject.core.deadline == .zero)
        subject.step(.ticked)
        #expect(subject.role == .candidate)
        subject.persist()
        #expect(subject.role == .leader)
        subject.persist()
        subject.step(.proposed([[1]]))
        #expect(subject.committed.isEmpty && subject.sent.isEmpty)

        subject.persist()
        #expect(subject.committed.map(\.payload) == [[1]] && subject.sent.isEmpty)
    }

    @Test("B19: a write that completes late vouches for nothing that was overwritten since")
    func lateCompletion() {
        var follower = Subject(terms: [1])
        follower.append(from: B, term: 2, after: (1, 1), terms: [2])
        let first = follower.written
        follower.append(from: C, term: 3, after: (1, 1), terms: [3])
        let second = follower.written
        follower.append(from: B, term: 4, after: (1, 1), terms: [2])
        #expect(follower.terms == [1, 2])

        follower.step(.persisted(through: first))
        #expect(follower.answers.isEmpty && follower.core.durableIndex == LogIndex(1))
        follower.step(.persisted(through: second))
        #expect(follower.answers.isEmpty && follower.core.durableIndex == LogIndex(1))
        follower.persist()
        #expect(follower.answers.map(\.outcome) == [.accepted(match: LogIndex(2))])
    }

    @Test("B20: what exceeds a message is split in order; too large a command is refused")
    func boundaries() {
        var limits = Limits()
        limits.appendBytesMax = 100
        limits.entryBytesMax = 200
        var leader = Subject.leader(limits: limits)
        let sizes = [0, 68, 69, 200, 0]
        leader.step(.proposed(sizes.map { [UInt8](repeating: 1, count: $0) }))
        #expect(
            leader.appends(to: B).map { $0.entries.map(\.payload.count) } == [
                [0], [68], [69], [200], [0],
            ])

        leader.step(.proposed([[], [UInt8](repeating: 1, count: 201)]))
        #expect(leader.effects == [.proposed(.refused(.tooLarge(limitBytes: 200)))])
    }

    @Test("B22: a follower's stalled disk costs nobody anything, and it catches up")
    func stalledDisk() {
        var leader = Subject.leader()
        leader.step(.proposed([[1]]))
        leader.persist()
        leader.accept(from: B, match: 3)
        var resent = 0
        for _ in 0..<1200 {
            leader.timeOut()
            leader.accept(from: B, match: 3)
            leader.accept(from: C, match: 2, last: 3)
            resent += leader.appends(to: C).flatMap(\.entries).count
        }
        #expect(leader.role == .leader && resent == 0)

        leader.accept(from: C, match: 3)
        #expect(leader.core.progress.map(\.match) == [3, 3, 3].map(LogIndex.init))
    }

    @Test("F01, F02: what is never durable is never acknowledged, nor voted for")
    func failingDisk() {
        var follower = Subject()
        follower.append(term: 1, after: (1, 1), terms: [1], commit: 2)
        follower.append(term: 1, after: (2, 1), round: 4)
        #expect(follower.answers.map(\.outcome) == [.accepted(match: LogIndex(1))])
        #expect(follower.answers.map(\.round) == [4])

        var voter = Subject()
        voter.ask(from: B, term: 2, last: (1, 1))
        voter.ask(from: B, term: 2, last: (1, 1))
        #expect(voter.voteResponses.isEmpty)
    }

    /// B was started again with an older copy of its folder.
    @Test("Who lacks what it acknowledged is fed again, and counts for it no longer")
    func olderCopy() throws {
        var leader = Subject.leader(terms: [1, 1, 1])
        let end = leader.core.lastIndex
        func rejection(_ previous: LogIndex, last: UInt64) -> Message {
            .appendResponse(
                AppendResponse(
                    term: Term(2),
                    outcome: .rejected(
                        previousIndex: previous, hintIndex: LogIndex(last), hintTerm: Term(1)),
                    round: 0, session: LogIndex(1), lastIndex: LogIndex(last), lastTerm: Term(1)))
        }
        // While entries are streamed it is an answer of before.
        leader.receive(rejection(end, last: 2), from: B)
        #expect(leader.core.progress.first { $0.id == B }?.match == end)
        leader.step(.unreachable(B))
        leader.timeOut()
        let question = try #require(leader.appends(to: B).first)
        #expect(question.previousIndex == end)
        leader.receive(rejection(end, last: 2), from: B)
        #expect(leader.core.progress.first { $0.id == B }?.match == .zero)
        let answer = try #require(leader.appends(to: B).first)
        #expect(answer.previousIndex == LogIndex(2) && answer.entries.last?.index == end)
        leader.accept(from: B, match: end.number)
        #expect(leader.core.progress.first { $0.id == B }?.match == end)
        #expect(leader.role == .leader && leader.core.commitIndex == end)
    }

    @Test("A hostile message changes nothing and stops nothing")
    func hostile() {
        var follower = Subject(terms: [1, 1], commit: 2)
        let before = follower.core.lastIndex
        let most = UInt64.max
        let messages: [AppendRequest] = [
            request(after: (most, 1), [command(1, 1)], commit: most),
            request(after: (2, 1), [command(4, 1)], commit: 1),
            request(after: (2, 1), [command(3, 9)], commit: 1),
            request(after: (2, 1), [command(3, 0)], commit: 1),
            request(after: (2, 2), [command(3, 1)], commit: 1),
            request(after: (0, 1), [], commit: 1),
            request(after: (1, 1), [command(2, 2)], commit: 2),
            request(
                after: (2, 1),
                [Entry(index: LogIndex(3), term: Term(1), kind: .configuration, payload: [9])],
                commit: 1),
        ]
        for message in messages { follower.receive(.appendRequest(message), from: B) }
        #expect(follower.core.lastIndex == before && follower.terms == [1, 1])

        var leader = Subject.leader()
        for (match, hint) in [(most, most), (most, 0), (0, most)] {
            leader.accept(from: B, match: match)
            leader.receive(
                .appendResponse(
                    AppendResponse(
                        term: Term(2),
                        outcome: .rejected(
                            previousIndex: LogIndex(match), hintIndex: LogIndex(hint),
                            hintTerm: Term(most)), round: most, session: LogIndex(1),
                        lastIndex: LogIndex(most), lastTerm: Term(most))), from: B)
        }
        #expect(leader.role == .leader && leader.core.commitIndex == LogIndex(2))
    }

    private func request(
        after previous: (UInt64, UInt64), _ entries: [Entry], commit: UInt64
    ) -> AppendRequest {
        AppendRequest(
            term: Term(3), previousIndex: LogIndex(previous.0), previousTerm: Term(previous.1),
            entries: entries, commit: LogIndex(commit), round: .max, session: LogIndex(.max))
    }
}

func metadata(
    _ index: UInt64, _ term: UInt64, _ configuration: Configuration = voters(A, B, C),
    configurationIndex: UInt64 = 1
) -> SnapshotMetadata {
    SnapshotMetadata(
        lastIndex: LogIndex(index), lastTerm: Term(term), configuration: configuration,
        configurationIndex: LogIndex(configurationIndex), sizeBytes: 1, checksum: 1)
}
