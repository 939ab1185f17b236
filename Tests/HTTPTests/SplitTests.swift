// SPDX-License-Identifier: Apache-2.0

import MartletHTTP
import Testing

@Suite("How bytes are split on their way makes no difference") struct SplitTests {
    /// Streams of many shapes, whole, broken, and over their bounds.
    private static let streams: [String] = [
        get() + get("Connection: close"), "\r\n\r\n" + get(),
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + get(),
        chunked("5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: u\r\n\r\n") + get() + chunked("0\r\n\r\n"),
        chunked("5\r\nhello!\r\n0\r\n\r\n"), chunked("5\r\nhel\nl\r\n0\r\n\n"),
        chunked("fffffffffffffffff\r\n"), chunked("0\r\nT: \(String(repeating: "t", count: 200))"),
        chunked("1;" + String(repeating: "e", count: 200) + "\r\na\r\n"),
        "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\n",
        "\r\n\r\n\r\n\r\n\r\n\r\n", "\r\n " + get(), "\r\n\r\n\u{16}\u{3}\u{1}\r\n",
        "\rGET / HTTP/1.1\r\n\r\n", "GET /" + String(repeating: "x", count: 200),
        "GET /\(String(repeating: "x", count: 200))\nA\r\n\r\n", "\u{16}\u{3}\u{1}",
        "GET / HTTP/1.1\r\nA: \(String(repeating: "x", count: 200))\nB: c\r\n\r\n",
        "GET / HTTP/1.1\r\n\(String(repeating: "A: b\r\n", count: 20))",
        "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "x: y\r\n", count: 7))\r\n",
    ]

    private static var limits: HTTPLimits {
        var limits = HTTPLimits()
        limits.lineBytesMax = 64
        limits.headerBytesMax = 96
        limits.headerCountMax = 8
        limits.chunkLineBytesMax = 32
        return limits
    }

    @Test("Byte by byte, and cut at every single place", arguments: streams)
    func everyCut(stream: String) {
        let bytes = Array(stream.utf8)
        let whole = events(bytes, limits: Self.limits)

        #expect(events(bytes, cuts: Array(1..<bytes.count), limits: Self.limits) == whole)
        for cut in 0...bytes.count {
            #expect(events(bytes, cuts: [cut], limits: Self.limits) == whole, "cut at \(cut)")
        }
    }

    @Test("Cut at random places", arguments: [1, 2, 3] as [UInt64])
    func randomCuts(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let parts = (0..<3).map { _ in Self.streams.randomElement(using: &generator) ?? "" }
            let bytes = Array(parts.joined().utf8)
            let cuts = (0..<Int.random(in: 1...12, using: &generator))
                .map { _ in Int.random(in: 0...bytes.count, using: &generator) }.sorted()
            let whole = events(bytes, limits: Self.limits)
            try #require(events(bytes, cuts: cuts, limits: Self.limits) == whole, "\(cuts)")
        }
    }

    @Test("A thousand requests in one piece come out in order, and leave nothing behind")
    func pipelining() {
        var reader = RequestReader(limits: HTTPLimits())
        let text = (0..<1_000).map { number in
            number % 3 == 0
                ? "POST /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                : "GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n"
        }.joined()
        reader.receive(Array(text.utf8).span)

        var paths: [String] = []
        var bodyCount = 0
        loop: while true {
            switch reader.next() {
            case .head(let head): paths.append(head.path)
            case .body(let body): bodyCount += body.isEmpty ? 0 : 1
            case .needsMore: break loop
            case .piece, .bodyEnd, .skipped, .violation: break loop
            }
        }

        #expect(paths == (0..<1_000).map { "/\($0)" })
        #expect(bodyCount == 334)
        #expect(reader.bufferedBytes == 0)
    }

    @Test("A largest header that comes byte by byte is read")
    func slowHeader() {
        let value = String(repeating: "x", count: 60_000)
        let bytes = Array(get("A: \(value)").utf8)
        #expect(events(bytes, cuts: Array(1..<bytes.count)) == events(bytes))
        #expect(events(bytes).count == 2)
    }

    @Test("A body of the largest size in pieces of a read's size is put together")
    func largeBody() {
        let body = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n"
        let bytes = Array(head.utf8) + body
        let cuts = Array(stride(from: 65_536, to: bytes.count, by: 65_536))
        #expect(events(bytes, cuts: cuts).last == .body(body))
    }
}
