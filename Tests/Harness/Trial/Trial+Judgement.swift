// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletRaft
import MartletServer
import MartletSimulation

extension Trial {
    /// The bound of the issue: 20 election timeouts.
    private var convergenceMax: Duration {
        nodes[0].options.timing.electionTimeout * 20
    }

    /// Liveness: with all faults gone there is a leader, and everybody is where it is.
    func converge() {
        let end = world.now + convergenceMax
        while world.now < end, !isOver {
            advance(to: world.now + .milliseconds(100))
            if hasConverged() {
                note("converged")
                return
            }
        }
        guard !isOver else { return }
        let views = members.map { node in
            guard let view = cluster.glance(at: node) else { return "\(node.name) is down" }
            return "\(node.name) \(view.status.role) \(view.status.term) commit "
                + "\(view.commitIndex) of \(view.configuration.voterCount) voters"
        }
        fail(
            Violation(
                "liveness",
                "no agreement \(convergenceMax) after the faults ended: "
                    + views.joined(separator: "; ")))
    }

    private func hasConverged() -> Bool {
        let views = members.map { cluster.glance(at: $0) }
        guard let leader = views.compactMap({ $0 }).first(where: { $0.status.role == .leader }),
            lives.lost.isEmpty
        else { return false }
        return views.allSatisfy { view in
            guard let view else { return false }
            return view.status.term == leader.status.term && view.status.leader == leader.id
                && view.commitIndex == leader.commitIndex && view.failure == nil
        }
    }

    /// One last write to each register, then every server is asked, and the history is judged.
    func judge() {
        for _ in 0..<(members.count + 2) where !recorder.hasAnsweredLast {
            // A connection that a crash left behind costs a try, and a client may have one to each
            // server; a leader whose disk is only just back costs another.
            for client in clients { client.ask(.last) }
            settle()
            advance(to: world.now + .milliseconds(500))
        }
        for client in clients.prefix(1) { client.askEverybody() }
        settle()
        guard !isOver else { return }
        if let found = former?.recorder.verdict() ?? recorder.verdict() { return fail(found) }
        checkStrangers()
        guard recorder.hasAnsweredLast else {
            return fail(Violation("liveness", "no write succeeds although all servers agree"))
        }
    }

    /// Until no client waits for an answer.
    private func settle() {
        let end = world.now + .seconds(12)
        while world.now < end, !isOver, clients.contains(where: \.isWaiting) {
            advance(to: world.now + .milliseconds(50))
        }
    }
}
