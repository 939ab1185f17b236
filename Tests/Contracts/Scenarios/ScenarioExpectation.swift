// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// What must be so, stated apart from any trace.
struct ScenarioExpectation: Sendable {
    enum Subject: Sendable {
        case leader(ServerID?)
        case anyLeader
        case same([ServerID])
        case server(ServerID, [ScenarioComparison])
        case disk(ServerID, [ScenarioComparison])
        case progress(ServerID, of: ServerID, [ScenarioComparison])
        case sent(String, ScenarioComparison)
        case waiting(ScenarioSelection, ScenarioComparison)
        case elapsed(ScenarioComparison)
    }

    let subject: Subject

    init(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let first = try words.word("an expectation")
        switch first {
        case "leader":
            let name = try words.word("a server, any or none")
            switch name {
            case "any": subject = .anyLeader
            case "none": subject = .leader(nil)
            default: subject = .leader(try words.id(name))
            }
        case "same": subject = .same(try words.servers())
        case "disk":
            let id = try words.server()
            subject = .disk(id, try ScenarioComparison.all(&words))
        case "progress":
            let (leader, id) = (try words.server(), try words.server())
            subject = .progress(leader, of: id, try ScenarioComparison.all(&words))
        case "sent":
            let link = try words.word("a link")
            _ = try ScenarioSelection.ends(link, words)
            let kind = try words.word("a kind")
            let known = ScenarioSelection.kinds + ["entries", "heartbeat", "append-rejection"]
            guard known.contains(kind) else {
                throw words.wrong("\"\(kind)\" is no kind of \(known.joined(separator: ", "))")
            }
            let count = try words.word("a number like =2")
            subject = .sent("\(link) \(kind)", try ScenarioComparison.one(count, words))
        case "waiting":
            let selection = try ScenarioSelection(&words, upToSign: true)
            let count = try words.word("a number like =2")
            subject = .waiting(selection, try ScenarioComparison.one(count, words))
        default:
            if first.hasPrefix("elapsed") {
                subject = .elapsed(try ScenarioComparison.one(first, words))
            } else {
                guard let id = ServerID(scenarioName: first) else {
                    throw words.wrong("\"\(first)\" is nothing to expect of")
                }
                subject = .server(id, try ScenarioComparison.all(&words))
            }
        }
    }

    func isMet(in world: ScenarioWorld) -> Bool {
        do { return try complaint(about: world) == nil } catch { return false }
    }

    /// nil if it is so.
    func complaint(about world: ScenarioWorld) throws(ScenarioProblem) -> String? {
        switch subject {
        case .leader(let id): return world.complaint(leader: id)
        case .anyLeader: return world.complaint(leader: nil) == nil ? "the leader is nobody" : nil
        case .same(let ids): return try world.complaint(same: ids)
        case .server(let id, let comparisons):
            let position = try world.known(id)
            return try ScenarioComparison.complaint(comparisons, id.scenarioName) {
                name throws(ScenarioProblem) in try world.value(of: name, position)
            }
        case .disk(let id, let comparisons):
            let disk = world.members[try world.known(id)].disk
            return try ScenarioComparison.complaint(comparisons, "disk \(id.scenarioName)") {
                name throws(ScenarioProblem) in try disk.value(of: name)
            }
        case .progress(let leader, let id, let comparisons):
            let core = try world.core(try world.known(leader))
            guard let progress = core.progress.first(where: { $0.id == id }) else {
                return "\(leader.scenarioName) has no progress of \(id.scenarioName)"
            }
            return try ScenarioComparison.complaint(comparisons, "progress of \(id.scenarioName)") {
                name throws(ScenarioProblem) in try progress.value(of: name)
            }
        case .sent(let kind, let comparison):
            return try comparison.complaint("sent \(kind)", isNow: world.sent[kind] ?? 0)
        case .waiting(let selection, let comparison):
            let count = selection.positions(in: world.network).count
            return try comparison.complaint("waiting", isNow: count)
        case .elapsed(let comparison):
            guard let limit = Duration(scenarioText: comparison.value) else {
                throw ScenarioProblem("elapsed is compared with a duration like 2s")
            }
            let elapsed = world.now - world.marked
            let holds = comparison.sign.hasPrefix("<") ? elapsed <= limit : elapsed >= limit
            return holds ? nil : "\(elapsed) elapsed"
        }
    }
}
