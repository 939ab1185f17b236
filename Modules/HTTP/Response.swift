// SPDX-License-Identifier: Apache-2.0

/// One header field of an answer.
package struct HeaderField: Sendable, Equatable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What the framing of an answer depends on in its request.
package struct ResponseFraming: Sendable, Equatable {
    /// Answers to HEAD have the header of GET and no body.
    package var isHead: Bool
    package var isVersion1_0: Bool
    /// False makes this the last answer on its connection.
    package var keepsAlive: Bool

    package init(isHead: Bool, isVersion1_0: Bool, keepsAlive: Bool) {
        self.isHead = isHead
        self.isVersion1_0 = isVersion1_0
        self.keepsAlive = keepsAlive
    }

    /// For an answer to what could not be read.
    package static let closing = Self(isHead: false, isVersion1_0: false, keepsAlive: false)
}

extension RequestHead {
    package var framing: ResponseFraming {
        ResponseFraming(isHead: method == .head, isVersion1_0: isVersion1_0, keepsAlive: keepsAlive)
    }
}

/// An answer, complete with its body.
package struct Response: Sendable, Equatable {
    package enum ContentType: Sendable, Equatable {
        case none
        /// `application/json`
        case json
        /// `text/plain; charset=utf-8`
        case text
        /// `application/x-gzip`: a file, as opposed to ``Response/contentEncodingGzip``.
        case gzip
        case other(String)
    }

    /// 200 to 599.
    package var status: Int
    package var contentType: ContentType
    /// Beyond those that the writer makes itself. Fields that frame the message
    /// (`Content-Length`, `Transfer-Encoding`, `Connection`) are left out if they stand here.
    package var headers: [HeaderField]
    package var body: [UInt8]
    /// Whether ``body`` is gzip-coded.
    package var contentEncodingGzip: Bool

    package init(
        status: Int, contentType: ContentType = .none, headers: [HeaderField] = [],
        body: [UInt8] = [], contentEncodingGzip: Bool = false
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
        self.contentEncodingGzip = contentEncodingGzip
    }

    /// A plain text: an error's bare message, without a line end.
    package init(status: Int, text: String, headers: [HeaderField] = []) {
        self.init(
            status: status, contentType: .text, headers: headers, body: Array(text.utf8))
    }

    /// The answer to what could not be read; sent with ``ResponseFraming/closing``.
    package init(_ violation: HTTPViolation) {
        self.init(status: violation.status, text: violation.reason)
    }
}
