// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
public import MartletTransport

/// What a server answered.
public struct ClientResponse: Sendable {
    public let status: Int
    /// Names in lower case, in the order received.
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]

    public func header(_ name: String) -> String? {
        headers.first { $0.name == name.lowercased() }?.value
    }

    public var text: String { String(decoding: body, as: UTF8.self) }
}

/// Why there is no answer. Grows: compare codes, and show the description.
public struct ClientError: Error, Equatable, Sendable, CustomStringConvertible {
    public struct Code: Hashable, Sendable {
        private let name: String

        /// No connection: certainly nothing was done.
        public static let unreachable = Code(name: "unreachable")
        /// The connection ended before the answer: it may have been done.
        public static let disconnected = Code(name: "disconnected")
        /// No answer in time: it may have been done.
        public static let timedOut = Code(name: "timedOut")
        /// What came is no answer.
        public static let malformed = Code(name: "malformed")
        /// The client was closed.
        public static let closed = Code(name: "closed")
    }

    public let code: Code
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}

public enum ClientMethod: String, Sendable {
    case get = "GET"
    case head = "HEAD"
    case put = "PUT"
    case post = "POST"
    case delete = "DELETE"
}

/// A client of one server's HTTP API over the transport seam: one connection, kept alive, requests
/// one after another in order. Confined to its loop; calls back on it, once for each request, and
/// never from within ``send(_:_:body:timeout:completion:)``.
public final class APIClient: StreamHandler {
    private struct Pending {
        let method: ClientMethod
        let target: String
        let body: [UInt8]?
        let deadline: Duration
        let completion: (Result<ClientResponse, ClientError>) -> Void
    }

    private let loop: any Loop
    private let streams: any Streams
    private let address: SocketAddress
    private let token: String?

    private var queue: [Pending] = []
    private var current: Pending?
    private var stream: (any ByteStream)?
    private var isConnecting = false
    private var isClosed = false
    private var reader = ResponseReader(bodyBytesMax: APIClient.bodyBytesMax)
    private var timer: (any LoopTimer)?
    /// Counts connections: what a former one still says is not for this one.
    private var attempt = 0

    private static let bodyBytesMax = 64 << 20
    /// Requests that wait; beyond, they fail at once.
    private static let queueMax = 4096

    public init(
        loop: any Loop, streams: any Streams, address: SocketAddress, token: String? = nil
    ) {
        self.loop = loop
        self.streams = streams
        self.address = address
        self.token = token
    }

    /// Sends a request once those before it are answered.
    ///
    /// - Parameter target: path and query, percent-encoded.
    /// - Parameter timeout: from now until the whole answer is there.
    public func send(
        _ method: ClientMethod, _ target: String, body: [UInt8]? = nil, timeout: Duration,
        completion: @escaping (Result<ClientResponse, ClientError>) -> Void
    ) {
        guard !isClosed, queue.count < Self.queueMax else {
            let error = ClientError(.closed, isClosed ? "the client is closed" : "too many requests")
            return loop.atEndOfTurn { completion(.failure(error)) }
        }
        queue.append(
            Pending(
                method: method, target: target, body: body, deadline: loop.now + timeout,
                completion: completion))
        loop.atEndOfTurn { [self] in advance() }
    }

    /// Fails what is waiting, and disconnects.
    public func close() {
        guard !isClosed else { return }
        isClosed = true
        let waiting = [current].compactMap(\.self) + queue
        current = nil
        queue = []
        disconnect()
        let error = ClientError(.closed, "the client is closed")
        loop.atEndOfTurn { for request in waiting { request.completion(.failure(error)) } }
    }

    private func advance() {
        guard current == nil, !queue.isEmpty else { return }
        let request = queue.removeFirst()
        current = request
        if timer == nil { timer = loop.makeTimer { [weak self] in self?.timedOut() } }
        timer?.arm(at: request.deadline)
        if let stream { write(request, to: stream) } else { connect() }
    }

    private func connect() {
        attempt += 1
        let attempt = attempt
        isConnecting = true
        let timeout = current.map { max(.zero, $0.deadline - loop.now) } ?? .seconds(1)
        streams.connect(to: address, timeout: timeout) { [weak self] result in
            guard let self, self.attempt == attempt, !self.isClosed else {
                if case .success(let stream) = result { stream.reset() }
                return
            }
            self.isConnecting = false
            switch result {
            case .success(let stream):
                self.stream = stream
                self.reader = ResponseReader(bodyBytesMax: Self.bodyBytesMax)
                stream.handler = self
                stream.resumeReading()
                if let current = self.current { self.write(current, to: stream) }
            case .failure(let error):
                self.finish(.failure(ClientError(.unreachable, "\(self.address): \(error)")))
            }
        }
    }

    private func write(_ request: Pending, to stream: any ByteStream) {
        reader.expectsNoBody = request.method == .head
        var text = "\(request.method.rawValue) \(request.target) HTTP/1.1\r\nHost: \(address)\r\n"
        if let token { text += "X-Nomad-Token: \(token)\r\n" }
        if let body = request.body { text += "Content-Length: \(body.count)\r\n" }
        let bytes = Array((text + "\r\n").utf8) + (request.body ?? [])
        stream.write(bytes.span)
    }

    private func finish(_ result: Result<ClientResponse, ClientError>) {
        timer?.disarm()
        let request = current
        current = nil
        request?.completion(result)
        advance()
    }

    private func timedOut() {
        disconnect()
        finish(.failure(ClientError(.timedOut, "\(address): no answer in time")))
    }

    private func disconnect() {
        attempt += 1
        isConnecting = false
        let stream = stream
        self.stream = nil
        stream?.handler = nil
        stream?.reset()
    }

    public func streamReceived(_ bytes: Span<UInt8>) {
        reader.receive(bytes)
        take(atEnd: false)
    }

    private func take(atEnd: Bool) {
        do {
            guard current != nil, let message = try reader.next(atEnd: atEnd) else { return }
            if !message.keepsAlive { disconnect() }
            finish(
                .success(
                    ClientResponse(
                        status: message.status, headers: message.fields, body: message.body)))
        } catch {
            disconnect()
            finish(.failure(ClientError(.malformed, "\(address): \(error.reason)")))
        }
    }

    public func streamEnded() {
        take(atEnd: true)
        guard stream != nil else { return }
        disconnect()
        lose("the server closed the connection")
    }

    public func streamDrained() {}

    public func streamClosed(_ error: TransportError?) {
        stream = nil
        lose(error.map(\.description) ?? "the connection was closed")
    }

    private func lose(_ reason: String) {
        guard current != nil else { return }
        finish(.failure(ClientError(.disconnected, "\(address): \(reason)")))
    }
}
