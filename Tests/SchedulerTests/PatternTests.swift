// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("Regular expressions") struct PatternTests {
    @Test(
        "What matches",
        arguments: [
            ("abc", "xabcx"), ("^abc$", "abc"), ("a|b", "b"), ("a*b", "aaab"), ("(?:ab)+$", "abab"),
            ("a{2,3}$", "aaa"), ("a{2}", "aa"), ("a{2,}", "aaaa"), ("[a-c]+x", "abcx"),
            ("[^a-c]", "d"), ("[]a]", "]"), (#"\d+\.\d"#, "12.5"), (#"\bcat\b"#, "a cat."),
            ("(?i)ABC", "aBc"), ("(?s)a.b", "a\nb"), ("(?m)^b", "a\nb"), ("a??b", "b"),
            (#"\x41\x{42}"#, "AB"), (#"\Qa.b\E"#, "a.b"), ("[[:alpha:]]+1", "abc1"),
            ("(?P<name>x)", "x"), ("", "anything"), ("a{,2}", "a{,2}"), ("é", "café"),
            ("^(a|b|)$", ""), (#"[\d\-x]+$"#, "1-x"), ("(?i:A)b", "ab"),
        ])
    func matching(source: String, text: String) throws {
        #expect(try #require(Pattern(source)).matches(text))
    }

    @Test(
        "What does not",
        arguments: [
            ("^abc$", "abcd"), ("a{2}$", "a"), ("[^a]", "a"), (".", "\n"), (#"\bcat\b"#, "cats"),
            ("(?i:A)b", "aB"), ("a.b", "a\nb"), (#"\Aab\z"#, "ab\n"), ("a+", "b"),
        ])
    func refusing(source: String, text: String) throws {
        #expect(try #require(Pattern(source)).matches(text) == false)
    }

    @Test("A class of many pieces, in any order, holds them and no others")
    func manyPieces() throws {
        let values: [UInt32] = (0..<200).map { (number: UInt32) -> UInt32 in
            0x4E00 + 3 * ((number * 77) % 200)
        }
        let letters = values.compactMap { Unicode.Scalar($0) }
        let pieces = String(String.UnicodeScalarView(letters))
        let inside = try #require(Pattern("^[\(pieces)]$"))
        let outside = try #require(Pattern("^[^\(pieces)]$"))
        for value: UInt32 in 0x4DFF...0x5058 {
            let text = try String(Character(#require(Unicode.Scalar(value))))
            #expect(inside.matches(text) == values.contains(value))
            #expect(outside.matches(text) != values.contains(value))
        }
    }

    @Test("Of a job, what no node could ever match is named with its field")
    func unreadable() {
        var job = Job(id: "j")
        job.constraints = [
            Constraint("${attr.a}", "regexp", "^x"), Constraint("${attr.a}", "regexp", "["),
            Constraint("${attr.a}", "regexp", "${meta.pattern}"),
            Constraint("${attr.a}", "version", ">= 1.x"), Constraint("${attr.a}", "=", "["),
        ]
        var task = JobTask(name: "t", driver: "mock")
        task.affinities = [Affinity("${attr.a}", "semver", "one", weight: 5)]
        var device = DeviceRequest(name: "gpu", count: 1)
        device.constraints = [Constraint("${device.model}", "regexp", "((a{100}){100}){100}")]
        task.resources.devices = [device]
        job.groups = [TaskGroup(name: "g", tasks: [task])]
        #expect(
            job.unreadableExpressions == [
                #"Job.Constraints[1].RTarget: "[" is no regular expression, or one that is too large"#,
                #"Job.Constraints[3].RTarget: ">= 1.x" is no list of versions"#,
                #"Job.TaskGroups[0].Tasks[0].Affinities[0].RTarget: "one" is no list of semantic versions"#,
                #"Job.TaskGroups[0].Tasks[0].Resources.Devices[0].Constraints[0].RTarget: "#
                    + #""((a{100}){100}){100}" is no regular expression, or one that is too large"#,
            ])
    }

    @Test("Only so many expressions are looked at")
    func manyExpressions() {
        var job = Job(id: "j")
        job.constraints = Array(repeating: Constraint("${attr.a}", "regexp", "["), count: 600)
        #expect(job.unreadableExpressions.count == 512)
    }

    @Test(
        "What is no expression",
        arguments: [
            "(", ")", "[a", "*a", "a**", "a{3,2}", #"(a)\1"#, "(?=a)", "(?<!a)b", #"\p"#, "[z-a]",
            "a{1001}", #"\"#, "((a{100}){100}){100}", "(?X)a", "[[:nope:]]",
        ])
    func malformed(source: String) {
        #expect(Pattern(source) == nil)
    }

    @Test("What would take a backtracking engine for ever takes a moment")
    func hostile() throws {
        let nested = try #require(Pattern("^(a+)+$"))
        #expect(!nested.matches(String(repeating: "a", count: 4000) + "b"))
        let alternatives = try #require(Pattern("(a|aa|aaa)*c"))
        #expect(!alternatives.matches(String(repeating: "a", count: 4000)))
        let empty = try #require(Pattern("(((a*)*)*)*b"))
        #expect(!empty.matches(String(repeating: "a", count: 1000)))
        #expect(Pattern(String(repeating: "(", count: 1000)) == nil)
        #expect(Pattern(String(repeating: "a", count: 2000)) == nil)
        #expect(!nested.matches(String(repeating: "a", count: 5000)))
    }
}

@Suite("Powers without a C library") struct ExponentialTests {
    @Test("Known values")
    func values() {
        #expect(Exponentials.pow10(0) == 1)
        for (exponent, power) in [(1.0, 10.0), (2, 100), (-1, 0.1), (0.5, 3.162_277_660_168_379_5)]
        {
            #expect(abs(Exponentials.pow10(exponent) / power - 1) < 4e-15)
        }
        #expect(abs(Exponentials.exp(1) / 2.718_281_828_459_045 - 1) < 4e-15)
        #expect(Exponentials.pow2(10) == 1024)
        #expect(Exponentials.pow2(5000).isFinite)
        #expect(
            [0, 1, 2, 3, 4, 5, 1024, 1025].map(Exponentials.ceilLog2) == [0, 0, 1, 2, 2, 3, 10, 11])
    }

    @Test("10^a · 10^b is 10^(a+b), as the index assumes")
    func products() {
        var sequence = SeededSequence(seed: 3)
        for _ in 0..<1000 {
            let a = Double(sequence.next(below: 1000)) / 1000
            let b = Double(sequence.next(below: 1000)) / 1000
            let ratio =
                Exponentials.pow10(a) * Exponentials.pow10(-b) / Exponentials.pow10(a - b)
            #expect(abs(ratio - 1) < 1e-14)
        }
    }
}
