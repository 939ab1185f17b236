// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletJSON
import MartletTransport

/// One run of a command: what was typed, the world, and the way to the servers.
package final class Invocation {
    package let command: Command
    package let values: CommandLineValues
    package let environment: CLIEnvironment
    package let tree: CommandTree
    let style: Style
    private var connection: ServerConnection?

    static let timeout: Duration = .seconds(10)
    /// Of what a server may work on before it says a word: a state of gigabytes, all that has ended.
    static let longTimeout: Duration = .seconds(600)

    init(
        _ command: Command, _ values: CommandLineValues, _ environment: CLIEnvironment,
        _ tree: CommandTree
    ) {
        self.command = command
        self.values = values
        self.environment = environment
        self.tree = tree
        style = Style(values, environment)
    }

    func close() { connection?.close() }

    // MARK: Telling

    func write(_ text: String) { environment.writeOutput(Array(text.utf8)) }

    func line(_ text: String) { write(text + "\n") }

    /// Beside the output: what is good to know, and does not belong into a pipe.
    func note(_ text: String) { environment.writeError(text + "\n") }

    // MARK: Asking

    /// An answer, whatever its status.
    ///
    /// - Parameters:
    ///   - query: names and values, not encoded.
    ///   - headers: as the first request of a command has them, so have all.
    ///   - inRegion: the region that was asked for goes along; false for a path that names one.
    ///   - failing: begins the line that says what did not work.
    func response(
        _ method: ClientMethod, _ path: String, query: [(String, String)] = [],
        body: [UInt8]? = nil, headers: [ClientResponse.Header] = [],
        timeout: Duration = Invocation.timeout, inRegion: Bool = true, failing: String
    ) throws(CLIFailure) -> ClientResponse {
        var settings = try settings()
        settings.headers = headers
        let connection = connection(settings)
        let target = Target.text(
            path, query, region: inRegion ? settings.region : nil, namespace: settings.namespace)
        switch try connection.ask(method, target, body: body, timeout: timeout) {
        case .success(let response): return response
        case .failure(let failure):
            let isSure = method == .get || !failure.isUncertain
            let hint = isSure ? failure.hint : "it may have been carried out: look, then try again"
            throw CLIFailure(
                "\(failing): \(failure.text)" + (hint.isEmpty ? "" : ": \(hint)"), failure.exitCode)
        }
    }

    /// An answer of status 200.
    func success(
        _ method: ClientMethod, _ path: String, query: [(String, String)] = [],
        body: [UInt8]? = nil, timeout: Duration = Invocation.timeout, failing: String
    ) throws(CLIFailure) -> ClientResponse {
        let response = try response(
            method, path, query: query, body: body, timeout: timeout, failing: failing)
        guard response.status == 200 else { throw refusal(response, failing: failing) }
        return response
    }

    /// The JSON of an answer of status 200.
    func answer(
        _ method: ClientMethod, _ path: String, query: [(String, String)] = [],
        body: [UInt8]? = nil, failing: String
    ) throws(CLIFailure) -> Answer {
        let response = try success(method, path, query: query, body: body, failing: failing)
        return try Answer(response, failing: failing)
    }

    /// The same of a read.
    func answer(
        _ path: String, query: [(String, String)] = [], failing: String
    ) throws(CLIFailure) -> Answer {
        try answer(.get, path, query: query, failing: failing)
    }

    /// The line for an answer that is none, in the words of Nomad's client.
    func refusal(_ response: ClientResponse, failing: String) -> CLIFailure {
        let reason = Text.reason(response.body)
        var text = "\(failing): Unexpected response code: \(response.status) (\(reason))"
        // That a token is unknown or has expired says enough, and not all that is refused is for want of one.
        if response.status == 403, reason.hasPrefix("Permission denied") {
            let hasToken = values.text("token") ?? environment.setting("TOKEN")
            text +=
                hasToken == nil
                ? ": give a token by -token or NOMAD_TOKEN"
                : ": the token that was given does not allow it"
        }
        if response.status == 400, reason.contains("HTTP request to an HTTPS server") {
            text += ": begin its address with https://"
        }
        if response.saysNoLeader, command.flags.contains(Commands.stale) {
            text += ": -stale asks for what the server itself knows"
        }
        return CLIFailure(text, .refused)
    }

    /// Lets time pass, once a server was asked.
    func wait(for duration: Duration) { connection?.wait(for: duration) }

    /// The server that answered last, as it was named.
    var answering: String { connection?.answering ?? "nobody" }

    func settings() throws(CLIFailure) -> ConnectionSettings {
        try ConnectionSettings(values, environment)
    }

    func connection(_ settings: ConnectionSettings) -> ServerConnection {
        if let connection { return connection }
        let made = ServerConnection(
            settings, environment.makeNetwork(), environment.files,
            responseBytesMax: command.answerBytesMax)
        connection = made
        return made
    }
}

/// Paths with queries, as Go's client writes them: names sorted, values encoded as in a form.
enum Target {
    static func text(
        _ path: String, _ query: [(String, String)], region: String? = nil,
        namespace: String? = nil
    ) -> String {
        var pairs = query
        if let region { pairs.append(("region", region)) }
        if let namespace { pairs.append(("namespace", namespace)) }
        guard !pairs.isEmpty else { return path }
        // Stable: several values of one name keep their order.
        let sorted = pairs.enumerated().sorted {
            ($0.element.0, $0.offset) < ($1.element.0, $1.offset)
        }
        let mark = path.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
        return path + mark
            + sorted.map { "\(encoded($0.element.0))=\(encoded($0.element.1))" }
            .joined(separator: "&")
    }

    /// All but letters, digits and `-_.~` becomes `%XX` (RFC 3986 §2.3).
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
