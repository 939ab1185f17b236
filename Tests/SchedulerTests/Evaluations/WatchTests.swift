// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

/// A deployment of three instances, and what its watcher says, as text.
private struct Watched {
    var ids = IDSource(evaluationID: .id(1), snapshotIndex: 1, attempt: 1)
    var watcher = DeploymentWatcher()
    var view: DeploymentWatcher.View

    init() {
        var deployment = Deployment(id: .id(50), of: .fixture(count: 3))
        var state = DeploymentGroupState()
        state.desiredTotal = 3
        state.progressDeadline = .seconds(600)
        state.requireProgressByUnixNanoseconds = 600 * second
        deployment.groups["g"] = state
        view = DeploymentWatcher.View(deployment, job: Shared(.fixture(count: 3)))
    }

    mutating func group(_ change: (inout DeploymentGroupState) -> Void) {
        var state = view.deployment.groups["g"] ?? DeploymentGroupState()
        change(&state)
        view.deployment.groups["g"] = state
    }

    mutating func add(
        _ number: Int, isHealthy: Bool?, isCanary: Bool = false,
        _ status: Allocation.ClientStatus = .running
    ) {
        var allocation = Allocation(
            id: .id(number), evaluationID: .id(1), nodeID: .node(1), job: Shared(.fixture()),
            group: "g", index: number, resources: Shared(AllocatedResources()))
        allocation.deploymentID = view.deployment.id
        allocation.clientStatus = status
        allocation.deploymentStatus = AllocationHealth(isHealthy: isHealthy, isCanary: isCanary)
        view.allocations.append(Shared(allocation))
        group {
            if isCanary { $0.placedCanaries.append(.id(number)) }
            if isHealthy == true { $0.healthyAllocations += 1 }
        }
    }

    mutating func change(_ place: Int, _ change: (inout Allocation) -> Void) {
        var allocation = view.allocations[place].value
        change(&allocation)
        view.allocations[place] = Shared(allocation)
    }

    mutating func makeHealthy(_ place: Int) {
        change(place) { $0.deploymentStatus = AllocationHealth(isHealthy: true, isCanary: false) }
        group { $0.healthyAllocations += 1 }
    }

    /// - Parameter wall: what the clock on the wall shows; nil: the same.
    mutating func observe(at now: Int64 = 0, wall: Int64? = nil) -> [String] {
        watcher.observe(
            view, unixNanoseconds: (wall ?? now) * second, at: .seconds(now), ids: &ids
        ).map { command in
            switch command {
            case .promote(_, let groups, _): "promote \(groups.joined(separator: ","))"
            case .fail(let update, let target, _):
                "\(update.status): \(update.description)"
                    + (target.map { " (to \($0.value.version))" } ?? "")
            case .allowRescheduling(let ids, _): "reschedule \(ids.map(\.low))"
            case .evaluate(let evaluation):
                "\(evaluation.trigger.rawValue) of \(evaluation.deploymentID?.low ?? 0)"
            }
        }
    }
}

@Suite("H: deployments are watched") struct DeploymentWatcherTests {
    private let evaluated = ["deployment-watcher of 50"]

    @Test("What becomes healthy is a reason to go on, once")
    func progress() {
        var watched = Watched()
        #expect(watched.observe().isEmpty)
        watched.add(1, isHealthy: nil)
        #expect(watched.observe().isEmpty)
        watched.add(2, isHealthy: true)
        #expect(watched.observe() == evaluated)
        #expect(watched.observe().isEmpty)
        watched.add(3, isHealthy: true)
        #expect(watched.observe().isEmpty, "all are placed: nothing waits for it")
        watched.makeHealthy(0)
        #expect(watched.observe() == evaluated, "the end is to be written")
        #expect(watched.observe().isEmpty)
    }

    @Test("What has to leave its node waits for others to be healthy")
    func migrates() {
        var watched = Watched()
        for number in 1...3 { watched.add(number, isHealthy: nil) }
        watched.makeHealthy(0)
        #expect(watched.observe().isEmpty)
        watched.change(1) { $0.transition.migrate = true }
        #expect(watched.observe() == evaluated)
    }

    @Test("Canaries are promoted when all are healthy and all groups do so by themselves")
    func promotes() {
        var watched = Watched()
        watched.group {
            $0.desiredCanaries = 2
            $0.autoPromote = true
        }
        watched.add(1, isHealthy: true, isCanary: true)
        #expect(watched.observe() == evaluated, "one of two is not enough")
        watched.add(2, isHealthy: true, isCanary: true)
        var other = DeploymentGroupState()
        other.desiredCanaries = 1
        watched.view.deployment.groups["h"] = other
        #expect(watched.observe() == evaluated, "another group waits for a person")
        watched.view.deployment.groups["h"] = nil
        #expect(watched.observe() == ["promote g"])
    }

