// SPDX-License-Identifier: Apache-2.0

/// Reads one complete header block. Every rule that a proxy in front could see differently is a
/// refusal.
struct HeadParser {
    private var block: FieldBlock
    private let limits: HTTPLimits
    private var position = 0

    /// `bytes` end with the empty line.
    init(bytes: [UInt8], limits: HTTPLimits) {
        block = FieldBlock(bytes: bytes)
        self.limits = limits
    }

    mutating func parse() throws(HTTPViolation) -> RequestHead {
        let line = try takeLine()
        let (methodText, target, isVersion1_0) = try requestLine(line)
        while true {
            let line = try takeLine()
            if line.isEmpty { break }
            try field(line)
        }
        let (path, query) = try resource(of: target, method: methodText)
        return try head(methodText, path, query, isVersion1_0)
    }

    /// Lines end in CR LF: the reader has seen to it. CR and NUL are nowhere else.
    private mutating func takeLine() throws(HTTPViolation) -> Range<Int> {
        let begin = position
        while block.bytes[position] != 0x0A {
            let byte = block.bytes[position]
            if byte == 0 || byte == 0x0D && block.bytes[position + 1] != 0x0A {
                throw HTTPViolation(400, "a NUL or a bare CR in the header")
            }
            position += 1
        }
        position += 1
        return begin..<position - 2
    }

    // MARK: Request line

    private func requestLine(
        _ line: Range<Int>
    ) throws(HTTPViolation) -> (method: String, target: ArraySlice<UInt8>, isVersion1_0: Bool) {
        let bytes = block.bytes[line]
        let parts = bytes.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(Self.isTokenByte),
            !parts[1].isEmpty, parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw HTTPViolation(400, "malformed request line") }
        let version = String(decoding: parts[2], as: UTF8.self)
        switch version {
        case "HTTP/1.1":
            return (String(decoding: parts[0], as: UTF8.self), parts[1], false)
        case "HTTP/1.0":
            return (String(decoding: parts[0], as: UTF8.self), parts[1], true)
        default:
            let digits = version.utf8.dropFirst(5)
            guard version.hasPrefix("HTTP/"), digits.count == 3,
                digits.first.map({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) == true
            else { throw HTTPViolation(400, "malformed request line") }
            throw HTTPViolation(505, "HTTP version not supported: HTTP/1.1 and HTTP/1.0 are")
        }
    }

    /// Origin form, absolute form, or the asterisk of OPTIONS (RFC 9112 §3.2).
    private func resource(
        of target: ArraySlice<UInt8>, method: String
    ) throws(HTTPViolation) -> (path: String, query: Query) {
        if target.elementsEqual([UInt8(ascii: "*")]) {
            guard method == "OPTIONS" else { throw HTTPViolation(400, "malformed request target") }
            return ("*", Query(""))
        }
        var rest = target
        if rest.first != UInt8(ascii: "/") {
            let lowered = String(decoding: rest.prefix(8), as: UTF8.self).lowercased()
            guard lowered.hasPrefix("http://") || lowered.hasPrefix("https://") else {
                throw HTTPViolation(400, "malformed request target")
            }
            rest = rest.dropFirst(lowered.hasPrefix("https://") ? 8 : 7)
            let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
            guard (end ?? rest.endIndex) > rest.startIndex else {
                throw HTTPViolation(400, "malformed request target")
            }
            rest = rest[(end ?? rest.endIndex)...]
        }
        if let fragment = rest.firstIndex(of: UInt8(ascii: "#")) { rest = rest[..<fragment] }
        let mark = rest.firstIndex(of: UInt8(ascii: "?"))
        let raw = rest[..<(mark ?? rest.endIndex)]
        guard let path = PercentCoding.decode(raw, plusIsSpace: false),
            !path.utf8.contains(0)
        else { throw HTTPViolation(400, "malformed path: a bad escape, NUL, or not UTF-8") }
        let query = mark.map { String(decoding: rest[rest.index(after: $0)...], as: UTF8.self) }
        return (path.isEmpty ? "/" : path, Query(query ?? ""))
    }

