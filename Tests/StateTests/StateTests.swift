// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState
import Testing

@Suite("State") struct StateTests {
    @Test("A fresh state has nothing, at index 0")
    func fresh() {
        let state = State()

        #expect(state.autopilot == nil && state.scheduler == nil && state.servers.isEmpty)
        #expect(State.Table.allCases.allSatisfy { state.index(of: $0) == 0 })
        #expect(state.lastAppliedIndex == 0)
    }

    @Test("A write keeps CreateIndex and moves ModifyIndex to its log index")
    func indexes() throws {
        var state = State()
        var sent = unusualAutopilot
        sent.createIndex = 77
        sent.modifyIndex = 78

        #expect(state.apply(.setAutopilot(sent, cas: nil), at: 4) == .applied(modifyIndex: 4))
        #expect(state.apply(.setAutopilot(sent, cas: nil), at: 9) == .applied(modifyIndex: 9))
        #expect(
            state.apply(.setScheduler(unusualScheduler, cas: nil), at: 10)
                == .applied(modifyIndex: 10))

        var expected = unusualAutopilot
        expected.createIndex = 4
        expected.modifyIndex = 9
        #expect(state.autopilot == expected)
        let scheduler = try #require(state.scheduler)
        #expect(scheduler.createIndex == 10 && scheduler.schedulerAlgorithm == .spread)
        #expect(state.index(of: .autopilot) == 9 && state.index(of: .scheduler) == 10)
        #expect(state.lastAppliedIndex == 10)
    }

    @Test("A first configuration is stored once and never replaces one")
    func initialize() {
        var state = State()

        #expect(
            state.apply(.initializeAutopilot(unusualAutopilot), at: 1) == .applied(modifyIndex: 1))
        #expect(state.apply(.initializeAutopilot(AutopilotConfiguration()), at: 2) == .unchanged)
        #expect(
            state.apply(.initializeScheduler(unusualScheduler), at: 3) == .applied(modifyIndex: 3))
        #expect(state.apply(.initializeScheduler(SchedulerConfiguration()), at: 4) == .unchanged)

        #expect(state.autopilot?.minQuorum == 3 && state.index(of: .autopilot) == 1)
        #expect(state.scheduler?.pauseEvalBroker == true && state.index(of: .scheduler) == 3)
    }

    @Test(
        "Check-and-set writes at the ModifyIndex only, and 0 means absent",
        arguments: [
            (nil, 0, true), (nil, 1, false), (5, 5, true), (5, 4, false), (5, 0, false),
            (5, .max, false),
        ] as [(UInt64?, UInt64, Bool)])
    func checkAndSet(stored: UInt64?, cas: UInt64, isWritten: Bool) {
        var state = State()
        if let stored {
            _ = state.apply(.setAutopilot(AutopilotConfiguration(), cas: nil), at: stored - 1)
            _ = state.apply(.setAutopilot(AutopilotConfiguration(), cas: nil), at: stored)
        }
        let before = state.autopilot

        let result = state.apply(.setAutopilot(unusualAutopilot, cas: cas), at: 8)

        #expect(
            result
                == (isWritten ? .applied(modifyIndex: 8) : .casFailed(current: stored ?? 0, at: 8)))
        #expect(isWritten || state.autopilot == before)
        #expect(state.index(of: .autopilot) == (isWritten ? 8 : stored ?? 0))
    }

    @Test("Of writes with one check-and-set index, the first wins")
    func race() {
        var state = State()
        _ = state.apply(.initializeScheduler(SchedulerConfiguration()), at: 5)

        let results = (6...21).map {
            state.apply(.setScheduler(unusualScheduler, cas: 5), at: UInt64($0))
        }

        #expect(results.first == .applied(modifyIndex: 6))
        #expect(
            results.dropFirst().allSatisfy { if case .casFailed(6, _) = $0 { true } else { false } }
        )
    }

    @Test("Servers come and go, and are listed in the order of their ids")
    func servers() throws {
        var state = State()
        for (index, number) in [3, 1, 2].enumerated() {
            let put = Command.putServer(try server(number))
            #expect(
                state.apply(put, at: UInt64(index + 1)) == .applied(modifyIndex: UInt64(index + 1)))
        }
        #expect(state.servers.map(\.id) == [1, 2, 3].map(serverID))

        #expect(state.apply(.putServer(try server(2)), at: 4) == .unchanged)
        #expect(state.index(of: .servers) == 3)
        #expect(
            state.apply(.putServer(try server(2, name: "new")), at: 5) == .applied(modifyIndex: 5))
        #expect(state.server(serverID(2))?.name == "new")

        #expect(
            state.apply(.removeServer(id: serverID(1)), at: 6) == .applied(modifyIndex: 6))
        #expect(state.apply(.removeServer(id: serverID(1)), at: 7) == .unchanged)
        #expect(state.server(serverID(1)) == nil && state.index(of: .servers) == 6)
    }

    @Test("Servers have a bound; beyond it only known ones are written")
    func serverBound() throws {
        var state = State()
        for number in 1...State.serversMax {
            _ = state.apply(.putServer(try server(number)), at: UInt64(number))
        }
        let next = UInt64(State.serversMax) + 1

        guard case .refused = state.apply(.putServer(try server(Int(next))), at: next) else {
            Issue.record("the bound was passed")
            return
        }
        #expect(
            state.apply(.putServer(try server(1, name: "new")), at: next + 1)
                == .applied(modifyIndex: next + 1))
        #expect(state.servers.count == State.serversMax)
        #expect(try State(decoding: state.encoded()) == state)
    }

    @Test("Bytes that are no command, an over-long id included, are refused and change nothing")
    func refusals() throws {
        var state = State()
        _ = state.apply(.initializeAutopilot(unusualAutopilot), at: 1)
        let before = state
        let newer = [Command.version + 1] + Command.removeServer(id: "").encoded().dropFirst()
        let long = Command.removeServer(id: String(repeating: "x", count: 100_000)).encoded()

        for (offset, bytes) in [[], newer, [1, 99], long].enumerated() {
            guard case .refused(let why) = state.apply(bytes, at: UInt64(2 + offset)) else {
                Issue.record("taken: \(bytes.prefix(8))")
                continue
            }
            #expect(!why.isEmpty)
        }

        #expect(state.autopilot == before.autopilot && state.servers.isEmpty)
        #expect(state.lastAppliedIndex == 5)
    }

    @Test("A copy stays as it was")
    func snapshot() throws {
        var state = State()
        _ = state.apply(.putServer(try server(1)), at: 1)
        let copy = state
        let bytes = copy.encoded()

        _ = state.apply(.putServer(try server(2)), at: 2)
        _ = state.apply(.removeServer(id: serverID(1)), at: 3)

        #expect(copy.servers.map(\.id) == [serverID(1)] && copy.encoded() == bytes)
    }

    @Test("An index that was applied already is a bug of the caller's")
    func appliedTwice() async {
        await #expect(processExitsWith: .failure) {
            var state = State()
            state.advance(to: 3)
            state.advance(to: 3)
        }
    }
}

