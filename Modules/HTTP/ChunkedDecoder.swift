// SPDX-License-Identifier: Apache-2.0

/// Takes the chunked transfer coding off a body (RFC 9112 §7.1).
///
///     size ──line──▶ data ──all bytes──▶ dataEnd ──CR LF──▶ size
///      └──line with 0──▶ trailers ──empty line──▶ complete
///
/// Chunk extensions and trailers are checked, bounded, and dropped.
struct ChunkedDecoder: Sendable {
    enum Result: Equatable {
        case needsMore, complete
        case violation(HTTPViolation)
    }

    private enum State {
        case size
        case data(remaining: Int)
        case dataEnd
        case trailers
    }

    private var state = State.size
    /// Sizes announced so far.
    private(set) var bodyBytes = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerCount = 0

    /// Decodes what there is. Without `body`, the bytes are thrown away.
    mutating func decode(
        _ buffer: inout InputBuffer, into body: inout [UInt8], keepsBytes: Bool = true,
        bodyBytesMax: Int, limits: HTTPLimits
    ) -> Result {
        while true {
            switch state {
            case .size:
                guard let lineFeed = buffer.nextLineFeed() else {
                    // One more byte may be the CR.
                    return buffer.count - 1 > limits.chunkLineBytesMax
                        ? .violation(.badRequest("chunk size line too long")) : .needsMore
                }
                if let violation = startChunk(
                    buffer.take(lineFeed + 1), bodyBytesMax: bodyBytesMax, limits: limits)
                {
                    return .violation(violation)
                }
            case .data(let remaining):
                let available = min(remaining, buffer.count)
                if keepsBytes { buffer.move(available, to: &body) } else { buffer.drop(available) }
                state = available == remaining ? .dataEnd : .data(remaining: remaining - available)
                if available < remaining { return .needsMore }
            case .dataEnd:
                // Looked at as far as it came, so that a split changes nothing.
                if buffer.count > 0 && buffer[0] != .carriageReturn
                    || buffer.count > 1 && buffer[1] != .lineFeed
                {
                    return .violation(.badRequest("chunk longer than its size"))
                }
                if buffer.count < 2 { return .needsMore }
                buffer.drop(2)
                state = .size
            case .trailers:
                guard let lineFeed = buffer.nextLineFeed() else {
                    return trailerBytes + buffer.count - 1 > limits.headerBytesMax
                        ? .violation(.headerTooLarge) : .needsMore
                }
                if let end = endTrailer(buffer.take(lineFeed + 1), limits: limits) { return end }
            }
        }
    }

    private mutating func startChunk(
        _ line: [UInt8], bodyBytesMax: Int, limits: HTTPLimits
    ) -> HTTPViolation? {
        if line.count - 2 > limits.chunkLineBytesMax {
            return .badRequest("chunk size line too long")
        }
        var position = 0
        var size = 0
        while let digit = line[position].hexadecimalValue {
            // A size that does not fit is too large for any bound.
            size = size > Int.max >> 4 ? .max : size << 4 | Int(digit)
            position += 1
        }
        let end = line.count - 2
        guard position > 0, end >= position, line[end] == .carriageReturn,
            Self.isExtension(line, in: position..<end)
        else { return .badRequest("malformed chunk size") }
        extensionBytes += end - position
        if extensionBytes > limits.chunkExtensionBytesMax {
            return .badRequest("chunk extensions too long")
        }
        if size > bodyBytesMax - bodyBytes { return .bodyTooLarge }
        bodyBytes += size
        state = size == 0 ? .trailers : .data(remaining: size)
        return nil
    }

    /// Nothing, or a semicolon with blanks before it and text without control characters behind.
    private static func isExtension(_ line: [UInt8], in range: Range<Int>) -> Bool {
        if range.isEmpty { return true }
        guard let first = range.first(where: { !line[$0].isBlank }),
            line[first] == UInt8(ascii: ";")
        else { return false }
        return line[range].allSatisfy(\.isFieldValueCharacter)
    }

    private mutating func endTrailer(_ line: [UInt8], limits: HTTPLimits) -> Result? {
        if line == [.carriageReturn, .lineFeed] { return .complete }
        trailerBytes += line.count
        if trailerBytes > limits.headerBytesMax { return .violation(.headerTooLarge) }
        trailerCount += 1
        if trailerCount > limits.headerCountMax { return .violation(.tooManyFields) }
        do {
            var position = 0
            _ = try HeaderFields.field(in: line, at: &position, end: line.count)
            return position == line.count ? nil : .violation(.badRequest("malformed trailer"))
        } catch {
            return .violation(error)
        }
    }
}
