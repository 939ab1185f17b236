// SPDX-License-Identifier: Apache-2.0
import MartletRaft

extension FolderSurvey {
    /// One row for each folder, under a heading.
    package static func table(_ surveys: [FolderSurvey], marking plan: RecoveryPlan?) -> String {
        let best = surveys.map(\.position).max()
        var rows = [
            [
                "Server", "Address", "ID", "Epoch", "Last term", "Last index", "Committed",
                "From now on", "Found in",
            ]
        ]
        for survey in surveys {
            var role = "-"
            if let configuration = plan?.configuration {
                role = configuration.isVoter(survey.serverID) ? "voter" : "non-voter"
                if survey.position == best { role += ", newest" }
            }
            rows.append([
                name(of: survey.serverID, surveys) ?? "-",
                plan?.configuration[survey.serverID]?.address
                    ?? survey.configuration[survey.serverID]?.address ?? "-",
                "\(survey.serverID)", RecoveryEpoch.text(survey.recoveryEpoch),
                "\(survey.lastTerm.number)", "\(survey.lastIndex.number)",
                "\(survey.commitHint.number)", role, survey.place,
            ])
        }
        return columns(rows)
    }

    /// As one of the others knew it.
    static func name(of id: ServerID, _ surveys: [FolderSurvey]) -> String? {
        for survey in surveys {
            if let name = survey.names[id] { return name }
        }
        return nil
    }

    fileprivate static func columns(_ rows: [[String]]) -> String {
        let widths = (rows.first ?? []).indices.map { column in
            rows.map { $0[column].count }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, text) in row.enumerated() {
                line += text
                guard column < row.count - 1 else { continue }
                line += String(repeating: " ", count: widths[column] - text.count + 2)
            }
            return line + "\n"
        }.joined()
    }
}

extension RecoveryPlan {
    /// When it is told.
    package enum Moment: Sendable {
        /// Nothing will be written.
        case dryRun
        /// It is about to be decided.
        case before
        /// The files are there.
        case after
    }

    /// What was decided, and the next commands to type.
    package func text(_ moment: Moment) -> String {
        guard moment != .after else { return nextText }
        var text =
            "Cluster \(surveys.first?.clusterID.map(\.description) ?? ""), recovery epoch "
            + "\(RecoveryEpoch.text(surveys.first?.recoveryEpoch ?? 0))\n\n"
        text += FolderSurvey.table(surveys, marking: self)
        if !unseen.isEmpty {
            text += "\nNot looked at, and the first leader needs the vote of each:\n"
            text += list(unseen)
        }
        if !lost.isEmpty {
            text += "\nLeft behind, strangers from now on:\n" + list(lost)
        }
        text += "\n" + lossesText
        return moment == .dryRun ? text + dryRunText : text
    }

    private func list(_ servers: [Configuration.Server]) -> String {
        FolderSurvey.columns(
            servers.map { server in
                let role = old.isVoter(server.id) ? "voter" : "non-voter"
                return [
                    "  " + (FolderSurvey.name(of: server.id, surveys) ?? "-"), server.address,
                    "\(server.id)", old.contains(server.id) ? role : "",
                ]
            })
    }

    private var lossesText: String {
        let losses = losses
        var lines = [
            "Kept:  everything up to index \(losses.kept.index.number), term "
                + "\(losses.kept.term.number): the end of the newest log that is here.",
            "       Known to be committed: up to index \(losses.committed.number)."
                + unsettledText(losses),
        ]
        for survey in losses.dropped {
            lines.append(
                "       \(survey.place) reaches to index \(survey.lastIndex.number), with entries of "
                    + "an older term: they were never acknowledged, and go.")
        }
        guard !losses.isComplete else {
            lines.append("Lost:  nothing that was acknowledged.")
            lines.append(
                "NOTE:  these are a majority of the old voters. They need no recovery: start them as "
                    + "always,")
            lines.append(
                "       and they elect a leader by themselves, and the others can come back.")
            return lines.map { $0 + "\n" }.joined()
        }
        lines.append(
            "Lost:  what was written after index \(losses.kept.index.number) and reached only the "
                + "\(losses.missingVoters) voters, of \(losses.oldVoters), that are")
        lines.append(
            "       not looked at. They may have acknowledged it. Nothing here tells how much that is."
        )
        let missing = max(1, old.quorum - (losses.oldVoters - losses.missingVoters))
        lines.append(
            "STOP if \(missing) of them can be brought back with \(missing == 1 ? "its folder" : "their folders"): "
                + "that makes a majority (\(old.quorum)), and nothing is lost.")
        return lines.map { $0 + "\n" }.joined()
    }

    private func unsettledText(_ losses: RecoveryLosses) -> String {
        let last = losses.kept.index.number
        switch losses.unsettled {
        case 0: return ""
        case 1: return " Whether \(last) was, nobody here knows: it is kept."
        default:
            return
                " Whether \(last - losses.unsettled + 1) to \(last) were, nobody here knows: they are "
                + "kept."
        }
    }

    private var dryRunText: String {
        "\nNothing was written. The file would be:\n\n\(PeersFile.text(configuration))\n"
            + "and the new recovery epoch \(RecoveryEpoch.text(newEpoch)).\n"
            + "Next: the same command without -dry-run.\n"
    }

    private var nextText: String {
        let here = surveys.filter { $0.file == nil }
        var text = "Written, for the recovery epoch \(RecoveryEpoch.text(newEpoch)):\n"
        for survey in here { text += "  \(Self.peersPath(in: survey.directory))\n" }
        var steps: [String] = []
        let example = here.first.map { Self.peersPath(in: $0.directory) } ?? PeersFile.name
        for survey in surveys where survey.file != nil {
            let address = configuration[survey.serverID]?.address ?? ""
            steps.append(
                "copy \(example) to \(Self.peersPath(in: survey.directory)) on the machine of "
                    + "\(address), for the user that runs the server")
        }
        for server in unseen {
            steps.append(
                "copy \(example) to DATA_DIR/server/raft/\(PeersFile.name) of the server at "
                    + "\(server.address), for the user that runs it")
        }
        let count = configuration.servers.count
        steps.append(
            (count == 1 ? "start that server" : "then start all \(count) servers of the table")
                + " as always (systemctl start martlet)")
        steps.append(
            "look at the result: martlet operator raft list-peers; martlet operator doctor")
        if !lost.isEmpty {
            steps.append(
                "empty the data_dir of each server that was left behind before it is started again")
        }
        text += "\nNext:\n"
        for (number, step) in steps.enumerated() { text += "  \(number + 1). \(step)\n" }
        return text
    }

    /// Where a server looks for the file.
    package static func peersPath(in directory: String) -> String {
        "\(directory)/server/raft/\(PeersFile.name)"
    }
}
