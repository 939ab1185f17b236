// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@testable import MartletServer

@Suite("Who goes on after a lost quorum") struct RecoveryPlanTests {
    private static let ids = (0..<5 as Range<UInt64>).map { ServerID(high: 0xA, low: $0) }
    private static let old = Configuration(
        servers: ids.map { .init(id: $0, address: "10.0.0.\($0.low):4647", role: .voter) })

    private func survey(
        _ server: Int, term: UInt64 = 5, index: UInt64 = 100, cluster: UInt64 = 1,
        epoch: UInt64 = 0, isRecovering: Bool = false
    ) -> FolderSurvey {
        FolderSurvey(
            directory: "/s\(server)", serverID: Self.ids[server],
            clusterID: ServerID(high: 1, low: cluster), recoveryEpoch: epoch,
            isRecovering: isRecovering, lastIndex: LogIndex(index), lastTerm: Term(term),
            commitHint: LogIndex(90), configuration: Self.old)
    }

    private func refusal(
        _ surveys: [FolderSurvey], voters: [String] = [], peers: [String] = []
    ) -> String? {
        var wish = RecoveryPlan.Wish()
        wish.voters = voters
        wish.peers = peers
        do throws(RecoveryPlan.Refusal) {
            _ = try RecoveryPlan.make(from: surveys, wish)
            return nil
        } catch {
            return error.text
        }
    }

    @Test("All that are given vote, at the addresses they had; the others are left behind")
    func all() throws {
        let plan = try RecoveryPlan.make(
            from: [survey(0), survey(1, index: 90)], RecoveryPlan.Wish())
        #expect(plan.configuration.servers == Array(Self.old.servers[..<2]))
        #expect(plan.lost.map(\.id) == Array(Self.ids[2...]))
        let text = plan.text(isDryRun: false)
        #expect(text.contains("/s0/server/raft/peers.json"))
        #expect(!text.contains("majority of the old voters"))
        #expect(plan.text(isDryRun: true).contains("Nothing was written"))
    }

    @Test("A majority is told that it needs no recovery")
    func majority() throws {
        let plan = try RecoveryPlan.make(
            from: [survey(0), survey(1), survey(2)], RecoveryPlan.Wish())
        #expect(plan.text(isDryRun: true).contains("majority of the old voters"))
    }

    @Test("A survivor that is ahead of every voter is not left without a vote")
    func ahead() {
        let surveys = [survey(0, term: 5, index: 100), survey(1, term: 6, index: 40)]
        let text = refusal(surveys, voters: ["\(Self.ids[0])"])
        #expect(text?.contains("server \(Self.ids[1]) in /s1 is ahead") == true)
        #expect(refusal(surveys, voters: ["\(Self.ids[1])"]) == nil)
        #expect(refusal(surveys) == nil)
    }

    @Test("Who has the same as the best may go on instead of it, and the others as non-voters")
    func equals() throws {
        var wish = RecoveryPlan.Wish()
        wish.voters = ["\(Self.ids[1])"]
        let plan = try RecoveryPlan.make(from: [survey(0), survey(1)], wish)
        #expect(plan.configuration.servers.map(\.role) == [.nonVoter, .voter])
    }

    @Test("Folders that do not belong together, or have nothing of their own, are refused")
    func kinship() {
        #expect(refusal([])?.contains("no data folder") == true)
        #expect(
            refusal([survey(0), survey(1, cluster: 2)])?.contains("different clusters") == true)
        #expect(refusal([survey(0), survey(1, epoch: 1 << 32)])?.contains("epoch") == true)
        #expect(refusal([survey(0), survey(0)])?.contains("same server") == true)
        #expect(refusal([survey(0), survey(1, isRecovering: true)])?.contains("/s1") == true)
        #expect(refusal([survey(0, term: 0, index: 0)])?.contains("no log") == true)
    }

    @Test("Servers elsewhere are added, and those that moved are found at their new address")
    func peers() throws {
        var wish = RecoveryPlan.Wish()
        wish.peers = ["\(Self.ids[0])=10.9.9.9:1", "\(Self.ids[3])=10.9.9.9:2"]
        let plan = try RecoveryPlan.make(from: [survey(0)], wish)
        #expect(plan.configuration.servers.map(\.address) == ["10.9.9.9:1", "10.9.9.9:2"])
        #expect(plan.unseen.map(\.id) == [Self.ids[3]])
        #expect(plan.text(isDryRun: false).contains("copy one of these files"))
        let taken = refusal([survey(0)], peers: ["\(Self.ids[1])=10.0.0.0:4647"])
        #expect(taken?.contains("same address") == true)
        for wrong in ["x=10.0.0.1:1", "\(Self.ids[1])", "\(Self.ids[1])=host:1"] {
            #expect(refusal([survey(0)], peers: [wrong])?.contains("ID=IP:PORT") == true)
        }
        #expect(refusal([survey(0)], voters: ["x"])?.contains("not a server's id") == true)
        #expect(refusal([survey(0)], voters: ["\(Self.ids[1])"])?.contains("not given") == true)
    }
}
