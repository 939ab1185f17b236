// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What changes of a node.
package struct NodeStatusChange: Equatable, Sendable {
    package var id: UniqueID
    package var status: NodeStatus
    package var statusDescription: String
    package var unixSeconds: Int64
    package var event: NodeEvent?

    package init(
        id: UniqueID, status: NodeStatus, statusDescription: String = "", unixSeconds: Int64,
        event: NodeEvent? = nil
    ) {
        self.id = id
        self.status = status
        self.statusDescription = statusDescription
        self.unixSeconds = unixSeconds
        self.event = event
    }
}

package struct NodeDrainChange: Equatable, Sendable {
    package var id: UniqueID
    /// nil ends the drain.
    package var drain: DrainStrategy?
    /// Whether a node whose drain ends takes work again.
    package var marksEligible: Bool
    /// Whether the drain has ended because nothing is left.
    package var isComplete: Bool
    package var accessorID: String
    package var meta: StringMap
    package var unixNanoseconds: Int64
    package var event: NodeEvent?

    package init(
        id: UniqueID, drain: DrainStrategy?, marksEligible: Bool = false,
        isComplete: Bool = false, accessorID: String = "", meta: StringMap = [:],
        unixNanoseconds: Int64, event: NodeEvent? = nil
    ) {
        self.id = id
        self.drain = drain
        self.marksEligible = marksEligible
        self.isComplete = isComplete
        self.accessorID = accessorID
        self.meta = meta
        self.unixNanoseconds = unixNanoseconds
        self.event = event
    }
}

extension SchedulerTables {
    /// All or, if one has a wrong secret, none.
    mutating func register(
        _ nodes: [Node], at index: UInt64
    ) throws(SchedulerRefusal) {
        var new = 0
        for node in nodes {
            guard let known = nodeTable[node.id]?.value else {
                new += 1
                continue
            }
            guard Self.isSameSecret(known, node) else { throw .wrongSecret(node: node.id) }
        }
        guard nodeTable.count + new <= Self.nodesMax else {
            throw .full("nodes", max: Self.nodesMax)
        }
        for node in nodes { register(node, at: index) }
    }

    /// Where a digest comes in the place of a secret, the leader has compared them: it had applied all
    /// that was in the log before its own term, and what it proposes itself has digests.
    private static func isSameSecret(_ known: Node, _ given: Node) -> Bool {
        switch (known.secretDigest, given.secretDigest) {
        case (let known?, let given?): known == given
        case (nil, nil): known.secretID == given.secretID
        case (nil, _?): true
        case (_?, nil): false
        }
    }

    mutating func seal(_ nodes: [SealedNode]) {
        for sealed in nodes {
            guard let known = nodeTable[sealed.id]?.value, known.secretDigest == nil else {
                continue
            }
            var node = known
            node.seal(sealed.digest)
            nodeTable.insert(Shared(node), at: node.id)
            counts.count(node: node, insteadOf: known)
        }
    }

    private mutating func register(_ given: Node, at index: UInt64) {
        var node = given
        let (time, isTooLate) = given.statusUpdatedUnixSeconds.multipliedReportingOverflow(
            by: 1_000_000_000)
        var event = NodeEvent(
            message: "Node registered", subsystem: "Cluster", unixNanoseconds: isTooLate ? 0 : time)
        if let known = nodeTable[given.id]?.value {
            node.createIndex = known.createIndex
            node.eligibility = known.eligibility
            node.drain = known.drain
            node.lastDrain = known.lastDrain
            node.events = known.events
            event.message = "Node re-registered"
            if known.status == .down, node.status != .down { node.add(event, at: index) }
        } else {
            node.createIndex = index
            node.eligibility = .eligible
            node.drain = nil
            node.lastDrain = nil
            node.events = []
            node.add(event, at: index)
        }
        node.computedClass = node.classDigest
        store(node, at: index)
    }

    mutating func setStatus(
        _ changes: [NodeStatusChange], at index: UInt64
    ) throws(SchedulerRefusal) {
        try checkNodes(changes.map(\.id))
        for change in changes {
            guard var node = nodeTable[change.id]?.value else { continue }
            node.status = change.status
            node.statusDescription = change.statusDescription
            node.statusUpdatedUnixSeconds = change.unixSeconds
            if let event = change.event { node.add(event, at: index) }
            store(node, at: index)
        }
    }