@Suite("Snapshots of the state") struct StateSnapshotTests {
    /// Commands in a seeded order, as a log would hold them.
    static func commands(seed: UInt64, count: Int) throws -> [[UInt8]] {
        var random = Generator(state: seed)
        return try (0..<count).map { step in
            let number = Int.random(in: 1...40, using: &random)
            let command: Command =
                switch Int.random(in: 0..<6, using: &random) {
                case 0: .setAutopilot(unusualAutopilot, cas: UInt64(step / 2))
                case 1: .setScheduler(unusualScheduler, cas: nil)
                case 2: .removeServer(id: serverID(number))
                default: .putServer(try server(number, name: "s\(step)"))
                }
            return command.encoded()
        }
    }

    @Test("An empty state and a full one read back equal, and encode to the same bytes")
    func roundTrip() throws {
        #expect(try State(decoding: State().encoded()) == State())

        var state = State()
        for (offset, command) in try Self.commands(seed: 1, count: 300).enumerated() {
            _ = state.apply(command, at: UInt64(offset + 1))
        }
        let decoded = try State(decoding: state.encoded())
        #expect(decoded == state && !state.servers.isEmpty)
        #expect(decoded.encoded() == state.encoded())
    }

    @Test("A state restored in the middle of the log ends as one that saw all of it")
    func restored() throws {
        let commands = try Self.commands(seed: 2, count: 200)
        var whole = State()
        var resumed = State()
        for (offset, command) in commands.enumerated() {
            let result = whole.apply(command, at: UInt64(offset + 1))
            #expect(resumed.apply(command, at: UInt64(offset + 1)) == result)
            if offset % 17 == 0 { resumed = try State(decoding: resumed.encoded()) }
        }

        #expect(resumed.encoded() == whole.encoded())
    }

