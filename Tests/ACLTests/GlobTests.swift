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

/// What a glob means, by trying everything: exponential, and plainly right.
private func matchesSlowly(_ glob: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
    guard let first = glob.first else { return name.isEmpty }
    if first == UInt8(ascii: "*") {
        return (name.startIndex...name.endIndex).contains {
            matchesSlowly(glob.dropFirst(), name[$0...])
        }
    }
    return name.first == first && matchesSlowly(glob.dropFirst(), name.dropFirst())
}

@Suite("Globs of all kinds") struct GlobPropertyTests {
    @Test("What matches, matches by trying everything too")
    func equivalence() {
        var random = SplitMix(state: 3)
        var matched = 0
        for _ in 0..<20_000 {
            let glob = (0..<Int.random(in: 0...7, using: &random)).map { _ in
                Array("ab*".utf8)[Int.random(in: 0..<3, using: &random)]
            }
            let name = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                Array("ab".utf8)[Int.random(in: 0..<2, using: &random)]
            }
            let expected = matchesSlowly(glob[...], name[...])
            let (text, candidate) = (
                String(decoding: glob, as: UTF8.self), String(decoding: name, as: UTF8.self)
            )
            #expect(Glob(text).matches(candidate) == expected, "\(text) \(candidate)")
            if expected { matched += 1 }
        }
        #expect(matched > 1_000)
    }

    @Test("A glob that would have others try without end is done with at once")
    func hostile() {
        let glob = Glob(String(repeating: "a*", count: 63) + "b")
        let name = String(repeating: "a", count: 1_000_000)
        #expect(!glob.matches(name))
        #expect(glob.matches(name + "b"))
        let long = Glob("*" + String(repeating: "a", count: 100) + "b*")
        #expect(!long.matches(name))
        #expect(long.matches(name + "b"))
    }
}
