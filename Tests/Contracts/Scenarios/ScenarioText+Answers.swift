// SPDX-License-Identifier: Apache-2.0
import MartletRaft

// One word for each answer: what a trace shows and `expect` compares.

extension Refusal {
    var scenarioText: String {
        switch self {
        case .notLeader: "not-leader"
        case .busy: "busy"
        case .transferring: "transferring"
        case .tooLarge: "too-large"
        }
    }
}

extension ProposalOutcome {
    var scenarioText: String {
        switch self {
        case .accepted(let first, let term): "accepted@\(first.number)/\(term.number)"
        case .refused(let refusal): refusal.scenarioText
        }
    }
}

extension ChangeDecision.Outcome {
    var scenarioText: String {
        switch self {
        case .accepted(let index, let term): "accepted@\(index.number)/\(term.number)"
        case .unchanged: "unchanged"
        case .refused(let refusal): refusal.scenarioText
        case .inProgress: "in-progress"
        case .conflict(let current): "conflict@\(current.number)"
        case .unknownServer: "unknown-server"
        case .lastVoter: "last-voter"
        case .notCaughtUp: "not-caught-up"
        case .invalid: "invalid"
        }
    }
}

extension ReadOutcome {
    var scenarioText: String {
        switch self {
        case .ready(let index, validUntil: nil): "ready@\(index.number)"
        case .ready(let index, validUntil: _): "lease@\(index.number)"
        case .refused(let refusal): refusal.scenarioText
        }
    }
}

extension Observation {
    var scenarioText: String {
        switch self {
        case .campaignStarted(let term, let isPreVote):
            "\(isPreVote ? "pre-vote" : "campaign") for term \(term.number)"
        case .leadershipLost(let reason): "leadership lost: \(reason)"
        case .peerStateChanged(let id, let state): "\(id.scenarioName) is fed by \(state)"
        case .messageRefused(let id, let reason): "refused \(reason) from \(id.scenarioName)"
        }
    }
}

extension TransferOutcome {
    var scenarioText: String {
        switch self {
        case .done: "done"
        case .noop: "noop"
        case .refused(let refusal): refusal.scenarioText
        case .unknownServer: "unknown-server"
        case .notVoter: "not-voter"
        case .inProgress: "in-progress"
        case .timedOut: "timed-out"
        case .lost: "lost"
        }
    }
}

extension ScenarioWorld {
    /// One line for each effect.
    mutating func show(_ effect: Effect, of id: ServerID) {
        let name = id.scenarioName
        switch effect {
        case .send(let message, let target):
            showDetail("\(name) -> \(target.scenarioName)   \(message.scenarioText)")
        case .persist(let write): showDetail("\(name)        \(write.scenarioText)")
        case .compact(let index, let term):
            show(name, "compact through \(index.number)/\(term.number)")
        case .committed(let entries): show(name, "committed \(entries.scenarioText)")
        case .proposed(let outcome): show(name, "proposal \(outcome.scenarioText)")
        case .changeDecided(let decision): show(name, "change \(decision.outcome.scenarioText)")
        case .readDecided(let read, let outcome): show(name, "read \(read) \(outcome.scenarioText)")
        case .observed(let observation): show(name, "observed \(observation.scenarioText)")
        case .transferDecided(let outcome): show(name, "transfer \(outcome.scenarioText)")
        case .statusChanged(let status): show(name, status.scenarioText)
        case .configurationChanged(let configuration, let index):
            show(name, "configuration \(index.number): \(configuration.scenarioText)")
        case .sendSnapshot(let offer, let target):
            trace.append(
                "\(name) -> \(target.scenarioName)   snapshot \(offer.metadata.scenarioText)"
                    + " term \(offer.term.number)")
        case .snapshotDecided(let decision):
            show(name, "snapshot \(decision == .accepted ? "wanted" : "not wanted")")
        case .restore(let metadata): show(name, "restore \(metadata.scenarioText)")
        case .recovered: show(name, "recovered")
        }
    }

    private mutating func show(_ name: String, _ text: String) {
        trace.append("\(name)        \(text)")
    }

    private mutating func showDetail(_ text: String) {
        if detail == .everything { trace.append(text) }
    }
}
