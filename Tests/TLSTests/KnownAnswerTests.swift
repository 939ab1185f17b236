// SPDX-License-Identifier: Apache-2.0
import MartletTLS
import MartletTransport
import Testing

/// One test case as it is printed, in hexadecimal digits.
struct GCMVector: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let key: String
    var nonce = "000000000000000000000000"
    var plaintext = ""
    var additionalData = ""
    var ciphertext = ""
    let tag: String

    private static let zeroKey = String(repeating: "0", count: 64)
    private static let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
    private static let text =
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
    private static let sealedText =
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"

    /// Those with nonces of 96 bits in McGrew and Viega, "The Galois/Counter Mode of Operation", test
    /// cases 1, 2, 7, 8 and 13 to 16; the last is the first of NIST's gcmEncryptExtIV256.rsp.
    static let all: [GCMVector] = [
        GCMVector(
            testDescription: "case 1, a key of 16 bytes", key: String(repeating: "0", count: 32),
            tag: "58e2fccefa7e3061367f1d57a4e7455a"),
        GCMVector(
            testDescription: "case 2, a key of 16 bytes", key: String(repeating: "0", count: 32),
            plaintext: String(repeating: "0", count: 32),
            ciphertext: "0388dace60b6a392f328c2b971b2fe78",
            tag: "ab6e47d42cec13bdf53a67b21257bddf"),
        GCMVector(
            testDescription: "case 7, a key of 24 bytes", key: String(repeating: "0", count: 48),
            tag: "cd33b28ac773f74ba00ed1f312572435"),
        GCMVector(
            testDescription: "case 8, a key of 24 bytes", key: String(repeating: "0", count: 48),
            plaintext: String(repeating: "0", count: 32),
            ciphertext: "98e7247c07f0fe411c267e4384b0f600",
            tag: "2ff58d80033927ab8ef4d4587514f0fb"),
        GCMVector(
            testDescription: "case 13", key: zeroKey, tag: "530f8afbc74536b9a963b4f1c4cb738b"),
        GCMVector(
            testDescription: "case 14", key: zeroKey,
            plaintext: String(repeating: "0", count: 32),
            ciphertext: "cea7403d4d606b6e074ec5d3baf39d18",
            tag: "d0d1c8a799996bf0265b98b5d48ab919"),
        GCMVector(
            testDescription: "case 15", key: key, nonce: "cafebabefacedbaddecaf888",
            plaintext: text, ciphertext: sealedText, tag: "b094dac5d93471bdec1a502270e3cc6c"),
        GCMVector(
            testDescription: "case 16", key: key, nonce: "cafebabefacedbaddecaf888",
            plaintext: String(text.prefix(120)),
            additionalData: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            ciphertext: String(sealedText.prefix(120)), tag: "76fc6ece0f4e1768cddf8853bb2d551b"),
        GCMVector(
            testDescription: "gcmEncryptExtIV256, count 0",
            key: "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
            nonce: "516c33929df5a3284ff463d7", tag: "bdc1ac884d332457a1d2664f168c76f0"),
    ]
}

@Suite("AES-GCM by OpenSSL gives the published answers") struct KnownAnswerTests {
    private let crypto = OpenSSLCrypto()

    @Test("Sealed", arguments: GCMVector.all)
    func sealed(_ vector: GCMVector) throws {
        let sealed = try crypto.seal(
            bytes(vector.plaintext), key: bytes(vector.key), nonce: bytes(vector.nonce),
            additionalData: bytes(vector.additionalData))
        #expect(sealed == bytes(vector.ciphertext + vector.tag))
    }

    @Test("Opened", arguments: GCMVector.all)
    func opened(_ vector: GCMVector) throws {
        let opened = try crypto.open(
            bytes(vector.ciphertext + vector.tag), key: bytes(vector.key),
            nonce: bytes(vector.nonce), additionalData: bytes(vector.additionalData))
        #expect(opened == bytes(vector.plaintext))
    }

    private func bytes(_ digits: String) -> [UInt8] {
        let values = digits.map { UInt8($0.hexDigitValue ?? 0) }
        return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }
}
