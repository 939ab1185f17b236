// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletServer
import MartletSimulation

/// The end of a trial in which a majority is lost for good, in the middle of everything, and an
/// operator makes a cluster of those that are left (ADR 0016).
///
/// ```
///   28 s              within 8 s                          40 s
///   ├── all stop; ────┼── survivors start; empty servers ──┼── must converge: the members; what the
///   │   peers.json    │   join; some that were lost come   │   survivors had of what was
///   │   for the few   │   back with what they had; clients │   acknowledged is still there
/// ```
///
/// What only lost servers had may be gone, and versions of it may be made anew: so each life has a
/// history and a monitor of its own, and the second begins with what the first had committed and a
/// survivor holds.
struct SecondLife {
    /// Who is in it, or joins: the others are strangers, or down.
    let members: [SimulatedCluster.Node]
    let strangers: [SimulatedCluster.Node]
}

extension Trial {
    private static let secondLifeLasts: Duration = .seconds(12)

    /// Whether there was one: not while a disk is damaged or gone, nor where nobody could be lost.
    func liveTwice() -> Bool {
        var generator = SplitMix64(seed: settings.seed ^ 0x7365_636F_6E64_2121)
        guard areDisksWhole, let survivors = survivors(&generator) else { return false }
        let (others, quorum) = othersOfOldLife(survivors)
        stopEverything()
        guard let founders = recover(survivors, &generator) else { return false }
        let strangers = powerless(
            Array(
                others.filter(hasLog).shuffled(using: &generator).prefix(
                    Int.random(in: 0..<quorum, using: &generator))))
        let members = nodes.filter { node in !strangers.contains { $0 === node } }
        for node in members where !founders.contains(where: { $0 === node }) { empty(node) }
        begin(SecondLife(members: members, strangers: strangers), founders)
        schedule(members, strangers, founders, &generator)
        advance(to: world.now + Self.secondLifeLasts)
        endFaults()
        return true
    }

    // MARK: The end of the first

    /// A minority of the voters, as far as anybody knows them.
    private func survivors(_ generator: inout SplitMix64) -> [Node]? {
        let views = nodes.compactMap { cluster.glance(at: $0) }
        guard let view = views.max(by: { $0.commitIndex < $1.commitIndex }) else { return nil }
        let voters = nodes.filter { $0.id.map(view.configuration.isVoter) == true }
        let most = (view.configuration.voterCount - 1) / 2
        guard most > 0, voters.count == view.configuration.voterCount else { return nil }
        let count = Int.random(in: 1...most, using: &generator)
        return Array(voters.shuffled(using: &generator).prefix(count))
    }

    /// Those that may come back as they were, and how many of them would be a majority if all had a vote.
    private func othersOfOldLife(_ survivors: [Node]) -> (others: [Node], quorum: Int) {
        let others = nodes.filter { node in
            node.id != nil && !survivors.contains { $0 === node }
        }
        return (others, max(1, (others.count + survivors.count) / 2))
    }

    /// As many of these as cannot elect a leader among themselves, by what is left on their disks: where they can,
    /// no majority is lost and the old life goes on.
    private func powerless(_ nodes: [Node]) -> [Node] {
        var left = nodes
        let configurations = nodes.compactMap { node in
            (try? cluster.folder(of: node).survey())?.configuration
        }
        while configurations.contains(where: { configuration in
            configuration.hasMajority { id in left.contains { $0.id == id } }
        }) {
            left.removeLast()
        }
        return left
    }

    private func stopEverything() {
        note("a majority is lost for good")
        calmDown()
        for node in nodes {
            if node.host.isRunning { cluster.cutPower(of: node) }
            cluster.forget(node)
            // An older version takes no empty server in, and is not taken in.
            node.options.peerProtocolMax = TrialShape.newestProtocol
        }
        endLostRestores()
        let lookAt = lives.lookAt
        lives = Lives()
        lives.lookAt = lookAt
    }

