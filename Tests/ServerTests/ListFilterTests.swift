// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

@testable import MartletServer

@Suite("Filters of lists") struct ListFilterTests {
    private static let row = #"""
        {"ID":"web","Priority":50,"Ratio":0.5,"Stop":false,"Status":"running","Note":"","None":null,
        "Datacenters":["dc1","dc 2"],"Meta":{"env":"prod","a.b":"c","in":"x"},"Empty":[],
        "Groups":[{"Name":"g","Count":3}]}
        """#

    private static let names = [
        "ID", "Priority", "Ratio", "Stop", "Status", "Note", "None", "Datacenters", "Meta",
        "Empty", "Groups",
    ]

    private func matches(_ text: String) throws -> Bool {
        let filter = try ListFilter(text, names: Self.names)
        return ListFilter.matches(
            filter.expression, try JSONReader.parse(Array(Self.row.utf8)))
    }

    @Test(
        "What holds of the row",
        arguments: [
            #"Status == "running""#, "Status == running", "Status==`running`",
            #"Status != "dead""#, "Priority == 50", "Priority == 50.0", "Ratio == 0.5",
            "Stop == false", "not Stop == true", #"Meta.env == "prod""#, #"Meta["a.b"] == c"#,
            #""dc1" in Datacenters"#, #"Datacenters contains "dc 2""#, "dc1 in Datacenters",
            #""dc3" not in Datacenters"#, #"Datacenters not contains "dc3""#,
            "dc3 not in Datacenters",
            #""env" in Meta"#, #""unn" in Status"#, "Empty is empty", "Note is empty",
            "None is empty", "Meta.nothing is empty", "Status is not empty", "Meta is not empty",
            "Meta.nothing != x", #"ID matches "^w.b$""#, #"ID not matches "^x""#,
            "Groups.0.Name == g", "Groups.1.Name is empty", "Meta.in == x",
            "ID == x or Status == running and Priority == 50",
            "(ID == x or Status == running) and not (Priority == 1)", "not not Stop == false",
            "Priority matches \"^5\"",
        ])
    func holds(text: String) throws {
        #expect(try matches(text))
        #expect(try !matches("not (\(text))"))
    }

    @Test(
        "What does not",
        arguments: [
            "Status == dead", "Priority == 5", "Priority == 50x", "Stop == true", "Meta == prod",
            "Meta.nothing == x", "x in Meta.nothing", "Priority is empty", "Datacenters == dc1",
            "ID == x or Status == dead", "ID == web and Status == dead", #"Meta matches "e""#,
        ])
    func fails(text: String) throws {
        #expect(try !matches(text))
    }

    @Test(
        "What cannot be read is refused with its place",
        arguments: [
            ("", "character 1: a selector or a value is missing, not the end"),
            ("Statuss == x", "character 1: nothing is called \"Statuss\""),
            ("Status = x", "character 8: unexpected \"=\""),
            ("Status == x and", "character 16: a selector or a value is missing, not the end"),
            ("(Status == x", "character 13: \")\" is missing, not the end"),
            ("Status == x)", "character 12: \"and\", \"or\" or the end is missing, not \")\""),
            ("Status == \"x", "character 11: a text without an end"),
            ("Status is full", "character 11: \"empty\" is missing, not \"full\""),
            ("Status like x", "character 8: an operator is missing, not \"like\""),
            ("\"x\" == Status", "character 5: \"in\" or \"not in\" is missing, not \"==\""),
            ("Status == \"\\q\"", "character 12: an escape"),
            ("ID matches \"(\"", "character 12: no regular expression"),
            ("ID matches \"(a{100}){9}\"", "character 12: a pattern that is too large"),
            ("Meta[env] == x", "character 6: unexpected \"e\""), ("Meta. == x", "character 6:"),
            ("ä == 1", "character 1: unexpected \"ä\""),
        ])
    func refusals(text: String, fault: String) {
        do throws(APIError) {
            _ = try ListFilter(text, names: Self.names)
            Issue.record("\(text) was taken")
        } catch {
            #expect(error.status == 400)
            #expect(error.message.hasPrefix("Invalid filter: \(fault)"), "\(error.message)")
        }
    }

    @Test("Length, depth, comparisons and patterns are bounded")
    func bounds() throws {
        func isTaken(_ text: String) -> Bool {
            do throws(APIError) {
                _ = try ListFilter(text, names: Self.names)
                return true
            } catch {
                return false
            }
        }
        func joined(_ part: String, _ count: Int) -> String {
            (0..<count).map { _ in part }.joined(separator: " or ")
        }
        func nested(_ count: Int) -> String {
            String(repeating: "(", count: count) + "ID == x" + String(repeating: ")", count: count)
        }
        #expect(isTaken(joined("ID == x", 32)) && !isTaken(joined("ID == x", 33)))
        #expect(isTaken(joined("ID matches x", 4)) && !isTaken(joined("ID matches x", 5)))
        #expect(isTaken(nested(31)) && !isTaken(nested(32)) && !isTaken(nested(1000)))
        #expect(!isTaken(String(repeating: "not ", count: 500) + "ID == x"))
        #expect(isTaken("ID == " + String(repeating: "x", count: 2042)))
        #expect(!isTaken("ID == " + String(repeating: "x", count: 2043)))
    }

    @Test("Each list knows the names of its rows")
    func kinds() throws {
        for (kind, text) in [
            (ListKind.jobs, "Meta.env == x and TaskGroups is not empty"),
            (.evaluations, "TriggeredBy == x and JobID == y"),
            (.allocations, "ClientStatus == running and AllocatedResources is not empty"),
            (.deployments, "StatusDescription contains x"),
            (.nodes, "Attributes[\"kernel.name\"] == linux and NodeClass == x"),
            (.pools, "Meta.env == x"),
        ] {
            _ = try ListFilter(text, names: kind.memberNames)
            #expect(!kind.memberNames.contains("Nothing"))
        }
    }
}
