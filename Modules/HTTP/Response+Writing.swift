// SPDX-License-Identifier: Apache-2.0

extension Response {
    /// Tells a client that ``RequestHead/expectsContinue`` to send its body.
    package static let continueBytes = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Appends the whole message. Besides the output's growth nothing is allocated, unless there are
    /// fields in ``headers``.
    ///
    /// - Parameter dateHeader: the value of `Date`, such as the bytes of
    ///   ``HTTPDate/format(unixSeconds:)``; left out if empty.
    package func write(
        to output: inout [UInt8], for framing: ResponseFraming, dateHeader: [UInt8]
    ) {
        writeFields(to: &output, for: framing, dateHeader: dateHeader)
        // These have no body, and 204 must not tell a length (RFC 9110 §8.6); 304 may leave it out.
        if status == 204 || status == 304 {
            output.append("\r\n\r\n")
            return
        }
        output.append("\r\nContent-Length: ")
        output.append(decimal: body.count)
        output.append("\r\n\r\n")
        if !framing.isHead { output.append(contentsOf: body) }
    }

    /// Appends the head of an answer whose body follows piece by piece; ``body`` is left out.
    ///
    /// - Parameter length: bytes of the whole body; nil if that is not known. Where HTTP/1.0 has no
    ///   other way to tell the end, `framing` turns into that of the last answer.
    /// - Precondition: the status is one that has a body.
    package func writeHead(
        to output: inout [UInt8], for framing: inout ResponseFraming, length: Int?,
        dateHeader: [UInt8]
    ) -> BodyWriter {
        precondition(status != 204 && status != 304, "a body for status \(status)")
        if length == nil, framing.isVersion1_0 { framing.keepsAlive = false }
        writeFields(to: &output, for: framing, dateHeader: dateHeader)
        if let length {
            output.append("\r\nContent-Length: ")
            output.append(decimal: length)
        } else if !framing.isVersion1_0 {
            output.append("\r\nTransfer-Encoding: chunked")
        }
        output.append("\r\n\r\n")
        return BodyWriter(for: framing, length: length)
    }

    /// The status line and all fields but those that tell the body's length.
    private func writeFields(
        to output: inout [UInt8], for framing: ResponseFraming, dateHeader: [UInt8]
    ) {
        output.append("HTTP/1.1 ")
        output.append(decimal: status)
        output.append(reasonPhrase(ofStatus: status))
        output.append("\r\nVary: Accept-Encoding")
        if !dateHeader.isEmpty {
            output.append("\r\nDate: ")
            output.append(contentsOf: dateHeader)
        }
        writeContentType(to: &output)
        if contentEncodingGzip { output.append("\r\nContent-Encoding: gzip") }
        for field in headers { write(field, to: &output) }
        if !framing.keepsAlive {
            output.append("\r\nConnection: close")
        } else if framing.isVersion1_0 {
            output.append("\r\nConnection: keep-alive")
        }
    }

    private func writeContentType(to output: inout [UInt8]) {
        switch contentType {
        case .none: break
        case .json: output.append("\r\nContent-Type: application/json")
        case .text: output.append("\r\nContent-Type: text/plain; charset=utf-8")
        case .gzip: output.append("\r\nContent-Type: application/x-gzip")
        case .other(let type):
            output.append("\r\nContent-Type: ")
            output.append(fieldValue: type)
        }
    }

    private func write(_ field: HeaderField, to output: inout [UInt8]) {
        if field.isFraming { return }
        output.append("\r\n")
        output.append(fieldName: field.name)
        output.append(": ")
        output.append(fieldValue: field.value)
    }
}

extension HeaderField {
    /// Whether the writer makes this field itself. Most names are told by their length.
    fileprivate var isFraming: Bool {
        switch name.utf8.count {
        case 0: true
        case 10, 14, 17:
            ["connection", "content-length", "transfer-encoding"].contains(name.lowercased())
        default: false
        }
    }
}

extension [UInt8] {
    /// Appends a field's value. What could end the line, or is not allowed, becomes `?`: a value
    /// that came from a request can never add a field.
    mutating func append(fieldValue text: String) {
        let start = count
        append(contentsOf: text.utf8)
        for position in start..<count where !self[position].isFieldValueCharacter {
            self[position] = UInt8(ascii: "?")
        }
    }

    mutating func append(fieldName text: String) {
        let start = count
        append(contentsOf: text.utf8)
        for position in start..<count where !self[position].isTokenCharacter {
            self[position] = UInt8(ascii: "-")
        }
    }
}

/// A space and the phrase (RFC 9110 §15, RFC 6585); a space alone for other codes, as the status
/// line's grammar asks.
private func reasonPhrase(ofStatus status: Int) -> StaticString {
    switch status {
    case 200: " OK"
    case 201: " Created"
    case 202: " Accepted"
    case 204: " No Content"
    case 301: " Moved Permanently"
    case 302: " Found"
    case 304: " Not Modified"
    case 307: " Temporary Redirect"
    case 308: " Permanent Redirect"
    case 400: " Bad Request"
    case 401: " Unauthorized"
    case 403: " Forbidden"
    case 404: " Not Found"
    case 405: " Method Not Allowed"
    case 406: " Not Acceptable"
    case 408: " Request Timeout"
    case 409: " Conflict"
    case 411: " Length Required"
    case 412: " Precondition Failed"
    case 413: " Content Too Large"
    case 414: " URI Too Long"
    case 415: " Unsupported Media Type"
    case 417: " Expectation Failed"
    case 422: " Unprocessable Content"
    case 429: " Too Many Requests"
    case 431: " Request Header Fields Too Large"
    case 500: " Internal Server Error"
    case 501: " Not Implemented"
    case 502: " Bad Gateway"
    case 503: " Service Unavailable"
    case 504: " Gateway Timeout"
    case 505: " HTTP Version Not Supported"
    default: " "
    }
}
