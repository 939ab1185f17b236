// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import Testing

@testable import MartletState

extension State {
    fileprivate mutating func applyNext(_ command: Command) -> CommandResult {
        apply(command.encoded(), at: lastAppliedIndex + 1)
    }

    /// Begins a staged restore; gives what follows.
    fileprivate mutating func begin(_ bytes: [UInt8], isStaged: Bool = true) -> [Command] {
        _ = applyNext(
            .restoreBegin(
                sizeBytes: UInt64(bytes.count), checksum: CRC32C.checksum(bytes),
                isStaged: isStaged))
        let index = lastAppliedIndex
        return (0..<StateRestore.chunkCount(ofBytes: bytes.count)).map {
            .restoreChunk(
                restore: index, number: UInt32($0), bytes: StateRestore.chunk($0, of: bytes))
        } + [.restoreEnd(restore: index, hasACL: true)]
    }
}

private func isRefused(_ result: CommandResult) -> Bool {
    if case .refused = result { true } else { false }
}

/// Of several chunks, with all tables and more policies than version 4 has room for.
private func saved(policies: Int = 4_100) throws -> State {
    var state = populated()
    for number in 0..<50 {
        _ = state.applyNext(.putServer(try server(number)))
    }
    _ = state.applyNext(.setScheduler(unusualScheduler, cas: nil))
    let all = (0..<policies).map {
        policy("q\($0)", rules: String(repeating: "x", count: $0 * 37 % 400))
    }
    for start in stride(from: 0, to: policies, by: 1_000) {
        let batch = Array(all[start..<min(start + 1_000, policies)])
        _ = state.applyNext(.acl(.upsertPolicies(batch), bounds: .current))
    }
    for number in 0..<400 { state.acl(.createToken(token(100 + number))) }
    return state
}

@Suite("Restoring a state that is read as it comes") struct StagedRestoreTests {
    @Test("It comes to the same as a restore whose chunks are kept")
    func same() throws {
        let bytes = try saved(policies: 3_000).archived()
        var (kept, staged) = (populated(), populated())
        for command in kept.begin(bytes, isStaged: false) {
            #expect(!isRefused(kept.applyNext(command)))
        }
        for command in staged.begin(bytes) { #expect(!isRefused(staged.applyNext(command))) }
        #expect(kept == staged && kept.encoded() == staged.encoded())
        #expect(staged.restoredIndex == staged.lastAppliedIndex && staged.encoded()[0] == 4)
        #expect(try State(decoding: staged.encoded()) == staged)
    }

    @Test("Rows that were restored count as written then, also after they are changed")
    func indexes() throws {
        var state = populated()
        for command in state.begin(try saved().archived()) {
            #expect(!isRefused(state.applyNext(command)))
        }
        let index = state.restoredIndex
        #expect(state.policies().count == 4_102)
        #expect(state.policies().allSatisfy { $0.createIndex == index && $0.modifyIndex == index })
        let more = ACLCommand.upsertPolicies([policy("p1", rules: "")])
        #expect(!isRefused(state.applyNext(.acl(more, bounds: .current))))
        state.acl(.updateToken(change(2, policies: ["p1"])))
        state.acl(.updateRole(role(50, name: "other", policies: ["p1"])))
        for (create, modify) in [
            state.policy("p1").map { ($0.createIndex, $0.modifyIndex) },
            state.token(accessor: serverID(2)).map { ($0.createIndex, $0.modifyIndex) },
            state.role(serverID(50)).map { ($0.createIndex, $0.modifyIndex) },
        ].compactMap(\.self) {
            #expect(create == index && modify > index)
        }
        #expect(state.token(digest(3))?.modifyIndex == index)
        let read = try State(decoding: state.encoded())
        #expect(read == state && read.policies() == state.policies())
        #expect(read.tokens() == state.tokens() && read.roles() == state.roles())
    }

    @Test("A server that starts again, or gets a snapshot, at any moment of it ends alike")
    func interrupted() throws {
        let bytes = try saved().archived()
        #expect(bytes[0] == 5 && bytes.count > 4 * StateRestore.chunkBytes)
        var whole = populated()
        var resumed = whole
        let commands = whole.begin(bytes)
        _ = resumed.begin(bytes)
        for command in commands {
            let snapshot = resumed.encoded()
            #expect(snapshot[0] == 5 && snapshot == whole.encoded())
            resumed = try State(decoding: snapshot)
            #expect(resumed == whole)
            let index = whole.lastAppliedIndex + 1
            #expect(whole.apply(command, at: index) == resumed.apply(command, at: index))
        }
        #expect(resumed == whole && whole.restoredIndex == whole.lastAppliedIndex)
        #expect(resumed.encoded() == whole.encoded())
    }

    @Test("What has no part in a state ends it where it comes, and changes nothing")
    func damaged() throws {
        let good = try saved().archived()
        let (first, last) = (Array(good.prefix(300_000)), Array(good.suffix(300_000)))
        for bytes in [first, last, [6], [0], good + [0], first + last] {
            var state = populated()
            let before = state.policies()
            var results = state.begin(bytes).map { state.applyNext($0) }
            #expect(isRefused(results.removeLast()))
            #expect(state.restoreIndex == nil && state.restoredIndex == 0)
            #expect(state.policies() == before && stateFault(state.encoded()) == nil)
        }
        var wrong = populated()
        _ = wrong.applyNext(
            .restoreBegin(sizeBytes: UInt64(good.count), checksum: 7, isStaged: true))
        let index = wrong.lastAppliedIndex
        for number in 0..<StateRestore.chunkCount(ofBytes: good.count) {
            let chunk = StateRestore.chunk(number, of: good)
            _ = wrong.applyNext(
                .restoreChunk(restore: index, number: UInt32(number), bytes: chunk))
        }
        #expect(isRefused(wrong.applyNext(.restoreEnd(restore: index, hasACL: true))))
        #expect(wrong.restoredIndex == 0)
    }

    @Test("A state within a restore is no state to restore")
    func nested() throws {
        for isStaged in [false, true] {
            var inner = populated()
            _ = inner.begin(State().archived(), isStaged: isStaged)
            var state = populated()
            let results = state.begin(inner.encoded()).map { state.applyNext($0) }
            #expect(results.allSatisfy(isRefused))
        }
    }

    @Test("Chunks out of order are refused, and the rest still counts")
    func order() throws {
        var state = populated()
        let commands = state.begin(try saved().archived())
        #expect(isRefused(state.applyNext(commands[1])))
        #expect(!isRefused(state.applyNext(commands[0])))
        #expect(isRefused(state.applyNext(commands[0])))
        for command in commands.dropFirst() { #expect(!isRefused(state.applyNext(command))) }
        #expect(state.restoredIndex == state.lastAppliedIndex)
    }

    @Test("No mutation of a state within it traps; what is taken encodes to the same bytes")
    func mutations() throws {
        // A table is half read.
        var state = populated()
        let commands = state.begin(try saved().archived())
        #expect(!isRefused(state.applyNext(commands[0])))
        let whole = state.encoded()
        var random = Generator(state: 19)
        var taken = 0
        for step in 0..<100 {
            var bytes = whole
            let at = Int.random(in: 0..<(step % 2 == 0 ? 3_000 : bytes.count), using: &random)
            bytes[at] = UInt8.random(in: .min ... .max, using: &random)
            guard stateFault(bytes) == nil else { continue }
            taken += 1
            var read = try State(decoding: bytes)
            #expect(read.encoded() == bytes)
            let index = read.lastAppliedIndex + 1
            if index > 0 { _ = read.apply([], at: index) }
        }
        #expect(taken > 0)
    }
}