    @Test("A newer format is refused, and both versions are told")
    func newer() {
        var bytes = State().encoded()
        bytes[0] = State.snapshotVersion + 1

        #expect(
            stateFault(bytes)
                == .newerVersion(State.snapshotVersion + 1, known: State.snapshotVersion))
    }

    @Test("Every shortening and every lengthening is refused")
    func lengths() throws {
        var state = State()
        _ = state.apply(.initializeAutopilot(unusualAutopilot), at: 1)
        _ = state.apply(.initializeScheduler(unusualScheduler), at: 2)
        _ = state.apply(.putServer(try server(1)), at: 3)
        let bytes = state.encoded()

        for length in 0..<bytes.count {
            #expect(isMalformed(stateFault(Array(bytes.prefix(length)))))
        }
        #expect(isMalformed(stateFault(bytes + [0])))
    }

    @Test("Indexes that contradict each other are refused")
    func indexes() {
        var state = State()
        _ = state.apply(.initializeAutopilot(unusualAutopilot), at: 2)
        let bytes = state.encoded()
        // Last applied at offset 1, then a flag; CreateIndex at 10, ModifyIndex at 18.
        for (offset, value) in [(1, 1), (10, 0), (10, 3), (18, 3), (18, 1)] as [(Int, UInt8)] {
            var changed = bytes
            changed[offset] = value
            #expect(isMalformed(stateFault(changed)), "byte \(offset) = \(value)")
        }
        var servers = State().encoded()
        servers[11] = 1  // Servers that changed after the last applied entry.
        #expect(isMalformed(stateFault(servers)))
    }

    @Test("Servers out of order, or twice, are refused")
    func order() throws {
        var state = State()
        _ = state.apply(.putServer(try server(1)), at: 1)
        _ = state.apply(.putServer(try server(2)), at: 2)
        let bytes = state.encoded()
        let header = 1 + 8 + 1 + 1 + 8 + 4
        let size = (bytes.count - header) / 2
        let (first, second) = (bytes[header..<header + size], bytes[(header + size)...])

        #expect(stateFault(Array(bytes[..<header] + first + second)) == nil)
        #expect(isMalformed(stateFault(Array(bytes[..<header] + second + first))))
        #expect(isMalformed(stateFault(Array(bytes[..<header] + first + first))))
    }

    @Test("A count beyond its bound is refused before anything is read")
    func count() {
        var bytes = State().encoded()
        bytes.replaceSubrange((bytes.count - 4)..., with: [255, 255, 255, 255])

        #expect(stateFault(bytes) == .malformed("4294967295 servers"))
    }

    @Test("No mutation and no noise traps; what is taken encodes to the same bytes")
    func mutations() throws {
        var state = State()
        for (offset, command) in try Self.commands(seed: 3, count: 12).enumerated() {
            _ = state.apply(command, at: UInt64(offset + 1))
        }
        let whole = state.encoded()
        var random = Generator(state: 4)
        var taken = 0
        for step in 0..<3_000 {
            var bytes = whole
            if step % 4 == 0 {
                let noise = Int.random(in: 0..<60, using: &random)
                bytes = [1] + (0..<noise).map { _ in UInt8.random(in: 0...3, using: &random) }
            } else {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] = UInt8.random(in: .min ... .max, using: &random)
            }
            guard stateFault(bytes) == nil else { continue }
            taken += 1
            #expect(try State(decoding: bytes).encoded() == bytes)
        }
        #expect(taken > 0)
    }
}
