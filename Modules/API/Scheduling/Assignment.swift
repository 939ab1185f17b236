// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// What a node must know of an allocation to run it.
package struct Assignment: Equatable, Sendable {
    package var id: UniqueID
    package var nodeID: UniqueID
    /// `job.group[0]`.
    package var name: String
    package var allocModifyIndex: UInt64
    package var isToRun: Bool
    /// Whether the servers know that it has ended: then it is over, whatever else they say.
    package var hasEnded: Bool
    package var job: Shared<Job>
    package var group: TaskGroup
    /// The group's.
    package var ports: [AllocatedPort]
    /// The deployment that waits to hear how it does. Another one follows when the job has changed and the
    /// instance may run on.
    package var deploymentID: UniqueID?

    package var jobType: JobType { job.value.type }
    /// Whether it is to run, and has not ended.
    package var isWanted: Bool { isToRun && !hasEnded }

    package static let limits = JSONLimits(depthMax: 64, bytesMax: 16 << 20, valuesMax: 1 << 20)

    /// Reads the answer to a pull, brief or not.
    ///
    /// - Throws: when it is none.
    package static func parse(_ body: [UInt8]) throws(APIError) -> [Assignment] {
        let fields = try BodyFields(
            try ConfigurationKind.allocations.parse(body: body, limits: limits), of: .allocations)
        var jobs: [Shared<Job>] = []
        for job in try fields.objects("Jobs", max: NodeAgentBounds.allocationsMax) {
            jobs.append(Shared(try Job.decode(job).job))
        }
        var assignments: [Assignment] = []
        for allocation in try fields.objects("Allocs", max: NodeAgentBounds.allocationsMax) {
            assignments.append(try Assignment(allocation, jobs))
        }
        return assignments
    }

    private init(_ fields: BodyFields, _ jobs: [Shared<Job>]) throws(APIError) {
        guard let id = try fields.uniqueID("ID") else { throw fields.refusal("ID", "is missing") }
        guard let nodeID = try fields.uniqueID("NodeID") else {
            throw fields.refusal("NodeID", "is missing")
        }
        self.id = id
        self.nodeID = nodeID
        name = try fields.string("Name", default: "")
        allocModifyIndex = try fields.uint64("AllocModifyIndex", default: 0)
        isToRun = try fields.string("DesiredStatus", default: "run") == "run"
        let status: Allocation.ClientStatus = try fields.choice("ClientStatus", default: .pending)
        hasEnded = status != .pending && status != .running
        deploymentID = try fields.uniqueID("DeploymentID")
        job = try fields.job(among: jobs)
        let groupName = try fields.string("TaskGroup", default: "")
        guard let group = job.value.lookup(group: groupName) else {
            throw fields.refusal("TaskGroup", "is none of its job")
        }
        self.group = group
        ports = try fields.ports()
    }
}

extension BodyFields {
    fileprivate func job(among jobs: [Shared<Job>]) throws(APIError) -> Shared<Job> {
        guard has("JobPosition") else { return Shared(try Job.decode(try object("Job")).job) }
        let position = try int("JobPosition", default: 0)
        guard jobs.indices.contains(position) else {
            throw refusal("JobPosition", "is none of the jobs")
        }
        return jobs[position]
    }

    fileprivate func ports() throws(APIError) -> [AllocatedPort] {
        let shared = try (try object("AllocatedResources")).object("Shared")
        var ports: [AllocatedPort] = []
        for port in try shared.objects("Ports", max: SchedulingBounds.portsMax) {
            ports.append(
                AllocatedPort(
                    label: try port.string("Label", default: ""),
                    value: try port.int("Value", default: 0),
                    to: try port.int("To", default: 0),
                    hostIP: try port.string("HostIP", default: "")))
        }
        return ports
    }
}
