// SPDX-License-Identifier: Apache-2.0
package import MartletJSON
import MartletRaft

/// What was decided, for programs.
package struct RecoveryReport: JSONWritable {
    let plan: RecoveryPlan
    /// The files are there.
    let isWritten: Bool

    package init(_ plan: RecoveryPlan, isWritten: Bool) {
        self.plan = plan
        self.isWritten = isWritten
    }

    package var text: String {
        String(decoding: JSONWriter.encode(self, pretty: true), as: UTF8.self)
    }

    package func write(to writer: inout JSONWriter) {
        let losses = plan.losses
        writer.beginObject()
        writer.member("Cluster", plan.surveys.first?.clusterID.map(\.description) ?? "")
        writer.member("Epoch", RecoveryEpoch.text(plan.surveys.first?.recoveryEpoch ?? 0))
        writer.member("NewEpoch", RecoveryEpoch.text(plan.newEpoch))
        writer.key("Servers")
        writer.beginArray()
        for survey in plan.surveys { write(survey, to: &writer) }
        writer.endArray()
        write("NotLookedAt", plan.unseen, to: &writer)
        write("LeftBehind", plan.lost, to: &writer)
        writer.member("KeptTerm", losses.kept.term.number)
        writer.member("KeptIndex", losses.kept.index.number)
        writer.member("KnownCommitted", losses.committed.number)
        writer.member("MayLoseAcknowledged", !losses.isComplete)
        writer.member("MissingVoters", UInt64(losses.missingVoters))
        writer.member("OldVoters", UInt64(losses.oldVoters))
        writer.key("Written")
        writer.beginArray()
        for survey in plan.surveys where isWritten && survey.file == nil {
            writer.string(RecoveryPlan.peersPath(in: survey.directory))
        }
        writer.endArray()
        writer.endObject()
    }

    private func write(_ survey: FolderSurvey, to writer: inout JSONWriter) {
        let id = survey.serverID
        writer.beginObject()
        writer.member("ID", "\(id)")
        writer.member("Name", FolderSurvey.name(of: id, plan.surveys) ?? "")
        writer.member("Address", plan.configuration[id]?.address ?? "")
        writer.member("LastTerm", survey.lastTerm.number)
        writer.member("LastIndex", survey.lastIndex.number)
        writer.member("Committed", survey.commitHint.number)
        writer.member("Voter", plan.configuration.isVoter(id))
        writer.member("Folder", survey.directory)
        writer.member("Survey", survey.file ?? "")
        writer.endObject()
    }

    private func write(
        _ name: String, _ servers: [Configuration.Server], to writer: inout JSONWriter
    ) {
        writer.key(name)
        writer.beginArray()
        for server in servers {
            writer.beginObject()
            writer.member("ID", "\(server.id)")
            writer.member("Name", FolderSurvey.name(of: server.id, plan.surveys) ?? "")
            writer.member("Address", server.address)
            writer.member("Voter", plan.old.isVoter(server.id))
            writer.endObject()
        }
        writer.endArray()
    }
}
