// SPDX-License-Identifier: Apache-2.0
import MartletHarness
import MartletRaft
import MartletServer
import Testing

/// A monitor, and servers that do to it what no server may.
private struct Watched {
    let monitor = RaftMonitor()

    init(servers: UInt64 = 3) {
        for number in 0..<servers { begin(number + 1) }
    }

    static func id(_ number: UInt64) -> ServerID { ServerID(high: 0, low: number) }

    static func entry(_ index: UInt64, _ term: UInt64, _ content: UInt8 = 0) -> Entry {
        Entry(index: LogIndex(index), term: Term(term), kind: .command, payload: [content])
    }

    func begin(
        _ number: UInt64, term: UInt64 = 0, vote: ServerID? = nil, entries: [Entry] = []
    ) {
        monitor.replica(
            Self.id(number),
            began: Restored(
                hardState: HardState(term: Term(term), vote: vote), snapshot: nil,
                entries: entries, previousIndex: .zero, previousTerm: .zero, commitHint: .zero))
    }

    /// One step, after which the server stands so.
    func step(
        _ number: UInt64, _ role: Role = .follower, term: UInt64, last: Entry? = nil,
        commit: UInt64 = 0, durable: UInt64? = nil, _ effects: [Effect] = []
    ) {
        let lastIndex = last?.index ?? .zero
        monitor.replica(
            Self.id(number),
            stepped: ReplicaView(
                status: Status(role: role, term: Term(term), leader: nil), firstIndex: LogIndex(1),
                lastIndex: lastIndex, lastTerm: last?.term ?? .zero, snapshotIndex: .zero,
                commitIndex: LogIndex(commit),
                durableIndex: durable.map { LogIndex($0) } ?? lastIndex),
            effects: effects)
    }

    func append(_ number: UInt64, _ entries: [Entry], truncatingAfter index: UInt64? = nil) {
        step(
            number, term: entries.last?.term.number ?? 0, last: entries.last,
            [
                .persist(
                    Write(
                        sequence: WriteSequence(1), hardState: nil,
                        truncateAfter: index.map { LogIndex($0) }, entries: entries,
                        resetTo: nil, commitHint: .zero))
            ])
    }

    var check: String? { monitor.violation?.check }
}

@Suite("The monitor reports each broken invariant") struct RaftMonitorTests {
    private typealias W = Watched

    @Test("Servers that do nothing wrong are not reported")
    func sound() {
        let watched = Watched()
        let entries = [W.entry(1, 1), W.entry(2, 1)]
        for number: UInt64 in 1...3 { watched.append(number, entries) }
        watched.step(1, .leader, term: 1, last: entries[1])
        for number: UInt64 in 1...3 {
            watched.step(
                number, number == 1 ? .leader : .follower, term: 1, last: entries[1], commit: 2,
                [.committed(entries)])
        }
        watched.step(2, .leader, term: 2, last: entries[1], commit: 2)
        #expect(watched.monitor.violation == nil)
        #expect(watched.monitor.committedIndex == LogIndex(2))
    }

    @Test("I1: two leaders of one term")
    func leaders() {
        let watched = Watched()
        watched.step(1, .leader, term: 4)
        #expect(watched.check == nil)
        watched.step(2, .leader, term: 4)
        #expect(watched.check == "I1")
    }

    @Test("I2: one index and term with two contents")
    func contents() {
        let watched = Watched()
        watched.append(1, [W.entry(1, 1, 7)])
        watched.append(2, [W.entry(1, 1, 8)])
        #expect(watched.check == "I2")
    }

    @Test("I2: one index and term after two different entries")
    func predecessors() {
        let watched = Watched()
        watched.append(1, [W.entry(1, 1), W.entry(2, 3)])
        watched.append(2, [W.entry(1, 2), W.entry(2, 3)])
        #expect(watched.check == "I2")
    }

    @Test("I2: a log that is not what was written")
    func otherLog() {
        let watched = Watched()
        watched.append(1, [W.entry(1, 1)])
        watched.step(1, term: 1, last: W.entry(2, 1))
        #expect(watched.check == "I2")
    }

    @Test("I2: a disk that gives back other content than was written")
    func damagedDisk() {
        let watched = Watched()
        watched.append(1, [W.entry(1, 1, 7)])
        watched.begin(1, term: 1, entries: [W.entry(1, 1, 9)])
        #expect(watched.check == "I2")
    }

