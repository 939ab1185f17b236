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

    package init() {}

    package func gzip(_ bytes: [UInt8]) throws(CompressionError) -> [UInt8] {
        var output: [UInt8] = []
        let stream = try startGzip()
        try stream.write(bytes) {
            output += $0; return true
        }
        try stream.finish {
            output += $0; return true
        }
        return output
    }

    package func gunzip(_ bytes: [UInt8], limitBytes: Int) throws(CompressionError) -> [UInt8] {
        var output: [UInt8] = []
        var isTooLarge = limitBytes < 0
        func take(_ piece: ArraySlice<UInt8>) -> Bool {
            isTooLarge = isTooLarge || piece.count > limitBytes - output.count
            if !isTooLarge { output += piece }
            return !isTooLarge
        }
        let stream = try startGunzip()
        if !isTooLarge { try stream.write(bytes, output: take) }
        if !isTooLarge { try stream.finish(output: take) }
        if isTooLarge { throw .tooLarge(limitBytes: limitBytes) }
        return output
    }

    package func startGzip() throws(CompressionError) -> any CompressionStream {
        let stream = ZlibStream(.deflate)
        try stream.begin(
            "deflateInit2",
            unsafe cz_deflate_init(
                stream.stream, Self.level, Self.gzipWindowBits, Self.memoryLevel))
        return stream
    }

    package func startGunzip() throws(CompressionError) -> any CompressionStream {
        let stream = ZlibStream(.inflate)
        try stream.begin("inflateInit2", unsafe cz_inflate_init(stream.stream, Self.gzipWindowBits))
        return stream
    }
}
