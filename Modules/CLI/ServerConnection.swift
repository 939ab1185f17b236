// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletTransport

/// Asks one of several servers, and stays with the one that answers. Blocks its caller.
///
/// Where a request may have been carried out although no answer came, only a read is put to the
/// next server: a change that is made twice is worse than one whose outcome is to be looked up.
/// So that a server that hangs does not swallow a change while others are there, each is first
/// asked whether it answers at all; so it is before what may take minutes.
final class ServerConnection {
    struct Failure: Error {
        let text: String
        let exitCode: ExitCode
        /// Nobody knows whether the request was carried out.
        var isUncertain: Bool
        /// What to try; empty where the text says it.
        var hint = ""
    }

    /// Answered by each server for itself, whoever asks.
    private static let probe = "/v1/agent/health"
    /// For a server, where there are others to ask.
    private static let probeTimeout: Duration = .seconds(5)

    let settings: ConnectionSettings
    let network: CLINetwork
    private let files: any Files
    private let responseBytesMax: Int
    /// Made when it is needed: a command that needs no server opens nothing.
    private lazy var plainStreams = network.makeStreams()
    /// Where the last answer came from.
    private var current: (address: ServerAddress, client: APIClient)?
    /// What the last secured connection was refused for.
    let lastNotice = NoticeBox()

    init(
        _ settings: ConnectionSettings, _ network: CLINetwork, _ files: any Files,
        responseBytesMax: Int
    ) {
        self.settings = settings
        self.network = network
        self.files = files
        self.responseBytesMax = responseBytesMax
    }

    /// The server that answered last, as it was named.
    var answering: String? { current?.address.description }

    func ask(
        _ method: ClientMethod, _ target: String, body: [UInt8]?, timeout: Duration
    ) throws(CLIFailure) -> Result<ClientResponse, Failure> {
        var failures: [(ServerAddress, Failure)] = []
        if let current {
            let result = send(current.client, method, target, body, settings.timeout ?? timeout)
            switch result {
            case .success(let response): return .success(response)
            case .failure(let error):
                let failure = failure(of: error, current.address)
                close()
                failures.append((current.address, failure))
                if failure.isUncertain, method != .get { return .failure(failure) }
            }
        }
        let places = settings.addresses
        for place in places where !failures.contains(where: { $0.0 == place }) {
            switch try ask(place, isOneOfMany: places.count > 1, method, target, body, timeout) {
            case .success(let response): return .success(response)
            case .failure(let failure):
                failures.append((place, failure))
                if failure.isUncertain, method != .get { return .failure(failure) }
            }
        }
        return .failure(Self.merged(failures))
    }

    /// Lets time pass on the loop.
    func wait(for duration: Duration) {
        var timer: (any LoopTimer)?
        network.perform { done in
            timer = network.loop.makeTimer(done)
            timer?.arm(at: network.loop.now + duration)
        }
        timer?.disarm()
    }

    /// Gives up what is open.
    func close() {
        guard let open = current?.client else { return }
        current = nil
        close(open)
    }

    private func ask(
        _ place: ServerAddress, isOneOfMany: Bool, _ method: ClientMethod, _ target: String,
        _ body: [UInt8]?, _ timeout: Duration
    ) throws(CLIFailure) -> Result<ClientResponse, Failure> {
        let streams = try streams(for: place)
        let limit =
            settings.timeout
            ?? (isOneOfMany && method == .get && timeout <= Invocation.timeout
                ? Self.probeTimeout : timeout)
        let addresses: [SocketAddress]
        switch resolve(place, streams) {
        case .failure(let error):
            return .failure(
                Failure(text: "\(place): \(error)", exitCode: .unable, isUncertain: false))
        case .success(let found): addresses = found
        }
        var last = Failure(
            text: "\(place): it has no address", exitCode: .unable, isUncertain: false)
        for address in addresses.prefix(4) {
            let client = APIClient(
                loop: network.loop, streams: streams, address: address, token: settings.token,
                responseBytesMax: responseBytesMax)
            if isOneOfMany, method != .get || timeout > Invocation.timeout,
                case .failure(let error) = send(client, .get, Self.probe, nil, Self.probeTimeout)
            {
                last = failure(of: error, place)
                last.isUncertain = false
                close(client)
                continue
            }
            switch send(client, method, target, body, limit) {
            case .success(let response):
                current = (place, client)
                return .success(response)
            case .failure(let error):
                last = failure(of: error, place)
                close(client)
                if last.isUncertain { return .failure(last) }
            }
        }
        return .failure(last)
    }

