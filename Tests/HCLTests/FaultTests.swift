// SPDX-License-Identifier: Apache-2.0
import MartletHCL
import Testing

@Suite("HCL: what is refused, and where") struct FaultTests {
    @Test(
        "What is never closed is told where it began",
        arguments: [
            ("a {\n b {\n", "2:4: this \"{\" is never closed"),
            ("a = {\n b = 1", "1:5: this \"{\""),
            ("\na = [1, 2", "2:5: this \"[\" is never closed"), ("a = [", "1:5: this \"[\""),
            ("a = [1,", "1:5: this \"[\""), ("a = \"x", "1:5: this string is never closed"),
            ("a = \"x\ny\"", "1:5: this string is never closed on its line"),
            ("a = \"é${x\n\"", "1:7: this \"${\" is never closed"),
            ("a = <<EOF\nx\n EOF\n", "1:5: this heredoc is never closed: a line \"EOF\""),
            ("a = 1 /* x\ny", "1:7: this comment is never closed"),
            ("a = \"\\", "1:6: unknown escape"),
            ("a =", "1:4: expected the value of \"a\", found the end of the file"),
            ("a", "1:2: after \"a\" must come \"=\" and a value"),
            ("a = <<EOF", "1:5: this heredoc"),
            ("a = <<", "1:5: a heredoc begins with <<"), ("/*", "1:1: this comment"),
        ])
    func unclosed(text: String, message: String) {
        #expect(fault(of: text)?.hasPrefix(message) == true, "\(fault(of: text) ?? "nothing")")
    }

    @Test(
        "What stands in the wrong place is told where it stands, with what would be right",
        arguments: [
            ("}", "1:1: this \"}\" closes nothing"), ("a = 1 }", "1:7: this \"}\""),
            ("= 1", "1:1: expected a key, found \"=\""),
            ("a { 1 }", "1:5: expected a key, found the"),
            ("a: 1", "1:2: unexpected character \":\""),
            ("a = b", "1:5: \"b\" is neither true nor"),
            ("a = TRUE", "1:5: \"TRUE\" is neither"),
            ("a = var.b", "1:5: \"var.b\" begins an expression, and variables and functions"),
            ("a = [file(\"b\")]", "1:6: \"file\" begins an expression"),
            ("a = b (", "1:5: \"b\" is neither"),
            ("a = = 1", "1:5: expected the value of \"a\""),
            ("a = 30s", "1:5: \"30s\" is no number; what is text"),
            ("a = 1.2.3.4", "1:5: \"1.2.3.4\""),
            ("a = 08", "1:5: \"08\" is no number"), ("a = 0x", "1:5: \"0x\" is no"),
            ("a = 1.", "1:5:"),
            ("a = -", "1:5: \"-\" is no number"), ("a = 1e", "1:5: \"1e\" is no number"),
            (
                "a \"b\" = 1",
                "1:7: after \"a\" and \"b\" must come \"{\" and a block; a value is given as a ="
            ),
            ("policy \"read\"\nx = 1", "2:1: after \"policy\" and \"read\" must come"),
            ("a = [1 2]", "1:8: expected \",\" or \"]\" in a list"),
            ("a = [,]", "1:6: expected the value"),
            ("a = [1\n b = 2", "2:2: expected \",\" or \"]\" in a list, found \"b\""),
            ("a = \"\\q\"", "1:6: unknown escape"), ("a = \"\\u12\"", "1:6: this escape wants 4"),
            ("a = \"\\ud800\"", "1:6: this escape stands for no character"),
            ("a = \"\\U00110000\"", "1:6: this escape stands for"), ("a = <EOF", "1:5: unexpected"),
            ("a = <<E F\nE F\n", "1:5: a heredoc begins"), ("a = <<-\n", "1:5: a heredoc begins"),
            ("a = 1 / 2", "1:7: unexpected character \"/\""),
            ("a = \"x\u{1}\"", "1:7: the control"),
            ("a = <<E\nx\u{7F}\nE", "2:2: the control character U+007f"),
            ("a = \u{A0}1", "1:5: unexpected"),
            ("a = 1,, b = 2", "1:7: expected a key, found \",\""),
            ("é = \u{B2}", "1:5: unexpected"),
        ])
    func misplaced(text: String, message: String) {
        #expect(fault(of: text)?.hasPrefix(message) == true, "\(fault(of: text) ?? "nothing")")
    }

