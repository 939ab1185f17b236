// SPDX-License-Identifier: Apache-2.0
public import MartletTransport

/// SHA-256 in Swift, "random" bytes that the seed decides, and a seal that keeps the promises of
/// AES-GCM towards those who only try and guess: nothing here is secret.
// SAFETY: guarded by the world's single thread.
public final class SimulatedCrypto: Crypto, @unchecked Sendable {
    private var generator: SplitMix64

    init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    public func secureRandomBytes(_ count: Int) throws(CryptoError) -> [UInt8] {
        guard count >= 0 else { throw CryptoError("\(count) random bytes were asked for") }
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 32) }
    }

    public func sha256(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8] { SHA256.digest(bytes) }

    public func startSHA256() throws(CryptoError) -> any RunningDigest { SimulatedDigest() }

    public func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        let seal = try SimulatedSeal(key: key, nonce: nonce)
        let ciphertext = seal.masked(plaintext)
        return ciphertext + seal.tag(of: ciphertext, additionalData)
    }

    public func open(
        _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        let seal = try SimulatedSeal(key: key, nonce: nonce)
        guard sealed.count >= SimulatedSeal.tagBytes else { throw .notAuthentic }
        let ciphertext = Array(sealed.dropLast(SimulatedSeal.tagBytes))
        guard sealed.suffix(SimulatedSeal.tagBytes) == seal.tag(of: ciphertext, additionalData)[...]
        else { throw .notAuthentic }
        return seal.masked(ciphertext)
    }
}

/// Keeps all that comes until its end: in this world, memory has no bound.
private final class SimulatedDigest: RunningDigest {
    private var bytes: [UInt8] = []

    func update(_ bytes: [UInt8]) throws(CryptoError) { self.bytes += bytes }

    func finish() throws(CryptoError) -> [UInt8] { SHA256.digest(bytes) }
}

/// A stream and a checksum that key and nonce start. Fast and the same everywhere, but no secret:
/// whoever knows how it works undoes it.
private struct SimulatedSeal {
    static let tagBytes = 16

    private let start: UInt64

    init(key: [UInt8], nonce: [UInt8]) throws(CryptoError) {
        guard [16, 24, 32].contains(key.count) else {
            throw CryptoError("a key of \(key.count) bytes, not 16, 24 or 32")
        }
        guard nonce.count == 12 else {
            throw CryptoError("a nonce of \(nonce.count) bytes, not 12")
        }
        start = Self.mix(nonce, into: Self.mix(key, into: 1))
    }

    /// Masks, and takes the mask off again.
    func masked(_ bytes: [UInt8]) -> [UInt8] {
        var stream = SplitMix64(seed: start)
        var word: UInt64 = 0
        return bytes.enumerated().map { position, byte in
            word = position % 8 == 0 ? stream.next() : word >> 8
            return byte ^ UInt8(truncatingIfNeeded: word)
        }
    }

    func tag(of ciphertext: [UInt8], _ additionalData: [UInt8]) -> [UInt8] {
        let sum = Self.mix(ciphertext, into: Self.mix(additionalData, into: ~start))
        var words = SplitMix64(seed: sum)
        return (0..<2).flatMap { _ -> [UInt8] in
            let word = words.next()
            return (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
        }
    }

    /// Each byte, and how many there are, changes the sum.
    private static func mix(_ bytes: [UInt8], into sum: UInt64) -> UInt64 {
        var sum = sum
        for byte in bytes { sum = (sum ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        var words = SplitMix64(seed: sum ^ UInt64(bytes.count) << 32)
        return words.next()
    }
}

/// SHA-256 (FIPS 180-4 §6.2). The constants are the fractions of roots of primes (§4.2.2, §5.3.3),
/// computed with whole numbers.
enum SHA256 {
    private static let primes: [UInt64] = {
        var found: [UInt64] = []
        var candidate: UInt64 = 2
        while found.count < 64 {
            if found.allSatisfy({ candidate % $0 != 0 }) { found.append(candidate) }
            candidate += 1
        }
        return found
    }()
    private static let constants = primes.map { fraction(of: $0, root: 3) }
    private static let initial = primes.prefix(8).map { fraction(of: $0, root: 2) }

    static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var message = bytes
        message.append(0x80)
        while message.count % 64 != 56 { message.append(0) }
        let bits = UInt64(bytes.count) &* 8
        for shift in stride(from: 56, through: 0, by: -8) {
            message.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
        }
        var state = initial
        let constants = constants
        var words = [UInt32](repeating: 0, count: 64)
        for start in stride(from: 0, to: message.count, by: 64) {
            for index in 0..<16 {
                words[index] = (0..<4).reduce(0) {
                    $0 << 8 | UInt32(message[start + index * 4 + $1])
                }
            }
            for index in 16..<64 {
                let (early, late) = (words[index - 15], words[index - 2])
                let small = turn(early, 7) ^ turn(early, 18) ^ early >> 3
                let large = turn(late, 17) ^ turn(late, 19) ^ late >> 10
                words[index] = words[index - 16] &+ small &+ words[index - 7] &+ large
            }
            var s = state
            for index in 0..<64 {
                let sum1 = turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)
                let choice = (s[4] & s[5]) ^ (~s[4] & s[6])
                let first = s[7] &+ sum1 &+ choice &+ constants[index] &+ words[index]
                let sum0 = turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)
                let majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2])
                s = [first &+ sum0 &+ majority, s[0], s[1], s[2], s[3] &+ first, s[4], s[5], s[6]]
            }
            for index in 0..<8 { state[index] &+= s[index] }
        }
        return state.flatMap { word in
            [24, 16, 8, 0].map { (shift: UInt32) in UInt8(truncatingIfNeeded: word >> shift) }
        }
    }

    private static func turn(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word >> count | word << (32 - count)
    }

    /// The first 32 bits behind the point of a root: the largest x with x^root <= prime * 2^(32 root).
    private static func fraction(of prime: UInt64, root: Int) -> UInt32 {
        var low: UInt64 = 0
        for bit in stride(from: 36, through: 0, by: -1) {
            let trial = low | 1 << UInt64(bit)
            var power: UInt128 = 1
            for _ in 0..<root { power *= UInt128(trial) }
            if power <= UInt128(prime) << UInt128(32 * root) { low = trial }
        }
        return UInt32(truncatingIfNeeded: low)
    }
}

