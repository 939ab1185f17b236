// SPDX-License-Identifier: Apache-2.0
import MartletHarness
import MartletSimulation
import Testing

private func report(seed: UInt64, seconds: Int = 10, traced: Bool = false) -> TrialReport {
    var settings = TrialSettings(seed: seed)
    settings.faultsLast = .seconds(seconds)
    settings.load = .dense
    settings.isTraced = traced
    return Trial(settings).run()
}

@Suite("Whole trials") struct TrialTests {
    @Test("A cluster survives its faults, and its clients' history is sound", arguments: 1...6)
    func survives(seed: UInt64) {
        let report = report(seed: seed)
        #expect(report.violation == nil)
        #expect(report.operations > 20)
        #expect(!report.faults.isEmpty)
    }

    /// The same number on every machine, in debug and in release: it changes with every change of
    /// what servers do or of what goes wrong, and only then. Take the new one from the failure.
    @Test("One seed is one history, traced or not")
    func recorded() {
        let plain = report(seed: 42)
        #expect(plain.violation == nil)
        #expect(plain.traceHash == 5_209_298_059_155_654_450)
        #expect(report(seed: 42, traced: true).traceHash == plain.traceHash)
    }

    @Test("Another seed is another history, and other faults")
    func seeds() {
        #expect(report(seed: 1, seconds: 3).traceHash != report(seed: 2, seconds: 3).traceHash)
        let plans = (1...2).map { FaultPlan(seed: $0, from: .zero, for: .seconds(20)) }
        #expect(plans[0].faults.map(\.nemesis) != plans[1].faults.map(\.nemesis))
    }

    @Test("Every kind of fault can come in every seed")
    func kinds() {
        let plan = FaultPlan(seed: 9, from: .zero, for: .seconds(2_000))
        #expect(Set(plan.faults.map(\.nemesis)) == Set(Nemesis.all.map(\.name)))
        #expect(Set(Nemesis.all.map(\.name)).count == Nemesis.all.count)
    }

    /// A server's greeting, sent before it joined, overtook by another connection the news that it
    /// had: the leader took the old word for the new and never took the server in.
    @Test(
        "Word of a joined cluster is not taken back by what was said before", arguments: [211, 297])
    func overtakenGreeting(seed: UInt64) {
        #expect(report(seed: seed, seconds: 25).violation == nil)
    }

    /// A snapshot that came from a leader turned out damaged when its stream had ended already, and the
    /// receiver spoke to a session that was gone.
    @Test("Snapshots that are damaged, or late, end nothing but themselves", arguments: [60])
    func snapshotWithoutSession(seed: UInt64) {
        #expect(report(seed: seed, seconds: 25).violation == nil)
    }

    /// A farewell that arrived after the next life's greeting made the new life a server that left: it
    /// was never taken in again.
    @Test("A farewell counts for the life that said it", arguments: [54, 282])
    func lateFarewell(seed: UInt64) {
        #expect(report(seed: seed, seconds: 25).violation == nil)
    }

    /// A follower whose snapshot store had broken while a leader's snapshot came in stayed in service and
    /// asked the same store for ever.
    @Test(
        "A snapshot that cannot be stored for good takes its server out of service", arguments: [25]
    )
    func brokenSnapshotStore(seed: UInt64) {
        #expect(report(seed: seed, seconds: 25).violation == nil)
    }

    /// A write under way at a restore belongs to both sides of it.
    @Test("A history is judged across a restore", arguments: [74, 595])
    func restored(seed: UInt64) {
        #expect(report(seed: seed, seconds: 25).violation == nil)
    }

    /// A follower came back in the same term with an entry that it had not compared with the
    /// leader's. The leader knew it to be there and did not send it again; its heartbeats leaned
    /// on the one before it; so neither ever said the word that would have settled it.
    @Test("A follower that comes back with the last entry is asked about it", arguments: [200_119])
    func silentLastEntry(seed: UInt64) {
        #expect(report(seed: seed, seconds: 60).violation == nil)
    }

    /// The greeting of an empty server, sent before it took up the recovered life and read after the
    /// news that it had, made it a stranger. And a server of the old life followed one that it had
    /// met before that one took up the new life.
    @Test(
        "What is left of a lost quorum lives on, and the old life does not disturb it",
        arguments: [243, 273])
    func secondLife(seed: UInt64) {
        #expect(report(seed: seed, seconds: 25).violation == nil)
    }
}
