// SPDX-License-Identifier: Apache-2.0
import MartletRaft

// What `expect` can ask for.

extension ScenarioWorld {
    /// Among the servers that run the one that leads in the newest term; and no other leads there.
    func complaint(leader expected: ServerID?) -> String? {
        let leaders = members.compactMap(\.core).filter { $0.status.role == .leader }
        let newest = leaders.max { $0.term < $1.term }
        guard newest?.id != expected else { return nil }
        return "the leader is \(newest?.id.scenarioName ?? "nobody")"
    }

    /// Equal logs; all of them durable, committed and applied.
    func complaint(same ids: [ServerID]) throws(ScenarioProblem) -> String? {
        var complaints: [String] = []
        var first: String?
        for id in ids {
            let position = try known(id)
            let core = try core(position)
            let last = core.lastIndex
            let text = "last \(last.number)/\(core.lastTerm.number)"
            first = first ?? text
            let isDone =
                core.commitIndex == last && core.durableIndex == last
                && members[position].applied == last
            guard text != first || !isDone else { continue }
            complaints.append(
                "\(id.scenarioName) has \(text) commit \(core.commitIndex.number) durable"
                    + " \(core.durableIndex.number) applied \(members[position].applied.number)")
        }
        guard let first, !complaints.isEmpty else { return nil }
        return "\(ids[0].scenarioName) has \(first); " + complaints.joined(separator: "; ")
    }

    /// Whether the state that a lease allowed to be read may be used now.
    private func leaseText(of member: Member) -> String {
        guard let end = member.answers.leaseEnd else { return "none" }
        return now < end ? "valid" : "over"
    }

    func value(of name: String, _ position: Int) throws(ScenarioProblem) -> String {
        let member = members[position]
        if let answer = try member.answer(named: name) { return answer }
        switch name {
        case "runs": return member.core == nil ? "no" : "yes"
        case "applied": return "\(member.applied.number)"
        case "state": return member.state.joined(separator: ",")
        case "lease": return leaseText(of: member)
        case "life": return "\(member.life)"
        default: break
        }
        return try core(position).scenarioValue(of: name)
    }
}

extension ScenarioWorld.Member {
    /// `read:7` and the like; nil for another name.
    fileprivate func answer(named name: String) throws(ScenarioProblem) -> String? {
        switch name {
        case "proposal": return answers.proposal ?? "none"
        case "change": return answers.change ?? "none"
        case "transfer": return answers.transfer ?? "none"
        default: break
        }
        guard name.hasPrefix("read:") else { return nil }
        guard let read = UInt64(name.dropFirst(5)) else {
            throw ScenarioProblem("read:<number>, not \"\(name)\"")
        }
        return answers.reads[read] ?? "none"
    }
}

extension RaftCore {
    fileprivate func scenarioValue(of name: String) throws(ScenarioProblem) -> String {
        switch name {
        case "role": status.role.scenarioText
        case "term": "\(term.number)"
        case "leader": status.leader?.scenarioName ?? "none"
        case "commit": "\(commitIndex.number)"
        case "first": "\(firstIndex.number)"
        case "last": "\(lastIndex.number)/\(lastTerm.number)"
        case "durable": "\(durableIndex.number)"
        case "snapshot": "\(snapshotIndex.number)"
        case "uncommitted": "\(uncommittedBytes)"
        case "terms": scenarioTerms
        case "config":
            configuration.scenarioText.replacing(" <- ", with: "<-").replacing(" ", with: ",")
        case "joint": configuration.isJoint ? "yes" : "no"
        case "config-index": "\(configurationIndex.number)"
        case "config-committed": isConfigurationCommitted ? "yes" : "no"
        case "campaigns": deadline == nil ? "no" : "yes"
        case "disk-stalled": isDiskStalled ? "yes" : "no"
        case "sending-snapshot": isSendingSnapshot ? "yes" : "no"
        default:
            throw ScenarioProblem(
                "\"\(name)\" is no value of a server; there are: role term leader commit first last"
                    + " durable snapshot uncommitted terms config joint config-index"
                    + " config-committed campaigns sending-snapshot disk-stalled lease applied state"
                    + " runs life proposal change transfer"
                    + " read:<id>")
        }
    }

    /// Of the retained entries.
    private var scenarioTerms: String {
        guard firstIndex <= lastIndex else { return "" }
        return (firstIndex.number...lastIndex.number).map {
            "\(term(at: LogIndex($0))?.number ?? 0)"
        }.joined(separator: ",")
    }
}

extension ScenarioDisk {
    func value(of name: String) throws(ScenarioProblem) -> String {
        switch name {
        case "term": "\(hardState.term.number)"
        case "vote": hardState.vote?.scenarioName ?? "none"
        case "last": "\(lastIndex.number)/\(lastTerm.number)"
        case "first": "\(previousIndex.number + 1)"
        case "terms": entries.map { "\($0.term.number)" }.joined(separator: ",")
        case "snapshot": "\(snapshot?.lastIndex.number ?? 0)"
        case "hint": "\(commitHint.number)"
        case "waiting": "\(waiting.count)"
        case "recovering": isRecovering ? "yes" : "no"
        default:
            throw ScenarioProblem(
                "\"\(name)\" is no value of a disk; there are: term vote last first terms snapshot"
                    + " hint waiting recovering")
        }
    }
}

extension Progress {
    func value(of name: String) throws(ScenarioProblem) -> String {
        switch name {
        case "match": "\(match.number)"
        case "last": "\(lastIndex.number)/\(lastTerm.number)"
        case "snapshot": isReceivingSnapshot ? "yes" : "no"
        case "state": state.rawValue
        case "next": "\(next.number)"
        case "inflight": "\(inflightMessages)"
        case "inflight-bytes": "\(inflightBytes)"
        case "heard": lastContact == nil ? "no" : "yes"
        case "recovering": isRecovering ? "yes" : "no"
        case "caught-up": isCaughtUp ? "yes" : "no"
        default:
            throw ScenarioProblem(
                "\"\(name)\" is no value of a progress; there are: match last next state inflight"
                    + " inflight-bytes snapshot heard recovering caught-up")
        }
    }
}
