// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension TaskState: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Events", orNull: events)
        writer.member("Failed", isFailed)
        writer.member(instant: "FinishedAt", finishedUnixNanoseconds)
        writer.member(instant: "LastRestart", lastRestartUnixNanoseconds)
        writer.member("Restarts", restarts)
        writer.member(instant: "StartedAt", startedUnixNanoseconds)
        writer.member("State", state.rawValue)
        writer.nullMember("TaskHandle")
        writer.endObject()
    }
}

extension TaskEvent: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Details", orNull: details)
        writer.member("DisplayMessage", displayMessage)
        writer.member("ExitCode", exitCode)
        writer.member("FailsTask", failsTask)
        writer.member("Message", displayMessage)
        writer.member("Signal", signal)
        writer.member("Time", unixNanoseconds)
        writer.member("Type", type)
        writer.endObject()
    }
}
