// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension Deployment: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CreateIndex", createIndex)
        writer.member("EvalPriority", evaluationPriority)
        writer.member("ID", id)
        writer.member("IsMultiregion", false)
        writer.member("JobCreateIndex", jobCreateIndex)
        writer.member("JobID", jobID)
        writer.member("JobModifyIndex", jobModifyIndex)
        writer.member("JobSpecModifyIndex", jobSpecModifyIndex)
        writer.member("JobVersion", jobVersion)
        writer.member("ModifyIndex", modifyIndex)
        writer.member("Namespace", namespace)
        writer.member("Status", status.rawValue)
        writer.member("StatusDescription", statusDescription)
        writer.member("TaskGroups", orNull: groups)
        writer.endObject()
    }
}

extension DeploymentGroupState: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("AutoPromote", autoPromote)
        writer.member("AutoRevert", autoRevert)
        writer.member("DesiredCanaries", desiredCanaries)
        writer.member("DesiredTotal", desiredTotal)
        writer.member("HealthyAllocs", healthyAllocations)
        writer.member("PlacedAllocs", placedAllocations)
        writer.member("PlacedCanaries", orNull: placedCanaries)
        writer.member(span: "ProgressDeadline", progressDeadline)
        writer.member("Promoted", isPromoted)
        writer.member(instant: "RequireProgressBy", requireProgressByUnixNanoseconds)
        writer.member("UnhealthyAllocs", unhealthyAllocations)
        writer.endObject()
    }
}
