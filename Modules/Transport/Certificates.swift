// SPDX-License-Identifier: Apache-2.0

/// Makes and reads certificates (X.509, in PEM). Any thread; blocks as long as it takes to make a key.
public protocol Certificates: Sendable {
    /// An authority that certifies itself, with a new key (ECDSA, P-256).
    func makeAuthority(_ wish: AuthorityWish) throws(SecurityError) -> CertificateAndKey

    /// A certificate by an authority, with a new key (ECDSA, P-256).
    func makeCertificate(
        _ wish: CertificateWish, by authority: CertificateAndKey
    ) throws(SecurityError) -> CertificateAndKey

    /// What the certificates in a file say, in their order; at least one.
    func read(_ file: [UInt8]) throws(SecurityError) -> [CertificateFacts]
}

/// Two texts in PEM.
public struct CertificateAndKey: Equatable, Sendable {
    public let certificate: [UInt8]
    public let key: [UInt8]

    public init(certificate: [UInt8], key: [UInt8]) {
        self.certificate = certificate
        self.key = key
    }
}

public struct AuthorityWish: Equatable, Sendable {
    public var commonName: String
    public var organization: String?
    /// DNS names, and all below them, that it may certify; empty for all.
    public var permittedDomains: [String]
    /// Seconds since 1970-01-01 UTC.
    public var notBefore: Int64
    public var notAfter: Int64

    public init(
        commonName: String, organization: String? = nil, permittedDomains: [String] = [],
        notBefore: Int64, notAfter: Int64
    ) {
        self.commonName = commonName
        self.organization = organization
        self.permittedDomains = permittedDomains
        self.notBefore = notBefore
        self.notAfter = notAfter
    }
}

public struct CertificateWish: Equatable, Sendable {
    public var commonName: String
    public var dnsNames: [String]
    /// Without ports that mean anything.
    public var addresses: [SocketAddress]
    /// Good for who is connected to.
    public var isForServers: Bool
    /// Good for who connects.
    public var isForClients: Bool
    /// Seconds since 1970-01-01 UTC.
    public var notBefore: Int64
    public var notAfter: Int64

    public init(
        commonName: String, dnsNames: [String], addresses: [SocketAddress] = [],
        isForServers: Bool, isForClients: Bool, notBefore: Int64, notAfter: Int64
    ) {
        self.commonName = commonName
        self.dnsNames = dnsNames
        self.addresses = addresses
        self.isForServers = isForServers
        self.isForClients = isForClients
        self.notBefore = notBefore
        self.notAfter = notAfter
    }
}

/// What a certificate says.
public struct CertificateFacts: Equatable, Sendable {
    /// As text, such as `CN = server.global.nomad`.
    public var subject = ""
    public var issuer = ""
    public var commonName = ""
    /// In hexadecimal digits.
    public var serialNumber = ""
    public var dnsNames: [String] = []
    /// Without brackets.
    public var addresses: [String] = []
    public var isAuthority = false
    /// Such as `Digital Signature`, in the order of the standard.
    public var usages: [String] = []
    /// Such as `TLS Web Server Authentication`, in the order of the certificate.
    public var purposes: [String] = []
    /// Seconds since 1970-01-01 UTC.
    public var notBefore: Int64 = 0
    public var notAfter: Int64 = 0
    /// SHA-256 of its bytes.
    public var fingerprint: [UInt8] = []

    public init() {}
}
