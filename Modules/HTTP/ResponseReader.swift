// SPDX-License-Identifier: Apache-2.0

/// A whole answer.
package struct ResponseMessage: Sendable {
    package let status: Int
    /// Names in lower case, in the order received.
    package let fields: [(name: String, value: String)]
    package let body: [UInt8]
    package let keepsAlive: Bool

    package func first(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// Answers out of a byte stream, for clients (RFC 9112 §4, §6.3). Interim answers are passed over.
package struct ResponseReader: Sendable {
    private enum Stage: Sendable {
        case head
        case length(Head, Int)
        case chunkSize(Head)
        case chunkData(Head, Int)
        case trailers(Head)
        case untilEnd(Head)
    }

    private struct Head: Sendable {
        var status: Int
        var fields: [(name: String, value: String)]
        var keepsAlive: Bool
    }

    private let bodyBytesMax: Int
    private var buffer: [UInt8] = []
    private var body: [UInt8] = []
    private var stage = Stage.head
    /// The answer to a HEAD request has no body whatever it says.
    package var expectsNoBody = false

    private static let headerBytesMax = 64 << 10

    package init(bodyBytesMax: Int) { self.bodyBytesMax = bodyBytesMax }

    package mutating func receive(_ bytes: Span<UInt8>) {
        // SAFETY: the pointer is used within the closure only, for as many bytes as the span has.
        unsafe bytes.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
    }

    /// The next whole answer; nil when more bytes are needed. `atEnd` says that none will come.
    package mutating func next(atEnd: Bool = false) throws(HTTPViolation) -> ResponseMessage? {
        while true {
            switch stage {
            case .head:
                guard let lines = try takeHead() else { return nil }
                try begin(lines)
            case .length(let head, let count):
                guard buffer.count >= count else { return nil }
                body = Array(buffer.prefix(count))
                buffer.removeFirst(count)
                return finish(head)
            case .chunkSize(let head):
                guard let line = try takeLine() else { return nil }
                let digits = line.prefix { PercentCoding.digit($0) != nil }
                guard !digits.isEmpty, digits.count <= 15,
                    let size = Int(String(decoding: digits, as: UTF8.self), radix: 16)
                else { throw HTTPViolation(502, "malformed chunk size in an answer") }
                guard size <= bodyBytesMax - body.count else { throw tooLarge }
                stage = size == 0 ? .trailers(head) : .chunkData(head, size)
            case .chunkData(let head, let count):
                guard buffer.count >= count + 2 else { return nil }
                body += buffer.prefix(count)
                buffer.removeFirst(count + 2)
                stage = .chunkSize(head)
            case .trailers(let head):
                guard let line = try takeLine() else { return nil }
                if line.isEmpty { return finish(head) }
            case .untilEnd(let head):
                guard buffer.count <= bodyBytesMax else { throw tooLarge }
                guard atEnd else { return nil }
                body = buffer
                buffer = []
                return finish(head)
            }
        }
    }

    private var tooLarge: HTTPViolation {
        HTTPViolation(502, "an answer of more than \(bodyBytesMax) bytes")
    }

    private mutating func finish(_ head: Head) -> ResponseMessage {
        defer {
            body = []
            stage = .head
        }
        return ResponseMessage(
            status: head.status, fields: head.fields, body: body, keepsAlive: head.keepsAlive)
    }

    private mutating func begin(_ lines: [[UInt8]]) throws(HTTPViolation) {
        let status = String(decoding: lines[0], as: UTF8.self).split(
            separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard status.count >= 2, status[0] == "HTTP/1.1" || status[0] == "HTTP/1.0",
            status[1].utf8.count == 3, let code = Int(status[1]), code >= 100
        else { throw HTTPViolation(502, "malformed status line in an answer") }
        var fields: [(name: String, value: String)] = []
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
                throw HTTPViolation(502, "malformed field in an answer")
            }
            fields.append(
                (
                    String(decoding: line[..<colon], as: UTF8.self).lowercased(),
                    String(decoding: FieldList.trim(line[(colon + 1)...]), as: UTF8.self)
                ))
        }
        if (100...199).contains(code) { return }
        let connection = fields.first { $0.name == "connection" }?.value.lowercased() ?? ""
        let head = Head(
            status: code, fields: fields,
            keepsAlive: status[0] == "HTTP/1.1" ? connection != "close" : connection == "keep-alive")
        stage = try bodyStage(of: head)
    }

    private func bodyStage(of head: Head) throws(HTTPViolation) -> Stage {
        if expectsNoBody || head.status == 204 || head.status == 304 { return .length(head, 0) }
        if let coding = head.fields.first(where: { $0.name == "transfer-encoding" })?.value {
            guard coding.lowercased() == "chunked" else {
                throw HTTPViolation(502, "an answer with transfer coding \(coding)")
            }
            return .chunkSize(head)
        }
        guard let text = head.fields.first(where: { $0.name == "content-length" })?.value else {
            return .untilEnd(head)
        }
        guard let count = Int(text), count >= 0 else {
            throw HTTPViolation(502, "malformed Content-Length in an answer")
        }
        guard count <= bodyBytesMax else { throw tooLarge }
        return .length(head, count)
    }

    private mutating func takeHead() throws(HTTPViolation) -> [[UInt8]]? {
        var lines: [[UInt8]] = []
        var lineStart = 0
        for position in buffer.indices where buffer[position] == 0x0A {
            let end = position > lineStart && buffer[position - 1] == 0x0D ? position - 1 : position
            let line = Array(buffer[lineStart..<end])
            lineStart = position + 1
            if line.isEmpty {
                guard !lines.isEmpty else { continue }
                buffer.removeFirst(lineStart)
                return lines
            }
            lines.append(line)
        }
        guard buffer.count <= Self.headerBytesMax else {
            throw HTTPViolation(502, "an answer's header of more than \(Self.headerBytesMax) bytes")
        }
        return nil
    }

    private mutating func takeLine() throws(HTTPViolation) -> [UInt8]? {
        guard let end = buffer.firstIndex(of: 0x0A) else {
            guard buffer.count <= 8192 else {
                throw HTTPViolation(502, "an endless line in a chunked answer")
            }
            return nil
        }
        let line = Array(buffer[..<(end > 0 && buffer[end - 1] == 0x0D ? end - 1 : end)])
        buffer.removeFirst(end + 1)
        return line
    }
}
