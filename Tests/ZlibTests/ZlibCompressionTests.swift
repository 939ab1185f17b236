// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import MartletTransport
import MartletZlib
import Testing

@Suite("Gzip by zlib") struct ZlibCompressionTests {
    private let zlib = ZlibCompression()

    /// Text-like: compresses, but not to nothing.
    private static func sample(_ count: Int) -> [UInt8] {
        var state: UInt32 = 7
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(97 + (state >> 24) % 9)
        }
    }

    @Test("What was compressed comes back", arguments: [0, 1, 1000, 65_536, 131_072, 500_000])
    func roundTrip(_ count: Int) throws {
        let bytes = Self.sample(count)
        let packed = try zlib.gzip(bytes)
        #expect(try zlib.gunzip(packed, limitBytes: count) == bytes)
        #expect(count < 65_536 || packed.count < count / 2)
    }

    @Test("The contract, kept by zlib", arguments: CompressionContract.checks)
    func contract(_ check: CompressionContract.Check) throws { try check.run(on: zlib) }

    @Test("Output that is a whole number of chunks comes back")
    func zeros() throws {
        let bytes = [UInt8](repeating: 0, count: 4 * 65_536)
        #expect(try zlib.gunzip(zlib.gzip(bytes), limitBytes: bytes.count) == bytes)
    }

    @Test("Equal input gives equal output, without a time in it (RFC 1952 §2.3.1)")
    func determinism() throws {
        let packed = try zlib.gzip(Self.sample(1000))
        #expect(try zlib.gzip(Self.sample(1000)) == packed)
        #expect(packed.prefix(3) == [0x1F, 0x8B, 8])
        #expect(packed[4..<8] == [0, 0, 0, 0])
    }

    @Test("The bound holds to the byte", arguments: [1, 999, 65_536, 200_000])
    func bound(_ count: Int) throws {
        let packed = try zlib.gzip(Self.sample(count))
        #expect(throws: CompressionError.tooLarge(limitBytes: count - 1)) {
            try zlib.gunzip(packed, limitBytes: count - 1)
        }
        #expect(throws: CompressionError.tooLarge(limitBytes: -1)) {
            try zlib.gunzip(packed, limitBytes: -1)
        }
    }

    @Test("A small input that would become huge is refused at the bound")
    func bomb() throws {
        let packed = try zlib.gzip([UInt8](repeating: 0, count: 4_000_000))
        #expect(packed.count < 50_000)
        #expect(throws: CompressionError.tooLarge(limitBytes: 100_000)) {
            try zlib.gunzip(packed, limitBytes: 100_000)
        }
    }

    @Test("Several members are one text (RFC 1952 §2.2)")
    func members() throws {
        let packed = try zlib.gzip([1, 2]) + zlib.gzip([]) + zlib.gzip(Self.sample(100_000))
        #expect(try zlib.gunzip(packed, limitBytes: 1 << 20) == [1, 2] + Self.sample(100_000))
    }

    @Test("Every truncation is malformed")
    func truncation() throws {
        let packed = try zlib.gzip(Self.sample(300))
        for length in 0..<packed.count {
            #expect(throws: CompressionError.malformed("ends too early")) {
                try zlib.gunzip(Array(packed.prefix(length)), limitBytes: 1 << 20)
            }
        }
    }

    @Test("Garbage, in place of a text or behind one, is malformed")
    func garbage() throws {
        let packed = try zlib.gzip([1, 2, 3])
        for bytes in [[0, 0, 0, 0], Self.sample(100), packed + [0], packed + Self.sample(20)] {
            #expect { try zlib.gunzip(bytes, limitBytes: 1 << 20) } throws: { error in
                if case .malformed = error as? CompressionError { true } else { false }
            }
        }
    }

    @Test("A damaged text is noticed by its check value")
    func damage() throws {
        let packed = try zlib.gzip(Self.sample(300))
        for position in [packed.count - 8, packed.count - 4, packed.count / 2] {
            var damaged = packed
            damaged[position] ^= 0x40
            #expect(throws: CompressionError.self) {
                try zlib.gunzip(damaged, limitBytes: 1 << 20)
            }
        }
    }
}
