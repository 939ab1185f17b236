// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

/// A server makes its view once and a placer for each evaluation, for months: nothing may stay of either.
@Suite struct LifetimeTests {
    enum Search: CaseIterable {
        case plain, evicting, evictingInVain, sampled, sampledEvicting, system
    }

    @Test("Nothing keeps a placer or its view when it is done with", arguments: Search.allCases)
    func released(search: Search) {
        weak var view: ClusterView?
        weak var placer: Placer?
        let placed = evaluate(search) { (view, placer) = ($0, $1) }
        #expect(placed == (search == .evictingInVain ? 0 : 1))
        #expect(view == nil)
        #expect(placer == nil)
    }

    private func evaluate(_ search: Search, _ seen: (ClusterView, Placer) -> Void) -> Int {
        let world = World()
        world.configuration.preemptionConfig.serviceSchedulerEnabled = true
        let node = world.node()
        var cpu = 100
        if [.evicting, .evictingInVain, .sampledEvicting].contains(search) {
            let low = World.job("low", priority: search == .evictingInVain ? 75 : 20, cpu: 3950)
            world.run(low, on: node)
            cpu = 3000
        }
        if [.sampled, .sampledEvicting].contains(search) {
            world.configuration.nodeLimitForFeasibilityChecks = 1
        }
        let type = search == .system ? JobType.system : .service
        let job = World.job("high", priority: 80, cpu: cpu, type: type) { job in
            // Only those with wishes are sampled.
            job.groups[0].spreads = [Spread(attribute: "${node.unique.name}", weight: 50)]
        }
        var request = PlacementRequest(group: 0, index: 0)
        if search == .system { request.requiredNode = node.id }
        let placer = world.placer(job)
        seen(world.view, placer)
        let placed = placer.place([request]).placed.count
        placer.undo()
        return placed
    }
}
