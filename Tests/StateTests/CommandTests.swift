// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState
import Testing

@Suite("Commands") struct CommandTests {
    static let commands: [Command] = {
        do throws(StateError) {
            return [
                .setAutopilot(AutopilotConfiguration(), cas: nil),
                .setAutopilot(unusualAutopilot, cas: .max),
                .initializeAutopilot(unusualAutopilot),
                .setScheduler(SchedulerConfiguration(), cas: 0),
                .setScheduler(unusualScheduler, cas: nil),
                .initializeScheduler(unusualScheduler),
                .putServer(try server(1, name: "é", isNonVoter: true)),
                .removeServer(id: serverID(1)),
                .restoreBegin(sizeBytes: 16 << 20, checksum: 7),
                .restoreChunk(restore: 5, number: 2, bytes: [1, 2, 3]),
                .restoreEnd(restore: .max),
                .setAutopilot(
                    unusualAutopilot, cas: 7,
                    by: .init(unixNanoseconds: -5, accessor: "é")),
                .setScheduler(unusualScheduler, cas: nil, by: .init(unixNanoseconds: .max)),
                .putServer(try server(1, zone: "z")),
                .putServer(try server(1, upgradeVersion: "1.2")),
                .putServer(try server(1, isNonVoter: true, zone: "z", upgradeVersion: "1.2")),
                .recordEvent(event(1)),
                .recordEvent(event(2, actor: .operator(accessor: "abc"))),
                .recordEvent(event(3, actor: .server)),
                .recordLeader(term(9)),
                .setUpgradeBaseline(3, cas: 0),
                .setUpgradeBaseline(nil, cas: .max),
                .setUpgradeBaseline(.max, cas: nil),
            ]
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    @Test("A command reads back equal", arguments: commands)
    func roundTrip(command: Command) throws {
        #expect(try Command(decoding: command.encoded()) == command)
    }

    @Test("Each Boolean has a place of its own")
    func booleans() throws {
        var encodings: Set<[UInt8]> = []
        let autopilotFlags: [WritableKeyPath<AutopilotConfiguration, Bool>] = [
            \.cleanupDeadServers, \.enableRedundancyZones, \.disableUpgradeMigration,
            \.enableCustomUpgrades,
        ]
        let schedulerFlags: [WritableKeyPath<SchedulerConfiguration, Bool>] = [
            \.preemptionConfig.systemSchedulerEnabled, \.preemptionConfig.sysBatchSchedulerEnabled,
            \.preemptionConfig.batchSchedulerEnabled, \.preemptionConfig.serviceSchedulerEnabled,
            \.memoryOversubscriptionEnabled, \.rejectJobRegistration, \.pauseEvalBroker,
        ]
        for flag in autopilotFlags {
            var configuration = AutopilotConfiguration()
            configuration[keyPath: flag].toggle()
            let command = Command.initializeAutopilot(configuration)
            #expect(try Command(decoding: command.encoded()) == command)
            encodings.insert(command.encoded())
        }
        for flag in schedulerFlags {
            var configuration = SchedulerConfiguration()
            configuration[keyPath: flag].toggle()
            let command = Command.initializeScheduler(configuration)
            #expect(try Command(decoding: command.encoded()) == command)
            encodings.insert(command.encoded())
        }

        #expect(encodings.count == 11)
    }

    @Test("The bytes are the documented ones")
    func bytes() {
        var expected: [UInt8] = [1, 3, 1, 5, 0, 0, 0, 0, 0, 0, 0]  // Version, kind, cas 5.
        expected += [1, 0, 0, 1, 0, 1, 0, 1]  // Spread, preemption, oversubscription, …, pause.
        expected += [9, 0, 0, 0, 0, 0, 0, 0]

        #expect(Command.setScheduler(unusualScheduler, cas: 5).encoded() == expected)
    }

    @Test("Each command says which version is needed: the oldest that has it")
    func versions() {
        #expect(
            Self.commands.map { $0.encoded()[0] }
                == [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2] + [UInt8](repeating: 3, count: 12))
        #expect(
            Self.commands.allSatisfy { $0.encoded()[0] == $0.minimumReaderVersion }
                && Command.version == 6)
        #expect(
            Command.restoreEnd(restore: 5).encoded() == [2, 9, 5, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("A chunk beyond its bound is refused")
    func largeChunk() throws {
        func chunk(_ count: Int) -> [UInt8] {
            Command.restoreChunk(restore: 1, number: 0, bytes: [UInt8](repeating: 1, count: count))
                .encoded()
        }
        #expect(commandFault(chunk(StateRestore.chunkBytes)) == nil)
        #expect(isMalformed(commandFault(chunk(StateRestore.chunkBytes + 1))))
    }

    @Test("A newer version is refused, and both versions are told")
    func newer() {
        var bytes = Self.commands[0].encoded()
        bytes[0] = Command.version + 1

        #expect(
            commandFault(bytes) == .newerVersion(Command.version + 1, known: Command.version))
    }

    @Test("Every shortening and every lengthening of a command is refused", arguments: commands)
    func lengths(command: Command) {
        let bytes = command.encoded()

        for length in 0..<bytes.count {
            #expect(isMalformed(commandFault(Array(bytes.prefix(length)))))
        }
        #expect(isMalformed(commandFault(bytes + [0])))
    }

    @Test(
        "What no encoder writes is refused",
        arguments: [
            [], [1], [0, 1], [1, 0], [1, 7], [1, 255], [2, 1], [2, 6], [2, 10],
            [1, 4, 2, 1, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8),
            [1, 4, 0, 2, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8),
            [1, 4, 0, 1, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 255, count: 8),
            [1, 6, 255, 255, 255, 255], [1, 5, 0, 0],
            [2, 11], [3, 2], [3, 4], [3, 6], [3, 7], [3, 13], [4, 12], [4, 23], [3, 12, 2, 0],
            [3, 12, 0, 2],
            [3, 10] + [UInt8](repeating: 0, count: 8) + [3]
                + [UInt8](repeating: 0, count: 36),
        ] as [[UInt8]])
    func malformed(bytes: [UInt8]) {
        #expect(isMalformed(commandFault(bytes)))
    }

    @Test("Thresholds that the API refuses are refused here too")
    func thresholds() {
        var noThreshold = AutopilotConfiguration()
        noThreshold.lastContactThreshold = .zero
        var negative = AutopilotConfiguration()
        negative.serverStabilizationTime = GoDuration(nanoseconds: -1)

        #expect(isMalformed(commandFault(Command.initializeAutopilot(noThreshold).encoded())))
        #expect(isMalformed(commandFault(Command.initializeAutopilot(negative).encoded())))
    }

    @Test("No mutation traps; what is taken reads back equal")
    func mutations() throws {
        var random = Generator(state: 1)
        var taken = 0
        for step in 0..<4_000 {
            var bytes = Self.commands[step % Self.commands.count].encoded()
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] = UInt8.random(in: .min ... .max, using: &random)
            }
            var state = State()
            if commandFault(bytes) == nil {
                taken += 1
                #expect(try Command(decoding: bytes).encoded() == bytes)
            } else {
                guard case .refused = state.apply(bytes, at: 1) else {
                    Issue.record("taken: \(bytes)")
                    continue
                }
                #expect(state.autopilot == nil && state.scheduler == nil && state.servers.isEmpty)
                #expect(state.history.isEmpty && state.upgradeBaselineIndex == 0)
            }
        }
        #expect(taken > 0)
    }
}

