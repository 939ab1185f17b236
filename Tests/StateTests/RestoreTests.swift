// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletState
import Testing

/// A state with indexes of its own, and with so many servers: 1.8 KB each.
private func saved(servers: Int = 1) throws -> State {
    var state = State()
    _ = state.apply(.initializeAutopilot(unusualAutopilot), at: 900)
    _ = state.apply(.initializeScheduler(unusualScheduler), at: 901)
    let text = String(repeating: "x", count: ServerIdentity.textBytesMax)
    for number in 0..<servers {
        let identity = try ServerIdentity(
            id: serverID(1000 + number), name: text, region: text, datacenter: text,
            rpcAddress: text, httpAddress: text, gossipAddress: text, version: text,
            isNonVoter: false)
        _ = state.apply(.putServer(identity), at: 902 + UInt64(number))
    }
    return state
}

/// The cluster that a state is restored to: it has other configurations, and servers of its own.
private func present() throws -> State {
    var state = State()
    _ = state.apply(.initializeAutopilot(AutopilotConfiguration()), at: 1)
    _ = state.apply(.initializeScheduler(SchedulerConfiguration()), at: 2)
    _ = state.apply(.putServer(try server(1)), at: 3)
    return state
}

extension State {
    private var next: UInt64 { lastAppliedIndex + 1 }

    @discardableResult
    fileprivate mutating func applyNext(_ command: Command) -> CommandResult {
        apply(command, at: next)
    }

    /// The commands that a restore consists of, all but its begin.
    fileprivate static func rest(of bytes: [UInt8], begunAt index: UInt64) -> [Command] {
        let count = StateRestore.chunkCount(ofBytes: bytes.count)
        return (0..<count).map {
            .restoreChunk(
                restore: index, number: UInt32($0), bytes: StateRestore.chunk($0, of: bytes))
        } + [.restoreEnd(restore: index)]
    }

    fileprivate mutating func begin(_ bytes: [UInt8]) -> [Command] {
        applyNext(
            .restoreBegin(sizeBytes: UInt64(bytes.count), checksum: CRC32C.checksum(bytes)))
        return Self.rest(of: bytes, begunAt: lastAppliedIndex)
    }

    fileprivate mutating func restore(_ bytes: [UInt8]) -> CommandResult {
        var result = CommandResult.unchanged
        for command in begin(bytes) { result = applyNext(command) }
        return result
    }
}

private func isRefused(_ result: CommandResult) -> Bool {
    if case .refused = result { true } else { false }
}

@Suite("Restoring a saved state") struct RestoreTests {
    @Test("The saved configurations come into force as if written by the last entry")
    func restores() throws {
        var state = try present()
        let result = state.restore(try saved().archived())

        #expect(result == .applied(modifyIndex: 6))
        var autopilot = unusualAutopilot
        (autopilot.createIndex, autopilot.modifyIndex) = (6, 6)
        var scheduler = unusualScheduler
        (scheduler.createIndex, scheduler.modifyIndex) = (6, 6)
        #expect(state.autopilot == autopilot && state.scheduler == scheduler)
        #expect(state.index(of: .autopilot) == 6 && state.index(of: .scheduler) == 6)
        #expect(state.restoredIndex == 6 && state.restoreIndex == nil)
        #expect(try State(decoding: state.encoded()) == state)
    }

    @Test("The cluster's own servers stay: those of the saved state may be long gone")
    func servers() throws {
        var state = try present()
        let before = state.servers
        _ = state.restore(try saved().archived())

        #expect(state.servers == before && state.index(of: .servers) == 3)
    }

