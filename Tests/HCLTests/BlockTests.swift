// SPDX-License-Identifier: Apache-2.0
import MartletHCL
import Testing

/// The blocks of `key`, as `labels{items}`, or what is wrong.
private func blocks(_ key: String, labels: Int, in text: String) -> String {
    do throws(HCLError) {
        let body = try HCL.parse(Array(text.utf8))
        return try body.blocks(key, labels: labels).map { block in
            block.labels.map(\.text).joined(separator: ".") + "{" + told(block.body) + "}"
        }.joined(separator: " ")
    } catch {
        return error.description
    }
}

@Suite("HCL: JSON and blocks") struct BlockTests {
    @Test("JSON gives the tree that HCL gives")
    func json() throws {
        let json = #" {"a": 1.50, "b": {"c": [true, null, "x\n"]}, "d e": {}}"#
        #expect(try told(json) == #"a=1.50 b={c=[true,null,"x\n"]} d e={}"#)
        let hcl = "a = 1.50\nb { c = [true, null, \"x\\n\"] }\n\"d e\" = {}"
        #expect(try HCL.parse(Array(json.utf8)) == HCL.parse(Array(hcl.utf8)))
    }

    @Test("JSON keeps its places, in characters")
    func jsonPlaces() throws {
        let body = try HCL.parse(Array("{\"é\": 1,\n \"b\": [2]}".utf8))
        #expect(body.items[0].node.position == HCLPosition(line: 1, column: 7))
        #expect(body.items[1].position == HCLPosition(line: 2, column: 2))
        guard case .list(let list) = body.items[1].node.value else {
            throw HCLError("no list", at: body.items[1].position)
        }
        #expect(list[0].position == HCLPosition(line: 2, column: 8))
    }

    @Test(
        "JSON's faults are told with their places",
        arguments: [
            ("{\n\"a\": }", "2:6: not JSON: invalid character '}' looking for beginning of value"),
            ("{\"é\": 1,}", "1:9: not JSON: invalid character '}'"), ("{} {}", "1:4: not JSON"),
            ("{\"a\": 1, \"A\": 2}", "1:10: not JSON: duplicate object key"),
            (" {", "1:3: not JSON: unexpected EOF"), ("{\"a\": 01}", "1:8: not JSON"),
        ])
    func jsonFaults(text: String, message: String) {
        #expect(fault(of: text)?.hasPrefix(message) == true, "\(fault(of: text) ?? "nothing")")
    }

    @Test("A text that must be JSON is read as nothing else", arguments: ["", "a = 1", "[]", "7"])
    func onlyJSON(text: String) {
        #expect(throws: HCLError.self) { try HCL.parse(Array(text.utf8), syntax: .json) }
    }

    @Test(
        "Labelled blocks, objects and lists of either say the same",
        arguments: [
            "n \"a\" { x = 1 }\nm {}\nn b { y = 2 }", "n { a { x = 1 }\n b { y = 2 } }",
            "n = { \"a\" = { x = 1 }, b = { y = 2 } }", "n = [{ a { x = 1 } }, { b { y = 2 } }]",
            #"{"n": {"a": {"x": 1}, "b": {"y": 2}}}"#,
            #"{"n": [{"a": {"x": 1}}, {"b": {"y": 2}}]}"#,
            #"{"n": {"a": [{"x": 1}], "b": [{"y": 2}]}}"#,
            #"{"n": [{"a": [{"x": 1}], "b": {"y": 2}}]}"#,
        ])
    func oneView(text: String) {
        #expect(blocks("n", labels: 1, in: text) == "a{x=1} b{y=2}")
    }

    @Test(
        "As many labels as are asked for; more are blocks inside; null is no block",
        arguments: [
            ("n { x = 1 }", 0, "{x=1}"), ("n \"a\" { x = 1 }", 0, "{a={x=1}}"),
            ("n \"a\" \"b\" \"c\" {}", 1, "a{b\"c\"={}}"), ("n \"a\" \"b\" {}", 2, "a.b{}"),
            ("n \"a\" { b { x = 1 } }", 2, "a.b{x=1}"), ("n { a \"b\" { x = 1 } }", 2, "a.b{x=1}"),
            ("n { a \"b\" \"c\" {} }", 2, "a.b{c={}}"), ("n \"a\" {}\nn \"a\" {}", 1, "a{} a{}"),
            (#"{"n": null}"#, 0, ""), (#"{"n": {"a": null}}"#, 1, ""), ("m {}", 1, ""),
            ("n = [{ x = 1 }, { y = 2 }]", 0, "{x=1} {y=2}"), ("n {}", 1, ""),
        ])
    func labels(text: String, count: Int, expected: String) {
        #expect(blocks("n", labels: count, in: text) == expected)
    }

    @Test(
        "A value in the place of a block is an error, never left out",
        arguments: [
            ("n = \"read\"", 0, #"1:5: "n" must be a block, with { … }, not a string"#),
            (
                "n = 1", 1,
                #"1:5: "n" must be a block, with 1 name in quotation marks and { … }, not a number"#
            ),
            ("n { a = true }", 1, #"1:9: "n" "a" must be a block, with { … }, not a boolean"#),
            ("n = [{}, 1]", 0, #"1:10: "n" must be a block"#),
            ("n = [[{}]]", 0, "1:6: \"n\" must be"),
            ("n a { policy = \"read\" }", 2, #"1:16: "n" "a" "policy" must be a block"#),
            ("n { policy = \"read\" }", 2, #"1:14: "n" "policy" must be a block, with 1 name"#),
        ])
    func mismatches(text: String, count: Int, message: String) {
        let told = blocks("n", labels: count, in: text)
        #expect(told.hasPrefix(message), "\(told)")
    }

    @Test("A block knows where its label, or its key, stands")
    func places() throws {
        let body = try HCL.parse(Array("n \"a\" {}\nn {\n b {}\n}".utf8))
        let blocks = try body.blocks("n", labels: 1)
        #expect(blocks.map(\.position.line) == [1, 3])
        #expect(blocks.map(\.labels[0].position.line) == [1, 3])
    }

    @Test("The nearest name is one that shares most with the wrong one")
    func nearest() {
        let names = ["bind_addr", "region", "server"]
        #expect(nearestName(to: "bind_adr", among: names) == "bind_addr")
        #expect(nearestName(to: "REIGON", among: names) == "region")
        #expect(nearestName(to: "zzzz", among: names) == nil)
        #expect(nearestName(to: String(repeating: "r", count: 65), among: names) == nil)
    }
}
