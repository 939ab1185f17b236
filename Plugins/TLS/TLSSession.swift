// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import MartletTransport

/// OpenSSL's side of one connection, without any input or output of its own: it reads what was lent to
/// ``input`` and writes to the stream below. No call blocks, none calls its user back.
@safe
final class TLSSession {
    enum Step {
        case done
        case needsMore
        case failed(TLSFailure)
    }

    enum Piece {
        case bytes(Int)
        case needsMore
        /// The peer sends no more.
        case ended
        case failed(TLSFailure)
    }

    /// The largest plaintext of a record (RFC 8446 §5.1): so much room makes a read take a whole one.
    static let recordBytesMax = 16_384

    /// What came from the peer and was not read yet. The user lends it for a call, and takes back
    /// what is left.
    var input = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// Bytes that were read of what the peer sent.
    private(set) var bytesRead = 0
    private let output: any ByteStream
    private let ssl: OpaquePointer
    private let context: TLSContext
    private var hasSaidEnd = false

    /// - Parameter now: seconds since 1970, for the certificates' dates.
    init?(_ context: TLSContext, isServer: Bool, output: any ByteStream, at now: Int64) {
        guard let ssl = unsafe SSL_new(context.pointer), let bio = unsafe BIO_new(Self.method)
        else {
            return nil
        }
        unsafe self.ssl = ssl
        self.context = context
        self.output = output
        // SAFETY: the BIO lives in `ssl`, which this owns: it never outlives what it points to. One
        // BIO both ways takes one reference.
        unsafe BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        unsafe BIO_set_init(bio, 1)
        unsafe SSL_set_bio(ssl, bio, bio)
        unsafe X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), Int(now))
        if isServer {
            let ask = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            unsafe SSL_set_verify(ssl, context.policy.asksClients ? ask : SSL_VERIFY_NONE, nil)
            unsafe SSL_set_accept_state(ssl)
        } else {
            let believesAll = context.policy.use == .clientWithoutVerification
            unsafe SSL_set_verify(ssl, believesAll ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nil)
            unsafe SSL_set_connect_state(ssl)
            // An address has no place there (RFC 6066 §3).
            if let name = context.policy.peerName, SocketAddress(host: name, port: 0) == nil {
                unsafe _ = cssl_set_server_name(ssl, name)
            }
        }
    }

    // SAFETY: nobody else has it; it frees its BIO.
    deinit { unsafe SSL_free(ssl) }

    /// Goes on with the handshake.
    func shakeHands() -> Step {
        OpenSSLError.forget()
        let code = unsafe SSL_do_handshake(ssl)
        if code == 1 { return .done }
        switch unsafe SSL_get_error(ssl, code) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsMore
        default: return .failed(unsafe TLSFailure(of: ssl))
        }
    }

    /// Reads plaintext: a record's, if `buffer` has room for a whole one.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Piece {
        OpenSSLError.forget()
        let count = unsafe SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
        if count > 0 { return .bytes(Int(count)) }
        switch unsafe SSL_get_error(ssl, count) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsMore
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: return .failed(unsafe TLSFailure(of: ssl))
        }
    }

    /// Secures all of it, and hands it to the stream below.
    func write(_ bytes: UnsafeRawBufferPointer) -> TLSFailure? {
        OpenSSLError.forget()
        var written = 0
        unsafe _ = SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &written)
        return written == bytes.count ? nil : unsafe TLSFailure(of: ssl)
    }

    /// Tells the peer that no more will come (close_notify).
    func sayEnd() {
        guard !hasSaidEnd else { return }
        hasSaidEnd = true
        unsafe _ = SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// Lets go of the memory for records, if none is on its way; it comes back with the next.
    func freeBuffers() { unsafe _ = SSL_free_buffers(ssl) }

    // MARK: OpenSSL's way to the bytes

    // SAFETY: made once, never changed or freed afterwards.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let method = unsafe BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "martlet")
        unsafe BIO_meth_set_read(method) { unsafe TLSSession.read($0, $1, $2) }
        unsafe BIO_meth_set_write(method) { unsafe TLSSession.write($0, $1, $2) }
        unsafe BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return unsafe method
    }()

    private static func of(_ bio: OpaquePointer?) -> TLSSession? {
        // SAFETY: set in `init`; the session is alive, for it is in a call to OpenSSL.
        unsafe BIO_get_data(bio).map {
            unsafe Unmanaged<TLSSession>.fromOpaque($0).takeUnretainedValue()
        }
    }

    private static func read(
        _ bio: OpaquePointer?, _ buffer: UnsafeMutablePointer<CChar>?, _ room: Int32
    ) -> Int32 {
        guard let session = unsafe of(bio), let buffer = unsafe buffer, room > 0 else { return -1 }
        unsafe cssl_bio_clear(bio)
        let count = unsafe min(Int(room), session.input.count)
        guard count > 0, let start = unsafe session.input.baseAddress else {
            unsafe cssl_bio_ask_again(bio)
            return -1
        }
        // SAFETY: both have `count` bytes.
        unsafe UnsafeMutableRawPointer(buffer).copyMemory(from: start, byteCount: count)
        unsafe session.input = UnsafeRawBufferPointer(rebasing: session.input[count...])
        session.bytesRead += count
        return Int32(count)
    }

    private static func write(
        _ bio: OpaquePointer?, _ bytes: UnsafePointer<CChar>?, _ count: Int32
    ) -> Int32 {
        guard let session = unsafe of(bio), let bytes = unsafe bytes, count > 0 else { return -1 }
        unsafe cssl_bio_clear(bio)
        // SAFETY: `count` bytes lie there during the call; the stream copies them.
        unsafe session.output.write(
            Span(
                _unsafeStart: UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self),
                count: Int(count)))
        return count
    }
}
