// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

extension ByteWriter {
    mutating func write(_ command: SchedulerCommand) {
        switch command {
        case .registerJob(let job, let expected, let evaluations):
            write(job)
            write(optional: expected) { $0.write($1) }
            write(evaluations)
        case .deregisterJob(let key, let purges, let time, let evaluations):
            write(job: key)
            write(purges)
            write(time)
            write(evaluations)
        case .revertJob(let key, let version, let prior, let evaluations):
            write(job: key)
            write(version)
            write(optional: prior) { $0.write($1) }
            write(evaluations)
        case .setJobStability(let key, let version, let isStable):
            write(job: key)
            write(version)
            write(isStable)
        case .registerNodes(let nodes, let evaluations, _):
            write(list: nodes) { $0.write($1, version: command.version) }
            write(evaluations)
        case .setNodeStatus(let changes, let evaluations):
            write(list: changes) { $0.write($1) }
            write(evaluations)
        case .setNodeEligibility(let id, let eligibility, let event, let evaluations):
            write(id: id)
            write(choice: eligibility)
            write(optional: event) { $0.write($1) }
            write(evaluations)
        case .setNodeDrain(let changes, let evaluations):
            write(list: changes) { $0.write($1) }
            write(evaluations)
        case .addNodeEvents(let id, let events):
            write(id: id)
            write(list: events) { $0.write($1) }
        case .deregisterNodes(let ids, let evaluations):
            write(ids: ids)
            write(evaluations)
        case .upsertEvaluations(let evaluations): write(evaluations)
        case .applyPlan(let entry): write(entry)
        case .updateAllocations(let updates, let time, let evaluations):
            write(list: updates) { $0.write($1) }
            write(time)
            write(evaluations)
        case .setTransitions(let changes, let evaluations):
            write(list: changes) {
                $0.write(id: $1.allocation)
                $0.write($1.transition)
            }
            write(evaluations)
        case .setDeploymentStatus(let update, let version, let evaluations):
            write(update)
            write(optional: version) { $0.write($1) }
            write(evaluations)
        case .promoteDeployment(let id, let groups, let evaluations):
            write(id: id)
            write(optional: groups) { $0.write(texts: $1) }
            write(evaluations)
        case .setDeploymentHealth(let change, let evaluations):
            write(change)
            write(evaluations)
        case .collect(let garbage): write(garbage)
        case .collectNodes(let nodes):
            write(list: nodes) {
                $0.write(id: $1.id)
                $0.write($1.modifyIndex)
            }
        case .upsertPools(let pools): write(list: pools) { $0.write($1) }
        case .deletePools(let names): write(texts: names)
        case .sealNodes(let nodes):
            write(list: nodes) {
                $0.write(id: $1.id)
                $0.write(raw: $1.digest.bytes)
            }
        }
    }

    private mutating func write(_ evaluations: [Evaluation]) {
        write(list: evaluations) { $0.write($1) }
    }

    private mutating func write(_ change: NodeStatusChange) {
        write(id: change.id)
        write(choice: change.status)
        write(string: change.statusDescription)
        write(change.unixSeconds)
        write(optional: change.event) { $0.write($1) }
    }

    private mutating func write(_ change: NodeDrainChange) {
        write(id: change.id)
        write(optional: change.drain) { $0.write($1) }
        write(change.marksEligible)
        write(change.isComplete)
        write(string: change.accessorID)
        write(map: change.meta)
        write(change.unixNanoseconds)
        write(optional: change.event) { $0.write($1) }
    }

    private mutating func write(_ update: AllocationUpdate) {
        write(id: update.id)
        write(choice: update.clientStatus)
        write(string: update.clientDescription)
        write(optional: update.taskStates) { $0.write(map: $1.value) { $0.write($1) } }
        write(optional: update.isHealthy) { $0.write($1) }
        write(update.healthUnixNanoseconds)
    }

    private mutating func write(_ change: DeploymentHealthChange) {
        write(id: change.deployment)
        write(ids: change.healthy)
        write(ids: change.unhealthy)
        write(change.unixNanoseconds)
        write(optional: change.update) { $0.write($1) }
        write(optional: change.revertingTo) { $0.write($1) }
    }

    private mutating func write(_ garbage: Garbage) {
        write(ids: garbage.evaluations)
        write(ids: garbage.allocations)
        write(ids: garbage.deployments)
        write(list: garbage.jobs) {
            $0.write(job: $1.key)
            $0.write($1.modifyIndex)
        }
    }
}

extension AllocationUpdate {
    /// What it takes in a command, without writing it: as `write(_:)` above has it.
    package var logBytes: Int {
        let own = 16 + 1 + 4 + clientDescription.utf8.count + 1 + (isHealthy == nil ? 1 : 2) + 8
        guard let states = taskStates?.value.elements else { return own }
        return states.reduce(own + 4) { bytes, state in
            let events = state.value.events.reduce(0) { $0 + 37 + $1.bytes + 8 * $1.details.count }
            return bytes + 4 + state.key.utf8.count + 38 + events
        }
    }
}

