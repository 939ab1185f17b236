// SPDX-License-Identifier: Apache-2.0
import MartletExplorer
import Testing

@Suite("Small-scope search") struct ExplorerTests {
    @Test("A leader whose term is the last: everything that can still happen, to the end")
    func exhausts() {
        var scope = Scope.replication
        scope.termMax = 2
        scope.proposalsMax = 1
        scope.heartbeatsMax = 0
        scope.resetsMax = 0

        let report = Search(scope).run(statesMax: 100_000)

        #expect(report.violation == nil, "\(report.path.joined(separator: "\n"))")
        #expect(report.isExhausted)
        #expect(report.states > 300)
    }

    @Test("Every scope holds in its first states", arguments: Scope.all.map(\.name))
    func holds(name: String) throws {
        let scope = try #require(Scope.all.first { $0.name == name })

        let report = Search(scope).run(statesMax: 2_000)

        #expect(report.violation == nil, "\(report.path.joined(separator: "\n"))")
        #expect(report.states >= 2_000)
    }

    @Test("The same search finds the same states")
    func isRepeatable() {
        let reports = (0..<2).map { _ in Search(.transfers).run(statesMax: 3_000) }

        #expect(reports[0].states == reports[1].states)
        #expect(reports[0].transitions == reports[1].transitions)
        #expect(reports[0].serverStates == reports[1].serverStates)
    }

    @Test("No bound is passed: a scope of one term has no leader")
    func keepsBounds() {
        var scope = Scope.elections
        scope.termMax = 1

        let report = Search(scope).run(statesMax: 1_000)

        #expect(report.isExhausted)
        #expect(report.states == 1, "nobody may campaign, and a restart changes nothing")
    }
}

@Suite("Small-scope search finds planted defects") struct FaultTests {
    private func find(_ fault: Fault, in scope: Scope) throws -> Search.Report {
        let report = Search(scope, fault: fault).run(statesMax: 100_000)
        _ = try #require(report.violation, "nothing in \(report.states) states")
        #expect(!report.path.isEmpty)
        return report
    }

    @Test("A disk that forgets a vote elects two leaders of one term")
    func forgottenVote() throws {
        var scope = Scope.elections
        scope.termMax = 2
        scope.proposalsMax = 0

        let report = try find(.forgottenVote, in: scope)

        #expect(report.violation == "I1: S1 and S2 lead term 2")
        #expect(report.path.contains { $0.contains("crashes") })
    }

    @Test("A promise that is sent before the write is broken by a crash")
    func lyingDisk() throws {
        var scope = Scope.elections
        scope.termMax = 2

        let report = try find(.lyingDisk, in: scope)

        #expect(report.violation?.hasPrefix("I1") == true)
    }

    @Test("An answer from before the round confirms no read")
    func confusedRounds() throws {
        let report = try find(.confusedRounds, in: .deposed)

        #expect(report.violation?.hasPrefix("a stale read") == true)
    }

    @Test("A leader that does not ask whether it still is one answers stale")
    func unconfirmedReads() throws {
        let report = try find(.unconfirmedReads, in: .deposed)

        #expect(report.violation?.hasPrefix("a stale read") == true)
    }

    @Test("What no leader committed is not committed")
    func boastedCommit() throws {
        let report = try find(.boastedCommit, in: .elections)

        #expect(report.violation == "S2 commits index 2 before any leader")
    }
}
