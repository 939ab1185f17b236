// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

extension Options {
    static var observing: Options {
        var options = Options()
        options.observes = true
        return options
    }
}

@Suite("What a core tells of itself") struct ObservationTests {
    @Test("Campaigns, and how a leadership ends, each with its reason")
    func leadership() {
        var subject = Subject(options: .observing)
        subject.timeOut()
        #expect(subject.observations == [.campaignStarted(term: Term(2), isPreVote: true)])
        subject.vote(from: B, term: 2, isPreVote: true)
        #expect(subject.observations == [.campaignStarted(term: Term(2), isPreVote: false)])

        var deaf = Subject.leader(options: .observing)
        while deaf.role == .leader, deaf.now < .seconds(2) { deaf.timeOut() }
        #expect(deaf.observations == [.leadershipLost(.checkQuorum)])
        var deposed = Subject.leader(options: .observing)
        deposed.append(from: B, term: 3, after: (0, 0))
        #expect(deposed.observations == [.leadershipLost(.newerTerm)])
        var removed = Subject.leader(options: .observing)
        removed.step(
            .changeProposed(
                ConfigurationChange(id: 1, action: .remove(A), ifConfigurationIndex: nil)))
        removed.accept(from: B, match: 3)
        removed.accept(from: C, match: 3)
        #expect(removed.observations == [.leadershipLost(.removed)])
        var done = Subject.leader(options: .observing)
        done.step(.transferRequested(to: B))
        done.ask(from: B, term: 3, last: (2, 2), isTransfer: true)
        #expect(done.observations == [.leadershipLost(.transferred)])
    }

    @Test(
        "Each message that no healthy server sends is refused with its reason, and changes nothing")
    func refused() {
        var leader = Subject.leader(options: .observing)
        let last = leader.core.lastIndex
        leader.accept(from: B, match: 9)
        expect(.impossibleAnswer, from: B, at: &leader)
        leader.accept(from: B, match: 2, round: 9)
        expect(.impossibleAnswer, from: B, at: &leader)
        leader.append(from: C, term: 2, after: (0, 0))
        expect(.secondLeader, from: C, at: &leader)
        leader.append(from: C, term: 1 << 63, after: (0, 0))
        expect(.absurdTerm, from: C, at: &leader)
        leader.append(from: A, term: 2, after: (0, 0))
        expect(.ownID, from: A, at: &leader)
        #expect(leader.role == .leader && leader.core.lastIndex == last)

        var follower = Subject(terms: [1, 1], commit: 2, options: .observing)
        follower.append(term: 2, after: (1, 0))
        expect(.malformed, from: B, at: &follower)
        follower.append(term: 2, after: (1, 1), terms: [2])
        expect(.contradiction, from: B, at: &follower)
        #expect(follower.terms == [1, 1])
    }

    private func expect(
        _ reason: MessageRefusal, from server: ServerID, at subject: inout Subject
    ) {
        #expect(subject.observations == [.messageRefused(from: server, reason)])
    }

    @Test("How a follower is fed shows in the progress, and each change is told")
    func peers() throws {
        var leader = Subject.newLeader(options: .observing)
        #expect(leader.observations.contains(.peerStateChanged(B, .probe)))
        leader.accept(from: B, match: 2)
        #expect(leader.observations == [.peerStateChanged(B, .replicate)])
        leader.step(.proposed([[1, 2, 3]]))
        let progress = try #require(leader.core.progress.first { $0.id == B })
        #expect(progress.state == .replicate && progress.next == LogIndex(4))
        #expect(progress.inflightMessages == 1 && progress.inflightBytes > 3)
        leader.step(.unreachable(B))
        #expect(leader.observations == [.peerStateChanged(B, .probe)])
    }

    @Test("Nothing is told unless it is wanted")
    func silent() {
        var subject = Subject()
        subject.timeOut()
        subject.append(from: A, term: 2, after: (0, 0))
        #expect(subject.observations.isEmpty)
    }
}
