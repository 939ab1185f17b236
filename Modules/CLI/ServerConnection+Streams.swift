// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletTransport

/// An answer that is read as it comes. Blocks its caller.
final class OpenAnswer {
    let head: ClientResponse
    /// `Content-Length`, if it was told.
    let length: Int?
    /// The server that answers, as it was named.
    let place: String
    private let source: any ByteSource
    private let network: CLINetwork

    fileprivate init(_ stream: ClientStream, from place: ServerAddress, _ network: CLINetwork) {
        head = stream.head
        length = stream.length
        source = stream.body
        self.place = place.description
        self.network = network
    }

    /// The next piece; a failure when nothing has come for so long.
    func next(within silenceMax: Duration) -> SourcePiece {
        var taken: SourcePiece?
        var timer: (any LoopTimer)?
        network.perform { [source, network] done in
            timer = network.loop.makeTimer {
                guard taken == nil else { return }
                source.cancel()
                taken = .failed("nothing has come for \(silenceMax)")
                done()
            }
            timer?.arm(at: network.loop.now + silenceMax)
            source.next { piece in
                guard taken == nil else { return }
                taken = piece
                // Never from within the call that turns the loop.
                network.loop.atEndOfTurn(done)
            }
        }
        timer?.disarm()
        guard let taken else { preconditionFailure("a piece that neither came nor failed") }
        return taken
    }

    /// All of it, up to a bound; what is beyond is left out.
    func text(bytesMax: Int, within silenceMax: Duration) -> [UInt8] {
        var all: [UInt8] = []
        while all.count < bytesMax, case .bytes(let bytes) = next(within: silenceMax) {
            all += bytes
        }
        close()
        return Array(all.prefix(bytesMax))
    }

    /// Ends the connection.
    func close() {
        network.perform { [source, network] done in
            source.cancel()
            network.loop.atEndOfTurn(done)
        }
    }
}

extension ServerConnection {
    /// Opens an answer that is read as it comes, at the first server that gives one. Where a body goes
    /// along, only one server is asked: it cannot be read from its beginning again.
    ///
    /// - Parameter silenceMax: how long nothing may move before the answer begins.
    func open(
        _ method: ClientMethod, _ target: String, body: ClientUpload? = nil, silenceMax: Duration
    ) throws(CLIFailure) -> Result<OpenAnswer, Failure> {
        var failures: [(ServerAddress, Failure)] = []
        for place in settings.addresses {
            let streams = try streams(for: place)
            let addresses: [SocketAddress]
            switch resolve(place, streams) {
            case .success(let found): addresses = found
            case .failure(let error):
                failures.append(
                    (
                        place,
                        Failure(
                            text: "\(place): \(error)", exitCode: .unable, isUncertain: false)
                    ))
                continue
            }
            for address in addresses.prefix(4) {
                let client = APIClient(
                    loop: network.loop, streams: streams, address: address, token: settings.token)
                switch open(client, method, target, body, silenceMax) {
                case .success(let stream):
                    return .success(OpenAnswer(stream, from: place, network))
                case .failure(let error):
                    let failure = failure(of: error, place)
                    failures.append((place, failure))
                    if body != nil, failure.isUncertain { return .failure(failure) }
                }
            }
        }
        return .failure(Self.merged(failures))
    }

    private func open(
        _ client: APIClient, _ method: ClientMethod, _ target: String, _ body: ClientUpload?,
        _ silenceMax: Duration
    ) -> Result<ClientStream, ClientError> {
        lastNotice.text = nil
        var outcome: Result<ClientStream, ClientError>?
        network.perform { done in
            client.open(method, target, body: body, silenceMax: silenceMax) { result in
                outcome = result
                done()
            }
        }
        guard let outcome else { preconditionFailure("a request that ended without an outcome") }
        return outcome
    }
}

extension Invocation {
    /// An answer of status 200 that is read as it comes.
    func openAnswer(
        _ path: String, query: [(String, String)], failing: String
    ) throws(CLIFailure) -> OpenAnswer {
        let settings = try settings()
        let connection = connection(settings)
        let target = Target.text(
            path, query, region: settings.region, namespace: settings.namespace)
        let silenceMax = settings.timeout ?? Self.timeout
        switch try connection.open(.get, target, silenceMax: silenceMax) {
        case .success(let answer):
            guard answer.head.status == 200 else {
                let body = answer.text(bytesMax: 4 << 10, within: silenceMax)
                throw refusal(
                    ClientResponse(
                        status: answer.head.status, headers: answer.head.headers, body: body),
                    failing: failing)
            }
            return answer
        case .failure(let failure):
            let hint = failure.hint.isEmpty ? "" : ": \(failure.hint)"
            throw CLIFailure("\(failing): \(failure.text)\(hint)", failure.exitCode)
        }
    }

    /// Hands out the lines of a live answer as they come, heartbeats left out, until there are no more
    /// or nobody reads the output.
    ///
    /// - Throws: exit code 1, since such an answer has no end of its own.
    func follow(
        _ answer: OpenAnswer, failing: String, line take: ([UInt8]) throws(CLIFailure) -> Void
    ) throws(CLIFailure) {
        defer { answer.close() }
        var rest: [UInt8] = []
        while !environment.isOutputClosed() {
            switch answer.next(within: Self.silenceMax) {
            case .bytes(let bytes):
                rest += bytes
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = Array(rest[..<end])
                    rest.removeFirst(end + 1)
                    if line != Array("{}".utf8) { try take(line) }
                }
                guard rest.count <= Self.lineBytesMax else {
                    throw CLIFailure("\(failing): a line without an end", .refused)
                }
            case .end:
                throw CLIFailure("\(failing): \(answer.place) ended the stream", .unable)
            case .failed(let reason):
                throw CLIFailure(
                    "\(failing): the stream of \(answer.place) broke off: \(Text.line(reason))",
                    .unable)
            }
        }
    }

    /// A heartbeat comes every ten seconds.
    private static let silenceMax: Duration = .seconds(35)
    private static let lineBytesMax = 16 << 20
}
