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

/// Places single instances on the best of a seeded sample, for comparison with Nomad in tests. It never
/// evicts.
struct SampledSearch {
    private let placer: Placer
    private let compiled: CompiledGroup

    init(_ placer: Placer, _ compiled: CompiledGroup) {
        self.placer = placer
        self.compiled = compiled
    }

    func place(_ request: PlacementRequest) -> PlacementOutcome {
        let sweep = GroupSweep(placer, compiled)
        defer { sweep.end() }
        let view = placer.view
        let ready = view.layout.slots.filter { view.isReady[Int($0)] && isInScope($0, sweep) }
        var limit = CandidateLimit(
            limit: CandidateLimit.limit(
                type: placer.job.type, nodes: ready.count, groupCount: compiled.group.count,
                looksFurther: !compiled.spreads.isEmpty || compiled.set.affinityWeights > 0,
                configured: placer.configuration.nodeLimitForFeasibilityChecks))
        let order = shuffled(ready, salt: UInt64(request.index))
        var isOpen = true
        for slot in order where isOpen {
            if let choice = sweep.choice(of: slot) {
                isOpen = limit.offer(Int(slot), score: choice.score)
            }
        }
        if isOpen { limit.finish() }
        guard let best = limit.best else { return .failed(sweep.failureMetric()) }
        var preferring = request
        preferring.preferredNode = view.nodes[best.index]?.value.id
        return sweep.place(preferring)
    }

    private func isInScope(_ slot: Int32, _ sweep: GroupSweep) -> Bool {
        let view = placer.view
        return sweep.set.lane(at: view.layout.positions[Int(slot)], view.layout)
            != FeasibleSet.outOfScope
    }

    private func shuffled(_ slots: [Int32], salt: UInt64) -> [Int32] {
        var sequence = SeededSequence(seed: Mix.combine(placer.seed, salt))
        var result = slots
        for index in stride(from: result.count - 1, to: 0, by: -1) {
            result.swapAt(index, sequence.next(below: index + 1))
        }
        return result
    }
}
