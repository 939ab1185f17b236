// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import Glibc
internal import MartletTransport

/// This process's standard input, whatever it is.
@safe
final class StandardInput: Handle {
    enum Kind {
        /// A pipe or a socket: its other end can be held open.
        case stream
        case terminal
        /// Also what is always empty.
        case file
    }

    private var received: (([UInt8]?) -> Void)?

    /// What a file may have, and how much of it is read at a time.
    private static let fileBytesMax = 1 << 20

    static var kind: Kind {
        switch uv_guess_handle(0) {
        case UV_NAMED_PIPE, UV_TCP: .stream
        case UV_TTY: .terminal
        default: .file
        }
    }

    /// - Returns: nil for a file, which is read at once.
    static func open(
        on loop: UVLoop, byKey: Bool, received: @escaping ([UInt8]?) -> Void
    ) throws(TransportError) -> StandardInput? {
        let kind = kind
        guard kind != .file else {
            readFile(on: loop, received)
            return nil
        }
        let input = StandardInput(loop: loop, kind: kind == .terminal ? UV_TTY : UV_NAMED_PIPE)
        try input.start(isTerminal: kind == .terminal, byKey: byKey, received)
        return input
    }

    private var stream: UnsafeMutablePointer<uv_stream_t> {
        unsafe memory.assumingMemoryBound(to: uv_stream_t.self)
    }

    private func start(
        isTerminal: Bool, byKey: Bool, _ received: @escaping ([UInt8]?) -> Void
    ) throws(TransportError) {
        if isTerminal {
            let terminal = unsafe memory.assumingMemoryBound(to: uv_tty_t.self)
            try unsafe uv_tty_init(loop.uv, terminal, 0, 0).throwingTransportError()
            retainForLibUV()
            if byKey { _ = unsafe uv_tty_set_mode(terminal, UV_TTY_MODE_RAW) }
        } else {
            let pipe = unsafe memory.assumingMemoryBound(to: uv_pipe_t.self)
            unsafe UVLoop.succeed(uv_pipe_init(loop.uv, pipe, 0))
            retainForLibUV()
            let code = unsafe uv_pipe_open(pipe, 0)
            if code < 0 { closeHandle() }
            try code.throwingTransportError()
        }
        self.received = received
        let code = unsafe uv_read_start(
            stream,
            { handle, _, buffer in
                guard let loop = unsafe handle.map({ unsafe Handle.of($0, as: Handle.self).loop })
                else { return }
                unsafe buffer?.pointee = uv_buf_init(
                    loop.readBuffer, UInt32(UVLoop.readBufferBytes))
            },
            { handle, count, buffer in
                unsafe Handle.of(UnsafeRawPointer(handle), as: StandardInput.self)
                    .read(count, buffer?.pointee.base)
            })
        if code < 0 { closeHandle() }
        try code.throwingTransportError()
    }

    private func read(_ count: Int, _ bytes: UnsafeMutablePointer<CChar>?) {
        if count > 0, let bytes = unsafe bytes {
            let taken = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
            unsafe received?(Array(taken))
        } else if count < 0 {
            // An end, or a terminal that is gone.
            let told = received
            closeHandle()
            told?(nil)
        }
    }

    override func handleClosed() { received = nil }

    private static func readFile(on loop: UVLoop, _ received: @escaping ([UInt8]?) -> Void) {
        var bytes = [UInt8](repeating: 0, count: fileBytesMax)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe Glibc.read(0, $0.baseAddress, $0.count)
        }
        let taken = Array(bytes.prefix(max(count, 0)))
        let told = Carried(received)
        loop.enter {
            if !taken.isEmpty { told.value(taken) }
            told.value(nil)
        }
    }
}