    @Test("A deployment that makes no progress in time fails, once")
    func deadline() {
        var watched = Watched()
        _ = watched.observe()
        #expect(watched.watcher.nextEventAt == .seconds(600))
        #expect(watched.observe(at: 599).isEmpty)
        #expect(watched.observe(at: 600) == ["failed: Failed due to progress deadline"])
        #expect(watched.observe(at: 601).isEmpty && watched.watcher.nextEventAt == nil)
    }

    /// One that was paused for longer than its deadline failed at the moment when it went on.
    @Test("A pause takes nothing of the time for progress", arguments: [false, true])
    func pause(isNewLeader: Bool) {
        var watched = Watched()
        #expect(watched.observe().isEmpty)
        watched.view.deployment.status = .paused
        #expect(watched.observe(at: 100).isEmpty && watched.watcher.nextEventAt == nil)
        #expect(watched.observe(at: 5000).isEmpty)
        watched.view.deployment.status = .running
        if isNewLeader { watched.watcher = DeploymentWatcher() }
        #expect(watched.observe(at: 5000).isEmpty)
        #expect(watched.watcher.nextEventAt == .seconds(5600))
        #expect(watched.observe(at: 5599).isEmpty && watched.watcher.nextEventAt == .seconds(5600))
        #expect(watched.observe(at: 5600) == ["failed: Failed due to progress deadline"])
    }

    @Test(
        "A server whose clock is ahead, or behind, fails nothing by taking over",
        arguments: [190_000, 10_000])
    func otherClock(now: Int64) {
        var watched = Watched()
        watched.group { $0.requireProgressByUnixNanoseconds = 100_600 * second }
        #expect(watched.observe(at: now).isEmpty)
        #expect(watched.watcher.nextEventAt == .seconds(now + 600))
        #expect(watched.observe(at: now + 599).isEmpty)
        watched.group { $0.requireProgressByUnixNanoseconds = (now + 800) * second }
        #expect(watched.observe(at: now + 600).isEmpty, "there was progress meanwhile")
        #expect(
            watched.observe(at: now + 800) == ["failed: Failed due to progress deadline"])
    }

    @Test("A clock that is set fails nothing, and puts nothing off", arguments: [-300, 3600])
    func clockIsSet(by jump: Int64) {
        var watched = Watched()
        #expect(watched.observe().isEmpty)
        #expect(watched.observe(at: 5, wall: 5 + jump).isEmpty)
        #expect(watched.watcher.due(at: .seconds(599)).isEmpty)
        #expect(watched.observe(at: 599, wall: 599 + jump).isEmpty)
        // What makes progress after that is written by the new clock.
        watched.group { $0.requireProgressByUnixNanoseconds = (599 + jump + 600) * second }
        #expect(watched.observe(at: 600, wall: 600 + jump).isEmpty)
        #expect(watched.observe(at: 1198, wall: 1198 + jump).isEmpty)
        #expect(watched.watcher.due(at: .seconds(1199)) == [.id(50)])
        #expect(
            watched.observe(at: 1199, wall: 1199 + jump)
                == ["failed: Failed due to progress deadline"])
    }

    @Test("Canaries that are healthy wait for a person without a deadline")
    func patience() {
        var watched = Watched()
        watched.group { $0.desiredCanaries = 1 }
        watched.add(1, isHealthy: true, isCanary: true)
        #expect(watched.observe(at: 9000) == evaluated)
        #expect(watched.watcher.nextEventAt == nil)
    }

    @Test("Without a deadline the first unhealthy instance fails it")
    func unhealthy() {
        var watched = Watched()
        watched.add(1, isHealthy: false)
        #expect(watched.observe().isEmpty)
        watched.group { $0.progressDeadline = .zero }
        #expect(watched.observe() == ["failed: Failed due to unhealthy allocations"])
    }

    static let reverts: [(stable: Job?, suffix: String)] = [
        (nil, " - no stable job version to auto revert to"),
        (
            .fixture(count: 3).with { $0.version = 4 },
            " - not rolling back to stable job version 4 as current job has same specification"
        ),
        (
            .fixture(count: 3, cpu: 7).with { $0.version = 4 },
            " - rolling back to job version 4 (to 4)"
        ),
    ]

    @Test("It goes back to the last stable version, if that is another one", arguments: reverts)
    func goesBack(_ stable: Job?, _ suffix: String) {
        var watched = Watched()
        watched.group { $0.autoRevert = true }
        watched.view.stableJob = stable.map { Shared($0) }

        _ = watched.observe()
        #expect(watched.observe(at: 600) == ["failed: Failed due to progress deadline" + suffix])
    }

    @Test("A paused deployment is not promoted and has no deadline; an ended one is forgotten")
    func paused() {
        var watched = Watched()
        watched.group {
            $0.desiredCanaries = 1
            $0.autoPromote = true
        }
        watched.add(1, isHealthy: true, isCanary: true)
        watched.view.deployment.status = .paused
        #expect(watched.observe(at: 9000).isEmpty && watched.watcher.nextEventAt == nil)
        watched.view.deployment.status = .successful
        #expect(watched.observe().isEmpty)
    }

    @Test("What failed while there is time may be placed again, and is told of once")
    func reschedules() {
        var watched = Watched()
        watched.add(1, isHealthy: nil, .failed)
        #expect(watched.observe() == ["reschedule [1]"])
        #expect(watched.observe().isEmpty)
    }
}

