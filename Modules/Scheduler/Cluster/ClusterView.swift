// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// One worker's picture of the cluster: nodes and live allocations, with the indexes that placement
/// searches. It follows the state by its changes and is never built anew for an evaluation.
///
/// Nodes have slots, numbers that stay; what is known of them stands in one array for each property.
/// Indexes go by position (``NodeLayout``), which is settled anew when the set of nodes changes.
///
/// Confined to one thread. A ``Placer`` changes the view for the time of an evaluation and undoes
/// it: between `Placer.init` and `Placer.undo()` nothing else may change it.
package final class ClusterView {
    // By slot.
    var rows: [NodeRow] = []
    var nodes: [Shared<Node>?] = []
    var ports: [NodePorts] = []
    /// nil for a node without devices, and without reservable cores.
    var devices: [NodeDevices?] = []
    var cores: [NodeCores?] = []

    /// Of all nodes, ready or not.
    private var capacitySum = Capacity()
    var usedSum = Capacity()

    var slotOf: [UniqueID: Int32] = [:]
    private var unusedSlots: [Int32] = []
    var kinds: [NodeKind] = []
    private var kindNumbers: [UInt64: Int32] = [:]
    /// Of the cells' datacenters and classes.
    private(set) var names: [String] = []
    private var unusedKinds: [Int32] = []
    private var columns = KindColumns()

    var records: [AllocationRecord] = []
    var recordOf: [UniqueID: Int32] = [:]
    var unusedRecords: [Int32] = []
    /// Allocations whose node the view does not know, by that node.
    var orphans: [UniqueID: [Int32]] = [:]
    var jobs = JobTable()
    /// Of the allocations on nodes that the view knows.
    var deviceHoldings = DeviceHoldings()

    var layout = NodeLayout()
    private var isLayoutStale = true
    /// Changes when a node becomes ready, or ceases to be.
    private(set) var readinessVersion: UInt64 = 0
    private var binpackIndex: FitIndex?
    private var spreadIndex: FitIndex?
    /// nil until somebody looks for victims.
    private var profileIndex: ProfileIndex?
    private var ready: (layout: UInt64, readiness: UInt64, counts: [Int32])?
    /// The indexes that are there, and must hear of changes.
    private var openIndexes: IndexMarks = []
    var feasibleSets = FeasibleSetCache()

    package init() {}

    package var nodeCount: Int { slotOf.count }
    package var allocationCount: Int { recordOf.count }
}

// MARK: Nodes

extension ClusterView {
    package func apply(_ node: Node) { apply(Shared(node)) }

    /// A node is there, or has changed.
    package func apply(_ shared: Shared<Node>) {
        let node = shared.value
        let slot = slotOf[node.id] ?? makeSlot(for: node.id)
        let index = Int(slot)
        let capacity = Capacity(usableOf: node)
        let kind = kind(of: shared)
        if rows[index].kind != kind || rows[index].capacity != capacity { isLayoutStale = true }
        // Taken before the other is given up: they may be one, and this node its only one.
        kinds[Int(kind)].count += 1
        release(kind: rows[index].kind)
        rows[index].kind = kind
        capacitySum += capacity - rows[index].capacity
        rows[index].capacity = capacity
        rows[index].name = node.name
        nodes[index] = shared
        if rows[index].isReady != node.isReady {
            rows[index].isReady = node.isReady
            readinessVersion += 1
        }
        buildExtras(slot, node)
        adopt(orphansOf: node.id, slot: slot)
        markDirty(slot)
    }

    /// A node is gone. Its allocations still count for their jobs.
    package func remove(node id: UniqueID) {
        guard let slot = slotOf[id] else { return }
        let index = Int(slot)
        while rows[index].firstRecord != AllocationRecord.none {
            let record = rows[index].firstRecord
            unlinkFromNode(record)
            records[Int(record)].node = -1
            orphans[id, default: []].append(record)
        }
        slotOf[id] = nil
        release(kind: rows[index].kind)
        capacitySum -= rows[index].capacity
        rows[index] = NodeRow(id: id)
        nodes[index] = nil
        devices[index] = nil
        cores[index] = nil
        unusedSlots.append(slot)
        isLayoutStale = true
        readinessVersion += 1
    }

