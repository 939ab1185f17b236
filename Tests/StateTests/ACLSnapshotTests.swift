// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletState
import Testing

@Suite("Commands about tokens, policies and roles") struct ACLCommandTests {
    static let commands: [Command] = [
        .acl(.upsertPolicies([policy("a"), policy("b", rules: "")])), .acl(.upsertPolicies([])),
        .acl(.deletePolicies(names: ["a", "b-2"])),
        .acl(.createToken(token(1, policies: [], roles: [serverID(3)], expires: -1))),
        .acl(.createToken(token(2))), .acl(.updateToken(change(1, roles: [serverID(3)]))),
        .acl(.deleteTokens(accessors: [serverID(1)])),
        .acl(.deleteExpiredTokens(asOf: .min, limit: .max)), .acl(.createRole(role(1))),
        .acl(.updateRole(role(1, policies: []))), .acl(.deleteRoles(ids: [serverID(1)])),
        .acl(.bootstrap(token(1, policies: []), reset: nil, revokesManagement: true)),
        .acl(.bootstrap(token(1, policies: []), reset: 7, revokesManagement: false)),
        .restoreEnd(restore: 9, hasACL: true), .restoreBegin(sizeBytes: 17 << 20, checksum: 1),
    ]

    @Test("A command reads back equal, and needs version 4", arguments: commands)
    func roundTrip(command: Command) throws {
        let bytes = command.encoded()
        #expect(try Command(decoding: bytes) == command)
        #expect(bytes[0] == 4 && command.minimumReaderVersion == Command.aclVersion)
    }

    @Test("With the larger bounds it needs version 5")
    func larger() throws {
        let command = Command.acl(.upsertPolicies([policy("a")]), bounds: .current)
        let bytes = command.encoded()
        #expect(bytes[0] == 5 && command.minimumReaderVersion == Command.largeVersion)
        #expect(try Command(decoding: bytes) == command)
        #expect(try Command(decoding: [4] + bytes.dropFirst()) != command)
    }

    @Test("Every shortening and every lengthening of a command is refused", arguments: commands)
    func lengths(command: Command) {
        let bytes = command.encoded()
        for length in 0..<bytes.count {
            #expect(isMalformed(commandFault(Array(bytes.prefix(length)))))
        }
        #expect(isMalformed(commandFault(bytes + [0])))
    }

    @Test("What no request can ask for is no command")
    func malformed() {
        func isRefused(_ command: ACLCommand) -> Bool {
            isMalformed(commandFault(Command.acl(command).encoded()))
        }
        let long = String(repeating: "a", count: 129)
        #expect(isRefused(.upsertPolicies([policy("a b")])))
        #expect(isRefused(.upsertPolicies([policy(long)])))
        #expect(isRefused(.deletePolicies(names: [""])))
        #expect(isRefused(.deletePolicies(names: [String](repeating: "a", count: 4097))))
        let largeRules = String(repeating: "x", count: (64 << 10) + 1)
        #expect(isRefused(.upsertPolicies([policy("a", rules: largeRules)])))
        #expect(isRefused(.createToken(token(1, policies: ["a b"]))))
        #expect(
            isRefused(.createToken(token(1, policies: [String](repeating: "a", count: 65)))))
        #expect(isRefused(.createToken(token(1, roles: ["x"]))))
        var withoutLinks = token(1)
        withoutLinks.policies = []
        #expect(isRefused(.createToken(withoutLinks)))
        var withLinks = token(1)
        withLinks.kind = .management
        #expect(isRefused(.createToken(withLinks)))
        var oddHash = token(1)
        oddHash.hash = [1]
        #expect(isRefused(.createToken(oddHash)))
        #expect(isRefused(.deleteTokens(accessors: ["nope"])))
        #expect(isRefused(.createRole(role(1, name: "a_b"))))
        #expect(isRefused(.bootstrap(token(1), reset: nil, revokesManagement: false)))
    }

    @Test("No mutation traps; what is taken reads back equal, and applies")
    func mutations() throws {
        var random = Generator(state: 4)
        var taken = 0
        for step in 0..<4_000 {
            var bytes = Self.commands[step % Self.commands.count].encoded()
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] = UInt8.random(in: .min ... .max, using: &random)
            }
            var state = populated()
            let before = state
            let result = state.apply(bytes, at: 6)
            if commandFault(bytes) == nil {
                taken += 1
                #expect(try Command(decoding: bytes).encoded() == bytes)
                #expect(stateFault(state.encoded()) == nil)
            } else {
                guard case .refused = result else {
                    Issue.record("taken: \(bytes)")
                    continue
                }
                #expect(state.tokens() == before.tokens() && state.roles() == before.roles())
                #expect(state.policies() == before.policies())
            }
        }
        #expect(taken > 0)
    }
}

