// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// What must hold in every world after every step, whatever a scenario is about.
///
/// | Code | Rule |
/// |------|------|
/// | I1   | one leader in a term |
/// | I2   | logs that share an entry are equal up to it |
/// | I3   | a leader has every committed entry of the terms before |
/// | I4   | no two servers apply different entries at an index, and each applies in order |
/// | I5   | term, vote and commit index never go back; what a message says is durable before it leaves |
/// | I6   | `applied ≤ commit ≤ last` (``RaftCore/checkInvariants()`` checks the rest) |
/// | I7   | what a leader calls committed is on the disks of a majority |
///
/// I8, equal inputs give equal effects, is checked by running the scenario twice.
struct ScenarioInvariants: Sendable {
    private struct Slot: Hashable {
        var index: LogIndex
        var term: Term
    }

    private struct Ballot: Hashable {
        var voter: ServerID
        var term: Term
    }

    private struct Ask: Hashable {
        var read: UInt64
        var server: ServerID
    }

    private(set) var violations: [String] = []
    private var leaders: [Term: ServerID] = [:]
    private var votes: [Ballot: ServerID] = [:]
    private var entries: [Slot: (entry: Entry, previous: Term)] = [:]
    private var committed: [LogIndex: Entry] = [:]
    private(set) var committedMax = LogIndex.zero
    private var reads: [Ask: LogIndex] = [:]
    /// The newest term that each server spoke in.
    private var spoken: [ServerID: Term] = [:]

    private mutating func violated(_ text: String) {
        if violations.count < 20 { violations.append(text) }
    }

    // MARK: - One server

    mutating func started(_ disk: ScenarioDisk, _ core: RaftCore) {
        var previous = disk.previousTerm
        for entry in disk.entries {
            check(entry, after: previous)
            previous = entry.term
        }
        if let term = spoken[core.id], core.term < term {
            violated("I5: \(core.id.scenarioName) spoke in \(term) and starts in \(core.term)")
        }
    }

    /// Its disk was emptied on purpose: what it said before does not bind it.
    mutating func wiped(_ id: ServerID) {
        damaged(id)
        votes = votes.filter { $0.key.voter != id }
    }

    /// It lost its records and knows it: it may be in an older term, and may give no vote twice.
    mutating func damaged(_ id: ServerID) { spoken[id] = nil }

    mutating func stepped(_ after: RaftCore, from term: Term, _ commit: LogIndex) {
        let name = after.id.scenarioName
        if after.term < term { violated("I5: \(name) went back to \(after.term)") }
        if after.commitIndex < commit {
            violated("I5: the commit of \(name) went back to \(after.commitIndex)")
        }
        if after.commitIndex > after.lastIndex {
            violated("I6: \(name) commits \(after.commitIndex) of \(after.lastIndex)")
        }
    }

    mutating func wrote(_ write: Write, _ core: RaftCore) {
        for entry in write.entries where core.term(at: entry.index) == entry.term {
            if let previous = core.term(at: entry.index.previous) { check(entry, after: previous) }
        }
    }

    private mutating func check(_ entry: Entry, after previous: Term) {
        let slot = Slot(index: entry.index, term: entry.term)
        if let known = entries[slot] {
            if known.entry != entry || known.previous != previous {
                violated("I2: two logs share \(entry.scenarioText) and differ")
            }
        } else {
            entries[slot] = (entry, previous)
        }
    }

    // MARK: - What is said

    mutating func sent(_ message: Message, by id: ServerID, to target: ServerID, disk: ScenarioDisk)
    {
        var promised = message.term
        switch message {
        case .voteRequest(let request) where request.isPreVote: return
        case .voteResponse(let answer):
            if answer.isPreVote, answer.isGranted { return }
            if answer.isGranted { vote(answer, of: id, for: target, disk) }
        case .appendResponse(let answer): acknowledge(answer, by: id, disk)
        case .voteRequest, .appendRequest, .timeoutNow, .snapshotResponse, .readRequest,
            .readResponse:
            break
        }
        promised = max(promised, spoken[id] ?? .zero)
        spoken[id] = promised
        if disk.hardState.term < message.term {
            violated("I5: \(id.scenarioName) speaks in \(message.term), which is not durable")
        }
    }

