// SPDX-License-Identifier: Apache-2.0

/// Answers as bytes (RFC 9112 §4).
enum HTTPAnswer {
    static let continueBytes = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Appends one whole answer. `date` is the value of the `Date` field.
    static func write(
        _ response: APIResponse, to output: inout [UInt8], isHead: Bool, isVersion1_0: Bool,
        keepsAlive: Bool, isGzip: Bool, date: [UInt8]
    ) {
        output.append(literal: "HTTP/1.1 ")
        output.append(decimal: UInt64(clamping: response.status))
        output.append(literal: " ")
        output.append(contentsOf: reason(response.status).utf8)
        output.append(literal: "\r\n")
        switch response.content {
        case .json: output.append(literal: "Content-Type: application/json\r\n")
        case .text: output.append(literal: "Content-Type: text/plain; charset=utf-8\r\n")
        case .none: break
        }
        if isGzip { output.append(literal: "Content-Encoding: gzip\r\n") }
        output.append(literal: "Vary: Accept-Encoding\r\n")
        writeFields(of: response, to: &output)
        output.append(literal: "Date: ")
        output.append(contentsOf: date)
        output.append(literal: "\r\nContent-Length: ")
        output.append(decimal: UInt64(response.body.count))
        if !keepsAlive {
            output.append(literal: "\r\nConnection: close")
        } else if isVersion1_0 {
            output.append(literal: "\r\nConnection: keep-alive")
        }
        output.append(literal: "\r\n\r\n")
        if !isHead { output.append(contentsOf: response.body) }
    }

    private static func writeFields(of response: APIResponse, to output: inout [UInt8]) {
        if let fresh = response.freshness {
            output.append(literal: "X-Nomad-Index: ")
            output.append(decimal: fresh.index)
            output.append(
                literal: fresh.knowsLeader
                    ? "\r\nX-Nomad-Knownleader: true\r\nX-Nomad-Lastcontact: "
                    : "\r\nX-Nomad-Knownleader: false\r\nX-Nomad-Lastcontact: ")
            output.append(decimal: fresh.lastContactMilliseconds)
            output.append(literal: "\r\n")
        } else if let index = response.writeIndex {
            output.append(literal: "X-Nomad-Index: ")
            output.append(decimal: index)
            output.append(literal: "\r\n")
        }
        if let allow = response.allow {
            output.append(literal: "Allow: ")
            output.append(contentsOf: allow.utf8)
            output.append(literal: "\r\n")
        }
        if let seconds = response.retryAfter {
            output.append(literal: "Retry-After: ")
            output.append(decimal: UInt64(clamping: seconds))
            output.append(literal: "\r\n")
        }
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}

extension Array where Element == UInt8 {
    fileprivate mutating func append(literal: StaticString) {
        literal.withUTF8Buffer { bytes in
            // SAFETY: the buffer is the literal's own, and is read within the closure only.
            unsafe append(contentsOf: bytes)
        }
    }

    fileprivate mutating func append(decimal number: UInt64) {
        var rest = number
        let start = count
        repeat {
            append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }
}
