// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// `martlet tls ca create`, as it was asked for.
struct TLSAuthorityWish: Equatable, Sendable {
    var domain = "nomad"
    var days = 1_825
    var commonName: String?
    var organization: String?
    var isConstrained = false
    var additionalDomains: [String] = []

    /// nil when help is wanted.
    static func parse(_ arguments: [String]) throws(ConfigurationFailure) -> TLSAuthorityWish? {
        var wish = TLSAuthorityWish()
        var flags = FlagReader(
            arguments,
            known: [
                "domain", "days", "common-name", "organization", "name-constraint",
                "additional-domain", "h", "help",
            ])
        while let flag = try flags.next() {
            switch flag.name {
            case "domain": wish.domain = try TLSName.checked(try flags.value(of: flag), flag.name)
            case "days": wish.days = try flags.number(of: flag, TLSName.days)
            case "common-name": wish.commonName = try flags.value(of: flag)
            case "organization": wish.organization = try flags.value(of: flag)
            case "name-constraint": wish.isConstrained = try flag.isOn()
            case "additional-domain":
                wish.additionalDomains.append(
                    try TLSName.checked(try flags.value(of: flag), flag.name))
            default: if try flag.isOn() { return nil }
            }
        }
        guard wish.additionalDomains.isEmpty || wish.isConstrained else {
            throw FlagReader.wrong("-additional-domain means nothing without -name-constraint")
        }
        return wish
    }

    var certificatePath: String { "\(domain)-agent-ca.pem" }
    var keyPath: String { "\(domain)-agent-ca-key.pem" }
}

/// `martlet tls cert create`, as it was asked for.
struct TLSCertificateWish: Equatable, Sendable {
    enum Role: String, Sendable {
        case server, client, cli
    }

    var role = Role.server
    var region = "global"
    var domain = "nomad"
    var days = 365
    var names: [String] = []
    var addresses: [SocketAddress] = []
    var authority: String?
    var authorityKey: String?

    private static let known = [
        "server", "client", "cli", "region", "domain", "days", "additional-dnsname",
        "additional-ipaddress", "ca", "key", "h", "help",
    ]

    /// nil when help is wanted.
    static func parse(_ arguments: [String]) throws(ConfigurationFailure) -> TLSCertificateWish? {
        var wish = TLSCertificateWish()
        var roles: [Role] = []
        var flags = FlagReader(arguments, known: known)
        while let flag = try flags.next() {
            if let role = Role(rawValue: flag.name) {
                if try flag.isOn() { roles.append(role) }
                continue
            }
            switch flag.name {
            case "region": wish.region = try TLSName.checked(try flags.value(of: flag), flag.name)
            case "domain": wish.domain = try TLSName.checked(try flags.value(of: flag), flag.name)
            case "days": wish.days = try flags.number(of: flag, TLSName.days)
            case "additional-dnsname": wish.names.append(try flags.value(of: flag))
            case "additional-ipaddress":
                wish.addresses.append(try TLSName.address(try flags.value(of: flag)))
            case "ca": wish.authority = try flags.value(of: flag)
            case "key": wish.authorityKey = try flags.value(of: flag)
            default: if try flag.isOn() { return nil }
            }
        }
        guard roles.count == 1 else {
            throw FlagReader.wrong("one of -server, -client and -cli is wanted")
        }
        wish.role = roles[0]
        return wish
    }

    var authorityPath: String { authority ?? "\(domain)-agent-ca.pem" }
    var authorityKeyPath: String { authorityKey ?? "\(domain)-agent-ca-key.pem" }
    var certificatePath: String { "\(region)-\(role.rawValue)-\(domain).pem" }
    var keyPath: String { "\(region)-\(role.rawValue)-\(domain)-key.pem" }

    /// What others must find in it when they verify names.
    var name: String { "\(role.rawValue).\(region).\(domain)" }
}

/// What names and numbers on these command lines may be.
enum TLSName {
    static let days = 1...36_500

    /// It becomes part of a file's name and of a DNS name.
    static func checked(
        _ text: String, _ flag: String
    ) throws(ConfigurationFailure) -> String {
        let isName =
            (1...128).contains(text.utf8.count) && !text.hasPrefix(".")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "."):
                    true
                default: false
                }
            }
        guard isName else {
            throw FlagReader.wrong("-\(flag): \(quoted(text)) is no name")
        }
        return text
    }

    static func address(_ text: String) throws(ConfigurationFailure) -> SocketAddress {
        guard let address = SocketAddress(host: text, port: 0) else {
            throw FlagReader.wrong("-additional-ipaddress: \(quoted(text)) is no address")
        }
        return address
    }
}
