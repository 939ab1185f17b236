// SPDX-License-Identifier: Apache-2.0

/// `method SP target SP HTTP-version CR LF` (RFC 9112 §3), single spaces only.
struct RequestLine {
    let method: RequestHead.Method
    let methodRange: Range<Int>
    let path: String
    let queryRange: Range<Int>
    let isVersion1_0: Bool
    /// Where the field lines start.
    let end: Int

    init(_ bytes: [UInt8]) throws(HTTPViolation) {
        var position = 0
        while position < bytes.count, bytes[position].isTokenCharacter { position += 1 }
        methodRange = 0..<position
        guard position > 0, position < bytes.count, bytes[position] == UInt8(ascii: " ") else {
            throw .badRequest("malformed request line")
        }
        position += 1
        let targetStart = position
        while position < bytes.count, bytes[position].isVisibleASCII { position += 1 }
        let target = targetStart..<position
        guard !target.isEmpty, position < bytes.count, bytes[position] == UInt8(ascii: " ") else {
            throw .badRequest("malformed request line")
        }
        isVersion1_0 = try Self.isVersion1_0(bytes, at: position + 1)
        end = position + 11
        method = Self.method(bytes, in: methodRange)
        let (pathRange, query) = try Self.split(bytes, target, method)
        queryRange = query
        path = try Self.path(bytes, in: pathRange)
    }

    /// Reads `HTTP/1.0` or `HTTP/1.1` and the line's end. Any other well-formed version is 505:
    /// HTTP/1.2 and later do not exist, and 2 and 3 are spoken otherwise.
    private static func isVersion1_0(
        _ bytes: [UInt8], at start: Int
    ) throws(HTTPViolation) -> Bool {
        guard bytes.count >= start + 10, bytes.equals("HTTP/", in: start..<start + 5),
            bytes[start + 5].isDigit, bytes[start + 6] == UInt8(ascii: "."),
            bytes[start + 7].isDigit, bytes.equals("\r\n", in: start + 8..<start + 10)
        else { throw .badRequest("malformed request line") }
        if bytes.equals("1.1", in: start + 5..<start + 8) { return false }
        if bytes.equals("1.0", in: start + 5..<start + 8) { return true }
        throw HTTPViolation(status: 505, reason: "HTTP version not supported")
    }

    private static func method(_ bytes: [UInt8], in range: Range<Int>) -> RequestHead.Method {
        switch range.count {
        case 3:
            if bytes.equals("GET", in: range) { return .get }
            if bytes.equals("PUT", in: range) { return .put }
        case 4:
            if bytes.equals("POST", in: range) { return .post }
            if bytes.equals("HEAD", in: range) { return .head }
        case 5:
            if bytes.equals("PATCH", in: range) { return .patch }
            if bytes.equals("TRACE", in: range) { return .trace }
        case 6:
            if bytes.equals("DELETE", in: range) { return .delete }
        case 7:
            if bytes.equals("OPTIONS", in: range) { return .options }
            if bytes.equals("CONNECT", in: range) { return .connect }
        default: break
        }
        return .other
    }

    /// Finds path and query in the four forms of a target (RFC 9112 §3.2).
    private static func split(
        _ bytes: [UInt8], _ target: Range<Int>, _ method: RequestHead.Method
    ) throws(HTTPViolation) -> (path: Range<Int>, query: Range<Int>) {
        let none = target.upperBound..<target.upperBound
        if bytes[target].contains(UInt8(ascii: "#")) { throw .badRequest("fragment in target") }
        if method == .connect {
            guard bytes[target].allSatisfy(\.isAuthorityCharacter),
                bytes[target].contains(UInt8(ascii: ":")),
                !bytes[target].contains(UInt8(ascii: "%"))
            else { throw .badRequest("malformed request target") }
            return (target, none)
        }
        if bytes.equals("*", in: target) {
            guard method == .options else { throw .badRequest("malformed request target") }
            return (target, none)
        }
        var start = target.lowerBound
        if bytes[start] != UInt8(ascii: "/") {
            start = try endOfAuthority(bytes, target)
        }
        let mark = bytes[start..<target.upperBound].firstIndex(of: UInt8(ascii: "?"))
        return (
            start..<(mark ?? target.upperBound), mark.map { $0 + 1..<target.upperBound } ?? none
        )
    }

    /// Where the path of `http://host/path` starts. The host in it is not compared with the Host
    /// field: nothing here is served by host.
    private static func endOfAuthority(
        _ bytes: [UInt8], _ target: Range<Int>
    ) throws(HTTPViolation) -> Int {
        for scheme: StaticString in ["http://", "https://"] {
            let start = target.lowerBound + scheme.utf8CodeUnitCount
            guard start < target.upperBound,
                bytes.equalsIgnoringCase(scheme, in: target.lowerBound..<start)
            else { continue }
            var end = start
            while end < target.upperBound, bytes[end].isAuthorityCharacter { end += 1 }
            let endsWell =
                end == target.upperBound || bytes[end] == UInt8(ascii: "/")
                || bytes[end] == UInt8(ascii: "?")
            if end > start, endsWell { return end }
        }
        throw .badRequest("malformed request target")
    }

    private static func path(
        _ bytes: [UInt8], in range: Range<Int>
    ) throws(HTTPViolation) -> String {
        // `http://host` and `http://host?query` have none: that is the root.
        if range.isEmpty { return "/" }
        // All visible ASCII here, so without escapes it is valid as it stands.
        if !bytes[range].contains(UInt8(ascii: "%")) { return bytes.text(in: range) }
        guard let path = percentDecoded(bytes, in: range, plusIsSpace: false),
            !path.utf8.contains(0)
        else { throw .badRequest("malformed path") }
        return path
    }
}
