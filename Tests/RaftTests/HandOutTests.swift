// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

/// A shell may bound what a step gives its state machine, so that much to apply never keeps it from answering.
@Suite("What is committed goes out in pieces") struct HandOutTests {
    /// Of each entry of a ``Subject``'s log.
    static let entryBytes = command(2, 1).sizeBytes

    private func indexes(_ subject: Subject) -> [UInt64] { subject.committed.map(\.index.number) }

    /// A follower that is just told that entries 2 to 7 are committed, with the bound on its steps.
    private func follower(handingOut bytesMax: Int) -> Subject {
        var follower = Subject(B)
        follower.append(from: A, term: 1, after: (1, 1), terms: [1, 1, 1, 1, 1, 1])
        follower.persist()
        follower.handOutBytesMax = bytesMax
        follower.append(from: A, term: 1, after: (7, 1), commit: 7)
        return follower
    }

    @Test("In order, as much as fits, and none twice")
    func pieces() {
        var follower = follower(handingOut: Self.entryBytes * 2 + 1)
        #expect(indexes(follower) == [2, 3])
        #expect(follower.core.handedOutIndex == LogIndex(3))
        #expect(follower.core.commitIndex == LogIndex(7))
        follower.step(.unreachable(C))
        #expect(indexes(follower) == [4, 5])
        follower.handOutBytesMax = .max
        follower.step(.unreachable(C))
        #expect(indexes(follower) == [6, 7])
        follower.step(.unreachable(C))
        #expect(follower.committed.isEmpty)
    }

    @Test("One that is larger than the bound goes alone; with 0 none goes")
    func large() {
        var follower = follower(handingOut: 0)
        #expect(follower.committed.isEmpty)
        follower.handOutBytesMax = 1
        follower.step(.unreachable(C))
        #expect(indexes(follower) == [2])
    }

    @Test("A leader's read waits until what it must see has gone out")
    func reads() {
        var leader = Subject.leader()
        leader.step(.proposed([[1], [2], [3]]))
        leader.persist()
        leader.handOutBytesMax = 1
        leader.accept(from: B, match: 5)
        #expect(leader.core.commitIndex == LogIndex(5) && indexes(leader) == [3])
        leader.step(.readRequested(id: 1))
        #expect(indexes(leader) == [4] && leader.reads.isEmpty)
        leader.handOutBytesMax = 0
        leader.accept(from: B, match: 5, round: 1)
        #expect(leader.reads.isEmpty)
        leader.handOutBytesMax = 1
        leader.step(.unreachable(C))
        #expect(indexes(leader) == [5] && leader.reads == [1: .ready(at: LogIndex(5))])
    }

    @Test("Under a lease, too: until then it is asked for like any other")
    func lease() {
        var leader = Subject.leader(options: .leases)
        leader.timeOut()
        let round = leader.appends(to: B)[0].round
        leader.accept(from: B, match: 2, round: round, voteHold: .milliseconds(500))
        leader.step(.proposed([[1]]))
        leader.persist()
        leader.handOutBytesMax = 0
        leader.accept(from: B, match: 3, round: round, voteHold: .milliseconds(500))
        leader.step(.readRequested(id: 1))
        #expect(leader.core.commitIndex == LogIndex(3) && leader.reads.isEmpty)
        let asked = leader.appends(to: B)[0].round
        leader.accept(from: B, match: 3, round: asked, voteHold: .milliseconds(500))
        #expect(leader.reads.isEmpty)
        leader.handOutBytesMax = 1
        leader.step(.readRequested(id: 2))
        #expect(indexes(leader) == [3])
        #expect(leader.reads.keys.sorted() == [1, 2])
        guard case .ready(at: LogIndex(3), validUntil: _?) = leader.reads[2] else {
            Issue.record("\(leader.reads)")
            return
        }
    }

    @Test("What has not gone out counts as on its way: a leader that is not followed refuses more")
    func bound() {
        var limits = Limits()
        limits.uncommittedBytesMax = Self.entryBytes * 2
        var leader = Subject.leader(limits: limits)
        leader.step(.proposed([[1], [2]]))
        leader.persist()
        leader.handOutBytesMax = 0
        leader.accept(from: B, match: 4)
        leader.step(.proposed([[3], [4]]))
        #expect(leader.effects.contains(.proposed(.refused(.busy))))
        leader.handOutBytesMax = .max
        leader.step(.unreachable(C))
        leader.step(.proposed([[3]]))
        #expect(leader.effects.contains(.proposed(.accepted(first: LogIndex(5), term: Term(2)))))
    }
}
