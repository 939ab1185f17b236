// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState
import Testing

extension State {
    @discardableResult
    fileprivate mutating func next(_ command: Command) -> CommandResult {
        apply(command, at: lastAppliedIndex + 1)
    }
}

@Suite("The history in the state") struct HistoryStateTests {
    @Test("An event gets the index of its entry, and is listed behind the earlier ones")
    func events() {
        var state = State()
        #expect(state.apply(.recordEvent(event(1)), at: 4) == .applied(modifyIndex: 4))
        #expect(state.apply(.recordEvent(event(1)), at: 9) == .applied(modifyIndex: 9))

        var expected = [event(1), event(1)]
        (expected[0].index, expected[1].index) = (4, 9)
        #expect(state.history.events == expected)
        #expect(state.index(of: .history) == 9 && state.index(of: .servers) == 0)
    }

    @Test("A term is recorded once; one that is over is not recorded any more")
    func leaders() {
        var state = State()
        #expect(state.apply(.recordLeader(term(3)), at: 4) == .applied(modifyIndex: 4))
        #expect(state.apply(.recordLeader(term(3)), at: 5) == .unchanged)
        #expect(state.apply(.recordLeader(term(2)), at: 6) == .unchanged)
        #expect(state.apply(.recordLeader(term(7)), at: 7) == .applied(modifyIndex: 7))

        #expect(state.history.leaders.map(\.term) == [3, 7])
        #expect(state.history.leaders.map(\.index) == [4, 7])
        #expect(state.index(of: .history) == 7)
    }

    @Test("The newest 256 events and 128 terms are kept")
    func bounds() throws {
        var state = State()
        for number in 1...300 {
            state.next(.recordEvent(event(number)))
            state.next(.recordLeader(term(UInt64(number))))
        }

        #expect(state.history.events.map(\.serverID) == (45...300).map(serverID))
        #expect(state.history.leaders.map(\.term) == Array(173...300))
        #expect(try State(decoding: state.encoded()) == state)
    }

    @Test("A write with an author is an event that tells what changed, one without is none")
    func author() {
        var state = State()
        state.next(.initializeAutopilot(AutopilotConfiguration()))
        state.next(.setAutopilot(AutopilotConfiguration(), cas: nil))
        #expect(state.history.isEmpty)
        var changed = AutopilotConfiguration()
        changed.minQuorum = 3
        changed.enableRedundancyZones = true
        let author = HistoryEvent.Author(unixNanoseconds: 77, accessor: "abc")
        state.next(.setAutopilot(changed, cas: nil, by: author))
        state.next(.setAutopilot(changed, cas: 99, by: author))
        state.next(.setScheduler(SchedulerConfiguration(), cas: nil, by: author))
        state.next(.setScheduler(unusualScheduler, cas: nil, by: author))

        let events = state.history.events
        #expect(events.map(\.index) == [3, 5, 6])
        #expect(
            events.map(\.action)
                == [
                    .setAutopilotConfiguration, .setSchedulerConfiguration,
                    .setSchedulerConfiguration,
                ])
        #expect(events.allSatisfy { $0.actor == .operator(accessor: "abc") })
        #expect(events.allSatisfy { $0.unixNanoseconds == 77 && $0.outcome == "applied" })
        #expect(events.map(\.oldConfigurationIndex) == [2, 0, 5])
        #expect(events.map(\.newConfigurationIndex) == [3, 5, 6])
        #expect(events[0].reason == "MinQuorum: 0 → 3, EnableRedundancyZones: false → true")
        #expect(events[1].reason == "no change")
        #expect(
            events[2].reason
                == "SchedulerAlgorithm: binpack → spread, SystemSchedulerEnabled: true → false, "
                + "BatchSchedulerEnabled: false → true, MemoryOversubscriptionEnabled: "
                + "false → true, PauseEvalBroker: false → true, "
                + "NodeLimitForFeasibilityChecks: 0 → 9")
        #expect(state.autopilot?.modifyIndex == 3 && state.autopilot?.minQuorum == 3)
    }

    @Test("A baseline is set and cleared by check-and-set on its own index")
    func baseline() {
        var state = State()
        #expect(state.apply(.setUpgradeBaseline(nil, cas: 0), at: 1) == .unchanged)
        #expect(state.apply(.setUpgradeBaseline(3, cas: 1), at: 2) == .casFailed(current: 0, at: 2))
        #expect(state.apply(.setUpgradeBaseline(3, cas: 0), at: 3) == .applied(modifyIndex: 3))
        #expect(state.apply(.setUpgradeBaseline(5, cas: 0), at: 4) == .casFailed(current: 3, at: 4))
        #expect(state.apply(.setUpgradeBaseline(3, cas: 3), at: 5) == .unchanged)
        #expect(state.upgradeBaseline == 3 && state.upgradeBaselineIndex == 3)
        #expect(state.apply(.setUpgradeBaseline(nil, cas: 3), at: 6) == .applied(modifyIndex: 6))
        #expect(state.apply(.setUpgradeBaseline(3, cas: 3), at: 7) == .casFailed(current: 6, at: 7))
        #expect(state.apply(.setUpgradeBaseline(7, cas: nil), at: 8) == .applied(modifyIndex: 8))
        #expect(state.upgradeBaseline == 7 && state.upgradeBaselineIndex == 8)
    }

    @Test("Labels of a server are a change to it")
    func labels() throws {
        var state = State()
        state.next(.putServer(try server(1)))
        #expect(state.next(.putServer(try server(1, zone: "a"))) == .applied(modifyIndex: 2))
        #expect(state.next(.putServer(try server(1, zone: "a"))) == .unchanged)
        #expect(state.server(serverID(1))?.redundancyZone == "a")
        #expect(state.next(.putServer(try server(1))) == .applied(modifyIndex: 4))
        #expect(state.server(serverID(1))?.redundancyZone == nil)
    }
}

