// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import Testing

/// SplitMix64: the same mutations in every run.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite("JSON under mutation") struct JSONFuzzTests {
    static let seeds = [
        #"{"CleanupDeadServers":true,"LastContactThreshold":"200ms","MaxTrailingLogs":250}"#,
        #"[1,-2.5e+10,"\u00e9\ud83d\ude00\n",null,{"a":{"b":[[],{}]}},false]"#,
        "\"<\u{2028}é\\\\\"",
    ]
    static let tokens = Array(#"{}[]",:\u0eE+-.truefalsn"#.utf8) + [0, 0x1F, 0x80, 0xE2, 0xFF]

    private func mutated(_ seed: [UInt8], by random: inout Generator) -> [UInt8] {
        var bytes = seed
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            let token = Self.tokens[Int.random(in: 0..<Self.tokens.count, using: &random)]
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[at] = token
            case 1: bytes.insert(token, at: at)
            case 2: bytes.remove(at: at)
            case 3: bytes.removeSubrange(at...)
            default: bytes.insert(contentsOf: bytes[at...].prefix(20), at: at)
            }
        }
        return bytes
    }

    @Test("No mutation traps; what is taken reads back equal", arguments: 0..<3)
    func mutations(seed: Int) throws {
        var random = Generator(state: UInt64(seed))
        var taken = 0
        for _ in 0..<2_000 {
            let bytes = mutated(Array(Self.seeds[seed].utf8), by: &random)
            let node: JSONNode
            do throws(JSONError) {
                node = try JSONReader.parse(bytes)
            } catch {
                #expect((0...bytes.count).contains(error.offset) && !error.description.isEmpty)
                continue
            }
            taken += 1
            let written = JSONWriter.encode(node)
            let pretty = JSONWriter.encode(node, pretty: true)
            #expect(try JSONWriter.encode(JSONReader.parse(written)) == written)
            #expect(try JSONWriter.encode(JSONReader.parse(pretty)) == written)
        }
        #expect(taken > 0)
    }
}