    @Test("What is no text is refused before it is read, wherever it stands")
    func noText() {
        #expect(
            fault(of: [0xEF, 0xBB, 0xBF] + Array("a = 1".utf8))?.contains("byte order mark") == true
        )
        #expect(
            fault(of: [0xEF, 0xBB, 0xBF] + Array("{}".utf8))?.contains("byte order mark") == true)
        #expect(fault(of: "# x\n a\0") == "2:3: a NUL byte")
        #expect(fault(of: "{\"a\": \"\0\"}") == "1:8: a NUL byte")
        #expect(fault(of: Array("é\n# ".utf8) + [0xC3]) == "2:3: bytes that are not UTF-8")
        #expect(fault(of: [0x61, 0xFF, 0x00]) == "1:2: bytes that are not UTF-8")
        #expect(fault(of: [0x61, 0x00, 0xFF]) == "1:2: a NUL byte")
        #expect(fault(of: [0xED, 0xA0, 0x80])?.hasPrefix("1:1: bytes") == true)
        #expect(fault(of: [0xF4, 0x90, 0x80, 0x80])?.hasPrefix("1:1: bytes") == true)
    }

    @Test("Depth, bytes and items are bounded, in both languages")
    func bounds() {
        let limits = HCLLimits(depthMax: 3, bytesMax: 40, itemsMax: 5)
        #expect(fault(of: "a { b { c { } } }", limits: limits) == nil)
        #expect(fault(of: "a { b { c { d {} } } }", limits: limits) == "1:15: nested deeper than 3")
        #expect(fault(of: "a { b = [[[1]]] }", limits: limits) == "1:11: nested deeper than 3")
        #expect(fault(of: "a = [1, 2, 3, 4]", limits: limits) == nil)
        #expect(fault(of: "a = [1, 2, 3, 4, 5]", limits: limits) == "1:18: more than 5 items")
        #expect(fault(of: "a l l l l l {}", limits: limits) == "1:11: more than 5 items")
        let long = String(repeating: " ", count: 41)
        #expect(fault(of: long, limits: limits) == "1:1: larger than 40 bytes")
        #expect(fault(of: "{\"a\":[1,2,3,4]}", limits: limits) == nil)
        #expect(fault(of: "{\"a\":[1,2,3,4,5]}", limits: limits)?.contains("values") == true)
        #expect(fault(of: "{\"a\":[[[1]]]}", limits: limits)?.contains("depth") == true)
    }

    @Test("A hundred thousand openings are refused, not followed")
    func bombs() {
        for opening in ["[", "{ a = [", "a {", "\"${", "<<A\n", "/*", "{\"a\":", "a \"b\" "] {
            let text = "x = " + String(repeating: opening, count: 100_000)
            let limits = HCLLimits(bytesMax: 1 << 21)
            #expect(fault(of: text, limits: limits) != nil, "\(opening)")
            let json = "{\"a\":" + String(repeating: opening, count: 100_000)
            #expect(fault(of: json, limits: limits) != nil, "\(opening)")
        }
    }

    @Test("Messages stay short and printable, whatever the text holds")
    func shortMessages() throws {
        let long = String(repeating: "k", count: 5_000)
        for text in [
            "a = \(long)", "a = 1\(long)", "\(long) \(long) = 1", long, "a \"\\u0007\" = 1",
        ] {
            let message = try #require(fault(of: text))
            #expect(message.utf8.count < 500)
            #expect(message.utf8.allSatisfy { $0 >= 0x20 })
        }
    }
}
