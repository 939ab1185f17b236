// SPDX-License-Identifier: Apache-2.0

/// Bounds on what one request may hold of a server.
package struct HTTPLimits: Sendable {
    /// The request line, without its end; beyond: 414.
    package var lineBytesMax = 8 << 10
    /// Request line and fields together; beyond: 431.
    package var headerBytesMax = 64 << 10
    package var headerCountMax = 128
    /// The body after its transfer coding is undone; beyond: 413.
    package var bodyBytesMax = 1 << 20

    package init() {}
}

/// Why a request is not one. The connection is of no use afterwards.
package struct HTTPViolation: Error, Equatable, Sendable {
    package let status: Int
    package let reason: String

    package init(_ status: Int, _ reason: String) {
        self.status = status
        self.reason = reason
    }
}
