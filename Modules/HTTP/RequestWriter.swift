// SPDX-License-Identifier: Apache-2.0

/// Writes the requests of one connection.
package struct RequestWriter: Sendable {
    /// The request's field lines that never change.
    private let fixedLines: [UInt8]

    /// - Parameters:
    ///   - host: the value for `Host`: a name or an address, and the port.
    ///   - headers: sent with each request. Characters that a field cannot hold are replaced.
    package init(host: String, headers: [HeaderField]) {
        var lines: [UInt8] = []
        lines.reserveCapacity(128)  // Enough for most.
        for field in [HeaderField("Host", host)] + headers {
            lines.append(fieldName: field.name)
            lines.append(": ")
            lines.append(fieldValue: field.value)
            lines.append("\r\n")
        }
        fixedLines = lines
    }

    /// Appends a request. A byte that a target cannot hold is percent-encoded, so that nothing in
    /// it can end the line; an empty target is `/`.
    ///
    /// - Parameter body: nil for none. PUT, POST and PATCH tell a length in any case.
    /// - Precondition: `method` is not ``RequestHead/Method/other``.
    package func write(
        _ method: RequestHead.Method, _ target: String, body: [UInt8]?, to output: inout [UInt8]
    ) {
        writeLines(method, target, to: &output)
        if body != nil || [.put, .post, .patch].contains(method) {
            output.append("Content-Length: ")
            output.append(decimal: body?.count ?? 0)
            output.append("\r\n")
        }
        output.append("\r\n")
        if let body { output.append(contentsOf: body) }
    }

    /// Appends the head of a request whose body follows piece by piece, through what is returned, and
    /// which is the last on its connection.
    ///
    /// - Parameter length: bytes of the whole body; nil if that is not known.
    package func writeHead(
        _ method: RequestHead.Method, _ target: String, length: Int?, to output: inout [UInt8]
    ) -> BodyWriter {
        writeLines(method, target, to: &output)
        output.append("Connection: close\r\n")
        if let length {
            output.append("Content-Length: ")
            output.append(decimal: length)
        } else {
            output.append("Transfer-Encoding: chunked")
        }
        output.append("\r\n\r\n")
        return BodyWriter(length: length)
    }

    /// The same for a request without a body, whose answer is read piece by piece.
    package func writeHead(
        _ method: RequestHead.Method, _ target: String, to output: inout [UInt8]
    ) {
        writeLines(method, target, to: &output)
        output.append("Connection: close\r\n\r\n")
    }

    private func writeLines(
        _ method: RequestHead.Method, _ target: String, to output: inout [UInt8]
    ) {
        // Most of them begin with nothing there, and have no more than this beside a body.
        if output.isEmpty { output.reserveCapacity(128 + target.utf8.count + fixedLines.count) }
        output.append(Self.text(method))
        output.append(" ")
        if target.isEmpty { output.append("/") }
        if Self.needsNoEscape(target) {
            output.append(contentsOf: target.utf8)
        } else {
            for byte in target.utf8 { Self.append(targetByte: byte, to: &output) }
        }
        output.append(" HTTP/1.1\r\n")
        output.append(contentsOf: fixedLines)
    }

    private static func needsNoEscape(_ target: String) -> Bool {
        let bytes = target.utf8.span
        for position in bytes.indices where !isPlain(bytes[position]) { return false }
        return true
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte.isVisibleASCII && byte != UInt8(ascii: "#")
    }

    private static func append(targetByte byte: UInt8, to output: inout [UInt8]) {
        if isPlain(byte) { return output.append(byte) }
        output.append(UInt8(ascii: "%"))
        for digit in [byte >> 4, byte & 15] {
            output.append(digit < 10 ? 0x30 + digit : 0x41 - 10 + digit)
        }
    }

    private static func text(_ method: RequestHead.Method) -> StaticString {
        switch method {
        case .get: "GET"
        case .head: "HEAD"
        case .put: "PUT"
        case .post: "POST"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .options: "OPTIONS"
        case .connect: "CONNECT"
        case .trace: "TRACE"
        case .other: preconditionFailure("a method without a name cannot be sent")
        }
    }
}
