// SPDX-License-Identifier: Apache-2.0
public import MartletTransport
public import Testing

/// What every `Compression` must do with bytes that come piece by piece, real or simulated: one check
/// per promise of the seam.
///
///     @Test("The contract", arguments: CompressionContract.checks)
///     func contract(_ check: CompressionContract.Check) throws { try check.run(on: compression) }
public enum CompressionContract {
    public struct Check: Sendable, CustomTestStringConvertible {
        public let testDescription: String
        private let body: @Sendable (any Compression) throws -> Void

        init(_ promise: String, _ body: @escaping @Sendable (any Compression) throws -> Void) {
            testDescription = promise
            self.body = body
        }

        public func run(on compression: any Compression) throws { try body(compression) }
    }

    public static let checks: [Check] = [
        Check("What is packed in pieces unpacks, whole or in pieces, however it is cut") {
            compression in
            for (count, size) in [(0, 1), (1, 1), (3_000, 7), (200_000, 65_536), (300_000, 999)] {
                let text = sample(count)
                let packed = try run(try compression.startGzip(), text, pieces: size)
                #expect(try compression.gunzip(packed, limitBytes: count) == text)
                #expect(try run(try compression.startGunzip(), packed, pieces: size) == text)
                let whole = try compression.gzip(text)
                #expect(try run(try compression.startGunzip(), whole, pieces: size + 1) == text)
            }
        },
        Check("Packed bytes that end too early are malformed, and so is what stands behind") {
            compression in
            let packed = try compression.gzip(sample(500))
            for bytes in [[], Array(packed.dropLast()), Array(packed.prefix(12)), packed + [0]] {
                #expect(throws: CompressionError.self) {
                    try run(try compression.startGunzip(), bytes, pieces: 100)
                }
            }
        },
        Check("Who wants no more gets no more") { compression in
            let packed = try compression.gzip([UInt8](repeating: 0, count: 1_000_000))
            let stream = try compression.startGunzip()
            var pieces = 0
            let stop: (ArraySlice<UInt8>) -> Bool = { piece in
                #expect(piece.count <= 64 << 10)
                pieces += 1
                return false
            }
            try stream.write(packed, output: stop)
            if pieces == 0 { try stream.finish(output: stop) }
            #expect(pieces == 1)
        },
    ]

    private static func run(
        _ stream: any CompressionStream, _ bytes: [UInt8], pieces size: Int
    ) throws -> [UInt8] {
        var output: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            try stream.write(Array(bytes[start..<min(start + size, bytes.count)])) {
                output += $0
                return true
            }
        }
        try stream.finish {
            output += $0
            return true
        }
        return output
    }

    /// Text-like: gets smaller, but not to nothing.
    private static func sample(_ count: Int) -> [UInt8] {
        var state: UInt32 = 7
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(97 + (state >> 24) % 9)
        }
    }
}
