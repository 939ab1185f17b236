// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletServer

private func key(_ number: UInt8, size: Int = 32) throws(KeyringError) -> GossipKey {
    try GossipKey(bytes: [UInt8](repeating: number, count: size))
}

@Suite("Base64 (RFC 4648 §4)") struct Base64Tests {
    @Test(
        "The examples of §10, both ways",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
        ])
    func examples(text: String, encoded: String) {
        #expect(Base64.encoded(Array(text.utf8)) == encoded)
        #expect(Base64.decoded(encoded) == Array(text.utf8))
    }

    @Test("Every byte in every place comes back")
    func everyByte() {
        for byte in UInt8.min ... .max {
            for bytes in [[byte], [1, byte], [1, 2, byte], [byte, 255, 0, byte]] {
                #expect(Base64.decoded(Base64.encoded(bytes)) == bytes)
            }
        }
    }

    @Test(
        "What is no base64 is refused",
        arguments: [
            "Z", "Zg", "Zg=", "Zm9", "Zg===", "====", "Z===", "=Zg=", "Zg==Zg==", "Zm9v=", "Zm9v ",
            "Zm9v\n", " Zm9", "Zm9-", "Zm9_", "Zm9é", "Zm9\0",
        ])
    func refused(text: String) {
        #expect(Base64.decoded(text) == nil)
    }

    @Test("Spare bits of the last digit do not count, as in Go")
    func spareBits() {
        #expect(Base64.decoded("Zh==") == [0x66])
        #expect(Base64.decoded("Zm9=") == Array("fo".utf8))
    }
}

@Suite("Keys of gossip") struct GossipKeyTests {
    @Test("A key has 16, 24 or 32 bytes", arguments: 0...65)
    func sizes(size: Int) throws {
        let text = Base64.encoded([UInt8](repeating: 7, count: size))
        if [16, 24, 32].contains(size) {
            #expect(try GossipKey(base64: text).base64 == text)
        } else {
            #expect(throws: KeyringError.self) { try GossipKey(base64: text) }
        }
    }

    @Test("A text that is none is refused without being told")
    func noText() {
        for text in [
            "hunter2", "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s",
            String(repeating: "A", count: 68),
        ] {
            do throws(KeyringError) {
                _ = try GossipKey(base64: text)
                Issue.record("taken: \(text)")
            } catch {
                #expect(!error.description.contains(text))
            }
        }
    }

    @Test("A description, an interpolation and a dump of what holds a key show nothing of it")
    func secrecy() throws {
        let key = try GossipKey(bytes: Array(200..<232))
        let ring = try Keyring([key])
        var dumped = ""
        dump(ring, to: &dumped)
        for text in [
            "\(key)", String(reflecting: key), "\(ring)", String(reflecting: ring), dumped,
        ] {
            #expect(!text.contains("201") && !text.contains(key.base64.prefix(6)), "\(text)")
        }
    }
}

@Suite("The keyring (Serf's rules)") struct KeyringTests {
    @Test("A ring has 1 to 8 keys, each once")
    func bounds() throws {
        #expect(throws: KeyringError.empty) { try Keyring([]) }
        #expect(throws: KeyringError.full) { try Keyring((0..<9).map { try key($0) }) }
        let ring = try Keyring([key(1), key(2), key(1), key(2)])
        #expect(try ring.keys == [key(1), key(2)])

        var full = try Keyring((0..<8).map { try key($0) })
        #expect(throws: KeyringError.full) { try full.install(key(8)) }
        try full.install(key(7))
        #expect(full.keys.count == 8)
    }

    @Test("Installed keys come last, and one that is there stays in its place")
    func install() throws {
        var ring = try Keyring([key(1)])
        try ring.install(key(2))
        try ring.install(key(3, size: 16))
        try ring.install(key(1))
        try ring.install(key(2))

        #expect(try ring.keys == [key(1), key(2), key(3, size: 16)])
    }

    @Test("The key in use comes first; one that is not installed is refused")
    func use() throws {
        var ring = try Keyring([key(1), key(2), key(3)])
        try ring.use(key(3))
        #expect(try ring.keys == [key(3), key(1), key(2)])
        try ring.use(key(3))
        #expect(try ring.keys == [key(3), key(1), key(2)])
        #expect(throws: KeyringError.unknownKey) { try ring.use(key(4)) }
        #expect(throws: KeyringError.unknownKey) { try ring.use(key(3, size: 16)) }
        #expect(try ring.primary == key(3))
    }

    @Test("The primary key stays; another goes, and one that is not there is gone already")
    func remove() throws {
        var ring = try Keyring([key(1), key(2)])
        #expect(throws: KeyringError.primaryKey) { try ring.remove(key(1)) }
        try ring.remove(key(3))
        #expect(try ring.keys == [key(1), key(2)])
        try ring.remove(key(2))
        try ring.remove(key(2))
        #expect(try ring.keys == [key(1)])
        #expect(throws: KeyringError.primaryKey) { try ring.remove(key(1)) }
    }

    @Test("The file is Serf's, and reads back equal")
    func file() throws {
        let ring = try Keyring([key(1), key(2, size: 16)])
        #expect(
            String(decoding: ring.file, as: UTF8.self)
                .filter { !$0.isWhitespace }
                == "[\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\",\"AgICAgICAgICAgICAgICAg==\"]"
        )
        #expect(try Keyring(file: ring.file) == ring)
        let full = try Keyring((0..<8).map { try key($0) })
        #expect(try Keyring(file: full.file) == full && full.file.count < Keyring.fileBytesMax)
    }

    @Test(
        "What is no keyring is refused",
        arguments: [
            "", "[]", "{}", "null", "[1]", "[null]", "[\"\"]", "[\"AQ==\"]", "[[\"AQ==\"]]",
            "\"AQ==\"",
            "[\"AgICAgICAgICAgICAgICAg==\"", "[\"AgICAgICAgICAgICAgICAg\"]",
            "[\"AgICAgICAgICAgICAgICAg==\"] x",
            "[" + String(repeating: " ", count: 5000) + "\"AgICAgICAgICAgICAgICAg==\"]",
        ])
    func noFile(text: String) {
        #expect(throws: KeyringError.self) { try Keyring(file: Array(text.utf8)) }
    }

    @Test("Too many keys in a file are refused")
    func fullFile() throws {
        let texts = try (0 as UInt8..<9).map { try "\"\(key($0).base64)\"" }.joined(separator: ",")
        #expect(throws: KeyringError.full) { try Keyring(file: Array("[\(texts)]".utf8)) }
    }

    @Test("No mutation of a file traps, and what is taken reads back equal")
    func mutations() throws {
        let whole = try Keyring([key(1), key(2, size: 16), key(3, size: 24)]).file
        var random = SplitMix64(seed: 1)
        var taken = 0
        for _ in 0..<3_000 {
            var bytes = whole
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
                in: .min ... .max, using: &random)
            guard let ring = try? Keyring(file: bytes) else { continue }
            taken += 1
            #expect(try Keyring(file: ring.file) == ring)
        }
        #expect(taken > 0)
    }
}

