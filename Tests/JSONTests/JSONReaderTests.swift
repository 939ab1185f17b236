// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import Testing

/// The document of `text`, written again without blanks.
func rewritten(_ text: String, limits: JSONLimits = JSONLimits()) throws -> String {
    let node = try JSONReader.parse(Array(text.utf8), limits: limits)
    return String(decoding: JSONWriter.encode(node), as: UTF8.self)
}

/// What the reader says of `bytes`; nil if it takes them.
func fault(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) -> JSONError? {
    do throws(JSONError) {
        _ = try JSONReader.parse(bytes, limits: limits)
        return nil
    } catch {
        return error
    }
}

func fault(_ text: String, limits: JSONLimits = JSONLimits()) -> JSONError? {
    fault(Array(text.utf8), limits: limits)
}

@Suite("JSON reader") struct JSONReaderTests {
    @Test(
        "Documents come back as they were, without blanks",
        arguments: [
            ("null", "null"), (" true ", "true"), ("false\n", "false"), ("\t0", "0"),
            ("-0", "-0"), ("12.50e+3", "12.50e+3"), ("1E-2", "1E-2"), (#""""#, #""""#),
            ("[ ]", "[]"), ("{ }", "{}"), ("[1 , [2], {}]", "[1,[2],{}]"),
            (#"{"b":1, "a" : [true,null]}"#, #"{"b":1,"a":[true,null]}"#),
            (#""é \/ \u0041\n\"\\""#, #""é / A\n\"\\""#),
            (#""\ud83d\ude00""#, "\"😀\""),
        ])
    func documents(text: String, expected: String) throws {
        #expect(try rewritten(text) == expected)
    }

    @Test(
        "Half a surrogate pair becomes U+FFFD, and what follows it stands",
        arguments: [
            (#""\ud800""#, "\"\u{FFFD}\""), (#""\udc00x""#, "\"\u{FFFD}x\""),
            (#""\ud800\n""#, "\"\u{FFFD}\\n\""), (#""\ud800\u0041""#, "\"\u{FFFD}A\""),
            (#""\ud800\ud800\udc00""#, "\"\u{FFFD}\u{10000}\""),
        ])
    func surrogates(text: String, expected: String) throws {
        #expect(try rewritten(text) == expected)
    }

    @Test(
        "Faults are told in Go's words",
        arguments: [
            ("", "EOF"), (" \n", "EOF"), ("{", "unexpected EOF"), ("[1,", "unexpected EOF"),
            (#"{"a""#, "unexpected EOF"), (#""a"#, "unexpected EOF"), ("-", "unexpected EOF"),
            ("1e", "unexpected EOF"), ("tru", "unexpected EOF"), (#""\u12"#, "unexpected EOF"),
            ("hello", "invalid character 'h' looking for beginning of value"),
            ("\u{FEFF}{}", "invalid character 'ï' looking for beginning of value"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("'a'", #"invalid character '\'' looking for beginning of value"#),
            ("[\u{1}]", #"invalid character '\x01' looking for beginning of value"#),
            (#"{"a":1,}"#, "invalid character '}' looking for beginning of object key string"),
            ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
            (#"{"a" 1}"#, "invalid character '1' after object key"),
            (#"{"a":1 "b":2}"#, #"invalid character '"' after object key:value pair"#),
            ("[1 2]", "invalid character '2' after array element"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("{}{}", "invalid character '{' after top-level value"),
            ("01", "invalid character '1' after top-level value"),
            ("\"a\nb\"", #"invalid character '\n' in string literal"#),
            (#""\x""#, "invalid character 'x' in string escape code"),
            (#""\u00g0""#, #"invalid character 'g' in \u hexadecimal character escape"#),
            ("-a", "invalid character 'a' in numeric literal"),
            ("1.e1", "invalid character 'e' after decimal point in numeric literal"),
            ("1e+]", "invalid character ']' in exponent of numeric literal"),
            ("trye", "invalid character 'y' in literal true (expecting 'u')"),
        ])
    func faults(text: String, expected: String) {
        #expect(fault(text)?.description == expected)
    }

    @Test("A fault has its offset, line and column")
    func positions() throws {
        let error = try #require(fault("{\n  \"a\": 1,\n  b\n}"))

        #expect((error.offset, error.line, error.column) == (14, 3, 3))
    }

    @Test(
        "Names that are equal, or differ in case only, are refused",
        arguments: [
            #"{"a":1,"a":2}"#, #"{"Max":1,"mAX":2}"#, #"{"é":1,"É":2}"#, #"{"a":1,"\u0041":2}"#,
            "{\"k\":1,\"\u{212A}\":2}", "{\"S\":1,\"\u{17F}\":2}", #"[{"x":{"y":1,"Y":1}}]"#,
        ])
    func duplicates(text: String) throws {
        let error = try #require(fault(text))

        guard case .duplicateName = error.reason else {
            Issue.record("\(error)")
            return
        }
    }

    @Test("In an object of many names each is found again", arguments: 0..<30)
    func duplicatesOfMany(place: Int) throws {
        let names = (0..<30).map { "name\($0)" }
        func text(_ names: [String]) -> String {
            "{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + "}"
        }

        #expect(fault(text(names)) == nil)
        let error = try #require(fault(text(names + ["NAME\(place)"])))
        guard case .duplicateName = error.reason else {
            Issue.record("\(error)")
            return
        }
    }

    @Test("Names that differ by more than case are two, canonical equivalents included")
    func distinctNames() throws {
        let text = "{\"e\u{301}\":1,\"\u{E9}\":2}"

        #expect(try Array(rewritten(text).utf8) == Array(text.utf8))
    }

    @Test(
        "Strings that are not UTF-8 are refused",
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xE2, 0x82, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(fault(bytes)?.reason == .invalidUTF8)
    }

    @Test("Nesting is taken up to its bound and not beyond", arguments: [1, 64, 512])
    func depth(limit: Int) {
        let limits = JSONLimits(depthMax: limit)
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }

        #expect(fault(nested(limit), limits: limits) == nil)
        #expect(fault(nested(limit + 1), limits: limits)?.reason == .tooDeep(limit: limit))
    }

    @Test("A hundred thousand open brackets are an error", arguments: ["[", "{\"a\":"])
    func hostileDepth(piece: String) {
        #expect(
            fault(String(repeating: piece, count: 100_000))?.reason == .tooDeep(limit: 64))
    }

    @Test("Closed containers do not count towards the depth")
    func siblings() {
        let text = "[" + repeatElement("[[]]", count: 100).joined(separator: ",") + "]"

        #expect(fault(text, limits: JSONLimits(depthMax: 3)) == nil)
    }

    @Test("Bytes and values have bounds")
    func sizes() {
        #expect(fault("[1,2]", limits: JSONLimits(bytesMax: 5)) == nil)
        #expect(
            fault("[1,2]", limits: JSONLimits(bytesMax: 4))?.reason == .tooLarge(limitBytes: 4))
        #expect(fault("[1,2]", limits: JSONLimits(valuesMax: 3)) == nil)
        #expect(
            fault("[1,2]", limits: JSONLimits(valuesMax: 2))?.reason == .tooManyValues(limit: 2))
    }

    @Test("Members are found without regard to case")
    func members() throws {
        let node = try JSONReader.parse(Array(#" {"maxtrailinglogs": 7}"#.utf8))
        let found = try #require(node.member("MaxTrailingLogs"))

        #expect(found.offset == 21)
        #expect(node.member("Max") == nil)
        #expect(found.member("x") == nil)
    }

    @Test(
        "Integers are exact, and only what is written as one is one",
        arguments: [
            ("0", 0, 0), ("-1", -1, nil), ("-0", 0, nil), ("1.0", nil, nil), ("1e3", nil, nil),
            ("9007199254740993", 9_007_199_254_740_993, 9_007_199_254_740_993),
            ("9223372036854775807", .max, 9_223_372_036_854_775_807),
            ("9223372036854775808", nil, 9_223_372_036_854_775_808),
            ("9999999999999999999", nil, 9_999_999_999_999_999_999),
            ("10000000000000000000", nil, 10_000_000_000_000_000_000),
            ("18446744073709551615", nil, .max), ("18446744073709551616", nil, nil),
            ("-9223372036854775808", .min, nil), ("-9223372036854775809", nil, nil),
        ] as [(String, Int64?, UInt64?)])
    func integers(text: String, signed: Int64?, unsigned: UInt64?) throws {
        guard case .number(let number) = try JSONReader.parse(Array(text.utf8)).value else {
            Issue.record("not a number: \(text)")
            return
        }

        #expect(number.int64 == signed)
        #expect(number.uint64 == unsigned)
        #expect(number.text == text)
    }
}
