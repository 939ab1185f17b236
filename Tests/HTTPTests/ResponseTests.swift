// SPDX-License-Identifier: Apache-2.0

import MartletHTTP
import Testing

@Suite("Writing responses") struct ResponseTests {
    private let open = ResponseFraming(isHead: false, isVersion1_0: false, keepsAlive: true)

    private func written(
        _ response: Response, _ framing: ResponseFraming? = nil, date: String = "D"
    ) -> String {
        var output: [UInt8] = []
        response.write(to: &output, for: framing ?? open, dateHeader: Array(date.utf8))
        return String(decoding: output, as: UTF8.self)
    }

    @Test("A JSON answer, byte for byte")
    func json() {
        let response = Response(status: 200, contentType: .json, body: Array("true".utf8))
        #expect(
            written(response)
                == "HTTP/1.1 200 OK\r\nVary: Accept-Encoding\r\nDate: D\r\n"
                + "Content-Type: application/json\r\nContent-Length: 4\r\n\r\ntrue")
    }

    @Test("An empty success has a length of 0 and no type")
    func empty() {
        #expect(
            written(Response(status: 200), date: "")
                == "HTTP/1.1 200 OK\r\nVary: Accept-Encoding\r\nContent-Length: 0\r\n\r\n")
    }

    @Test("An error is its bare text; after a violation the connection closes")
    func error() {
        let violation = HTTPViolation(status: 431, reason: "header too large")
        #expect(
            written(Response(violation), .closing, date: "")
                == "HTTP/1.1 431 Request Header Fields Too Large\r\nVary: Accept-Encoding\r\n"
                + "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
                + "Content-Length: 16\r\n\r\nheader too large")
    }

    @Test("HEAD is answered with the length that GET has, and no body")
    func head() {
        let response = Response(status: 200, contentType: .json, body: Array("true".utf8))
        let framing = ResponseFraming(isHead: true, isVersion1_0: false, keepsAlive: true)
        #expect(written(response, framing) + "true" == written(response))
    }

    @Test(
        "Connection is told where the version's own rule does not",
        arguments: [
            (false, true, nil), (false, false, "close"), (true, true, "keep-alive"),
            (true, false, "close"),
        ] as [(Bool, Bool, String?)])
    func connection(is1_0: Bool, keeps: Bool, value: String?) {
        let framing = ResponseFraming(isHead: false, isVersion1_0: is1_0, keepsAlive: keeps)
        let text = written(Response(status: 200), framing)
        if let value {
            #expect(text.contains("\r\nConnection: \(value)\r\n"))
        } else {
            #expect(!text.contains("Connection"))
        }
    }

    @Test("A request's head says how to frame its answer")
    func framing() throws {
        let head = try #require(readHead("HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
        #expect(
            head.framing == ResponseFraming(isHead: true, isVersion1_0: true, keepsAlive: true))
    }

    @Test("204 and 304 have no body and no length", arguments: [204, 304])
    func bodiless(status: Int) {
        let text = written(Response(status: status, contentType: .text, body: [65]))
        #expect(!text.contains("Content-Length"))
        #expect(text.hasSuffix("\r\n\r\n"))
    }

    @Test("Codings and types are named")
    func types() {
        var response = Response(status: 200, contentType: .gzip)
        #expect(written(response).contains("\r\nContent-Type: application/x-gzip\r\n"))
        response.contentType = .other("a/b\r\nX: y")
        response.contentEncodingGzip = true
        #expect(written(response).contains("\r\nContent-Type: a/b??X: y\r\n"))
        #expect(written(response).contains("\r\nContent-Encoding: gzip\r\n"))
    }

    @Test("Nothing in a field adds another field")
    func injection() {
        let response = Response(
            status: 200,
            headers: [
                HeaderField("X-A", "1\r\nSet-Cookie: x\0\u{7F}"), HeaderField("X B:\r\n", "é\t"),
                HeaderField("", "x"),
            ])
        #expect(
            written(response, date: "")
                == "HTTP/1.1 200 OK\r\nVary: Accept-Encoding\r\nX-A: 1??Set-Cookie: x??\r\n"
                + "X-B---: é\t\r\nContent-Length: 0\r\n\r\n")
    }

    @Test("Fields that frame the message are the writer's alone")
    func framingFields() {
        let headers = ["content-Length", "Transfer-Encoding", "CONNECTION"]
            .map { HeaderField($0, "1") }
        #expect(written(Response(status: 200, headers: headers)) == written(Response(status: 200)))
    }

    @Test(
        "Statuses have their phrases, unknown ones none",
        arguments: [
            (404, "404 Not Found"), (405, "405 Method Not Allowed"), (413, "413 Content Too Large"),
            (429, "429 Too Many Requests"), (503, "503 Service Unavailable"), (299, "299 "),
        ])
    func phrases(status: Int, line: String) {
        #expect(written(Response(status: status)).hasPrefix("HTTP/1.1 \(line)\r\n"))
    }

    @Test("Answers follow each other in one buffer, and a reader reads them")
    func roundTrip() throws {
        let response = Response(status: 404, text: "peer not found")
        var output: [UInt8] = []
        var reader = ResponseReader(limits: HTTPLimits())
        for _ in 0..<3 { response.write(to: &output, for: open, dateHeader: [65]) }
        reader.expectResponse(toHead: false)
        reader.receive(output.span)
        for number in 0..<3 {
            guard case .response(let head, let body) = reader.next() else {
                return #expect(Bool(false), "no response \(number)")
            }
            #expect(head.status == 404)
            #expect(head.header("date") == "A")
            #expect(body == response.body)
            if number < 2 { reader.expectResponse(toHead: false) }
        }
    }
}

@Suite("Dates (RFC 9110 §5.6.7)") struct HTTPDateTests {
    @Test(
        "Times become dates",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (.max, "Fri, 31 Dec 9999 23:59:59 GMT"), (.min, "Sat, 01 Jan 0000 00:00:00 GMT"),
        ] as [(Int64, String)])
    func format(seconds: Int64, text: String) {
        #expect(HTTPDate.format(unixSeconds: seconds) == text)
    }

    @Test("Each day of 400 years follows the one before")
    func calendar() throws {
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        var (year, month, day, weekday) = (1970, 0, 1, 4)
        // Every 5th day is formatted: all are counted.
        for number in 0..<146_097 {
            if number % 5 == 0 {
                let text = HTTPDate.format(unixSeconds: Int64(number) * 86_400)
                let dayText = day < 10 ? "0\(day)" : "\(day)"
                try #require(
                    text == "\(weekdays[weekday]), \(dayText) \(months[month]) \(year) 00:00:00 GMT"
                )
            }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let length = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month]
            weekday = (weekday + 1) % 7
            day += 1
            if day > length { (day, month) = (1, month + 1) }
            if month == 12 { (month, year) = (0, year + 1) }
        }
        #expect(year == 2370)
    }
}
