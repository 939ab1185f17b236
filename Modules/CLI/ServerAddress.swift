// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// Where a server may be asked.
struct ServerAddress: Equatable, Sendable, CustomStringConvertible {
    enum Place: Equatable, Sendable {
        case host(String, port: UInt16)
        case unix(path: String)
    }

    let isSecured: Bool
    let place: Place

    static let defaultPort: UInt16 = 4646
    static let countMax = 16

    /// Reads one or several with commas between: URLs, or hosts with or without a port.
    ///
    /// - Parameter prefersSecured: what an address without a scheme means.
    static func read(
        _ text: String, prefersSecured: Bool
    ) throws(CLIFailure) -> [ServerAddress] {
        var all: [ServerAddress] = []
        for part in text.split(separator: ",") {
            let word = part.drop { $0 == " " }
            let end = word.lastIndex { $0 != " " }.map { word.index(after: $0) }
            guard let end else { continue }
            all.append(try one(word[..<end], prefersSecured: prefersSecured))
        }
        guard !all.isEmpty else {
            throw .usage("no address of a server in \"\(Text.clipped(text))\"")
        }
        guard all.count <= countMax else {
            throw .usage("\(all.count) addresses: at most \(countMax) can be given")
        }
        return all
    }

    private static func one(
        _ text: Substring, prefersSecured: Bool
    ) throws(CLIFailure) -> ServerAddress {
        func wrong(_ why: String) -> CLIFailure {
            .usage("\"\(Text.clipped(text))\" is no address of a server: \(why)")
        }
        for prefix in ["unix://", "unix:"] where text.hasPrefix(prefix) {
            let path = String(text.dropFirst(prefix.count))
            guard SocketAddress("unix:\(path)") != nil else {
                throw wrong("the path is missing or too long")
            }
            return ServerAddress(isSecured: false, place: .unix(path: path))
        }
        var rest = text
        var isSecured = prefersSecured
        if let mark = text.firstRange(of: "://") {
            switch text[..<mark.lowerBound].lowercased() {
            case "http": isSecured = false
            case "https": isSecured = true
            default: throw wrong("it begins with http:// or https://, or with a host")
            }
            rest = text[mark.upperBound...]
        }
        while rest.hasSuffix("/") { rest.removeLast() }
        guard !rest.contains("/"), !rest.contains("?"), !rest.contains("@") else {
            throw wrong("only a host and a port may follow the scheme")
        }
        let (host, port) = try parts(of: rest, wrong)
        return ServerAddress(isSecured: isSecured, place: .host(host, port: port))
    }

    /// `host`, `host:port`, `[::1]:port`, `::1`.
    private static func parts(
        of text: Substring, _ wrong: (String) -> CLIFailure
    ) throws(CLIFailure) -> (String, UInt16) {
        if SocketAddress(host: text, port: defaultPort) != nil {
            return (String(text), defaultPort)
        }
        var host = text
        var port = defaultPort
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            host = text[..<colon]
            let digits = text[text.index(after: colon)...]
            guard let number = UInt16(digits), number > 0, digits.first != "+" else {
                throw wrong("\"\(Text.clipped(digits))\" is no port")
            }
            port = number
        }
        let isNumeric = SocketAddress(host: host, port: port) != nil
        guard isNumeric || isName(host) else { throw wrong("that is no host") }
        return (String(host), port)
    }

    private static func isName(_ text: Substring) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                    UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// The name that its certificate should have; nil for a Unix socket.
    var hostName: String? {
        guard case .host(let host, _) = place else { return nil }
        return host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    }

    var description: String {
        switch place {
        case .host(let host, let port):
            "\(isSecured ? "https" : "http")://\(Self.bracketed(host)):\(port)"
        case .unix(let path): "unix://\(path)"
        }
    }

    /// As a URL writes it: IPv6 in brackets.
    private static func bracketed(_ host: String) -> String {
        host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
    }
}
