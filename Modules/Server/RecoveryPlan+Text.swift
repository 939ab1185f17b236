// SPDX-License-Identifier: Apache-2.0
import MartletRaft

extension FolderSurvey {
    /// One row for each folder, under a heading.
    package static func table(_ surveys: [FolderSurvey], marking plan: RecoveryPlan?) -> String {
        var rows = [
            ["Data folder", "Server", "Epoch", "Last term", "Last index", "Committed", "Role"]
        ]
        for survey in surveys {
            var role = "-"
            if let configuration = plan?.configuration {
                role = configuration.isVoter(survey.serverID) ? "voter" : "non-voter"
            }
            rows.append([
                survey.directory, "\(survey.serverID)", RecoveryEpoch.text(survey.recoveryEpoch),
                "\(survey.lastTerm.number)", "\(survey.lastIndex.number)",
                "\(survey.commitHint.number)", role,
            ])
        }
        let widths = rows[0].indices.map { column in
            rows.map { $0[column].count }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, text) in row.enumerated() {
                let isLast = column == row.count - 1
                line += text
                if !isLast {
                    line += String(repeating: " ", count: widths[column] - text.count + 2)
                }
            }
            return line + "\n"
        }.joined()
    }
}

extension RecoveryPlan {
    /// What was decided, and the next commands to type.
    ///
    /// - Parameter isDryRun: that nothing was written.
    package func text(isDryRun: Bool) -> String {
        var text = "Cluster \(surveys.first?.clusterID.map(\.description) ?? "")\n\n"
        text += FolderSurvey.table(surveys, marking: self)
        if isMajority {
            text +=
                "\nNote: these are a majority of the old voters. They need no recovery: started, "
                + "they elect\na leader by themselves, and the others can come back.\n"
        }
        if !unseen.isEmpty {
            text += "\nNot looked at; the first leader needs the vote of each:\n"
            for server in unseen { text += "  \(server.id)  \(server.address)\n" }
        }
        if !lost.isEmpty {
            text += "\nLeft behind, strangers from now on:\n"
            for server in lost { text += "  \(server.id)  \(server.address)\n" }
            text +=
                "What only they had is gone. If enough of them for a majority can be brought back, "
                + "stop here.\n"
        }
        return text + (isDryRun ? dryRunText : nextText)
    }

    /// Of those that voted until now.
    private var isMajority: Bool {
        guard let best = surveys.max(by: { $0.position < $1.position }) else { return false }
        let old = best.configuration
        return configuration.servers.count { old.isVoter($0.id) } >= old.quorum
    }

    private var dryRunText: String {
        "\nNothing was written. The file would be:\n\n\(PeersFile.text(configuration))\n"
            + "Next: the same command without -dry-run.\n"
    }

    private var nextText: String {
        var text = "\nWritten:\n"
        for survey in surveys { text += "  \(survey.directory)/server/raft/\(PeersFile.name)\n" }
        var steps: [String] = []
        if !unseen.isEmpty {
            steps.append("copy one of these files to the same place of each server not looked at")
        }
        steps.append("start every server of the table as always: martlet agent -config ...")
        steps.append("look at the result: curl http://IP:4646/v1/operator/raft/configuration")
        if !lost.isEmpty {
            steps.append("give servers left behind an empty data_dir before they are started again")
        }
        text += "\nNext:\n"
        for (number, step) in steps.enumerated() { text += "  \(number + 1). \(step)\n" }
        return text
    }
}
