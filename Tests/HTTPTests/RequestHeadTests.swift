// SPDX-License-Identifier: Apache-2.0

import MartletHTTP
import Testing

@Suite("Request heads (RFC 9112 §3, §5; RFC 9110)") struct RequestHeadTests {
    @Test("Everything a head says is read")
    func reading() throws {
        let text =
            "PUT /v1/operator/autopilot/configuration?cas=7&stale HTTP/1.1\r\nHost: a:4646\r\n"
            + "X-Nomad-Token: \t s3cret \r\nContent-Length: 2\r\n\r\n{}"

        let head = try #require(readHead(text))

        #expect(head.method == .put)
        #expect(head.methodText == "PUT")
        #expect(head.path == "/v1/operator/autopilot/configuration")
        #expect(head.query.first("cas") == "7")
        #expect(head.query.contains("stale"))
        #expect(head.header("x-nomad-token") == "s3cret")
        #expect(head.header("x-none") == nil)
        #expect(head.contentLength == 2)
        #expect(!head.isChunked && !head.isVersion1_0 && head.keepsAlive && !head.expectsContinue)
        #expect(bodies(text) == ["{}"])
    }

    @Test(
        "Methods are known by their exact name",
        arguments: [
            ("GET", RequestHead.Method.get), ("HEAD", .head), ("PUT", .put), ("POST", .post),
            ("DELETE", .delete), ("PATCH", .patch), ("OPTIONS", .options), ("TRACE", .trace),
            ("get", .other), ("GETS", .other), ("BREW", .other), ("M-SEARCH", .other),
            ("A", .other),
        ])
    func methods(text: String, method: RequestHead.Method) throws {
        let head = try #require(readHead("\(text) / HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(head.method == method)
        #expect(head.methodText == text)
    }

    @Test("A method and a field name are made of token characters and nothing else")
    func tokens() {
        let marks = Array("!#$%&'*+-.^_`|~".utf8)
        for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: " ") {
            let isToken =
                marks.contains(byte) || (0x30...0x39).contains(byte)
                || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            let method = Array("G".utf8) + [byte] + Array("T / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
            let name =
                Array("GET / HTTP/1.1\r\nHost: a\r\nn".utf8) + [byte] + Array("n: v\r\n\r\n".utf8)
            #expect((refusal(method) == nil) == isToken, "method with \(byte)")
            // A colon ends the name, and is a fine character of the value behind it.
            #expect(
                (refusal(name) == nil) == (isToken || byte == UInt8(ascii: ":")),
                "name with \(byte)")
        }
    }

    @Test(
        "Targets of every form are reduced to their path",
        arguments: [
            ("GET", "/", "/"), ("GET", "/a/b", "/a/b"), ("GET", "/a?b=/c", "/a"),
            ("GET", "/a%2Fb%20c", "/a/b c"), ("GET", "/%C3%A9", "/é"),
            ("GET", "//a/../b", "//a/../b"),
            ("GET", "http://host:1/a%41?x", "/aA"), ("GET", "HTTPS://h", "/"),
            ("GET", "http://[::1]:80?x", "/"), ("GET", "/a+b", "/a+b"), ("OPTIONS", "*", "*"),
            ("CONNECT", "host:443", "host:443"),
        ])
    func targets(method: String, target: String, path: String) throws {
        let head = try #require(readHead("\(method) \(target) HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(head.path == path)
    }

    @Test(
        "Targets that mean nothing certain are refused with 400",
        arguments: [
            ("GET", "*"), ("GET", "a"), ("GET", "a/b"), ("GET", "http://"), ("GET", "http:///a"),
            ("GET", "http://user@host/"), ("GET", "ftp://host/"), ("GET", "/a#b"), ("GET", "/%"),
            ("GET", "/%4"), ("GET", "/%4g"), ("GET", "/%00"), ("GET", "/a%00b"), ("GET", "/%FF"),
            ("GET", "/%C3"), ("GET", "/%ED%A0%80"), ("GET", "/é"), ("GET", "/\u{7F}"),
            ("CONNECT", "/"), ("CONNECT", "host"), ("OPTIONS", "**"), ("GET", "?a"),
        ])
    func badTargets(method: String, target: String) {
        #expect(refusal("\(method) \(target) HTTP/1.1\r\nHost: a\r\n\r\n") == 400)
    }

    @Test(
        "A malformed request line is refused with 400",
        arguments: [
            "GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ",
            "GET\t/ HTTP/1.1", "GET /", "GET / ", "GET", "GET / HTTP/1", "GET / HTTP/1.10",
            "GET / HTTP/11.1", "GET / http/1.1", "GET / HTTP /1.1", "GET / /a HTTP/1.1",
            "GET /\u{0}a HTTP/1.1", "GET /\ra HTTP/1.1", "GET / HTTP/1.1\r", "GET / HTTP/x.y",
            "\u{16}\u{3}\u{1}", ": /",
        ])
    func badRequestLines(line: String) {
        #expect(refusal(line + "\r\nHost: a\r\n\r\n") == 400)
    }

    @Test(
        "Another version is refused with 505",
        arguments: ["0.9", "1.2", "1.9", "2.0", "3.0", "9.9", "0.0"])
    func versions(version: String) {
        #expect(refusal("GET / HTTP/\(version)\r\nHost: a\r\n\r\n") == 505)
    }

    @Test(
        "Malformed field lines are refused with 400",
        arguments: [
            "A : b", "A\t: b", " A: b", "A", "A b: c", ": b", "A: b\u{0}c", "A: b\rc", "A: b\r",
            "A: b\u{1}", "A: \u{7F}", "A: b\r\n c", "A: b\r\n\tc", "A: b\r\n ", "A\u{0}: b",
            "é: b", "A(: b", "A: b\u{B}",
        ])
    func badFields(line: String) {
        #expect(refusal(get(line)) == 400)
    }

    @Test("A folded first field is refused with 400")
    func foldedFirstField() {
        #expect(refusal("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == 400)
    }

    @Test(
        "A line feed without carriage return is refused with 400",
        arguments: [
            "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n", "\r\n\n",
            "GET / HTTP/1.1\r\nHost: a\r\nA: b\nC: d\r\n\r\n",
        ])
    func bareLineFeeds(text: String) {
        #expect(refusal(text) == 400)
    }

    @Test("A value may be empty, and hold tabs, blanks and text that is not ASCII")
    func values() throws {
        let head = try #require(readHead(get("A:", "B: \t ", "C:x\ty z", "D: é", "E:a:b")))
        #expect(head.header("a") == "")
        #expect(head.header("b") == "")
        #expect(head.header("c") == "x\ty z")
        #expect(head.header("d") == "é")
        #expect(head.header("e") == "a:b")
    }

    @Test("Of several fields of one name the first is given, whatever its case")
    func lookup() throws {
        let head = try #require(readHead(get("x-ID: 1", "X-id: 2")))
        #expect(head.header("x-id") == "1")
    }

    @Test(
        "HTTP/1.1 needs exactly one Host of allowed characters",
        arguments: [
            ("", true), ("Host: a\r\nHost: a\r\n", true), ("Host: a\r\nHOST: b\r\n", true),
            ("Host: a b\r\n", true), ("Host: a/b\r\n", true), ("Host: u@a\r\n", true),
            ("Host: é\r\n", true), ("Host:\r\n", false), ("Host: [::1]:4646\r\n", false),
            ("hOsT:a.b-c_d:1\r\n", false),
        ])
    func hosts(lines: String, isRefused: Bool) {
        #expect(refusal("GET / HTTP/1.1\r\n\(lines)\r\n") == (isRefused ? 400 : nil))
    }

    @Test("HTTP/1.0 needs no Host, but never has two")
    func hostIn1_0() {
        #expect(refusal("GET / HTTP/1.0\r\n\r\n") == nil)
        #expect(refusal("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") == 400)
    }

    @Test(
        "A connection is kept by version and Connection field (RFC 9112 §9.3)",
        arguments: [
            ("1.1", "", true), ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: Close\r\n", false), ("1.1", "Connection: x, close\r\n", false),
            ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
            ("1.1", "Connection: upgrade\r\n", true), ("1.1", "Connection: closed\r\n", true),
            ("1.0", "", false), ("1.0", "Connection: keep-alive\r\n", true),
            ("1.0", "Connection: Keep-Alive, close\r\n", false),
        ])
    func keepAlive(version: String, lines: String, keeps: Bool) throws {
        let head = try #require(readHead("GET / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n"))
        #expect(head.keepsAlive == keeps)
    }

    @Test("A client waits for 100 Continue only if it has a body and speaks HTTP/1.1")
    func expectations() throws {
        let put = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
        #expect(try #require(readHead(put + "Content-Length: 1\r\n\r\n")).expectsContinue)
        #expect(try #require(readHead(put + "Transfer-Encoding: chunked\r\n\r\n")).expectsContinue)
        #expect(try !#require(readHead(put + "Content-Length: 0\r\n\r\n")).expectsContinue)
        #expect(try !#require(readHead(put + "\r\n")).expectsContinue)
        let old = "PUT / HTTP/1.0\r\nExpect: 100-continue, x\r\nContent-Length: 1\r\n\r\n"
        #expect(try !#require(readHead(old)).expectsContinue)
    }

    @Test(
        "An expectation that cannot be met is refused with 417",
        arguments: ["200-ok", "100-continue, x", "", "100-continue;a"])
    func unknownExpectations(value: String) {
        #expect(refusal(get("Expect: \(value)")) == 417)
        #expect(refusal(get("Expect: 100-continue", "Expect: \(value)")) == 417)
    }

    @Test(
        "gzip is welcome as RFC 9110 §12.5.3 says",
        arguments: [
            ([], false), (["gzip"], true), (["GZip"], true), (["x-gzip"], true),
            (["deflate"], false),
            (["gzip;q=0"], false), (["gzip;q=0.000"], false), (["gzip;q=0.001"], true),
            (["gzip ; Q=1.000"], true), (["gzip;q=1.001"], false), (["gzip;q=0.0001"], false),
            (["gzip;q=2"], false), (["gzip;q="], false), (["gzip;x=1"], false),
            (["gzip;q=1."], true),
            (["*"], true), (["*;q=0"], false), (["*, gzip;q=0"], false), (["*;q=0, gzip"], true),
            (["identity", "br, gzip;q=0.5"], true), (["gzip, gzip;q=0"], false), ([""], false),
            (["gzipped"], false), (["gzip;q=-1"], false), (["gzip;q=1x"], false),
        ] as [([String], Bool)])
    func gzip(values: [String], isWelcome: Bool) throws {
        let lines = values.map { "Accept-Encoding: \($0)\r\n" }.joined()
        let head = try #require(readHead("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n"))
        #expect(head.acceptsGzip == isWelcome)
    }
}
