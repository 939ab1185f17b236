// SPDX-License-Identifier: Apache-2.0

import MartletHTTP
import Testing

@Suite("Bounds: the limit is accepted, one more is refused") struct LimitTests {
    private func text(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test("Request line", arguments: [(0, nil), (1, 414)] as [(Int, Int?)])
    func line(over: Int, status: Int?) {
        let limit = HTTPLimits().lineBytesMax
        let line = "GET /\(text(limit - 14 + over)) HTTP/1.1"
        #expect(line.utf8.count == limit + over)
        #expect(refusal("\(line)\r\nHost: a\r\n\r\n") == status)
    }

    @Test("Request line that never ends", arguments: [(1, nil), (2, 414)] as [(Int, Int?)])
    func endlessLine(over: Int, status: Int?) {
        // One more byte may still be its CR.
        #expect(refusal(text(HTTPLimits().lineBytesMax + over)) == status)
    }

    @Test("Header block", arguments: [(0, nil), (1, 431)] as [(Int, Int?)])
    func header(over: Int, status: Int?) {
        let limit = HTTPLimits().headerBytesMax
        let host = "Host: a\r\n"
        let block = host + "A:" + text(limit - host.utf8.count - 4 + over) + "\r\n"
        #expect(block.utf8.count == limit + over)
        #expect(refusal("GET / HTTP/1.1\r\n\(block)\r\n") == status)
    }

    @Test("Header that never ends", arguments: [(1, nil), (2, 431)] as [(Int, Int?)])
    func endlessHeader(over: Int, status: Int?) {
        #expect(refusal("GET / HTTP/1.1\r\n\(text(HTTPLimits().headerBytesMax + over))") == status)
    }

    @Test("90 KB of header are refused with 431, as one field or as many")
    func largeHeader() {
        #expect(refusal(get("A: " + text(90_000))) == 431)
        #expect(refusal(get(text(900) + ": " + text(90_000))) == 431)
        let lines = (0..<100).map { "A\($0): \(text(900))\r\n" }.joined()
        #expect(refusal("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n") == 431)
    }

    @Test("Field count", arguments: [(0, nil), (1, 431)] as [(Int, Int?)])
    func count(over: Int, status: Int?) {
        let lines = String(repeating: "A: b\r\n", count: HTTPLimits().headerCountMax - 1 + over)
        #expect(refusal("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n") == status)
    }

    @Test("Body of a known length", arguments: [(0, nil), (1, 413)] as [(Int, Int?)])
    func fixedBody(over: Int, status: Int?) {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 100
        let count = limits.bodyBytesMax + over
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + text(count)
        #expect(refusal(post, limits: limits) == status)
    }

    @Test(
        "Chunked body, refused at the chunk's announcement",
        arguments: [(0, nil), (1, 413)] as [(Int, Int?)])
    func chunkedBody(over: Int, status: Int?) {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 100
        let last = String(36 + over, radix: 16)
        #expect(refusal(chunked("40\r\n\(text(64))\r\n\(last)\r\n"), limits: limits) == status)
    }

    @Test("Chunk-size line", arguments: [(0, nil), (1, 400)] as [(Int, Int?)])
    func chunkLine(over: Int, status: Int?) {
        let limit = HTTPLimits().chunkLineBytesMax
        #expect(refusal(chunked("1;" + text(limit - 2 + over) + "\r\n")) == status)
        // Without its end: one more byte may be the CR.
        #expect(refusal(chunked("1;" + text(limit - 1 + over))) == status)
    }

    @Test("Chunk extensions of a whole body", arguments: [(0, nil), (1, 400)] as [(Int, Int?)])
    func chunkExtensions(over: Int, status: Int?) {
        var limits = HTTPLimits()
        limits.chunkExtensionBytesMax = 10
        let body = "1;2345\r\na\r\n1;234\(text(over))\r\na\r\n0;\r\n\r\n"
        #expect(refusal(chunked(body), limits: limits) == status)
    }

    @Test("Trailers", arguments: [(0, nil), (1, 431)] as [(Int, Int?)])
    func trailers(over: Int, status: Int?) {
        var limits = HTTPLimits()
        limits.headerBytesMax = 64
        #expect(
            refusal(chunked("0\r\nA: \(text(59 + over))\r\n\r\n"), limits: limits) == status)
        #expect(refusal(chunked("0\r\n\(text(65 + over))"), limits: limits) == status)
        limits = HTTPLimits()
        let lines = String(repeating: "A: b\r\n", count: limits.headerCountMax + over)
        #expect(refusal(chunked("0\r\n\(lines)\r\n"), limits: limits) == status)
    }

