// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import MartletSimulation
import MartletTransport

/// A client by OpenSSL's own means, with memory in between: it shows whatever it was given, or
/// nothing, and checks nothing of itself.
@safe
final class RawClient: StreamHandler {
    private let ssl: OpaquePointer
    private let context: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private var stream: (any ByteStream)?
    private(set) var isReady = false
    private(set) var received: [UInt8] = []
    private(set) var hasEnded = false
    private var waiting: [UInt8] = []
    /// What the server said in refusal.
    private(set) var alert: String?
    /// What it sends is cut into pieces of one byte, each in a turn of its own.
    var isSlow = false
    private var slowly: [UInt8] = []
    private var timer: (any LoopTimer)?
    private let host: SimulatedHost

    init(
        _ network: TestNetwork, _ policy: SecurityPolicy, _ material: SecurityMaterial?,
        believing authority: CertificateAndKey, isSlow: Bool = false
    ) throws {
        host = network.client
        self.isSlow = isSlow
        unsafe context = SSL_CTX_new(TLS_client_method())
        func number(_ version: SecurityPolicy.Version) -> Int32 {
            version == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION
        }
        unsafe _ = cssl_set_versions(
            context, number(policy.versionMin), number(policy.versionMax))
        if let material {
            let certificate = unsafe Self.file(material.certificates)
            let key = unsafe Self.file(material.key)
            unsafe SSL_CTX_use_certificate(
                context, PEM_read_bio_X509(certificate, nil, nil, nil))
            unsafe SSL_CTX_use_PrivateKey(
                context, PEM_read_bio_PrivateKey(key, nil, nil, nil))
        }
        unsafe ssl = SSL_new(context)
        unsafe incoming = BIO_new(BIO_s_mem())
        unsafe outgoing = BIO_new(BIO_s_mem())
        unsafe SSL_set_bio(ssl, incoming, outgoing)
        unsafe SSL_set_connect_state(ssl)
        let offered = ["h2", "http/1.1"].flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        unsafe _ = SSL_set_alpn_protos(ssl, offered, UInt32(offered.count))
        timer = host.loop.makeTimer { [unowned self] in trickle() }
        network.client.streams.connect(
            to: network.server.address(port: 4647), timeout: .seconds(2)
        ) { [unowned self] result in
            guard case .success(let stream) = result else { return }
            self.stream = stream
            stream.handler = self
            stream.resumeReading()
            advance()
        }
    }

    deinit {
        unsafe SSL_free(ssl)
        unsafe SSL_CTX_free(context)
    }

    private static func file(_ bytes: [UInt8]) -> OpaquePointer? {
        let bio = unsafe BIO_new(BIO_s_mem())
        unsafe _ = BIO_write(bio, bytes, Int32(bytes.count))
        return unsafe bio
    }

    func write(_ bytes: [UInt8]) {
        waiting += bytes
        if isReady { advance() }
    }

    /// Ends the connection without the word for it.
    func cut() { stream?.finishWriting() }

    /// Sends these bytes as they are.
    func sendRaw(_ bytes: [UInt8]) { stream?.write(bytes.span) }

    /// Asks the server for new keys (RFC 8446 §4.6.3), so many times.
    func updateKeys(_ times: Int) {
        for _ in 0..<times {
            unsafe _ = SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED)
            unsafe _ = SSL_do_handshake(ssl)
        }
        flush()
    }

    /// Whether the server lets it begin a new handshake (RFC 5746).
    func renegotiate() {
        unsafe _ = SSL_renegotiate(ssl)
        unsafe _ = SSL_do_handshake(ssl)
        flush()
    }

    /// Whether a later connection could go on with this one's secrets.
    var isResumable: Bool { unsafe SSL_SESSION_is_resumable(SSL_get_session(ssl)) == 1 }

    var chosenProtocol: String {
        var (name, length): (UnsafePointer<UInt8>?, UInt32) = (nil, 0)
        unsafe SSL_get0_alpn_selected(ssl, &name, &length)
        return unsafe String(
            decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
    }

    private func advance() {
        if !isReady {
            isReady = unsafe SSL_do_handshake(ssl) == 1
            noteAlert()
        }
        if isReady {
            if !waiting.isEmpty {
                unsafe _ = SSL_write(ssl, waiting, Int32(waiting.count))
                waiting = []
            }
            var buffer = [UInt8](repeating: 0, count: 16_384)
            while true {
                let count = unsafe SSL_read(ssl, &buffer, Int32(buffer.count))
                guard count > 0 else {
                    hasEnded = unsafe SSL_get_error(ssl, count) == SSL_ERROR_ZERO_RETURN
                    break
                }
                received += buffer[..<Int(count)]
            }
            noteAlert()
        }
        flush()
    }

    private func noteAlert() {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        guard code != 0, ERR_GET_REASON(code) >= 1000 else { return }
        alert = unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) }
    }

    private func flush() {
        var start: UnsafeMutablePointer<CChar>?
        let count = unsafe cssl_memory(outgoing, &start)
        guard count > 0 else { return }
        let bytes = unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
        var scratch = bytes
        unsafe _ = BIO_read(outgoing, &scratch, Int32(count))
        guard isSlow else {
            stream?.write(bytes.span)
            return
        }
        slowly += bytes
        trickle()
    }

    private func trickle() {
        guard !slowly.isEmpty else { return }
        let one = [slowly.removeFirst()]
        stream?.write(one.span)
        timer?.arm(at: host.loop.now + .microseconds(100))
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        let copy = bytes.indices.map { bytes[$0] }
        unsafe _ = BIO_write(incoming, copy, Int32(copy.count))
        advance()
    }
    func streamEnded() { stream?.close() }
    func streamDrained() {}
    func streamClosed(_ error: TransportError?) {}
}
