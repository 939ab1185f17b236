// SPDX-License-Identifier: Apache-2.0
import MartletSimulation

extension Nemesis {
    /// What lies between the servers. Streams hide loss and reordering, so that these show as
    /// delays and stalls; partitions and resets show as they are.
    static let network: [Nemesis] = [
        partition("partition: one alone") { trial, generator in
            let one = trial.anyNode(&generator)
            return trial.ways { $0 === one || $1 === one }
        },
        partition("partition: two parts") { trial, generator in
            let part = trial.nodes.shuffled(using: &generator).prefix(
                Int.random(in: 1..<trial.nodes.count, using: &generator))
            let isInside = { (node: SimulatedCluster.Node) in part.contains { $0 === node } }
            return trial.ways { isInside($0) != isInside($1) }
        },
        // Each sees its neighbours, a majority; no two see the same one.
        partition("partition: ring") { trial, generator in
            let ring = trial.nodes.shuffled(using: &generator)
            let place = { (node: SimulatedCluster.Node) in
                ring.firstIndex { $0 === node } ?? 0
            }
            let reach = max(1, ring.count / 4)
            return trial.ways {
                let distance = abs(place($0) - place($1))
                return min(distance, ring.count - distance) > reach
            }
        },
        partition("partition: nothing reaches one") { trial, generator in
            let one = trial.anyNode(&generator)
            return trial.ways { $1 === one }
        },
        partition("partition: nothing leaves one") { trial, generator in
            let one = trial.anyNode(&generator)
            return trial.ways { from, _ in from === one }
        },
        // As in Cloudflare's outage of 2020: the leader and one server lose each other, and both
        // see all the rest.
        partition("partition: leader and some") { trial, generator in
            guard let leader = trial.leader else { return [] }
            let others = trial.nodes.filter { $0 !== leader }.shuffled(using: &generator)
            let lost = others.prefix(
                Int.random(in: 1...max(1, others.count / 2), using: &generator))
            let isLost = { (node: SimulatedCluster.Node) in lost.contains { $0 === node } }
            return trial.ways { ($0 === leader && isLost($1)) || ($1 === leader && isLost($0)) }
        },
        // What it is written cannot be committed: tails of logs that differ.
        Nemesis("partition: leader alone, written to", weight: 3) { trial, generator in
            guard let leader = trial.leader else { return .missed }
            let companions = trial.others(leader, &generator)
            let end = trial.isolate(leader, with: companions, aimed: 4)
            let names = ([leader] + companions).map(\.name).joined(separator: " ")
            return .lasting(names, end: end)
        },
        Nemesis("connections reset") { trial, generator in
            let one = trial.anyNode(&generator)
            let other = trial.anyNode(&generator)
            trial.world.network.resetConnections(between: one.host, and: other.host)
            return .done("between \(one.name) and \(other.name)")
        },
        Nemesis("leader's connections reset") { trial, _ in
            guard let leader = trial.leader else { return .missed }
            for node in trial.nodes where node !== leader {
                trial.world.network.resetConnections(between: leader.host, and: node.host)
            }
            return .done("of \(leader.name)")
        },
        network("segments lost or overtaken") { network, generator in
            network.segmentLoss = Double.random(in: 0.01...0.3, using: &generator)
            network.datagramLoss = network.segmentLoss
            network.datagramDelay = network.segmentLoss
            network.datagramDuplication = network.segmentLoss / 2
            return "probability \(network.segmentLoss)"
        },
        network("slow network") { network, generator in
            let most = Int64.random(in: 5...400, using: &generator)
            network.latency = .milliseconds(most / 4)...(.milliseconds(most))
            return "\(network.latency)"
        },
        network("small segments") { network, generator in
            network.segmentBytesMax = Int.random(in: 1...64, using: &generator)
            network.fragmentation = 1
            return "at most \(network.segmentBytesMax) bytes"
        },
    ]

    private static func partition(
        _ name: String,
        ways: @escaping @Sendable (Trial, inout SplitMix64) -> [Trial.Way]
    ) -> Nemesis {
        Nemesis(name) { trial, generator in
            let ways = ways(trial, &generator)
            guard !ways.isEmpty else { return .missed }
            for way in ways { trial.block(way) }
            let text = ways.map { "\($0.from.name)>\($0.to.name)" }.joined(separator: " ")
            return .lasting(text) { for way in ways { trial.unblock(way) } }
        }
    }

    /// One condition of the whole network at a time, back to ``Trial/calmNetwork()`` afterwards.
    private static func network(
        _ name: String, set: @escaping @Sendable (SimulatedNetwork, inout SplitMix64) -> String
    ) -> Nemesis {
        Nemesis(name) { trial, generator in
            let text = set(trial.world.network, &generator)
            return .lasting(text) { trial.calmNetwork() }
        }
    }
}