    @Test("A check-and-set prepared before the restore fails; one prepared after it succeeds")
    func checkAndSet() throws {
        var state = try present()
        _ = state.restore(try saved().archived())

        for stale in [1, 900] as [UInt64] {
            let result = state.applyNext(.setAutopilot(AutopilotConfiguration(), cas: stale))
            #expect(result == .casFailed(current: 6, at: state.lastAppliedIndex))
        }
        #expect(
            state.applyNext(.setAutopilot(AutopilotConfiguration(), cas: 6))
                == .applied(modifyIndex: state.lastAppliedIndex))
        #expect(state.autopilot?.createIndex == 6)
    }

    @Test("What the saved state has not is gone, and the table's index still rises")
    func absence() throws {
        var state = try present()
        _ = state.restore(State().archived())

        #expect(state.autopilot == nil && state.scheduler == nil)
        #expect(state.index(of: .autopilot) == 6 && state.index(of: .scheduler) == 6)
        #expect(try State(decoding: state.encoded()) == state)
        _ = state.applyNext(.initializeAutopilot(unusualAutopilot))
        #expect(state.autopilot?.createIndex == 7)
    }

    @Test("Nothing changes before the end, and other writes go on meanwhile")
    func allOrNothing() throws {
        var state = try present()
        let commands = state.begin(try saved(servers: 300).archived())
        #expect(commands.count == 4)
        for command in commands.dropLast() {
            #expect(state.applyNext(command) == .applied(modifyIndex: state.lastAppliedIndex))
            #expect(state.autopilot?.createIndex == 1 && state.scheduler?.modifyIndex == 2)
            #expect(
                state.applyNext(.setAutopilot(AutopilotConfiguration(), cas: nil))
                    == .applied(modifyIndex: state.lastAppliedIndex))
        }
        let end = state.applyNext(try #require(commands.last))
        #expect(end == .applied(modifyIndex: state.lastAppliedIndex))
        #expect(state.autopilot?.cleanupDeadServers == false)
    }

    @Test("A server that starts again, or gets a snapshot, in the middle of a restore ends alike")
    func interrupted() throws {
        var whole = try present()
        var resumed = whole
        let bytes = try saved(servers: 300).archived()
        let commands = whole.begin(bytes)
        _ = resumed.begin(bytes)
        for command in commands {
            resumed = try State(decoding: resumed.encoded())
            #expect(resumed == whole && resumed.encoded() == whole.encoded())
            let index = whole.lastAppliedIndex + 1
            #expect(whole.apply(command, at: index) == resumed.apply(command, at: index))
        }
        #expect(resumed.encoded() == whole.encoded() && whole.restoredIndex > 0)
    }

    @Test("A second begin takes the place of the first, whose chunks and end are refused")
    func replaced() throws {
        var state = try present()
        let first = state.begin(State().archived())
        let second = state.begin(try saved().archived())

        for command in first { #expect(isRefused(state.applyNext(command))) }
        #expect(state.autopilot?.createIndex == 1)
        for command in second { #expect(!isRefused(state.applyNext(command))) }
        #expect(state.autopilot?.createIndex == state.lastAppliedIndex)
        for command in second { #expect(isRefused(state.applyNext(command))) }
    }

    @Test("A restore that its leader left is dropped after a bounded number of entries")
    func expiry() throws {
        var state = try present()
        let begin = state.begin(try saved().archived())
        let begun = state.lastAppliedIndex
        var late = state

        late.advance(to: begun + StateRestore.entriesMax)
        #expect(late.restoreIndex == begun)
        #expect(try State(decoding: late.encoded()) == late)
        late.advance(to: begun + StateRestore.entriesMax + 1)
        #expect(late.restoreIndex == nil)
        #expect(isRefused(late.applyNext(begin[0])))
        #expect(!isRefused(state.applyNext(begin[0])))
    }

    @Test("Chunks out of order, twice, or of a wrong size are refused, and the rest still counts")
    func order() throws {
        var state = try present()
        let bytes = try saved(servers: 300).archived()
        let commands = state.begin(bytes)
        let begun = state.lastAppliedIndex

        #expect(isRefused(state.applyNext(commands[1])))
        #expect(isRefused(state.applyNext(commands[3])) == true)
        #expect(state.restoreIndex == nil, "an end before its time ends the restore")

        let again = state.begin(bytes)
        #expect(!isRefused(state.applyNext(again[0])))
        #expect(isRefused(state.applyNext(again[0])))
        #expect(
            isRefused(
                state.applyNext(
                    .restoreChunk(restore: state.restoreIndex ?? 0, number: 1, bytes: [1]))))
        #expect(isRefused(state.applyNext(.restoreChunk(restore: begun, number: 1, bytes: [1]))))
        for command in again.dropFirst() { #expect(!isRefused(state.applyNext(command))) }
    }

    @Test(
        "A size out of bounds is refused at once",
        arguments: [0, UInt64(StateRestore.unstagedBytesMax) + 1, 1 << 63, .max])
    func sizes(size: UInt64) throws {
        var state = try present()
        #expect(isRefused(state.applyNext(.restoreBegin(sizeBytes: size, checksum: 0))))
        #expect(state.restoreIndex == nil)
        let staged = state.applyNext(
            .restoreBegin(sizeBytes: size, checksum: 0, isStaged: true))
        #expect(isRefused(staged) == (size == 0 || size > StateRestore.bytesMax))
    }

    @Test("A wrong checksum, and what is no state, end the restore and change nothing")
    func damaged() throws {
        let good = try saved().archived()
        var flipped = good
        flipped[20] ^= 1
        for (bytes, checksum) in [
            (flipped, CRC32C.checksum(good)), ([3, 1, 2], CRC32C.checksum([3, 1, 2])),
            ([0], CRC32C.checksum([0])), (good + [0], CRC32C.checksum(good + [0])),
        ] {
            var state = try present()
            state.applyNext(.restoreBegin(sizeBytes: UInt64(bytes.count), checksum: checksum))
            var result = CommandResult.unchanged
            for command in State.rest(of: bytes, begunAt: state.lastAppliedIndex) {
                result = state.applyNext(command)
            }
            #expect(isRefused(result))
            #expect(state.restoreIndex == nil && state.restoredIndex == 0)
            #expect(state.autopilot?.createIndex == 1 && state.scheduler?.createIndex == 2)
        }
    }

    @Test("The largest state there can be is within the bound")
    func largest() throws {
        let bytes = try saved(servers: State.serversMax).archived()
        #expect(bytes.count > 7_500_000 && bytes.count <= StateRestore.unstagedBytesMax / 2)
    }

    @Test("An archive has what a restore takes, in a format that version 2 programs read")
    func archive() throws {
        var state = try present()
        let plain = state.archived()
        _ = state.apply(.putServer(try server(1, zone: "a")), at: 4)
        _ = state.apply(.recordEvent(event(1)), at: 5)
        _ = state.apply(.recordLeader(term(1)), at: 6)
        _ = state.apply(.setUpgradeBaseline(3, cas: nil), at: 7)
        #expect(state.encoded()[0] == 3)

        let saved = try State(decoding: state.archived())
        #expect(state.archived()[0] == 1)
        #expect(saved.servers == (try State(decoding: plain)).servers)
        #expect(saved.history.isEmpty && saved.upgradeBaseline == nil)
        #expect(saved.lastAppliedIndex == 7)

        let before = state
        _ = state.restore(state.archived())
        #expect(state.history == before.history && state.index(of: .history) == 6)
        #expect(state.upgradeBaseline == 3 && state.servers == before.servers)
        #expect(state.restoredIndex == state.lastAppliedIndex)
        #expect(try State(decoding: state.encoded()) == state)
    }

    @Test("A state that never saw a restore is written so that version 1 programs read it")
    func oldFormat() throws {
        var state = try present()
        #expect(state.encoded()[0] == 1)
        _ = state.begin(try saved().archived())
        #expect(state.encoded()[0] == 2)
        #expect(state.archived()[0] == 1)
    }

    @Test("No mutation of a state within a restore traps; what is taken encodes to the same bytes")
    func mutations() throws {
        var state = try present()
        for command in state.begin([UInt8](repeating: 1, count: 40)).dropLast() {
            state.applyNext(command)
        }
        let whole = state.encoded()
        var random = Generator(state: 9)
        var taken = 0
        for _ in 0..<6_000 {
            var bytes = whole
            let at = Int.random(in: 0..<bytes.count, using: &random)
            bytes[at] = UInt8.random(in: .min ... .max, using: &random)
            if Bool.random(using: &random) {
                bytes.removeLast(Int.random(in: 0..<8, using: &random))
            }
            guard stateFault(bytes) == nil else { continue }
            taken += 1
            #expect(try State(decoding: bytes).encoded() == bytes)
        }
        #expect(taken > 0)
        for length in 0..<whole.count {
            #expect(isMalformed(stateFault(Array(whole.prefix(length)))))
        }
    }

    @Test("Random restores, cut and mixed, leave equal states on servers that restart at random")
    func random() throws {
        var random = Generator(state: 10)
        let archives = [try saved(servers: 130).archived(), State().archived(), [7, 7, 7]]
        var one = try present()
        var other = one
        var pending: [Command] = []
        for _ in 0..<2_000 {
            let command: Command
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                let bytes = archives[Int.random(in: 0..<3, using: &random)]
                command = .restoreBegin(
                    sizeBytes: UInt64(bytes.count), checksum: CRC32C.checksum(bytes))
                pending = State.rest(of: bytes, begunAt: one.lastAppliedIndex + 1)
            case 1: command = .setAutopilot(AutopilotConfiguration(), cas: one.restoredIndex)
            case 2: command = .restoreEnd(restore: one.restoreIndex ?? 1)
            default: command = pending.isEmpty ? .removeServer(id: "x") : pending.removeFirst()
            }
            let index = one.lastAppliedIndex + 1
            #expect(one.apply(command, at: index) == other.apply(command, at: index))
            if Int.random(in: 0..<20, using: &random) == 0 {
                other = try State(decoding: other.encoded())
            }
        }
        #expect(one.encoded() == other.encoded() && one.restoredIndex > 0)
    }
}
