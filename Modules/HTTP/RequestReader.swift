// SPDX-License-Identifier: Apache-2.0

package enum RequestEvent: Sendable {
    case needsMore
    /// Once per request, before its body: the place to authorise.
    case head(RequestHead)
    /// The whole body, its transfer coding undone; follows every head.
    case body([UInt8])
    /// Answer with its status, then close. Only ``needsMore`` follows.
    case violation(HTTPViolation)
}

/// Requests out of a byte stream: a strict subset of RFC 9112. What two parsers could read in two
/// ways is refused.
///
/// ```
///   head ──────▶ body by length ──▶ head
///     │ └──────▶ chunk size ⇄ chunk data ──▶ trailers ──▶ head
///     └─ any violation ──▶ failed
/// ```
///
/// Keeps only the bytes of an incomplete request. Each byte is looked at once for the end of the
/// header, however the bytes arrive.
package struct RequestReader: Sendable {
    private enum Stage: Sendable {
        case head
        case length(Int)
        case chunkSize
        case chunkData(Int)
        case chunkEnd
        case trailers(bytes: Int)
        case failed
    }

    private let limits: HTTPLimits
    private var buffer: [UInt8] = []
    /// What is before this is consumed.
    private var start = 0
    /// What is before this holds no end of a line that was not seen yet.
    private var scanned = 0
    /// Where the line that is being looked at begins.
    private var lineStart = 0
    private var lines = 0
    private var stage = Stage.head
    private var body: [UInt8] = []

    private static let chunkLineBytesMax = 256
    private static let trailerBytesMax = 8 << 10
    /// Empty lines tolerated before a request (RFC 9112 §2.2).
    private static let emptyLinesMax = 4

    package init(limits: HTTPLimits) { self.limits = limits }

    package var bufferedBytes: Int { buffer.count - start }

    package var isMidRequest: Bool {
        if case .head = stage { bufferedBytes > 0 } else { true }
    }

    package mutating func receive(_ bytes: Span<UInt8>) {
        if case .failed = stage { return }
        // SAFETY: the pointer is used within the closure only, for as many bytes as the span has.
        unsafe bytes.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }
    }

    package mutating func next() -> RequestEvent {
        do {
            return try advance()
        } catch {
            stage = .failed
            buffer = []
            body = []
            start = 0
            return .violation(error)
        }
    }

    private mutating func advance() throws(HTTPViolation) -> RequestEvent {
        while true {
            switch stage {
            case .failed:
                return .needsMore
            case .head:
                guard let end = try findHeadEnd() else {
                    release()
                    return .needsMore
                }
                var parser = HeadParser(bytes: Array(buffer[start..<end]), limits: limits)
                let head = try parser.parse()
                consume(to: end)
                lines = 0
                try begin(head)
                return .head(head)
            case .length(let count):
                guard bufferedBytes >= count else { return .needsMore }
                let content = Array(buffer[start..<start + count])
                consume(to: start + count)
                stage = .head
                return .body(content)
            case .chunkSize:
                guard let line = try takeLine(max: Self.chunkLineBytesMax, status: 400) else {
                    return .needsMore
                }
                let size = try Self.chunkSize(line)
                guard size <= limits.bodyBytesMax - body.count else {
                    throw HTTPViolation(413, tooLarge)
                }
                stage = size == 0 ? .trailers(bytes: 0) : .chunkData(size)
            case .chunkData(let count):
                guard bufferedBytes >= count else { return .needsMore }
                body += buffer[start..<start + count]
                consume(to: start + count)
                stage = .chunkEnd
            case .chunkEnd:
                guard bufferedBytes >= 2 else { return .needsMore }
                guard buffer[start] == 0x0D, buffer[start + 1] == 0x0A else {
                    throw HTTPViolation(400, "a chunk that does not end where it should")
                }
                consume(to: start + 2)
                stage = .chunkSize
            case .trailers(let bytes):
                guard let line = try takeLine(max: Self.trailerBytesMax, status: 431) else {
                    return .needsMore
                }
                guard !line.isEmpty else {
                    let content = body
                    body = []
                    stage = .head
                    return .body(content)
                }
                guard bytes + line.count <= Self.trailerBytesMax else {
                    throw HTTPViolation(431, "trailers of more than \(Self.trailerBytesMax) bytes")
                }
                stage = .trailers(bytes: bytes + line.count)
            }
        }
    }

    private var tooLarge: String {
        "request body too large: at most \(limits.bodyBytesMax) bytes"
    }

    private mutating func begin(_ head: RequestHead) throws(HTTPViolation) {
        if head.isChunked {
            body = []
            stage = .chunkSize
        } else {
            let count = head.contentLength ?? 0
            guard count <= limits.bodyBytesMax else { throw HTTPViolation(413, tooLarge) }
            stage = .length(count)
        }
    }

    // MARK: Lines

    /// The end of the header block, after its empty line; nil while it has not come.
    private mutating func findHeadEnd() throws(HTTPViolation) -> Int? {
        while scanned < buffer.count {
            guard buffer[scanned] == 0x0A else {
                scanned += 1
                continue
            }
            let length = scanned - lineStart
            guard length > 0, buffer[scanned - 1] == 0x0D else {
                throw HTTPViolation(400, "a line that ends in LF alone")
            }
            scanned += 1
            if length == 1 {
                if lineStart == start, lines < Self.emptyLinesMax {
                    lines += 1
                    consume(to: scanned)
                    continue
                }
                try checkHead(bytes: scanned - start)
                return scanned
            }
            if lineStart == start, length - 1 > limits.lineBytesMax { throw lineTooLong }
            lineStart = scanned
        }
        if lineStart == start, buffer.count - start > limits.lineBytesMax + 1 { throw lineTooLong }
        try checkHead(bytes: buffer.count - start)
        return nil
    }

    private var lineTooLong: HTTPViolation {
        HTTPViolation(414, "request line too long: at most \(limits.lineBytesMax) bytes")
    }

    private func checkHead(bytes: Int) throws(HTTPViolation) {
        guard bytes <= limits.headerBytesMax else {
            throw HTTPViolation(
                431, "request header too large: at most \(limits.headerBytesMax) bytes")
        }
    }

    /// A whole line without its end; nil while it has not come.
    private mutating func takeLine(max: Int, status: Int) throws(HTTPViolation) -> [UInt8]? {
        let window = buffer[start..<min(buffer.count, start + max + 2)]
        guard let end = window.firstIndex(of: 0x0A) else {
            guard bufferedBytes <= max + 1 else {
                throw HTTPViolation(status, "a line of more than \(max) bytes in a chunked body")
            }
            return nil
        }
        guard end > start, buffer[end - 1] == 0x0D else {
            throw HTTPViolation(400, "a line that ends in LF alone")
        }
        let line = Array(buffer[start..<end - 1])
        consume(to: end + 1)
        return line
    }

    /// Hexadecimal digits, then perhaps an extension, which is ignored (RFC 9112 §7.1).
    private static func chunkSize(_ line: [UInt8]) throws(HTTPViolation) -> Int {
        let digits = line.prefix { $0 != UInt8(ascii: ";") && !FieldList.isSpace($0) }
        guard !digits.isEmpty, digits.count <= 15 else {
            throw HTTPViolation(400, "a chunk without a size")
        }
        let rest = line[digits.count...].drop(while: FieldList.isSpace)
        guard rest.isEmpty || rest.first == UInt8(ascii: ";"),
            rest.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
        else { throw HTTPViolation(400, "a malformed chunk size") }
        var size = 0
        for byte in digits {
            guard let digit = PercentCoding.digit(byte) else {
                throw HTTPViolation(400, "a malformed chunk size")
            }
            size = size << 4 | Int(digit)
        }
        return size
    }

    // MARK: The buffer

    /// What follows begins a line that was not looked at yet.
    private mutating func consume(to end: Int) {
        start = end
        scanned = end
        lineStart = end
        if start == buffer.count { release() }
    }

    /// Keeps an idle connection free of memory.
    private mutating func release() {
        guard start > 0 else { return }
        if start == buffer.count {
            buffer = []
        } else {
            buffer.removeFirst(start)
        }
        scanned -= start
        lineStart -= start
        start = 0
    }
}