/// A reflected 32-bit checksum.
struct Checksum {
    static let crc32 = Checksum(polynomial: 0xEDB8_8320)

    private let table: [UInt32]

    private init(polynomial: UInt32) {
        table = (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { value, _ in
                value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1
            }
        }
    }

    func value(of bytes: [UInt8]) -> UInt32 {
        let (bytes, table) = (bytes.span, table.span)
        var state: UInt32 = ~0
        for position in bytes.indices {
            state = state >> 8 ^ table[Int(UInt8(truncatingIfNeeded: state) ^ bytes[position])]
        }
        return ~state
    }
}

/// gzip with stored blocks only (RFC 1951 §3.2.4): valid for every reader, but nothing gets
/// smaller; and it reads nothing but that.
public struct SimulatedCompression: Compression {
    private static let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]

    public func gzip(_ bytes: [UInt8]) throws(CompressionError) -> [UInt8] {
        var out = Self.header
        var start = 0
        repeat {
            let end = min(start + 65_535, bytes.count)
            let size = UInt16(end - start)
            out.append(end == bytes.count ? 1 : 0)
            for word in [size, ~size] { out += [UInt8(word & 255), UInt8(word >> 8)] }
            out += bytes[start..<end]
            start = end
        } while start < bytes.count
        for word in [Checksum.crc32.value(of: bytes), UInt32(truncatingIfNeeded: bytes.count)] {
            out += (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) }
        }
        return out
    }

    public func gunzip(
        _ bytes: [UInt8], limitBytes: Int
    ) throws(CompressionError) -> [UInt8] {
        guard bytes.count >= 18, bytes[0...2] == [0x1F, 0x8B, 8], bytes[3] == 0 else {
            throw .malformed("not a gzip header without extras")
        }
        var out: [UInt8] = []
        var position = 10
        var isLast = false
        while !isLast {
            guard position + 5 <= bytes.count else { throw .malformed("truncated") }
            guard bytes[position] <= 1 else { throw .malformed("not a stored block") }
            isLast = bytes[position] == 1
            let size = Int(bytes[position + 1]) | Int(bytes[position + 2]) << 8
            let check = Int(bytes[position + 3]) | Int(bytes[position + 4]) << 8
            guard size ^ check == 0xFFFF else { throw .malformed("length check") }
            position += 5
            guard size <= bytes.count - position else { throw .malformed("truncated") }
            guard size <= limitBytes - out.count else { throw .tooLarge(limitBytes: limitBytes) }
            out += bytes[position..<position + size]
            position += size
        }
        guard bytes.count == position + 8 else { throw .malformed("trailer") }
        let trailer = (0..<2).map { word in
            (0..<4).reduce(UInt32(0)) {
                $0 | UInt32(bytes[position + word * 4 + $1]) << UInt32(8 * $1)
            }
        }
        guard trailer[0] == Checksum.crc32.value(of: out),
            trailer[1] == UInt32(truncatingIfNeeded: out.count)
        else { throw .malformed("checksum") }
        return out
    }
    public func startGzip() throws(CompressionError) -> any CompressionStream {
        SimulatedCompressionStream { bytes throws(CompressionError) in try gzip(bytes) }
    }

    public func startGunzip() throws(CompressionError) -> any CompressionStream {
        SimulatedCompressionStream { bytes throws(CompressionError) in
            try gunzip(bytes, limitBytes: .max)
        }
    }
}

/// Keeps all that comes until its end: in this world, memory has no bound.
private final class SimulatedCompressionStream: CompressionStream {
    private static let pieceBytes = 64 << 10
    private let convert: ([UInt8]) throws(CompressionError) -> [UInt8]
    private var bytes: [UInt8] = []

    init(_ convert: @escaping ([UInt8]) throws(CompressionError) -> [UInt8]) {
        self.convert = convert
    }

    func write(
        _ bytes: [UInt8], output: (ArraySlice<UInt8>) -> Bool
    ) throws(CompressionError) {
        self.bytes += bytes
    }

    func finish(output: (ArraySlice<UInt8>) -> Bool) throws(CompressionError) {
        var rest = try convert(bytes)[...]
        while !rest.isEmpty, output(rest.prefix(Self.pieceBytes)) {
            rest = rest.dropFirst(Self.pieceBytes)
        }
    }
}
