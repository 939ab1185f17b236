// SPDX-License-Identifier: Apache-2.0

/// Makes streams secure: TLS, or what a plugin has instead. Any thread, unless it says otherwise.
public protocol StreamSecurity: Sendable {
    /// Streams over `streams` whose connections are secured as `policy` says, with `material`. Called
    /// on the loop; so is everything of the result.
    ///
    /// - Parameter notice: told of each connection that is not taken, on the loop.
    /// - Throws: ``SecurityError`` when the material is not what ``SecuredStreams/prepare(_:_:)`` asks.
    func secure(
        _ streams: any Streams, on loop: any Loop, policy: SecurityPolicy,
        material: SecurityMaterial, notice: @escaping (SecurityNotice) -> Void
    ) throws(SecurityError) -> any SecuredStreams
}

/// Streams that carry their bytes secured. A stream is what ``ByteStream`` says, of plaintext; beyond
/// that:
///
/// - An accepted stream is handed over at once, so that bounds on connections count it; what is
///   written to it leaves after the handshake. A connected one is handed over after the handshake.
/// - ``StreamHandler/streamEnded()`` means that the peer said so inside the secured stream. A
///   connection that ends without is cut short: ``TransportError/reset``.
/// - ``ByteStream/queuedBytes`` counts what waits to be secured, and what is and has not left.
public protocol SecuredStreams: Streams {
    /// Checks what is to secure new connections; nothing changes before the result's
    /// ``SecurityReplacement/commit``, and never for connections that are open.
    ///
    /// - Throws: ``SecurityError`` for files that cannot be read as what they should be, a key that is
    ///   not the certificate's, a certificate that is not of the authorities, not valid at the time of
    ///   the loop's wall clock, not good for what this side does, or without the name that
    ///   ``SecurityPolicy/peerName`` asks of others. Of a certificate that is in use already no date matters,
    ///   neither its own nor its authority's: what else is new must not wait for another certificate.
    func prepare(
        _ policy: SecurityPolicy, _ material: SecurityMaterial
    ) throws(SecurityError) -> SecurityReplacement

    /// What secures new connections.
    var facts: SecurityFacts { get }
    var counts: SecurityCounts { get }
}

/// Checked, and ready to be used.
public struct SecurityReplacement {
    public let facts: SecurityFacts
    /// On the loop. Cannot fail.
    public let commit: () -> Void

    public init(facts: SecurityFacts, commit: @escaping () -> Void) {
        self.facts = facts
        self.commit = commit
    }
}

/// The texts of three files, in PEM. Empty ones are for ``SecurityPolicy/Use/client`` only.
public struct SecurityMaterial: Equatable, Sendable {
    /// This side's certificate, then those between it and an authority.
    public var certificates: [UInt8]
    /// Its private key, not encrypted.
    public var key: [UInt8]
    /// Whoever these certify is believed.
    public var authorities: [UInt8]

    public init(certificates: [UInt8], key: [UInt8], authorities: [UInt8]) {
        self.certificates = certificates
        self.key = key
        self.authorities = authorities
    }
}

/// Whom to talk to, and how.
public struct SecurityPolicy: Equatable, Sendable {
    public enum Version: String, Sendable, CaseIterable {
        case tls12, tls13
    }

    /// What an accepted connection may be besides a secured one.
    public enum Plaintext: Equatable, Sendable {
        /// Refused.
        case refused
        /// Refused, and one that begins as an HTTP request does is told so in these bytes.
        case answered([UInt8])
        /// Taken as it is; and where a peer does not speak TLS, this side connects without. For a
        /// cluster that is on its way to TLS.
        case taken
    }

    /// Who this side is.
    public enum Use: Equatable, Sendable {
        /// One that listens, with a certificate of its own that others would take.
        case peer
        /// One that only connects: a certificate of its own is not needed, and without authorities
        /// those of the system are believed.
        case client
        /// The same, and any certificate is believed.
        case clientWithoutVerification
    }

