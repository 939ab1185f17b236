// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("Constraints, affinity, spread, distinct: scenarios B") struct ConstraintScenarioTests {
    /// Whether a node with `${attr.a}` = `left` (nil for none) passes `${attr.a} operand right`.
    private func holds(_ left: String?, _ operand: String, _ right: String) -> Bool {
        let world = World()
        world.node { $0.attributes["a"] = left }
        let job = World.job { $0.constraints = [Constraint("${attr.a}", operand, right)] }
        return !world.plan(job).placed.isEmpty
    }

    @Test(
        "B1: equality and presence",
        arguments: [
            ("x", "=", "x", true), ("x", "==", "y", false), ("x", "is", "x", true),
            (nil, "=", "x", false), ("x", "=", "${attr.none}", false),
            (nil, "!=", "x", true), ("x", "!=", "${attr.none}", true), ("x", "not", "x", false),
            (nil, "!=", "${attr.none}", false),
            ("", "is_set", "", true), (nil, "is_set", "", false), (nil, "is_not_set", "", true),
            ("x", "is_not_set", "", false),
        ] as [(String?, String, String, Bool)])
    func equality(left: String?, operand: String, right: String, expected: Bool) {
        #expect(holds(left, operand, right) == expected)
    }

    @Test(
        "B2: order is of numbers if both are, else of bytes",
        arguments: [
            ("10", "<", "9", false), ("9", "<", "10", true), ("a10", "<", "a9", true),
            ("1.5", ">", "1.25", true), ("2", "<=", "2.0", true), ("b", ">=", "a", true),
            ("9223372036854775807", ">", "9223372036854775806", true), (nil, "<", "1", false),
        ] as [(String?, String, String, Bool)])
    func order(left: String?, operand: String, right: String, expected: Bool) {
        #expect(holds(left, operand, right) == expected)
    }

    @Test(
        "B4: lists",
        arguments: [
            ("set_contains", "b,c", true), ("set_contains_all", "b, d", false),
            ("set_contains_any", "b,d", true), ("set_contains_any", "d", false),
        ])
    func lists(operand: String, right: String, expected: Bool) {
        #expect(holds("a, b,c", operand, right) == expected)
    }

    @Test("B5: a bad expression and an unknown operator are false, not an error")
    func nonsense() {
        #expect(!holds("x", "regexp", "(x"))
        #expect(!holds("x", "regexp", #"(x)\1"#))
        #expect(!holds("x", "resembles", "x"))
        #expect(holds("linux-6.1", "regexp", #"^linux-\d+\.\d+$"#))
        #expect(!holds("x", "version", ">= banana"))
        #expect(holds("1.2.3", "version", ">= 1.2, < 2"))
        #expect(!holds("v1.2.3", "semver", ">= 1.2.0"))
    }

    @Test("B7: no two instances of a job on one node")
    func distinctHosts() {
        let world = World()
        world.node()
        world.node()
        let job = World.job(count: 3) {
            $0.constraints = [Constraint("", Constraint.distinctHosts, "")]
        }
        let outcomes = world.plan(job)
        #expect(Set(outcomes.placed.map(\.nodeID)).count == 2)
        #expect(outcomes.failures.map(\.constraintFiltered) == [["distinct_hosts": 2]])
    }

    @Test("B7: the groups of a distinct job share no node, those of distinct groups may")
    func distinctGroups() {
        for (isOfJob, placed) in [(true, 1), (false, 2)] {
            let world = World()
            world.node()
            var job = World.job()
            job.groups.append(job.groups[0])
            job.groups[1].name = "h"
            let rule = Constraint("", Constraint.distinctHosts, "")
            if isOfJob {
                job.constraints = [rule]
            } else {
                job.groups[0].constraints = [rule]
                job.groups[1].constraints = [rule]
            }
            #expect(world.plan(job).placed.count == placed)
        }
    }

    private func racks() -> World {
        let world = World()
        for rack in ["r1", "r1", "r2"] { world.node { $0.meta["rack"] = rack } }
        return world
    }

    @Test("B8: a value has as many instances as it may", arguments: [("", 2), ("2", 3)])
    func distinctProperty(limit: String, placed: Int) throws {
        let world = racks()
        let job = World.job(count: 3) {
            $0.constraints = [Constraint("${meta.rack}", Constraint.distinctProperty, limit)]
        }
        let outcomes = world.plan(job)
        #expect(outcomes.placed.count == placed)
        var counts: [String: Int] = [:]
        for placed in outcomes.placed {
            let rack = world.nodes.first { $0.id == placed.nodeID }?.meta["rack"] ?? ""
            counts[rack, default: 0] += 1
        }
        #expect(counts.keys.sorted() == ["r1", "r2"])
        #expect(counts.values.max() ?? 0 <= (Int(limit) ?? 1))
        if limit.isEmpty {
            let failure = try #require(outcomes.failures.first)
            #expect(failure.constraintFiltered == ["distinct_property: ${meta.rack}": 3])
        }
    }

    @Test("B10: a value that a stop of the same plan frees can be used again")
    func stopFreesValue() {
        let world = racks()
        let job = World.job(count: 2) {
            $0.constraints = [Constraint("${meta.rack}", Constraint.distinctProperty, "")]
        }
        let first = world.run(job, on: world.nodes[0])
        world.run(job, on: world.nodes[2], index: 1)
        let request = PlacementRequest(group: 0, index: 2)

        let before = world.placer(job)
        #expect(before.place([request]).placed.isEmpty)
        before.undo()
        let after = world.placer(job)
        #expect(after.stop(first.id))
        #expect(!after.stop(first.id))
        #expect(after.place([request]).placed.count == 1)
        after.undo()
        #expect(world.view.allocationCount == 2)
    }

    @Test("B11: affinities are weighed, and count for a node that matches none too")
    func affinity() throws {
        let world = World()
        world.node {
            $0.attributes["a"] = "1"
            $0.attributes["b"] = "1"
        }
        world.node()
        let job = World.job { job in
            job.affinities = [Affinity("${attr.a}", "=", "1", weight: 100)]
            job.groups[0].affinities = [Affinity("${attr.b}", "=", "1", weight: -50)]
            job.groups[0].tasks[0].affinities = [Affinity("${attr.c}", "=", "1", weight: 25)]
        }
        let placed = try #require(world.plan(job).placed.first)
        #expect(placed.score("node-affinity")?.thousandths == 286)
        let other = try #require(placed.metric.value.scores.last)
        #expect(other.scores["node-affinity"] == 0)
        #expect(other.normalized < placed.score?.normalized ?? 0)
    }

    @Test("B13: values without a target share what the targets leave")
    func targets() throws {
        let world = World()
        for datacenter in ["dc1", "dc2", "dc3"] { world.node { $0.datacenter = datacenter } }
        let job = World.job(count: 10) { job in
            job.spreads = [
                Spread(
                    attribute: "${node.datacenter}", weight: 50,
                    targets: [SpreadTarget(value: "dc1", percent: 60)]),
                Spread(
                    attribute: "${node.datacenter}", weight: 50,
                    targets: [SpreadTarget(value: "dc1", percent: 100)]),
            ]
        }
        var request = PlacementRequest(group: 0, index: 0)
        request.preferredNode = world.nodes[2].id
        let placer = world.placer(job)
        let placed = try #require(placer.place([request]).placed.first)
        placer.undo()
        // (4−1)/4 · 0.5 of the first; the second has no room for other values: −1.
        #expect(placed.score("allocation-spread")?.thousandths == 375 - 1000)
    }

    @Test("B13: a spread by targets divides as it says")
    func division() {
        let world = World()
        for index in 0..<30 { world.node { $0.datacenter = "dc\(index % 3 + 1)" } }
        let job = World.job(count: 10) { job in
            job.spreads = [
                Spread(
                    attribute: "${node.datacenter}",
                    targets: [
                        SpreadTarget(value: "dc1", percent: 70),
                        SpreadTarget(value: "dc2", percent: 30),
                    ])
            ]
        }
        let placed = world.plan(job).placed.map { placed in
            world.nodes.first { $0.id == placed.nodeID }?.datacenter ?? ""
        }
        #expect(placed.count { $0 == "dc1" } == 7)
        #expect(placed.count { $0 == "dc2" } == 3)
    }

    @Test(
        "B14: the even rule",
        arguments: [
            ([:], ["r1": 0, "r3": 0]),
            (["r1": 3, "r2": 1], ["r1": -2000, "r2": 2000, "r3": 1000, "": -1000]),
            (["r1": 2, "r2": 2], ["r1": -1000, "r3": 1000]),
        ] as [([String: Int], [String: Int])])
    func evenRule(existing: [String: Int], expected: [String: Int]) throws {
        let world = World()
        let job = World.job(count: 6) { $0.spreads = [Spread(attribute: "${meta.rack}")] }
        for rack in ["r1", "r2", "r3", ""] {
            let node = world.node { if !rack.isEmpty { $0.meta["rack"] = rack } }
            for index in 0..<(existing[rack] ?? 0) { world.run(job, on: node, index: index) }
        }
        for (rack, score) in expected {
            let node = try #require(world.nodes.first { ($0.meta["rack"] ?? "") == rack })
            var request = PlacementRequest(group: 0, index: 9)
            request.preferredNode = node.id
            let placer = world.placer(job)
            let placed = try #require(placer.place([request]).placed.first)
            placer.undo()
            #expect(placed.score("allocation-spread")?.thousandths ?? 0 == score)
        }
    }

    @Test("B14: an even spread over 25 racks differs by at most one")
    func evenDivision() {
        let world = World()
        for index in 0..<100 { world.node { $0.meta["rack"] = "r\(index % 25)" } }
        let job = World.job(count: 60) { $0.spreads = [Spread(attribute: "${meta.rack}")] }
        var counts: [String: Int] = [:]
        for placed in world.plan(job).placed {
            let rack = world.nodes.first { $0.id == placed.nodeID }?.meta["rack"] ?? ""
            counts[rack, default: 0] += 1
        }
        #expect(counts.values.reduce(0, +) == 60)
        #expect(Set(counts.values) == [2, 3])
    }

    @Test("B16: metrics count every filtered node, by constraint and by class")
    func counts() throws {
        let world = World()
        for index in 0..<1000 {
            world.node {
                $0.nodeClass = "c\(index % 4)"
                $0.attributes["kind"] = "\(index % 4)"
            }
        }
        let job = World.job { $0.constraints = [Constraint("${attr.kind}", "<", "2")] }
        let metric = try #require(world.plan(job).placed.first).metric.value
        #expect(metric.nodesEvaluated == 1000)
        #expect(metric.nodesFiltered == 500)
        #expect(metric.constraintFiltered == ["${attr.kind} < 2": 500])
        #expect(metric.classFiltered == ["c2": 250, "c3": 250])
        #expect(metric.nodesAvailable == ["dc1": 1000])
    }

    @Test("B16: classes are named for a blocked evaluation, unless a constraint escapes them")
    func eligibility() {
        let world = World()
        let good = world.node { $0.attributes["a"] = "1" }
        let bad = world.node()
        let placer = world.placer(
            World.job { $0.constraints = [Constraint("${attr.a}", "=", "1")] })
        let classes = placer.eligibility(of: 0)
        placer.undo()
        #expect(
            classes.classes == [good.computedClassText: true, bad.computedClassText: false])
        #expect(!classes.isEscaped)

        let job = World.job { $0.constraints = [Constraint("${node.unique.name}", "=", "n1")] }
        let escaping = world.placer(job)
        #expect(escaping.eligibility(of: 0).isEscaped)
        #expect(escaping.place(World.requests(job)).placed.map(\.nodeName) == ["n1"])
        escaping.undo()
    }

    @Test("B17: nodes that are not ready, or elsewhere, are never looked at")
    func scope() throws {
        let world = World()
        world.node { $0.datacenter = "dc9" }
        world.node { $0.status = .down }
        world.node { $0.status = .initializing }
        world.node { $0.eligibility = .ineligible }
        world.node { $0.drain = DrainStrategy() }
        world.node { $0.nodePool = "gpu" }
        let job = World.job { $0.datacenters = ["dc1", "dc2"] }
        let failure = try #require(world.plan(job).failures.first)
        #expect(failure.nodesEvaluated == 0)
        #expect(failure.nodesAvailable == ["dc1": 0, "dc2": 0])

        var back = world.nodes[3]
        back.eligibility = .eligible
        world.update(back)
        #expect(world.plan(job).placed.map(\.nodeName) == ["n3"])
        #expect(world.plan(World.job { $0.datacenters = ["dc*"] }).placed.count == 1)
    }

    @Test("B19: a volume that can only be read is not for one who writes")
    func volumes() throws {
        let world = World()
        world.node { $0.hostVolumes["data"] = HostVolume(path: "/data", isReadOnly: true) }
        for (isReadOnly, placed) in [(true, 1), (false, 0)] {
            let job = World.job {
                $0.groups[0].volumes["v"] = VolumeRequest(
                    name: "v", source: "data", isReadOnly: isReadOnly)
            }
            let outcomes = world.plan(job)
            #expect(outcomes.placed.count == placed)
            if placed == 0 {
                #expect(
                    outcomes.failures.first?.constraintFiltered
                        == ["missing compatible host volumes": 1])
            }
        }
    }

    @Test("B20: a job sees the nodes of its pool, and with `all` every node")
    func pools() {
        let world = World()
        world.node { $0.nodePool = "gpu" }
        world.node()
        let gpu = World.job { $0.nodePool = "gpu" }
        #expect(world.plan(gpu).placed.map(\.nodeName) == ["n0"])
        let all = World.job(count: 2) {
            $0.nodePool = Job.nodePoolAll
            $0.constraints = [Constraint("", Constraint.distinctHosts, "")]
        }
        #expect(Set(world.plan(all).placed.map(\.nodeName)) == ["n0", "n1"])
    }

    @Test("Drivers must be there and healthy")
    func drivers() {
        for (state, placed) in [
            (nil, 0), (DriverState(isDetected: true, isHealthy: false), 0), (DriverState(), 1),
        ] as [(DriverState?, Int)] {
            let world = World()
            world.node { $0.drivers["mock"] = state }
            #expect(world.plan(World.job()).placed.count == placed)
        }
    }
}
