// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletTransport

/// Which servers to ask and how, from a command line and the environment.
struct ConnectionSettings: Sendable {
    var addresses: [ServerAddress]
    var token: String?
    /// For one request; nil where the command decides.
    var timeout: Duration?
    /// Go into the query of each request.
    var region: String?
    var namespace: String?
    var security = Security()
    /// Sent with each request.
    var headers: [ClientResponse.Header] = []

    struct Security: Equatable, Sendable {
        var authoritiesPath: String?
        var authoritiesFolder: String?
        var certificatePath: String?
        var keyPath: String?
        var serverName: String?
        var skipsVerification = false

        var isSet: Bool { self != Security() }
    }

    init(
        _ values: CommandLineValues, _ environment: CLIEnvironment
    ) throws(CLIFailure) {
        func setting(_ flag: String, _ name: String) -> String? {
            values.text(flag).flatMap { $0.isEmpty ? nil : $0 } ?? environment.setting(name)
        }
        security.authoritiesPath = setting("ca-cert", "CACERT")
        security.authoritiesFolder = setting("ca-path", "CAPATH")
        security.certificatePath = setting("client-cert", "CLIENT_CERT")
        security.keyPath = setting("client-key", "CLIENT_KEY")
        security.serverName = setting("tls-server-name", "TLS_SERVER_NAME")
        security.skipsVerification =
            values.truth("tls-skip-verify")
            ?? environment.setting("SKIP_VERIFY").flatMap(CommandLineValues.truth) ?? false
        addresses = try ServerAddress.read(
            setting("address", "ADDR") ?? "http://127.0.0.1:4646", prefersSecured: security.isSet)
        token = setting("token", "TOKEN")
        region = setting("region", "REGION")
        namespace = setting("namespace", "NAMESPACE")
        if let token, !token.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) {
            throw .usage("the token has characters that no token has: is it complete?")
        }
        if let timeout = values.duration("timeout") {
            guard timeout > .zero else { throw .usage("-timeout \(timeout): above zero") }
            self.timeout = min(timeout.duration, .seconds(86_400))
        }
    }
}

extension ConnectionSettings.Security {
    private static let fileBytesMax = 1 << 20
    private static let folderFilesMax = 256

    /// What secures connections to `host`.
    func policy(for host: String?) -> SecurityPolicy {
        var policy = SecurityPolicy()
        policy.asksClients = false
        policy.peerName = skipsVerification ? nil : serverName ?? host
        policy.use = skipsVerification ? .clientWithoutVerification : .client
        return policy
    }

    func material(_ files: any Files) throws(CLIFailure) -> SecurityMaterial {
        guard (certificatePath == nil) == (keyPath == nil) else {
            throw .usage("-client-cert and -client-key go together: one of them is missing")
        }
        var authorities: [UInt8] = []
        if let authoritiesPath { authorities += try Self.read(authoritiesPath, files) }
        if let authoritiesFolder {
            for name in try Self.list(authoritiesFolder, files).prefix(Self.folderFilesMax)
            where name.hasSuffix(".pem") || name.hasSuffix(".crt") {
                authorities += try Self.read("\(authoritiesFolder)/\(name)", files) + [0x0a]
            }
        }
        return SecurityMaterial(
            certificates: try certificatePath.map { (path) throws(CLIFailure) in
                try Self.read(path, files)
            } ?? [],
            key: try keyPath.map { (path) throws(CLIFailure) in try Self.read(path, files) } ?? [],
            authorities: authorities)
    }

    private static func read(_ path: String, _ files: any Files) throws(CLIFailure) -> [UInt8] {
        do throws(FileError) {
            return try files.read(path, limitBytes: fileBytesMax)
        } catch {
            throw CLIFailure("\(error)", .unable)
        }
    }

    private static func list(_ path: String, _ files: any Files) throws(CLIFailure) -> [String] {
        do throws(FileError) {
            return try files.list(path)
        } catch {
            throw CLIFailure("\(error)", .unable)
        }
    }
}