    public var use = Use.peer
    public var versionMin: Version = .tls12
    /// Below the newest only to find out about older ones.
    public var versionMax: Version = .tls13
    /// Names as OpenSSL or the IANA registry write them, the first that both ends have is used; empty
    /// for the usual ones. Of TLS 1.2 only: those of TLS 1.3 are all good.
    public var cipherSuites: [String] = []
    /// Whether who connects must show a certificate of the authorities. Who is connected to always
    /// must.
    public var asksClients = true
    /// What this side's own certificate has to be good for.
    public var listens = true
    public var connects = true
    /// A DNS name, or for a client an address, that each certificate shown must have, in either
    /// direction; nil for any.
    public var peerName: String?
    public var plaintext = Plaintext.refused
    /// For a handshake, from the connection on.
    public var handshakeTimeout: Duration = .seconds(5)
    /// What a peer may send in a handshake.
    public var handshakeBytesMax = 64 << 10
    /// Accepted connections in their handshakes, in all and of one address; more are reset.
    public var handshakesMax = 1024
    public var handshakesPerAddressMax = 256
    /// Steps of accepted connections' handshakes that a turn of the loop takes, half a millisecond each;
    /// more have turns of their own, so that nothing else waits for a crowd of newcomers.
    public var handshakeStepsPerTurnMax = 8

    public init() {}
}

/// What there is to say of the certificates in use.
public struct SecurityFacts: Equatable, Sendable {
    /// Of a client without one, all of it is empty.
    public let certificate: CertificateFacts
    /// In the order of the file.
    public let authorities: [CertificateFacts]

    public init(certificate: CertificateFacts, authorities: [CertificateFacts]) {
        self.certificate = certificate
        self.authorities = authorities
    }
}

public struct SecurityCounts: Equatable, Sendable {
    /// Handshakes that succeeded.
    public var accepted: UInt64 = 0
    public var connected: UInt64 = 0
    /// Connections that were taken, or made, without TLS: see ``SecurityPolicy/Plaintext/taken``.
    public var plaintext: UInt64 = 0
    /// Those that failed, in the order of `SecurityNotice.Reason.allCases`.
    public private(set) var refused = [UInt64](
        repeating: 0, count: SecurityNotice.Reason.allCases.count)

    public init() {}

    public mutating func note(_ reason: SecurityNotice.Reason) {
        for (place, other) in SecurityNotice.Reason.allCases.enumerated() where other == reason {
            refused[place] &+= 1
        }
    }

    public subscript(reason: SecurityNotice.Reason) -> UInt64 {
        zip(SecurityNotice.Reason.allCases, refused).first { $0.0 == reason }?.1 ?? 0
    }
}

/// A connection that was not taken, or ended by what the peer sent.
public struct SecurityNotice: Equatable, Sendable {
    /// The raw value ends a counter's name.
    public enum Reason: String, CaseIterable, Sendable {
        /// It showed no certificate.
        case noCertificate = "no_certificate"
        /// Its certificate is of another authority.
        case otherAuthority = "unknown_authority"
        /// Its certificate has expired, or is not valid yet.
        case expired
        /// Its certificate is for another name.
        case wrongName = "wrong_name"
        /// Anything else that is wrong with its certificate.
        case wrongCertificate = "wrong_certificate"
        /// No version or cipher suite in common.
        case nothingInCommon = "no_common_parameters"
        /// It sends plaintext.
        case plaintext
        /// It refused this side, by an alert.
        case refusedByPeer = "refused_by_peer"
        /// It broke the protocol.
        case malformed
        /// Too many bytes without an end of the handshake, or without any content after it.
        case oversized
        /// The handshake took too long.
        case timedOut = "timed_out"
        /// It ended the connection in the handshake.
        case brokenOff = "broken_off"
        /// Too many handshakes at once.
        case crowded = "too_many_handshakes"
    }

    public let reason: Reason
    public let peer: SocketAddress
    /// This side connected to it.
    public let isOutgoing: Bool
    /// For operators.
    public let detail: String

    public init(reason: Reason, peer: SocketAddress, isOutgoing: Bool, detail: String) {
        self.reason = reason
        self.peer = peer
        self.isOutgoing = isOutgoing
        self.detail = detail
    }
}

/// Why certificates or keys cannot be used: for operators.
public struct SecurityError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Which of the three texts is meant; nil for none in particular.
    public enum Subject: Sendable {
        case certificate, key, authorities
    }

    public let subject: Subject?
    public let description: String

    public init(_ subject: Subject?, _ description: String) {
        self.subject = subject
        self.description = description
    }
}
