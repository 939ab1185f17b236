// SPDX-License-Identifier: Apache-2.0

import MartletHTTP
import Testing

@Suite("Queries") struct QueryTests {
    @Test("Pairs keep their order; names keep their case; the first of a name counts")
    func pairs() {
        let query = Query("b=1&a=2&&B=3&b=4&bare&=x&c==d=")

        #expect(query.pairs.map(\.name) == ["b", "a", "B", "b", "bare", "", "c"])
        #expect(query.pairs.map(\.value) == ["1", "2", "3", "4", "", "x", "=d="])
        #expect(query.first("b") == "1")
        #expect(query.all("b") == ["1", "4"])
        #expect(query.first("bare") == "")
        #expect(query.first("") == "x")
        #expect(query.first("none") == nil)
        #expect(query.all("none") == [])
        #expect(query.contains("bare") && !query.contains("BARE") && !query.contains("bar"))
        #expect(!query.isEmpty && !query.hasInvalidPair)
    }

    @Test("Names and values are decoded, a plus to a space")
    func decoding() {
        let query = Query("a%62=%C3%A9+%2B%26&x+y=z%3D")
        #expect(query.first("ab") == "é +&")
        #expect(query.first("x y") == "z=")
        #expect(!query.hasInvalidPair)
    }

    @Test(
        "A part that cannot be decoded is kept as sent, and told",
        arguments: [
            ("cas=%zz", "cas", "%zz"), ("cas=1%", "cas", "1%"), ("cas=%4", "cas", "%4"),
            ("cas=%ff", "cas", "%ff"), ("a=b&%=c", "%", "c"), ("%ff=+", "%ff", " "),
            ("cas=%2", "cas", "%2"),
        ])
    func invalid(text: String, name: String, value: String) throws {
        let query = Query(text)
        #expect(query.hasInvalidPair)
        let last = try #require(query.pairs.last)
        #expect(last == (name, value))
    }

    @Test("A damaged condition is still there", arguments: ["cas=%zz", "cas=%zz&cas=1"])
    func damagedCondition(text: String) {
        #expect(Query(text).first("cas") == "%zz")
        #expect(Query(text).contains("cas"))
    }

    @Test("A query without pairs is empty", arguments: ["", "&", "&&&"])
    func empty(text: String) {
        #expect(Query(text).isEmpty)
        #expect(Query(text).pairs.isEmpty)
        #expect(!Query(text).hasInvalidPair)
    }

    @Test("A target's query starts at its first question mark")
    func target() throws {
        let head = try #require(readHead("GET /a%3Fb?c=/?d HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(head.path == "/a?b")
        #expect(head.query.first("c") == "/?d")
        let bare = try #require(readHead("GET /a HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(bare.query.isEmpty)
    }
}
