// SPDX-License-Identifier: Apache-2.0
import MartletAutopilot
import Testing

@Suite("Versions of upgrades (semver.org, section 11)") struct VersionTests {
    @Test("Each is before the next, and equal only to itself")
    func order() throws {
        let texts = [
            "0.0.0-0", "0.0.0", "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.2",
            "1.0.0-alpha.10", "1.0.0-alpha.beta", "1.0.0-beta",
            "1.0.0-beta.99999999999999999999999",
            "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0",
            "18446744073709551615.0.0",
        ]
        let versions = try texts.map { try #require(UpgradeVersion(build: $0), "\($0)") }
        for (position, version) in versions.enumerated() {
            for (other, later) in versions.enumerated() {
                #expect((version < later) == (position < other))
                #expect((version == later) == (position == other))
            }
        }
    }

    @Test(
        "Build metadata is of no account",
        arguments: [("1.1.0+ent", "1.1.0"), ("1.1.0-rc.1+007", "1.1.0-rc.1+b-2")])
    func metadata(left: String, right: String) {
        #expect(UpgradeVersion(build: left) == UpgradeVersion(build: right))
        #expect(UpgradeVersion(build: left) != nil)
    }

    @Test("Upgrade versions may be short", arguments: [("2", "2.0.0"), ("1.3", "1.3.0")])
    func short(text: String, same: String) {
        #expect(UpgradeVersion(custom: text) == UpgradeVersion(build: same))
        #expect(UpgradeVersion(build: text) == nil)
    }

    @Test(
        "Anything else is no version, and nothing traps",
        arguments: [
            "", "v1.0.0", "1.0.0.0", "1..0", ".1.0", "1.0.", "-1.0.0", "1.0.0-", "1.0.0+",
            "1.0.0-a..b", "1.0.0-01", "01.0.0", "1.00.0", "1.0.0 ", " 1.0.0", "1.0.0-ä",
            "1.0.0+a+b",
            "18446744073709551616.0.0", "99999999999999999999999999.0.0", "1.0.x", "١.0.0",
            "1.0.0-\u{0}", "+", "-", ".",
        ])
    func refused(text: String) {
        #expect(UpgradeVersion(build: text) == nil)
        #expect(UpgradeVersion(custom: text) == nil)
    }

    @Test("A text of 128 bytes is read, a longer one is not looked at")
    func bounded() {
        let longest = "1.0.0-" + String(repeating: "a", count: UpgradeVersion.bytesMax - 6)

        #expect(UpgradeVersion(build: longest) != nil)
        #expect(UpgradeVersion(build: longest + "a") == nil)
        #expect(UpgradeVersion(build: String(repeating: "1.", count: 1_000_000)) == nil)
    }
}
