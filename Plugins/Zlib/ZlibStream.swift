// SPDX-License-Identifier: Apache-2.0
internal import CZlib
import MartletTransport

/// One use of zlib, in either direction. Of several members one after another, as RFC 1952 §2.2 has
/// them, it makes one text, and takes nothing between or behind them.
@safe
final class ZlibStream: CompressionStream {
    enum Direction {
        case deflate, inflate
    }

    private static let chunkBytes = 64 << 10

    // SAFETY: zlib's own state points back here, so it stays where it is until it is freed with this
    // object, which alone has it.
    let stream: UnsafeMutablePointer<z_stream>
    private let direction: Direction
    private var chunk = [UInt8](repeating: 0, count: chunkBytes)
    private var hasBegun = false
    /// A member is complete, and no byte of another has come.
    private var isBetweenMembers = false
    private var isStopped = false

    init(_ direction: Direction) {
        self.direction = direction
        unsafe stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
    }

    deinit {
        if hasBegun {
            switch direction {
            case .deflate: unsafe _ = deflateEnd(stream)
            case .inflate: unsafe _ = inflateEnd(stream)
            }
        }
        unsafe stream.deinitialize(count: 1)
        unsafe stream.deallocate()
    }

    func begin(_ call: String, _ code: Int32) throws(CompressionError) {
        guard code == Z_OK else { throw .failed("\(call) gave \(code)") }
        hasBegun = true
    }

    func write(
        _ bytes: [UInt8], output: (ArraySlice<UInt8>) -> Bool
    ) throws(CompressionError) {
        var rest = bytes[...]
        // zlib counts input in 32 bits.
        while !rest.isEmpty, !isStopped {
            try check(pump(rest.prefix(1 << 30), isLast: false, output))
            rest = rest.dropFirst(1 << 30)
        }
    }

    func finish(output: (ArraySlice<UInt8>) -> Bool) throws(CompressionError) {
        guard !isStopped else { return }
        switch direction {
        case .deflate: try check(pump([], isLast: true, output))
        case .inflate:
            guard isBetweenMembers else { throw .malformed("ends too early") }
        }
    }

    private func check(_ code: Int32) throws(CompressionError) {
        switch code {
        case Z_OK, Z_STREAM_END, Z_BUF_ERROR: break
        case Z_DATA_ERROR: throw .malformed("not gzip, or damaged")
        default: throw .failed("zlib gave \(code)")
        }
    }

    /// Moves `input` through the stream, a chunk of output at a time, until the input is used up and
    /// no output is left, `output` refuses, or a step fails.
    ///
    /// - Returns: what the last step gave.
    private func pump(
        _ input: ArraySlice<UInt8>, isLast: Bool, _ output: (ArraySlice<UInt8>) -> Bool
    ) -> Int32 {
        unsafe input.withUnsafeBytes { source in
            // It does not write through this pointer.
            unsafe stream.pointee.next_in = unsafe UnsafeMutablePointer(
                mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
            unsafe stream.pointee.avail_in = UInt32(source.count)
            while true {
                if isBetweenMembers {
                    guard unsafe stream.pointee.avail_in > 0 else { return Z_OK }
                    let code = unsafe inflateReset(stream)
                    guard code == Z_OK else { return code }
                    isBetweenMembers = false
                }
                let code = step(isLast)
                let made = unsafe Self.chunkBytes - Int(stream.pointee.avail_out)
                if made > 0, !output(chunk[..<made]) {
                    isStopped = true
                    return Z_OK
                }
                isBetweenMembers = direction == .inflate && code == Z_STREAM_END
                guard isBetweenMembers || code == Z_OK else { return code }
                let isFull = made == Self.chunkBytes
                guard unsafe isBetweenMembers || isFull || isLast || stream.pointee.avail_in > 0
                else { return code }
            }
        }
    }

    private func step(_ isLast: Bool) -> Int32 {
        unsafe chunk.withUnsafeMutableBufferPointer { buffer in
            unsafe stream.pointee.next_out = buffer.baseAddress
            unsafe stream.pointee.avail_out = UInt32(buffer.count)
            return switch direction {
            case .deflate: unsafe deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
            case .inflate: unsafe inflate(stream, Z_NO_FLUSH)
            }
        }
    }
}
