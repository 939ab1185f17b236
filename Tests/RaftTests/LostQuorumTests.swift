// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Recovery after a lost quorum") struct LostQuorumTests {
    private static let survivors = voters(A, B, C)

    /// A survivor of five whose log ends in these terms, with the entry of the recovery.
    private func survivor(_ id: ServerID, terms: [UInt64]) throws -> Subject {
        let old = log(voters(A, B, C, D, E), terms)
        let last = try #require(old.last)
        let hardState = HardState(term: last.term, vote: D)
        let entry = try #require(
            RaftCore.recoveryEntry(
                Self.survivors, after: last.index, of: last.term, hardState: hardState))
        return Subject(
            id,
            Restored(
                hardState: HardState(term: entry.term, vote: id), snapshot: nil,
                entries: old + [entry], previousIndex: .zero, previousTerm: .zero,
                commitHint: LogIndex(1)))
    }

    @Test("Equal logs get equal entries, and the order of the others stays")
    func order() throws {
        let logs: [[UInt64]] = [[1, 4, 4], [1, 4, 4, 4], [1, 5], [1, 5, 5]]
        let recovered = try logs.map { terms in
            let core = try survivor(A, terms: terms).core
            return (core.lastTerm.number, core.lastIndex.number)
        }
        for (position, next) in recovered.enumerated().dropFirst() {
            #expect(recovered[position - 1] < next)
        }
    }

    @Test("A term that is beyond the recovery's is refused")
    func beyond() {
        let far = HardState(term: Term(Term.recoveryStride + 2), vote: nil)
        #expect(
            RaftCore.recoveryEntry(Self.survivors, after: LogIndex(3), of: Term(1), hardState: far)
                == nil)
    }

    @Test("The first leader needs the vote of every voter; a majority is not enough")
    func everyVote() throws {
        var subject = try survivor(A, terms: [1, 4, 4])
        let term = subject.core.term.number + 1
        subject.step(.campaignRequested)
        subject.vote(from: B, term: term, isPreVote: true)
        #expect(subject.role == .preCandidate)
        subject.vote(from: C, term: term, isPreVote: true)
        subject.persist()
        subject.vote(from: B, term: term)
        #expect(subject.role == .candidate)
        subject.vote(from: C, term: term)
        #expect(subject.role == .leader)
    }

    @Test("Who has less is refused by who has more, so that it never leads")
    func ahead() throws {
        var more = try survivor(A, terms: [1, 4, 4])
        let less = try survivor(B, terms: [1, 4]).core
        more.ask(
            from: B, term: less.term.number + 1,
            last: (less.lastIndex.number, less.lastTerm.number), isPreVote: true)
        #expect(more.voteResponses.map(\.isGranted) == [false])
    }

    /// A term may be inflated by a peer that claims one: that is no recovery, and the leader of the
    /// term may never come back.
    @Test("The first entry of a leader that skipped many terms asks for no more than a majority")
    func inflated() {
        let far = Term.recoveryStride + 9
        var subject = Subject(A, Self.survivors, terms: [1, 2, 2])
        let noop = Entry(index: LogIndex(4), term: Term(far), kind: .noop, payload: [])
        subject.receive(
            .appendRequest(
                AppendRequest(
                    term: Term(far), previousIndex: LogIndex(3), previousTerm: Term(2),
                    entries: [noop], commit: .zero, round: 0, session: LogIndex(1))), from: C)
        subject.persist()
        subject.timeOut()
        subject.vote(from: B, term: far + 1, isPreVote: true)
        subject.persist()
        subject.vote(from: B, term: far + 1)
        #expect(subject.role == .leader)
    }

    @Test("Once the first leader's entry follows, a majority elects again")
    func majorityAgain() throws {
        var subject = try survivor(A, terms: [1, 4, 4])
        let last = (subject.core.lastIndex.number, subject.core.lastTerm.number)
        subject.append(from: C, term: last.1 + 1, after: last, terms: [last.1 + 1])
        subject.persist()
        subject.timeOut()
        subject.vote(from: B, term: last.1 + 2, isPreVote: true)
        subject.persist()
        subject.vote(from: B, term: last.1 + 2)
        #expect(subject.role == .leader)
    }
}