    private func close(_ client: APIClient) {
        network.perform { done in
            client.close()
            done()
        }
    }

    private func send(
        _ client: APIClient, _ method: ClientMethod, _ target: String, _ body: [UInt8]?,
        _ timeout: Duration
    ) -> Result<ClientResponse, ClientError> {
        lastNotice.text = nil
        var outcome: Result<ClientResponse, ClientError>?
        network.perform { done in
            client.send(method, target, body: body, timeout: timeout) { result in
                outcome = result
                done()
            }
        }
        guard let outcome else { preconditionFailure("a request that ended without an outcome") }
        return outcome
    }

    func resolve(
        _ place: ServerAddress, _ streams: any Streams
    ) -> Result<[SocketAddress], TransportError> {
        guard case .host(let host, let port) = place.place else {
            guard case .unix(let path) = place.place else { return .success([]) }
            return .success([.unix(path: path)])
        }
        if let numeric = SocketAddress(host: host, port: port) { return .success([numeric]) }
        var outcome: Result<[SocketAddress], TransportError>?
        network.perform { done in
            streams.resolve(host: host, port: port) { result in
                outcome = result
                done()
            }
        }
        guard let outcome else {
            preconditionFailure("a name that was neither found nor not found")
        }
        return outcome
    }

    func streams(for place: ServerAddress) throws(CLIFailure) -> any Streams {
        guard place.isSecured else { return plainStreams }
        let material = try settings.security.material(files)
        do throws(SecurityError) {
            return try network.security.secure(
                plainStreams, on: network.loop,
                policy: settings.security.policy(for: place.hostName), material: material
            ) { [lastNotice] notice in lastNotice.text = notice.detail }
        } catch {
            let flag =
                switch error.subject {
                case .certificate: settings.security.certificatePath ?? "-client-cert"
                case .key: settings.security.keyPath ?? "-client-key"
                case .authorities: settings.security.authoritiesPath ?? "-ca-cert"
                case nil: "TLS"
                }
            throw CLIFailure("\(flag): \(error)", .unable)
        }
    }

    // MARK: Saying what went wrong

    func failure(of error: ClientError, _ place: ServerAddress) -> Failure {
        let why: String
        var hint = ""
        switch error.code {
        case .cannotConnect:
            why = lastNotice.text ?? Self.reason(in: error.detail)
            hint = "is a server running there? -address or NOMAD_ADDR names another"
        case .timedOut:
            why = "no answer in time"
            hint = "it hangs, or has much to do; -address asks another, -timeout waits longer"
        case .connectionLost:
            why = lastNotice.text ?? "the connection ended before the answer did: \(error.detail)"
        case .badResponse: why = "its answer is no HTTP: \(error.detail)"
        default: why = "\(error)"
        }
        if place.isSecured, why.contains("certificate") {
            hint = "-ca-cert, -tls-server-name and -client-cert say who believes whom"
        }
        return Failure(
            text: "\(place): \(Text.line(why))",
            exitCode: error.code == .badResponse ? .refused : .unable,
            isUncertain: error.mayHaveBeenSent, hint: hint)
    }

    /// The client says which address it was before the reason.
    private static func reason(in detail: String) -> String {
        guard let mark = detail.lastRange(of: ": ") else { return detail }
        return String(detail[mark.upperBound...])
    }

    static func merged(_ failures: [(ServerAddress, Failure)]) -> Failure {
        if failures.count == 1 { return failures[0].1 }
        return Failure(
            text: "none of \(failures.count) servers answered: "
                + failures.map(\.1.text).joined(separator: "; "),
            exitCode: failures.contains { $0.1.exitCode == .refused } ? .refused : .unable,
            isUncertain: failures.contains { $0.1.isUncertain },
            hint: "-address or NOMAD_ADDR names others")
    }
}

/// The streams tell it, the connection reads it, both on the loop's thread.
final class NoticeBox {
    var text: String?
}

extension StringProtocol where SubSequence == Substring {
    fileprivate func lastRange(of mark: String) -> Range<Index>? { ranges(of: mark).last }
}
