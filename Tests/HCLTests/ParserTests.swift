// SPDX-License-Identifier: Apache-2.0
import MartletHCL
import Testing

/// The items of a text, as short as they can be told: `a=1 b"l"={c=true}`.
func told(_ text: String) throws(HCLError) -> String {
    told(try HCL.parse(Array(text.utf8)))
}

func told(_ body: HCLBody) -> String {
    body.items.map { item in
        item.key + item.labels.map { "\"\($0.text)\"" }.joined() + "=" + told(item.node)
    }.joined(separator: " ")
}

func told(_ node: HCLNode) -> String {
    switch node.value {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let text): text
    case .string(let text): text.debugDescription
    case .list(let nodes): "[" + nodes.map(told).joined(separator: ",") + "]"
    case .object(let body): "{" + told(body) + "}"
    }
}

func fault(of text: String, limits: HCLLimits = HCLLimits()) -> String? {
    fault(of: Array(text.utf8), limits: limits)
}

func fault(of bytes: [UInt8], limits: HCLLimits = HCLLimits()) -> String? {
    do throws(HCLError) {
        _ = try HCL.parse(bytes, limits: limits)
        return nil
    } catch {
        return error.description
    }
}

@Suite("HCL: what is read") struct ParserTests {
    @Test(
        "Items, blocks, labels and their separators",
        arguments: [
            ("", ""), (" \r\n\t", ""), ("a = 1", "a=1"), ("a=1\nb=2", "a=1 b=2"),
            ("a = 1, b = 2,", "a=1 b=2"), ("a = 1 b = 2", "a=1 b=2"),
            ("a {}", "a={}"), ("a = {}", "a={}"), ("a\n{\n}", "a={}"),
            ("a \"x\" { b = 1 }", "a\"x\"={b=1}"), ("a x y { b {} }", "a\"x\"\"y\"={b={}}"),
            ("a { b { c { d = [] } } }", "a={b={c={d=[]}}}"),
            ("\"a b\" = true", "a b=true"), ("read-job.x_1 = null", "read-job.x_1=null"),
            ("a = 1\na = 2", "a=1 a=2"), ("a { x = 1, y = 2 }", "a={x=1 y=2}"),
            ("a = { \"x\" = 1\n y = {} }", "a={x=1 y={}}"), ("true = 1", "true=1"),
            ("größe = 1", "größe=1"),
        ])
    func items(text: String, expected: String) throws {
        #expect(try told(text) == expected)
    }

    @Test(
        "Lists hold anything, over lines, with a comma at the end",
        arguments: [
            ("a = []", "a=[]"), ("a = [1, \"b\", true, null]", "a=[1,\"b\",true,null]"),
            ("a = [\n  1,\n  2,\n]", "a=[1,2]"), ("a = [[1], [2, [3]]]", "a=[[1],[2,[3]]]"),
            ("a = [{ b = 1 }, {}]", "a=[{b=1},{}]"),
            ("a = [ # one\n 1 /* two */, // end\n]", "a=[1]"),
            ("a = [<<X\nline\nX\n, 2]", "a=[\"line\\n\",2]"),
        ])
    func lists(text: String, expected: String) throws {
        #expect(try told(text) == expected)
    }

    @Test(
        "Comments of three kinds stand anywhere",
        arguments: [
            "# c\na = 1", "// c\r\na = 1", "/* c\n * c */ a = 1", "a = /**/ 1 # c", "a = 1 //",
            "/***/a/* = 2 */= /* \"*/ 1", "a = 1 # é\u{1F600}", "a # x\n= 1",
        ])
    func comments(text: String) throws {
        #expect(try told(text) == "a=1")
    }

    @Test(
        "Numbers keep their text",
        arguments: [
            "0", "7", "-12", "1.5", ".5", "-.5", "2e3", "2E-3", "1.5e+10", "0x1F", "0Xab", "0755",
            "00.5", "-0x10", "123456789012345678901234567890",
        ])
    func numbers(text: String) throws {
        #expect(try told("a = \(text)") == "a=\(text)")
    }