@Suite("Server identities") struct ServerIdentityTests {
    @Test(
        "Zone and upgrade version have 1 to 128 bytes, or are absent",
        arguments: [0, 1, 128, 129])
    func labels(count: Int) throws {
        let text = String(repeating: "z", count: count)
        if count == 1 || count == 128 {
            let both = try server(1, zone: text, upgradeVersion: text)
            #expect(try Command(decoding: Command.putServer(both).encoded()) == .putServer(both))
        } else {
            #expect(throws: StateError.self) { _ = try server(1, zone: text) }
            #expect(throws: StateError.self) { _ = try server(1, upgradeVersion: text) }
        }
    }

    @Test("No flags, other flags and empty labels are no server of version 3")
    func flags() throws {
        let plain = [3] + Command.putServer(try server(1)).encoded().dropFirst()
        let zone: [UInt8] = [1, 0, 0x7A]
        #expect(commandFault(plain + [1] + zone) == nil)
        #expect(commandFault(plain + [3] + zone + zone) == nil)
        for end in [[0], [4] + zone, [5] + zone, [255] + zone, [1, 0, 0], [2, 0, 0]] as [[UInt8]] {
            #expect(isMalformed(commandFault(plain + end)), "\(end)")
        }
    }

    @Test(
        "An id is a UUID in lower case",
        arguments: [
            ("00000000-0000-4000-8000-0123456789ab", true), ("", false),
            ("00000000-0000-4000-8000-0123456789AB", false),
            ("00000000-0000-4000-8000-0123456789a", false),
            ("00000000-0000-4000-8000-0123456789abc", false),
            ("000000000-000-4000-8000-0123456789ab", false),
            ("00000000-0000-4000-8000-0123456789ag", false),
            ("00000000-0000-4000-8000-0123456789é", false),
        ])
    func ids(text: String, isValid: Bool) {
        #expect(ServerIdentity.isServerID(text) == isValid)
    }

    @Test("An identity without a proper id is refused")
    func badID() throws {
        #expect(try server(0, id: serverID(7)).id == serverID(7))
        #expect(throws: StateError.self) { _ = try server(0, id: "7") }
    }

    @Test("A text is taken up to its bound in bytes and not beyond")
    func bounds() throws {
        let longest = String(repeating: "é", count: 127) + "a"
        let identity = try server(1, name: longest)
        let command = Command.putServer(identity)

        #expect(try Command(decoding: command.encoded()) == command)
        #expect(throws: StateError.self) { _ = try server(1, name: longest + "a") }
    }
}
