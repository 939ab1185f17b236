// SPDX-License-Identifier: Apache-2.0

/// A request without its body. Owns a copy of the bytes it came in; fields are looked up there.
package struct RequestHead: Sendable {
    /// Methods are case-sensitive (RFC 9110 §9.1): `get` is ``other``.
    package enum Method: Int, Sendable, Equatable, Hashable, CaseIterable {
        case get, head, put, post, delete, patch, options, connect, trace, other
    }

    package let method: Method
    /// Percent-decoded, without the query; `*` as it is, and for `CONNECT` the authority.
    package var path: String
    package let isVersion1_0: Bool
    /// Whether the client wants to send another request on this connection (RFC 9112 §9.3).
    package let keepsAlive: Bool
    /// Whether the client may be waiting for ``Response/continueBytes`` before it sends the body.
    package let expectsContinue: Bool
    /// Bytes of the body; nil without the field, also if the body is chunked.
    package let contentLength: Int?
    package let isChunked: Bool

    private let fields: HeaderFields
    private let methodRange: Range<Int>
    private let queryRange: Range<Int>

    package var methodText: String { fields.bytes.text(in: methodRange) }

    package var query: Query { Query(fields.bytes, in: queryRange) }

    /// The value of the first field of that name, without blanks around it; empty if it has none.
    package func header(_ lowercasedName: StaticString) -> String? { fields.first(lowercasedName) }

    /// Whether a gzip-coded answer is welcome (RFC 9110 §12.5.3). `*` speaks for gzip only if gzip
    /// is not named. Contradictions and malformed weights mean no: a plain answer is always right.
    package var acceptsGzip: Bool {
        var named: Bool?
        var any: Bool?
        let bytes = fields.bytes
        fields.forEachElement(of: "accept-encoding") { element in
            let semicolon = bytes[element].firstIndex(of: UInt8(ascii: ";")) ?? element.upperBound
            let coding = bytes.trimmingBlanks(element.lowerBound..<semicolon)
            let isWelcome = bytes.hasWeight(in: semicolon..<element.upperBound)
            if bytes.equalsIgnoringCase("gzip", in: coding)
                || bytes.equalsIgnoringCase("x-gzip", in: coding)
            {
                named = isWelcome && named != false
            } else if bytes.equalsIgnoringCase("*", in: coding) {
                any = isWelcome && any != false
            }
        }
        return named ?? any ?? false
    }

    /// Reads a complete head, its empty line included.
    init(_ bytes: [UInt8], limits: HTTPLimits) throws(HTTPViolation) {
        let line = try RequestLine(bytes)
        let fields = try HeaderFields(bytes, in: line.end..<bytes.count - 2)

        var framing = Framing()
        var hostCount = 0
        var hasHost = true
        var expects100 = false
        var expectsOther = false
        for field in fields.fields {
            switch field.name.count {
            case 4 where bytes.equalsIgnoringCase("host", in: field.name):
                hostCount += 1
                hasHost = hasHost && bytes[field.value].allSatisfy(\.isAuthorityCharacter)
            case 6 where bytes.equalsIgnoringCase("expect", in: field.name):
                let is100 = bytes.equalsIgnoringCase("100-continue", in: field.value)
                expects100 = expects100 || is100
                expectsOther = expectsOther || !is100
            default:
                framing.note(field, of: fields)
            }
        }
        guard hasHost, hostCount == 1 || hostCount == 0 && line.isVersion1_0 else {
            throw .badRequest(hostCount == 0 ? "missing Host header" : "invalid Host header")
        }
        try Self.check(framing, isVersion1_0: line.isVersion1_0, limits: limits)
        // HTTP/1.0 has no expectations: they are ignored there (RFC 9110 §10.1.1).
        if expectsOther, !line.isVersion1_0 {
            throw HTTPViolation(status: 417, reason: "expectation failed")
        }

        method = line.method
        path = line.path
        isVersion1_0 = line.isVersion1_0
        keepsAlive = !framing.closes && (framing.keepsAlive || !line.isVersion1_0)
        isChunked = framing.coding == .chunked
        contentLength = framing.contentLength
        expectsContinue =
            expects100 && !line.isVersion1_0 && (isChunked || framing.contentLength ?? 0 > 0)
        self.fields = fields
        methodRange = line.methodRange
        queryRange = line.queryRange
    }

    /// Refuses every framing that another reader of the same bytes might understand differently
    /// (RFC 9112 §6.3, §11.2).
    private static func check(
        _ framing: Framing, isVersion1_0: Bool, limits: HTTPLimits
    ) throws(HTTPViolation) {
        if framing.hasBadLength { throw .badRequest("invalid Content-Length") }
        if framing.coding != .none {
            if framing.contentLength != nil {
                throw .badRequest("both Transfer-Encoding and Content-Length")
            }
            if isVersion1_0 { throw .badRequest("Transfer-Encoding in HTTP/1.0") }
        }
        switch framing.coding {
        case .none, .chunked: break
        case .malformed: throw .badRequest("invalid Transfer-Encoding")
        case .unknown: throw HTTPViolation(status: 501, reason: "unsupported Transfer-Encoding")
        }
        if framing.contentLength ?? 0 > max(limits.bodyBytesMax, limits.streamedBodyBytesMax) {
            throw .bodyTooLarge
        }
    }
}

extension [UInt8] {
    /// Whether the parameters of a coding leave it a weight above 0 (RFC 9110 §12.4.2): nothing,
    /// or `;q=` and a number from 0 to 1 with at most three decimals.
    fileprivate func hasWeight(in range: Range<Int>) -> Bool {
        if range.isEmpty { return true }
        let weight = trimmingBlanks(range.dropFirst())
        guard weight.count >= 3, weight.count <= 7,
            equalsIgnoringCase("q=", in: weight.lowerBound..<weight.lowerBound + 2)
        else { return false }
        let digits = self[weight.dropFirst(2)]
        let decimals = digits.dropFirst(2)
        guard digits.count == 1 || digits[digits.startIndex + 1] == UInt8(ascii: "."),
            decimals.allSatisfy(\.isDigit)
        else { return false }
        let hasDecimals = decimals.contains { $0 != UInt8(ascii: "0") }
        switch digits.first {
        case UInt8(ascii: "0"): return hasDecimals
        case UInt8(ascii: "1"): return !hasDecimals
        default: return false
        }
    }
}