@Suite("Snapshots with a history") struct HistorySnapshotTests {
    /// One of everything that version 3 brought.
    static func full() throws -> State {
        var state = State()
        state.next(.initializeAutopilot(unusualAutopilot))
        state.next(.putServer(try server(1, zone: "a", upgradeVersion: "1.2")))
        state.next(.putServer(try server(2, upgradeVersion: "1.2")))
        state.next(.putServer(try server(3)))
        state.next(.recordLeader(term(2)))
        state.next(.recordEvent(event(1)))
        state.next(.recordEvent(event(2, actor: .operator(accessor: "abc"))))
        state.next(.recordLeader(term(4)))
        state.next(.recordEvent(event(3, actor: .server)))
        state.next(.setUpgradeBaseline(3, cas: nil))
        return state
    }

    @Test("Read back equal, with a restore under way or not")
    func roundTrip() throws {
        var state = try Self.full()
        let decoded = try State(decoding: state.encoded())
        #expect(decoded == state && decoded.encoded() == state.encoded())
        #expect(decoded.history == state.history && decoded.upgradeBaseline == 3)

        state.next(.restoreBegin(sizeBytes: 3, checksum: 1))
        state.next(.restoreChunk(restore: 11, number: 0, bytes: [1, 2, 3]))
        #expect(try State(decoding: state.encoded()) == state && state.restoreIndex == 11)
    }

    @Test("Are of version 3 as soon as there is anything that older programs do not know")
    func version() throws {
        for command in [
            .recordEvent(event(1)), .recordLeader(term(1)), .setUpgradeBaseline(1, cas: nil),
            .putServer(try server(1, zone: "a")),
        ] as [Command] {
            var state = State()
            #expect(state.encoded()[0] == 1)
            state.next(command)
            #expect(state.encoded()[0] == 3)
            #expect(try State(decoding: state.encoded()) == state)
        }
        var cleared = State()
        cleared.next(.setUpgradeBaseline(1, cas: nil))
        cleared.next(.setUpgradeBaseline(nil, cas: nil))
        #expect(cleared.encoded()[0] == 3 && cleared.upgradeBaselineIndex == 2)
        #expect(try State(decoding: cleared.encoded()) == cleared)
    }

    @Test("A newer version than needed is refused: a state has one encoding")
    func canonical() {
        var bytes = State().encoded()
        let restores = [UInt8](repeating: 0, count: 9)
        let history = [UInt8](repeating: 0, count: 25)
        bytes[0] = 2
        #expect(isMalformed(stateFault(bytes + restores)))
        bytes[0] = 3
        #expect(
            stateFault(bytes + restores + history)
                == .malformed("version 3 without need of more than 1"))
    }

    @Test("Every shortening and every lengthening is refused")
    func lengths() throws {
        let bytes = try Self.full().encoded()
        for length in 0..<bytes.count {
            #expect(isMalformed(stateFault(Array(bytes.prefix(length)))))
        }
        #expect(isMalformed(stateFault(bytes + [0])))
    }

    @Test("No mutation traps; what is taken encodes to the same bytes")
    func mutations() throws {
        let whole = try Self.full().encoded()
        var random = Generator(state: 6)
        var taken = 0
        for _ in 0..<6_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] = UInt8.random(in: .min ... .max, using: &random)
            }
            guard stateFault(bytes) == nil else { continue }
            taken += 1
            #expect(try State(decoding: bytes).encoded() == bytes)
        }
        #expect(taken > 0)
    }

    @Test("A server that starts again anywhere ends as one that saw the whole log")
    func restarted() throws {
        var random = Generator(state: 7)
        var whole = State()
        var resumed = State()
        for step in 0..<900 {
            let number = Int.random(in: 1...9, using: &random)
            let command: Command =
                switch Int.random(in: 0..<5, using: &random) {
                case 0: .recordEvent(event(step))
                case 1: .recordLeader(term(UInt64(step / 3)))
                case 2: .setUpgradeBaseline(number > 4 ? UInt64(number) : nil, cas: nil)
                case 3: .putServer(try server(number, zone: number > 5 ? "z\(step % 3)" : nil))
                default:
                    .setScheduler(
                        unusualScheduler, cas: nil, by: .init(unixNanoseconds: Int64(step)))
                }
            let index = UInt64(step + 1)
            #expect(whole.apply(command, at: index) == resumed.apply(command, at: index))
            if step % 13 == 0 { resumed = try State(decoding: resumed.encoded()) }
        }
        #expect(resumed.encoded() == whole.encoded() && whole.history.events.count == 256)
    }
}