@Suite("H9: nodes are drained") struct NodeDrainerTests {
    private func node(
        _ number: Int, deadline: GoDuration = .zero, forcedAt: Int64 = 0, ignores: Bool = false
    ) -> Node {
        var node = Node.fixture(number)
        node.drain = DrainStrategy(
            deadline: deadline, ignoresSystemJobs: ignores,
            forceDeadlineUnixNanoseconds: forcedAt * second)
        node.eligibility = .ineligible
        return node
    }

    private func group(
        _ type: JobType, nodes: [Int], parallel: Int = 1, count: Int? = nil,
        _ change: (Int, inout Allocation) -> Void = { _, _ in }
    ) -> NodeDrainer.GroupView {
        var job = Job.fixture("j-\(type)", type, count: count ?? nodes.count)
        if type == .service { job.groups[0].migrate?.maxParallel = parallel }
        let shared = Shared(job)
        let kind = UInt64(10 + JobType.allCases.count * parallel) + UInt64(type.rawValue.count)
        let allocations = nodes.enumerated().map { index, node in
            var allocation = Allocation(
                id: .id(index, kind: kind), evaluationID: .id(1), nodeID: .node(node), job: shared,
                group: "g", index: index, resources: Shared(AllocatedResources()))
            allocation.clientStatus = .running
            allocation.modifyUnixNanoseconds = -3600 * second
            change(index, &allocation)
            return Shared(allocation)
        }
        return NodeDrainer.GroupView(job: shared, group: "g", allocations: allocations)
    }

    private func decide(
        _ nodes: [Node], _ groups: [NodeDrainer.GroupView], at now: Int64 = 0
    ) -> NodeDrainer.Decision {
        var ids = IDSource(evaluationID: .id(1), snapshotIndex: 1, attempt: 1)
        return NodeDrainer.decide(
            NodeDrainer.View(nodes: nodes, groups: groups), unixNanoseconds: now * second,
            ids: &ids)
    }

    @Test("A service leaves by so many at a time", arguments: [(1, 1), (2, 2), (9, 4)])
    func service(parallel: Int, leaving: Int) {
        let group = group(.service, nodes: [1, 1, 1, 1, 2], parallel: parallel)
        let decision = decide([node(1)], [group])

        #expect(decision.migrations.count == leaving)
        #expect(decision.evaluations.map(\.trigger) == [.nodeDrain])
        #expect(decision.evaluations.map(\.nodeID) == [.node(1)])
        #expect(decision.drained.isEmpty)
    }