    private mutating func vote(
        _ answer: VoteResponse, of id: ServerID, for target: ServerID, _ disk: ScenarioDisk
    ) {
        let ballot = Ballot(voter: id, term: answer.term)
        if let known = votes[ballot], known != target {
            violated("I5: \(id.scenarioName) votes twice in \(answer.term)")
        }
        votes[ballot] = target
        if disk.hardState != HardState(term: answer.term, vote: target) {
            violated("I5: a vote of \(id.scenarioName) in \(answer.term) is not durable")
        }
    }

    private mutating func acknowledge(
        _ answer: AppendResponse, by id: ServerID, _ disk: ScenarioDisk
    ) {
        guard case .accepted(let match) = answer.outcome else { return }
        let durable = max(disk.lastIndex, disk.snapshot?.lastIndex ?? .zero)
        if match > durable {
            violated("I5: \(id.scenarioName) acknowledges \(match), of which \(durable) is durable")
        }
    }

    // MARK: - What is decided

    mutating func leads(_ core: RaftCore) {
        let name = core.id.scenarioName
        if let known = leaders[core.term], known != core.id {
            violated("I1: \(known.scenarioName) and \(name) lead in \(core.term)")
        }
        leaders[core.term] = core.id
        if core.lastIndex < committedMax {
            violated("I3: \(name) leads \(core.term) without the committed \(committedMax)")
        }
        for entry in committed.values.sorted(by: { $0.index < $1.index })
        where entry.index >= core.firstIndex && core.term(at: entry.index) != entry.term {
            violated("I3: \(name) leads \(core.term) with another entry at \(entry.index)")
        }
    }

    mutating func applied(_ entry: Entry, after applied: LogIndex) {
        if entry.index != applied.next { violated("I4: \(entry.scenarioText) after \(applied)") }
        if let known = committed[entry.index], known != entry {
            violated("I4: \(known.scenarioText) and \(entry.scenarioText) are both committed")
        }
        committed[entry.index] = entry
        committedMax = max(committedMax, entry.index)
    }

    mutating func restored(_ metadata: SnapshotMetadata, over applied: LogIndex) {
        if metadata.lastIndex <= applied {
            violated("I4: state went back from \(applied) to \(metadata.lastIndex)")
        }
        if let known = committed[metadata.lastIndex], known.term != metadata.lastTerm {
            violated("I4: a snapshot of another entry at \(metadata.lastIndex)")
        }
        committedMax = max(committedMax, metadata.lastIndex)
    }

    /// Only where all voters are in the world; others may have said yes.
    mutating func acknowledged(
        _ entry: Entry, by leader: RaftCore, disks: [ServerID: ScenarioDisk]
    ) {
        guard entry.term == leader.term else { return }
        let members = leader.configuration.members
        guard members.allSatisfy({ disks[$0.id] != nil }) else { return }
        if !leader.configuration.hasMajority({ disks[$0]?.holds(entry) ?? false }) {
            violated("I7: \(entry.scenarioText) is called committed and on no majority's disks")
        }
    }

    /// A linearizable read sees everything that was committed when it was asked.
    mutating func asked(_ read: UInt64, of id: ServerID) {
        reads[Ask(read: read, server: id)] = committedMax
    }

    mutating func answered(
        _ read: UInt64, of id: ServerID, _ outcome: ReadOutcome, applied: LogIndex
    ) {
        guard case .ready(let index, _) = outcome else { return }
        if index > applied { violated("I6: a read at \(index) with \(applied) applied") }
        if let floor = reads[Ask(read: read, server: id)], index < floor {
            violated("a stale read: \(index), asked when \(floor) was committed")
        }
    }
}
