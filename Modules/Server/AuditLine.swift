// SPDX-License-Identifier: Apache-2.0
package import MartletTransport

/// One line of an audit log: a JSON object on a line of its own, whose last two members are these.
///
///     {"created_at":…,"event_type":…,"payload":{…},"sequence":17,"chain":"64 hexadecimal digits"}
///
/// `chain` is the SHA-256 of the chain of the line before, as its digits, followed by this line
/// without that member. So a line cannot be changed, moved, removed or put in without all that
/// follow it. The first line there ever was follows 64 zeros.
///
/// What a line says is read by others; here it is a shell around these two.
package struct AuditLine: Equatable, Sendable {
    package let sequence: UInt64
    /// 64 hexadecimal digits.
    package let chain: [UInt8]
    /// The line without its chain.
    package let content: [UInt8]

    package static let genesis = [UInt8](repeating: UInt8(ascii: "0"), count: 64)

    private static let sequenceKey = Array(",\"sequence\":".utf8)
    private static let chainKey = Array(",\"chain\":\"".utf8)
    private static let end = Array("\"}".utf8)

    /// The line that follows one with this sequence number and chain.
    ///
    /// - Parameter object: a JSON object without its closing brace.
    init(
        _ object: [UInt8], after sequence: UInt64, _ chain: [UInt8], crypto: any Crypto
    ) throws(CryptoError) {
        self.sequence = sequence &+ 1
        content = object + Self.sequenceKey + "\(self.sequence)}".utf8
        self.chain = try Self.chain(of: content, after: chain, crypto: crypto)
    }

    /// Reads a line without its line feed; nil for what is none, or not whole.
    package init?(_ line: ArraySlice<UInt8>) {
        let chainStart = line.endIndex - Self.end.count - Self.genesis.count
        let contentEnd = chainStart - Self.chainKey.count
        guard contentEnd > line.startIndex, line.first == UInt8(ascii: "{"),
            line.suffix(Self.end.count) == Self.end[...],
            line[contentEnd..<chainStart] == Self.chainKey[...]
        else { return nil }
        let chain = line[chainStart..<chainStart + Self.genesis.count]
        guard chain.allSatisfy(Self.isHexadecimal) else { return nil }
        var digits = contentEnd
        while digits > line.startIndex, Self.isDigit(line[digits - 1]) { digits -= 1 }
        let keyStart = digits - Self.sequenceKey.count
        guard keyStart >= line.startIndex, line[keyStart..<digits] == Self.sequenceKey[...],
            let sequence = UInt64(String(decoding: line[digits..<contentEnd], as: UTF8.self))
        else { return nil }
        self.sequence = sequence
        self.chain = Array(chain)
        content = line[..<contentEnd] + [UInt8(ascii: "}")]
    }

    /// With its line feed.
    var bytes: [UInt8] {
        content.dropLast() + Self.chainKey + chain + Self.end + [UInt8(ascii: "\n")]
    }

    /// Whether this line follows one with that chain unchanged.
    package func follows(_ chain: [UInt8], crypto: any Crypto) throws(CryptoError) -> Bool {
        try Self.chain(of: content, after: chain, crypto: crypto) == self.chain
    }

    private static func chain(
        of content: [UInt8], after previous: [UInt8], crypto: any Crypto
    ) throws(CryptoError) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return try crypto.sha256(previous + content)
            .flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte
    }
}
