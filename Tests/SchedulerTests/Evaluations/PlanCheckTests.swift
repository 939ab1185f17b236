// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("J: plans are checked node by node") struct PlanCheckTests {
    private func allocation(
        _ number: Int, node: Int = 1, job: Job = .fixture(), cpu: Int = 1000, ports: [Int] = [],
        devices: [String] = [], cores: [UInt16] = [], createIndex: UInt64 = 0
    ) -> Allocation {
        var resources = AllocatedResources()
        var task = AllocatedTask(name: "t", cpu: cpu, memoryMB: 100)
        task.reservedCores = cores
        if !devices.isEmpty {
            task.devices = [
                AllocatedDevice(vendor: "v", type: "gpu", name: "m", deviceIDs: devices)
            ]
        }
        resources.tasks = [task]
        resources.ports = ports.map {
            AllocatedPort(label: "p", value: $0, to: 0, hostIP: "10.0.0.1")
        }
        var allocation = Allocation(
            id: .id(number), evaluationID: .id(1), nodeID: .node(node), job: Shared(job),
            group: "g", index: number, resources: Shared(resources))
        allocation.createIndex = createIndex
        allocation.modifyIndex = createIndex
        return allocation
    }

    private func ledger(
        _ existing: [Allocation] = [], _ change: (inout Node) -> Void = { _ in }
    ) -> ClusterLedger {
        var ledger = ClusterLedger()
        for number in 1...2 {
            var node = Node.fixture(number)
            node.resources.reservableCores = [0, 1, 2, 3]
            node.resources.devices = [
                NodeDeviceGroup(
                    vendor: "v", type: "gpu", name: "m",
                    instances: [
                        NodeDevice(id: "a"), NodeDevice(id: "b"),
                        NodeDevice(id: "broken", isHealthy: false),
                    ])
            ]
            change(&node)
            node.modifyIndex = 20
            ledger.apply(node)
        }
        for allocation in existing { ledger.apply(allocation) }
        return ledger
    }

    private func plan(
        _ placements: [Allocation] = [], stops: [Allocation] = [], evictions: [Allocation] = []
    ) -> PlacementPlan {
        var plan = PlacementPlan(
            evaluationID: .id(1), token: .id(1), priority: 50, job: nil, snapshotIndex: 10)
        for node in [1, 2] {
            var part = PlacementPlan.NodePart(nodeID: .node(node))
            part.placements = placements.filter { $0.nodeID == .node(node) }
            part.stops = stops.filter { $0.nodeID == .node(node) }
                .map { PlacementPlan.Stop(Shared($0), description: "") }
            part.evictions = evictions.filter { $0.nodeID == .node(node) }
                .map { PlacementPlan.Eviction(Shared($0), by: placements.first?.id ?? .id(0)) }
            if !part.isEmpty { plan.nodes.append(part) }
        }
        return plan
    }

    private func check(
        _ plan: PlacementPlan, _ ledger: ClusterLedger, ahead: UInt64 = 0, known: Set<UniqueID> = []
    ) -> PlanCheck.Verdict {
        PlanCheck.check(plan, against: ledger, aheadIndex: ahead) { known.contains($0) }
    }

    @Test("What fits is done, whole")
    func whole() {
        let plan = plan([allocation(1, cpu: 4000), allocation(2, node: 2)])
        let verdict = check(plan, ledger())

        #expect(verdict.result.nodes == plan.nodes && verdict.result.refreshIndex == 0)
        #expect(verdict.refusals.isEmpty)
    }

    @Test("J1: the last room is given once, and the loser looks again at a newer state")
    func last() {
        var ledger = ledger()
        let first = check(plan([allocation(1, cpu: 3000)]), ledger)
        ledger.apply(first.result)
        let second = plan([allocation(2, cpu: 3000), allocation(3, node: 2)])
        let verdict = check(second, ledger, ahead: 31)

        #expect(verdict.refusals.map(\.reason) == ["cpu"])
        #expect(verdict.result.nodes.map(\.nodeID) == [.node(2)])
        #expect(verdict.result.rejectedNodes == [.node(1)])
        #expect(verdict.result.refreshIndex == 31)
        ledger.apply(allocation(1, cpu: 3000, createIndex: 31))
        #expect(check(second, ledger).result.refreshIndex == 31)
    }

    @Test("A node's part is refused as a whole, stops included")
    func part() {
        let running = allocation(1, cpu: 1000, createIndex: 5)
        let verdict = check(
            plan([allocation(2, cpu: 500), allocation(3, cpu: 4000)], stops: [running]),
            ledger([running]))

        #expect(verdict.result.nodes.isEmpty && verdict.result.rejectedNodes == [.node(1)])
    }

    @Test("What a plan stops, evicts or replaces makes room in it")
    func room() {
        let old = allocation(1, cpu: 3500, createIndex: 5)
        let new = allocation(2, cpu: 4000)
        #expect(check(plan([new]), ledger([old])).result.nodes.isEmpty)
        #expect(!check(plan([new], stops: [old]), ledger([old])).result.nodes.isEmpty)
        #expect(!check(plan([new], evictions: [old]), ledger([old])).result.nodes.isEmpty)
        var grown = old
        grown.resources = Shared(
            AllocatedResources(tasks: [.init(name: "t", cpu: 4000, memoryMB: 1)]))
        #expect(!check(plan([grown]), ledger([old])).result.nodes.isEmpty)
    }

    @Test("One that is stopped and evicted at once frees its room once")
    func once() {
        let old = allocation(1, cpu: 2000, createIndex: 5)
        let other = allocation(2, cpu: 2000, createIndex: 5)
        let plan = plan([allocation(3, cpu: 3000)], stops: [old], evictions: [old])

        #expect(check(plan, ledger([old, other])).result.nodes.isEmpty)
    }

    static let refused: [(String, @Sendable (inout Node) -> Void)] = [
        ("down", { $0.status = .down }), ("ineligible", { $0.eligibility = .ineligible }),
        ("draining", { $0.drain = DrainStrategy() }),
        ("initializing", { $0.status = .initializing }),
    ]

    @Test("J4: a node that is not ready takes nothing new, and lets go of all", arguments: refused)
    func notReady(_ name: String, _ change: @Sendable (inout Node) -> Void) {
        let running = allocation(1, createIndex: 5)
        let ledger = ledger([running], change)

        #expect(check(plan([allocation(2)]), ledger).result.nodes.isEmpty)
        #expect(check(plan(stops: [running]), ledger).result.nodes.count == 1)
        #expect(check(plan([running]), ledger).result.nodes.count == 1, "changed in place")
    }

    @Test("J4: a node that is gone takes nothing; what ended there may still be written down")
    func gone() {
        var ended = allocation(1, createIndex: 5)
        ended.clientStatus = .failed
        ended.followUpEvaluationID = .id(4)

        let verdict = check(plan([allocation(2)]), ClusterLedger())
        #expect(verdict.refusals.map(\.reason) == ["node does not exist"])
        #expect(verdict.result.refreshIndex > 0)
        #expect(check(plan([ended]), ClusterLedger()).result.nodes.count == 1)
    }

    @Test("J6: ports, devices and cores are given once")
    func claims() {
        let holder = allocation(
            1, cpu: 10, ports: [80], devices: ["a"], cores: [0], createIndex: 5)
        let ledger = ledger([holder])
        func reason(_ allocations: Allocation...) -> String? {
            check(plan(allocations), ledger).refusals.first?.reason
        }

        #expect(reason(allocation(2, ports: [80])) == "network: port already in use")
        #expect(reason(allocation(2, ports: [81])) == nil)
        #expect(reason(allocation(2, ports: [81]), allocation(3, ports: [81])) != nil)
        #expect(reason(allocation(2, node: 2, ports: [80])) == nil)
        #expect(reason(allocation(2, devices: ["a"])) == "devices")
        #expect(reason(allocation(2, devices: ["b"])) == nil)
        #expect(reason(allocation(2, devices: ["broken"])) == "devices")
        #expect(reason(allocation(2, devices: ["none"])) == "devices")
        #expect(reason(allocation(2, cores: [0])) == "cores")
        #expect(reason(allocation(2, cores: [1])) == nil)
        #expect(reason(allocation(2, cores: [9])) == "cores")
        #expect(check(plan([allocation(2, ports: [80])], stops: [holder]), ledger).refusals == [])
        #expect(reason(holder) == nil, "in place it keeps what it has")
    }

    @Test("A node that shrank keeps what it has, and takes no more of what it lacks")
    func shrunk() {
        let running = allocation(1, cpu: 3000, createIndex: 5)
        let ledger = ledger([running]) { $0.resources.cpu = 2000 }

        #expect(check(plan([running]), ledger).refusals.isEmpty)
        #expect(check(plan([allocation(2, cpu: 1)]), ledger).refusals.map(\.reason) == ["cpu"])
        let smaller = allocation(3, cpu: 2500)
        #expect(check(plan([smaller], stops: [running]), ledger).refusals.isEmpty)
    }

    @Test("F13: a victim that is over already is dropped, and the placement stays")
    func staleVictim() {
        let dead = allocation(1, createIndex: 5)
        let alive = allocation(2, createIndex: 5)
        var new = allocation(3)
        new.preemptedAllocations = [dead.id, alive.id]
        let verdict = check(plan([new], evictions: [dead, alive]), ledger([alive]))

        let part = verdict.result.nodes.first
        #expect(part?.evictions.map(\.allocation.value.id) == [alive.id])
        #expect(part?.placements.first?.preemptedAllocations == [alive.id])
        #expect(verdict.result.refreshIndex == 0)
    }

    @Test("A change of what has ended since is dropped, not refused")
    func staleChange() {
        let verdict = check(plan([allocation(1, createIndex: 5)]), ledger())

        #expect(verdict.result.nodes.isEmpty && verdict.result.refreshIndex == 0)
    }

    @Test("A new allocation with an id that is taken comes from a lost delivery, and is refused")
    func takenID() {
        #expect(!check(plan([allocation(1)]), ledger(), known: [.id(1)]).refusals.isEmpty)
        var ledger = ledger()
        ledger.apply(check(plan([allocation(1)]), ledger).result)
        #expect(!check(plan([allocation(1)]), ledger).refusals.isEmpty)
    }

    @Test("All at once: one refusal refuses all")
    func allAtOnce() {
        var plan = plan([allocation(1, cpu: 5000), allocation(2, node: 2)])
        plan.isAllAtOnce = true
        plan.deployment = Deployment(id: .id(3), of: .fixture())
        let verdict = check(plan, ledger())

        #expect(verdict.result.nodes.isEmpty && verdict.result.deployment == nil)
        #expect(verdict.result.refreshIndex == 20)
    }

    @Test("A deployment forgets canaries that were not placed")
    func canaries() {
        var plan = plan([allocation(1, cpu: 5000), allocation(2, node: 2)])
        var deployment = Deployment(id: .id(3), of: .fixture())
        deployment.groups["g"] = DeploymentGroupState()
        deployment.groups["g"]?.placedCanaries = [.id(1), .id(2)]
        plan.deployment = deployment

        let result = check(plan, ledger()).result
        #expect(result.deployment?.groups["g"]?.placedCanaries == [.id(2)])
    }

    @Test("The same change again changes nothing, and what ends gives everything back")
    func idempotent() {
        var ledger = ledger()
        let one = allocation(1, cpu: 3000, ports: [80], createIndex: 5)
        for _ in 0..<3 { ledger.apply(one) }
        #expect(!check(plan([allocation(2, ports: [80])]), ledger).refusals.isEmpty)
        var ended = one
        ended.clientStatus = .complete
        for _ in 0..<3 { ledger.apply(ended) }

        #expect(check(plan([allocation(2, cpu: 4000, ports: [80])]), ledger).refusals.isEmpty)
    }

    @Test("An instance runs on if its replacement was refused, unless its room is taken")
    func replaced() {
        let old = allocation(1, cpu: 3000, createIndex: 5)
        var new = allocation(2, node: 2, cpu: 5000)
        new.previousAllocation = old.id
        var plan = plan([new], stops: [old])
        plan.nodes[0].stops[0].description = StopReason.updating
        #expect(check(plan, ledger([old])).result.nodes.isEmpty)

        var other = plan
        other.nodes[0].placements = [allocation(3, cpu: 2000)]
        #expect(check(other, ledger([old])).result.nodes.map(\.stops.count) == [1])
        var moved = plan
        moved.nodes[0].stops[0].description = StopReason.migrating
        #expect(check(moved, ledger([old])).result.nodes.map(\.stops.count) == [1])
    }

    /// Both ran under one number (seed 8937 of the simulator's load of jobs).
    @Test("Where a stop is refused, so is the part with what replaces it")
    func unstopped() {
        let old = allocation(1, cpu: 3000, createIndex: 5)
        var new = allocation(2, node: 2, cpu: 3000)
        let tooMuch = allocation(3, cpu: 9000)
        #expect(
            check(plan([new, tooMuch], stops: [old]), ledger([old])).result.nodes.map(\.nodeID)
                == [.node(2)])
        new.previousAllocation = old.id
        let verdict = check(plan([new, tooMuch], stops: [old]), ledger([old]))
        #expect(verdict.result.nodes.isEmpty)
        #expect(verdict.result.rejectedNodes == [.node(1), .node(2)])
        #expect(verdict.result.refreshIndex == 20)
    }

    @Test(
        "A large result is written in pieces, in the order of the nodes", arguments: [1, 2, 3, 9])
    func pieces(elementsMax: Int) {
        var result = PlanResult()
        result.deployment = Deployment(id: .id(3), of: .fixture())
        result.deploymentUpdates = [
            DeploymentStatusUpdate(id: .id(4), status: .cancelled, description: "")
        ]
        for node in 1...4 {
            var part = PlacementPlan.NodePart(nodeID: .node(node))
            part.placements = (0..<node).map { allocation(10 * node + $0, node: node) }
            part.evictions = [
                PlacementPlan.Eviction(Shared(allocation(node, node: node)), by: .id(10 * node))
            ]
            result.nodes.append(part)
        }
        result.refreshIndex = 7
        let pieces = result.pieces(elementsMax: elementsMax)

        #expect(pieces.flatMap(\.nodes) == result.nodes)
        #expect(pieces.count == [1: 4, 2: 4, 3: 4, 9: 2][elementsMax])
        #expect(pieces.compactMap(\.deployment) == [result.deployment])
        #expect(pieces[0].deployment != nil && pieces[0].deploymentUpdates.count == 1)
        #expect(pieces.allSatisfy { $0.refreshIndex == 7 })
        #expect(PlanResult().pieces(elementsMax: 5) == [PlanResult()])
    }

    /// The plan for a node with fifteen thousand small instances fitted no entry: they could neither be
    /// placed nor stopped, and while leaders tried to they lost their leadership.
    @Test("A single node's part is divided, unless it evicts somebody: its stops go first")
    func dividedParts() {
        var placing = PlacementPlan.NodePart(nodeID: .node(1))
        placing.placements = (0..<5).map { allocation(10 + $0) }
        var replacing = PlacementPlan.NodePart(nodeID: .node(2))
        replacing.stops = (0..<3).map {
            PlacementPlan.Stop(Shared(allocation(20 + $0, node: 2)), description: "")
        }
        replacing.placements = (0..<3).map { allocation(30 + $0, node: 2) }
        var evicting = PlacementPlan.NodePart(nodeID: .node(3))
        evicting.evictions = (0..<5).map {
            PlacementPlan.Eviction(Shared(allocation(40 + $0, node: 3)), by: .id(1))
        }
        var result = PlanResult()
        result.nodes = [placing, replacing, evicting]
        let parts = result.pieces(elementsMax: 2).flatMap(\.nodes)

        #expect(parts.map(\.nodeID) == [1, 1, 1, 2, 2, 2, 2, 3].map { .node($0) })
        #expect(parts.map(\.stops.count) == [0, 0, 0, 2, 1, 0, 0, 0])
        #expect(parts.map(\.placements.count) == [2, 2, 1, 0, 0, 2, 1, 0])
        #expect(
            parts.flatMap(\.placements) == placing.placements + replacing.placements)
        #expect(parts.flatMap(\.stops) == replacing.stops)
        #expect(parts.last == evicting)
        #expect(result.pieces(elementsMax: 9).flatMap(\.nodes) == result.nodes)
    }
}
