// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTransport
import Testing

@Suite("The simulated services") struct ServicesTests {
    private let host = SimulatedWorld(seed: 5).makeHost("a")

    @Test(
        "SHA-256 of the FIPS 180-4 examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func sha256(_ text: String, _ expected: String) throws {
        let digest = try host.crypto.sha256(Array(text.utf8))
        let digits = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(digits == expected)
    }

    @Test(
        "gzip comes back whole, bounded, and is refused when damaged",
        arguments: [0, 1, 65_535, 65_536, 200_000])
    func gzip(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let packed = try host.compression.gzip(bytes)
        #expect(try host.compression.gunzip(packed, limitBytes: count) == bytes)
        var damaged = packed
        damaged[packed.count - 6] ^= 1
        #expect(throws: CompressionError.self) {
            try host.compression.gunzip(damaged, limitBytes: count)
        }
        if count > 0 {
            #expect(throws: CompressionError.tooLarge(limitBytes: count - 1)) {
                try host.compression.gunzip(packed, limitBytes: count - 1)
            }
        }
    }

    @Test("A crash takes back appends, and leaves what was replaced or appended durably")
    func files() throws {
        let world = SimulatedWorld(seed: 1)
        let host = world.makeHost("a")
        try host.files.makeDirectory("/data/b")
        try host.files.replace("/data/id", with: [1])
        try host.files.append([2], to: "/data/id")
        try host.files.append([3], to: "/data/log")
        try host.files.appendDurably([4], to: "/data/audit")
        try host.files.append([5], to: "/data/audit")
        #expect(try host.files.list("/data") == ["audit", "b", "id", "log"])
        host.crash()
        host.restart()
        #expect(try host.files.list("/data") == ["audit", "b", "id"])
        #expect(try host.files.readEnd("/data/audit", limitBytes: 9).bytes == [4])
        #expect(try host.files.read("/data/id", limitBytes: 9) == [1])
    }
}
