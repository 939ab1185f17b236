// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletRaft
import MartletServer
import MartletSimulation

/// Faults that wait for a moment: a fault at any time rarely falls between a vote and the first
/// entry of a term, and that is where the mistakes are.
struct Ambushes {
    struct Ambush {
        let number: Int
        let name: String
        /// How often it strikes before it is over.
        var left: Int
        /// Called between the event in which the server was seen and the next one.
        let strike: (SimulatedCluster.Node, Sighting) -> Void
    }

    /// One kind of sighting is looked for at a time: the newest ambush's.
    fileprivate var present: Ambush?
}

extension Trial {
    /// - Parameter kind: what a server must have done to be struck.
    func lieInWait(
        for kind: Sighting.Kind, _ ambush: Ambushes.Ambush
    ) {
        ambushes.present = ambush
        monitor.watchedFor = kind
    }

    func endAmbushes() {
        ambushes.present = nil
        monitor.watchedFor = nil
    }

    func endAmbush(_ number: Int) {
        guard ambushes.present?.number == number else { return }
        endAmbushes()
    }

    func spring(at sighting: Sighting) {
        guard var ambush = ambushes.present,
            let node = nodes.first(where: { $0.id == sighting.server || isHome(sighting, $0) })
        else { return }
        ambush.left -= 1
        if ambush.left == 0 { endAmbush(ambush.number) } else { ambushes.present = ambush }
        note("ambush \(ambush.number): \(node.name): \(sighting.kind): \(ambush.name)")
        ambush.strike(node, sighting)
    }

    private func isHome(_ sighting: Sighting, _ node: Node) -> Bool {
        node.id == nil && cluster.glance(at: node)?.id == sighting.server
    }

    /// A majority of all servers without this one, or a little less or more: who is left with it.
    func others(_ node: Node, _ generator: inout SplitMix64) -> [Node] {
        let others = nodes.filter { $0 !== node && !$0.isDown }.shuffled(using: &generator)
        let most = max(0, others.count / 2)
        return Array(others.prefix(Int.random(in: 0...most, using: &generator)))
    }

    /// Cuts a server and its companions off from all others; clients go on writing there.
    ///
    /// - Returns: what ends it.
    func isolate(_ node: Node, with companions: [Node], aimed count: Int) -> () -> Void {
        let isInside = { (other: Node) in
            other === node || companions.contains { $0 === other }
        }
        let ways = ways { isInside($0) != isInside($1) }
        for way in ways { block(way) }
        let place = nodes.firstIndex { $0 === node }
        let aimed = clients.filter { $0.aim == nil }.prefix(count)
        for client in aimed { client.aim = place }
        return { [unowned self] in
            for way in ways { unblock(way) }
            for client in aimed { client.aim = nil }
        }
    }
}

extension Nemesis {
    /// What is done to a server in the very moment in which it did something.
    static let ambush: [Nemesis] =
        Sighting.Kind.allCases.map { kind in
            Nemesis("ambush: \(kind)") { trial, generator in
                let left = Int.random(in: 1...4, using: &generator)
                lay(for: kind, trial, &generator, left: left)
                return .lasting("up to \(left) times") { [number = trial.faultNumber] in
                    trial.endAmbush(number)
                }
            }
        }

    private static func lay(
        for kind: Sighting.Kind, _ trial: Trial, _ generator: inout SplitMix64, left: Int
    ) {
        var choices = SplitMix64(seed: generator.next())
        let number = trial.faultNumber
        let way = Int.random(in: 0..<Self.ways.count, using: &generator)
        let (name, strike) = ways[way]
        trial.lieInWait(
            for: kind,
            Ambushes.Ambush(number: number, name: name, left: left) { [unowned trial] node, _ in
                // Soon, so that a chain of short terms grows.
                let lasts = Duration.milliseconds(Int64.random(in: 30...2_500, using: &choices))
                if let end = strike(trial, node, &choices) {
                    trial.after(lasts, number, name, end)
                }
            })
    }

    private typealias Surprise =
        @Sendable (Trial, SimulatedCluster.Node, inout SplitMix64) -> (() -> Void)?

    private static let ways: [(name: String, strike: Surprise)] = [
        (
            "killed",
            { trial, node, _ in
                trial.takeDown(node, by: .kill)
                return { trial.bringUp(node) }
            }
        ),
        (
            "power cut at a storage step",
            { trial, node, generator in
                node.host.disk.crash(
                    atStep: UInt64.random(in: 1...4, using: &generator),
                    isDone: Bool.random(using: &generator))
                return nil
            }
        ),
        (
            "cut off with some, and written to",
            { trial, node, generator in
                trial.isolate(node, with: trial.others(node, &generator), aimed: 4)
            }
        ),
        (
            "deaf",
            { trial, node, _ in
                let ways = trial.ways { $1 === node }
                for way in ways { trial.block(way) }
                return { for way in ways { trial.unblock(way) } }
            }
        ),
        (
            "mute",
            { trial, node, _ in
                let ways = trial.ways { from, _ in from === node }
                for way in ways { trial.block(way) }
                return { for way in ways { trial.unblock(way) } }
            }
        ),
        (
            "paused",
            { trial, node, _ in
                node.host.pause()
                return { node.host.resume() }
            }
        ),
        (
            "disk slow",
            { trial, node, _ in
                node.host.laneLatency = .milliseconds(20)...(.milliseconds(200))
                return { node.host.laneLatency = node.host.options.laneLatency }
            }
        ),
        (
            "another is given leadership",
            { trial, node, generator in
                guard let id = trial.anyNode(&generator).id else { return nil }
                trial.operate(.put, "/v1/operator/raft/transfer-leadership?id=\(id)", &generator)
                return nil
            }
        ),
        (
            "a saved state is restored there",
            { trial, node, _ in
                guard let saved = trial.lastSaved ?? trial.save(at: node) else { return nil }
                trial.restore(saved, at: node)
                return nil
            }
        ),
        (
            "restarted at once",
            { trial, node, _ in
                trial.takeDown(node, by: .powerCut)
                trial.bringUp(node)
                return nil
            }
        ),
    ]
}
