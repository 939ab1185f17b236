// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

// An allocation as a snapshot writes it, without its indexes: its job is named by the version, which
// has a row of its own.

extension ByteWriter {
    mutating func write(_ version: JobVersionKey) {
        write(job: version.job)
        write(version.jobModifyIndex)
    }

    mutating func write(_ allocation: Allocation) {
        write(id: allocation.id)
        write(id: allocation.evaluationID)
        write(id: allocation.nodeID)
        write(string: allocation.nodeName)
        write(JobVersionKey(of: allocation.job.value))
        write(string: allocation.group)
        write(number: allocation.index)
        write(allocation.resources.value)
        write(choice: allocation.desiredStatus)
        write(string: allocation.desiredDescription)
        write(allocation.transition)
        write(choice: allocation.clientStatus)
        write(string: allocation.clientDescription)
        write(optional: allocation.taskStates) { $0.write(map: $1.value) { $0.write($1) } }
        write(optionalID: allocation.deploymentID)
        write(optional: allocation.deploymentStatus) { $0.write($1) }
        write(optionalID: allocation.previousAllocation)
        write(optionalID: allocation.nextAllocation)
        write(optionalID: allocation.followUpEvaluationID)
        write(list: allocation.reschedules) { $0.write($1) }
        write(ids: allocation.preemptedAllocations)
        write(optionalID: allocation.preemptedBy)
        write(optional: allocation.metrics) { $0.write($1.value) }
        write(allocation.allocModifyIndex)
        write(allocation.createUnixNanoseconds)
        write(allocation.modifyUnixNanoseconds)
    }

    mutating func write(_ resources: AllocatedResources) {
        write(list: resources.tasks) {
            $0.write(string: $1.name)
            $0.write(number: $1.cpu)
            $0.write(cores: $1.reservedCores)
            $0.write(number: $1.memoryMB)
            $0.write(number: $1.memoryMaxMB)
            $0.write(list: $1.networks) { $0.write($1) }
            $0.write(list: $1.devices) {
                $0.write(string: $1.vendor)
                $0.write(string: $1.type)
                $0.write(string: $1.name)
                $0.write(texts: $1.deviceIDs)
            }
            $0.write(optional: $1.lifecycle) { $0.write($1) }
        }
        write(number: resources.diskMB)
        write(list: resources.networks) { $0.write($1) }
        write(list: resources.ports) {
            $0.write(string: $1.label)
            $0.write(number: $1.value)
            $0.write(signed: $1.to)
            $0.write(string: $1.hostIP)
        }
    }

    private mutating func write(_ network: AllocatedNetwork) {
        write(string: network.mode)
        write(string: network.device)
        write(string: network.ip)
        write(number: network.megabits)
        write(optional: network.dns) { $0.write($1) }
        write(ports: network.reservedPorts)
        write(ports: network.dynamicPorts)
    }

    mutating func write(_ transition: DesiredTransition) {
        write(optional: transition.migrate) { $0.write($1) }
        write(optional: transition.reschedule) { $0.write($1) }
        write(optional: transition.forceReschedule) { $0.write($1) }
    }

    mutating func write(_ health: AllocationHealth) {
        write(optional: health.isHealthy) { $0.write($1) }
        write(health.isCanary)
        write(health.unixNanoseconds)
        write(health.modifyIndex)
    }

    mutating func write(_ event: RescheduleEvent) {
        write(event.unixNanoseconds)
        write(id: event.previousAllocation)
        write(id: event.previousNode)
        write(span: event.delay)
    }

    mutating func write(_ state: TaskState) {
        write(choice: state.state)
        write(state.isFailed)
        write(signed: state.restarts)
        write(state.lastRestartUnixNanoseconds)
        write(state.startedUnixNanoseconds)
        write(state.finishedUnixNanoseconds)
        write(list: state.events) {
            $0.write(string: $1.type)
            $0.write($1.unixNanoseconds)
            $0.write(string: $1.displayMessage)
            $0.write(map: $1.details)
            $0.write($1.failsTask)
            $0.write(signed: $1.exitCode)
            $0.write(signed: $1.signal)
        }
    }
}

extension StateReader {
    mutating func jobVersion() throws(StateError) -> JobVersionKey {
        JobVersionKey(job: try jobKey(), jobModifyIndex: try uint64())
    }

