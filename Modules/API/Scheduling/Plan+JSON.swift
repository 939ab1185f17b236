// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension DesiredUpdates: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Canary", canary)
        writer.member("DestructiveUpdate", destructiveUpdate)
        writer.member("Ignore", ignore)
        writer.member("InPlaceUpdate", inPlaceUpdate)
        writer.member("Migrate", migrate)
        writer.member("Place", place)
        writer.member("Preemptions", preemptions)
        writer.member("Stop", stop)
        writer.endObject()
    }
}

extension PlanAnnotations: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("DesiredTGUpdates", orNull: desiredUpdates)
        writer.member("PreemptedAllocs", orNull: preempted.map { AllocationStub($0) })
        writer.endObject()
    }
}
