// SPDX-License-Identifier: Apache-2.0

internal import MartletHTTP
internal import MartletTransport

/// One connection of a client: turns its bytes into answers. Confined to the loop.
final class ClientConnection: StreamHandler {
    /// What a turn of reading brought.
    struct Outcome {
        var answer: (head: ResponseHead, body: [UInt8])?
        /// Why the connection is of no use any more, if it broke a rule or the peer ended it.
        var failure: ClientError?
    }

    let stream: any ByteStream
    /// Nil once the client is done with this connection: what still comes is for nobody.
    weak var client: APIClient?

    private var reader: ResponseReader
    /// Whether a request was answered on it: only then may its end mean that the server had closed
    /// it before the next request came.
    private(set) var hasAnswered = false
    /// Whether anything came since the last request.
    private(set) var hasReceived = false

    init(_ stream: any ByteStream, client: APIClient, limits: HTTPLimits) {
        self.stream = stream
        self.client = client
        reader = ResponseReader(limits: limits)
    }

    /// Whether a request can be sent.
    var isIdle: Bool { reader.isIdle }

    func send(_ request: [UInt8], isHead: Bool) {
        hasReceived = false
        reader.expectResponse(toHead: isHead)
        stream.write(request.span)
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        guard let client else { return }
        hasReceived = hasReceived || !bytes.isEmpty
        reader.receive(bytes)
        client.connection(self, brought: drain(failureCode: .badResponse))
    }

    func streamEnded() {
        guard let client else { return }
        reader.receiveEnd()
        var outcome = drain(failureCode: .connectionLost)
        if outcome.failure == nil {
            outcome.failure = ClientError(
                .connectionLost, "closed by the server", mayHaveBeenSent: true)
        }
        client.connection(self, brought: outcome)
    }

    func streamDrained() {
        // Requests are not held back: one at a time is written.
    }

    func streamClosed(_ error: TransportError?) {
        let detail = error?.description ?? "closed"
        client?.connection(
            self,
            brought: Outcome(
                failure: ClientError(.connectionLost, detail, mayHaveBeenSent: true)))
    }

    /// Reads all that came before anything is told: bytes behind an answer must not pass for the
    /// answer to the next request.
    private func drain(failureCode: ClientError.Code) -> Outcome {
        var outcome = Outcome()
        while true {
            switch reader.next() {
            case .needsMore: return outcome
            case .head, .piece, .end:
                preconditionFailure("an answer in pieces that was asked for whole")
            case .response(let head, let body):
                outcome.answer = (head, body)
                hasAnswered = true
            case .failed(let violation):
                outcome.failure = ClientError(
                    failureCode, violation.reason, mayHaveBeenSent: true)
            }
        }
    }
}