    // MARK: Fields

    private mutating func field(_ line: Range<Int>) throws(HTTPViolation) {
        guard block.fields.count < limits.headerCountMax else {
            throw HTTPViolation(431, "more than \(limits.headerCountMax) header fields")
        }
        let bytes = block.bytes[line]
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > line.lowerBound,
            bytes[..<colon].allSatisfy(Self.isTokenByte)
        else { throw HTTPViolation(400, "malformed header field") }
        let value = FieldList.trim(bytes[(colon + 1)...])
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw HTTPViolation(400, "a control character in a header field")
        }
        block.fields.append(
            .init(name: line.lowerBound..<colon, value: value.startIndex..<value.endIndex))
    }

    private func head(
        _ methodText: String, _ path: String, _ query: Query, _ isVersion1_0: Bool
    ) throws(HTTPViolation) -> RequestHead {
        let hosts = block.count("host")
        guard hosts == 1 || hosts == 0 && isVersion1_0 else {
            throw HTTPViolation(400, hosts == 0 ? "missing Host header" : "several Host headers")
        }
        let isChunked = try transferCoding(isVersion1_0)
        let length = try contentLength(isChunked)
        let connection = FieldList.elements(block.values("connection"))
        let keepsAlive =
            isVersion1_0
            ? connection.contains("keep-alive") && !connection.contains("close")
            : !connection.contains("close")
        return RequestHead(
            method: Self.method(methodText), methodText: methodText, path: path, query: query,
            isVersion1_0: isVersion1_0, keepsAlive: keepsAlive,
            expectsContinue: try expectation(), contentLength: length, isChunked: isChunked,
            acceptsGzip: FieldList.acceptsGzip(block.values("accept-encoding")), fields: block)
    }

    private func transferCoding(_ isVersion1_0: Bool) throws(HTTPViolation) -> Bool {
        guard block.count("transfer-encoding") > 0 else { return false }
        guard !isVersion1_0 else {
            throw HTTPViolation(400, "a Transfer-Encoding in HTTP/1.0")
        }
        guard block.count("content-length") == 0 else {
            throw HTTPViolation(400, "both Transfer-Encoding and Content-Length")
        }
        guard FieldList.elements(block.values("transfer-encoding")) == ["chunked"] else {
            throw HTTPViolation(501, "unsupported transfer coding: chunked is")
        }
        return true
    }

    /// Digits only; several are allowed if they are the same (RFC 9110 §8.6).
    private func contentLength(_ isChunked: Bool) throws(HTTPViolation) -> Int? {
        var length: Int?
        for value in block.values("content-length") {
            guard !value.isEmpty, value.count <= 18,
                value.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
                let number = Int(String(decoding: value, as: UTF8.self))
            else { throw HTTPViolation(400, "malformed Content-Length") }
            guard length == nil || length == number else {
                throw HTTPViolation(400, "several Content-Lengths that differ")
            }
            length = number
        }
        return length
    }

    private func expectation() throws(HTTPViolation) -> Bool {
        let expectations = FieldList.elements(block.values("expect"))
        guard !expectations.isEmpty else { return false }
        guard expectations == ["100-continue"] else {
            throw HTTPViolation(417, "the only expectation that can be met is 100-continue")
        }
        return true
    }

    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "!"), UInt8(ascii: "#"),
            UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"),
            UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"),
            UInt8(ascii: "~"):
            true
        default:
            false
        }
    }

    private static func method(_ text: String) -> RequestHead.Method {
        switch text {
        case "GET": .get
        case "HEAD": .head
        case "PUT": .put
        case "POST": .post
        case "DELETE": .delete
        case "PATCH": .patch
        case "OPTIONS": .options
        case "CONNECT": .connect
        case "TRACE": .trace
        default: .other
        }
    }
}
