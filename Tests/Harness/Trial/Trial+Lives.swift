// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletServer
import MartletSimulation
import MartletStorage

/// Who is up, and what the trial does about those who are not.
struct Lives {
    enum Ending {
        case kill
        case powerCut
        case farewell(isLeaving: Bool)
    }

    var lookAt: Duration = .milliseconds(250)
    /// By number of the host: when it is started again.
    var restartAt: [Int: Duration] = [:]
    /// Who is saying farewell, and those of them who have.
    var stopping: Set<Int> = []
    var stopped: Set<Int> = []
    /// Ids whose disks are gone: to be removed from the configuration.
    var lost: [ServerID] = []
    /// When a voter was last taken out on purpose.
    var shrunkAt: Duration = .zero
}

extension SimulatedCluster.Node {
    var isDown: Bool { door == nil || !host.isRunning }
}

extension Trial {
    /// How long a server that failed by itself stays down: what a supervisor takes.
    private static let restartDelay: Duration = .seconds(1)
    private static let shrinkPause: Duration = .seconds(4)

    /// What a look found last.
    var leader: Node? { nodes.first { isLeader($0) } }

    private func isLeader(_ node: Node) -> Bool {
        cluster.glance(at: node)?.status.role == .leader
    }

    func name(of id: ServerID) -> String {
        nodes.first { $0.id == id }?.name ?? "\(id)"
    }

    func anyNode(_ generator: inout SplitMix64) -> Node {
        nodes[Int.random(in: 0..<nodes.count, using: &generator)]
    }

    func anyRunning(_ generator: inout SplitMix64) -> Node? {
        let running = nodes.filter { !$0.isDown }
        return running.isEmpty
            ? nil : running[Int.random(in: 0..<running.count, using: &generator)]
    }

    /// Half the time whoever leads: that is where faults hurt.
    func leaderOrAny(_ generator: inout SplitMix64) -> Node? {
        let other = anyRunning(&generator)
        return Bool.random(using: &generator) ? leader ?? other : other
    }

    func change(_ action: ConfigurationChange.Action, at node: Node) {
        switch action {
        case .demote, .replace, .remove: lives.shrunkAt = world.now
        default: break
        }
        guard let door = node.door, !node.isDown, !node.host.isPaused else { return }
        node.host.perform { door.assumeIsolated { $0.change(action) } }
    }

    func takeDown(_ node: Node, by ending: Lives.Ending) {
        guard !node.isDown else { return }
        switch ending {
        case .kill: cluster.kill(node)
        case .powerCut: cluster.cutPower(of: node)
        case .farewell(let isLeaving):
            if isLeaving { lives.shrunkAt = world.now }
            guard let door = node.door, !node.host.isPaused else { return cluster.kill(node) }
            let number = node.host.number
            lives.stopping.insert(number)
            let done = UncheckedBox(value: { [unowned self] in _ = lives.stopped.insert(number) })
            node.host.perform {
                door.assumeIsolated { $0.stop(isLeaving: isLeaving) { done.value() } }
            }
        }
    }

    func bringUp(_ node: Node) {
        let number = node.host.number
        lives.restartAt[number] = nil
        if lives.stopping.contains(number) { endFarewell(of: node) }
        guard node.isDown else { return }
        if node.host.isRunning { cluster.kill(node) }
        note("\(node.name)  starts")
        cluster.observer = isStranger(node) ? former?.monitor : monitor
        cluster.start(node)
    }

    private func endFarewell(of node: Node) {
        lives.stopping.remove(node.host.number)
        lives.stopped.remove(node.host.number)
        cluster.kill(node)
        note("\(node.name)  stopped")
    }

    /// Whether the others can go on without this one, and remove it.
    func canSpare(_ node: Node, ofVoters voters: Int = 4) -> Bool {
        guard areDisksWhole, world.now - lives.shrunkAt > Self.shrinkPause,
            operatorClients.isEmpty, let leader, leader !== node, node.id != nil,
            let view = cluster.glance(at: leader)
        else { return false }
        return view.isConfigurationCommitted && !view.configuration.isJoint
            && view.configuration.voterCount >= voters
    }

