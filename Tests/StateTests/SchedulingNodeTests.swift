// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState
import Testing

@Suite("Nodes in the state") struct SchedulingNodeTests {
    private func world(_ nodes: [Node] = [node(1)]) -> Scheduled {
        var world = Scheduled()
        world.apply(.registerNodes(nodes, evaluations: []))
        return world
    }

    private func first(_ world: Scheduled) throws -> Node {
        try #require(world.tables.node(uid(1))?.value)
    }

    @Test("I6: the first secret stays; with another nobody of the batch is registered")
    func secrets() throws {
        var world = world()
        var changed = node(1)
        changed.attributes["kernel.name"] = "darwin"
        let before = try first(world)
        #expect(
            world.apply(.registerNodes([node(2), node(1, secret: 9)], evaluations: []))
                == .schedulerRefused(.wrongSecret(node: uid(1))))
        #expect(world.tables.node(uid(2)) == nil)
        world.apply(.registerNodes([changed], evaluations: []))
        let after = try first(world)
        #expect(after.createIndex == 1 && after.modifyIndex == world.index)
        #expect(after.computedClass == after.classDigest)
        #expect(after.computedClass != before.computedClass)
    }

    private static func digest(_ number: UInt8) -> TokenDigest? {
        TokenDigest([UInt8](repeating: number, count: TokenDigest.bytesCount))
    }

    @Test("I6: from version 6 on a digest stands in the place of a secret, and stays")
    func digests() throws {
        let (right, wrong) = (try #require(Self.digest(1)), try #require(Self.digest(2)))
        func sealed(_ number: Int, _ digest: TokenDigest) -> SchedulerCommand {
            var node = node(number)
            node.seal(digest)
            return .registerNodes([node], evaluations: [], makesPools: true)
        }
        var world = world([node(1), node(2)])
        let secret = ByteRow.of(node(1).secretID)
        #expect(ByteRow.holds(world.state.encoded(), secret) && world.state.encoded()[0] == 6)
        let before = try first(world)
        world.apply(.sealNodes([SealedNode(id: uid(1), digest: right)]))
        let after = try first(world)
        #expect(after.secretDigest == right && after.modifyIndex == before.modifyIndex)
        #expect(world.tables.counts.sealed == 1 && world.tables.brokenInvariant() == nil)
        // The other still has its secret.
        let bytes = world.state.encoded()
        #expect(bytes[0] == 7 && !ByteRow.holds(bytes, secret))
        #expect(try State(decoding: bytes) == world.state)
        world.apply(.sealNodes([SealedNode(id: uid(1), digest: wrong)]))
        #expect(try first(world).secretDigest == right)
        #expect(
            world.apply(sealed(1, wrong)) == .schedulerRefused(.wrongSecret(node: uid(1))))
        #expect(world.apply(sealed(1, right)) == .applied(modifyIndex: world.index))
        #expect(
            world.apply(.registerNodes([node(1)], evaluations: []))
                == .schedulerRefused(.wrongSecret(node: uid(1))))
        #expect(world.apply(sealed(2, wrong)) == .applied(modifyIndex: world.index))
        world.apply(.deregisterNodes([uid(1), uid(2)], evaluations: []))
        #expect(world.tables.counts.sealed == 0 && world.state.encoded()[0] == 6)
        for command in [sealed(1, right), .sealNodes([SealedNode(id: uid(1), digest: right)])] {
            let bytes = Command.scheduling(command).encoded()
            #expect(bytes[0] == 6 && !ByteRow.holds(bytes, secret))
            #expect(try Command(decoding: bytes).encoded() == bytes)
        }
    }

    @Test("Registration keeps what operators have said of the node")
    func kept() throws {
        var world = world()
        world.apply(.setNodeEligibility(uid(1), .ineligible, event: nil, evaluations: []))
        var again = node(1)
        again.eligibility = .eligible
        world.apply(.registerNodes([again], evaluations: []))
        #expect(try first(world).eligibility == .ineligible)
    }

    @Test("A drain makes a node ineligible, and its end eligible only where that is wanted")
    func drain() throws {
        var world = world()
        world.apply(
            .setNodeDrain(
                [
                    NodeDrainChange(
                        id: uid(1), drain: DrainStrategy(deadline: .seconds(60)),
                        accessorID: "me", unixNanoseconds: 7)
                ], evaluations: []))
        let draining = try first(world)
        #expect(!draining.isReady && draining.eligibility == .ineligible)
        #expect(draining.lastDrain?.status == .draining)
        // I8.
        #expect(
            world.apply(.setNodeEligibility(uid(1), .eligible, event: nil, evaluations: []))
                == .schedulerRefused(.nodeDrains(uid(1))))
        world.apply(
            .setNodeDrain(
                [
                    NodeDrainChange(
                        id: uid(1), drain: nil, isComplete: true, unixNanoseconds: 8)
                ], evaluations: []))
        let done = try first(world)
        #expect(done.drain == nil && done.eligibility == .ineligible)
        #expect(done.lastDrain?.status == .complete && done.lastDrain?.accessorID == "me")
        world.apply(
            .setNodeDrain(
                [
                    NodeDrainChange(
                        id: uid(1), drain: nil, marksEligible: true, unixNanoseconds: 9)
                ], evaluations: []))
        #expect(try first(world).isReady)
    }

    @Test("Ten events are kept; a node that comes back is an event")
    func events() throws {
        var world = world()
        world.apply(
            .setNodeStatus(
                [
                    NodeStatusChange(
                        id: uid(1), status: .down, unixSeconds: 5,
                        event: NodeEvent(
                            message: "Node heartbeat missed", subsystem: "Cluster",
                            unixNanoseconds: 5))
                ], evaluations: [evaluation(1, trigger: .nodeUpdate)]))
        #expect(try first(world).status == .down && world.tables.evaluation(uid(1)) != nil)
        world.apply(.registerNodes([node(1)], evaluations: []))
        #expect(
            try first(world).events.map(\.message) == [
                "Node registered", "Node heartbeat missed", "Node re-registered",
            ])
        world.apply(
            .addNodeEvents(
                uid(1),
                (0..<12).map {
                    NodeEvent(message: "\($0)", subsystem: "Driver", unixNanoseconds: 0)
                }))
        #expect(try first(world).events.map(\.message) == (2..<12).map(String.init))
        #expect(try first(world).events[0].createIndex == world.index)
    }

    @Test("What is unknown is refused, and a purge leaves nothing")
    func unknown() {
        var world = world()
        #expect(
            world.apply(.deregisterNodes([uid(1), uid(3)], evaluations: []))
                == .schedulerRefused(.unknownNode(uid(3))))
        world.apply(.deregisterNodes([uid(1)], evaluations: []))
        #expect(world.tables.node(uid(1)) == nil && world.tables.nodeCount == 0)
        #expect(world.tables.nodeIndex == world.index)
    }
}