@Suite("Snapshots of tokens, policies and roles") struct ACLSnapshotTests {
    @Test("They read back equal, and are found by every key")
    func roundTrip() throws {
        let state = populated()
        let bytes = state.encoded()
        let read = try State(decoding: bytes)
        #expect(bytes[0] == 4 && read == state && read.encoded() == bytes)
        #expect(read.token(digest(2))?.accessorID == serverID(2))
        #expect(read.role(named: "ops")?.id == serverID(50))
        #expect(read.nextTokenExpiry == 2_000 && read.bootstrapIndex == 3)
        #expect(read.index(of: .tokens) == 5 && read.index(of: .policies) == 1)
    }

    @Test("Tables that were emptied keep their indexes; a state that never had any is older")
    func empty() throws {
        var state = State()
        state.acl(.upsertPolicies([policy("a")]))
        state.acl(.deletePolicies(names: ["a"]))
        let read = try State(decoding: state.encoded())
        #expect(read.index(of: .policies) == 2 && state.encoded()[0] == 4)
        #expect(State().encoded()[0] == 1)
    }

    @Test("Two states differ where any row or index of theirs differs")
    func equality() {
        let state = populated()
        for command in [
            .updateToken(change(3)), .upsertPolicies([policy("p1")]), .createRole(role(51)),
            .deleteTokens(accessors: [serverID(1)]),
        ] as [ACLCommand] {
            var other = state
            other.acl(command)
            #expect(other != state)
        }
    }

    @Test("Every shortening is refused, and no mutation traps")
    func hostile() throws {
        let whole = populated().encoded()
        for length in 0..<whole.count {
            #expect(isMalformed(stateFault(Array(whole.prefix(length)))))
        }
        #expect(isMalformed(stateFault(whole + [0])))
        var random = Generator(state: 9)
        var taken = 0
        for _ in 0..<4_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 1..<bytes.count, using: &random)
                bytes[at] = UInt8.random(in: .min ... .max, using: &random)
            }
            if stateFault(bytes) == nil {
                taken += 1
                #expect(try State(decoding: bytes).encoded() == bytes)
            }
        }
        #expect(taken > 0)
    }

    @Test("No secret is in a snapshot, nor in an archive: only what a digest is")
    func secrets() {
        let secret = "5cb79502-8c40-0418-899e-65c49a52bfb2"
        let state = populated()
        let text = String(decoding: state.encoded() + state.archived(), as: UTF8.self)
        #expect(!text.contains(secret) && "\(digest(1))" == "TokenDigest")
    }
}

@Suite("Restoring tokens, policies and roles") struct ACLRestoreTests {
    private func restore(
        _ bytes: [UInt8], to state: inout State, hasACL: Bool, isStaged: Bool = false
    ) -> CommandResult {
        func next(_ command: Command) -> CommandResult {
            state.apply(command, at: state.lastAppliedIndex + 1)
        }
        _ = next(
            .restoreBegin(
                sizeBytes: UInt64(bytes.count), checksum: CRC32C.checksum(bytes),
                isStaged: isStaged))
        let begin = state.lastAppliedIndex
        for number in 0..<StateRestore.chunkCount(ofBytes: bytes.count) {
            _ = next(
                .restoreChunk(
                    restore: begin, number: UInt32(number),
                    bytes: StateRestore.chunk(number, of: bytes)))
        }
        return next(.restoreEnd(restore: begin, hasACL: hasACL))
    }

    @Test(
        "The saved ones come into force, as if written by the last entry", arguments: [false, true])
    func restores(isStaged: Bool) {
        let archive = populated().archived()
        var state = State()
        state.acl(.upsertPolicies([policy("mine")]))
        state.acl(.createToken(token(8)))
        let result = restore(archive, to: &state, hasACL: true, isStaged: isStaged)

        #expect(result == .applied(modifyIndex: 5) && StateRestore.hasACL(version: archive[0]))
        #expect(state.policies().map(\.name) == ["p1", "p2"])
        #expect(state.tokens().map(\.accessorID) == [1, 2, 3].map { serverID($0) })
        #expect(state.tokens().allSatisfy { $0.createIndex == 5 && $0.modifyIndex == 5 })
        #expect(state.role(named: "ops")?.modifyIndex == 5 && state.token(digest(8)) == nil)
        for table in [.tokens, .policies, .roles] as [State.Table] {
            #expect(state.index(of: table) == 5)
        }
        #expect(state.bootstrapIndex == 5)
        #expect(stateFault(state.encoded()) == nil)
    }

    @Test("A state that knows of none leaves those that there are")
    func unknown() {
        var state = populated()
        let archive = State().archived()
        #expect(!StateRestore.hasACL(version: archive[0]))
        for hasACL in [false, true] {
            let before = state
            #expect(
                restore(archive, to: &state, hasACL: hasACL)
                    == .applied(modifyIndex: state.lastAppliedIndex))
            #expect(state.tokens() == before.tokens() && state.bootstrapIndex == 3)
            #expect(state.index(of: .policies) == 1)
        }
    }

    @Test("The older end of a restore refuses tables that older programs do not know")
    func older() {
        var state = State()
        let result = restore(populated().archived(), to: &state, hasACL: false)
        guard case .refused(let why) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(why.contains("version 4") && state.tokenCount == 0)
    }
}
