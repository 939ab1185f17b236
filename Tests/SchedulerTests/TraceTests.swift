// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

/// Work of all sizes that comes and goes, on nodes with cards whose parts are given away: the shape of
/// the openb trace, which `Tools/schedule` replays itself.
@Suite("Traces") struct TraceTests {
    private static func addNodes(to world: World) {
        for number in 0..<24 {
            let cards = [0, 2, 4, 8][number % 4]
            world.node(cards == 2 ? 52_000 : 96_000, 393_216) { node in
                node.nodeClass = cards == 0 ? "cpu" : "gpu"
                // A card is a group of its own, of ten parts that may be shared.
                node.resources.devices = (0..<cards).map { card in
                    NodeDeviceGroup(
                        vendor: "nvidia", type: "gpu", name: "m-\(card)",
                        instances: (0..<10).map { NodeDevice(id: "\(card)/\($0)") })
                }
            }
        }
    }

    private static func job(_ number: Int, _ sequence: inout SeededSequence) -> Job {
        // Parts of one card, or whole cards.
        let asks = [[], [3], [5], [8], [10], [10], [10], [10, 10], [10, 10, 10, 10]]
        let cards = asks[sequence.next(below: asks.count)]
        let cpu = [2000, 4000, 8000, 12_000][sequence.next(below: 4)]
        return World.job(
            "p\(number)", cpu: cpu * max(1, cards.count),
            memory: 1024 * (1 + sequence.next(below: 40)), type: .batch
        ) { job in
            job.groups[0].tasks[0].resources.devices = cards.map {
                DeviceRequest(name: "nvidia/gpu", count: $0)
            }
        }
    }

    /// How many of the trace were placed.
    private func replay(seed: UInt64, _ options: PlacementOptions) -> Int {
        let world = World()
        world.options = options
        Self.addNodes(to: world)
        var sequence = SeededSequence(seed: seed)
        var placed = 0
        for number in 0..<300 {
            let job = Self.job(number, &sequence)
            placed += world.place(job, seed: UInt64(number)).placed.count
            if sequence.next(below: 8) == 0 {
                let ids = world.allocations.keys.sorted()
                if !ids.isEmpty { world.end(ids[sequence.next(below: ids.count)]) }
            }
            guard number % 10 == 0 else { continue }
            for node in world.nodes {
                let own = world.allocations.values.filter { $0.nodeID == node.id }
                let fault = RandomWorld.fault(of: node, Array(own))
                #expect(fault == nil, "after \(number) arrivals: \(node.name)")
            }
        }
        return placed
    }

    @Test(
        "J7: no state of a trace is over capacity, and in all more is placed than by Nomad's rule")
    func replay() {
        var sampled = PlacementOptions()
        sampled.search = .sampled
        sampled.packsDevices = false
        var (ours, theirs) = (0, 0)
        for seed: UInt64 in 1...5 {
            ours += replay(seed: seed, PlacementOptions())
            theirs += replay(seed: seed, sampled)
        }
        #expect(ours > theirs)
    }
}
