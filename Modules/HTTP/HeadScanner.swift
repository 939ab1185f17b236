// SPDX-License-Identifier: Apache-2.0

/// Finds the end of a message's head, line by line, and stops it at its bounds. Each decision
/// depends on the bytes up to some position alone, so it makes no difference how they were split
/// on their way.
struct HeadScanner: Sendable {
    enum Result {
        case needsMore
        /// The head with its empty line is this long.
        case complete(length: Int)
        case violation(HTTPViolation)
    }

    private var lineStart = 0
    /// Nil while the first line is not complete.
    private var fieldsStart: Int?
    private var fieldCount = 0
    private var blankLines = 0

    mutating func scan(_ buffer: inout InputBuffer, limits: HTTPLimits) -> Result {
        while true {
            // Tells a peer that speaks TLS or nonsense at once, not at a time-out.
            if fieldsStart == nil, buffer.count > 0, !buffer[0].isTokenCharacter,
                buffer[0] != .carriageReturn
            {
                return .violation(.badRequest("not HTTP"))
            }
            guard let lineFeed = buffer.nextLineFeed() else {
                return boundsOfUnfinishedLine(available: buffer.count, limits: limits)
            }
            if let end = end(ofLineAt: lineFeed, in: &buffer, limits: limits) { return end }
        }
    }

    private mutating func end(
        ofLineAt lineFeed: Int, in buffer: inout InputBuffer, limits: HTTPLimits
    ) -> Result? {
        let isEmpty = lineFeed == lineStart + 1 && buffer[lineStart] == .carriageReturn
        let endsWell = lineFeed > lineStart && buffer[lineFeed - 1] == .carriageReturn
        guard let fieldsStart else {
            if lineFeed - lineStart - 1 > limits.lineBytesMax { return .violation(.lineTooLong) }
            if !endsWell { return .violation(.bareLineFeed) }
            if isEmpty {
                blankLines += 1
                buffer.drop(2)
                return blankLines > limits.blankLinesMax
                    ? .violation(.badRequest("too many empty lines")) : nil
            }
            lineStart = lineFeed + 1
            self.fieldsStart = lineStart
            return nil
        }
        if isEmpty { return .complete(length: lineFeed + 1) }
        if lineFeed + 1 - fieldsStart > limits.headerBytesMax {
            return .violation(.headerTooLarge)
        }
        if !endsWell { return .violation(.bareLineFeed) }
        fieldCount += 1
        if fieldCount > limits.headerCountMax { return .violation(.tooManyFields) }
        lineStart = lineFeed + 1
        return nil
    }

    /// One byte over a bound may still be the CR of a line, or of the empty line, that ends there.
    private func boundsOfUnfinishedLine(available: Int, limits: HTTPLimits) -> Result {
        if let fieldsStart {
            available - fieldsStart - 1 > limits.headerBytesMax
                ? .violation(.headerTooLarge) : .needsMore
        } else {
            available - lineStart - 1 > limits.lineBytesMax ? .violation(.lineTooLong) : .needsMore
        }
    }
}

extension HTTPViolation {
    static let lineTooLong = Self(status: 414, reason: "start line too long")
    static let headerTooLarge = Self(status: 431, reason: "header too large")
    static let tooManyFields = Self(status: 431, reason: "too many header fields")
    static let bareLineFeed = Self.badRequest("line feed without carriage return")
}
