// SPDX-License-Identifier: Apache-2.0
import MartletServer
import MartletState
import MartletTLS
import MartletTransport
import MartletZlib

extension FuzzTarget {
    static let archives = [gzip, tar, archive]

    /// Nothing unpacks to more than it may, and what is packed unpacks to what it was.
    private static let gzip = FuzzTarget(
        "gzip", "compressed bytes", bytesMax: 2048,
        words: [[0x1F, 0x8B, 8, 0], [0, 0, 0xFF, 0xFF], [3, 0], [1, 0, 0, 0xFF, 0xFF]]
    ) { input throws(Finding) in
        let zlib = ZlibCompression()
        let limit = 64 << 10
        var refusal: UInt64 = 0
        guard let plain = attempt(&refusal, { try zlib.gunzip(input, limitBytes: limit) }) else {
            return refusal
        }
        try demand(plain.count <= limit, "over the limit: \(plain.count)")
        let again = try must("packed again") {
            try zlib.gunzip(try zlib.gzip(plain), limitBytes: limit)
        }
        try demand(again == plain, "packed again, it is something else")
        return Features.bits(1, size: plain.count)
    }

    private static let tar = FuzzTarget(
        "tar", "the files of an archive", bytesMax: 8192, words: words("ustar\u{0}00", "meta.json")
    ) { input throws(Finding) in
        guard let (bytes, files) = Reencoding.tar(input) else { return 0 }
        guard let (again, count) = Reencoding.tar(bytes) else {
            throw Finding("what was written is refused")
        }
        try demand(again == bytes && count == files, "what was written is read otherwise")
        return Features.bits(UInt8(files), size: bytes.count)
    }

    /// An archive that a restore takes holds a state that reads.
    ///
    /// Most inputs are the state alone, in an archive with the sums that it should have; one in four
    /// is the archive itself.
    private static let archive = FuzzTarget(
        "snapshot-archive", "a saved state, as an operator sends it", bytesMax: 4096
    ) { input throws(Finding) in
        let (crypto, zlib) = (OpenSSLCrypto(), ZlibCompression())
        let isBare = FNV.of(input) & 3 != 0
        guard let sent = isBare ? packed(input, crypto, zlib) : input,
            let bytes = Reencoding.archivedState(sent, crypto: crypto, compression: zlib)
        else { return Features.bits(0, size: input.count) }
        if isBare { try demand(bytes == input, "the state is another than the archive's") }
        let state = try must("the state of an archive") { try State(decoding: bytes) }
        guard let packed = Reencoding.archive(of: state, crypto: crypto, compression: zlib),
            let again = Reencoding.archivedState(packed, crypto: crypto, compression: zlib)
        else { throw Finding("it cannot be saved again") }
        try demand(again == state.archived(), "saved again, it is another state")
        return Features.bits(1, size: bytes.count)
    }

    private static func packed(
        _ state: [UInt8], _ crypto: OpenSSLCrypto, _ zlib: ZlibCompression
    ) -> [UInt8]? {
        do {
            let meta: [UInt8] = [0x7B, 0x7D]
            var sums = ""
            for (name, content) in [("meta.json", meta), ("state.bin", state)] {
                let sum = try crypto.sha256(content)
                let digits = sum.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
                sums += "\(digits.joined())  \(name)\n"
            }
            var tarball = Tarball()
            tarball.add("meta.json", meta)
            tarball.add("state.bin", state)
            tarball.add("SHA256SUMS", Array(sums.utf8))
            return try zlib.gzip(tarball.finish())
        } catch {
            return nil
        }
    }
}
