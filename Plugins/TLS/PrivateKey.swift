// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import MartletTransport

/// A private key, erased with this.
@safe
final class PrivateKey {
    let pointer: OpaquePointer

    private init(owning pointer: OpaquePointer) { unsafe self.pointer = pointer }

    // SAFETY: this held one reference.
    deinit { unsafe EVP_PKEY_free(pointer) }

    /// A new one: ECDSA on P-256 (FIPS 186-4).
    static func make() throws(SecurityError) -> PrivateKey {
        guard let pointer = unsafe cssl_make_p256_key() else {
            throw SecurityError(.key, "no key can be made: \(OpenSSLError.takeLast().text)")
        }
        return unsafe PrivateKey(owning: pointer)
    }

    /// The first key of a file in PEM.
    init(reading file: [UInt8]) throws(SecurityError) {
        let input = try MemoryFile(reading: file)
        guard let pointer = unsafe PEM_read_bio_PrivateKey(input.bio, nil, refusePassword, nil)
        else {
            let problem = OpenSSLError.takeLast()
            throw SecurityError(
                .key,
                PEM.blocks(of: "PRIVATE KEY", in: file) == 0
                    ? "no private key in it: it should hold a block such as "
                        + "\"-----BEGIN PRIVATE KEY-----\""
                    : "the key cannot be read, encrypted ones cannot be used: \(problem.text)")
        }
        unsafe self.pointer = pointer
    }

    /// In PEM, not encrypted (PKCS #8).
    func text() throws(SecurityError) -> [UInt8] {
        let output = try MemoryFile()
        guard unsafe PEM_write_bio_PKCS8PrivateKey(output.bio, pointer, nil, nil, 0, nil, nil) == 1
        else {
            throw SecurityError(.key, "the key cannot be written: \(OpenSSLError.takeLast().text)")
        }
        return output.bytes
    }
}

enum PEM {
    /// How many blocks of a kind begin in a file (RFC 7468 §2).
    static func blocks(of kind: String, in file: [UInt8]) -> Int {
        file.split(separator: UInt8(ascii: "\n")).count { line in
            let text = String(decoding: line, as: UTF8.self)
            return text.hasPrefix("-----BEGIN ") && text.contains("\(kind)-----")
        }
    }
}

/// Answers a question for a password by none, instead of asking on the terminal.
let refusePassword:
    @convention(c) (
        UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, _, _, _ in -1 }

/// Bytes in memory that OpenSSL reads or writes as a file.
@safe
final class MemoryFile {
    let bio: OpaquePointer

    /// An empty one, to be written.
    init() throws(SecurityError) {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else {
            throw SecurityError(nil, "out of memory")
        }
        unsafe self.bio = bio
    }

    convenience init(reading bytes: [UInt8]) throws(SecurityError) {
        try self.init()
        guard let count = Int32(exactly: bytes.count),
            unsafe count == 0 || BIO_write(bio, bytes, count) == count
        else { throw SecurityError(nil, "out of memory") }
    }

    // SAFETY: nobody else has it.
    deinit { unsafe BIO_free_all(bio) }

    /// What was written.
    var bytes: [UInt8] {
        var start: UnsafeMutablePointer<CChar>?
        let count = unsafe cssl_memory(bio, &start)
        guard let start = unsafe start, count > 0 else { return [] }
        // SAFETY: the bytes lie there until the file is written or freed, and are copied at once.
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}

/// What OpenSSL noted last on this thread.
struct OpenSSLError {
    let code: UInt

    /// Takes it, and forgets what it noted besides.
    static func takeLast() -> OpenSSLError {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        return OpenSSLError(code: code)
    }

    /// Whatever is noted from here on is of what is called from here on. Nearly always there is nothing.
    static func forget() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    var library: Int32 { ERR_GET_LIB(code) }
    var reason: Int32 { ERR_GET_REASON(code) }

    /// There was nothing, or nothing more, of what was looked for.
    var isEndOfFile: Bool { library == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE }

    var text: String {
        guard code != 0 else { return "no reason given" }
        guard let reason = unsafe ERR_reason_error_string(code) else { return "error \(code)" }
        return unsafe String(cString: reason)
    }
}
