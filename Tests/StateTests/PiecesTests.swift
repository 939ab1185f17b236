// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import Testing

@testable import MartletState

@Suite("Snapshots in pieces") struct PiecesTests {
    /// With every section, and a restore under way.
    static func large(policies: Int = 200) throws -> State {
        var state = populated()
        for number in 0..<40 {
            _ = state.apply(
                .putServer(try server(number, zone: number % 2 == 0 ? "z" : nil)),
                at: state.lastAppliedIndex + 1)
            _ = state.apply(.recordEvent(event(number)), at: state.lastAppliedIndex + 1)
            _ = state.apply(
                .recordLeader(term(UInt64(number + 1))), at: state.lastAppliedIndex + 1)
        }
        _ = state.apply(
            .setAutopilot(unusualAutopilot, cas: nil, by: nil), at: state.lastAppliedIndex + 1)
        for number in 0..<policies {
            let rules = String(repeating: "x", count: number * 37 % 5_000)
            state.acl(.upsertPolicies([policy("q\(number)", rules: rules)]))
            state.acl(.createToken(token(100 + number)))
        }
        _ = state.apply(
            .setUpgradeBaseline(3, cas: nil), at: state.lastAppliedIndex + 1)
        let begun = state.lastAppliedIndex + 1
        _ = state.apply(.restoreBegin(sizeBytes: 600_000, checksum: 1), at: begun)
        let chunk = [UInt8](repeating: 9, count: StateRestore.chunkBytes)
        _ = state.apply(.restoreChunk(restore: begun, number: 0, bytes: chunk), at: begun + 1)
        return state
    }

    @Test("Pieces of any size make the whole", arguments: [1, 7, 4_096, 65_536, 1 << 22])
    func encoding(size: Int) throws {
        let state = try Self.large(policies: 30)
        let whole = state.encoded()
        var encoder = StateEncoder(state)
        var joined: [UInt8] = []
        while let piece = encoder.next(bytes: size) {
            #expect(piece.count == min(size, whole.count - joined.count))
            joined += piece
        }
        #expect(joined == whole && encoder.next() == nil)
    }

    @Test("A state changes nothing of a snapshot that is being written")
    func isolation() throws {
        var state = try Self.large()
        let whole = state.encoded()
        var encoder = StateEncoder(state)
        var joined: [UInt8] = []
        while let piece = encoder.next(bytes: 10_000) {
            joined += piece
            state.acl(.upsertPolicies([policy("q\(joined.count % 200)", rules: "new")]))
        }
        #expect(joined == whole && state.encoded() != whole)
    }

    @Test("However it is cut, the same state is read", arguments: 0..<8)
    func decoding(seed: UInt64) throws {
        var random = Generator(state: seed)
        let state = try Self.large(policies: seed == 0 ? 5 : 60)
        let whole = state.encoded()
        let most = seed == 0 ? 1 : [3, 100, 5_000, 100_000][Int(seed) % 4]
        var decoder = StateDecoder()
        var rest = whole[...]
        while !rest.isEmpty {
            let count = Int.random(in: 0...most, using: &random)
            try decoder.receive(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
            // Nearly all of it is one long text: its end is cut as finely as what is before it.
            if most < 100, rest.count > 30_000 {
                try decoder.receive(Array(rest.prefix(1000)))
                rest = rest.dropFirst(1000)
            }
        }
        let read = try decoder.finish()
        #expect(read == state && read.encoded() == whole)
    }

    @Test("What is wrong is refused, wherever the pieces end")
    func hostile() throws {
        var random = Generator(state: 5)
        let whole = try Self.large(policies: 10).encoded()
        for step in 0..<400 {
            var bytes = whole
            if step % 3 == 0 {
                bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
            } else if step % 3 == 1 {
                bytes += [0]
            } else {
                // Not in the chunk, of which any byte will do.
                let at = Int.random(in: 0..<1_000, using: &random)
                bytes[at] ^= UInt8.random(in: 1 ... .max, using: &random)
            }
            let expected: StateError? = stateFault(bytes)
            let found: State?
            do throws(StateError) {
                var decoder = StateDecoder()
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = Int.random(in: 1...100_000, using: &random)
                    try decoder.receive(Array(rest.prefix(count)))
                    rest = rest.dropFirst(count)
                }
                found = try decoder.finish()
            } catch {
                found = nil
            }
            #expect((found == nil) == (expected != nil), "\(step)")
            if let found { #expect(found.encoded() == bytes) }
        }
    }

    @Test("The longest rows of each table are within their bounds, which the decoder waits for")
    func rowBounds() throws {
        func size(_ row: some StateRow) -> Int {
            var writer = ByteWriter()
            row.write(to: &writer)
            return writer.count
        }
        let name = String(repeating: "n", count: ACLBounds.nameBytesMax)
        let hash = [UInt8](repeating: 1, count: 32)
        let text = String(repeating: "d", count: ACLBounds.descriptionBytesMax)
        var policy = ACLPolicy(
            name: name, description: text,
            rules: String(repeating: "r", count: ACLBounds.rulesBytesMax))
        policy.hash = hash
        #expect(size(policy) == ACLPolicy.bytesMax)
        let names = [String](repeating: name, count: ACLBounds.linksMax)
        let ids = [String](repeating: serverID(1), count: ACLBounds.linksMax)
        var token = ACLToken(
            accessorID: serverID(1), digest: digest(1),
            name: String(repeating: "n", count: ACLBounds.tokenNameBytesMax), kind: .client,
            policies: names, roles: ids, isGlobal: true, createUnixNanoseconds: 1,
            expirationUnixNanoseconds: 1)
        token.hash = hash
        #expect(size(token) == ACLToken.bytesMax)
        var role = ACLRole(id: serverID(1), name: name, description: text, policies: names)
        role.hash = hash
        #expect(size(role) == ACLRole.bytesMax)
    }
}