@Suite("Changes for those who follow the state") struct SchedulingChangeTests {
    @Test("Each change is told once it is there, in order, and removals too")
    func changes() {
        var world = Scheduled()
        world.apply(.registerNodes([node(1)], evaluations: []))
        world.apply(.registerJob(job("j"), expected: nil, evaluations: [evaluation(1)]))
        world.place([10])
        #expect(world.tables.changes(after: 3) == [])
        #expect(
            world.tables.changes(after: 2) == [.allocation(uid(10)), .job(JobKey(id: "j"))])
        #expect(
            world.tables.changes(after: 1)?.prefix(2) == [
                .job(JobKey(id: "j")), .evaluation(uid(1)),
            ])
        world.apply(.deregisterNodes([uid(1)], evaluations: []))
        #expect(world.tables.changes(after: 3) == [.node(uid(1))])
        #expect(world.tables.node(uid(1)) == nil)
    }

    @Test("A server that has just read its state knows of no changes, and says so")
    func forgotten() throws {
        var world = Scheduled()
        world.apply(.registerNodes([node(1)], evaluations: []))
        world.state = try State(decoding: world.state.encoded())
        #expect(world.tables.changes(after: 0) == nil && world.tables.changes(after: 1) == [])
        world.apply(.registerNodes([node(2)], evaluations: []))
        #expect(world.tables.changes(after: 1) == [.node(uid(2))])
    }
}

/// Bytes among others.
private enum ByteRow {
    static func of(_ id: UniqueID) -> [UInt8] {
        [id.high, id.low].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
        }
    }

    static func holds(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        bytes.firstRange(of: part) != nil
    }
}