@Suite("Sealed gossip") struct SealedPacketTests {
    private let crypto = SimulatedWorld(seed: 3).makeHost("a").crypto

    private func refusal(
        _ bytes: [UInt8], _ ring: Keyring, _ purpose: SealedPacket.Purpose = .packet
    ) -> SealedPacket.Refusal? {
        do throws(SealedPacket.Refusal) {
            _ = try ring.open(bytes, for: purpose, by: crypto)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "A packet opens again, and has its version and 28 more bytes around it",
        arguments: [0, 1, 1_200])
    func roundTrip(size: Int) throws {
        let ring = try Keyring([key(1)])
        let plaintext = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        for purpose in SealedPacket.Purpose.allCases {
            let sealed = try ring.seal(plaintext, for: purpose, by: crypto)
            #expect(sealed.count == size + 29 && SealedPacket.overheadBytes == 29)
            #expect(sealed[0] == 1)
            let opened = try ring.open(sealed, for: purpose, by: crypto)
            #expect(opened.plaintext == plaintext && opened.keyIndex == 0)
        }
    }

    @Test("No two packets have one nonce")
    func nonces() throws {
        let ring = try Keyring([key(1)])
        let nonces = try (0..<100).map { _ in
            try ring.seal([1], for: .packet, by: crypto)[1..<13]
        }
        #expect(Set(nonces).count == 100)
    }

    @Test("What was sealed for one purpose opens for no other")
    func purposes() throws {
        let ring = try Keyring([key(1)])
        for purpose in SealedPacket.Purpose.allCases {
            let sealed = try ring.seal([1, 2], for: purpose, by: crypto)
            for other in SealedPacket.Purpose.allCases {
                #expect((refusal(sealed, ring, other) == nil) == (other == purpose))
            }
        }
    }

    @Test("Any key of the ring opens, and it is told which")
    func whichKey() throws {
        let ring = try Keyring([key(1), key(2), key(3, size: 16)])
        for (index, sealing) in ring.keys.enumerated() {
            let sealed = try Keyring([sealing]).seal([9], for: .packet, by: crypto)
            #expect(try ring.open(sealed, for: .packet, by: crypto).keyIndex == index)
        }
        #expect(
            refusal(try Keyring([key(4)]).seal([9], for: .packet, by: crypto), ring) == .noKeyFits)
    }

    @Test("A change of keys, server by server, leaves no packet that another cannot open")
    func rotation() throws {
        let (old, new) = (try key(1), try key(2))
        var rings = try (0..<3).map { _ in try Keyring([old]) }
        for step in 0..<3 {
            for server in rings.indices {
                switch step {
                case 0: try rings[server].install(new)
                case 1: try rings[server].use(new)
                default: try rings[server].remove(old)
                }
                for sender in rings {
                    let sealed = try sender.seal([1], for: .packet, by: crypto)
                    for receiver in rings { #expect(refusal(sealed, receiver) == nil) }
                }
            }
        }
        #expect(rings.allSatisfy { $0.keys == [new] })
    }

    @Test("Too short, of another version, or changed anywhere: each is refused for its reason")
    func refusals() throws {
        let ring = try Keyring([key(1), key(2)])
        let sealed = try ring.seal([1, 2, 3], for: .packet, by: crypto)
        for length in 0..<SealedPacket.overheadBytes {
            #expect(refusal(Array(sealed.prefix(length)), ring) == .tooShort)
        }
        for length in SealedPacket.overheadBytes..<sealed.count {
            #expect(refusal(Array(sealed.prefix(length)), ring) == .noKeyFits)
        }
        for position in sealed.indices {
            var changed = sealed
            changed[position] ^= 1
            #expect(refusal(changed, ring) == (position == 0 ? .unknownVersion : .noKeyFits))
        }
    }
}
