// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// What the `tls` block comes to: the texts of its files, and what each port asks.
struct TLSPlan: Equatable, Sendable {
    let files: TLSFiles
    var material: SecurityMaterial
    /// nil for a port that speaks plaintext.
    var http: SecurityPolicy?
    var peer: SecurityPolicy?
    /// What an operator should know and a server can live with.
    var warnings: [String]

    /// A file is a few kilobytes; a bundle of all the public authorities has some hundred.
    private static let fileBytesMax = 1 << 20

    /// Reads the files. Blocks.
    ///
    /// - Returns: nil for a configuration without TLS.
    static func read(
        for configuration: AgentConfiguration, from files: any Files
    ) throws(TLSProblem) -> TLSPlan? {
        let tls = configuration.tls
        guard tls.http || tls.rpc else { return nil }
        guard let certificate = tls.certFile, let key = tls.keyFile, let authority = tls.caFile
        else { throw TLSProblem("tls needs ca_file, cert_file and key_file") }
        let paths = TLSFiles(certificate: certificate, key: key, authorities: authority)
        var plan = TLSPlan(
            files: paths,
            material: SecurityMaterial(
                certificates: try text(of: "cert_file", certificate, from: files),
                key: try text(of: "key_file", key, from: files),
                authorities: try text(of: "ca_file", authority, from: files)),
            http: tls.http ? httpPolicy(configuration) : nil,
            peer: tls.rpc ? peerPolicy(configuration) : nil, warnings: [])
        if files.isReadableByOthers(key) {
            plan.warnings.append(
                "tls.key_file \(key) can be read by every user of this host: chmod 600 it")
        }
        return plan
    }

    private static func text(
        of key: String, _ path: String, from files: any Files
    ) throws(TLSProblem) -> [UInt8] {
        do throws(FileError) {
            return try files.read(path, limitBytes: fileBytesMax)
        } catch {
            throw TLSProblem("tls.\(key) cannot be read: \(error)")
        }
    }

    private static func common(_ tls: AgentConfiguration.TLS) -> SecurityPolicy {
        var policy = SecurityPolicy()
        switch tls.minimumVersion {
        case .tls12: policy.versionMin = .tls12
        case .tls13: policy.versionMin = .tls13
        }
        policy.cipherSuites = tls.cipherSuites
        return policy
    }

    /// What Go's server, and so Nomad's, says to a request in plaintext.
    private static let httpAnswer =
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    /// What 0, for no bound, comes to.
    private static let noBound = Duration.seconds(86_400)

    private static func httpPolicy(_ configuration: AgentConfiguration) -> SecurityPolicy {
        var policy = common(configuration.tls)
        policy.asksClients = configuration.tls.verifyHTTPSClient
        policy.connects = false
        policy.plaintext = .answered(Array(httpAnswer.utf8))
        policy.handshakeTimeout = bound(configuration.limits.httpsHandshakeTimeout)
        return policy
    }

    private static func peerPolicy(_ configuration: AgentConfiguration) -> SecurityPolicy {
        var policy = common(configuration.tls)
        policy.asksClients = true
        if configuration.tls.verifyServerHostname {
            policy.peerName = "server.\(configuration.region).nomad"
        }
        policy.plaintext = configuration.tls.rpcUpgradeMode ? .taken : .refused
        policy.handshakeTimeout = bound(configuration.limits.rpcHandshakeTimeout)
        return policy
    }

    private static func bound(_ configured: Duration) -> Duration {
        configured > .zero ? configured : noBound
    }

    /// What is wrong with the material, by the name of its file.
    func problem(_ error: SecurityError) -> TLSProblem {
        switch error.subject {
        case .certificate: TLSProblem("tls.cert_file \(files.certificate): \(error)")
        case .key: TLSProblem("tls.key_file \(files.key): \(error)")
        case .authorities: TLSProblem("tls.ca_file \(files.authorities): \(error)")
        case nil: TLSProblem("tls: \(error)")
        }
    }
}

struct TLSFiles: Equatable, Sendable {
    let certificate: String
    let key: String
    let authorities: String
}

/// Why TLS cannot be had, for operators.
struct TLSProblem: Error, Equatable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }
}
