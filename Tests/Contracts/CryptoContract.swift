// SPDX-License-Identifier: Apache-2.0
public import MartletTransport
public import Testing

/// What every `Crypto` must do when it seals, real or simulated: one check per promise of the seam.
///
///     @Test("The contract", arguments: CryptoContract.checks)
///     func contract(_ check: CryptoContract.Check) throws { try check.run(on: crypto) }
public enum CryptoContract {
    public struct Check: Sendable, CustomTestStringConvertible {
        public let testDescription: String
        private let body: @Sendable (any Crypto) throws -> Void

        init(_ promise: String, _ body: @escaping @Sendable (any Crypto) throws -> Void) {
            testDescription = promise
            self.body = body
        }

        public func run(on crypto: any Crypto) throws { try body(crypto) }
    }

    private static let nonce = bytes(12, from: 40)
    private static let keys = [16, 24, 32].map { bytes($0, from: 7) }

    /// Bytes that differ from each other, as far as there are any left.
    private static func bytes(_ count: Int, from first: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: first + $0 * 3) }
    }

    public static let checks: [Check] = [
        Check("A digest of pieces is that of the whole, however it is cut") { crypto in
            let whole = bytes(10_000, from: 3)
            for size in [1, 63, 64, 65, 4_096, 20_000] {
                let digest = try crypto.startSHA256()
                for start in stride(from: 0, to: whole.count, by: size) {
                    try digest.update(Array(whole[start..<min(start + size, whole.count)]))
                }
                #expect(try digest.finish() == crypto.sha256(whole))
            }
            #expect(try crypto.startSHA256().finish() == crypto.sha256([]))
        },
        Check("What is sealed opens again, of any size, and is longer by a tag of 16 bytes") {
            crypto in
            for key in keys {
                for (size, extra) in [
                    (0, 0), (0, 3), (1, 0), (15, 16), (16, 1), (17, 2), (70_000, 5),
                ] {
                    let plaintext = bytes(size, from: 1)
                    let data = bytes(extra, from: 9)
                    let sealed = try crypto.seal(
                        plaintext, key: key, nonce: nonce, additionalData: data)
                    #expect(sealed.count == size + 16)
                    let opened = try crypto.open(
                        sealed, key: key, nonce: nonce, additionalData: data)
                    #expect(opened == plaintext)
                }
            }
        },
        Check("The same key, nonce, text and data give the same bytes") { crypto in
            let sealed = try (0..<2).map { _ in
                try crypto.seal([1, 2, 3], key: keys[2], nonce: nonce, additionalData: [4])
            }
            #expect(sealed[0] == sealed[1])
        },
        Check("The text is not to be read in what is sealed, and another nonce seals otherwise") {
            crypto in
            let plaintext = [UInt8](repeating: 0, count: 64)
            var other = nonce
            other[11] ^= 1
            let sealed = try [nonce, other].map {
                try crypto.seal(plaintext, key: keys[2], nonce: $0, additionalData: [])
            }
            #expect(sealed[0].prefix(64) != sealed[1].prefix(64))
            for bytes in sealed { #expect(Set(bytes.prefix(64)).count > 16) }
        },
        Check("A change to any bit of what is sealed is found") { crypto in
            let sealed = try crypto.seal(
                bytes(21, from: 3), key: keys[2], nonce: nonce, additionalData: [5])
            for position in sealed.indices {
                for bit in 0..<8 {
                    var changed = sealed
                    changed[position] ^= 1 << UInt8(bit)
                    #expect(throws: CryptoError.notAuthentic) {
                        try crypto.open(changed, key: keys[2], nonce: nonce, additionalData: [5])
                    }
                }
            }
        },
        Check("Every cut and every lengthening is found") { crypto in
            let sealed = try crypto.seal(
                bytes(21, from: 3), key: keys[2], nonce: nonce, additionalData: [])
            let cut = (0..<sealed.count).map { Array(sealed.prefix($0)) }
            for changed in cut + [sealed + [0], [0] + sealed] {
                #expect(throws: CryptoError.notAuthentic) {
                    try crypto.open(changed, key: keys[2], nonce: nonce, additionalData: [])
                }
            }
        },
        Check("Another key, nonce or data opens nothing") { crypto in
            let (key, data) = (keys[2], bytes(5, from: 2))
            let sealed = try crypto.seal([1, 2, 3], key: key, nonce: nonce, additionalData: data)
            func expectClosed(_ key: [UInt8], _ nonce: [UInt8], _ data: [UInt8]) {
                #expect(throws: CryptoError.notAuthentic) {
                    try crypto.open(sealed, key: key, nonce: nonce, additionalData: data)
                }
            }
            for position in key.indices {
                var other = key
                other[position] ^= 0x10
                expectClosed(other, nonce, data)
            }
            for position in nonce.indices {
                var other = nonce
                other[position] ^= 0x80
                expectClosed(key, other, data)
            }
            for position in data.indices {
                var other = data
                other[position] ^= 1
                expectClosed(key, nonce, other)
            }
            for other in [[], Array(data.dropLast()), data + [0]] {
                expectClosed(key, nonce, other)
            }
            for other in keys.dropLast() { expectClosed(other, nonce, data) }
        },
        Check("Keys and nonces of other sizes are refused, in both directions") { crypto in
            let sealed = try crypto.seal([1], key: keys[2], nonce: nonce, additionalData: [])
            let wrong =
                [0, 1, 15, 17, 31, 33, 64].map { (bytes($0, from: 7), nonce) }
                + [0, 11, 13, 16].map { (keys[2], bytes($0, from: 40)) }
            for (key, nonce) in wrong {
                #expect(throws: CryptoError.self) {
                    try crypto.seal([1], key: key, nonce: nonce, additionalData: [])
                }
                #expect(throws: CryptoError.self) {
                    try crypto.open(sealed, key: key, nonce: nonce, additionalData: [])
                }
            }
        },
    ]
}