    private func makeSlot(for id: UniqueID) -> Int32 {
        isLayoutStale = true
        readinessVersion += 1
        if let slot = unusedSlots.popLast() {
            rows[Int(slot)].id = id
            slotOf[id] = slot
            return slot
        }
        let slot = Int32(nodes.count)
        rows.append(NodeRow(id: id))
        nodes.append(nil)
        ports.append(NodePorts(Node(id: id)))
        devices.append(nil)
        cores.append(nil)
        slotOf[id] = slot
        return slot
    }

    private func kind(of shared: Shared<Node>) -> Int32 {
        let node = shared.value
        let digest = NodeKind.digest(of: node)
        if let known = kindNumbers[digest] { return known }
        let text =
            node.computedClass == 0
            ? Node.text(ofClass: node.classDigest) : node.computedClassText
        let kind = NodeKind(digest: digest, representative: shared, classText: text)
        isLayoutStale = true
        if let unused = unusedKinds.popLast() {
            kinds[Int(unused)] = kind
            kindNumbers[digest] = unused
            columns.changed(unused, shared)
            return unused
        }
        kinds.append(kind)
        kindNumbers[digest] = Int32(kinds.count - 1)
        columns.changed(Int32(kinds.count - 1), shared)
        return Int32(kinds.count - 1)
    }

    /// What the kinds have there: of a name that is not unique to a node.
    func column(_ target: TargetName) -> KindColumn { columns.column(target, of: kinds) }

    private func release(kind: Int32) {
        guard kind >= 0 else { return }
        kinds[Int(kind)].count -= 1
        guard kinds[Int(kind)].count == 0 else { return }
        kindNumbers[kinds[Int(kind)].digest] = nil
        unusedKinds.append(kind)
        isLayoutStale = true
    }

    private func buildExtras(_ slot: Int32, _ node: Node) {
        let index = Int(slot)
        ports[index] = NodePorts(node)
        devices[index] = node.resources.devices.isEmpty ? nil : NodeDevices(node)
        cores[index] = node.resources.reservableCores.isEmpty ? nil : NodeCores(node)
        rows[index].hasDevices = devices[index] != nil
        rows[index].hasCores = cores[index] != nil
        forEachRecord(on: slot) { record in
            if records[Int(record)].hasExtras { applyExtras(record, isTaking: true) }
        }
    }
}

// MARK: Indexes

extension ClusterView {
    /// The node's use, readiness or mask has changed.
    func markDirty(_ slot: Int32) {
        let missing = openIndexes.subtracting(rows[Int(slot)].marks)
        if !missing.isEmpty { mark(slot, missing) }
    }

    private func mark(_ slot: Int32, _ indexes: IndexMarks) {
        guard !isLayoutStale else { return }
        let position = layout.positions[Int(slot)]
        guard position >= 0 else { return }
        rows[Int(slot)].marks.formUnion(indexes)
        if indexes.contains(.binpack) { binpackIndex?.mark(position) }
        if indexes.contains(.spread) { spreadIndex?.mark(position) }
        if indexes.contains(.profiles) { profileIndex?.mark(position) }
    }

    /// Settles positions, if nodes have come, gone or changed their kind.
    func settle() {
        guard isLayoutStale else { return }
        isLayoutStale = false
        dropIndexes()
        let order = slotOf.values.map { slot in (key: layoutKey(slot), slot: slot) }
            .sorted { $0.key < $1.key }
        layout.version += 1
        layout.slots = order.map(\.slot)
        layout.positions = Array(repeating: -1, count: nodes.count)
        layout.cells.removeAll(keepingCapacity: true)
        layout.cellAt.removeAll(keepingCapacity: true)
        var low = 0
        for position in layout.slots.indices {
            layout.positions[Int(layout.slots[position])] = Int32(position)
            layout.cellAt.append(Int32(layout.cells.count))
            let isLast =
                position + 1 == layout.slots.count
                || !isSameCell(layout.slots[position], layout.slots[position + 1])
            guard isLast else { continue }
            let row = rows[Int(layout.slots[position])]
            layout.cells.append(
                NodeLayout.Cell(
                    kind: row.kind, capacity: row.capacity, low: Int32(low),
                    high: Int32(position + 1), hasDevices: kinds[Int(row.kind)].hasDevices))
            low = position + 1
        }
        layout.kinds = layout.cells.map(\.kind)
        numberNames()
        feasibleSets.removeAll()
    }

