// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import MartletTransport

extension TransportError {
    /// What a negative result of libuv means.
    init(uv code: Int32) {
        self =
            switch uv_errno_t(code) {
            case UV_ECONNREFUSED, UV_ENOENT: .refused
            case UV_ECONNRESET, UV_EPIPE, UV_ECONNABORTED, UV_ENOTCONN: .reset
            case UV_ETIMEDOUT: .timedOut
            case UV_EHOSTUNREACH, UV_ENETUNREACH, UV_ENETDOWN: .unreachable
            case UV_EADDRINUSE: .addressInUse
            case UV_EADDRNOTAVAIL: .addressNotAvailable
            case UV_EACCES, UV_EPERM: .denied
            case UV_EMFILE, UV_ENFILE, UV_ENOMEM, UV_ENOBUFS: .exhausted
            default: .other(unsafe String(cString: uv_strerror(code)))
            }
    }
}

extension Int32 {
    /// Throws what a negative result of libuv means.
    func throwingTransportError() throws(TransportError) {
        if self < 0 { throw TransportError(uv: self) }
    }
}
