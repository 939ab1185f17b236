// SPDX-License-Identifier: Apache-2.0

internal import MartletHTTP

/// What a request does (RFC 9110 §9.3).
public enum ClientMethod: Sendable, Equatable {
    case get, head, put, post, delete

    /// Whether a request may be sent a second time when nobody knows what became of the first. PUT
    /// and DELETE are not counted in, idempotent as they are: between the two, another client may
    /// have written.
    var isRepeatable: Bool {
        switch self {
        case .get, .head: true
        case .put, .post, .delete: false
        }
    }

    var method: RequestHead.Method {
        switch self {
        case .get: .get
        case .head: .head
        case .put: .put
        case .post: .post
        case .delete: .delete
        }
    }
}

/// An answer, whatever its status.
public struct ClientResponse: Sendable, Equatable {
    public struct Header: Sendable, Equatable {
        public let name: String
        public let value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// 200 to 599.
    public let status: Int
    /// As they came, in order.
    public let headers: [Header]
    /// Without chunk framing. Empty for HEAD.
    public let body: [UInt8]

    public init(status: Int, headers: [Header], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The value of the first field of that name, whatever its case.
    public func header(_ name: String) -> String? {
        let name = name.lowercased()
        return headers.first { $0.name.lowercased() == name }?.value
    }
}
