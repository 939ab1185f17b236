// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// How many instances of a job are in which state.
package struct JobSummary: Equatable, Sendable {
    package struct Group: Hashable, Sendable {
        /// Instances that wait for a place.
        package var queued = 0
        package var complete = 0
        package var failed = 0
        package var running = 0
        /// Placed, and not told of by the node yet.
        package var starting = 0
        package var lost = 0

        package init() {}

        /// Whether some instance has not ended.
        package var hasLive: Bool { running > 0 || starting > 0 }

        package var isEmpty: Bool { self == Group() }
    }

    package var job: JobKey
    /// By name.
    package var groups = SortedMap<Group>()
    package var createIndex: UInt64 = 0
    package var modifyIndex: UInt64 = 0

    package init(job: JobKey) { self.job = job }
}

extension JobSummary: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("Children")
        writer.beginObject()
        writer.member("Dead", 0 as Int64)
        writer.member("Pending", 0 as Int64)
        writer.member("Running", 0 as Int64)
        writer.endObject()
        writer.member("CreateIndex", createIndex)
        writer.member("JobID", job.id)
        writer.member("ModifyIndex", modifyIndex)
        writer.member("Namespace", job.namespace)
        writer.key("Summary")
        writer.beginObject()
        for group in groups { writer.member(group.key, group.value) }
        writer.endObject()
        writer.endObject()
    }
}

extension JobSummary.Group: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Complete", complete)
        writer.member("Failed", failed)
        writer.member("Lost", lost)
        writer.member("Queued", queued)
        writer.member("Running", running)
        writer.member("Starting", starting)
        writer.endObject()
    }
}

/// A job in a list.
package struct JobStub: Equatable, Sendable {
    package var job: Shared<Job>
    package var summary: JobSummary?

    package init(_ job: Shared<Job>, summary: JobSummary?) {
        self.job = job
        self.summary = summary
    }
}

extension JobStub: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        let job = job.value
        writer.beginObject()
        writer.member("CreateIndex", job.createIndex)
        writer.member("Datacenters", job.datacenters)
        writer.member("ID", job.id)
        writer.member("JobModifyIndex", job.jobModifyIndex)
        writer.member("JobSummary", orNull: summary)
        writer.member("ModifyIndex", job.modifyIndex)
        writer.member("Name", job.name)
        writer.member("Namespace", job.namespace)
        writer.member("NodePool", job.nodePool)
        writer.member("ParameterizedJob", job.isParameterized)
        writer.member("ParentID", job.parentID)
        writer.member("Periodic", job.isPeriodic)
        writer.member("Priority", job.priority)
        writer.member("Status", job.status.rawValue)
        writer.member("StatusDescription", job.statusDescription)
        writer.member("Stop", job.isStopped)
        writer.member("SubmitTime", job.submitUnixNanoseconds)
        writer.member("Type", job.type.rawValue)
        writer.member("Version", job.version)
        writer.endObject()
    }
}