    private func dropIndexes() {
        binpackIndex = nil
        spreadIndex = nil
        profileIndex = nil
        openIndexes = []
        for slot in rows.indices { rows[slot].marks = [] }
    }

    private func numberNames() {
        var numbers: [String: Int32] = [:]
        func number(_ name: String) -> Int32 {
            if let known = numbers[name] { return known }
            numbers[name] = Int32(names.count)
            names.append(name)
            return Int32(names.count - 1)
        }
        names.removeAll()
        for index in layout.cells.indices {
            let node = kinds[Int(layout.cells[index].kind)].representative
            layout.cells[index].datacenter = number(node.value.datacenter)
            layout.cells[index].nodeClass = number(node.value.nodeClass)
        }
    }

    private func isSameCell(_ left: Int32, _ right: Int32) -> Bool {
        rows[Int(left)].kind == rows[Int(right)].kind
            && rows[Int(left)].capacity == rows[Int(right)].capacity
    }

    private func layoutKey(_ slot: Int32) -> LayoutKey {
        let id = rows[Int(slot)].id
        return LayoutKey(
            capacity: rows[Int(slot)].capacity,
            kind: kinds[Int(rows[Int(slot)].kind)].digest,
            shuffle: Mix.combine(Mix.scramble(id.high), id.low), id: id)
    }

    /// Ready nodes by cell.
    func readyCounts() -> [Int32] {
        if let known = ready, known.readiness == readinessVersion,
            known.layout == layout.version
        {
            return known.counts
        }
        var counts = [Int32](repeating: 0, count: layout.cells.count)
        let (slots, cells, rows) = (layout.slots, layout.cellAt, rows)
        for position in slots.indices where rows[Int(slots[position])].isReady {
            counts[Int(cells[position])] += 1
        }
        ready = (layout.version, readinessVersion, counts)
        return counts
    }

    /// Does now what the next evaluation would have to do first: after a burst of new nodes, say.
    package func prepare(for configuration: SchedulerConfiguration = SchedulerConfiguration()) {
        settle()
        columns.prepare(kinds)
        refreshIndex(configuration.schedulerAlgorithm)
        _ = readyCounts()
        let switches = configuration.preemptionConfig
        if switches.serviceSchedulerEnabled || switches.batchSchedulerEnabled {
            _ = profileGroups()
        }
    }

    /// Ready nodes with allocations, by capacity and by what is on them.
    func profileGroups() -> [ProfileIndex.Group] {
        var index = profileIndex.take() ?? ProfileIndex(layout)
        index.refresh(
            profile: { position in
                let slot = Int(layout.slots[Int(position)])
                rows[slot].marks.remove(.profiles)
                return rows[slot].isReady ? rows[slot].profile : 0
            },
            lowestPriority: { lowestPriority(on: layout.slots[Int($0)]) })
        profileIndex = index
        openIndexes.insert(.profiles)
        return index.groups
    }

    /// Of the allocations on a node.
    func lowestPriority(on slot: Int32) -> Int32 {
        var lowest = Int32.max
        forEachRecord(on: slot) { lowest = min(lowest, records[Int($0)].priority) }
        return lowest
    }

    /// The index of an algorithm, brought up to date.
    func refreshIndex(_ algorithm: SchedulerAlgorithm) {
        if algorithm == .binpack {
            refresh(&binpackIndex, algorithm, .binpack)
        } else {
            refresh(&spreadIndex, algorithm, .spread)
        }
    }

    /// Hides a node from searches at once, and from the index with its next refresh.
    func mask(_ slot: Int32, _ algorithm: SchedulerAlgorithm) {
        rows[Int(slot)].isMasked = true
        markDirty(slot)
        let position = layout.positions[Int(slot)]
        guard position >= 0 else { return }
        if algorithm == .binpack {
            binpackIndex?.leaveOut(position)
        } else {
            spreadIndex?.leaveOut(position)
        }
    }

    /// How many nodes have been hidden since the last refresh.
    func leftOutCount(_ algorithm: SchedulerAlgorithm) -> Int {
        (algorithm == .binpack ? binpackIndex?.leftOutCount : spreadIndex?.leftOutCount) ?? 0
    }

