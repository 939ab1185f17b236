// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Scenarios D: joint consensus (dissertation §4.3)") struct JointScenarioTests {
    @discardableResult
    private func replace(
        _ leader: inout Subject, by new: Configuration
    ) -> ChangeDecision.Outcome? {
        leader.step(
            .changeProposed(
                ConfigurationChange(
                    id: 1, action: .replace(new.servers), ifConfigurationIndex: nil)))
        return leader.changeOutcome
    }

    /// A leads A, B, C; D and E have caught up.
    private func leader() -> Subject { Subject.leader(voters(A, B, C, nonVoters: [D, E])) }

    /// A server with a durable joint entry at index 2, committed or not, in term 1.
    private func server(
        _ id: ServerID, _ configuration: Configuration, isCommitted: Bool = false
    ) -> Subject {
        let entry = Entry(
            index: LogIndex(2), term: Term(1), kind: .configuration,
            payload: configuration.encoded())
        return Subject(
            id,
            Restored(
                hardState: HardState(term: Term(1), vote: nil), snapshot: nil,
                entries: log(voters(A, B, C), [1]) + [entry], previousIndex: .zero,
                previousTerm: .zero, commitHint: LogIndex(isCommitted ? 2 : 1)))
    }

    @Test("A joint entry needs both majorities, and is left at once when it has them")
    func bothMajorities() {
        var leader = leader()
        #expect(replace(&leader, by: voters(A, D, E)) == .accepted(LogIndex(3), term: Term(2)))
        #expect(leader.core.configuration.isJoint)
        leader.persist()
        leader.accept(from: B, match: 3)
        leader.accept(from: C, match: 3)
        #expect(leader.core.commitIndex == LogIndex(2), "only the outgoing side has it")
        leader.accept(from: D, match: 3)

        #expect(leader.core.commitIndex == LogIndex(3))
        #expect(leader.core.configuration == voters(A, D, E))
        #expect(leader.core.configurationIndex == LogIndex(4))
        #expect(leader.appends(to: D).flatMap(\.entries).map(\.index) == [LogIndex(4)])
    }

    @Test("The incoming majority alone commits nothing while joint")
    func outgoingNeeded() {
        var leader = leader()
        replace(&leader, by: voters(A, D, E))
        leader.persist()
        leader.accept(from: D, match: 3)
        leader.accept(from: E, match: 3)
        #expect(leader.core.commitIndex == LogIndex(2))
        leader.accept(from: C, match: 3)
        #expect(leader.core.commitIndex == LogIndex(3))
    }

    @Test("Who is only outgoing is fed until the end is committed, hears of it, and is forgotten")
    func leaving() {
        var leader = leader()
        replace(&leader, by: voters(A, D, E))
        leader.persist()
        for server in [B, D] { leader.accept(from: server, match: 3) }
        leader.persist()
        #expect(leader.appends(to: B).isEmpty)
        leader.accept(from: D, match: 4)

        #expect(leader.core.commitIndex == LogIndex(4))
        #expect(leader.appends(to: B).map(\.commit) == [LogIndex(4)])
        leader.step(.ticked, after: .milliseconds(60))
        #expect(leader.appends(to: B).isEmpty && leader.appends(to: D).count == 1)
    }

    @Test("Votes: both majorities are asked, and both are needed")
    func votes() throws {
        let joint = try joint(voters(A, B, C), voters(A, D, E))
        var candidate = server(A, joint)
        candidate.step(.campaignRequested)
        #expect(candidate.sent.map(\.to) == [D, E, B, C])
        for voter in [B, C] { candidate.vote(from: voter, term: 2, isPreVote: true) }
        #expect(candidate.role == .preCandidate)
        candidate.vote(from: E, term: 2, isPreVote: true)
        candidate.persist()
        for voter in [D, E] { candidate.vote(from: voter, term: 2) }
        #expect(candidate.role == .candidate)
        candidate.vote(from: B, term: 2)
        #expect(candidate.role == .leader)
    }

    @Test("Refusals of one side's majority end a campaign")
    func refusedBySide() throws {
        var candidate = server(A, try joint(voters(A, B, C), voters(A, D, E)))
        candidate.step(.campaignRequested)
        let deadline = candidate.core.deadline
        candidate.vote(from: D, term: 1, isPreVote: true, isGranted: false)
        #expect(candidate.core.deadline == deadline)
        candidate.vote(from: E, term: 1, isPreVote: true, isGranted: false)
        #expect(candidate.core.deadline != deadline, "it backs off")
    }

    @Test("Reads and check-quorum need both sides")
    func readsAndContact() {
        var leader = leader()
        replace(&leader, by: voters(A, D, E))
        leader.step(.readRequested(id: 9))
        for server in [D, E] { leader.accept(from: server, match: 2, round: 1) }
        #expect(leader.reads.isEmpty)
        leader.accept(from: B, match: 2, round: 1)
        #expect(leader.reads == [9: .ready(at: LogIndex(2))])

        for _ in 0..<12 {
            leader.step(.ticked, after: .milliseconds(50))
            for server in [D, E] where leader.role == .leader {
                leader.accept(from: server, match: 2)
            }
        }
        #expect(leader.role == .follower, "it heard one side only")
    }

    @Test("D07: a leader that finds a joint configuration leaves it", arguments: [true, false])
    func laterLeader(isCommitted: Bool) throws {
        let joint = try joint(voters(A, B, C), voters(A, D, E))
        var leader = server(A, joint, isCommitted: isCommitted)
        leader.step(.campaignRequested)
        for voter in [B, D] { leader.vote(from: voter, term: 2, isPreVote: true) }
        leader.persist()
        for voter in [B, D] { leader.vote(from: voter, term: 2) }
        leader.persist()
        #expect(leader.core.configuration.isJoint, "not before an own entry is committed")
        for server in [D, E] { leader.accept(from: server, match: 3, session: session(of: server)) }
        #expect(leader.core.configuration.isJoint)
        leader.accept(from: C, match: 3)
        #expect(leader.core.configuration == voters(A, D, E))
    }

    private func session(of server: ServerID) -> UInt64 { [D, E].contains(server) ? 2 : 1 }

    @Test("D05: a truncated joint entry brings back the configuration before, also its votes")
    func truncated() throws {
        let joint = try joint(voters(A, B, C), voters(B, D, E))
        var follower = server(A, joint)
        #expect(follower.core.configuration == joint)
        follower.append(from: B, term: 2, after: (1, 1), terms: [2])
        #expect(follower.core.configuration == voters(A, B, C))
        follower.timeOut()
        #expect(follower.sent.map(\.to) == [B, C])
    }

    @Test("A voter of either side may campaign, until the end of the joint state is committed")
    func outgoingCampaigns() throws {
        let joint = try joint(voters(A, B, C), voters(B, C, D))
        var outgoing = server(A, joint, isCommitted: true)
        outgoing.timeOut()
        #expect(outgoing.role == .preCandidate)
        outgoing.receive(
            .appendRequest(
                AppendRequest(
                    term: Term(2), previousIndex: LogIndex(2), previousTerm: Term(1),
                    entries: [
                        Entry(
                            index: LogIndex(3), term: Term(2), kind: .configuration,
                            payload: voters(B, C, D).encoded())
                    ], commit: LogIndex(3), round: 0, session: LogIndex(1))), from: B)
        #expect(outgoing.core.deadline == nil)
    }

    @Test("A leader that is not incoming leads until the joint state is left")
    func outgoingLeader() {
        var leader = leader()
        replace(&leader, by: voters(B, D, E))
        leader.persist()
        for server in [B, D] { leader.accept(from: server, match: 3) }
        #expect(leader.core.commitIndex == LogIndex(3) && leader.role == .leader)
        leader.persist()
        leader.accept(from: D, match: 4)
        #expect(leader.core.commitIndex == LogIndex(3), "its own copy does not count any more")
        leader.accept(from: E, match: 4)
        #expect(leader.core.commitIndex == LogIndex(4) && leader.role == .follower)
        #expect(leader.core.deadline == nil)
    }

    @Test("What cannot be is refused, and one voter more or less takes no joint state")
    func refusals() {
        var leader = leader()
        #expect(replace(&leader, by: voters(nonVoters: [A, B])) == .lastVoter)
        #expect(replace(&leader, by: voters(A, A)) == .invalid)
        let stranger = ServerID(high: 0, low: 9)
        #expect(replace(&leader, by: voters(A, B, C, stranger)) == .notCaughtUp)
        #expect(
            replace(&leader, by: voters(A, B, C, nonVoters: [D, E])) == .unchanged)
        replace(&leader, by: voters(A, B, nonVoters: [C, stranger]))
        #expect(leader.core.configuration == voters(A, B, nonVoters: [C, stranger]))

        leader = self.leader()
        replace(&leader, by: voters(A, D, E))
        #expect(replace(&leader, by: voters(A, B)) == .inProgress)
    }
}
