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
                .restoreBegin(sizeBytes: 1 << 40, checksum: 7),
                .restoreChunk(restore: 5, number: 2, bytes: [1, 2, 3]),
                .restoreEnd(restore: .max),
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

    @Test("Commands of a restore say that version 2 is needed; the others still say 1")
    func versions() {
        #expect(Self.commands.map { $0.encoded()[0] } == [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2])
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
            }
        }
        #expect(taken > 0)
    }
}

@Suite("Server identities") struct ServerIdentityTests {
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
