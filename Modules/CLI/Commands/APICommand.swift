// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// `operator api`: a request of any kind.
enum APICommand {
    static let all = [
        Command(
            "operator api", "sends a request of any kind and prints the answer",
            detail:
                "Sends a request and prints the body of the answer as it is. PATH may leave out "
                + "/v1. DATA is sent as the body, by PUT if no method is given: a text, @FILE, or - "
                + "for standard input.",
            operands: Operands(["PATH", "DATA"], 1...2),
            flags: [
                Flag(
                    "X", .choice(["GET", "HEAD", "PUT", "POST", "DELETE"]),
                    "The method; GET, or PUT with DATA."),
                Flag("d", .text("DATA"), "The body, instead of the second operand."),
                Flag("H", .list("HEADER"), "A header besides, as in 'Name: value'. Several times."),
                Flag("v", .onOff, "Tell on standard error what is sent and how it is answered."),
                Flag("verbose", .onOff, "The same as -v."),
                Flag("dryrun", .onOff, "Print a command for curl instead, without the token."),
            ], run: run)
    ]

    private static let bodyBytesMax = 64 << 20

    /// What is to be sent.
    private struct Request {
        var method: ClientMethod
        var methodName: String
        var path: String
        var body: [UInt8]?
        var headers: [ClientResponse.Header]
    }

    private static let run: Command.Run = { (invocation) throws(CLIFailure) in
        let request = try request(invocation)
        let settings = try invocation.settings()
        let target = Target.text(
            request.path, [], region: settings.region, namespace: settings.namespace)
        guard !invocation.values.isOn("dryrun") else {
            invocation.line(try curl(request, target, settings, invocation))
            return .fine
        }
        let isVerbose = invocation.values.isOn("v") || invocation.values.isOn("verbose")
        if isVerbose {
            invocation.note("> \(request.methodName) \(target)".replacing("\\", with: ""))
            for header in request.headers {
                invocation.note("> \(Text.line(header.name)): \(Text.line(header.value))")
            }
        }
        let response = try invocation.response(
            request.method, request.path, body: request.body, headers: request.headers,
            failing: "Error sending the request")
        if isVerbose { tell(response, invocation) }
        return show(response, invocation)
    }

    private static func tell(_ response: ClientResponse, _ invocation: Invocation) {
        invocation.note("< \(response.status), from \(invocation.answering)")
        for header in response.headers {
            invocation.note("< \(Text.line(header.name)): \(Text.line(header.value))")
        }
    }

    private static func show(_ response: ClientResponse, _ invocation: Invocation) -> ExitCode {
        invocation.environment.writeOutput(response.body)
        let endsLine = response.body.last == 0x0a || response.body.isEmpty
        if invocation.environment.isTerminal, !endsLine { invocation.line("") }
        guard (200..<300).contains(response.status) else {
            if !invocation.environment.isTerminal, !endsLine { invocation.note("") }
            invocation.note("Unexpected response code: \(response.status)")
            return .refused
        }
        return .fine
    }

    // MARK: Reading the command line

    private static func request(_ invocation: Invocation) throws(CLIFailure) -> Request {
        let operands = invocation.values.operands
        var path = operands[0].hasPrefix("/") ? operands[0] : "/" + operands[0]
        if !path.hasPrefix("/v1/") { path = "/v1" + path }
        guard path.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw .usage("the path has blanks or other characters that a URL writes as %XX")
        }
        let given = invocation.values.text("d")
        guard given == nil || operands.count == 1 else {
            throw .usage("-d and DATA are the same: give one of them")
        }
        let body = try (given ?? operands.dropFirst().first).map { (text) throws(CLIFailure) in
            try data(text, invocation)
        }
        let name = invocation.values.text("X") ?? (body == nil ? "GET" : "PUT")
        var headers: [ClientResponse.Header] = []
        for text in invocation.values.list("H") { headers.append(try header(text)) }
        return Request(
            method: method(name), methodName: name, path: path, body: body, headers: headers)
    }

    private static func method(_ name: String) -> ClientMethod {
        switch name {
        case "HEAD": .head
        case "PUT": .put
        case "POST": .post
        case "DELETE": .delete
        default: .get
        }
    }

    private static func data(
        _ text: String, _ invocation: Invocation
    ) throws(CLIFailure) -> [UInt8] {
        if text == "-" || text.hasPrefix("@") {
            return try invocation.content(
                of: text == "-" ? text : String(text.dropFirst()), limitBytes: bodyBytesMax)
        }
        return Array(text.utf8)
    }

    /// What HTTP itself needs is not for anybody to change (RFC 9110 §5.1, RFC 9112 §6).
    private static let reserved = [
        "connection", "content-length", "expect", "host", "te", "transfer-encoding", "upgrade",
    ]

    private static func header(_ text: String) throws(CLIFailure) -> ClientResponse.Header {
        guard let colon = text.firstIndex(of: ":") else {
            throw .usage("-H \(Text.clipped(text)): 'Name: value' is needed")
        }
        let name = String(text[..<colon])
        let value = String(text[text.index(after: colon)...].drop { $0 == " " })
        let isName =
            !name.isEmpty
            && name.utf8.allSatisfy { byte in
                (0x21...0x7e).contains(byte) && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
            }
        guard isName, value.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
            throw .usage("-H \(Text.clipped(text)): that is no header")
        }
        guard !reserved.contains(name.lowercased()) else {
            throw .usage("-H \(Text.clipped(name)): that header is HTTP's own")
        }
        return ClientResponse.Header(name: name, value: value)
    }

    // MARK: curl

    /// The same request for whoever has curl; the token stays in the environment.
    private static func curl(
        _ request: Request, _ target: String, _ settings: ConnectionSettings,
        _ invocation: Invocation
    ) throws(CLIFailure) -> String {
        var words = ["curl", "-X", request.methodName]
        for (flag, value) in [
            ("--cacert", settings.security.authoritiesPath),
            ("--cert", settings.security.certificatePath), ("--key", settings.security.keyPath),
        ] {
            if let value { words += [flag, quoted(value)] }
        }
        if settings.security.skipsVerification { words.append("--insecure") }
        if settings.token != nil { words += ["-H", "\"X-Nomad-Token: ${NOMAD_TOKEN}\""] }
        for header in request.headers {
            words += ["-H", quoted("\(header.name): \(header.value)")]
        }
        if let body = request.body {
            guard let text = String(validating: body, as: UTF8.self) else {
                throw .usage("-dryrun: the body is no text: give it to curl as a file")
            }
            words += ["--data-binary", quoted(text)]
        }
        let address = settings.addresses[0]
        if case .unix(let path) = address.place {
            words += ["--unix-socket", quoted(path), quoted("http://localhost\(target)")]
        } else {
            words.append(quoted("\(address)\(target)"))
        }
        return words.joined(separator: " ")
    }

    /// As a shell takes it for one word.
    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
