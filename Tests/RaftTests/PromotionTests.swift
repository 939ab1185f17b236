// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Scenarios D: catching up, and replacing a leader") struct PromotionTests {
    @discardableResult
    private func change(
        _ leader: inout Subject, _ action: ConfigurationChange.Action
    ) -> ChangeDecision.Outcome? {
        leader.step(
            .changeProposed(
                ConfigurationChange(id: 1, action: action, ifConfigurationIndex: nil)))
        return leader.changeOutcome
    }

    /// Leads A and B; has just added D, and committed that.
    private func leaderWithJoiner() -> Subject {
        var leader = Subject.leader(voters(A, B), terms: [1, 1, 1, 1])
        change(&leader, .addNonVoter(D, address: "a"))
        leader.persist()
        leader.accept(from: B, match: 6)
        return leader
    }

    @Test("Who has everything within an election timeout is caught up at once")
    func atOnce() {
        var leader = leaderWithJoiner()
        #expect(change(&leader, .promote(D)) == .notCaughtUp)
        leader.accept(from: D, match: 6, session: 6)
        #expect(change(&leader, .promote(D)) == .accepted(LogIndex(7), term: Term(2)))
    }

    @Test("D10: a round that took too long is followed by another, until one is short")
    func rounds() {
        var leader = leaderWithJoiner()
        leader.step(.proposed([[1]]), after: .milliseconds(300))
        leader.persist()
        leader.accept(from: B, match: 7)
        leader.accept(from: D, match: 3, session: 6)
        #expect(change(&leader, .promote(D)) == .notCaughtUp)
        leader.step(.unreachable(E), after: .milliseconds(400))
        leader.accept(from: B, match: 7)
        leader.accept(from: D, match: 6, session: 6)
        #expect(change(&leader, .promote(D)) == .notCaughtUp, "700 ms: a new round to 7 begins")
        leader.step(.unreachable(E), after: .milliseconds(400))
        leader.accept(from: D, match: 7, session: 6)
        #expect(change(&leader, .promote(D)) == .accepted(LogIndex(8), term: Term(2)))
    }

    @Test("Who went silent is not caught up any more")
    func silent() {
        var leader = leaderWithJoiner()
        leader.accept(from: D, match: 6, session: 6)
        #expect(leader.core.progress.last?.isCaughtUp == true)
        for _ in 0..<11 {
            leader.step(.ticked, after: .milliseconds(50))
            leader.accept(from: B, match: 6)
        }
        #expect(leader.core.progress.last?.isCaughtUp == false)
        #expect(change(&leader, .promote(D)) == .notCaughtUp)
    }

    @Test("D10: a joiner that is far behind stops nobody, and votes in the end")
    func farBehind() throws {
        var cluster = Cluster(seed: 10, voters: 2, spares: 1)
        cluster.snapshotEvery = 1 << 20
        let leader = try cluster.elect()
        for _ in 0..<100 {
            cluster.input(.proposed([[UInt8]](repeating: [1], count: 100)), to: leader)
            cluster.run(for: .milliseconds(10))
        }
        cluster.run(for: .seconds(1))
        propose(&cluster, .addNonVoter(C, address: "c"), at: leader)
        cluster.run(for: .milliseconds(20))
        propose(&cluster, .promote(C), at: leader)
        #expect(cluster.servers[leader].core?.configuration.voterCount == 2)
        let before = cluster.committedMax
        cluster.input(.proposed([[2]]), to: leader)
        cluster.run(for: .milliseconds(20))
        #expect(cluster.committedMax > before)
        cluster.run(for: .seconds(5))
        propose(&cluster, .promote(C), at: leader)
        #expect(cluster.servers[leader].core?.configuration.voterCount == 3)
    }

    private func propose(
        _ cluster: inout Cluster, _ action: ConfigurationChange.Action, at leader: Int
    ) {
        let change = ConfigurationChange(id: 1, action: action, ifConfigurationIndex: nil)
        cluster.input(.changeProposed(change), to: leader)
    }

    // MARK: - D08

    @Test("D08: leadership goes to an incoming voter while joint, and to nobody who is leaving")
    func transferWhileJoint() {
        var leader = Subject.leader(voters(A, B, C, nonVoters: [D]))
        change(&leader, .replace(voters(B, D).servers))
        leader.step(.transferRequested(to: C))
        #expect(leader.transferOutcome == .notVoter)
        leader.step(.transferRequested(to: D))
        leader.persist()
        leader.accept(from: D, match: 3)
        let request = Message.timeoutNow(TimeoutNow(term: Term(2)))
        #expect(leader.sent.contains { $0.to == D && $0.message == request })
        #expect(change(&leader, .demote(D)) == .refused(.transferring))

        leader.accept(from: B, match: 3)
        #expect(leader.core.commitIndex == LogIndex(3))
        #expect(leader.core.configuration.isJoint, "the log stands still for the target")
    }

    @Test("D08: a transfer that fails does not keep the joint state")
    func transferFails() {
        var leader = Subject.leader(voters(A, B, C, nonVoters: [D]))
        change(&leader, .replace(voters(B, D).servers))
        leader.step(.transferRequested(to: D))
        leader.persist()
        for _ in 0..<11 {
            for server in [B, C] { leader.accept(from: server, match: 3) }
            leader.accept(from: D, match: 2)
            leader.step(.ticked, after: .milliseconds(50))
        }
        #expect(leader.core.configuration.isJoint && leader.role == .leader)
        leader.accept(from: D, match: 3)
        #expect(leader.core.configuration == voters(B, D))
    }

    @Test("D08: a leader is replaced by another in one change", arguments: [false, true])
    func replaceLeader(isTransferred: Bool) throws {
        var cluster = Cluster(seed: 8, voters: 3, spares: 1)
        let old = try cluster.elect()
        cluster.run(for: .seconds(1))
        let id = cluster.servers[old].id
        propose(&cluster, .addNonVoter(D, address: "a"), at: old)
        cluster.run(for: .seconds(1))
        var servers = try #require(cluster.servers[old].core).configuration.servers
        servers.removeAll { $0.id == id }
        for position in servers.indices { servers[position].role = .voter }
        propose(&cluster, .replace(servers), at: old)
        if isTransferred { cluster.input(.transferRequested(to: D), to: old) }
        cluster.run(for: .seconds(2))
        let new = try cluster.elect()

        #expect(new != old && (!isTransferred || cluster.servers[new].id == D))
        #expect(cluster.servers[new].core?.configuration == Configuration(servers: servers))
        #expect(cluster.servers[new].core?.isConfigurationCommitted == true)
        #expect(cluster.servers[old].core?.deadline == nil, "the old one cannot campaign")
    }

    // MARK: - D11

    @Test(
        "D11: from one voter to three and back, with a crash at any step", arguments: 0..<7, 0..<3)
    func growAndShrink(crashStep: Int, victim: Int) throws {
        var cluster = Cluster(seed: UInt64(crashStep * 3 + victim), voters: 1, spares: 2)
        let steps: [ConfigurationChange.Action] = [
            .addNonVoter(B, address: "b"), .promote(B), .addNonVoter(C, address: "c"),
            .promote(C), .remove(C), .demote(B), .remove(B),
        ]
        cluster.run(for: .seconds(1))
        for (number, action) in steps.enumerated() {
            let leader = try cluster.elect()
            cluster.input(.proposed([[UInt8(number)]]), to: leader)
            propose(&cluster, action, at: leader)
            if number == crashStep {
                cluster.run(for: .microseconds(number * 400))
                cluster.crash(victim)
                cluster.run(for: .milliseconds(700))
                cluster.start(victim)
            }
            cluster.run(for: .seconds(3))
            if let core = cluster.servers[try cluster.elect()].core, !core.has(action) {
                propose(&cluster, action, at: try cluster.elect())
                cluster.run(for: .seconds(2))
            }
        }
        let core = try #require(cluster.servers[try cluster.elect()].core)
        #expect(core.configuration.servers.map(\.id) == [A])
        #expect(core.isConfigurationCommitted && core.commitIndex == core.lastIndex)
    }
}

extension RaftCore {
    /// Whether the change has taken place.
    fileprivate func has(_ action: ConfigurationChange.Action) -> Bool {
        switch action {
        case .addNonVoter(let id, _): configuration.contains(id)
        case .promote(let id): configuration.isVoter(id)
        case .demote(let id): !configuration.isVoter(id)
        case .remove(let id): !configuration.contains(id)
        case .replace(let servers): configuration == Configuration(servers: servers)
        }
    }
}
