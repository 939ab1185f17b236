// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletACL

@Suite("Globs") struct GlobTests {
    @Test(
        "A star stands for any characters, none included; all else for itself",
        arguments: [
            ("", "", true), ("", "a", false), ("*", "", true), ("*", "anything", true),
            ("prod", "prod", true), ("prod", "prod2", false), ("prod-*", "prod-", true),
            ("prod-*", "prod-api", true), ("prod-*", "prod", false), ("*-api", "prod-api", true),
            ("*-api", "prod-api2", false), ("a*b", "ab", true), ("a*b", "axxb", true),
            ("a*b", "a", false), ("aa*aa", "aaa", false), ("aa*aa", "aaaa", true),
            ("*a*", "bab", true), ("*a*", "bb", false), ("*ab*ab*", "abab", true),
            ("*ab*ab*", "aab", false), ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c-b", false),
            ("**", "x", true), ("*aab*", "aaab", true), ("?", "a", false), ("é*", "éa", true),
            ("*abab*c", "ababababc", true), ("*abcabd*", "abcabcabd", true),
        ])
    func matching(glob: String, name: String, isMatch: Bool) {
        #expect(Glob(glob).matches(name) == isMatch)
    }

    @Test("How close a glob is, its characters without the stars say")
    func literals() {
        #expect(Glob("a*b*").literalCount == 2 && Glob("abc").literalCount == 3)
        #expect(Glob("a*").hasStar && !Glob("a").hasStar)
    }
}
