// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import MartletRaft
import Testing

@testable import MartletServer

@Suite("Who goes on after a lost quorum") struct RecoveryPlanTests {
    private static let ids = (0..<5 as Range<UInt64>).map { ServerID(high: 0xA, low: $0) }
    private static let old = Configuration(
        servers: ids.map { .init(id: $0, address: "10.0.0.\($0.low):4647", role: .voter) })

    private func survey(
        _ server: Int, term: UInt64 = 5, index: UInt64 = 100, cluster: UInt64 = 1,
        epoch: UInt64 = 0, isRecovering: Bool = false, committed: UInt64 = 90,
        file: String? = nil, role: Configuration.Role? = nil
    ) -> FolderSurvey {
        var old = Self.old
        if let role { old.servers[server].role = role }
        var survey = self.plain(
            server, term, index, cluster, epoch, isRecovering, min(committed, index), old)
        survey.file = file
        return survey
    }

    private func plain(
        _ server: Int, _ term: UInt64, _ index: UInt64, _ cluster: UInt64, _ epoch: UInt64,
        _ isRecovering: Bool, _ committed: UInt64, _ old: Configuration
    ) -> FolderSurvey {
        FolderSurvey(
            directory: "/s\(server)", serverID: Self.ids[server],
            clusterID: ServerID(high: 1, low: cluster), recoveryEpoch: epoch,
            isRecovering: isRecovering, lastIndex: LogIndex(index), lastTerm: Term(term),
            commitHint: LogIndex(committed), configuration: old,
            names: [Self.ids[0]: "s0", Self.ids[4]: "s4"])
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
        #expect(plan.text(.after).contains("/s0/server/raft/peers.json"))
        let text = plan.text(.dryRun)
        #expect(!text.contains("need no recovery"))
        #expect(text.contains("STOP if 1 of them can be brought back with its folder"))
        #expect(text.contains("the 3 voters, of 5, that are"))
        #expect(text.contains("Whether 91 to 100 were, nobody here knows"))
        #expect(text.contains("Nothing was written"))
    }

    @Test("A majority is told that it needs no recovery")
    func majority() throws {
        let plan = try RecoveryPlan.make(
            from: [survey(0), survey(1), survey(2)], RecoveryPlan.Wish())
        let text = plan.text(.before)
        #expect(text.contains("They need no recovery"))
        #expect(text.contains("Lost:  nothing that was acknowledged."))
    }

    @Test("A survivor that is ahead of every voter is not left without a vote")
    func ahead() {
        let surveys = [
            survey(0, term: 5, index: 100, committed: 30), survey(1, term: 6, index: 40),
        ]
        let text = refusal(surveys, voters: ["\(Self.ids[0])"])
        #expect(text?.contains("server \(Self.ids[1]) in /s1 is ahead") == true)
        #expect(text?.contains("that of \(Self.ids[0]) in /s0 at index 100 of term 5") == true)
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
        #expect(plan.text(.after).contains("of the server at 10.9.9.9:2"))
        let taken = refusal([survey(0)], peers: ["\(Self.ids[1])=10.0.0.0:4647"])
        #expect(taken?.contains("same address") == true)
        for wrong in ["x=10.0.0.1:1", "\(Self.ids[1])", "\(Self.ids[1])=host:1"] {
            #expect(refusal([survey(0)], peers: [wrong])?.contains("ID=IP:PORT") == true)
        }
        #expect(refusal([survey(0)], voters: ["x"])?.contains("not a server's id") == true)
        #expect(refusal([survey(0)], voters: ["\(Self.ids[1])"])?.contains("not given") == true)
    }

    @Test("What only an older leader wrote and nobody could have acknowledged is said to go")
    func dropped() throws {
        let plan = try RecoveryPlan.make(
            from: [
                survey(0, term: 5, index: 100, committed: 30), survey(1, term: 6, index: 40),
            ], RecoveryPlan.Wish())
        #expect(plan.losses.dropped.map(\.directory) == ["/s0"])
        #expect(plan.losses.kept == .init(term: Term(6), index: LogIndex(40)))
        #expect(plan.text(.before).contains("/s0 reaches to index 100"))
    }

