// SPDX-License-Identifier: Apache-2.0
import MartletBytes

/// Checksums that are right, over bytes that are not.
enum Checksums {
    /// The last four bytes are the CRC-32C of all others.
    static func renewed(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 4 else { return bytes }
        let body = Array(bytes.dropLast(4))
        return body + word(CRC32C.checksum(body))
    }

    static func word(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    /// A stream of frames, each with the checksum that it should have: four bytes for the length of
    /// the payload, four for the CRC-32C of all that follows in the frame, one for its kind.
    static func framed(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var start = 0
        while bytes.count - start >= 9 {
            let length = (0..<4).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }
            let end = start + 9 + length
            guard end <= bytes.count else { break }
            let checksum = CRC32C.checksum(Array(bytes[start + 8..<end]))
            bytes.replaceSubrange(start + 4..<start + 8, with: word(checksum))
            start = end
        }
        return bytes
    }
}

/// A tar, written without a look at the module's own writer.
struct Tarball {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ name: String, _ content: [UInt8]) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at place: Int) {
            header.replaceSubrange(place..<place + text.utf8.count, with: Array(text.utf8))
        }
        put(name, at: 0)
        put("0000600", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(Self.octal(content.count, digits: 11), at: 124)
        put(Self.octal(0, digits: 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar\u{0}00", at: 257)
        put(Self.octal(header.reduce(0) { $0 + Int($1) }, digits: 6) + "\u{0} ", at: 148)
        bytes += header + content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    consuming func finish() -> [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

    private static func octal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
