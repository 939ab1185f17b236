// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import Testing

@testable import MartletCLI

@Suite("Flags, in Go's forms") struct FlagTests {
    private static let command = MartletCLI.Command(
        "try it", "tries", operands: Operands(["A", "B"], 0...2),
        flags: [
            Flag("stale", .onOff, "."), Flag("name", .text("N"), "."),
            Flag("policy", .list("P"), "."), Flag("n", .count, "."), Flag("ttl", .duration, "."),
            Flag("kind", .choice(["a", "b"]), "."), Flag("clean", .setting, "."),
        ], asksServer: false, run: { _ in .fine })

    private func read(_ words: [String]) throws -> CommandLineValues {
        try CommandLineValues.read(words, of: Self.command)
    }

    @Test(
        "One dash or two, a value behind = or as the next word",
        arguments: [
            ["-name=v"], ["--name=v"], ["-name", "v"], ["--name", "v"], ["-name=x", "-name=v"],
        ])
    func forms(words: [String]) throws {
        #expect(try read(words).text("name") == "v")
    }

    @Test(
        "What is on or off takes a value only behind =",
        arguments: [
            (["-stale"], true), (["--stale=true"], true), (["-stale=T"], true),
            (["-stale=1"], true), (["-stale=false"], false), (["-stale=0"], false), ([], false),
            (["-stale", "-stale=false"], false),
        ] as [([String], Bool)])
    func onOff(words: [String], expected: Bool) throws {
        #expect(try read(words).isOn("stale") == expected)
        #expect(try read(["-stale", "false"]).operands == ["false"])
    }

    @Test("A setting that was not given is neither on nor off")
    func setting() throws {
        #expect(try read([]).truth("clean") == nil)
        #expect(try read(["-clean"]).truth("clean") == true)
        #expect(try read(["-clean=false"]).truth("clean") == false)
    }

    @Test("A value may begin with a dash, be empty and hold =")
    func values() throws {
        #expect(try read(["-name", "-stale"]).text("name") == "-stale")
        #expect(try read(["-name="]).text("name")?.isEmpty == true)
        #expect(try read(["-name=a=b"]).text("name") == "a=b")
        #expect(try read(["-policy=a", "x", "-policy", "b"]).list("policy") == ["a", "b"])
    }

    @Test("Flags may follow operands; behind -- all are operands, and - is one")
    func operands() throws {
        let values = try read(["-", "-stale", "--", "-name"])
        #expect(values.operands == ["-", "-name"])
        #expect(values.isOn("stale"))
    }

    @Test(
        "What is wrong is named in one line",
        arguments: [
            (["-nmae=x"], "unknown flag -nmae: did you mean -name?"),
            (["-name"], "flag needs an argument: -name N"),
            (["-n=-1"], #"invalid value "-1" for flag -n: not a whole number from 0 on"#),
            (["-n=+1"], #"invalid value "+1" for flag -n: not a whole number from 0 on"#),
            (
                ["-n", "99999999999999999999"],
                #"invalid value "99999999999999999999" for flag -n: not a whole number from 0 on"#
            ),
            (
                ["-ttl=1"],
                #"invalid value "1" for flag -ttl: time: missing unit in duration "1""#
            ),
            (["-kind=c"], #"invalid value "c" for flag -kind: it is one of a, b"#),
            (
                ["-stale=maybe"],
                #"invalid value "maybe" for flag -stale: it is neither true nor false"#
            ),
            (
                ["a", "b", "c"],
                #"unexpected argument "c": 'martlet try it -help' shows what it takes"#
            ),
        ] as [([String], String)])
    func wrong(words: [String], text: String) {
        #expect(throws: CLIFailure.usage(text)) { try read(words) }
    }

    @Test("A flag with control characters does not reach the terminal")
    func hostile() {
        let desk = Desk()
        #expect(desk.run(["version", "-\u{1b}[31mx\u{7}"]) == 2)
        #expect(desk.errors.unicodeScalars.dropLast().allSatisfy { $0.value >= 0x20 })
    }
}

@Suite("Addresses of servers") struct ServerAddressTests {
    @Test(
        "URLs and hosts, with and without a port",
        arguments: [
            ("http://10.0.0.1:80", "http://10.0.0.1:80"), ("10.0.0.1", "http://10.0.0.1:4646"),
            ("s1.example:5", "http://s1.example:5"), ("HTTPS://s1/", "https://s1:4646"),
            ("[::1]:80", "http://[::1]:80"), ("::1", "http://[::1]:4646"),
            ("https://[::1]", "https://[::1]:4646"), ("unix:///run/m.sock", "unix:///run/m.sock"),
            ("unix:/run/m.sock", "unix:///run/m.sock"),
        ])
    func forms(text: String, expected: String) throws {
        #expect(
            try ServerAddress.read(text, prefersSecured: false).map(\.description) == [expected])
    }

    @Test("Several, in order; without a scheme as the TLS settings want")
    func several() throws {
        let all = try ServerAddress.read("a, http://b,,c:1 ", prefersSecured: true)
        #expect(all.map(\.description) == ["https://a:4646", "http://b:4646", "https://c:1"])
    }

    @Test(
        "What is none is refused with the reason",
        arguments: [
            "", ",", "ftp://x", "http://", "http://a/v1", "http://u@h", "a:b", "a:0", "a:99999",
            "a b", "unix:", "http://a?x", "[::1", "a:+1",
        ])
    func wrong(text: String) {
        #expect(throws: CLIFailure.self) {
            try ServerAddress.read(text, prefersSecured: false)
        }
    }

    @Test("At most sixteen")
    func bound() {
        let many = (0..<17).map { "h\($0)" }.joined(separator: ",")
        #expect(throws: CLIFailure.self) {
            try ServerAddress.read(many, prefersSecured: false)
        }
    }
}