    @Test("Logs that cannot be of one history are refused")
    func history() {
        let text = refusal([survey(0, term: 5, index: 100), survey(1, term: 6, index: 40)])
        #expect(text?.contains("index 90 was committed") == true)
    }

    @Test("Non-voters stay what they are, unless they have more than every voter")
    func nonVoters() throws {
        let wish = RecoveryPlan.Wish()
        let best = [survey(0, role: .nonVoter), survey(1, index: 99)]
        let ahead = try RecoveryPlan.make(from: best, wish)
        #expect(ahead.configuration.servers.map(\.role) == [.voter, .voter])
        let behind = try RecoveryPlan.make(
            from: [survey(0, index: 99), survey(1, role: .nonVoter), survey(2, role: .voter)],
            wish)
        #expect(behind.configuration.servers.map(\.role) == [.voter, .nonVoter, .voter])
    }

    @Test("A survey says on another machine what the folder said, and the plan is the same")
    func carried() throws {
        let there = survey(1, index: 120, epoch: 1 << 32 | 0x8a91_f03c)
        let here = survey(0, epoch: 1 << 32 | 0x8a91_f03c)
        var carried = try FolderSurvey(reading: Array(there.text.utf8), file: "s1.json")
        #expect(carried.place == "s1.json (/s1)")
        let plan = try RecoveryPlan.make(from: [here, carried], RecoveryPlan.Wish())
        let other = try RecoveryPlan.make(
            from: [there, FolderSurvey(reading: Array(here.text.utf8), file: "s0.json")],
            RecoveryPlan.Wish())
        #expect(plan.configuration == other.configuration)
        #expect(plan.newEpoch == other.newEpoch)
        let text = plan.text(.after)
        #expect(text.contains("copy /s0/server/raft/peers.json to /s1/server/raft/peers.json"))
        #expect(!text.contains("\n  /s1/"))
        carried.file = nil
        #expect(carried == there)
    }

    @Test(
        "A survey beside its folder is nothing new; one that differs was made before the last run")
    func repeated() throws {
        let plan = try RecoveryPlan.make(
            from: [survey(0), survey(0, file: "s0.json")], RecoveryPlan.Wish())
        #expect(plan.surveys.count == 1)
        let text = refusal([survey(0), survey(0, index: 99, file: "s0.json")])
        #expect(text?.contains("it has run in between") == true)
    }

    @Test("A file that is no survey, or was cut, is refused with what is wrong")
    func hostile() throws {
        let good = survey(1).text
        func problem(_ text: String) -> String? {
            do throws(FolderSurvey.Problem) {
                _ = try FolderSurvey(reading: Array(text.utf8), file: "x")
                return nil
            } catch {
                return error.text
            }
        }
        #expect(problem(good) == nil)
        #expect(problem("")?.contains("was it copied whole") == true)
        #expect(problem(String(good.prefix(good.utf8.count / 2)))?.contains("whole") == true)
        #expect(problem("{}")?.contains("recover -survey") == true)
        #expect(
            problem(good.replacing("\"MartletSurvey\": 1", with: "\"MartletSurvey\": 2"))?
                .contains("form 2") == true)
        #expect(
            problem(
                good.replacing("\"LastIndex\": 100", with: "\"LastIndex\": 18446744073709551615"))?
                .contains("LastIndex") == true)
        #expect(
            problem(good.replacing("\"/s1\"", with: "\"\\u001b[2J\""))?.contains("Folder") == true)
        for name in [
            "Folder", "ID", "Epoch", "IsRecovering", "Committed", "Configuration", "Names",
        ] {
            #expect(problem(good.replacing("\"\(name)\"", with: "\"X\""))?.contains(name) == true)
        }
    }

    @Test("The report for programs says what was decided and written")
    func report() throws {
        let plan = try RecoveryPlan.make(from: [survey(0)], RecoveryPlan.Wish())
        let text = RecoveryReport(plan, isWritten: true).text
        let root = try JSONReader.parse(Array(text.utf8))
        guard case .bool(true)? = root.member("MayLoseAcknowledged")?.value,
            case .array(let left)? = root.member("LeftBehind")?.value,
            case .array(let written)? = root.member("Written")?.value
        else {
            Issue.record("\(text)")
            return
        }
        #expect(left.count == 4)
        #expect(written.count == 1)
    }
}
