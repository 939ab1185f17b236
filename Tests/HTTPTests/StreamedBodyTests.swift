// SPDX-License-Identifier: Apache-2.0

import MartletHTTP
import Testing

/// What a stream that is asked for in pieces gives, the pieces put together.
private func streamed(
    _ text: String, cuts: [Int] = [], upTo bytesMax: Int = 1 << 20,
    limits: HTTPLimits = HTTPLimits()
) -> [Seen] {
    var reader = RequestReader(limits: limits)
    let bytes = Array(text.utf8)
    var seen: [Seen] = []
    var body: [UInt8] = []
    var start = 0
    for cut in cuts + [bytes.count] {
        reader.receive(Array(bytes[start..<cut]).span)
        start = cut
        reading: while true {
            switch reader.next() {
            case .needsMore: break reading
            case .head(let head):
                seen.append(.head(head.path))
                reader.streamBody(upTo: bytesMax)
            case .piece(let piece): body += piece
            case .bodyEnd:
                seen.append(.body(body))
                body = []
            case .body, .skipped: seen.append(.skipped)
            case .violation(let violation): seen.append(.refused(violation))
            }
        }
        #expect(reader.bufferedBytes <= 64)  // Lines and heads; of bodies nothing.
    }
    return seen
}

@Suite("Request bodies in pieces") struct StreamedRequestBodyTests {
    private static let two =
        "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world"
        + "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: 1\r\n\r\n"
        + "PUT /c HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
        + "PUT /d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"

    @Test("However its bytes are split, a body comes out whole, and so does what follows it")
    func splits() {
        let expected: [Seen] = [
            .head("/a"), .body(Array("hello world".utf8)), .head("/b"),
            .body(Array("hello world".utf8)), .head("/c"), .body([]), .head("/d"), .body([]),
        ]
        for cut in 0...Self.two.utf8.count {
            #expect(streamed(Self.two, cuts: [cut]) == expected, "cut at \(cut)")
        }
        #expect(streamed(Self.two, cuts: Array(1..<Self.two.utf8.count)) == expected)
    }

    @Test("A body may be longer than any that is held, and not longer than was said")
    func bounds() {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 4
        limits.streamedBodyBytesMax = 100
        let fixed = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world"
        let chunked =
            "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
        for text in [fixed, chunked] {
            let whole = streamed(text, upTo: 11, limits: limits)
            #expect(whole == [.head("/a"), .body(Array("hello world".utf8))])
            let short = streamed(text, upTo: 10, limits: limits)
            #expect(short == [.head("/a"), .refused(.bodyTooLarge)])
        }
        #expect(refusal(Array(fixed.utf8), limits: limits) == 413)
        let long = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n"
        #expect(streamed(long, limits: limits) == [.refused(.bodyTooLarge)])
    }

    @Test("What nobody wants of a body is skipped if it is short; else the connection is over")
    func discarded() {
        for (rest, mustClose) in [(64 << 10, false), (64 << 10 + 1, true)] {
            var reader = RequestReader(limits: HTTPLimits())
            let head = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: \(rest + 5)\r\n\r\nhello"
            reader.receive(Array(head.utf8).span)
            _ = reader.next()
            reader.streamBody(upTo: 1 << 20)
            guard case .piece = reader.next() else {
                Issue.record("no piece")
                return
            }
            reader.discardBody()
            #expect(reader.mustClose == mustClose)
            reader.receive([UInt8](repeating: 0, count: rest).span)
            if !mustClose { #expect(reader.drain() == [.skipped]) }
        }
    }

    @Test("A body that is all there is discarded at once")
    func discardedAtEnd() {
        var reader = RequestReader(limits: HTTPLimits())
        let text =
            "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "1\r\nx\r\n0\r\n\r\n"
        reader.receive(Array(text.utf8).span)
        _ = reader.next()
        reader.streamBody(upTo: 10)
        _ = reader.next()
        reader.discardBody()
        #expect(reader.drain() == [.skipped])
        #expect(!reader.mustClose)
    }
}

@Suite("Writing bodies in pieces") struct BodyWriterTests {
    private func head(
        _ framing: ResponseFraming, length: Int?
    ) -> (text: String, writer: BodyWriter, keepsAlive: Bool) {
        var output: [UInt8] = []
        var framing = framing
        let writer = Response(status: 200, contentType: .text).writeHead(
            to: &output, for: &framing, length: length, dateHeader: [])
        return (String(decoding: output, as: UTF8.self), writer, framing.keepsAlive)
    }

    private func body(_ writer: BodyWriter, _ pieces: [String]) -> String? {
        var writer = writer
        var output: [UInt8] = []
        for piece in pieces {
            guard writer.write(Array(piece.utf8), to: &output) else { return nil }
        }
        return writer.end(to: &output) ? String(decoding: output, as: UTF8.self) : nil
    }

    private let start =
        "HTTP/1.1 200 OK\r\nVary: Accept-Encoding\r\nContent-Type: text/plain; charset=utf-8\r\n"

