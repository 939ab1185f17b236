// SPDX-License-Identifier: Apache-2.0

/// Why there is no answer.
public struct ClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Grows: compare with the values known, and treat others as a failure.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        private init(_ description: String) { self.description = description }

        /// No connection could be made.
        public static let cannotConnect = Self("cannot connect")
        /// The time given for the request was over.
        public static let timedOut = Self("timed out")
        /// The connection broke, or ended, before the answer was complete.
        public static let connectionLost = Self("connection lost")
        /// The request's own body could not be made to its end.
        public static let bodyFailed = Self("body failed")
        /// What came was no HTTP response, or larger than allowed.
        public static let badResponse = Self("bad response")
        /// Too many requests wait: ``APIClient/pendingMax``.
        public static let tooManyRequests = Self("too many requests")
        /// The client was closed.
        public static let closed = Self("client closed")
    }

    public let code: Code
    /// More about it, for people; may be empty.
    public let detail: String
    /// False: the server did not see the request, and it can be sent again without harm. True: it
    /// may have been carried out, or may still be.
    public let mayHaveBeenSent: Bool

    public init(_ code: Code, _ detail: String = "", mayHaveBeenSent: Bool) {
        self.code = code
        self.detail = detail
        self.mayHaveBeenSent = mayHaveBeenSent
    }

    public var description: String {
        detail.isEmpty ? code.description : "\(code): \(detail)"
    }
}