    @Test("I3: a leader without what an earlier term committed")
    func incompleteLeader() {
        let watched = Watched()
        let entry = W.entry(1, 1)
        watched.append(1, [entry])
        watched.step(1, .leader, term: 1, last: entry, commit: 1, [.committed([entry])])
        #expect(watched.check == nil)
        watched.step(2, .leader, term: 2)
        #expect(watched.check == "I3")
    }

    @Test("A late leader of an old term owes nothing to newer ones")
    func lateLeader() {
        let watched = Watched()
        let entry = W.entry(1, 5)
        watched.append(1, [entry])
        watched.step(1, .leader, term: 5, last: entry, commit: 1, [.committed([entry])])
        watched.step(2, .leader, term: 4)
        #expect(watched.check == nil)
    }

    @Test("I4: two servers apply different entries at an index")
    func applied() {
        let watched = Watched()
        watched.append(1, [W.entry(1, 1)])
        watched.append(2, [W.entry(1, 2)])
        watched.step(
            1, term: 1, last: W.entry(1, 1), commit: 1, [.committed([W.entry(1, 1)])])
        watched.step(
            2, term: 2, last: W.entry(1, 2), commit: 1, [.committed([W.entry(1, 2)])])
        #expect(watched.check == "I4")
    }

    @Test("I4: a server applies an index twice, or leaves one out", arguments: [1, 3])
    func order(second: UInt64) {
        let watched = Watched()
        let entries = (1...3).map { W.entry($0, 1) }
        watched.append(1, entries)
        watched.step(1, term: 1, last: entries[2], commit: 1, [.committed([entries[0]])])
        watched.step(
            1, term: 1, last: entries[2], commit: 2, [.committed([entries[Int(second) - 1]])])
        #expect(watched.check == "I4")
    }

    @Test("I4: a snapshot of what was never committed")
    func strangeSnapshot() {
        let watched = Watched()
        watched.step(
            1, term: 2,
            [
                .restore(
                    SnapshotMetadata(
                        lastIndex: LogIndex(5), lastTerm: Term(2), configuration: .empty,
                        configurationIndex: .zero, sizeBytes: 0, checksum: 0))
            ])
        #expect(watched.check == "I4")
    }

    @Test("I7: a commit of what is on the disk of a minority", arguments: [1, 2])
    func minority(holding: UInt64) {
        let watched = Watched()
        let servers = (1...3).map {
            Configuration.Server(id: W.id($0), address: "", role: .voter)
        }
        let entry = RaftCore.foundingEntry(Configuration(servers: servers))
        watched.monitor.isOnDisk = { id, _, _ in id.low <= holding }
        watched.begin(1, term: 1, entries: [entry])
        let vote = VoteResponse(term: Term(1), isPreVote: false, isGranted: true)
        watched.step(2, term: 1, [.send(.voteResponse(vote), to: W.id(1))])
        watched.step(1, .leader, term: 1, last: entry, commit: 1, [.committed([entry])])
        #expect(watched.check == (holding < 2 ? "I7" : nil))
    }

    @Test("I5: a term or a commit index that goes back")
    func backwards() {
        let terms = Watched()
        terms.step(1, term: 3)
        terms.step(1, term: 2)
        #expect(terms.check == "I5")

        let commits = Watched()
        let entries = [W.entry(1, 1), W.entry(2, 1)]
        commits.append(1, entries)
        commits.step(1, term: 1, last: entries[1], commit: 2, [.committed(entries)])
        commits.step(1, term: 1, last: entries[1], commit: 1)
        #expect(commits.check == "I5")
    }

    @Test("I5: two votes in one term, also across a restart")
    func votes() {
        let granted = Message.voteResponse(
            VoteResponse(term: Term(6), isPreVote: false, isGranted: true))
        let watched = Watched()
        watched.step(3, term: 6, [.send(granted, to: W.id(1))])
        watched.begin(3, term: 6, vote: W.id(1))
        watched.step(3, term: 6, [.send(granted, to: W.id(1))])
        #expect(watched.check == nil)
        watched.step(3, term: 6, [.send(granted, to: W.id(2))])
        #expect(watched.check == "I5")
    }

