// SPDX-License-Identifier: Apache-2.0
internal import CZlib
package import MartletTransport

/// The gzip format (RFC 1952) by zlib. Equal input gives equal output: the header carries neither
/// a time nor a name.
package struct ZlibCompression: Compression {
    /// Of 1 to 9: above this, time grows much faster than the output shrinks.
    private static let level: Int32 = 3
    /// 15 bits of window, the format's greatest; plus 16 for "gzip, and nothing else".
    private static let gzipWindowBits: Int32 = 15 + 16
    /// zlib's default, of 1 to 9.
    private static let memoryLevel: Int32 = 8
    private static let chunkBytes = 64 * 1024

    package init() {}

    package func gzip(_ bytes: [UInt8]) throws(CompressionError) -> [UInt8] {
        var stream = unsafe z_stream()
        let code = unsafe cz_deflate_init(
            &stream, Self.level, Self.gzipWindowBits, Self.memoryLevel)
        guard code == Z_OK else { throw .failed("deflateInit2 gave \(code)") }
        defer { unsafe deflateEnd(&stream) }
        var output: [UInt8] = []
        let last = unsafe Self.pump(&stream, bytes) { stream, isLast in
            unsafe deflate(&stream, isLast ? Z_FINISH : Z_NO_FLUSH)
        } emit: { chunk in
            output += chunk
            return true
        }
        guard last == Z_STREAM_END else { throw .failed("deflate gave \(last)") }
        return output
    }

    /// Accepts several members one after another, as RFC 1952 §2.2 asks, and nothing between or
    /// behind them.
    package func gunzip(_ bytes: [UInt8], limitBytes: Int) throws(CompressionError) -> [UInt8] {
        var stream = unsafe z_stream()
        let code = unsafe cz_inflate_init(&stream, Self.gzipWindowBits)
        guard code == Z_OK else { throw .failed("inflateInit2 gave \(code)") }
        defer { unsafe inflateEnd(&stream) }
        var output: [UInt8] = []
        var isTooLarge = false
        let last = unsafe Self.pump(&stream, bytes) { stream, isLast in
            let code = unsafe inflate(&stream, Z_NO_FLUSH)
            let isMore = unsafe stream.avail_in > 0 || !isLast
            return unsafe code == Z_STREAM_END && isMore ? inflateReset(&stream) : code
        } emit: { chunk in
            isTooLarge = chunk.count > max(0, limitBytes) - output.count
            if !isTooLarge { output += chunk }
            return !isTooLarge
        }
        if isTooLarge { throw .tooLarge(limitBytes: limitBytes) }
        switch last {
        case Z_STREAM_END: return output
        case Z_DATA_ERROR: throw .malformed("not gzip, or damaged")
        case Z_OK, Z_BUF_ERROR: throw .malformed("ends too early")
        default: throw .failed("inflate gave \(last)")
        }
    }

    /// Moves `input` through a stream, a chunk of output at a time, until the input is used up and
    /// no output is left, `emit` refuses, or `step` fails.
    ///
    /// - Returns: what `step` gave last.
    private static func pump(
        _ stream: inout z_stream, _ input: [UInt8],
        step: (inout z_stream, _ isLast: Bool) -> Int32,
        emit: (ArraySlice<UInt8>) -> Bool
    ) -> Int32 {
        var chunk = [UInt8](repeating: 0, count: chunkBytes)
        return unsafe input.withUnsafeBytes { source in
            // zlib counts input in 32 bits, and does not write through this pointer.
            let start = unsafe UnsafeMutablePointer(
                mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
            var given = 0
            while true {
                if unsafe stream.avail_in == 0 {
                    let length = min(source.count - given, 1 << 30)
                    unsafe stream.next_in = unsafe start.map { unsafe $0 + given }
                    unsafe stream.avail_in = UInt32(length)
                    given += length
                }
                let isLast = given == source.count
                let code = unsafe chunk.withUnsafeMutableBufferPointer { buffer in
                    unsafe stream.next_out = buffer.baseAddress
                    unsafe stream.avail_out = UInt32(buffer.count)
                    return unsafe step(&stream, isLast)
                }
                let made = unsafe chunkBytes - Int(stream.avail_out)
                if made > 0, !emit(chunk[..<made]) { return code }
                // Z_BUF_ERROR: no input or no room for output; both are given anew above, unless
                // the input is at its end.
                let isDone = unsafe isLast && stream.avail_in == 0 && made < chunkBytes
                if code != Z_OK && code != Z_BUF_ERROR || code == Z_STREAM_END || isDone {
                    return code
                }
            }
        }
    }
}
