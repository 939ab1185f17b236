// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import MartletTLS
import MartletTransport
import Testing

@Suite("Crypto by OpenSSL") struct OpenSSLCryptoTests {
    private let crypto = OpenSSLCrypto()

    @Test(
        "SHA-256 gives the digests of FIPS 180-4's examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                String(repeating: "a", count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            ),
        ])
    func digests(_ message: String, _ expected: String) throws {
        let digest = try crypto.sha256(Array(message.utf8))
        #expect(digest.map(hexadecimal).joined() == expected)
    }

    @Test("Random bytes come in the size asked for", arguments: [0, 1, 16, 65_537])
    func sizes(_ count: Int) throws {
        #expect(try crypto.secureRandomBytes(count).count == count)
    }

    @Test("Random bytes differ from call to call")
    func difference() throws {
        let drawn = try (0..<32).map { _ in try crypto.secureRandomBytes(16) }
        #expect(Set(drawn).count == 32)
    }

    @Test("A size that nobody can mean is refused", arguments: [-1, Int.min, Int.max])
    func refusedSizes(_ count: Int) {
        #expect(throws: CryptoError.self) { try crypto.secureRandomBytes(count) }
    }

    @Test("The contract, kept by OpenSSL", arguments: CryptoContract.checks)
    func contract(_ check: CryptoContract.Check) throws { try check.run(on: crypto) }

    private func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
