// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
import MartletTransport

/// One use of AES-GCM with one key and one nonce (NIST SP 800-38D): sealed or opened once, then freed.
@safe
struct GCMContext: ~Copyable {
    enum Direction {
        case seal, open
    }

    static let nonceBytes = 12
    static let tagBytes = 16

    private let context: OpaquePointer

    private init(owning context: OpaquePointer) { unsafe self.context = context }

    // SAFETY: nobody else has the context, and it is freed once. Freeing erases the key.
    deinit { unsafe EVP_CIPHER_CTX_free(context) }

    static func begin(
        _ direction: Direction, key: [UInt8], nonce: [UInt8]
    ) throws(CryptoError) -> GCMContext {
        guard nonce.count == nonceBytes else {
            throw CryptoError("a nonce of \(nonce.count) bytes, not \(nonceBytes)")
        }
        // SAFETY: OpenSSL's own constants, which live as long as the process.
        let cipher =
            switch key.count {
            case 16: unsafe EVP_aes_128_gcm()
            case 24: unsafe EVP_aes_192_gcm()
            case 32: unsafe EVP_aes_256_gcm()
            case let count: throw CryptoError("a key of \(count) bytes, not 16, 24 or 32")
            }
        guard let created = unsafe EVP_CIPHER_CTX_new() else {
            throw CryptoError("no memory for a cipher")
        }
        let context = unsafe GCMContext(owning: created)  // From here on, `deinit` frees it.
        // SAFETY: the key and the nonce have the cipher's sizes, and are copied within the call.
        let code =
            switch direction {
            case .seal: unsafe EVP_EncryptInit_ex(context.context, cipher, nil, key, nonce)
            case .open: unsafe EVP_DecryptInit_ex(context.context, cipher, nil, key, nonce)
            }
        guard code == 1 else { throw CryptoError("AES-GCM cannot begin") }
        return context
    }

    consuming func seal(
        _ plaintext: [UInt8], additionalData: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        let (size, dataSize) = (try length(of: plaintext), try length(of: additionalData))
        var output = [UInt8](repeating: 0, count: plaintext.count)
        var tag = [UInt8](repeating: 0, count: Self.tagBytes)
        var written: Int32 = 0
        // SAFETY: GCM writes as many bytes as it reads, and at the end none; the tag has its 16. What
        // is empty is not handed over: it may have no address.
        guard
            unsafe dataSize == 0
                || EVP_EncryptUpdate(context, nil, &written, additionalData, dataSize) == 1,
            unsafe size == 0
                || EVP_EncryptUpdate(context, &output, &written, plaintext, size) == 1,
            unsafe EVP_EncryptFinal_ex(context, nil, &written) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(
                context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), &tag) == 1
        else { throw CryptoError("AES-GCM failed") }
        return output + tag
    }

    consuming func open(
        _ sealed: [UInt8], additionalData: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        guard sealed.count >= Self.tagBytes else { throw .notAuthentic }
        let ciphertext = Array(sealed.dropLast(Self.tagBytes))
        var tag = Array(sealed.suffix(Self.tagBytes))
        let (size, dataSize) = (try length(of: ciphertext), try length(of: additionalData))
        var output = [UInt8](repeating: 0, count: ciphertext.count)
        var written: Int32 = 0
        // SAFETY: as in `seal`; the tag is copied within the call.
        guard
            unsafe EVP_CIPHER_CTX_ctrl(
                context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagBytes), &tag) == 1,
            unsafe dataSize == 0
                || EVP_DecryptUpdate(context, nil, &written, additionalData, dataSize) == 1,
            unsafe size == 0
                || EVP_DecryptUpdate(context, &output, &written, ciphertext, size) == 1
        else { throw CryptoError("AES-GCM failed") }
        // Compares the tags, in constant time. Before this, `output` is nobody's to see.
        guard unsafe EVP_DecryptFinal_ex(context, nil, &written) == 1 else { throw .notAuthentic }
        return output
    }

    private func length(of bytes: [UInt8]) throws(CryptoError) -> Int32 {
        guard let length = Int32(exactly: bytes.count) else {
            throw CryptoError("\(bytes.count) bytes are too many for one use of AES-GCM")
        }
        return length
    }
}