    @Test("What is sent ahead is bounded: complete requests are answered, then 400")
    func pipelinedBytes() {
        var limits = HTTPLimits()
        limits.lineBytesMax = 100
        limits.headerBytesMax = 100
        limits.bodyBytesMax = 100
        limits.pipelinedBytesMax = 100
        var reader = RequestReader(limits: limits)
        let request = Array(get().utf8)
        for _ in 0..<100 { reader.receive(request.span) }
        #expect(reader.bufferedBytes == 400)

        let seen = reader.drain()

        #expect(seen.count == 2 * (400 / request.count) + 1)
        #expect(
            seen.last
                == .refused(HTTPViolation(status: 400, reason: "too many requests sent ahead")))
        #expect(reader.mustClose)
        #expect(reader.bufferedBytes == 0)
    }

    @Test("Too much sent ahead while a body is skipped ends the connection without a second answer")
    func overflowWhileSkipping() {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 1_000
        limits.discardedBytesMax = 1 << 20
        var reader = RequestReader(limits: limits)
        reader.receive(Array(chunked("80000\r\n").utf8).span)
        guard case .head = reader.next() else { return #expect(Bool(false), "no head") }
        reader.discardBody()
        #expect(reader.drain().isEmpty && !reader.mustClose)

        reader.receive(Array(repeating: UInt8(ascii: "x"), count: 500 << 10).span)

        #expect(reader.drain().isEmpty)
        #expect(reader.mustClose)
    }

    @Test("Exactly as much as may be held loses nothing")
    func pipelinedBytesAtLimit() {
        var limits = HTTPLimits()
        let request = Array(get().utf8)
        limits.lineBytesMax = 50
        limits.headerBytesMax = 50
        limits.bodyBytesMax = 50
        limits.pipelinedBytesMax = request.count * 10 - 150
        var reader = RequestReader(limits: limits)
        for _ in 0..<10 { reader.receive(request.span) }
        #expect(reader.drain().count == 20)
        #expect(!reader.mustClose)
    }

    @Test("Limits of any size trap nowhere")
    func extremeLimits() {
        var limits = HTTPLimits()
        limits.lineBytesMax = .max
        limits.headerBytesMax = .max
        limits.bodyBytesMax = .max
        #expect(refusal(get(), limits: limits) == nil)
        #expect(refusal(chunked("ffffffffffffffffff\r\n"), limits: limits) == nil)
        #expect(refusal(chunked("1\r\na\r\nffffffffffffffffff\r\n"), limits: limits) == 413)
    }

    @Test("Nothing follows a refusal, and nothing is held")
    func afterRefusal() {
        var reader = RequestReader(limits: HTTPLimits())
        reader.receive(Array("bad\r\n\r\n".utf8).span)
        #expect(reader.drain().count == 1)
        #expect(reader.mustClose && !reader.isMidRequest)

        reader.receive(Array(get().utf8).span)

        #expect(reader.drain().isEmpty)
        #expect(reader.bufferedBytes == 0)
    }

    @Test("A reader knows whether a request is under way, and holds nothing between two")
    func midRequest() {
        var reader = RequestReader(limits: HTTPLimits())
        #expect(!reader.isMidRequest)
        reader.receive(Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n".utf8).span)
        #expect(reader.drain().isEmpty)
        #expect(reader.isMidRequest)
        reader.receive(Array("\r\n1".utf8).span)
        #expect(reader.drain().count == 1)
        #expect(reader.isMidRequest)
        #expect(reader.bufferedBytes == 1)
        reader.receive(Array("2".utf8).span)
        #expect(reader.drain().count == 1)
        #expect(!reader.isMidRequest)
        #expect(reader.bufferedBytes == 0)
        reader.receive(Array("\r\n".utf8).span)
        #expect(reader.drain().isEmpty)
        #expect(!reader.isMidRequest)
    }
}