    /// - Parameter find: gives what is shared.
    mutating func allocation(
        job find: (JobVersionKey) throws(StateError) -> Shared<Job>,
        resources share: (AllocatedResources) -> Shared<AllocatedResources>
    ) throws(StateError) -> Allocation {
        let (id, evaluation, node) = (try id(), try id(), try id())
        let nodeName = try string()
        var allocation = Allocation(
            id: id, evaluationID: evaluation, nodeID: node, job: try find(try jobVersion()),
            group: try string(), index: try number(), resources: share(try allocatedResources()))
        allocation.nodeName = nodeName
        allocation.desiredStatus = try choice()
        allocation.desiredDescription = try string()
        allocation.transition = try transition()
        allocation.clientStatus = try choice()
        allocation.clientDescription = try string()
        allocation.taskStates = try optional { (reader) throws(StateError) in
            Shared(try reader.taskStates())
        }
        allocation.deploymentID = try optionalID()
        allocation.deploymentStatus = try optional { (reader) throws(StateError) in
            try reader.health()
        }
        allocation.previousAllocation = try optionalID()
        allocation.nextAllocation = try optionalID()
        allocation.followUpEvaluationID = try optionalID()
        allocation.reschedules = try reschedules()
        allocation.preemptedAllocations = try ids(max: PlanEntry.elementsMax)
        allocation.preemptedBy = try optionalID()
        allocation.metrics = try optional { (reader) throws(StateError) in
            Shared(try reader.metric())
        }
        allocation.allocModifyIndex = try uint64()
        allocation.createUnixNanoseconds = try int64()
        allocation.modifyUnixNanoseconds = try int64()
        return allocation
    }

    mutating func allocatedResources() throws(StateError) -> AllocatedResources {
        var resources = AllocatedResources(
            tasks: try elements(max: SchedulingBounds.tasksMax) {
                (reader) throws(StateError) in try reader.allocatedTask()
            }, diskMB: try number())
        resources.networks = try allocatedNetworks()
        resources.ports = try elements(max: SchedulingBounds.portsMax * 2) {
            (reader) throws(StateError) in
            AllocatedPort(
                label: try reader.string(), value: try reader.number(max: 65_535),
                to: try reader.signed(), hostIP: try reader.string())
        }
        return resources
    }

    private mutating func allocatedTask() throws(StateError) -> AllocatedTask {
        let name = try string()
        let cpu = try number()
        let cores = try cores()
        var task = AllocatedTask(name: name, cpu: cpu, memoryMB: try number())
        task.reservedCores = cores
        task.memoryMaxMB = try number()
        task.networks = try allocatedNetworks()
        task.devices = try elements(max: SchedulingBounds.devicesMax) {
            (reader) throws(StateError) in
            AllocatedDevice(
                vendor: try reader.string(), type: try reader.string(), name: try reader.string(),
                deviceIDs: try reader.texts(max: SchedulingBounds.deviceInstancesMax))
        }
        task.lifecycle = try optional { (reader) throws(StateError) in try reader.lifecycle() }
        return task
    }

    private mutating func allocatedNetworks() throws(StateError) -> [AllocatedNetwork] {
        try elements(max: SchedulingBounds.networksMax) { (reader) throws(StateError) in
            var network = AllocatedNetwork()
            network.mode = try reader.string()
            network.device = try reader.string()
            network.ip = try reader.string()
            network.megabits = try reader.number()
            network.dns = try reader.optional { (reader) throws(StateError) in try reader.dns() }
            network.reservedPorts = try reader.ports()
            network.dynamicPorts = try reader.ports()
            return network
        }
    }

    mutating func transition() throws(StateError) -> DesiredTransition {
        DesiredTransition(
            migrate: try optionalBool(), reschedule: try optionalBool(),
            forceReschedule: try optionalBool())
    }

    mutating func health() throws(StateError) -> AllocationHealth {
        AllocationHealth(
            isHealthy: try optionalBool(), isCanary: try bool(), unixNanoseconds: try int64(),
            modifyIndex: try uint64())
    }

    mutating func reschedules() throws(StateError) -> [RescheduleEvent] {
        try elements(max: SchedulingBounds.mapMax) { (reader) throws(StateError) in
            RescheduleEvent(
                unixNanoseconds: try reader.int64(), previousAllocation: try reader.id(),
                previousNode: try reader.id(), delay: try reader.span())
        }
    }

    mutating func taskStates() throws(StateError) -> SortedMap<TaskState> {
        try map { (reader) throws(StateError) in
            var state = TaskState(state: try reader.choice(), isFailed: try reader.bool())
            state.restarts = try reader.signed()
            state.lastRestartUnixNanoseconds = try reader.int64()
            state.startedUnixNanoseconds = try reader.int64()
            state.finishedUnixNanoseconds = try reader.int64()
            state.events = try reader.elements(max: TaskState.eventsMax) {
                (reader) throws(StateError) in try reader.taskEvent()
            }
            return state
        }
    }

    private mutating func taskEvent() throws(StateError) -> TaskEvent {
        let type = try string()
        let time = try int64()
        var event = TaskEvent(
            type: type, unixNanoseconds: time, displayMessage: try string(),
            details: try stringMap())
        event.failsTask = try bool()
        event.exitCode = try signed()
        event.signal = try signed()
        return event
    }
}
