// SPDX-License-Identifier: Apache-2.0
import MartletHCL
import Testing

/// SplitMix64: the same bodies in every run.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[Int.random(in: 0..<choices.count, using: &self)]
    }

    private static let pieces = [
        "a", "Z", "é", "\u{1F600}", "$", "{", "}", "${", "${x}", "${\"a\"}", "\"", "\\", "\n", "\r",
        "\t", "\0", "\u{7F}", "\u{1B}", "#", "//", "/*", "<<EOF", "EOF", " ", "-", ".", "0",
        "e\u{301}",
        "\u{2028}", "true", "null",
    ]

    mutating func text() -> String {
        (0..<Int.random(in: 0...6, using: &self)).map { _ in pick(Self.pieces) }.joined()
    }

    mutating func body(depth: Int) -> HCLBody {
        let place = HCLPosition(line: 1, column: 1)
        return HCLBody(
            (0..<Int.random(in: 0...4, using: &self)).map { _ in
                let value = value(depth: depth)
                var labels: [HCLLabel] = []
                if case .object = value {
                    labels = (0..<Int.random(in: 0...2, using: &self)).map { _ in
                        HCLLabel(text(), at: place)
                    }
                }
                return HCLItem(key: text(), at: place, labels: labels, HCLNode(value, at: place))
            })
    }

    mutating func value(depth: Int) -> HCLValue {
        let place = HCLPosition(line: 1, column: 1)
        switch Int.random(in: depth > 0 ? 0...7 : 2...7, using: &self) {
        case 0: return .object(body(depth: depth - 1))
        case 1:
            return .list(
                (0..<Int.random(in: 0...3, using: &self)).map { _ in
                    HCLNode(value(depth: depth - 1), at: place)
                })
        case 2: return .bool(Bool.random(using: &self))
        case 3: return .null
        case 4: return .number(text: pick(["0", "-1", "0x1F", "0755", ".5", "1e-3", "2.50"]))
        default: return .string(text())
        }
    }
}

@Suite("HCL: what is printed") struct PrinterTests {
    @Test("Whatever is printed parses back equal", arguments: 0..<8)
    func roundTrip(seed: Int) throws {
        var generator = Generator(state: UInt64(seed))
        for _ in 0..<250 {
            let body = generator.body(depth: 4)
            let text = HCL.print(body)
            #expect(try HCL.parse(Array(text.utf8)) == body, "\(text)")
        }
    }

    @Test("Pieces of text put together at random are read or refused, never more", arguments: 0..<8)
    func noise(seed: Int) throws {
        var generator = Generator(state: UInt64(seed))
        let pieces = [
            "a", "b = ", "= 1", "{", "}", "[", "]", ",", "\n", "\"", "${", "\\", "<<E\n", "E",
            "<<-E\n",
            "#", "/*", "*/", "//", "1", "0x", "-", ".", "true", " ", "\"x\"", "{\"", ":", "é",
            "\u{1}",
        ]
        var taken = 0
        for _ in 0..<2_000 {
            let count = Int.random(in: 1...12, using: &generator)
            let text = (0..<count).map { _ in generator.pick(pieces) }.joined()
            do throws(HCLError) {
                let body = try HCL.parse(Array(text.utf8))
                taken += 1
                #expect(try HCL.parse(Array(HCL.print(body).utf8)) == body, "\(text)")
            } catch {
                #expect(error.position.line >= 1 && error.position.column >= 1)
            }
        }
        #expect(taken > 20)
    }

    @Test("A body is printed as people write it")
    func shape() throws {
        let text = """
            name = "s1"
            server {
              enabled = true
              retry_join = ["10.0.0.1", "10.0.0.2"]
            }
            plugin "raw exec" {
              "x y" = ${node}
              "0" = [
                {
                  a = 1
                },
                [],
              ]
              empty {}
            }

            """.replacing("${node}", with: "\"${node.unique.name}\"")
        #expect(HCL.print(try HCL.parse(Array(text.utf8))) == text)
    }

    @Test("A dollar sign and a brace that are no interpolation are escaped")
    func dollars() throws {
        let place = HCLPosition(line: 1, column: 1)
        let body = HCLBody([
            HCLItem(key: "a", at: place, HCLNode(.string("${x}${ ${\n}"), at: place))
        ])
        #expect(HCL.print(body) == "a = \"${x}\\u0024{ \\u0024{\\n}\"\n")
    }
}

extension String {
    fileprivate func replacing(_ text: String, with other: String) -> String {
        split(separator: text, omittingEmptySubsequences: false).joined(separator: other)
    }
}
