// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Scenarios C: snapshots and compaction") struct SnapshotScenarioTests {
    /// Leads in term 2 with five entries, the first four of them compacted.
    private func compacted() -> Subject {
        var limits = Limits()
        limits.trailingEntries = 0
        var leader = Subject.leader(limits: limits)
        leader.step(.proposed([[1], [2], [3]]))
        leader.persist()
        leader.accept(from: B, match: 5)
        leader.step(.snapshotTaken(metadata(4, 2)))
        return leader
    }

    private func offers(_ subject: Subject) -> [SnapshotOffer] {
        subject.effects.compactMap {
            if case .sendSnapshot(let offer, _) = $0 { offer } else { nil }
        }
    }

    private func offer(
        _ metadata: SnapshotMetadata, term: UInt64 = 2, session: UInt64 = 1
    ) -> SnapshotOffer {
        SnapshotOffer(term: Term(term), metadata: metadata, session: LogIndex(session))
    }

    private func responses(_ subject: Subject) -> [SnapshotResponse] {
        subject.sent.compactMap {
            if case .snapshotResponse(let response) = $0.message { response } else { nil }
        }
    }

    @Test("A snapshot drops the log behind it but for the trailing entries")
    func compacts() {
        let leader = compacted()
        #expect(leader.effects.contains(.compact(through: LogIndex(4), term: Term(2))))
        #expect(leader.core.firstIndex == LogIndex(5) && leader.core.lastIndex == LogIndex(5))
        #expect(leader.core.snapshotIndex == LogIndex(4))
        #expect(leader.core.term(at: LogIndex(4)) == Term(2))
        #expect(leader.core.term(at: LogIndex(3)) == nil)
    }

    @Test("C01: who needs what is compacted gets one snapshot, then entries again")
    func slowFollower() {
        var leader = newcomer()
        #expect(offers(leader).map(\.metadata.lastIndex) == [LogIndex(4)])
        #expect(leader.core.progress.last?.isReceivingSnapshot == true)
        for _ in 0..<3 {
            leader.timeOut()
            leader.accept(from: B, match: 6)
            leader.accept(from: D, match: 0, session: 6)
            #expect(offers(leader).isEmpty)
        }

        leader.receive(
            .snapshotResponse(
                SnapshotResponse(
                    term: Term(2), lastIndex: LogIndex(4), isInstalled: true, match: LogIndex(4),
                    session: LogIndex(6))), from: D)
        #expect(leader.appends(to: D).flatMap(\.entries).map(\.index.number) == [5, 6])
        #expect(leader.core.progress.last?.isReceivingSnapshot == false)
    }

    /// D was just added with an empty log, and said so.
    private func newcomer() -> Subject {
        var leader = compacted()
        leader.step(
            .changeProposed(
                ConfigurationChange(
                    id: 1, action: .addNonVoter(D, address: "d"), ifConfigurationIndex: nil)))
        leader.persist()
        leader.accept(from: B, match: 6)
        leader.receive(
            .appendResponse(
                AppendResponse(
                    term: Term(2),
                    outcome: .rejected(
                        previousIndex: LogIndex(5), hintIndex: .zero, hintTerm: .zero), round: 0,
                    session: LogIndex(6), lastIndex: .zero, lastTerm: .zero)), from: D)
        return leader
    }

    @Test("C01: a failed transfer is tried again after a heartbeat, not at once")
    func failedTransfer() {
        var leader = newcomer()
        leader.step(.snapshotSendFailed(to: D))
        #expect(offers(leader).isEmpty)
        leader.timeOut()
        #expect(offers(leader).count == 1)
    }

    @Test("C03: a follower that got as far as the log reaches needs no further snapshot")
    func olderSnapshot() {
        var leader = newcomer()
        leader.accept(from: D, match: 5, session: 6)

        #expect(leader.core.progress.last?.isReceivingSnapshot == false)
        #expect(offers(leader).isEmpty)
        #expect(leader.appends(to: D).flatMap(\.entries).map(\.index.number) == [6])
    }

    @Test("C04: a snapshot that the log contradicts drops the whole log")
    func conflictingLog() {
        var follower = Subject(terms: [1, 2, 2, 2, 2, 2], term: 3)
        follower.step(.snapshotReceived(offer(metadata(4, 3), term: 3), from: B))
        #expect(follower.core.lastIndex == LogIndex(4) && follower.core.lastTerm == Term(3))
        #expect(follower.writes.map(\.resetTo) == [metadata(4, 3)])
        #expect(follower.effects.contains(.restore(metadata(4, 3))))
        #expect(responses(follower).isEmpty)
        follower.persist()
        #expect(responses(follower).map(\.match) == [LogIndex(4)])

        follower.append(term: 3, after: (4, 3), terms: [3])
        #expect(follower.last == [5, 3])
    }

    @Test("A snapshot that the log agrees with keeps what follows it")
    func agreeingLog() {
        var follower = Subject(terms: [1, 2, 2, 2])
        follower.step(.snapshotReceived(offer(metadata(3, 2)), from: B))

        #expect(follower.last == [4, 2])
        #expect(follower.writes.map(\.resetTo).allSatisfy { $0 == nil })
        #expect(follower.core.commitIndex == LogIndex(3))
        #expect(responses(follower).map(\.isInstalled) == [true])
        #expect(responses(follower).map(\.match) == [LogIndex(3)])
    }

    @Test("A snapshot of what the log holds durably is not transferred, and commits it")
    func neededNot() {
        var follower = Subject(terms: [1, 2, 2, 2])
        follower.step(.snapshotOffered(offer(metadata(3, 2)), from: B))

        #expect(follower.effects.contains(.snapshotDecided(.refused)))
        #expect(follower.committed.map(\.index.number) == [1, 2, 3])
        #expect(responses(follower).map(\.match) == [LogIndex(3)])
    }

    @Test("C06: a snapshot older than the commit index is refused with the real position")
    func oldSnapshot() {
        var follower = Subject(terms: [1, 2, 2, 2], commit: 4)
        follower.step(.snapshotOffered(offer(metadata(3, 2)), from: B))
        #expect(follower.effects.contains(.snapshotDecided(.refused)))
        #expect(responses(follower).map(\.match) == [LogIndex(4)])

        follower.step(.snapshotReceived(offer(metadata(3, 2)), from: B))
        #expect(follower.core.commitIndex == LogIndex(4))
        #expect(responses(follower).map(\.match) == [LogIndex(4)])
    }

    @Test("C06: an offer from a past term is refused, one from the leader counts as contact")
    func offers() {
        var follower = Subject(term: 5)
        follower.step(.snapshotOffered(offer(metadata(9, 2), term: 4), from: B))
        #expect(follower.effects.contains(.snapshotDecided(.refused)))
        #expect(responses(follower).map(\.isInstalled) == [false])

        follower.step(
            .snapshotOffered(offer(metadata(9, 2), term: 5), from: B), after: .milliseconds(9))
        #expect(follower.effects.contains(.snapshotDecided(.accepted)))
        #expect(follower.core.lastLeaderContact == .milliseconds(9))
    }

    @Test("C07: an abandoned transfer leaves everything as it was, and the leader is told")
    func abandoned() {
        var follower = Subject(term: 2)
        follower.step(.snapshotOffered(offer(metadata(9, 2)), from: B))
        follower.step(.snapshotAbandoned(offer(metadata(9, 2)), from: B))

        #expect(follower.last == [1, 1])
        #expect(responses(follower).map(\.isInstalled) == [false])
    }

    @Test("C07: a crash between a snapshot and the write that drops the log is finished at start")
    func crashedInstall() {
        var server = Subject(
            A,
            Restored(
                hardState: HardState(term: Term(3), vote: nil), snapshot: metadata(4, 3),
                entries: log(voters(A, B, C), [1, 2, 2, 2, 2]), previousIndex: .zero,
                previousTerm: .zero, commitHint: .zero))
        server.step(.ticked)

        #expect(server.writes.map(\.resetTo) == [metadata(4, 3)])
        #expect(server.core.lastIndex == LogIndex(4) && server.core.commitIndex == LogIndex(4))
        #expect(server.committed.isEmpty)
    }

    @Test("C09: the snapshot's configuration is in force at once, and after a restart")
    func configuration() {
        let changed = voters(A, B, nonVoters: [D])
        let snapshot = metadata(9, 2, changed, configurationIndex: 7)
        var follower = Subject(term: 2)
        follower.step(.snapshotReceived(offer(snapshot), from: B))
        #expect(follower.core.configuration == changed)
        #expect(follower.effects.contains(.configurationChanged(changed, index: LogIndex(7))))

        let restarted = Subject(
            A,
            Restored(
                hardState: HardState(term: Term(2), vote: nil), snapshot: snapshot, entries: [],
                previousIndex: LogIndex(9), previousTerm: Term(2), commitHint: .zero))
        #expect(restarted.core.configuration == changed)
        #expect(restarted.core.configurationIndex == LogIndex(7))
        #expect(restarted.core.commitIndex == LogIndex(9))
    }

    @Test("C10: who is not in the snapshot's configuration takes it and never campaigns")
    func stranger() {
        var server = Subject(E, Restored.empty)
        server.step(.snapshotReceived(offer(metadata(9, 2)), from: B))
        server.step(.campaignRequested)

        #expect(server.core.commitIndex == LogIndex(9))
        #expect(server.core.deadline == nil && server.role == .follower)
    }

    @Test("After a restart only what the snapshot does not hold is handed out, up to the hint")
    func restart() {
        var server = Subject(
            A,
            Restored(
                hardState: HardState(term: Term(2), vote: nil), snapshot: metadata(2, 2),
                entries: log(voters(A, B, C), [1, 2, 2, 2, 2]), previousIndex: .zero,
                previousTerm: .zero, commitHint: LogIndex(4)))
        #expect(server.core.commitIndex == LogIndex(2))
        server.step(.ticked)
        #expect(server.committed.map(\.index.number) == [3, 4])
    }
}