    /// While a disk is damaged or gone, nobody takes other servers away: what is lost with it must
    /// stay within what the others can repair.
    var areDisksWhole: Bool {
        lives.lost.isEmpty
            && nodes.allSatisfy { !$0.host.disk.isDamaged && !$0.host.disk.isRecovering }
    }

    /// Takes a server's disk away for good: it comes back as a stranger.
    func replaceDisk(of node: Node) -> Bool {
        guard canSpare(node) else { return false }
        takeDown(node, by: .powerCut)
        loseDisk(of: node)
        return true
    }

    private func loseDisk(of node: Node) {
        if node.host.isRunning { cluster.cutPower(of: node) }
        node.host.disk.wipe()
        // It is to join what is there, and to found nothing.
        node.options.bootstrapExpect = 0
        if let id = node.id { lives.lost.append(id) }
        node.id = nil
    }

    /// Every so often: what stopped is ended, what failed is started again, whose disk is lost is
    /// removed.
    func look() {
        endLostRestores()
        for node in nodes {
            let number = node.host.number
            if lives.stopped.contains(number) {
                endFarewell(of: node)
            } else if !node.host.isRunning, node.door != nil || node.startFailure != nil {
                // It crashed by itself, at a storage step.
                note("\(node.name)  crashed")
                takeNote(ofFailed: node)
            } else if node.host.isRunning, node.startFailure != nil {
                note("\(node.name)  cannot start: \(node.startFailure.map { "\($0)" } ?? "")")
                replaceDiskIfHopeless(of: node)
                cluster.kill(node)
                takeNote(ofFailed: node)
            } else if let view = cluster.glance(at: node), let failure = view.failure,
                !lives.stopping.contains(number)
            {
                note("\(node.name)  out of service: \(failure)")
                cluster.kill(node)
                takeNote(ofFailed: node)
            }
            if let time = lives.restartAt[number], time <= world.now { bringUp(node) }
        }
        removeLost()
    }

    /// What an operator does with a server that says that nobody can refill it, when there are others:
    /// a new disk, and the old id is removed.
    private func replaceDiskIfHopeless(of node: Node) {
        switch node.startFailure {
        case .onlyCopy: loseDisk(of: node)
        case .nobodyKnowsWho, .twoServers, .twoLayouts, .notMoved, .recovery:
            fail(
                Violation(
                    "repair",
                    "\(node.name) does not start: \(node.startFailure.map { "\($0)" } ?? "")"))
        case .store, nil: break
        }
    }

    private func takeNote(ofFailed node: Node) {
        cluster.forget(node)
        lives.stopping.remove(node.host.number)
        lives.stopped.remove(node.host.number)
        lives.restartAt[node.host.number] = world.now + Self.restartDelay
    }

    private func removeLost() {
        guard let id = lives.lost.first, let leader, let view = cluster.glance(at: leader) else {
            return
        }
        if view.configuration.contains(id) {
            change(.remove(id), at: leader)
        } else if view.isConfigurationCommitted {
            lives.lost.removeFirst()
        }
    }

    /// Everybody runs, and with the newest version: an older one cannot refill a server that lost its
    /// stores.
    func reviveAll() {
        for node in members {
            let isOld = node.options.peerProtocolMax < TrialShape.newestProtocol
            node.options.peerProtocolMax = TrialShape.newestProtocol
            if lives.stopping.contains(node.host.number) { endFarewell(of: node) }
            if !isOld, node.door != nil, node.host.isRunning,
                cluster.glance(at: node)?.failure == nil
            {
                continue
            }
            cluster.kill(node)
            bringUp(node)
        }
        lives.restartAt = [:]
    }
}
