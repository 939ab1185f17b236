// SPDX-License-Identifier: Apache-2.0

import MartletHTTP
import Testing

/// A client's view of a stream: `status body keeps`, or why it failed.
func responseEvents(
    _ bytes: [UInt8], cuts: [Int] = [], toHead: Bool = false, ends: Bool = true,
    limits: HTTPLimits = HTTPLimits()
) -> [String] {
    var reader = ResponseReader(limits: limits)
    reader.expectResponse(toHead: toHead)
    var seen: [String] = []
    func drain() {
        while true {
            switch reader.next() {
            case .needsMore: return
            case .response(let head, let body):
                let text = String(decoding: body, as: UTF8.self)
                seen.append("\(head.status) \(text) \(head.keepsAlive)")
            case .head(let head): seen.append("\(head.status)")
            case .piece(let bytes): seen.append(String(decoding: bytes, as: UTF8.self))
            case .end: seen.append("end")
            case .failed(let violation): seen.append("failed: \(violation.reason)")
            }
        }
    }
    var start = 0
    for cut in cuts + [bytes.count] {
        let piece = Array(bytes[start..<cut])
        reader.receive(piece.span)
        drain()
        start = cut
    }
    if ends {
        reader.receiveEnd()
        drain()
    }
    return seen
}

@Suite("Reading responses (RFC 9112 §4, §6)") struct ResponseReaderTests {
    private func events(_ text: String, toHead: Bool = false, ends: Bool = false) -> [String] {
        responseEvents(Array(text.utf8), toHead: toHead, ends: ends)
    }

    @Test(
        "Bodies are as long as their framing says",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "200 abc true"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                "200 abc true"
            ),
            ("HTTP/1.1 500 \r\ncontent-length: 0\r\nConnection: close\r\n\r\n", "500  false"),
            ("HTTP/1.1 204\r\n\r\n", "204  true"),
            ("HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n", "304  true"),
            ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "200 a false"),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\na",
                "200 a true"
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nA: b\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
                "204  true"
            ),
        ])
    func bodies(text: String, seen: String) {
        #expect(events(text) == [seen])
    }

    @Test("An answer to HEAD has no body, whatever its length")
    func head() {
        #expect(
            events("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", toHead: true) == ["200  true"])
        #expect(
            events("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", toHead: true)
                == ["200  true"])
    }

    @Test("Without framing, a body lasts until the connection ends")
    func untilEnd() {
        let text = "HTTP/1.1 200 OK\r\n\r\nabc"
        #expect(events(text, ends: false).isEmpty)
        #expect(events(text, ends: true) == ["200 abc false"])
    }

    @Test(
        "What is malformed or ambiguous fails",
        arguments: [
            "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 600 x\r\n\r\n",
            "HTTP/1.1 099 x\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n",
            "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200 O\u{0}K\r\n\r\n", "H\r\n\r\n", "<html>",
            "HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 101 x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 17),
        ])
    func malformed(text: String) throws {
        let seen = events(text)
        try #require(seen.count == 1)
        #expect(seen[0].hasPrefix("failed: "))
    }

    @Test(
        "An end within a response fails",
        arguments: [
            "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        ])
    func earlyEnd(text: String) {
        #expect(events(text, ends: true) == ["failed: connection closed within a response"])
    }

    @Test("A body over the bound fails, exactly there", arguments: [(100, true), (101, false)])
    func bound(count: Int, isRead: Bool) {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 100
        let body = String(repeating: "x", count: count)
        let heads = [
            "HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n\(body)",
            "HTTP/1.1 200 OK\r\n\r\n\(body)",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "\(String(count, radix: 16))\r\n\(body)\r\n0\r\n\r\n",
        ]
        for text in heads {
            let seen = responseEvents(Array(text.utf8), limits: limits)
            #expect((seen.first?.hasPrefix("200 ") ?? false) == isRead)
            #expect((seen.first == "failed: body too large") == !isRead)
        }
    }

    @Test("A response nobody asked for fails")
    func unsolicited() {
        let text = "HTTP/1.1 204 x\r\n\r\n"
        #expect(events(text + text) == ["204  true", "failed: response without a request"])
    }

    @Test("An end between responses is no failure, and no other request is taken")
    func idleEnd() {
        var reader = ResponseReader(limits: HTTPLimits())
        #expect(reader.isIdle)
        reader.receiveEnd()
        #expect(!reader.isIdle)
        guard case .needsMore = reader.next() else { return #expect(Bool(false), "an event") }
    }

    @Test("All header fields are given in order")
    func headers() {
        var reader = ResponseReader(limits: HTTPLimits())
        reader.expectResponse(toHead: false)
        let text = "HTTP/1.1 204 x\r\nX-Nomad-Index:  7 \r\nA: b\r\na: c\r\n\r\n"
        reader.receive(Array(text.utf8).span)
        guard case .response(let head, _) = reader.next() else {
            return #expect(Bool(false), "no response")
        }
        #expect(head.header("x-nomad-index") == "7")
        #expect(
            head.headers
                == [
                    HeaderField("X-Nomad-Index", "7"), HeaderField("A", "b"), HeaderField("a", "c"),
                ])
    }
}

@Suite("Writing requests") struct RequestWriterTests {
    private let writer = RequestWriter(host: "h:1", headers: [HeaderField("X-T", "a\r\nb")])

    private func written(
        _ method: RequestHead.Method, _ target: String, _ body: [UInt8]? = nil
    ) -> String {
        var output: [UInt8] = []
        writer.write(method, target, body: body, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test("A request, byte for byte; nothing adds a line")
    func bytes() {
        #expect(
            written(.get, "/a?b=c%20d")
                == "GET /a?b=c%20d HTTP/1.1\r\nHost: h:1\r\nX-T: a??b\r\n\r\n")
        #expect(written(.delete, "").hasPrefix("DELETE / HTTP/1.1\r\n"))
        #expect(
            written(.get, "/ x\r\n#é\0").hasPrefix("GET /%20x%0D%0A%23%C3%A9%00 HTTP/1.1\r\n"))
    }

    @Test("A body has its length, and methods that want one tell it")
    func lengths() {
        #expect(written(.put, "/", [65]).hasSuffix("Content-Length: 1\r\n\r\nA"))
        #expect(written(.delete, "/", []).hasSuffix("Content-Length: 0\r\n\r\n"))
        #expect(written(.post, "/").hasSuffix("Content-Length: 0\r\n\r\n"))
        #expect(!written(.get, "/").contains("Content-Length"))
    }

    @Test("What is written is what a reader reads", arguments: RequestHead.Method.allCases)
    func roundTrip(method: RequestHead.Method) throws {
        if method == .other { return }
        let target = method == .connect ? "h:1" : "/a b"
        let seen = events(Array(written(method, target, [1, 2]).utf8))
        try #require(seen.count == 2)
        #expect(seen[1] == .body([1, 2]))
    }
}
