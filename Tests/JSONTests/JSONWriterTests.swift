// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import Testing

private func text(pretty: Bool = false, _ build: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter(pretty: pretty)
    build(&writer)
    return String(decoding: writer.bytes, as: UTF8.self)
}

@Suite("JSON writer") struct JSONWriterTests {
    static func sample(_ writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Zeta", UInt64.max)
        writer.member("Alpha", [] as [String])
        writer.key("Nested")
        writer.beginArray()
        writer.beginObject()
        writer.endObject()
        writer.beginObject()
        writer.member("A", Int64.min)
        writer.member("B", true)
        writer.endObject()
        writer.null()
        writer.endArray()
        writer.endObject()
    }

    @Test("Members come in the order in which they were written")
    func compact() {
        #expect(
            text(Self.sample)
                == #"{"Zeta":18446744073709551615,"Alpha":[],"#
                + #""Nested":[{},{"A":-9223372036854775808,"B":true},null]}"#)
    }

    @Test("The pretty form has four spaces a level, and empty containers on one line")
    func pretty() {
        #expect(
            text(pretty: true, Self.sample) == """
                {
                    "Zeta": 18446744073709551615,
                    "Alpha": [],
                    "Nested": [
                        {},
                        {
                            "A": -9223372036854775808,
                            "B": true
                        },
                        null
                    ]
                }
                """)
    }

    @Test("A pretty document ends with a line feed, a compact one does not")
    func documentEnd() throws {
        let node = try JSONReader.parse(Array("{}".utf8))

        #expect(JSONWriter.encode(node) == Array("{}".utf8))
        #expect(JSONWriter.encode(node, pretty: true) == Array("{}\n".utf8))
    }

    @Test(
        "Strings are escaped as Go escapes them",
        arguments: [
            ("plain", "plain"), ("\"\\/", #"\"\\/"#), ("\n\r\t", #"\n\r\t"#),
            ("\u{0}\u{8}\u{C}\u{1F}\u{7F}", "\\u0000\\u0008\\u000c\\u001f\u{7F}"),
            ("<a&b>", #"\u003ca\u0026b\u003e"#), ("\u{2028}\u{2029}", #"\u2028\u2029"#),
            ("\u{2027}é😀", "\u{2027}é😀"),
        ])
    func escapes(value: String, expected: String) {
        #expect(text { $0.string(value) } == "\"\(expected)\"")
        #expect(
            text {
                $0.beginObject()
                $0.member(value, 1 as UInt64)
                $0.endObject()
            } == "{\"\(expected)\":1}")
    }

    @Test(
        "Floating-point numbers have Go's form",
        arguments: [
            (0, "0"), (-0.0, "-0"), (1, "1"), (-2.5, "-2.5"), (0.1, "0.1"), (100, "100"),
            (1e20, "100000000000000000000"), (1e21, "1e+21"), (1.5e300, "1.5e+300"),
            (0.000001, "0.000001"), (0.0000012, "0.0000012"), (1e-7, "1e-7"),
            (123456.789, "123456.789"), (.leastNonzeroMagnitude, "5e-324"),
            (.greatestFiniteMagnitude, "1.7976931348623157e+308"),
        ] as [(Double, String)])
    func doubles(value: Double, expected: String) {
        #expect(text { $0.double(value) } == expected)
    }
}
