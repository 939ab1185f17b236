// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// Disks and processes.
extension ScenarioWorld {
    mutating func process(_ words: inout ScenarioWords) throws(ScenarioProblem) {
        switch words.verb {
        case .diskLatency: try diskLatency(&words)
        case .setTerm: try setTerm(&words)
        case .setConfiguration: try setConfiguration(&words)
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
        } else if words.verb == .damage {
            members[position].disk = ScenarioDisk()
            members[position].disk.isRecovering = true
            invariants.damaged(members[position].id)
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

    /// A new configuration after the log as it is, in a term of its own.
    private mutating func setConfiguration(
        _ words: inout ScenarioWords
    ) throws(ScenarioProblem) {
        let position = try known(try words.server())
        guard members[position].core == nil else { throw words.wrong("it runs; crash it first") }
        let servers = try voters(&words)
        let disk = members[position].disk
        let term = Term(max(disk.hardState.term, disk.lastTerm).number + 1)
        members[position].disk.hardState = HardState(term: term, vote: nil)
        members[position].disk.entries.append(
            Entry(
                index: disk.lastIndex.next, term: term, kind: .configuration,
                payload: Configuration(servers: servers).encoded()))
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
}
