// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("A server that lost log or vote records") struct RecoveryTests {
    private func lost(_ configuration: Configuration = voters(A, B, C)) -> Subject {
        Subject(
            A,
            Restored(
                hardState: HardState(term: Term(1), vote: nil), snapshot: nil,
                entries: log(configuration, [1]), previousIndex: .zero, previousTerm: .zero,
                commitHint: LogIndex(1), isRecovering: true))
    }

    private func append(
        _ entries: [Entry] = [], after index: UInt64, commit: UInt64, recovered: UInt64? = nil
    ) -> Message {
        .appendRequest(
            AppendRequest(
                term: Term(1), previousIndex: LogIndex(index),
                previousTerm: index == 0 ? .zero : Term(1),
                entries: entries, commit: LogIndex(commit), round: 0, session: LogIndex(1),
                recovered: recovered))
    }

    private func demotion(_ configuration: Configuration) -> Entry {
        Entry(
            index: LogIndex(2), term: Term(1), kind: .configuration,
            payload: configuration.encoded())
    }

    /// As the follower answers that numbers its recovery so.
    private func answer(
        _ leader: inout Subject, from server: ServerID, match: UInt64, recovery: UInt64? = 7,
        session: UInt64 = 1, round: UInt64 = 0
    ) {
        leader.receive(
            .appendResponse(
                AppendResponse(
                    term: leader.core.term, outcome: .accepted(match: LogIndex(match)),
                    round: round, session: LogIndex(session), lastIndex: LogIndex(match),
                    lastTerm: leader.core.term(at: LogIndex(match)) ?? .zero,
                    recovery: recovery)), from: server)
    }

    // MARK: - The server

    @Test("It neither campaigns nor grants a vote or a pre-vote")
    func silent() {
        var server = lost()
        #expect(server.core.deadline == nil && server.core.isRecovering)
        server.step(.campaignRequested)
        server.receive(.timeoutNow(TimeoutNow(term: Term(1))), from: B)
        #expect(server.role == .follower)
        for isPreVote in [true, false] {
            server.ask(from: B, term: 5, last: (9, 4), isPreVote: isPreVote)
            #expect(server.voteResponses.map(\.isGranted) == [false])
        }
        server.ask(from: B, term: 5, last: (9, 4), isTransfer: true)
        #expect(server.voteResponses.map(\.isGranted) == [false] && server.writes.isEmpty)
    }

    @Test("Each start numbers its answers anew, refusals too")
    func numbered() throws {
        var numbers: [UInt64] = []
        for seed: UInt64 in [1, 2] {
            var restored = Restored.empty
            restored.isRecovering = true
            var server = Subject(A, restored, seed: seed)
            server.append(term: 1, after: (7, 1))
            server.persist()
            numbers.append(try #require(server.answers.first?.recovery))
            server.receive(append(log(voters(A, B), [1]), after: 0, commit: 0), from: B)
            server.persist()
            #expect(server.answers.map(\.recovery) == [numbers.last])
        }
        #expect(numbers[0] != numbers[1])
    }

    @Test("It has recovered when it is told its number, and votes no more: not before")
    func recovers() throws {
        var server = lost()
        server.receive(append(after: 1, commit: 1), from: B)
        let number = try #require(server.answers.first?.recovery)
        server.receive(append(after: 1, commit: 1, recovered: number), from: B)
        #expect(server.core.isRecovering, "by its own log it is a voter")

        let demotion = demotion(voters(B, C, nonVoters: [A]))
        server.receive(append([demotion], after: 1, commit: 2), from: B)
        server.receive(append(after: 2, commit: 2, recovered: number), from: B)
        #expect(server.core.isRecovering, "that it is none is not durable")
        server.persist()
        server.receive(append(after: 2, commit: 2, recovered: number &+ 1), from: B)
        #expect(server.core.isRecovering, "another start's number")
        server.receive(append(after: 2, commit: 2, recovered: number), from: B)
        #expect(server.effects.contains(.recovered) && !server.core.isRecovering)
        #expect(server.answers.map(\.recovery) == [nil])
    }

    // MARK: - Its leader

    @Test("Its answers count neither for commit nor for reads nor for check-quorum")
    func countsForNothing() {
        var leader = Subject.newLeader(voters(A, B, C))  // Too early for a change of its own.
        leader.persist()
        answer(&leader, from: B, match: 2, round: 1)
        #expect(leader.core.commitIndex == LogIndex(1))
        #expect(leader.core.configuration == voters(A, B, C))
        leader.accept(from: B, match: 2)
        #expect(leader.core.commitIndex == LogIndex(2), "an answer from before the loss is true")

        leader = Subject.newLeader(voters(A, B, C))
        leader.persist()
        for _ in 0..<12 where leader.role == .leader {
            leader.step(.ticked, after: .milliseconds(50))
            answer(&leader, from: B, match: 2)
        }
        #expect(leader.role == .follower)
    }

    @Test("What its earlier life had is forgotten")
    func forgotten() {
        var leader = Subject.leader(voters(A, B, C, D, E))
        #expect(leader.core.progress[1].match == LogIndex(2))
        leader.step(.changeProposed(.init(id: 1, action: .demote(E), ifConfigurationIndex: nil)))
        answer(&leader, from: B, match: 1)
        #expect(leader.core.progress[1].match == LogIndex(1))
        #expect(leader.core.progress[1].isRecovering && !leader.core.progress[1].isCaughtUp)
    }

    @Test("The leader takes its vote, and tells it when that is committed and there")
    func demoted() {
        var leader = Subject.leader()
        answer(&leader, from: B, match: 0)
        #expect(leader.core.configuration == voters(A, nonVoters: [B]).with(C))
        #expect(leader.core.configurationIndex == LogIndex(3))
        leader.persist()
        answer(&leader, from: B, match: 3, session: 3)
        #expect(leader.core.commitIndex == LogIndex(2) && recovered(leader, B).isEmpty)
        leader.accept(from: C, match: 3)
        #expect(leader.core.commitIndex == LogIndex(3))
        leader.step(.ticked, after: .milliseconds(60))
        #expect(recovered(leader, B) == [7])

        leader.accept(from: B, match: 3, session: 3)
        leader.accept(from: B, match: 3, session: 3)
        #expect(!leader.core.progress[1].isRecovering && leader.core.progress[1].isCaughtUp)
    }

    private func recovered(_ leader: Subject, _ server: ServerID) -> [UInt64] {
        leader.appends(to: server).compactMap(\.recovered)
    }

    @Test("A second loss is another recovery: what the first had does not count for it")
    func again() {
        var leader = Subject.leader()
        answer(&leader, from: B, match: 0)
        leader.persist()
        leader.accept(from: C, match: 3)
        answer(&leader, from: B, match: 3, session: 3)
        answer(&leader, from: B, match: 1, recovery: 8, session: 3)
        leader.step(.ticked, after: .milliseconds(60))
        #expect(recovered(leader, B).isEmpty)
        #expect(leader.core.lastIndex == LogIndex(4), "an entry that proves who leads")
        leader.persist()
        leader.accept(from: C, match: 4)
        answer(&leader, from: B, match: 4, recovery: 8, session: 3)
        leader.step(.ticked, after: .milliseconds(60))
        #expect(recovered(leader, B) == [8])
    }

    @Test("Of two voters the one that is left leads on, alone")
    func twoVoters() {
        var leader = Subject.leader(voters(A, B))
        answer(&leader, from: B, match: 1)
        #expect(leader.core.configuration == voters(A, nonVoters: [B]))
        leader.persist()
        #expect(leader.core.commitIndex == LogIndex(3))
    }

    @Test("A non-voter recovers once an entry from after its loss is committed")
    func nonVoter() {
        var leader = Subject.leader(voters(A, B, nonVoters: [C]))
        answer(&leader, from: C, match: 2)
        leader.persist()
        answer(&leader, from: C, match: 3)
        leader.step(.ticked, after: .milliseconds(60))
        #expect(recovered(leader, C).isEmpty, "a leader that was deposed would say so as well")
        leader.accept(from: B, match: 3)
        leader.step(.ticked, after: .milliseconds(60))
        #expect(recovered(leader, C) == [7])
    }

    @Test("It gets no vote and no leadership while it recovers")
    func refusals() {
        var leader = Subject.leader(voters(A, B, nonVoters: [C]))
        answer(&leader, from: C, match: 2)
        leader.persist()
        leader.accept(from: B, match: 3)
        leader.step(.changeProposed(.init(id: 1, action: .promote(C), ifConfigurationIndex: nil)))
        #expect(leader.changeOutcome == .notCaughtUp)

        var early = Subject.newLeader()
        answer(&early, from: B, match: 2)
        early.step(.transferRequested(to: B))
        #expect(early.transferOutcome == .notVoter)
    }

    @Test("A voter that is emptied comes back as a non-voter, whoever leads meanwhile")
    func wiped() throws {
        var cluster = Cluster(seed: 3, voters: 3)
        var leader = try cluster.elect()
        cluster.run(for: .seconds(1))
        let victim = (leader + 1) % 3
        cluster.lose(victim)
        cluster.servers[victim].disk = Disk()
        cluster.servers[victim].disk.isRecovering = true
        cluster.start(victim)
        cluster.run(for: .milliseconds(30))
        cluster.input(
            .transferRequested(to: Cluster.id((leader + 2) % 3 + 1)), to: leader)
        cluster.run(for: .seconds(1))
        leader = try cluster.elect()
        let core = try #require(cluster.servers[leader].core)
        #expect(core.configuration[Cluster.id(victim + 1)]?.role == .nonVoter)
        #expect(cluster.servers[victim].core?.isRecovering == false && cluster.recoveries == 1)
        #expect(cluster.servers[victim].core?.commitIndex == core.commitIndex)

        let promotion = ConfigurationChange(
            id: 1, action: .promote(Cluster.id(victim + 1)), ifConfigurationIndex: nil)
        cluster.input(.changeProposed(promotion), to: leader)
        cluster.run(for: .seconds(1))
        #expect(cluster.servers[victim].core?.deadline != nil)
    }
}

extension Configuration {
    fileprivate func with(_ voter: ServerID) -> Configuration {
        Configuration(servers: servers + [.init(id: voter, address: "a", role: .voter)])
    }
}