    @Test("Integers are read as they are written: decimal, hexadecimal, octal")
    func integers() {
        let expected: [(String, Int?)] = [
            ("0", 0), ("-12", -12), ("0x1F", 31), ("-0x10", -16), ("0755", 493), ("-07", -7),
            ("1.0", nil), ("1e3", nil), ("9223372036854775807", .max), ("9223372036854775808", nil),
            ("-9223372036854775808", .min), ("0xFFFFFFFFFFFFFFFF", nil), ("x", nil), ("", nil),
            ("+1", nil), ("1_0", nil), (" 1", nil),
        ]
        for (text, value) in expected { #expect(HCLNumber.integer(text) == value, "\(text)") }
    }

    @Test(
        "Escapes are read",
        arguments: [
            (#""a\nb\t\"c\"\\""#, "a\nb\t\"c\"\\"), (#""\r\a\b\f\v""#, "\r\u{7}\u{8}\u{C}\u{B}"),
            (#""\u00e9\U0001F600""#, "é\u{1F600}"), (#""""#, ""), ("\"a\tb\"", "a\tb"),
            ("\"é\u{1F600}\"", "é\u{1F600}"), (#""\u0000""#, "\0"),
        ])
    func escapes(text: String, expected: String) throws {
        #expect(try HCL.parse(Array("a = \(text)".utf8)).items[0].node.value == .string(expected))
    }

    @Test(
        "Interpolations stay as they are, with what looks like escapes and ends of strings",
        arguments: [
            #"${node.name}"#, #"x${ f("a", "b\n") }y"#, #"${a{b}c}${d}"#, #"$ {x $x $"#, "${a\nb}",
        ])
    func interpolations(text: String) throws {
        let body = try HCL.parse(Array("a = \"\(text)\"".utf8))
        #expect(body.items[0].node.value == .string(text))
    }

    @Test("A dollar sign from an escape begins no interpolation")
    func escapedDollar() throws {
        #expect(try told(#"a = "\u0024{\"""#) == #"a="${\"""#)
    }

    @Test(
        "Heredocs keep their lines; the indented form loses the indentation that all share",
        arguments: [
            ("<<EOF\na\n  b\nEOF", "a\n  b\n"), ("<<EOF\nEOF\n", ""), ("<<EOF\n\nEOF\n", "\n"),
            ("<<EOF\r\na\r\nEOF\r\n", "a\n"), ("<<E1_x\n EOF\nE1_x \nE1_x\n", " EOF\nE1_x \n"),
            ("<<-EOF\n    a\n      b\n    EOF\n", "a\n  b\n"),
            ("<<-EOF\n  a\n    EOF\n", "  a\n"), ("<<-EOF\n\ta\n\tEOF\n", "a\n"),
            ("<<-EOF\n    a\n\n    b\n    EOF\n", "    a\n\n    b\n"),
            ("<<EOF\n\"${x} \\n\nEOF\n", "\"${x} \\n\n"),
        ])
    func heredocs(text: String, expected: String) throws {
        #expect(try HCL.parse(Array("a = \(text)".utf8)).items[0].node.value == .string(expected))
    }

    @Test("What follows a heredoc is read on")
    func afterHeredoc() throws {
        #expect(try told("a = <<X\n1\nX\nb { c = 2 }") == "a=\"1\\n\" b={c=2}")
    }

    @Test("Keys, labels and values know their places, in characters")
    func places() throws {
        let body = try HCL.parse(Array("# é\n  größe \"l\" {\n\"é\u{1F600}\" = [ 1,\n 2] }".utf8))
        let block = body.items[0]
        #expect(block.position == HCLPosition(line: 2, column: 3))
        #expect(block.labels[0].position == HCLPosition(line: 2, column: 9))
        #expect(block.node.position == HCLPosition(line: 2, column: 13))
        guard case .object(let inner) = block.node.value,
            case .list(let list) = inner.items[0].node.value
        else { throw HCLError("no block", at: block.position) }
        #expect(inner.items[0].position == HCLPosition(line: 3, column: 1))
        #expect(inner.items[0].node.position == HCLPosition(line: 3, column: 8))
        #expect(list[1].position == HCLPosition(line: 4, column: 2))
    }
}
