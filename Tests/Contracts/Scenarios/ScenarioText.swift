// SPDX-License-Identifier: Apache-2.0
import MartletRaft

// How a trace says things.

extension Entry {
    /// `3/2 x=1`, `3/2 noop`, `3/2 config A B C +D`: index, term and content.
    var scenarioText: String {
        let content =
            switch kind {
            case .noop: "noop"
            case .command: scenarioPayload
            case .configuration:
                "config " + (Configuration(encoded: payload)?.scenarioText ?? "unreadable")
            }
        return "\(index.number)/\(term.number) \(content)"
    }

    /// A command's text; its length if it is no short text.
    var scenarioPayload: String {
        let isText = payload.allSatisfy { (33...126).contains($0) }
        guard !payload.isEmpty, payload.count <= 24, isText else { return "\(payload.count)B" }
        return String(decoding: payload, as: UTF8.self)
    }
}

extension [Entry] {
    /// `[2/1 a, 3/1 b]`; of many the ends and the count.
    var scenarioText: String {
        guard count > 4, let first, let last else {
            return "[" + map(\.scenarioText).joined(separator: ", ") + "]"
        }
        return "[\(first.scenarioText) .. \(last.scenarioText), \(count) entries]"
    }
}

extension Configuration {
    /// Voters, then non-voters with a plus; while joint the voters of the old side after an arrow.
    var scenarioText: String {
        let voters = servers.filter { $0.role == .voter }.map(\.id.scenarioName)
        let others = servers.filter { $0.role != .voter }.map { "+" + $0.id.scenarioName }
        let incoming = (voters + others).joined(separator: " ")
        guard isJoint else { return incoming }
        return incoming + " <- " + outgoing.map(\.id.scenarioName).joined(separator: " ")
    }
}

extension Message {
    var scenarioText: String {
        switch self {
        case .voteRequest(let request):
            "\(request.isPreVote ? "pre-vote?" : "vote?") term \(request.term.number) last"
                + " \(request.lastLogIndex.number)/\(request.lastLogTerm.number)"
                + (request.isTransfer ? " for a transfer" : "")
        case .voteResponse(let answer):
            "\(answer.isPreVote ? "pre-vote" : "vote") \(answer.isGranted ? "granted" : "refused")"
                + " term \(answer.term.number)"
        case .appendRequest(let request): request.scenarioText
        case .appendResponse(let answer): answer.scenarioText
        case .timeoutNow(let request): "timeout-now term \(request.term.number)"
        case .readRequest(let request): "read? term \(request.term.number)"
        case .readResponse(let answer):
            "read \(answer.index.map { "from \($0.number)" } ?? "refused")"
                + " term \(answer.term.number)"
        case .snapshotResponse(let answer):
            "snapshot \(answer.lastIndex.number) \(answer.isInstalled ? "installed" : "refused")"
                + " term \(answer.term.number) match \(answer.match.number)"
        }
    }
}

extension AppendRequest {
    var scenarioText: String {
        "append term \(term.number) after \(previousIndex.number)/\(previousTerm.number)"
            + (entries.isEmpty ? "" : " \(entries.scenarioText)") + " commit \(commit.number)"
            + (round == 0 ? "" : " round \(round)")
            + (session.number <= 1 ? "" : " session \(session.number)")
            + (isRecovered ? " recovered" : "")
    }
}

extension AppendResponse {
    var scenarioText: String {
        let said =
            switch outcome {
            case .accepted(let match): "append accepted term \(term.number) match \(match.number)"
            case .rejected(let previous, let hint, let hintTerm):
                "append rejected term \(term.number) after \(previous.number)"
                    + " hint \(hint.number)/\(hintTerm.number)"
            }
        return said + " last \(lastIndex.number)/\(lastTerm.number)"
            + (round == 0 ? "" : " round \(round)")
            + (session.number <= 1 ? "" : " session \(session.number)")
            + (isRecovering ? " recovering" : "")
    }
}

extension Write {
    var scenarioText: String {
        var parts: [String] = []
        if let hardState {
            parts.append(
                "term \(hardState.term.number) vote \(hardState.vote?.scenarioName ?? "none")")
        }
        if let truncateAfter { parts.append("truncate after \(truncateAfter.number)") }
        if !entries.isEmpty { parts.append("append \(entries.scenarioText)") }
        if let resetTo { parts.append("reset to \(resetTo.scenarioText)") }
        return "write \(sequence.number): " + parts.joined(separator: ", ")
    }
}

extension SnapshotMetadata {
    var scenarioText: String { "\(lastIndex.number)/\(lastTerm.number)" }
}

extension Status {
    var scenarioText: String {
        switch role {
        case .leader: "leader, term \(term.number)"
        case .candidate: "candidate, term \(term.number)"
        case .preCandidate: "pre-candidate, term \(term.number)"
        case .follower:
            "follower of \(leader?.scenarioName ?? "nobody"), term \(term.number)"
        }
    }
}

extension Role {
    var scenarioText: String {
        switch self {
        case .leader: "leader"
        case .candidate: "candidate"
        case .preCandidate: "pre-candidate"
        case .follower: "follower"
        }
    }
}
