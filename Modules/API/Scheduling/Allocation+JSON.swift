// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension Allocation: JSONWritable {
    package func write(to writer: inout JSONWriter) { write(to: &writer, showsJob: true) }

    /// - Parameter showsJob: whether the job stands in it, or null in its place.
    package func write(to writer: inout JSONWriter, showsJob: Bool) {
        writer.beginObject()
        writer.member("AllocModifyIndex", allocModifyIndex)
        writer.nullMember("AllocStates")
        writer.member("AllocatedResources", resources.value)
        writer.member("ClientDescription", clientDescription)
        writer.member("ClientStatus", clientStatus.rawValue)
        writer.member("CreateIndex", createIndex)
        writer.member("CreateTime", createUnixNanoseconds)
        writer.member("DeploymentID", deploymentID)
        writer.member("DeploymentStatus", orNull: deploymentStatus)
        writer.member("DesiredDescription", desiredDescription)
        writer.member("DesiredStatus", desiredStatus.rawValue)
        writer.member("DesiredTransition", transition)
        writer.member("EvalID", evaluationID)
        writer.member("FollowupEvalID", followUpEvaluationID)
        writer.member("ID", id)
        writer.member("Job", orNull: showsJob ? job.value : nil)
        writer.member("JobID", jobID)
        writer.member("Metrics", orNull: metrics?.value)
        writer.member("ModifyIndex", modifyIndex)
        writer.member("ModifyTime", modifyUnixNanoseconds)
        writer.member("Name", name)
        writer.member("Namespace", namespace)
        writer.nullMember("NetworkStatus")
        writer.member("NextAllocation", nextAllocation)
        writer.member("NodeID", nodeID)
        writer.member("NodeName", nodeName)
        writer.member("PreemptedAllocations", orNull: preemptedAllocations)
        writer.member("PreemptedByAllocation", preemptedBy)
        writer.member("PreviousAllocation", previousAllocation)
        writer.member(tracker: reschedules)
        writer.member("Resources", resources.value.flat)
        writer.nullMember("SharedResources")
        writer.member("TaskGroup", group)
        writer.member("TaskResources", orNull: resources.value.flatByTask)
        writer.member("TaskStates", orNull: taskStates?.value ?? [:])
        writer.endObject()
    }
}

/// An allocation in a list.
package struct AllocationStub: Equatable, Sendable, JSONWritable {
    package var allocation: Shared<Allocation>
    /// Whether it shows what it was given: `?resources=true`.
    package var showsResources: Bool

    package init(_ allocation: Shared<Allocation>, showsResources: Bool = false) {
        self.allocation = allocation
        self.showsResources = showsResources
    }

    package func write(to writer: inout JSONWriter) {
        let allocation = allocation.value
        writer.beginObject()
        if showsResources { writer.member("AllocatedResources", allocation.resources.value) }
        writer.member("ClientDescription", allocation.clientDescription)
        writer.member("ClientStatus", allocation.clientStatus.rawValue)
        writer.member("CreateIndex", allocation.createIndex)
        writer.member("CreateTime", allocation.createUnixNanoseconds)
        writer.member("DeploymentStatus", orNull: allocation.deploymentStatus)
        writer.member("DesiredDescription", allocation.desiredDescription)
        writer.member("DesiredStatus", allocation.desiredStatus.rawValue)
        writer.member("DesiredTransition", allocation.transition)
        writer.member("EvalID", allocation.evaluationID)
        writer.member("FollowupEvalID", allocation.followUpEvaluationID)
        writer.member("ID", allocation.id)
        writer.member("JobID", allocation.jobID)
        writer.member("JobType", allocation.job.value.type.rawValue)
        writer.member("JobVersion", allocation.job.value.version)
        writer.member("ModifyIndex", allocation.modifyIndex)
        writer.member("ModifyTime", allocation.modifyUnixNanoseconds)
        writer.member("Name", allocation.name)
        writer.member("Namespace", allocation.namespace)
        writer.member("NodeID", allocation.nodeID)
        writer.member("NodeName", allocation.nodeName)
        writer.member("PreemptedAllocations", orNull: allocation.preemptedAllocations)
        writer.member("PreemptedByAllocation", allocation.preemptedBy)
        writer.member(tracker: allocation.reschedules)
        writer.member("TaskGroup", allocation.group)
        writer.member("TaskStates", orNull: allocation.taskStates?.value ?? [:])
        writer.endObject()
    }
}

extension DesiredTransition: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("ForceReschedule", orNull: forceReschedule)
        writer.member("Migrate", orNull: migrate)
        writer.member("Reschedule", orNull: reschedule)
        writer.endObject()
    }
}

extension AllocationHealth: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Canary", isCanary)
        writer.member("Healthy", orNull: isHealthy)
        writer.member("ModifyIndex", modifyIndex)
        writer.member(instant: "Timestamp", unixNanoseconds)
        writer.endObject()
    }
}

extension RescheduleEvent: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(span: "Delay", delay)
        writer.member("PrevAllocID", previousAllocation)
        writer.member("PrevNodeID", previousNode)
        writer.member("RescheduleTime", unixNanoseconds)
        writer.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func member(tracker events: [RescheduleEvent]) {
        guard !events.isEmpty else { return nullMember("RescheduleTracker") }
        key("RescheduleTracker")
        beginObject()
        member("Events", events)
        endObject()
    }
}
