// SPDX-License-Identifier: Apache-2.0
import MartletRaft

extension ScenarioWorld {
    /// Carries out one line, and leaves what it did in `trace`.
    ///
    /// - Throws: what cannot be done, and how it would be right.
    mutating func carryOut(
        _ command: Scenario.Command, text: String
    ) throws(ScenarioProblem) {
        trace = []
        detail = .everything
        var words = ScenarioWords(command, text: text)
        switch command.verb {
        case .limits, .options, .cluster, .server, .leader: try setUp(&words)
        case .tick, .campaign, .propose, .change, .read, .readHere, .transfer, .snapshot,
            .unreachable, .connectionLost:
            try act(&words)
        case .inject: try inject(&words)
        case .deliver, .drop, .duplicate, .reverse: try select(&words)
        case .hold, .release, .cut, .heal: try link(&words)
        case .persist, .stall, .unstall, .crash, .restart, .wipe, .damage, .pause, .resume,
            .diskLatency, .setTerm, .setConfiguration:
            try process(&words)
        case .wait, .settle, .run, .await, .mark: try letGo(&words)
        case .expect:
            let expectation = try ScenarioExpectation(&words)
            if let complaint = try expectation.complaint(about: self) {
                throw ScenarioProblem(complaint)
            }
        }
        try words.end()
    }

    // MARK: - Inputs

    private mutating func act(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let position = try known(try words.server())
        _ = try core(position)
        switch words.verb {
        case .tick: try tick(position)
        case .campaign: input(.campaignRequested, to: position)
        case .propose: input(.proposed(try commands(&words)), to: position)
        case .change: input(.changeProposed(try change(&words)), to: position)
        case .read, .readHere:
            for word in try nonEmpty(&words) {
                guard let read = UInt64(word) else { throw words.wrong("\"\(word)\" is no number") }
                invariants.asked(read, of: members[position].id)
                let isHere = words.verb == .readHere
                input(
                    isHere ? .readRequestedHere(id: read) : .readRequested(id: read), to: position)
            }
        case .transfer: input(.transferRequested(to: try words.server()), to: position)
        case .snapshot: try takeSnapshot(position)
        case .unreachable: input(.unreachable(try words.server()), to: position)
        default: input(.connectionLost(try words.server()), to: position)
        }
    }

    private func nonEmpty(_ words: inout ScenarioWords) throws(ScenarioProblem) -> [String] {
        let rest = words.rest()
        guard !rest.isEmpty else { throw words.wrong("something is missing") }
        return rest
    }

    private func commands(_ words: inout ScenarioWords) throws(ScenarioProblem) -> [[UInt8]] {
        guard let count = try words.count("count") else {
            return try nonEmpty(&words).map { Array($0.utf8) }
        }
        let size = try words.count("size") ?? 1
        return Array(repeating: Array(repeating: UInt8(ascii: "x"), count: size), count: count)
    }

    private func change(
        _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> ConfigurationChange {
        let expected = try words.number("if").map { LogIndex($0) }
        let action = try action(&words)
        return ConfigurationChange(id: 1, action: action, ifConfigurationIndex: expected)
    }

    private func action(
        _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> ConfigurationChange.Action {
        switch try words.word("what to change") {
        case "add":
            let id = try words.server()
            return .addNonVoter(id, address: words.option("address") ?? id.scenarioAddress)
        case "promote": return .promote(try words.server())
        case "demote": return .demote(try words.server())
        case "remove": return .remove(try words.server())
        case "replace":
            let nonVoters = try words.servers("nonvoters").map {
                Configuration.Server(id: $0, address: $0.scenarioAddress, role: .nonVoter)
            }
            return .replace(try voters(&words) + nonVoters)
        case let word: throw words.wrong("\"\(word)\" is no change")
        }
    }

    /// `B,C`.
    func voters(
        _ words: inout ScenarioWords
    ) throws(ScenarioProblem) -> [Configuration.Server] {
        var voters: [Configuration.Server] = []
        for name in try words.word("voters like B,C").split(separator: ",") {
            let id = try words.id(name)
            voters.append(.init(id: id, address: id.scenarioAddress, role: .voter))
        }
        return voters
    }

    // MARK: - Time

    private mutating func letGo(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        switch words.verb {
        case .wait:
            now += try words.duration()
        case .mark: marked = now
        case .settle:
            detail = .decisions
            var limit: Int?
            if let word = words.next {
                guard let number = Int(word) else { throw words.wrong("\"\(word)\" is no number") }
                limit = number
                _ = try words.word("a number")
            }
            try settle(limit: limit, seed: try words.number("seed"))
        case .run:
            detail = .decisions
            try run(until: now + (try words.duration())) { _ in false }
        default:
            detail = .decisions
            let span = try words.duration()
            let expectation = try ScenarioExpectation(&words)
            let end = now + span
            try run(until: end) { expectation.isMet(in: $0) }
            if let complaint = try expectation.complaint(about: self) {
                throw ScenarioProblem("not within \(span): \(complaint)")
            }
        }
    }
}

extension ServerID {
    var scenarioAddress: String { scenarioName.lowercased() }
}
