// SPDX-License-Identifier: Apache-2.0
package import MartletTransport

/// `martlet tls`: makes an authority and certificates for a cluster, and shows what is in them. Works
/// in the present folder, keeps keys to the owner, and never writes over a file.
package struct TLSCommand: Sendable {
    enum Action: Equatable, Sendable {
        case help(String)
        case makeAuthority(TLSAuthorityWish)
        case makeCertificate(TLSCertificateWish)
        case show(path: String, isAuthority: Bool)
    }

    let action: Action

    package static let help = """
        Usage: martlet tls ca create [-domain nomad] [-days 1825] [-common-name NAME]
                 [-organization NAME] [-name-constraint [-additional-domain D ...]]
               martlet tls ca info [FILE]
               martlet tls cert create -server|-client|-cli [-region global]
                 [-domain nomad] [-days 365] [-additional-dnsname NAME ...]
                 [-additional-ipaddress IP ...] [-ca FILE] [-key FILE]
               martlet tls cert info FILE

          ca create    makes <domain>-agent-ca.pem and its key: who has the key can make
                       servers of the cluster
          cert create  makes <region>-server-<domain>.pem, or -client- or -cli-, and its
                       key, with the authority in -ca and -key
          ca info, cert info
                       show whom a certificate is for, and until when

          Files are made in the present folder, for their owner alone; one that is there
          already is never written over.

        Exit status: 0 done, 1 a file cannot be read or written, 2 a wrong command line.

        """

    /// Reads the arguments that follow `tls`.
    package static func parse(_ arguments: [String]) throws(ConfigurationFailure) -> TLSCommand {
        let rest = Array(arguments.dropFirst(2))
        switch (arguments.first, arguments.dropFirst().first) {
        case (nil, _), ("-h", _), ("-help", _), ("--help", _):
            return TLSCommand(action: .help(help))
        case ("ca", "create"):
            return TLSCommand(
                action: try TLSAuthorityWish.parse(rest).map { .makeAuthority($0) } ?? .help(help))
        case ("cert", "create"):
            return TLSCommand(
                action: try TLSCertificateWish.parse(rest).map { .makeCertificate($0) }
                    ?? .help(help))
        case ("ca", "info"), ("cert", "info"):
            return try parseInfo(rest, isAuthority: arguments.first == "ca")
        default:
            throw ConfigurationFailure(
                text:
                    "unknown command \(quoted("tls " + arguments.prefix(2).joined(separator: " ")))"
                    + ": 'martlet tls -h' lists those there are", exitCode: 2)
        }
    }

    private static func parseInfo(
        _ arguments: [String], isAuthority: Bool
    ) throws(ConfigurationFailure) -> TLSCommand {
        var flags = FlagReader(arguments, known: ["h", "help"], takesOperands: true)
        while let flag = try flags.next() {
            if try flag.isOn() { return TLSCommand(action: .help(help)) }
        }
        let path = flags.operands.first ?? (isAuthority ? "nomad-agent-ca.pem" : nil)
        guard let path, flags.operands.count < 2 else {
            throw ConfigurationFailure(text: "tls info wants one file", exitCode: 2)
        }
        return TLSCommand(action: .show(path: path, isAuthority: isAuthority))
    }

    /// Exit code 0 when it is done, 1 when a file cannot be read or written, 2 for a wrong command line.
    package static func run(arguments: [String], plugins: HostPlugins) -> Int32 {
        do throws(ConfigurationFailure) {
            let text = try parse(arguments).outcome(
                files: plugins.files, certificates: plugins.certificates,
                now: plugins.loop.wallClockNanoseconds / 1_000_000_000)
            plugins.writeOutput(text)
            return 0
        } catch {
            plugins.writeError("\(error.text)\n")
            return error.exitCode
        }
    }

    /// Does it.
    ///
    /// - Returns: what is printed.
    package func outcome(
        files: any Files, certificates: any Certificates, now: Int64
    ) throws(ConfigurationFailure) -> String {
        let maker = TLSMaker(files: files, certificates: certificates, now: now)
        switch action {
        case .help(let text): return text
        case .makeAuthority(let wish): return try maker.makeAuthority(wish)
        case .makeCertificate(let wish): return try maker.makeCertificate(wish)
        case .show(let path, _): return try maker.show(path)
        }
    }
}
