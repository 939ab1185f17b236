// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Which of the feasible nodes compete when nodes are sampled, as Nomad 1.1.2 does: the first few in a
/// random order. Those that score 0 or less are set aside, three at most, and come back only when the
/// source is empty.
package struct CandidateLimit: Sendable {
    package static let skippedMax = 3
    private let limit: Int
    private var seen = 0
    private var skipped: [Int] = []
    /// Index of the best option offered, and its score.
    package private(set) var best: (index: Int, score: Double)?

    package init(limit: Int) {
        self.limit = limit
    }

    /// How many options a job may look at.
    package static func limit(
        type: JobType, nodes: Int, groupCount: Int, looksFurther: Bool, configured: UInt64
    ) -> Int {
        if looksFurther {
            let bound = configured == 0 ? 100 : Int(clamping: configured)
            return max(groupCount, bound)
        }
        return type == .batch ? 2 : max(2, Exponentials.ceilLog2(nodes))
    }

    /// Offers the next option; false if no more are looked at.
    package mutating func offer(_ index: Int, score: Double) -> Bool {
        if score <= 0, skipped.count < Self.skippedMax {
            skipped.append(index)
            skippedScores.append(score)
            return true
        }
        take(index, score)
        return seen < limit
    }

    private var skippedScores: [Double] = []

    /// The source is empty: what was set aside competes for the places that are left.
    package mutating func finish() {
        for (index, score) in zip(skipped, skippedScores) where seen < limit { take(index, score) }
    }

    private mutating func take(_ index: Int, _ score: Double) {
        seen += 1
        if best.map({ score > $0.score }) ?? true { best = (index, score) }
    }
}

/// Places single instances on the best of a seeded sample: where the operator bounds how many nodes a job
/// with spreads or affinities is tried on, and for comparison with Nomad in tests. What finds no place so
/// is looked for everywhere, with evictions if they are allowed.
struct SampledSearch {
    private let placer: Placer
    private let compiled: CompiledGroup
    /// Slots of the nodes that the group may ask, in the order of the view.
    private let ready: [Int32]
    private let limit: Int

    init(_ placer: Placer, _ compiled: CompiledGroup) {
        self.placer = placer
        self.compiled = compiled
        let view = placer.view
        ready = view.layout.slots.filter { slot in
            view.rows[Int(slot)].isReady
                && compiled.set.lane(at: view.layout.positions[Int(slot)], view.layout)
                    != FeasibleSet.outOfScope
        }
        limit = CandidateLimit.limit(
            type: placer.job.type, nodes: ready.count, groupCount: compiled.group.count,
            looksFurther: compiled.looksFurther,
            configured: placer.configuration.nodeLimitForFeasibilityChecks)
    }

    func place(_ request: PlacementRequest) -> PlacementOutcome {
        let sweep = GroupSweep(placer, compiled)
        defer { sweep.end() }
        guard request.preferredNode == nil else { return sweep.place(request) }
        var limit = CandidateLimit(limit: limit)
        var sequence = SeededSequence(seed: Mix.combine(placer.seed, UInt64(request.index)))
        // Drawn as far as it is looked at: who takes five of ten thousand does not shuffle all of them.
        var order = ready
        var isOpen = true
        var drawn = 0
        while isOpen, drawn < order.count {
            order.swapAt(drawn, drawn + sequence.next(below: order.count - drawn))
            if let choice = sweep.choice(of: order[drawn]) {
                isOpen = limit.offer(Int(order[drawn]), score: choice.score)
            }
            drawn += 1
        }
        if isOpen { limit.finish() }
        guard let best = limit.best else { return sweep.place(request) }
        var preferring = request
        preferring.preferredNode = placer.view.nodes[best.index]?.value.id
        return sweep.place(preferring)
    }
}

extension CompiledGroup {
    /// Whether its instances have wishes, for which Nomad compares more nodes than otherwise.
    var looksFurther: Bool { !spreads.isEmpty || set.affinityWeights > 0 }
}
