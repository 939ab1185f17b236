// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import Testing

@Suite("Plain documents, read in one pass") struct JSONScannerTests {
    private static let names = JSONScanner.Names("a", "list", "Text")

    private struct Seen: Equatable {
        var number: Int64 = 0
        var flags: [Bool?] = []
        var text = ""
    }

    /// An object of a number, a list of flags and a text; nil if it is not plain, or not all.
    private func scan(_ text: String, _ limits: JSONLimits = JSONLimits()) -> Seen? {
        var scanner = JSONScanner(Array(text.utf8), limits: limits)
        var seen = Seen()
        guard scanner.beginObject() else { return nil }
        var members = JSONScanner.Members(of: Self.names)
        while let place = scanner.next(&members) {
            switch place {
            case 0: seen.number = scanner.int()
            case 1:
                if scanner.beginArray() {
                    while scanner.nextElement() { seen.flags.append(scanner.bool()) }
                }
            default: seen.text = scanner.string()
            }
        }
        return scanner.isAtEnd() ? seen : nil
    }

    @Test("In any order, with blanks, with null for what is not there")
    func plain() {
        let all = Seen(number: -7, flags: [true, false, nil], text: "x y")
        #expect(scan(#"{"a":-7,"list":[true,false,null],"Text":"x y"}"#) == all)
        #expect(
            scan("\t{ \"Text\" : \"x y\" ,\n\"list\":[ true ,false, null ] , \"a\":-7 } \r\n")
                == all)
        #expect(scan("{}") == Seen())
        #expect(scan(#"{"a":null,"list":null,"Text":null}"#) == Seen())
        #expect(scan(#"{"list":[]}"#) == Seen())
    }

    @Test(
        "All else is not plain",
        arguments: [
            "", " ", "null", "[]", "{", "}", "{}x", "{} {}", #"{"a"}"#, #"{"a":}"#, #"{"a":1"#,
            #"{"a":1,}"#, #"{,"a":1}"#, #"{"a" 1}"#, #"{"a":1 "Text":""}"#, #"{"a":1}}"#,
            #"{"b":1}"#, #"{"A":1}"#, #"{"a":1,"a":1}"#, #"{"text":""}"#, #"{"\u0061":1}"#,
            #"{"a":"1"}"#, #"{"a":true}"#, #"{"a":[]}"#, #"{"a":01}"#, #"{"a":-}"#, #"{"a":+1}"#,
            #"{"a":1.0}"#, #"{"a":1e2}"#, #"{"a":1E2}"#, #"{"a":9223372036854775808}"#,
            #"{"a":-9223372036854775809}"#, #"{"a":nul}"#, #"{"a":nulls}"#, #"{"a":1x}"#,
            #"{"list":{}}"#, #"{"list":[true}"#, #"{"list":[true,]}"#, #"{"list":[,true]}"#,
            #"{"list":[true false]}"#, #"{"list":[tru]}"#, #"{"list":[1]}"#, #"{"list":["a"]}"#,
            #"{"list":[true]"#, #"{"Text":"a\n"}"#, #"{"Text":"ü"}"#, "{\"Text\":\"a\u{1}\"}",
            #"{"Text":"a}"#, #"{"Text":'a'}"#, "\u{FEFF}{}", "/**/{}",
        ])
    func others(text: String) {
        #expect(scan(text) == nil)
    }

    @Test("Integers are exact")
    func integers() {
        #expect(scan(#"{"a":9223372036854775807}"#)?.number == .max)
        #expect(scan(#"{"a":-9223372036854775807}"#)?.number == -.max)
        #expect(scan(#"{"a":0}"#)?.number == 0 && scan(#"{"a":-0}"#)?.number == 0)
        #expect(scan(#"{"a":1764201600123456789}"#)?.number == 1_764_201_600_123_456_789)
    }

    @Test("Bytes, depth and values have the bounds that trees have")
    func bounds() {
        let text = #"{"list":[true,true]}"#
        #expect(scan(text, JSONLimits(depthMax: 2, bytesMax: text.utf8.count, valuesMax: 4)) != nil)
        #expect(scan(text, JSONLimits(depthMax: 1)) == nil)
        #expect(scan(text, JSONLimits(bytesMax: text.utf8.count - 1)) == nil)
        #expect(scan(text, JSONLimits(valuesMax: 3)) == nil)
    }

    @Test("Keys of any name differ by more than case, and are few")
    func keys() {
        func keys(_ text: String) -> [String]? {
            var scanner = JSONScanner(Array(text.utf8), limits: JSONLimits())
            var (found, keys) = ([String](), JSONScanner.Keys())
            guard scanner.beginObject() else { return nil }
            while let key = scanner.next(&keys) {
                found.append(key)
                _ = scanner.int()
            }
            return scanner.isAtEnd() ? found : nil
        }
        #expect(keys(#"{"web":1,"log shipper":2,"":3}"#) == ["web", "log shipper", ""])
        #expect(keys(#"{"web":1,"Web":2}"#) == nil)
        let many = (0..<13).map { "\"k\($0)\":0" }
        #expect(keys("{\(many.dropLast().joined(separator: ","))}")?.count == 12)
        #expect(keys("{\(many.joined(separator: ","))}") == nil)
    }
}
