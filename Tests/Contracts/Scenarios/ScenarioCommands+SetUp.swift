// SPDX-License-Identifier: Apache-2.0
import MartletRaft

extension ScenarioWorld {
    mutating func setUp(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        switch words.verb {
        case .limits: try setLimits(&words)
        case .options: try setOptions(&words)
        case .cluster: try makeCluster(&words)
        case .server: try makeServer(&words)
        default: try elect(&words)
        }
    }

    private mutating func setLimits(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        guard members.isEmpty else { throw words.wrong("the servers run already") }
        if let count = try words.count("inflight") { limits.inflightMessagesMax = count }
        if let bytes = try words.count("inflight-bytes") { limits.inflightBytesMax = bytes }
        if let bytes = try words.count("uncommitted") { limits.uncommittedBytesMax = bytes }
        if let bytes = try words.count("entry") { limits.entryBytesMax = bytes }
        if let bytes = try words.count("append") { limits.appendBytesMax = bytes }
        if let count = try words.count("append-entries") { limits.appendEntriesMax = count }
        if let bytes = try words.count("unwritten") { limits.unwrittenBytesMax = bytes }
        if let count = try words.number("trailing") { limits.trailingEntries = count }
    }

    private mutating func setOptions(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        guard members.isEmpty else { throw words.wrong("the servers run already") }
        if !words.isEmpty {
            let id = try words.server()
            guard let priority = try words.count("priority"), priority <= Options.priorityMax
            else { throw words.wrong("a priority is a number up to \(Options.priorityMax)") }
            priorities[id] = UInt8(priority)
        }
        if let word = words.option("leases") { options.leaseReads = word == "yes" }
        if let word = words.option("observes") { options.observes = word == "yes" }
        if let drift = try words.count("drift") { options.clockDriftPercentMax = min(drift, 90) }
    }

    /// Founders with the founding entry on their disks, in term 1; spares with nothing.
    private mutating func makeCluster(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        guard members.isEmpty else { throw words.wrong("there is a cluster already") }
        let nonVoters = try words.servers("nonvoters")
        let spares = try words.servers("spares")
        let voters = try words.servers()
        let all = voters + nonVoters + spares
        guard Set(all).count == all.count else { throw words.wrong("a server is named twice") }
        founders = Configuration(
            servers: (voters + nonVoters).map {
                .init(
                    id: $0, address: $0.scenarioAddress,
                    role: voters.contains($0) ? .voter : .nonVoter)
            })
        for id in all.sorted() {
            var member = Member(id: id)
            if !spares.contains(id) {
                member.disk.hardState = HardState(term: Term(1), vote: nil)
                member.disk.entries = [RaftCore.foundingEntry(founders)]
            }
            members.append(member)
        }
        for position in members.indices { start(position) }
    }

    /// Gives a server another disk than the founders', and starts it.
    private mutating func makeServer(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let position = try known(try words.server())
        var disk = ScenarioDisk()
        if let (index, term) = try words.position("snapshot") {
            disk.previousIndex = index
            disk.previousTerm = term
            disk.snapshotState = ["\(index.number)/\(term.number)"]
            disk.snapshot = SnapshotMetadata(
                lastIndex: index, lastTerm: term, configuration: founders,
                configurationIndex: LogIndex(1), sizeBytes: 1, checksum: 1)
        }
        for term in try words.terms("log") ?? [] {
            guard Term(term) >= disk.lastTerm else { throw words.wrong("terms never go back") }
            disk.entries.append(made(at: disk.lastIndex.next, term: Term(term)))
        }
        let term = try words.number("term").map { Term($0) } ?? disk.lastTerm
        disk.hardState = HardState(term: term, vote: try words.option("vote").map(words.id))
        disk.commitHint = LogIndex(try words.number("commit") ?? 0)
        crash(position)
        members[position].disk = disk
        start(position)
    }

    /// The entry that every made-up log has at this index in this term.
    func made(at index: LogIndex, term: Term) -> Entry {
        guard index > LogIndex(1) else {
            return Entry(
                index: index, term: term, kind: .configuration, payload: founders.encoded())
        }
        return Entry(
            index: index, term: term, kind: .command,
            payload: Array("c\(index.number).\(term.number)".utf8))
    }

    /// A settled leader: elected, its first entry committed and known everywhere.
    private mutating func elect(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let id = try words.server()
        let position = try known(id)
        detail = .decisions
        input(.campaignRequested, to: position)
        try settle(limit: nil, seed: nil)
        guard try core(position).status.role == .leader else {
            throw ScenarioProblem("\(id.scenarioName) was not elected")
        }
        try tick(position)
        try settle(limit: nil, seed: nil)
        trace = ["\(id.scenarioName)        \(try core(position).status.scenarioText)"]
    }
}
