// SPDX-License-Identifier: Apache-2.0

/// Bounds on what a peer may make this end hold or read. All are inclusive: a value equal to the
/// limit is accepted, one more is refused.
package struct HTTPLimits: Sendable {
    /// The request or status line without its CR LF. Beyond: 414.
    package var lineBytesMax = 8 << 10
    /// All field lines of a head with their CR LF, without the empty line. Beyond: 431. Trailers of
    /// a chunked body have the same bound, on their own.
    package var headerBytesMax = 64 << 10
    /// Field lines of a head. Beyond: 431.
    package var headerCountMax = 128
    /// The longest body of any request, without its chunk framing. Beyond: 413.
    package var bodyBytesMax = 1 << 20
    /// The longest body that may be announced at all, for requests whose bodies are read piece by
    /// piece and never held; what is below ``bodyBytesMax`` has no effect. Beyond: 413.
    package var streamedBodyBytesMax = 0
    /// Bytes held beyond one largest request: what a client sends ahead while its first request is
    /// worked on. Beyond: 400, after the complete requests before that point.
    package var pipelinedBytesMax = 256 << 10
    /// What is read and thrown away of a body that nobody wants, to keep its connection alive.
    package var discardedBytesMax = 64 << 10
    /// A chunk-size line without its CR LF, extensions included. Beyond: 400.
    package var chunkLineBytesMax = 1 << 10
    /// All chunk extensions of one body: without this bound, a client could make each byte of a
    /// body cost a whole line. Beyond: 400.
    package var chunkExtensionBytesMax = 16 << 10
    /// Empty lines before a request line (RFC 9112 §2.2 asks for at least one). Beyond: 400.
    package var blankLinesMax = 4

    package init() {}

    /// The most that is ever held unread. Sums saturate, so any setting is safe.
    var bufferedBytesMax: Int {
        [lineBytesMax, headerBytesMax, bodyBytesMax, pipelinedBytesMax].reduce(0) { sum, part in
            let (result, overflows) = sum.addingReportingOverflow(max(part, 0))
            return overflows ? .max : result
        }
    }
}

/// Why a message is refused: the status to answer with, and a text for people. The connection
/// cannot be used afterwards, since nobody can tell where the next message starts.
package struct HTTPViolation: Error, Equatable, Sendable {
    /// 400, 413, 414, 417, 431, 501 or 505; 502 where a client reads a response.
    package let status: Int
    package let reason: String

    package init(status: Int, reason: String) {
        self.status = status
        self.reason = reason
    }

    static func badRequest(_ reason: String) -> Self { Self(status: 400, reason: reason) }
    package static let bodyTooLarge = Self(status: 413, reason: "body too large")
}
