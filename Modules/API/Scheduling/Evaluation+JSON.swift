// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension Evaluation: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("AnnotatePlan", annotatesPlan)
        writer.member("BlockedEval", blockedEvaluation)
        writer.member("ClassEligibility", orNull: classEligibility) { $0.bool($1) }
        writer.member("CreateIndex", createIndex)
        writer.member("CreateTime", createUnixNanoseconds)
        writer.member("DeploymentID", deploymentID)
        writer.member("EscapedComputedClass", hasEscapedClass)
        writer.member("FailedTGAllocs", orNull: failedGroups)
        writer.member("ID", id)
        writer.member("JobID", jobID)
        writer.member("JobModifyIndex", jobModifyIndex)
        writer.member("ModifyIndex", modifyIndex)
        writer.member("ModifyTime", modifyUnixNanoseconds)
        writer.member("Namespace", namespace)
        writer.member("NextEval", nextEvaluation)
        writer.member("NodeID", nodeID)
        writer.member("NodeModifyIndex", nodeModifyIndex)
        writer.member("PreviousEval", previousEvaluation)
        writer.member("Priority", priority)
        writer.member("QueuedAllocations", orNull: queuedAllocations)
        writer.member("QuotaLimitReached", quotaLimitReached)
        writer.member("SnapshotIndex", snapshotIndex)
        writer.member("Status", status.rawValue)
        writer.member("StatusDescription", statusDescription)
        writer.member("TriggeredBy", trigger.rawValue)
        writer.member("Type", type.rawValue)
        writer.member(span: "Wait", wait)
        writer.member(instant: "WaitUntil", waitUntilUnixNanoseconds)
        writer.endObject()
    }
}