    /// By the guided form; in a share of the trials one voter is chosen, with the best log.
    private func recover(_ survivors: [Node], _ generator: inout SplitMix64) -> [Node]? {
        var founders = survivors
        var wish = RecoveryPlan.Wish()
        let chosen = founders[0]
        if Int.random(in: 0..<3, using: &generator) == 0, let id = chosen.id {
            wish.voters = ["\(id)"]
        }
        while !founders.isEmpty {
            do {
                let surveys = try founders.map { try cluster.folder(of: $0).survey() }
                let plan = try RecoveryPlan.make(from: surveys, wish)
                for node in founders { try cluster.folder(of: node).writePeersFile(of: plan) }
                note("recovered: \(founders.map(\.name).joined(separator: " ")), \(wish.voters)")
                return founders
            } catch let refusal as RecoveryPlan.Refusal where !wish.voters.isEmpty {
                note("refused: \(refusal.text)")
                wish.voters = []
            } catch let refusal as RecoveryPlan.Refusal where wish.peers.isEmpty {
                // One was removed, as far as the best of them knows.
                note("refused: \(refusal.text)")
                wish.peers = founders.compactMap { node in
                    node.id.map { "\($0)=\(node.peerAddress)" }
                }
            } catch let refusal as RecoveryPlan.Refusal {
                // One has no log yet.
                note("refused: \(refusal.text)")
                founders.removeLast()
                wish.peers = []
            } catch {
                fail(Violation("recovery", "\(founders.map(\.name)): \(error)"))
                return nil
            }
        }
        return nil
    }

    /// A new machine in the place of a lost one.
    private func empty(_ node: Node) {
        node.host.disk.wipe()
        node.options.bootstrapExpect = 0
        node.id = nil
    }

    /// Who has none has nothing of the old life either, and is welcome.
    private func hasLog(_ node: Node) -> Bool {
        guard let id = node.id, let survey = try? cluster.folder(of: node).survey() else {
            return false
        }
        var wish = RecoveryPlan.Wish()
        wish.peers = ["\(id)=\(node.peerAddress)"]
        return (try? RecoveryPlan.make(from: [survey], wish)) != nil
    }

    // MARK: The second

    private func begin(_ life: SecondLife, _ founders: [Node]) {
        let disks = founders.map(\.host.disk)
        let kept = monitor.committedPrefix { index, term in
            disks.contains { $0.holds(index, of: term) }
        }
        note("of \(monitor.committedIndex), \(kept) are left")
        let second = monitor.successor(after: kept)
        secondLife = life
        succeed(by: second, recorder.successor(after: kept.number), members: life.members)
    }

    private func schedule(
        _ members: [Node], _ strangers: [Node], _ founders: [Node], _ generator: inout SplitMix64
    ) {
        for node in nodes {
            let isFounder = founders.contains { $0 === node }
            let most = isFounder ? 2_000 : 8_000
            let isTorn = isFounder && Int.random(in: 0..<3, using: &generator) == 0
            let step = UInt64.random(in: 1...5, using: &generator)
            later(Nemesis.milliseconds(10...most, &generator)) { [unowned self] in
                if isTorn { node.host.disk.crash(atStep: step, isDone: step % 2 == 0) }
                bringUp(node)
            }
        }
        for _ in 0..<Int.random(in: 0...4, using: &generator) {
            guard let node = members.shuffled(using: &generator).first else { break }
            let back = Nemesis.milliseconds(20...1_500, &generator)
            let isKilled = Bool.random(using: &generator)
            later(Nemesis.milliseconds(2_500...10_000, &generator)) { [unowned self] in
                let struck = isKilled ? node : leader ?? node
                takeDown(struck, by: isKilled ? .kill : .powerCut)
                later(back) { [unowned self] in bringUp(struck) }
            }
        }
    }

    func isStranger(_ node: Node) -> Bool {
        secondLife?.strangers.contains { $0 === node } ?? false
    }

    /// Nobody of the old life is taken into the new one.
    func checkStrangers() {
        guard let strangers = secondLife?.strangers, let leader,
            let view = cluster.glance(at: leader)
        else { return }
        for node in strangers {
            if let id = node.id, view.configuration.contains(id) {
                fail(Violation("recovery", "\(node.name) is of the old life, and was taken in"))
            }
        }
    }
}