    /// No node fits better, over the index as it was refreshed last.
    func highestFit(_ algorithm: SchedulerAlgorithm, _ ask: inout ScaledAsk) -> Double {
        if algorithm == .binpack {
            binpackIndex?.admit(ask)
            return binpackIndex?.highestFit(&ask) ?? .infinity
        }
        spreadIndex?.admit(ask)
        return spreadIndex?.highestFit(&ask) ?? .infinity
    }

    /// The best nodes of the ranges, over the index as it was refreshed last.
    func search(
        _ algorithm: SchedulerAlgorithm, _ ranges: [Range<Int32>], _ ask: inout ScaledAsk,
        tie: UInt32, _ best: inout FitIndex.BestFew
    ) {
        if algorithm == .binpack {
            binpackIndex?.admit(ask)
            binpackIndex?.search(ranges, &ask, tie: tie, &best)
        } else {
            spreadIndex?.admit(ask)
            spreadIndex?.search(ranges, &ask, tie: tie, &best)
        }
    }

    private func refresh(
        _ index: inout FitIndex?, _ algorithm: SchedulerAlgorithm, _ mark: IndexMarks
    ) {
        // One pass over all is cheaper than a quarter of all one by one.
        if index.map({ $0.staleCount * 4 > layout.slots.count }) ?? true {
            var fresh =
                index.take() ?? FitIndex(algorithm: algorithm, count: layout.slots.count)
            fresh.fill(count: layout.slots.count) { position in
                takeBound(layout.slots[Int(position)], algorithm, mark)
            }
            index = fresh
            openIndexes.insert(mark)
            return
        }
        if index?.staleCount == 0 { return }
        index?.refresh { position in
            takeBound(layout.slots[Int(position)], algorithm, mark)
        }
    }

    /// What the cluster as a whole has less of, by share; none if both are used alike.
    var scarcity: Scarcity {
        let cpu = Double(usedSum.cpu) * Double(capacitySum.memory)
        let memory = Double(usedSum.memory) * Double(capacitySum.cpu)
        return cpu == memory ? .none : cpu > memory ? .cpu : .memory
    }

    /// A node as a leaf, for the index that `mark` names: one that is not ready, or masked, fits nothing.
    private func takeBound(
        _ slot: Int32, _ algorithm: SchedulerAlgorithm, _ mark: IndexMarks
    ) -> FitIndex.Bound {
        rows[Int(slot)].marks.remove(mark)
        guard rows[Int(slot)].isReady, !rows[Int(slot)].isMasked else { return FitIndex.Bound() }
        return plainBound(slot, algorithm)
    }

    /// A node as a leaf, whether it is ready or not.
    func plainBound(_ slot: Int32, _ algorithm: SchedulerAlgorithm) -> FitIndex.Bound {
        bound(slot, algorithm, freed: Capacity())
    }

    /// A node as a leaf once something of it is freed.
    func bound(
        _ slot: Int32, _ algorithm: SchedulerAlgorithm, freed: Capacity
    ) -> FitIndex.Bound {
        let (capacity, used) = rows[Int(slot)].amounts
        let free = capacity - used + freed
        let sign = algorithm == .binpack ? -1.0 : 1.0
        let lead =
            FitScore.share(free: free.memory, of: capacity.memory)
            - FitScore.share(free: free.cpu, of: capacity.cpu)
        return FitIndex.Bound(
            cpu: Int32(clamping: free.cpu), memory: Int32(clamping: free.memory),
            disk: Int32(clamping: free.disk), capacityCPU: Int32(clamping: capacity.cpu),
            capacityMemory: Int32(clamping: capacity.memory), memoryLead: Float(lead),
            cpuLead: Float(-lead),
            powerCPU: sign * FitScore.power(free: free.cpu, of: capacity.cpu),
            powerMemory: sign * FitScore.power(free: free.memory, of: capacity.memory))
    }
}

private struct LayoutKey: Comparable {
    let capacity: Capacity
    let kind: UInt64
    let shuffle: UInt64
    let id: UniqueID

    static func < (left: Self, right: Self) -> Bool {
        let (one, other) = (left.capacity, right.capacity)
        if one.cpu != other.cpu { return one.cpu < other.cpu }
        if one.memory != other.memory { return one.memory < other.memory }
        if one.disk != other.disk { return one.disk < other.disk }
        if left.kind != right.kind { return left.kind < right.kind }
        if left.shuffle != right.shuffle { return left.shuffle < right.shuffle }
        return left.id < right.id
    }
}
