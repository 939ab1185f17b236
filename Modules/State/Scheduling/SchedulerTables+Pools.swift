// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

extension SchedulerTables {
    /// All or, if one may not be changed or has no room, none.
    mutating func upsert(_ pools: [NodePool], at index: UInt64) throws(SchedulerRefusal) {
        for pool in pools where !pool.isAllowed { throw .builtInPool(pool.name) }
        try makeEarlierPools(at: index)
        for pool in pools { try store(pool, at: index) }
    }

    /// Only what is empty.
    mutating func deletePools(_ names: [String], at index: UInt64) throws(SchedulerRefusal) {
        for name in names {
            guard NodePool.builtIn(named: name) == nil else { throw .builtInPool(name) }
            guard poolTable[name] != nil else { throw .unknownPool(name) }
            let nodes = nodeTable.count { $0.value.value.nodePool == name }
            let jobs = jobTable.count {
                $0.value.job.value.nodePool == name && $0.value.job.value.status != .dead
            }
            guard nodes == 0, jobs == 0 else {
                throw .poolInUse(name, nodes: nodes, jobs: jobs)
            }
            poolTable.remove(name)
            notePool(name, at: index)
        }
    }

    /// Makes those that the nodes name and that are not there. What registered before there were pools
    /// comes with the first.
    mutating func makePools(of nodes: [Node], at index: UInt64) throws(SchedulerRefusal) {
        guard nodes.contains(where: { pool($0.nodePool) == nil }) else { return }
        try makeEarlierPools(at: index)
        for node in nodes { try makePool(node.nodePool, at: index) }
    }

    private mutating func makeEarlierPools(at index: UInt64) throws(SchedulerRefusal) {
        guard poolIndex == 0 else { return }
        for node in nodeTable.map(\.value) { try makePool(node.value.nodePool, at: index) }
    }

    private mutating func makePool(_ name: String, at index: UInt64) throws(SchedulerRefusal) {
        guard pool(name) == nil, NodePool.isName(name) else { return }
        try store(NodePool(name: name), at: index)
    }

    private mutating func store(_ pool: NodePool, at index: UInt64) throws(SchedulerRefusal) {
        let known = poolTable[pool.name]
        guard known != nil || poolTable.count < Self.poolsMax else {
            throw .full("node pools", max: Self.poolsMax)
        }
        var stored = pool
        stored.createIndex = known?.createIndex ?? index
        stored.modifyIndex = index
        poolTable.insert(stored, at: pool.name)
        notePool(pool.name, at: index)
    }

    private mutating func notePool(_ name: String, at index: UInt64) {
        poolIndex = index
        feed.note(.pool(name), at: index)
    }
}

// MARK: - As bytes

// A pool: the name, the description and the metadata; whether it has rules of its own; of those a byte of
// the algorithm (0 for the cluster's, 1 binpack, 2 spread) and one of memory (0 for the cluster's, 1 off,
// 2 on), not both 0.

extension ByteWriter {
    mutating func write(_ pool: NodePool) {
        write(string: pool.name)
        write(string: pool.description)
        write(map: pool.meta)
        write(optional: pool.scheduling) { writer, rules in
            switch rules.algorithm {
            case nil: writer.write(0 as UInt8)
            case .binpack: writer.write(1 as UInt8)
            case .spread: writer.write(2 as UInt8)
            }
            switch rules.oversubscribesMemory {
            case nil: writer.write(0 as UInt8)
            case false: writer.write(1 as UInt8)
            case true: writer.write(2 as UInt8)
            }
        }
    }
}

extension StateReader {
    mutating func pool() throws(StateError) -> NodePool {
        let name = try text(max: NodePool.nameBytesMax)
        guard NodePool.isName(name) else { throw .malformed("a pool of the name \(name)") }
        return NodePool(
            name: name, description: try text(max: NodePool.descriptionBytesMax),
            meta: try stringMap(),
            scheduling: try optional { (reader) throws(StateError) in
                try reader.poolScheduling()
            })
    }

    private mutating func poolScheduling() throws(StateError) -> NodePool.Scheduling {
        var rules = NodePool.Scheduling()
        switch try uint8() {
        case 0: break
        case 1: rules.algorithm = .binpack
        case 2: rules.algorithm = .spread
        case let other: throw .malformed("unknown scheduler algorithm \(other)")
        }
        switch try uint8() {
        case 0: break
        case 1: rules.oversubscribesMemory = false
        case 2: rules.oversubscribesMemory = true
        case let other: throw .malformed("\(other) says nothing of memory")
        }
        guard !rules.isEmpty else { throw .malformed("rules of a pool that are none") }
        return rules
    }
}

extension SchedulerTables {
    static var poolSection: StateSection {
        .scheduling(
            "node pools", max: poolsMax, index: \.poolIndex, rows: { $0.poolTable },
            write: { pool, writer in
                writer.write(pool.createIndex)
                writer.write(pool.modifyIndex)
                writer.write(pool)
            },
            read: { (reader, tables) throws(StateError) in
                let indexes = try reader.indexes(last: tables.poolIndex)
                var pool = try reader.pool()
                (pool.createIndex, pool.modifyIndex) = indexes
                guard pool.isAllowed else {
                    throw .malformed("pool \(pool.name) is not as it is built in")
                }
                return pool
            }, key: \.name, insert: { $1.poolTable.insert($0, at: $0.name) })
    }
}