    mutating func setEligibility(
        _ id: UniqueID, _ eligibility: SchedulingEligibility, event: NodeEvent?, at index: UInt64
    ) throws(SchedulerRefusal) {
        guard var node = nodeTable[id]?.value else { throw .unknownNode(id) }
        guard node.drain == nil || eligibility == .ineligible else { throw .nodeDrains(id) }
        guard node.eligibility != eligibility else { return }
        node.eligibility = eligibility
        if let event { node.add(event, at: index) }
        store(node, at: index)
    }

    mutating func setDrain(
        _ changes: [NodeDrainChange], at index: UInt64
    ) throws(SchedulerRefusal) {
        try checkNodes(changes.map(\.id))
        for change in changes {
            guard var node = nodeTable[change.id]?.value else { continue }
            node.apply(change)
            if let event = change.event { node.add(event, at: index) }
            store(node, at: index)
        }
    }

    mutating func add(
        _ events: [NodeEvent], to id: UniqueID, at index: UInt64
    ) throws(SchedulerRefusal) {
        guard var node = nodeTable[id]?.value else { throw .unknownNode(id) }
        for event in events { node.add(event, at: index) }
        store(node, at: index)
    }

    /// What ran on them is the scheduler's to replace.
    mutating func deregister(
        nodes ids: [UniqueID], at index: UInt64
    ) throws(SchedulerRefusal) {
        try checkNodes(ids)
        for id in ids {
            guard let removed = nodeTable.remove(id) else { continue }
            counts.count(node: nil, insteadOf: removed.value)
            nodeIndex = index
            feed.note(.node(id), at: index)
        }
    }

    mutating func collect(_ nodes: [EndedNode], at index: UInt64) {
        for ended in nodes {
            guard let node = nodeTable[ended.id]?.value, node.modifyIndex == ended.modifyIndex,
                node.status == .down,
                allocations(ofNode: ended.id).allSatisfy(\.value.isClientTerminal)
            else { continue }
            nodeTable.remove(ended.id)
            counts.count(node: nil, insteadOf: node)
            nodeIndex = index
            feed.note(.node(ended.id), at: index)
        }
    }

    private func checkNodes(_ ids: [UniqueID]) throws(SchedulerRefusal) {
        for id in ids where nodeTable[id] == nil { throw .unknownNode(id) }
    }

    private mutating func store(_ node: Node, at index: UInt64) {
        var stored = node
        stored.modifyIndex = index
        let replaced = nodeTable.insert(Shared(stored), at: node.id)
        counts.count(node: stored, insteadOf: replaced?.value)
        nodeIndex = index
        feed.note(.node(node.id), at: index)
    }
}

extension Node {
    fileprivate mutating func add(_ event: NodeEvent, at index: UInt64) {
        var stored = event
        stored.createIndex = index
        events.append(stored)
        events.removeFirst(max(0, events.count - NodeEvent.keptMax))
    }

    fileprivate mutating func apply(_ change: NodeDrainChange) {
        let isUnderWay = drain != nil
        drain = change.drain
        if let drain = change.drain {
            eligibility = .ineligible
            lastDrain = DrainRecord(
                startedUnixNanoseconds: isUnderWay
                    ? lastDrain?.startedUnixNanoseconds ?? drain.startedUnixNanoseconds
                    : drain.startedUnixNanoseconds,
                updatedUnixNanoseconds: change.unixNanoseconds, status: .draining,
                accessorID: change.accessorID, meta: change.meta)
        } else {
            if change.marksEligible { eligibility = .eligible }
            guard isUnderWay else { return }
            lastDrain?.status = change.isComplete ? .complete : .canceled
            lastDrain?.updatedUnixNanoseconds = change.unixNanoseconds
            if !change.accessorID.isEmpty { lastDrain?.accessorID = change.accessorID }
            if !change.meta.isEmpty { lastDrain?.meta = change.meta }
        }
    }
}
