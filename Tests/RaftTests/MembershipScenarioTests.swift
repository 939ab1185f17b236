// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Scenarios D: membership") struct MembershipScenarioTests {
    @discardableResult
    private func change(
        _ subject: inout Subject, _ action: ConfigurationChange.Action, if index: UInt64? = nil
    ) -> ChangeDecision.Outcome? {
        subject.step(
            .changeProposed(
                ConfigurationChange(
                    id: 5, action: action, ifConfigurationIndex: index.map(LogIndex.init))))
        return subject.changeOutcome
    }

    private func commit(_ leader: inout Subject, by followers: ServerID...) {
        leader.persist()
        for follower in followers {
            leader.accept(from: follower, match: leader.core.lastIndex.number)
        }
    }

    @Test("D01: no change before an entry of the leader's own term is committed")
    func ownTerm() {
        var leader = Subject.newLeader()
        #expect(change(&leader, .remove(C)) == .inProgress)
        commit(&leader, by: B)
        #expect(change(&leader, .remove(C)) == .accepted(LogIndex(3), term: Term(2)))
    }

    @Test("D02: no change while another is not committed")
    func oneAtATime() {
        var leader = Subject.leader()
        change(&leader, .addNonVoter(D, address: "d"))
        #expect(change(&leader, .remove(C)) == .inProgress)
        commit(&leader, by: B)
        #expect(change(&leader, .remove(C)) == .accepted(LogIndex(4), term: Term(2)))
    }

    @Test("A change is compare-and-set on the index of the configuration in force")
    func compareAndSet() {
        var leader = Subject.leader()
        #expect(change(&leader, .remove(C), if: 9) == .conflict(current: LogIndex(1)))
        #expect(change(&leader, .remove(C), if: 1) == .accepted(LogIndex(3), term: Term(2)))
    }

    @Test("A configuration is in force when it is appended, and announced")
    func inForce() {
        var leader = Subject.leader()
        change(&leader, .remove(C))
        #expect(leader.core.configuration == voters(A, B))
        #expect(leader.core.isConfigurationCommitted == false)
        #expect(
            leader.effects.contains(.configurationChanged(voters(A, B), index: LogIndex(3))))
    }

    @Test("A configuration that replaces another at the same index is announced")
    func replacedInPlace() {
        func entry(_ index: UInt64, _ term: UInt64, _ configuration: Configuration) -> Entry {
            Entry(
                index: LogIndex(index), term: Term(term), kind: .configuration,
                payload: configuration.encoded())
        }
        func request(_ term: UInt64, _ entries: [Entry]) -> Message {
            .appendRequest(
                AppendRequest(
                    term: Term(term), previousIndex: LogIndex(1), previousTerm: Term(1),
                    entries: entries, commit: LogIndex(1), round: 0, session: LogIndex(1)))
        }
        var follower = Subject(C)
        let lost = voters(A, B, C, nonVoters: [D])
        follower.receive(request(2, [command(2, 2), entry(3, 2, lost)]), from: A)
        follower.persist()
        let kept = voters(A, B, C, nonVoters: [E])
        follower.receive(request(3, [command(2, 3), entry(3, 3, kept)]), from: B)
        #expect(follower.effects.contains(.configurationChanged(kept, index: LogIndex(3))))
    }

    @Test("D04: a removed server that never hears of it disturbs nobody")
    func ignorant() throws {
        var cluster = Cluster(seed: 4, voters: 3)
        let leader = try cluster.elect()
        cluster.run(for: .seconds(1))
        let term = cluster.servers[leader].core?.term
        let away = (leader + 1) % 3
        cluster.cut = [away]
        let removal = ConfigurationChange(
            id: 1, action: .remove(Cluster.id(away + 1)), ifConfigurationIndex: nil)
        cluster.input(.changeProposed(removal), to: leader)
        cluster.run(for: .seconds(2))
        cluster.cut = []
        cluster.run(for: .seconds(10))

        #expect(cluster.leader == leader && cluster.servers[leader].core?.term == term)
    }

    @Test("A removed follower is told so once, and then gets nothing")
    func removedFollower() {
        var leader = Subject.leader()
        change(&leader, .remove(C))
        leader.persist()
        leader.accept(from: B, match: 3)
        #expect(leader.appends(to: C).map(\.commit) == [LogIndex(3)])

        leader.timeOut()
        leader.step(.proposed([[1]]))
        #expect(leader.appends(to: C).isEmpty && leader.core.progress.map(\.id) == [A, B])
    }

    @Test("D05: a truncated configuration gives way to the one before, also after a restart")
    func rollback() {
        var follower = Subject(terms: [1])
        let added = Entry(
            index: LogIndex(2), term: Term(2), kind: .configuration,
            payload: voters(A, B, C, D).encoded())
        follower.receive(
            .appendRequest(
                AppendRequest(
                    term: Term(2), previousIndex: LogIndex(1), previousTerm: Term(1),
                    entries: [added], commit: .zero, round: 0, session: LogIndex(1))), from: B)
        #expect(follower.core.configuration == voters(A, B, C, D))
        follower.append(from: C, term: 3, after: (1, 1), terms: [3])
        #expect(follower.core.configuration == voters(A, B, C))
        #expect(follower.core.configurationIndex == LogIndex(1))

        let restarted = Subject(terms: [1, 3])
        #expect(restarted.core.configuration == voters(A, B, C))
    }

    @Test("D11: one voter grows to three and back to one, losing nothing")
    func growAndShrink() throws {
        var cluster = Cluster(seed: 11, voters: 1, spares: 2)
        var leader = try cluster.elect()
        let steps: [ConfigurationChange.Action] = [
            .addNonVoter(B, address: "b"), .promote(B), .addNonVoter(C, address: "c"),
            .promote(C), .remove(C), .demote(B), .remove(B),
        ]
        for (number, action) in steps.enumerated() {
            cluster.run(for: .seconds(1))
            if number == 4 { crashAndRestart(&cluster) }
            leader = try cluster.elect()
            cluster.run(for: .seconds(1))
            let change = ConfigurationChange(id: 1, action: action, ifConfigurationIndex: nil)
            cluster.input(.changeProposed(change), to: leader)
            cluster.input(.proposed([[UInt8(number)]]), to: leader)
        }
        cluster.run(for: .seconds(2))
        let core = try #require(cluster.servers[try cluster.elect()].core)
        #expect(core.isConfigurationCommitted && core.commitIndex == core.lastIndex)
        #expect(cluster.committed.values.count { $0.kind == .command } == steps.count)
    }

    private func crashAndRestart(_ cluster: inout Cluster) {
        for position in cluster.servers.indices {
            cluster.crash(position)
            cluster.start(position)
        }
    }

    @Test("D11: of two voters one alone does nothing")
    func twoVoters() throws {
        var cluster = Cluster(seed: 12, voters: 2)
        let leader = try cluster.elect()
        cluster.run(for: .seconds(1))
        cluster.crash(1 - leader)
        cluster.input(.proposed([[1]]), to: leader)
        let committed = cluster.committedMax
        cluster.run(for: .seconds(5))

        #expect(cluster.leader == nil && cluster.committedMax == committed)
    }

    @Test("D14, D17: changes that cannot be are refused, each with its reason")
    func refusals() {
        var leader = Subject.leader(voters(A, nonVoters: [B]))
        let long = String(repeating: "x", count: 256)
        #expect(change(&leader, .promote(E)) == .unknownServer)
        #expect(change(&leader, .demote(E)) == .unknownServer)
        #expect(change(&leader, .remove(E)) == .unknownServer)
        #expect(change(&leader, .demote(A)) == .lastVoter)
        #expect(change(&leader, .remove(A)) == .lastVoter)
        #expect(change(&leader, .demote(B)) == .unchanged)
        #expect(change(&leader, .promote(A)) == .unchanged)
        #expect(change(&leader, .addNonVoter(B, address: "a")) == .unchanged)
        #expect(change(&leader, .addNonVoter(E, address: long)) == .invalid)
        #expect(leader.core.configurationIndex == LogIndex(1))

        var follower = Subject()
        follower.append(term: 1, after: (1, 1))
        #expect(change(&follower, .remove(C)) == .refused(.notLeader(leader: B)))
    }

    @Test("D16: a learner that comes back with an empty disk is refilled")
    func wipedLearner() throws {
        var cluster = Cluster(seed: 16, voters: 2, spares: 1)
        let leader = try cluster.elect()
        for action in [.addNonVoter(C, address: "c"), .remove(C)] as [ConfigurationChange.Action] {
            cluster.run(for: .seconds(1))
            let change = ConfigurationChange(id: 1, action: action, ifConfigurationIndex: nil)
            cluster.input(.changeProposed(change), to: leader)
        }
        cluster.run(for: .seconds(1))
        cluster.crash(2)
        cluster.servers[2].disk = Disk()
        cluster.start(2)
        let again = ConfigurationChange(
            id: 1, action: .addNonVoter(C, address: "c"), ifConfigurationIndex: nil)
        cluster.input(.changeProposed(again), to: leader)
        cluster.run(for: .seconds(1))

        #expect(cluster.servers[2].core?.commitIndex == cluster.committedMax)
    }

    @Test("A leader that removes itself leads until that is committed, then hands over")
    func removesItself() {
        var leader = Subject.leader()
        change(&leader, .remove(A))
        leader.persist()
        leader.accept(from: C, match: 3)
        #expect(leader.role == .leader)
        #expect(leader.core.commitIndex == LogIndex(2))
        leader.accept(from: B, match: 3)

        #expect(leader.core.commitIndex == LogIndex(3) && leader.role == .follower)
        #expect(leader.appends(to: B).map(\.commit) == [LogIndex(3)])
        #expect(
            leader.sent.contains { $0.to == B && $0.message == .timeoutNow(.init(term: Term(2))) })
        leader.step(.campaignRequested)
        #expect(leader.role == .follower && leader.core.deadline == nil)
    }

    @Test("Dissertation §4.2.2: who alone has its own uncommitted removal still campaigns")
    func uncommittedRemoval() {
        var server = Subject(A, voters(A, B), terms: [1])
        let removal = Entry(
            index: LogIndex(2), term: Term(1), kind: .configuration, payload: voters(B).encoded())
        server.receive(
            .appendRequest(
                AppendRequest(
                    term: Term(1), previousIndex: LogIndex(1), previousTerm: Term(1),
                    entries: [removal], commit: .zero, round: 0, session: LogIndex(1))), from: B)
        server.timeOut()
        #expect(server.role == .preCandidate && server.sent.map(\.to) == [B])

        server.append(term: 1, after: (2, 1), commit: 2)
        #expect(server.core.deadline == nil)
    }
}
