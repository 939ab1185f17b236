// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletState
import Testing

@Suite("Pools of nodes in the state") struct SchedulingPoolTests {
    private static let spread = NodePool(
        name: "gpu", description: "cards", meta: ["team": "ml"],
        scheduling: NodePool.Scheduling(algorithm: .spread, oversubscribesMemory: false))

    private func inPool(_ number: Int, _ name: String) -> Node {
        var node = node(number)
        node.nodePool = name
        return node
    }

    @Test("Two are built in, and only the rules of `default` may be changed")
    func builtIn() throws {
        var world = Scheduled()
        #expect(world.tables.pools().map(\.name) == ["all", "default"])
        for pool in [
            NodePool(name: "all"), NodePool(name: "default", description: "mine"),
            NodePool(name: "default", description: "Default node pool.", meta: ["a": "b"]),
        ] {
            #expect(
                world.apply(.upsertPools([Self.spread, pool]))
                    == .schedulerRefused(.builtInPool(pool.name)))
        }
        #expect(world.tables.poolIndex == 0 && world.tables.pool("gpu") == nil)
        var changed = try #require(world.tables.pool("default"))
        changed.scheduling = NodePool.Scheduling(algorithm: .spread)
        #expect(world.apply(.upsertPools([changed])) == .applied(modifyIndex: world.index))
        #expect(world.tables.pool("default")?.scheduling?.algorithm == .spread)
        #expect(world.tables.pools().map(\.name) == ["all", "default"])
        for name in ["all", "default"] {
            #expect(
                world.apply(.deletePools([name])) == .schedulerRefused(.builtInPool(name)))
        }
    }

    @Test("One is made, changed and removed; its indexes tell when")
    func life() {
        var world = Scheduled()
        world.apply(.upsertPools([Self.spread]))
        world.apply(.upsertPools([NodePool(name: "gpu", description: "new")]))
        let pool = world.tables.pool("gpu")
        #expect(pool?.createIndex == 1 && pool?.modifyIndex == 2)
        #expect(pool?.description == "new" && pool?.scheduling == nil)
        #expect(world.tables.pools(namePrefix: "g").map(\.name) == ["gpu"])
        #expect(world.tables.pools(from: "default").map(\.name) == ["default", "gpu"])
        #expect(world.tables.changes(after: 1) == [.pool("gpu")])
        world.apply(.deletePools(["gpu"]))
        #expect(world.tables.pool("gpu") == nil && world.tables.poolIndex == 3)
        #expect(
            world.apply(.deletePools(["gpu"])) == .schedulerRefused(.unknownPool("gpu")))
    }

    @Test("One with nodes, or with jobs that have not ended, stays")
    func inUse() {
        var world = Scheduled()
        world.apply(.registerNodes([inPool(1, "gpu")], evaluations: [], makesPools: true))
        #expect(
            world.apply(.deletePools(["gpu"]))
                == .schedulerRefused(.poolInUse("gpu", nodes: 1, jobs: 0)))
        world.apply(.deregisterNodes([uid(1)], evaluations: []))
        var wanting = job("j")
        wanting.nodePool = "gpu"
        world.apply(.registerJob(wanting, expected: nil, evaluations: []))
        #expect(
            world.apply(.deletePools(["gpu"]))
                == .schedulerRefused(.poolInUse("gpu", nodes: 0, jobs: 1)))
        world.apply(
            .deregisterJob(
                wanting.key, purges: false, submitUnixNanoseconds: 1, evaluations: []))
        #expect(world.apply(.deletePools(["gpu"])) == .applied(modifyIndex: world.index))
    }

    @Test("Nodes make the pool that they name; those of older servers when the first is made")
    func made() {
        var world = Scheduled()
        world.apply(.registerNodes([inPool(1, "old"), inPool(2, "no name")], evaluations: []))
        #expect(world.tables.pool("old") == nil && world.tables.poolIndex == 0)
        world.apply(.registerNodes([inPool(3, "new")], evaluations: [], makesPools: true))
        #expect(world.tables.pools().map(\.name) == ["all", "default", "new", "old"])
        let made = world.tables.poolIndex
        world.apply(.registerNodes([inPool(3, "new")], evaluations: [], makesPools: true))
        #expect(world.tables.poolIndex == made)
    }

    @Test("Commands about them take version 6, and a state with some format 7")
    func versions() throws {
        let plain = SchedulerCommand.registerNodes([inPool(1, "gpu")], evaluations: [])
        let making = SchedulerCommand.registerNodes(
            [inPool(1, "gpu")], evaluations: [], makesPools: true)
        for (command, version) in [
            (plain, 5), (making, 6), (.upsertPools([Self.spread]), 6), (.deletePools(["gpu"]), 6),
        ] as [(SchedulerCommand, UInt8)] {
            let bytes = Command.scheduling(command).encoded()
            #expect(bytes[0] == version)
            #expect(try Command(decoding: bytes).encoded() == bytes)
            var other = bytes
            other[0] = version == 5 ? 6 : 5
            let isKind27 = bytes[1] == 27
            #expect((try? Command(decoding: other)) == nil || isKind27)
        }
        var world = Scheduled()
        world.apply(plain)
        #expect(world.state.encoded()[0] == 6)
        world.apply(making)
        world.apply(.upsertPools([Self.spread]))
        let bytes = world.state.encoded()
        #expect(bytes[0] == 7)
        #expect(try State(decoding: bytes) == world.state)
        #expect(StateRestore.commandVersion(format: 7, sizeBytes: 1) == Command.poolVersion)
    }

    @Test("A restore brings the pools that were saved, and its index does not go back")
    func restore() throws {
        var saved = Scheduled()
        for _ in 0..<20 { saved.apply(.upsertPools([Self.spread])) }
        var world = Scheduled()
        world.apply(.upsertPools([NodePool(name: "other")]))
        for archive in [saved.state, State()] {
            let before = world.tables.poolIndex
            let bytes = archive.settled().encoded()
            let begin = Command.restoreBegin(
                sizeBytes: UInt64(bytes.count), checksum: CRC32C.checksum(bytes), isStaged: true)
            let index = world.index + 1
            _ = world.state.apply(begin.encoded(), at: index)
            _ = world.state.apply(
                Command.restoreChunk(restore: index, number: 0, bytes: bytes).encoded(),
                at: index + 1)
            _ = world.state.apply(Command.restoreEnd(restore: index).encoded(), at: index + 2)
            #expect(world.tables.pools().count == (archive == saved.state ? 3 : 2))
            #expect(world.tables.poolIndex == index + 2 && index + 2 > before)
            #expect(try State(decoding: world.state.encoded()) == world.state)
            #expect(
                world.tables.pools().allSatisfy { $0.modifyIndex <= world.state.lastAppliedIndex })
        }
    }
}
