// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import MartletTransport

/// Which suites are used, as OpenSSL takes them.
struct CipherSuites {
    /// Of TLS 1.2.
    let upTo12: String
    /// Of TLS 1.3; empty for all, which are good.
    let of13: String

    /// Forward secrecy and authenticated encryption (RFC 9325 §4.2).
    private static let usual = "ECDHE+AESGCM:ECDHE+CHACHA20"
    /// Parts of names of suites that authenticate or encrypt nothing, or not any more.
    private static let broken = [
        "NULL", "ANON", "EXPORT", "RC4", "DES", "MD5", "PSK", "SRP", "SEED",
    ]

    /// - Parameter names: as OpenSSL or the IANA registry write them; empty for the usual ones.
    /// - Throws: ``SecurityError`` for a name that is none, or that secures nothing.
    init(_ names: [String]) throws(SecurityError) {
        var old: [String] = []
        var new: [String] = []
        for name in names {
            let known = try Self.known(name)
            if known.hasPrefix("TLS_") { new.append(known) } else { old.append(known) }
        }
        upTo12 = old.isEmpty ? Self.usual : old.joined(separator: ":")
        of13 = new.joined(separator: ":")
    }

    /// What OpenSSL calls it.
    private static func known(_ name: String) throws(SecurityError) -> String {
        let isPlain = name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isPlain, (1...64).contains(name.utf8.count) else {
            throw SecurityError(nil, "tls_cipher_suites: \"\(name.prefix(64))\" is no name")
        }
        guard !broken.contains(where: { name.uppercased().contains($0) }) else {
            throw SecurityError(nil, "tls_cipher_suites: \(name) is not safe")
        }
        let translated = unsafe OPENSSL_cipher_name(name).map { unsafe String(cString: $0) }
        if let translated, translated != "(NONE)" { return translated }
        guard let context = unsafe SSL_CTX_new(TLS_method()) else {
            throw SecurityError(nil, "out of memory")
        }
        defer { unsafe SSL_CTX_free(context) }
        guard name.contains("-"), unsafe SSL_CTX_set_cipher_list(context, name) == 1 else {
            ERR_clear_error()
            throw SecurityError(nil, "tls_cipher_suites: there is no suite \(name)")
        }
        return name
    }
}