    @Test("The next one leaves when the replacement is healthy")
    func next() {
        func decision(replacement: @escaping (inout Allocation) -> Void) -> NodeDrainer.Decision {
            let group = group(.service, nodes: [1, 1, 2], count: 2) { index, allocation in
                if index == 0 {
                    allocation.desiredStatus = .stop
                    allocation.transition.migrate = true
                }
                if index == 2 { replacement(&allocation) }
            }
            return decide([node(1)], [group])
        }
        #expect(decision { $0.clientStatus = .pending }.migrations.isEmpty)
        #expect(
            decision { $0.deploymentStatus = AllocationHealth(isHealthy: false) }
                .migrations.isEmpty)
        #expect(decision { _ in }.migrations.count == 1)
    }

    @Test("A replacement is healthy when it has run for its time, or was judged")
    func time() {
        func decision(
            at now: Int64, replacement: @escaping (inout Allocation) -> Void = { _ in }
        ) -> NodeDrainer.Decision {
            let group = group(.service, nodes: [1, 1, 2], count: 2) { index, allocation in
                if index == 0 {
                    allocation.desiredStatus = .stop
                    allocation.clientStatus = .complete
                }
                guard index == 2 else { return }
                allocation.modifyUnixNanoseconds = 100 * second
                replacement(&allocation)
            }
            return decide([node(1)], [group], at: now)
        }
        #expect(decision(at: 109).migrations.isEmpty)
        #expect(decision(at: 109).nextEventAt == 110 * second)
        #expect(decision(at: 110).migrations.count == 1)
        #expect(decision(at: 110).nextEventAt == nil)
        let judged = decision(at: 101) { $0.deploymentStatus = AllocationHealth(isHealthy: true) }
        #expect(judged.migrations.count == 1)
        #expect(decision(at: 99).migrations.count == 1, "the clock was set back")
        let pending = decision(at: 101) { $0.clientStatus = .pending }
        #expect(pending.migrations.isEmpty && pending.nextEventAt == nil, "no wait ends by itself")
    }

    @Test("One that is marked already is not counted as healthy, and not marked again")
    func marked() {
        let group = group(.service, nodes: [1, 1, 1]) { index, allocation in
            if index == 0 { allocation.transition.migrate = true }
        }
        #expect(decide([node(1)], [group]).migrations.isEmpty)
    }

    @Test("Batch work may end until the deadline; system jobs leave when nothing else is there")
    func order() {
        let batch = group(.batch, nodes: [1])
        let system = group(.system, nodes: [1])
        let drained = node(1, deadline: .seconds(60), forcedAt: 60)
        let before = decide([drained], [batch, system], at: 59)
        #expect(before.migrations.isEmpty && before.nextEventAt == 60 * second)
        let after = decide([drained], [batch, system], at: 60)
        #expect(after.migrations.count == 2 && after.nextEventAt == nil)

        let alone = decide([drained], [system])
        #expect(alone.migrations.count == 1)
        let done = group(.batch, nodes: [1]) { $1.clientStatus = .complete }
        #expect(decide([drained], [done, system]).migrations.count == 1)
    }

    @Test("At the deadline, or by force, all of a service leave together")
    func forced() {
        let group = group(.service, nodes: [1, 1, 1, 2])

        #expect(decide([node(1, deadline: .seconds(-1))], [group]).migrations.count == 3)
        let late = node(1, deadline: .seconds(5), forcedAt: 5)
        #expect(decide([late], [group], at: 5).migrations.count == 3)
    }

    @Test("System jobs stay where the drain ignores them, and do not keep the node")
    func ignored() {
        let system = group(.system, nodes: [1])
        let ignoring = node(1, deadline: .seconds(-1), ignores: true)
        let decision = decide([ignoring], [system])

        #expect(decision.migrations.isEmpty && decision.drained == [.node(1)])
    }

    @Test("A node is done when the last one has ended there, not when it was told to")
    func done() {
        let told = group(.service, nodes: [1]) { $1.desiredStatus = .stop }
        #expect(decide([node(1)], [told]).drained.isEmpty)
        let ended = group(.service, nodes: [1]) {
            $1.desiredStatus = .stop
            $1.clientStatus = .complete
        }
        #expect(decide([node(1), node(2)], [ended]).drained == [.node(1), .node(2)])
    }
}

@Suite("I5: heartbeats") struct HeartbeatTests {
    @Test(
        "The time to live grows with the cluster",
        arguments: [(1, 10, 20), (100, 10, 20), (1000, 20, 40), (10_000, 200, 400)])
    func timeToLive(nodes: Int, least: Int, most: Int) {
        let rule = HeartbeatRule()

        #expect(rule.timeToLive(nodes: nodes, random: 0) == .seconds(least))
        let longest = rule.timeToLive(nodes: nodes, random: .max)
        #expect(longest < .seconds(most) && longest > .seconds(most) - .seconds(1))
    }

    @Test("A node that is silent beyond its time and the grace is down, once")
    func missed() {
        var heartbeats = Heartbeats()
        let told = heartbeats.heard(.node(1), random: 0, at: .zero)
        _ = heartbeats.heard(.node(2), random: .max, at: .zero)
        #expect(told == .seconds(10) && heartbeats.nextEventAt == .seconds(20))
        #expect(heartbeats.advance(to: .seconds(19)).isEmpty)
        #expect(heartbeats.advance(to: .seconds(20)) == [.node(1)])
        #expect(heartbeats.advance(to: .seconds(29)).isEmpty && heartbeats.count == 1)
    }

    @Test("Each heartbeat begins the time anew; a forgotten node is never missed")
    func renewed() {
        var heartbeats = Heartbeats()
        for round in 0..<10 {
            _ = heartbeats.heard(.node(1), random: 0, at: .seconds(15 * round))
            #expect(heartbeats.advance(to: .seconds(15 * round + 14)).isEmpty)
        }
        heartbeats.forget(.node(1))
        #expect(heartbeats.nextEventAt == nil)
    }

    @Test("A new leader grants everybody five minutes")
    func failover() {
        var heartbeats = Heartbeats()
        heartbeats.begin(nodes: [.node(2), .node(1), .node(2)], at: .seconds(100))
        #expect(heartbeats.count == 2 && heartbeats.nextEventAt == .seconds(400))
        _ = heartbeats.heard(.node(1), random: 0, at: .seconds(399))
        #expect(heartbeats.advance(to: .seconds(400)) == [.node(2)])
    }
}
