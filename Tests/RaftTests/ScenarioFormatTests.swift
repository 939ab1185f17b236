// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import Testing

/// The interpreter itself: what it must refuse, and what it must not let pass.
@Suite("The scenario format") struct ScenarioFormatTests {
    private static let header = """
        scenario X01 A title
        source P
        must Something holds.

        cluster A B C

        """

    private func report(_ body: String, header: String = header) throws -> ScenarioReport {
        try Scenario(file: "x.txt", text: header + body).run()
    }

    private func parseError(_ text: String) -> ScenarioError? {
        do throws(ScenarioError) {
            _ = try Scenario(file: "x.txt", text: text)
            return nil
        } catch {
            return error
        }
    }

    @Test("A scenario that is as it says passes, and counts its cases")
    func passes() throws {
        let report = try report("crash C\nexpect leader none\nexpect C runs=no\n")
        #expect(report.passes && report.failures.isEmpty)
        #expect(report.caseCount == 2 && report.expectationCount == 2)
    }

    @Test(
        "A wrong expectation fails, at its line and with what is so",
        arguments: [
            ("expect leader A", "the leader is nobody"),
            ("expect leader any", "the leader is nobody"),
            ("expect A term=2", "A: term=2 expected, is 1"),
            ("expect A term>1", "A: term>1 expected, is 1"),
            ("expect A term!=1", "A: term!=1 expected, is 1"),
            ("expect A role=leader term=7", "role=leader expected, is follower; term=7"),
            ("expect A terms=1,1", "terms=1,1 expected, is 1"),
            ("expect disk A last=2/1", "last=2/1 expected, is 1/1"),
            ("expect same A B", "A has last 1/1; A has last 1/1 commit 0"),
            ("expect sent A->B vote =1", "=1 expected, is 0"),
            ("expect waiting A->B =1", "=1 expected, is 0"),
            ("expect progress A B match=1", "A has no progress of B"),
            ("await 10ms leader A", "not within 0.01 seconds: the leader is nobody"),
        ])
    func wrong(line: String, message: String) throws {
        let report = try report("\(line)\nexpect leader none\n")
        let failure = try #require(report.failures.first)
        #expect(!report.passes && failure.line == 6)
        #expect(failure.description.contains(message), "\(failure)")
    }

    @Test("Another trace fails, and shows what went and what came")
    func otherTrace() throws {
        let report = try report(
            "campaign A\n  A -> B   hello\n  A        gone\nexpect leader none\n")
        let failure = try #require(report.failures.first)
        #expect(failure.line == 6)
        #expect(failure.message.contains("- A -> B   hello"))
        #expect(failure.message.contains("+ A -> B   pre-vote? term 2 last 1/1"))
    }

    @Test("A rewritten scenario passes, keeps every other line and is its own rewriting")
    func rewriting() throws {
        let body = "# why\ncampaign A\n  wrong\n\nsettle\nexpect leader A\n"
        let first = try report(body)
        #expect(!first.passes)
        let second = try Scenario(file: "x.txt", text: first.rewritten)
        #expect(second.run().passes && second.run().rewritten == first.rewritten)
        let kept = first.rewritten.split(separator: "\n").filter { !$0.hasPrefix(" ") }
        let given = (Self.header + body).split(separator: "\n").filter { !$0.hasPrefix(" ") }
        #expect(kept == given)
    }

    @Test("A rewritten trace hides no outcome that is wrong")
    func hidesNothing() throws {
        let first = try report("campaign A\nsettle\nexpect leader B\n")
        let second = try Scenario(file: "x.txt", text: first.rewritten).run()
        #expect(second.failures.count == 1)
        #expect(second.failures.first?.message.contains("the leader is A") == true)
    }

