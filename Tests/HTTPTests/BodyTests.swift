// SPDX-License-Identifier: Apache-2.0

import MartletHTTP
import Testing

@Suite("Bodies and their framing (RFC 9112 §6, §7)") struct BodyTests {
    @Test("Each head is followed by its body, empty without one")
    func order() {
        let seen = events(get() + "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")

        #expect(seen.count == 4)
        #expect(seen[1] == .body([]))
        #expect(seen[3] == .body(Array("abc".utf8)))
    }

    @Test("A chunked body comes without its framing, extensions and trailers")
    func chunks() {
        let body = "3;a=b\r\nabc\r\n00A ;x=\"y\"\r\n0123456789\r\n0;last\r\nT: 1\r\nU: 2\r\n\r\n"
        #expect(bodies(chunked(body) + chunked("0\r\n\r\n")) == ["abc0123456789", ""])
    }

    @Test(
        "Framing that two readers could understand differently is refused with 400",
        arguments: [
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 0",
            "Content-Length: 1\r\nContent-Length: 2", "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1, 1", "Content-Length: +1", "Content-Length: -1",
            "Content-Length: 0x1", "Content-Length: 1 ,", "Content-Length: 1 1", "Content-Length:",
            "Content-Length: a", "Content-Length: 1.0", "Content-Length: ٣",
            "Content-Length: 1\r\ncontent-length: x", "Transfer-Encoding:",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: ,chunked", "Transfer-Encoding: chunked,",
            "Transfer-Encoding: chunked, gzip", "Transfer-Encoding: chunked;a=b",
            "Transfer-Encoding: \"chunked\"", "Transfer-Encoding : chunked",
            "Transfer-Encoding: chun ked", "Transfer-Encoding\u{B}: chunked",
            "Transfer-Encoding: chunked\u{B}", "X: y\rTransfer-Encoding: chunked",
        ])
    func smuggling(lines: String) {
        #expect(refusal("POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n0\r\n\r\n") == 400)
    }

    @Test(
        "A transfer coding that is not known is refused with 501",
        arguments: ["gzip", "gzip, chunked", "xchunked", "identity", "identity, chunked", "chunke"])
    func codings(value: String) {
        #expect(
            refusal("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \(value)\r\n\r\n") == 501)
    }

    @Test("HTTP/1.0 has no transfer codings")
    func codingIn1_0() {
        #expect(refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 400)
    }

    @Test(
        "Malformed chunks are refused with 400",
        arguments: [
            "\r\n", "g\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\n", "1 \r\n", "1\t\r\n", "1\n",
            "1\r\nab\r\n", "1\r\na\n", "1\r\na\rb", "1\r\naX", "1 a\r\n", "1;\u{0}\r\n",
            "1;a\rb\r\n", "1\r\r\n", "0\r\n\n", "0\r\nT\r\n\r\n", "0\r\nT : 1\r\n\r\n",
            "0\r\n T: 1\r\n\r\n", "0\r\nT: 1\r\n 2\r\n\r\n", "0\r\nT: \u{0}\r\n\r\n",
            "1\r\na\r\n;\r\n",
        ])
    func badChunks(body: String) {
        #expect(refusal(chunked(body)) == 400)
    }

    @Test(
        "A chunk size beyond any integer is refused with 413, not wrapped",
        arguments: [
            "7fffffffffffffff", "8000000000000000", "ffffffffffffffff", "10000000000000000",
            "fffffffffffffffffffffffff1", "100001",
        ])
    func hugeChunks(size: String) {
        #expect(refusal(chunked(size + "\r\n")) == 413)
        // Also behind a chunk, where the sum could wrap.
        #expect(refusal(chunked("1\r\na\r\n\(size)\r\n")) == 413)
    }

    @Test(
        "A length beyond any integer is refused with 413, not wrapped",
        arguments: [
            "9223372036854775807", "9223372036854775808", "18446744073709551617",
            "99999999999999999999999999999999",
        ])
    func hugeLengths(length: String) {
        let text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n"
        #expect(events(text).count == 1, "refused before its head is given")
        #expect(refusal(text) == 413)
    }

    @Test("Leading zeros change no length")
    func zeros() {
        let fixed =
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0000000000000000000000002\r\n\r\nab"
        #expect(bodies(fixed) == ["ab"])
        #expect(bodies(chunked("0000000000000000000000002\r\nab\r\n000\r\n\r\n")) == ["ab"])
    }

    @Test("A few empty lines before a request are skipped; many are refused")
    func emptyLines() {
        let four = "\r\n\r\n\r\n\r\n"
        #expect(events(four + get() + four + get()).count == 4)
        #expect(refusal(four + "\r\n" + get()) == 400)
    }

    @Test("One request's body may have a lower bound, and never a higher one", arguments: [3, 4])
    func lowerBound(length: Int) {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 8
        let body = String(repeating: "x", count: length)
        let fixed = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n\(body)"
        for post in [fixed, chunked("\(length)\r\n\(body)\r\n0\r\n\r\n")] {
            var reader = RequestReader(limits: limits)
            reader.receive(Array((post + post).utf8).span)
            guard case .head = reader.next() else { return #expect(Bool(false), "no head") }
            reader.limitBody(to: 3)
            let seen = reader.drain()
            if length > 3 {
                #expect(seen == [.refused(HTTPViolation(status: 413, reason: "body too large"))])
            } else {
                #expect(seen.count == 3, "and the next has its own")
            }
        }
        var reader = RequestReader(limits: limits)
        reader.receive(
            Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n".utf8)
                .span)
        guard case .head = reader.next() else { return #expect(Bool(false), "no head") }
        reader.limitBody(to: 100)
        #expect(reader.drain().count == 1)
        #expect(reader.mustClose)
    }

    @Test("A body nobody wants is skipped and the next request read")
    func skipping() throws {
        let posts = [
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            chunked("3\r\nabc\r\n0\r\nT: 1\r\n\r\n"), get(),
        ]
        for post in posts {
            var reader = RequestReader(limits: HTTPLimits())
            reader.receive(Array((post + get()).utf8).span)
            guard case .head = reader.next() else { return #expect(Bool(false), "no head") }

            reader.discardBody()

            let seen = reader.drain()
            try #require(seen.count == 3)
            #expect(seen[0] == .skipped)
            #expect(seen[2] == .body([]))
            #expect(!reader.mustClose)
        }
    }

    @Test("A body is skipped when part of it was read already")
    func lateSkipping() {
        var reader = RequestReader(limits: HTTPLimits())
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc"
        reader.receive(Array(post.utf8).span)
        #expect(reader.drain().count == 1)

        reader.discardBody()
        reader.receive(Array(("def" + get()).utf8).span)

        #expect(reader.drain().first == .skipped)
    }

    @Test("A body too long to be skipped ends the connection", arguments: [16, 17])
    func skippingBound(length: Int) {
        var limits = HTTPLimits()
        limits.discardedBytesMax = 16
        let body = String(repeating: "x", count: length)
        let fixed = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n\(body)"
        let coded = chunked("\(String(length, radix: 16))\r\n\(body)\r\n0\r\n\r\n")
        for post in [fixed, coded] {
            var reader = RequestReader(limits: limits)
            reader.receive(Array((post + get()).utf8).span)
            guard case .head = reader.next() else { return #expect(Bool(false), "no head") }

            reader.discardBody()

            #expect(reader.drain().isEmpty == (length > 16))
            #expect(reader.mustClose == (length > 16))
            #expect(reader.bufferedBytes == 0)
        }
    }

    @Test("The connection ends if the body to be skipped may never come")
    func skippingExpected() {
        var reader = RequestReader(limits: HTTPLimits())
        let put = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        reader.receive(Array(put.utf8).span)
        guard case .head = reader.next() else { return #expect(Bool(false), "no head") }

        reader.discardBody()

        #expect(reader.mustClose)
        reader.receive(Array(get().utf8).span)
        #expect(reader.drain().isEmpty)
    }

    @Test("Discarding without a body to discard changes nothing")
    func needlessDiscard() {
        var reader = RequestReader(limits: HTTPLimits())
        reader.discardBody()
        reader.receive(Array(get().utf8).span)
        #expect(reader.drain().count == 2)
        reader.discardBody()
        reader.receive(Array(get().utf8).span)
        #expect(reader.drain().count == 2)
    }
}
