// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletHTTP

@Suite("Requests (RFC 9112)") struct RequestReaderTests {
    private static let whole = [
        "GET /v1/status/leader?stale HTTP/1.1\r\nHost: x\r\n\r\n",
        "PUT /a%20b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "4;ext=\"1\"\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: y\r\n\r\n",
        "DELETE http://example:80/d?x=1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    ]
    private static let read = [
        "GET /v1/status/leader ?stale", "body ",
        "PUT /a b ?", "body hello",
        "POST /c ?", "body Wikipedia",
        "DELETE /d ?x=1", "body ",
        "OPTIONS * ?", "body ",
        "GET / ?", "body ",
    ]

    @Test("Pipelined requests come out the same, however the bytes arrive",
        arguments: [1, 2, 3, 7, 64, 100_000])
    func splits(step: Int) {
        #expect(events(Self.whole.joined(), step: step) == Self.read)
    }

    @Test("Random pieces make no difference", arguments: 1...50 as ClosedRange<UInt64>)
    func randomPieces(seed: UInt64) {
        var generator = SplitMix(seed: seed)
        let bytes = Array(Self.whole.joined().utf8)
        var reader = RequestReader(limits: HTTPLimits())
        var lines: [String] = []
        var offset = 0
        while offset < bytes.count {
            let end = min(bytes.count, offset + 1 + Int(generator.next() % 40))
            let piece = Array(bytes[offset..<end])
            offset = end
            reader.receive(piece.span)
            if generator.next() % 3 > 0 || offset == bytes.count { drain(&reader, into: &lines) }
        }
        #expect(lines == Self.read)
        #expect(!reader.isMidRequest)
        #expect(reader.bufferedBytes == 0)
    }

    @Test("A thousand pipelined requests in one piece")
    func pipelining() {
        let one = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
        #expect(events(String(repeating: one, count: 1000)).count == 2000)
    }

    @Test(
        "What two parsers could read in two ways is refused",
        arguments: [
            ("both lengths", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
            ("two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n", 400),
            ("a sign", "Content-Length: +4\r\n", 400),
            ("a list of lengths", "Content-Length: 4, 4\r\n", 400),
            ("an empty length", "Content-Length:\r\n", 400),
            ("a length beyond 64 bits", "Content-Length: 99999999999999999999\r\n", 400),
            ("a space before the colon", "A : b\r\n", 400),
            ("a folded line", "A: b\r\n c\r\n", 400),
            ("no colon", "Abc\r\n", 400),
            ("an empty name", ": b\r\n", 400),
            ("a bare CR", "A: b\rc\r\n", 400),
            ("a NUL", "A: b\0c\r\n", 400),
            ("a control character", "A: b\u{1}c\r\n", 400),
            ("a second Host", "Host: y\r\n", 400),
            ("an unknown coding", "Transfer-Encoding: gzip\r\n", 501),
            ("a coding twice", "Transfer-Encoding: chunked, chunked\r\n", 501),
            ("almost chunked", "Transfer-Encoding: xchunked\r\n", 501),
            ("another expectation", "Expect: miracles\r\n", 417),
        ])
    func refused(what: String, field: String, expected: Int) {
        #expect(status("PUT / HTTP/1.1\r\nHost: x\r\n\(field)\r\nabcd") == expected, "\(what)")
    }

    @Test(
        "Request lines that are none",
        arguments: [
            ("GET  / HTTP/1.1", 400), ("GET / HTTP/1.1 ", 400), (" GET / HTTP/1.1", 400),
            ("GET /", 400), ("GET / http/1.1", 400), ("GET / HTTP/1.2", 505),
            ("GET / HTTP/2.0", 505), ("GET / HTTP/0.9", 505), ("GET / HTTP/x", 400),
            ("G@T / HTTP/1.1", 400), ("GET a HTTP/1.1", 400), ("GET * HTTP/1.1", 400),
            ("GET /%zz HTTP/1.1", 400), ("GET /%00 HTTP/1.1", 400), ("GET /%ff HTTP/1.1", 400),
            ("GET /\u{e9} HTTP/1.1", 400), ("GET http:// HTTP/1.1", 400),
        ])
    func requestLines(line: String, expected: Int) {
        #expect(status("\(line)\r\nHost: x\r\n\r\n") == expected)
    }

    @Test("HTTP/1.1 needs a Host, HTTP/1.0 needs none and has no chunks")
    func versions() {
        #expect(status("GET / HTTP/1.1\r\n\r\n") == 400)
        #expect(status("GET / HTTP/1.0\r\n\r\n") == nil)
        #expect(status("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400)
        #expect(status("GET / HTTP/1.1\nHost: x\n\n") == 400)
    }

    @Test(
        "Chunked bodies that are none",
        arguments: [
            "g\r\n", "\r\n", "-1\r\n", "4\r\nWikiX\r\n", "4\nWiki\n", "4 x\r\nWiki\r\n",
            "ffffffffffffffff\r\n", "4;\u{1}\r\nWiki\r\n",
        ])
    func chunks(body: String) {
        let text = "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\(body)"
        #expect(status(text) == 400)
    }

    @Test("Bounds hold exactly: the last byte that fits, and the first that does not")
    func bounds() {
        var limits = HTTPLimits()
        limits.lineBytesMax = 40
        limits.headerBytesMax = 100
        limits.headerCountMax = 3
        limits.bodyBytesMax = 10
        let fixed = "GET / HTTP/1.1".count
        func line(_ length: Int) -> String {
            "GET /\(String(repeating: "a", count: length - fixed)) HTTP/1.1\r\nHost: x\r\n\r\n"
        }
        #expect(status(line(40), limits: limits) == nil)
        #expect(status(line(41), limits: limits) == 414)
        func header(_ length: Int) -> String {
            let start = "GET / HTTP/1.1\r\nHost: x\r\nA: "
            return start + String(repeating: "b", count: length - start.utf8.count - 4) + "\r\n\r\n"
        }
        #expect(status(header(100), limits: limits) == nil)
        #expect(status(header(101), limits: limits) == 431)
        func fields(_ count: Int) -> String {
            "GET / HTTP/1.1\r\nHost: x\r\n" + String(repeating: "A: b\r\n", count: count - 1)
                + "\r\n"
        }
        #expect(status(fields(3), limits: limits) == nil)
        #expect(status(fields(4), limits: limits) == 431)
        func body(_ count: Int) -> String {
            "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: \(count)\r\n\r\n"
                + String(repeating: "c", count: count)
        }
        #expect(status(body(10), limits: limits) == nil)
        #expect(status(body(11), limits: limits) == 413)
        func chunked(_ sizes: [Int]) -> String {
            "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                + sizes.map {
                    String($0, radix: 16) + "\r\n" + String(repeating: "c", count: $0) + "\r\n"
                }.joined() + "0\r\n\r\n"
        }
        limits.headerBytesMax = 200
        #expect(status(chunked([5, 5]), limits: limits) == nil)
        #expect(status(chunked([5, 6]), limits: limits) == 413)
    }

    @Test("A header without an end does not grow without bound")
    func endless() {
        var reader = RequestReader(limits: HTTPLimits())
        var lines: [String] = []
        let piece = Array(repeating: UInt8(ascii: "a"), count: 4096)
        for _ in 0..<64 {
            reader.receive(piece.span)
            drain(&reader, into: &lines)
        }
        #expect(lines == ["violation 414"])
        #expect(reader.bufferedBytes == 0)
    }

    @Test("Keep-alive follows version and Connection; 100-continue is seen")
    func connection() {
        #expect(head("GET / HTTP/1.1\r\nHost: x\r\n\r\n")?.keepsAlive == true)
        #expect(head("GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n")?.keepsAlive == false)
        #expect(head("GET / HTTP/1.0\r\n\r\n")?.keepsAlive == false)
        #expect(head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")?.keepsAlive == true)
        #expect(head("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n\r\n")?
            .expectsContinue == true)
    }

    @Test(
        "gzip is accepted when it is named, or any is, with a weight above zero",
        arguments: [
            ("gzip", true), ("deflate, gzip;q=0.5", true), ("*", true), ("gzip;q=0", false),
            ("gzip; q=0.000", false), ("*;q=0", false), ("identity", false), ("", false),
            ("*, gzip;q=0", false), ("GZIP", true),
        ])
    func acceptsGzip(field: String, expected: Bool) {
        let text = "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: \(field)\r\n\r\n"
        #expect(head(text)?.acceptsGzip == expected)
    }

    @Test("Fields are found without case and without the space around them")
    func fields() {
        let found = head("GET / HTTP/1.1\r\nHost: x\r\nX-NOMAD-Token: \t abc \t\r\n\r\n")
        #expect(found?.header("x-nomad-token") == "abc")
        #expect(found?.header("x-nomad-other") == nil)
    }

    @Test("Changed requests are read or refused, and never trap", arguments: 1...8)
    func mutated(seed: UInt64) {
        var generator = SplitMix(seed: seed)
        let bytes = Array(Self.whole.joined().utf8)
        for _ in 0..<1500 {
            var changed = bytes
            for _ in 0...Int(generator.next() % 4) {
                let place = Int(generator.next() % UInt64(changed.count))
                switch generator.next() % 4 {
                case 0: changed[place] = UInt8(truncatingIfNeeded: generator.next())
                case 1: changed.remove(at: place)
                case 2: changed.insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
                default: changed.swapAt(place, Int(generator.next() % UInt64(changed.count)))
                }
            }
            let together = events(changed)
            #expect(events(changed, step: 5) == together)
            // After a violation there is nothing.
            #expect(together.dropLast().allSatisfy { !$0.hasPrefix("violation") })
        }
    }
}
