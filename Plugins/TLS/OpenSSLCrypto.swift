// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import MartletTransport

/// Secure random bytes, SHA-256 and AES-GCM, by OpenSSL 3.
package struct OpenSSLCrypto: Crypto {
    package init() {}

    package func secureRandomBytes(_ count: Int) throws(CryptoError) -> [UInt8] {
        guard let length = Int32(exactly: count), length >= 0 else {
            throw CryptoError("cannot make \(count) random bytes")
        }
        var bytes = [UInt8](repeating: 0, count: count)
        // For 0 bytes OpenSSL is not asked: an empty array has no address.
        guard unsafe count == 0 || RAND_bytes(&bytes, length) == 1 else {
            throw CryptoError("the system's random generator failed")
        }
        return bytes
    }

    package func sha256(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        guard let method = unsafe Self.sha256Method.pointer,
            unsafe EVP_Digest(bytes, bytes.count, &digest, &length, method, nil) == 1,
            length == 32
        else { throw CryptoError("SHA-256 failed") }
        return digest
    }

    package func startSHA256() throws(CryptoError) -> any RunningDigest {
        try OpenSSLDigest(Self.sha256Method)
    }

    /// Asked for once: to find it by its name each time takes longer than to digest a token's secret,
    /// 400 ns and 140 ns together.
    private static let sha256Method = DigestMethod("SHA256")

    package func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        try GCMContext.begin(.seal, key: key, nonce: nonce)
            .seal(plaintext, additionalData: additionalData)
    }

    package func open(
        _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        try GCMContext.begin(.open, key: key, nonce: nonce)
            .open(sealed, additionalData: additionalData)
    }
}

/// A digest that is being made.
@safe
private final class OpenSSLDigest: RunningDigest {
    private let context: OpaquePointer

    init(_ method: DigestMethod) throws(CryptoError) {
        guard let context = unsafe EVP_MD_CTX_new() else {
            throw CryptoError("no memory for a digest")
        }
        unsafe self.context = context
        guard let pointer = unsafe method.pointer,
            unsafe EVP_DigestInit_ex(context, pointer, nil) == 1
        else { throw CryptoError("SHA-256 cannot begin") }
    }

    // SAFETY: nobody else has the context, and it is freed once.
    deinit { unsafe EVP_MD_CTX_free(context) }

    func update(_ bytes: [UInt8]) throws(CryptoError) {
        guard unsafe EVP_DigestUpdate(context, bytes, bytes.count) == 1 else {
            throw CryptoError("SHA-256 failed")
        }
    }

    func finish() throws(CryptoError) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        guard unsafe EVP_DigestFinal_ex(context, &digest, &length) == 1, length == 32 else {
            throw CryptoError("SHA-256 failed")
        }
        return digest
    }
}

/// A digest of OpenSSL's; nil where the library has none of that name. Lives as long as the process.
@safe
// SAFETY: nothing changes a method once it was fetched, so any thread may use it; it is never freed.
private struct DigestMethod: @unchecked Sendable {
    let pointer: OpaquePointer?

    init(_ name: String) { unsafe pointer = EVP_MD_fetch(nil, name, nil) }
}
