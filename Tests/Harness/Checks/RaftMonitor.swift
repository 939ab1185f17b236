// SPDX-License-Identifier: Apache-2.0
package import MartletRaft
import MartletServer

/// Watches every core of a cluster and holds it to the invariants of `raft-scenarios.md`:
///
/// | code | holds                                                          | seen in                   |
/// |------|----------------------------------------------------------------|---------------------------|
/// | I1   | one leader per term, elected by a majority                     | roles, votes              |
/// | I2   | logs that share (index, term) agree up to there; the newest    | writes, what disks held   |
/// |      | configuration of a log is in force                             |                           |
/// | I3   | what was committed in an earlier term is in each leader's log, | roles, writes             |
/// |      | and in that of everybody who could be elected                  |                           |
/// | I4   | no two servers apply different entries at an index             | committed, restored       |
/// | I5   | term, vote and commit index never go back                      | views, votes, restarts    |
/// | I6   | snapshot <= commit <= last, durable <= last                    | views                     |
/// | I7   | what is committed is on the disks of a majority by then        | committed, ``isOnDisk``   |
///
/// It keeps a log of terms for each server, built from what the server asked its disk to write, so
/// that each step costs in proportion to its effects.
package final class RaftMonitor: ReplicaObserver {
    /// The first one; nothing is checked after it.
    package var violation: Violation? { found }
    /// Told what happens, if anybody reads along.
    package var tell: ((ServerID, () -> String) -> Void)?
    /// Told of each message, if anybody reads along so closely.
    package var tellMessage: ((_ from: ServerID, _ to: ServerID, Message) -> Void)? {
        didSet { isReadClosely = tellMessage != nil }
    }
    /// Whether a server's disk holds the entry of this index and term, or a snapshot of it. Those
    /// whose disk was taken away count as holding it: they had it when they said so.
    package var isOnDisk: ((ServerID, LogIndex, Term) -> Bool)?
    /// Whether a server is there, and knows what it promised; nil if that is not known.
    package var canVote: ((ServerID) -> Bool)?
    /// What the next sighting is to be of; nil for nothing.
    package var watchedFor: Sighting.Kind?
    /// The first of that kind since the last was taken.
    package var sighted: Sighting? { seen }
    /// Steps that were checked.
    package var stepCount: UInt64 { count }

    // What is looked at after each event of a simulation is private, and so accessed directly.
    private var found: Violation?
    private var seen: Sighting?
    private var count: UInt64 = 0
    private var isReadClosely = false
    /// Few: looked through from the front.
    private(set) var servers: [(id: ServerID, server: ObservedServer)] = []
    private var leaders: [Term: ServerID] = [:]
    /// By term and voter.
    var ballots: [Term: [ServerID: ServerID]] = [:]
    private var known = KnownEntries()
    private var committed: [CommittedEntry] = []
    /// The greatest commit index that was seen: entries are handed out later, in pieces.
    private var newestCommit = LogIndex.zero
    /// By entry up to there, the term in which it was first seen to be committed.
    private var commitTerms: [Term] = []

    package init() {}

    /// Of the life that begins with a recovery: what was committed before, and is left, stays so.
    package func successor(after kept: LogIndex) -> RaftMonitor {
        let next = RaftMonitor()
        next.committed = Array(committed.prefix(Int(kept.number)))
        next.newestCommit = LogIndex(UInt64(next.committed.count))
        next.commitTerms = next.committed.map(\.committedIn)
        return next
    }

    /// How much of what is committed somebody holds, the last of it with index and term.
    package func committedPrefix(heldBy isHeld: (LogIndex, Term) -> Bool) -> LogIndex {
        committed.last { isHeld($0.entry.index, $0.entry.term) }?.entry.index ?? .zero
    }

    package func takeSighting() -> Sighting? {
        defer { seen = nil }
        return seen
    }

    private func sight(_ kind: Sighting.Kind, at id: ServerID) {
        if watchedFor == kind, seen == nil { seen = Sighting(kind: kind, server: id) }
    }

    /// The last index that any server has committed.
    package var committedIndex: LogIndex { LogIndex(UInt64(committed.count)) }

    package func replica(_ id: ServerID, began restored: Restored) {
        guard found == nil else { return }
        let server = observed(id) ?? ObservedServer()
        if observed(id) == nil { servers += [(id, server)] }
        if restored.isRecovering {
            // Its promises are lost with its disk: a demotion makes them harmless.
            server.promisedTerm = .zero
            server.lastVote = nil
            server.lastIndexBeforeLoss = server.lastIndexBeforeLoss ?? server.lastIndex
        } else {
            server.lastIndexBeforeLoss = nil
        }
        if restored.hardState.term < server.promisedTerm {
            fail(
                "I5",
                "\(id) spoke in \(server.promisedTerm), and came back in \(restored.hardState.term)"
            )
        }
        if let (term, candidate) = server.lastVote, term == restored.hardState.term,
            restored.hardState.vote != candidate
        {
            fail("I5", "\(id) voted for \(candidate) in \(term), and came back without that vote")
        }
        server.begin(restored)
        for entry in restored.entries { note(entry, of: server, id) }
    }

    package func replica(_ id: ServerID, stepped view: ReplicaView, effects: [Effect]) {
        guard found == nil, let server = observed(id) else { return }
        count += 1
        let before = newestCommit
        noteCommit(view)
        // Looked at where they stand: to copy one costs more than to see it.
        for position in effects.indices {
            switch isReadClosely ? .other : effects.span[position].glance {
            case .request: break
            case .acceptance(let term): server.promisedTerm = max(server.promisedTerm, term)
            case .other: see(effects.span[position], of: server, id, view)
            }
        }
        checkConfiguration(of: server, id)
        checkRecovery(of: server, id)
        if newestCommit > before { checkMajority(server, id) }
        check(view, of: server, id)
        server.view = view
    }

    func observed(_ id: ServerID) -> ObservedServer? {
        for position in servers.indices where servers[position].id == id {
            return servers[position].server
        }
        return nil
    }

    // MARK: Views

    private func check(_ view: ReplicaView, of server: ObservedServer, _ id: ServerID) {
        if let last = server.view {
            if view == last { return }
            if view.status.term < last.status.term || view.commitIndex < last.commitIndex {
                fail("I5", "\(id) went back from \(last) to \(view)")
            }
        }
        if view.commitIndex > view.lastIndex || view.snapshotIndex > view.commitIndex
            || view.durableIndex > view.lastIndex
            || view.firstIndex > view.snapshotIndex.next
        {
            fail("I6", "\(id) stands at \(view)")
        }
        if view.lastIndex != server.lastIndex || view.lastTerm != server.lastTerm {
            fail(
                "I2",
                "\(id) has a log to \(view.lastIndex), \(view.lastTerm), and asked its disk "
                    + "for one to \(server.lastIndex), \(server.lastTerm)")
        }
        if view.status.role == .leader, server.view?.status != view.status {
            lead(id, view, server)
        }
    }

    private func lead(_ id: ServerID, _ view: ReplicaView, _ server: ObservedServer) {
        let term = view.status.term
        if let other = leaders[term], other != id {
            return fail("I1", "\(other) and \(id) both lead in \(term)")
        }
        guard leaders.updateValue(id, forKey: term) == nil else { return }
        sight(.leader, at: id)
        checkBallots(id, in: term, server.configuration)
        // Terms of commitment never go down along the log, so that the last entry that an earlier
        // term committed stands for all before it, by I2.
        guard let position = committed.lastIndex(where: { $0.committedIn < term }) else { return }
        let entry = committed[position].entry
        guard entry.index > server.baseIndex else { return }
        if server.term(at: entry.index) != entry.term {
            fail(
                "I3",
                "\(id) leads in \(term) without \(entry.index) of \(entry.term), committed in "
                    + "\(committed[position].committedIn)")
        }
    }

    // MARK: Effects

    private func see(
        _ effect: Effect, of server: ObservedServer, _ id: ServerID, _ view: ReplicaView
    ) {
        switch effect {
        case .persist(let write):
            if let reset = write.resetTo {
                server.reset(to: reset)
            }
            if let index = write.truncateAfter {
                server.truncate(after: index)
                sight(.conflict, at: id)
            }
            for entry in write.entries {
                note(entry, of: server, id)
                server.append(entry)
            }
        case .send(let message, let peer): see(message, to: peer, of: server, id)
        case .committed(let entries):
            for entry in entries { commit(entry, by: server, id, view.status.term) }
            if view.status.role == .leader { sight(.commit, at: id) }
            tell?(id) { "committed through \(entries.last?.index.number ?? 0)" }
        case .restore(let metadata):
            restore(metadata, by: server, id)
            sight(.snapshot, at: id)
        case .statusChanged(let status):
            tell?(id) {
                "\(status.role) in \(status.term), "
                    + "leader \(status.leader.map { "\($0)" } ?? "none")"
            }
        case .configurationChanged(let configuration, let index):
            server.configuration = configuration
            sight(.configuration, at: id)
            tell?(id) {
                let names = configuration.servers.map {
                    "\($0.address)\($0.role == .voter ? "" : " (no vote)")"
                }
                return "configuration of \(index): \(names.joined(separator: ", "))"
            }
        case .recovered:
            server.lastIndexBeforeLoss = nil
            server.hasJustRecovered = true
        default:
            break
        }
    }

    private func see(
        _ message: Message, to peer: ServerID, of server: ObservedServer, _ id: ServerID
    ) {
        if isReadClosely { tellMessage?(id, peer, message) }
        switch message {
        case .voteRequest(let request) where !request.isPreVote:
            vote(for: id, in: request.term, by: server, id)
            sight(.campaign, at: id)
        case .voteResponse(let response) where !response.isPreVote && response.isGranted:
            vote(for: peer, in: response.term, by: server, id)
            sight(.vote, at: id)
        case .appendResponse(let response):
            if case .accepted = response.outcome {
                server.promisedTerm = max(server.promisedTerm, response.term)
            }
        case .timeoutNow: sight(.transfer, at: id)
        default:
            break
        }
    }

    private func vote(
        for candidate: ServerID, in term: Term, by server: ObservedServer, _ id: ServerID
    ) {
        server.promisedTerm = max(server.promisedTerm, term)
        note(ballotOf: id, for: candidate, in: term)
        if let (last, earlier) = server.lastVote {
            if last == term, earlier != candidate {
                fail("I5", "\(id) voted for \(earlier) and for \(candidate) in \(term)")
            }
            if last > term { return }
        }
        server.lastVote = (term, candidate)
    }

    /// Entries that share index and term share all before, if each has one content and one
    /// predecessor.
    private func note(_ entry: Entry, of server: ObservedServer, _ id: ServerID) {
        let previousTerm = server.term(at: LogIndex(entry.index.number - 1))
        if let reason = known.note(entry, previousTerm: previousTerm) {
            fail("I2", "\(id) has \(entry.index) of \(entry.term) \(reason)")
        }
    }

    private func commit(
        _ entry: Entry, by server: ObservedServer, _ id: ServerID, _ term: Term
    ) {
        let position = Int(entry.index.number) - 1
        if entry.index != server.appliedIndex.next {
            fail("I4", "\(id) applies \(entry.index) after \(server.appliedIndex)")
        }
        server.appliedIndex = entry.index
        if position < committed.count {
            let first = committed[position].entry
            if first != entry {
                fail(
                    "I4",
                    "\(id) applies \(entry.index) of \(entry.term), another server "
                        + "\(first.term == entry.term ? "another content" : "that of \(first.term)")"
                )
            }
        } else if position == committed.count {
            let first = position < commitTerms.count ? commitTerms[position] : term
            committed.append(CommittedEntry(entry: entry, committedIn: first))
        } else {
            fail("I4", "\(id) commits \(entry.index), and nobody \(committed.count + 1)")
        }
    }

    private func noteCommit(_ view: ReplicaView) {
        guard view.commitIndex > newestCommit else { return }
        newestCommit = view.commitIndex
        while commitTerms.count < Int(newestCommit.number) { commitTerms.append(view.status.term) }
    }

    /// Who holds the last entry holds all before it, by I2.
    private func checkMajority(_ server: ObservedServer, _ id: ServerID) {
        let index = newestCommit
        guard let term = server.term(at: index) else { return }
        checkHeirs(of: index, term)
        guard let isOnDisk else { return }
        let configuration = server.configuration
        if !configuration.hasMajority({ isOnDisk($0, index, term) }) {
            fail(
                "I7",
                "\(id) commits \(index) of \(term), which is not on the disks of a "
                    + "majority of \(configuration)")
        }
    }

    private func restore(_ metadata: SnapshotMetadata, by server: ObservedServer, _ id: ServerID) {
        server.appliedIndex = metadata.lastIndex
        let position = Int(metadata.lastIndex.number) - 1
        guard position < committed.count, committed[position].entry.term == metadata.lastTerm else {
            return fail(
                "I4",
                "\(id) restores a snapshot at \(metadata.lastIndex) of "
                    + "\(metadata.lastTerm), which was never committed")
        }
        tell?(id) { "restored the snapshot at \(metadata.lastIndex)" }
    }

    func fail(_ check: String, _ detail: String) {
        found = found ?? Violation(check, detail)
    }
}

extension Effect {
    /// What most of them are.
    fileprivate enum Glance {
        /// Of a leader: nothing is to be seen in it that was not seen in its writes.
        case request
        /// Of a follower, in this term.
        case acceptance(Term)
        case other
    }

    fileprivate var glance: Glance {
        switch self {
        case .send(.appendRequest, _): return .request
        case .send(.appendResponse(let response), _):
            if case .accepted = response.outcome { return .acceptance(response.term) }
            return .other
        default: return .other
        }
    }
}

/// What became final, and by whom first.
struct CommittedEntry {
    let entry: Entry
    /// The term of the server that said so first: never before that in which it was committed.
    let committedIn: Term
}