extension StateReader {
    /// - Precondition: the version has the kind.
    mutating func schedulerCommand(
        _ kind: UInt8, version: UInt8
    ) throws(StateError) -> SchedulerCommand {
        switch kind {
        case 23:
            .registerJob(try job(), expected: try optional(), evaluations: try evaluations())
        case 24:
            .deregisterJob(
                try jobKey(), purges: try bool(), submitUnixNanoseconds: try int64(),
                evaluations: try evaluations())
        case 25:
            .revertJob(
                try jobKey(), version: try uint64(), enforcing: try optional(),
                evaluations: try evaluations())
        case 26:
            .setJobStability(try jobKey(), version: try uint64(), isStable: try bool())
        case 27:
            .registerNodes(
                try many { (reader) throws(StateError) in try reader.node(version: version) },
                evaluations: try evaluations(), makesPools: version == Command.poolVersion)
        case 28:
            .setNodeStatus(
                try many { (reader) throws(StateError) in try reader.nodeStatus() },
                evaluations: try evaluations())
        case 29:
            .setNodeEligibility(
                try id(), try choice(),
                event: try optional { (reader) throws(StateError) in try reader.nodeEvent() },
                evaluations: try evaluations())
        case 30:
            .setNodeDrain(
                try many { (reader) throws(StateError) in try reader.nodeDrain() },
                evaluations: try evaluations())
        case 31:
            .addNodeEvents(
                try id(), try many { (reader) throws(StateError) in try reader.nodeEvent() })
        case 32:
            .deregisterNodes(try manyIDs(), evaluations: try evaluations())
        case 33: .upsertEvaluations(try evaluations())
        case 34: .applyPlan(try planEntry())
        default: try laterSchedulerCommand(kind)
        }
    }

    private mutating func laterSchedulerCommand(
        _ kind: UInt8
    ) throws(StateError) -> SchedulerCommand {
        switch kind {
        case 35:
            .updateAllocations(
                try many { (reader) throws(StateError) in try reader.allocationUpdate() },
                unixNanoseconds: try int64(), evaluations: try evaluations())
        case 36:
            .setTransitions(
                try many { (reader) throws(StateError) in
                    TransitionChange(
                        allocation: try reader.id(), transition: try reader.transition())
                }, evaluations: try evaluations())
        case 37:
            .setDeploymentStatus(
                try statusUpdate(), revertingTo: try optional(), evaluations: try evaluations())
        case 38:
            .promoteDeployment(
                try id(),
                groups: try optional { (reader) throws(StateError) in
                    try reader.texts(max: SchedulingBounds.groupsMax)
                }, evaluations: try evaluations())
        case 39: .setDeploymentHealth(try healthChange(), evaluations: try evaluations())
        case 40: .collect(try garbage())
        case 42:
            .upsertPools(try many { (reader) throws(StateError) in try reader.pool() })
        case 43: .deletePools(try texts(max: SchedulerCommand.batchMax))
        case 44:
            .sealNodes(
                try many { (reader) throws(StateError) in
                    SealedNode(id: try reader.id(), digest: try reader.digest())
                })
        default:
            .collectNodes(
                try many { (reader) throws(StateError) in
                    EndedNode(id: try reader.id(), modifyIndex: try reader.uint64())
                })
        }
    }

    private mutating func many<Element>(
        _ element: (inout StateReader) throws(StateError) -> Element
    ) throws(StateError) -> [Element] {
        try elements(max: SchedulerCommand.batchMax, element)
    }

    private mutating func manyIDs() throws(StateError) -> [UniqueID] {
        try ids(max: SchedulerCommand.batchMax)
    }

    private mutating func evaluations() throws(StateError) -> [Evaluation] {
        try many { (reader) throws(StateError) in try reader.evaluation() }
    }

    private mutating func nodeStatus() throws(StateError) -> NodeStatusChange {
        NodeStatusChange(
            id: try id(), status: try choice(), statusDescription: try string(),
            unixSeconds: try int64(),
            event: try optional { (reader) throws(StateError) in try reader.nodeEvent() })
    }

    private mutating func nodeDrain() throws(StateError) -> NodeDrainChange {
        NodeDrainChange(
            id: try id(),
            drain: try optional { (reader) throws(StateError) in try reader.drain() },
            marksEligible: try bool(), isComplete: try bool(), accessorID: try string(),
            meta: try stringMap(), unixNanoseconds: try int64(),
            event: try optional { (reader) throws(StateError) in try reader.nodeEvent() })
    }

    private mutating func allocationUpdate() throws(StateError) -> AllocationUpdate {
        AllocationUpdate(
            id: try id(), clientStatus: try choice(), clientDescription: try string(),
            taskStates: try optional { (reader) throws(StateError) in try reader.taskStates() },
            isHealthy: try optionalBool(), healthUnixNanoseconds: try int64())
    }

    private mutating func healthChange() throws(StateError) -> DeploymentHealthChange {
        DeploymentHealthChange(
            deployment: try id(), healthy: try manyIDs(), unhealthy: try manyIDs(),
            unixNanoseconds: try int64(),
            update: try optional { (reader) throws(StateError) in try reader.statusUpdate() },
            revertingTo: try optional())
    }

    private mutating func garbage() throws(StateError) -> Garbage {
        Garbage(
            evaluations: try manyIDs(), allocations: try manyIDs(), deployments: try manyIDs(),
            jobs: try many { (reader) throws(StateError) in
                Garbage.EndedJob(key: try reader.jobKey(), modifyIndex: try reader.uint64())
            })
    }
}