    @Test("Every combination of the variables runs, and a failure names its own")
    func variables() throws {
        let header = """
            scenario X01 A title
            source P
            must Something holds.
            with $who = A B
            with $n = 1..3

            cluster A B C

            """
        let report = try report("expect $who term=1\nexpect $who term<$n\n", header: header)
        #expect(report.expectationCount == 2 * 6)
        #expect(
            report.failures.map(\.message.lastParentheses) == [
                "($who = A, $n = 1)", "($who = B, $n = 1)",
            ])
    }

    @Test(
        "What is no scenario is refused with its line and with what is right",
        arguments: [
            ("", 1, "scenario <code> <title>"),
            ("cluster A\n", 1, "scenario <code> <title>"),
            ("scenario 17 x\n", 1, "a letter and two digits"),
            ("scenario A01 x\ncluster A\nexpect leader none\n", 2, "source ..., must ..."),
            ("scenario A01 x\nsource P\nmust x\ncluster A\n", 4, "at least one line expect"),
            ("scenario A01 x\nsource P\nmust x\nexpct leader A\n", 4, "\"expct\" is no command"),
            ("scenario A01 x\nsource P\nmust x\n  A  hello\n", 4, "there is none"),
            (
                "scenario A01 x\nsource P\nmust x\ncluster A\nexpect leader A\n  A  hello\n", 6,
                "an expectation has no trace"
            ),
            ("scenario A01 x\nsource P\nwith $a 1 2\n", 3, "with $name = <value>"),
            ("scenario A01 x\nsource P\nwith $a = 9..1\n", 3, "<first>..<last>"),
        ])
    func malformed(text: String, line: Int, message: String) throws {
        let error = try #require(parseError(text))
        #expect(error.file == "x.txt" && error.line == line)
        #expect(error.description.contains(message), "\(error)")
    }

    @Test(
        "A line that cannot be is refused with what is right",
        arguments: [
            ("tick", "a server is missing; right is: tick A"),
            ("tick a", "one letter from A to Z"),
            ("tick Z", "there is no server Z"),
            ("tick A now", "\"now\" is too much"),
            ("propose A", "something is missing"),
            ("propose A count=many", "count=many is no number"),
            ("change A shrink B", "\"shrink\" is no change"),
            ("crash A hard=yes", "\"hard=\" is not known"),
            ("restart A", "A runs; crash it first"),
            ("persist A", "no write of A waits"),
            ("deliver A->B", "nothing of that kind is on its way"),
            ("deliver A->B letter", "\"letter\" selects nothing"),
            ("run soon", "\"soon\" is no duration"),
            ("cluster A", "there is a cluster already"),
            ("leader A B", "\"B\" is too much"),
            ("inject A->B gossip", "\"gossip\" is no kind of message"),
            ("server A log=2,1", "terms never go back"),
            ("expect A", "nothing is expected"),
            ("expect A term", "\"term\" compares nothing"),
            ("expect A term=>1", "\"=>\" is no sign"),
            ("expect A mood=good", "\"mood\" is no value of a server"),
            ("expect disk A mood=good", "\"mood\" is no value of a disk"),
            ("expect sent A->B letters =1", "\"letters\" is no kind"),
            ("expect everything", "\"everything\" is nothing to expect of"),
            ("await 1s", "an expectation is missing"),
        ])
    func refused(line: String, message: String) throws {
        let report = try report("\(line)\nexpect leader none\n")
        let failure = try #require(report.failures.first)
        #expect(failure.line == 6)
        #expect(failure.message.contains(message), "\(failure)")
    }

    @Test("A disk that holds what no server may have shows as a broken rule")
    func brokenRule() throws {
        let report = try report(
            """
            campaign A
            settle
            expect leader A
            propose A x
            settle
            crash A B
            wipe A B
            restart A B
            server A log=1 term=2
            server B log=1 term=2
            wait 2s
            campaign A
            crash C
            settle
            expect leader A
            """)
        let broken = report.failures.map(\.message)
        #expect(broken.contains { $0.contains("I3") || $0.contains("I4") }, "\(broken)")
    }
}

extension String {
    /// What stands in the last parentheses of the first line.
    fileprivate var lastParentheses: String {
        let line = prefix { $0 != "\n" }
        guard let start = line.lastIndex(of: "(") else { return "" }
        return String(line[start...])
    }
}
