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
        case .persist, .stall, .unstall, .crash, .restart, .wipe, .pause, .resume, .diskLatency,
            .setTerm:
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
        case let word: throw words.wrong("\"\(word)\" is no change")
        }
    }

    // MARK: - Disks and processes

    private mutating func process(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        switch words.verb {
        case .diskLatency: try diskLatency(&words)
        case .setTerm: try setTerm(&words)
        case .persist: try persist(&words)
        default: try processEach(&words)
        }
    }

    private mutating func processEach(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let keep = words.verb == .crash ? try words.count("keep") ?? 0 : 0
        for id in try words.servers() {
            let position = try known(id)
            switch words.verb {
            case .stall: members[position].isStalled = true
            case .unstall: members[position].isStalled = false
            case .pause: members[position].isPaused = true
            case .resume: members[position].isPaused = false
            case .crash:
                _ = try core(position)
                crash(position, keep: keep)
            default: try startOrWipe(position, words)
            }
        }
    }

    private mutating func startOrWipe(
        _ position: Int, _ words: ScenarioWords
    ) throws(ScenarioProblem) {
        guard members[position].core == nil else {
            throw ScenarioProblem("\(members[position].id.scenarioName) runs; crash it first")
        }
        if words.verb == .wipe {
            members[position].disk = ScenarioDisk()
            invariants.wiped(members[position].id)
        } else {
            start(position)
        }
    }

    private mutating func setTerm(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let position = try known(try words.server())
        guard members[position].core == nil else { throw words.wrong("it runs; crash it first") }
        guard let term = UInt64(try words.word("a term")),
            Term(term) > members[position].disk.hardState.term
        else { throw words.wrong("that is no newer term") }
        members[position].disk.hardState = HardState(term: Term(term), vote: nil)
    }

    private mutating func persist(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let position = try known(try words.server())
        _ = try core(position)
        var count = members[position].disk.waiting.count
        if let word = words.next {
            guard let wanted = Int(word), wanted > 0, wanted <= count else {
                throw words.wrong("\(count) writes wait, not \"\(word)\"")
            }
            count = wanted
            _ = try words.word("a number")
        }
        guard count > 0 else {
            throw ScenarioProblem("no write of \(members[position].id.scenarioName) waits")
        }
        for _ in 0..<count where members[position].core != nil { persist(position) }
    }

    private mutating func diskLatency(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        let position = try known(try words.server())
        let latency = try words.duration()
        members[position].diskLatency = latency
        members[position].diskLatencyMax = latency
        guard let word = words.next else { return }
        guard word.hasPrefix(".."), let longest = Duration(scenarioText: String(word.dropFirst(2))),
            longest >= latency
        else { throw words.wrong("\"\(word)\" is no upper end") }
        members[position].diskLatencyMax = longest
        _ = try words.word("an upper end")
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