    @Test("I5: a server that comes back without the vote that it gave")
    func forgottenVote() {
        let granted = Message.voteResponse(
            VoteResponse(term: Term(6), isPreVote: false, isGranted: true))
        let watched = Watched()
        watched.step(3, term: 6, [.send(granted, to: W.id(1))])
        watched.begin(3, term: 6)
        #expect(watched.check == "I5")
    }

    @Test("I5: a server that comes back in an older term than it voted in")
    func forgottenTerm() {
        let granted = Message.voteResponse(
            VoteResponse(term: Term(6), isPreVote: false, isGranted: true))
        let watched = Watched()
        watched.step(3, term: 6, [.send(granted, to: W.id(1))])
        watched.begin(3, term: 5)
        #expect(watched.check == "I5")
    }

    @Test("I6: commit beyond the log, durable beyond the log")
    func order() {
        let commit = Watched()
        commit.append(1, [W.entry(1, 1)])
        commit.step(1, term: 1, last: W.entry(1, 1), commit: 2)
        #expect(commit.check == "I6")

        let durable = Watched()
        durable.append(1, [W.entry(1, 1)])
        durable.step(1, term: 1, last: W.entry(1, 1), durable: 2)
        #expect(durable.check == "I6")
    }

    // MARK: With a configuration

    private static let voters = Configuration(
        servers: (1...3).map { .init(id: W.id($0), address: "", role: .voter) })
    private static let founding = Entry(
        index: LogIndex(1), term: Term(1), kind: .configuration, payload: voters.encoded())

    private func voting(_ entries: [UInt64: [Entry]]) -> Watched {
        let watched = Watched(servers: 0)
        watched.monitor.canVote = { _ in true }
        for number in entries.keys.sorted() {
            watched.begin(number, entries: [Self.founding] + (entries[number] ?? []))
        }
        return watched
    }

    private func grant(
        by voter: UInt64, to candidate: UInt64, in term: UInt64, at watched: Watched
    ) {
        let response = VoteResponse(term: Term(term), isPreVote: false, isGranted: true)
        watched.step(
            voter, term: term, last: Self.founding,
            [.send(.voteResponse(response), to: W.id(candidate))])
    }

    @Test("I1: a leader without the votes of a majority in its term")
    func unelected() {
        let watched = voting([1: [], 2: [], 3: []])
        grant(by: 2, to: 1, in: 2, at: watched)
        watched.step(1, .leader, term: 2, last: Self.founding)
        #expect(watched.monitor.violation == nil)
        watched.step(1, .follower, term: 3, last: Self.founding)
        watched.step(1, .leader, term: 3, last: Self.founding)
        #expect(watched.check == "I1")
    }

    @Test("I3: committed, and somebody could be elected without it (Figure 8)")
    func heirs() {
        func commits(_ entries: [Entry]) -> String? {
            let watched = voting([1: entries, 2: entries, 3: [W.entry(2, 3)]])
            watched.step(
                1, term: 4, last: entries.last, commit: entries.last?.index.number ?? 0,
                [.committed([Self.founding] + entries)])
            return watched.check
        }
        #expect(commits([W.entry(2, 2)]) == "I3")
        #expect(commits([W.entry(2, 2), W.entry(3, 4)]) == nil)
    }

    @Test("I2: another configuration than the newest of the log is in force")
    func configuration() {
        let next = Configuration(servers: Array(Self.voters.servers.dropLast()))
        let entry = Entry(
            index: LogIndex(2), term: Term(1), kind: .configuration, payload: next.encoded())
        let write = Effect.persist(
            Write(
                sequence: WriteSequence(1), hardState: nil, truncateAfter: nil, entries: [entry],
                resetTo: nil, commitHint: .zero))
        let told = voting([1: []])
        told.step(
            1, term: 1, last: entry, [write, .configurationChanged(next, index: entry.index)])
        #expect(told.check == nil)
        let silent = voting([1: []])
        silent.step(1, term: 1, last: entry, [write])
        #expect(silent.check == "I2")
    }

    @Test("I5: a server that lost its records is whole again, and votes")
    func recovered() {
        let watched = voting([1: []])
        watched.step(1, term: 1, last: Self.founding, [.recovered])
        #expect(watched.check == "I5")
    }
}
