// SPDX-License-Identifier: Apache-2.0

public import MartletTransport

/// A request's body that is sent as it is made.
public struct ClientUpload {
    public let source: any ByteSource
    /// Bytes of all of it; nil if that is not known.
    public let length: Int?

    public init(_ source: any ByteSource, length: Int?) {
        self.source = source
        self.length = length
    }
}

/// An answer whose body is still coming.
public struct ClientStream {
    /// Its status and headers; without a body, whatever its status.
    public let head: ClientResponse
    /// The body without chunk framing. It ends with a failure when the connection breaks before the
    /// whole has come. Between two pieces nothing is read, and the server is slowed.
    public let body: any ByteSource

    /// `Content-Length`, if the server has told it.
    public var length: Int? { head.header("Content-Length").flatMap { Int($0) } }
}

extension APIClient {
    /// Sends one request on a connection of its own, and gives its answer as it comes: both bodies may
    /// be of any length, and neither is held. Other requests of this client go on beside it. It is sent
    /// once, and never a second time.
    ///
    /// - Parameters:
    ///   - body: nil for none. When the answer comes before its end, the rest is not sent.
    ///   - silenceMax: how long nothing may move before the answer's head has come: connecting, a body
    ///     that goes on, the server's work. What follows the head has the time that its taker gives it.
    ///   - completion: called once, later than this call, unless the returned request is cancelled: with
    ///     any answer as a success, whatever its status.
    /// - Returns: what ends the request, if it is to end before `completion` is called.
    @discardableResult
    public func open(
        _ method: ClientMethod, _ target: String, body: ClientUpload?, silenceMax: Duration,
        completion: @escaping (Result<ClientStream, ClientError>) -> Void
    ) -> StreamedRequest {
        let request = StreamedRequest(
            loop: loop, body: body, silenceMax: silenceMax, completion: completion)
        request.start(method, target, to: address, streams: streams, writer: writer)
        return request
    }
}