    @Test("A body of unknown length goes in chunks; an empty piece does not end it")
    func chunked() {
        let open = ResponseFraming(isHead: false, isVersion1_0: false, keepsAlive: true)
        let (text, writer, keepsAlive) = head(open, length: nil)
        #expect(text == start + "Transfer-Encoding: chunked\r\n\r\n")
        #expect(keepsAlive)
        let long = String(repeating: "x", count: 26)
        #expect(
            body(writer, ["hello", "", long])
                == "5\r\nhello\r\n1a\r\n\(long)\r\n0\r\n\r\n")
    }

    @Test("To HTTP/1.0 it goes until the connection ends")
    func untilClose() {
        let old = ResponseFraming(isHead: false, isVersion1_0: true, keepsAlive: true)
        let (text, writer, keepsAlive) = head(old, length: nil)
        #expect(text == start + "Connection: close\r\n\r\n")
        #expect(!keepsAlive)
        #expect(body(writer, ["hello", " world"]) == "hello world")
    }

    @Test("A promised length is kept, or the body is not whole", arguments: [10, 11, 12])
    func fixed(length: Int) {
        let open = ResponseFraming(isHead: false, isVersion1_0: false, keepsAlive: true)
        let (text, writer, _) = head(open, length: length)
        #expect(text == start + "Content-Length: \(length)\r\n\r\n")
        #expect(body(writer, ["hello", " world"]) == (length == 11 ? "hello world" : nil))
    }

    @Test("HEAD has the same head and no body")
    func isHead() {
        let framing = ResponseFraming(isHead: true, isVersion1_0: false, keepsAlive: true)
        let (text, writer, _) = head(framing, length: nil)
        #expect(text == start + "Transfer-Encoding: chunked\r\n\r\n")
        #expect(body(writer, ["hello"]) == "")
    }

    @Test("What is written as a request is read again", arguments: [nil, 11])
    func request(length: Int?) {
        let lines = RequestWriter(host: "h", headers: [])
        var output: [UInt8] = []
        var writer = lines.writeHead(.put, "/a", length: length, to: &output)
        let fits = ["hello", " world"].allSatisfy { writer.write(Array($0.utf8), to: &output) }
        let isWhole = writer.end(to: &output)
        #expect(fits && isWhole)
        let seen = streamed(String(decoding: output, as: UTF8.self))
        #expect(seen == [.head("/a"), .body(Array("hello world".utf8))])
    }
}

@Suite("Response bodies in pieces") struct StreamedResponseTests {
    /// The status, and what follows put together.
    private func read(
        _ text: String, cuts: [Int], toHead: Bool = false, ends: Bool = true
    ) -> [String] {
        var reader = ResponseReader(limits: HTTPLimits())
        reader.expectStream(toHead: toHead)
        let bytes = Array(text.utf8)
        var seen: [String] = []
        var body = ""
        func drain() {
            while true {
                switch reader.next() {
                case .needsMore: return
                case .head(let head): seen.append("\(head.status)")
                case .piece(let bytes): body += String(decoding: bytes, as: UTF8.self)
                case .end: seen += [body, "end"]
                case .failed(let violation): seen += [body, violation.reason]
                case .response: seen.append("whole")
                }
            }
        }
        var start = 0
        for cut in cuts + [bytes.count] {
            reader.receive(Array(bytes[start..<cut]).span)
            drain()
            start = cut
        }
        if ends {
            reader.receiveEnd()
            drain()
        }
        return seen
    }

    @Test(
        "However its bytes are split, a body comes out whole",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nhello world",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
        ])
    func splits(text: String) {
        for cut in 0...text.utf8.count {
            #expect(read(text, cuts: [cut]) == ["200", "hello world", "end"], "cut at \(cut)")
        }
    }

    @Test("Without a body, the end follows the head", arguments: [true, false])
    func empty(toHead: Bool) {
        let text =
            toHead
            ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            : "HTTP/1.1 204 No Content\r\n\r\n"
        #expect(
            read(text, cuts: [], toHead: toHead, ends: false)
                == [toHead ? "200" : "204", "", "end"])
    }

    @Test(
        "A connection that ends early is a failure",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ])
    func broken(text: String) {
        #expect(
            read(text, cuts: []) == ["200", "hello", "connection closed within a response"])
    }

    @Test("A body longer than any that is held goes through")
    func long() {
        var reader = ResponseReader(limits: HTTPLimits())
        reader.expectStream(toHead: false)
        reader.receive(Array("HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n".utf8).span)
        guard case .head = reader.next() else {
            Issue.record("no head")
            return
        }
        var bytes = 0
        let piece = [UInt8](repeating: 7, count: 64_000)
        for _ in 0..<125 {
            reader.receive(piece.span)
            if case .piece(let piece) = reader.next() { bytes += piece.count }
        }
        #expect(bytes == 8_000_000)
        guard case .end = reader.next() else {
            Issue.record("no end")
            return
        }
    }
}
