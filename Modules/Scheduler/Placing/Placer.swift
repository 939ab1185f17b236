// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Finds nodes for the instances of one evaluation, over a view that it changes as it goes.
///
/// What it places, stops and evicts is in the view until ``undo()``, which the caller owes it: later
/// requests see what earlier ones took. The same view content, job, configuration, seed and sequence of
/// calls give the same answers, byte for byte, on every machine.
package final class Placer {
    let view: ClusterView
    let job: Job
    let jobNumber: Int32
    let configuration: SchedulerConfiguration
    let options: PlacementOptions
    let seed: UInt64
    /// What ``undo()`` takes back, oldest first.
    private var journal: [Change] = []
    private var groups: [CompiledGroup?]
    /// Instances evicted so far, by job and group: what `migrate.max_parallel` is compared with.
    private(set) var evicted: [GroupNumber: Int] = [:]
    private var isUndone = false

    fileprivate enum Change {
        case placed(Int32)
        case stopped(Int32)
        case evicted(Int32)
    }

    struct GroupNumber: Hashable {
        let job: Int32
        let group: Int32
    }

    /// `seed` breaks ties and starts port searches: of the evaluation and its attempt, so that a second
    /// attempt does not run into the same conflict.
    package init(
        view: ClusterView, job: Job, configuration: SchedulerConfiguration, seed: UInt64,
        options: PlacementOptions = PlacementOptions()
    ) {
        view.settle()
        self.view = view
        self.job = job
        self.configuration = configuration
        self.options = options
        self.seed = Mix.scramble(seed)
        jobNumber = view.jobs.hold(job.key)
        groups = Array(repeating: nil, count: job.groups.count)
    }

    /// Takes everything back: the view is as it was before `init`. The placer is of no use afterwards.
    package func undo() {
        precondition(!isUndone, "undone twice")
        isUndone = true
        while let change = journal.popLast() {
            switch change {
            case .placed(let record):
                view.unlink(record)
                view.freeRecord(record)
            case .stopped(let record), .evicted(let record): view.link(record)
            }
        }
        view.jobs.release(jobNumber)
    }

    // MARK: Stops

    /// Stages the stop of an allocation: its room, its ports and its place in the counts are free.
    /// False if the view has no such allocation, or it is stopped already.
    @discardableResult
    package func stop(_ id: UniqueID) -> Bool {
        guard let record = view.recordOf[id], view.records[Int(record)].isLinked else {
            return false
        }
        view.unlink(record)
        journal.append(.stopped(record))
        return true
    }

    /// Takes a staged stop back, whose room nobody must have taken since.
    @discardableResult
    package func restore(_ id: UniqueID) -> Bool {
        guard let record = view.recordOf[id],
            let place = journal.lastIndex(where: { $0.isStop(of: record) })
        else { return false }
        journal.remove(at: place)
        view.link(record)
        return true
    }

    // MARK: Answers

    /// Which classes a group may run on.
    package func eligibility(of group: Int) -> ClassEligibility {
        compiled(group).set.eligibility(view)
    }

    /// What an allocation would have after an update in place: the group's amounts, with the ports and
    /// devices that it holds. nil if its node may not run the group, or has no room for what it asks
    /// more. A node that takes nothing new, because it is not ready or has shrunk, keeps what it has.
    /// Nothing changes in the view.
    package func resourcesInPlace(
        of allocation: Allocation, group index: Int
    ) -> Shared<AllocatedResources>? {
        let compiled = compiled(index)
        guard let slot = view.slotOf[allocation.nodeID], view.layout.positions[Int(slot)] >= 0,
            compiled.set.lane(at: view.layout.positions[Int(slot)], view.layout) >= 0,
            var trial = NodeTrial(slot, for: compiled, view: view)
        else { return nil }
        var own = Capacity()
        if let record = view.recordOf[allocation.id], view.records[Int(record)].isLinked {
            own = view.records[Int(record)].size
            trial.remove(record, in: view)
        }
        guard trial.keeps(compiled, of: own) else { return nil }
        return Shared(Self.keepingExtras(of: allocation, in: compiled.plainResources.value))
    }

    private static func keepingExtras(
        of allocation: Allocation, in plain: AllocatedResources
    ) -> AllocatedResources {
        let old = allocation.resources.value
        var result = plain
        result.networks = old.networks
        result.ports = old.ports
        for index in result.tasks.indices {
            guard let task = old.tasks.first(where: { $0.name == result.tasks[index].name }) else {
                continue
            }
            result.tasks[index].networks = task.networks
            result.tasks[index].devices = task.devices
            result.tasks[index].reservedCores = task.reservedCores
            if !task.reservedCores.isEmpty { result.tasks[index].cpu = task.cpu }
        }
        return result
    }

    // MARK: Placing

    /// Places requests in their order. Neighbours of one group are placed as one sweep, which costs a
    /// small part of what each alone would.
    package func place(_ requests: [PlacementRequest]) -> [PlacementOutcome] {
        precondition(!isUndone, "placed after undo")
        var outcomes: [PlacementOutcome] = []
        outcomes.reserveCapacity(requests.count)
        var first = 0
        while first < requests.count {
            var end = first + 1
            while end < requests.count, requests[end].group == requests[first].group { end += 1 }
            let group = compiled(requests[first].group)
            let isBounded = configuration.nodeLimitForFeasibilityChecks > 0 && group.looksFurther
            if options.search == .sampled || isBounded {
                let sampled = SampledSearch(self, group)
                for request in requests[first..<end] { outcomes.append(sampled.place(request)) }
            } else {
                let sweep = GroupSweep(self, group)
                for request in requests[first..<end] { outcomes.append(sweep.place(request)) }
                sweep.end()
            }
            first = end
        }
        return outcomes
    }

    func compiled(_ index: Int) -> CompiledGroup {
        if let known = groups[index] { return known }
        let compiled = CompiledGroup(
            index, of: job, jobNumber: jobNumber, view: view,
            oversubscribes: configuration.memoryOversubscriptionEnabled)
        groups[index] = compiled
        return compiled
    }

    /// Whether this type of job may evict others.
    var mayPreempt: Bool {
        let switches = configuration.preemptionConfig
        switch job.type {
        case .service: return switches.serviceSchedulerEnabled
        case .batch: return switches.batchSchedulerEnabled
        case .system: return switches.systemSchedulerEnabled
        case .sysbatch: return switches.sysBatchSchedulerEnabled
        }
    }

    // MARK: Changes

    /// Puts an instance on a node.
    func put(_ compiled: CompiledGroup, slot: Int32, resources: Shared<AllocatedResources>) {
        let hasExtras = resources !== compiled.plainResources
        let record = AllocationRecord(
            allocation: nil, id: UniqueID(high: 0, low: UInt64(journal.count)),
            resources: resources,
            size: compiled.coreSum > 0 ? Capacity(resources.value.combined) : compiled.size,
            node: slot, job: jobNumber, group: compiled.number,
            priority: Amount.priority(job.priority), maxParallel: compiled.maxParallel,
            hasExtras: hasExtras)
        let number = view.addRecord(record)
        view.jobs.hold(jobNumber)
        view.link(number)
        journal.append(.placed(number))
    }

    func evict(_ record: Int32) {
        view.unlink(record)
        journal.append(.evicted(record))
        evicted[view.records[Int(record)].groupNumber, default: 0] += 1
    }
}

extension Placer.Change {
    fileprivate func isStop(of record: Int32) -> Bool {
        if case .stopped(record) = self { true } else { false }
    }
}
