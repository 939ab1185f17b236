// SPDX-License-Identifier: Apache-2.0
import MartletACL
import Testing

private func merged(_ texts: String...) throws -> AccessRules {
    var policies: [PolicyRules] = []
    for (position, text) in texts.enumerated() {
        let name = String(UnicodeScalar(UInt8(ascii: "a") + UInt8(position)))
        policies.append(try PolicyRules(policy: name, rules: text))
    }
    return AccessRules(merging: policies)
}

private let operatorOperations: [Operation] = [
    .raftRead, .raftRemove, .leaderTransfer, .autopilotRead, .autopilotWrite, .schedulerRead,
    .schedulerWrite, .snapshotSave, .snapshotRestore, .licenseRead,
]

private let everyOperation: [Operation] =
    operatorOperations + [
        .keyring, .agentRead, .agentWrite, .nodeRead, .nodeWrite, .quotaRead, .quotaWrite,
        .pluginList, .pluginRead, .aclManage, .namespace("default", .readJob),
        .namespace("default", .submitJob), .variables(namespace: "default", path: "a/b", .read),
        .hostVolume("data", .mountReadOnly), .nodePool("gpu", .write),
    ]

@Suite("What rules allow") struct AccessRulesTests {
    @Test(
        "Of a block's level follows what the table says",
        arguments: [
            (#"operator { policy = "read" }"#, [.autopilotRead, .schedulerRead, .licenseRead]),
            (
                #"operator { policy = "write" }"#,
                [.autopilotRead, .autopilotWrite, .schedulerRead, .schedulerWrite, .licenseRead]
            ),
            (#"operator { policy = "deny" }"#, []), (#"operator { policy = "scale" }"#, []),
            (#"operator { }"#, []), (#"agent { policy = "read" }"#, [.agentRead]),
            (#"agent { policy = "write" }"#, [.keyring, .agentRead, .agentWrite]),
            (#"agent { policy = "deny" }"#, []), (#"agent { policy = "scale" }"#, []),
            (#"node { policy = "read" }"#, [.nodeRead]),
            (#"node { policy = "write" }"#, [.nodeRead, .nodeWrite]),
            (#"quota { policy = "read" }"#, [.quotaRead]),
            (#"quota { policy = "write" }"#, [.quotaRead, .quotaWrite]),
            (#"plugin { policy = "list" }"#, [.pluginList]),
            (#"plugin { policy = "read" }"#, [.pluginList, .pluginRead]),
            (#"plugin { policy = "write" }"#, [.pluginList, .pluginRead]),
            (#"plugin { policy = "deny" }"#, []),
            (#"namespace "default" { policy = "read" }"#, [.namespace("default", .readJob)]),
            (
                #"namespace "*" { policy = "write" }"#,
                [.namespace("default", .readJob), .namespace("default", .submitJob)]
            ),
            (#"namespace "default" { policy = "scale" }"#, [.namespace("default", .readJob)]),
            (#"namespace "other" { policy = "write" }"#, []),
            (#"host_volume "d*" { policy = "read" }"#, [.hostVolume("data", .mountReadOnly)]),
            (#"node_pool "gpu" { policy = "write" }"#, [.nodePool("gpu", .write)]),
            (#"node_pool "gpu" { policy = "read" }"#, []), ("", []),
        ] as [(String, [Operation])])
    func levels(text: String, allowed: [Operation]) throws {
        let rules = try merged(text)
        #expect(everyOperation.filter { rules.decide($0).isAllowed } == allowed)
    }

    @Test(
        "Each capability of operator gives its operation and no other",
        arguments: operatorOperations + [.keyring])
    func operatorCapabilities(operation: Operation) throws {
        let rules = try merged("operator { capabilities = [\"\(operation)\"] }")
        #expect(everyOperation.filter { rules.decide($0).isAllowed } == [operation])
    }

    @Test("The root keyring's capabilities and a deny give nothing")
    func noEffect() throws {
        let rules = try merged(
            #"operator { capabilities = ["keyring-read", "keyring-rotate", "keyring-delete"] }"#)
        #expect(!everyOperation.contains { rules.decide($0).isAllowed })
        let denied = try merged(#"operator { capabilities = ["raft-read", "deny"] }"#)
        #expect(!everyOperation.contains { denied.decide($0).isAllowed })
    }

    @Test("A management token may do everything, an unreadable policy forbids everything")
    func extremes() {
        #expect(everyOperation.allSatisfy { AccessRules.management.decide($0).isAllowed })
        #expect(AccessRules.management.decide(.raftRead).reason == .management)
        let unreadable = AccessRules.unreadable(policy: "x")
        #expect(!everyOperation.contains { unreadable.decide($0).isAllowed })
        #expect(unreadable.decide(.raftRead).reason == .unreadable(policy: "x"))
        let none = AccessRules(merging: [])
        #expect(!everyOperation.contains { none.decide($0).isAllowed })
        #expect(none.decide(.aclManage).reason == .managementOnly)
    }
}

@Suite("Merging policies") struct MergingTests {
    @Test(
        "Deny counts over write over read over list",
        arguments: [
            (["list", "read"], "read"), (["read", "write"], "write"), (["write", "list"], "write"),
            (["list", "deny"], "deny"), (["write", "deny"], "deny"), (["list", "list"], "list"),
        ])
    func order(levels: [String], winner: String) throws {
        for pair in [levels, levels.reversed()] {
            let rules = try merged(
                "plugin { policy = \"\(pair[0])\" }", "plugin { policy = \"\(pair[1])\" }")
            guard case .level(.plugin, let level, _) = rules.decide(.pluginRead).reason else {
                Issue.record("\(rules.decide(.pluginRead))")
                continue
            }
            #expect(level.rawValue == winner)
        }
    }

    @Test("Read and deny of operator together are deny, read and write together are write")
    func matrix() throws {
        let (read, write, deny) = (
            #"operator { policy = "read" }"#, #"operator { policy = "write" }"#,
            #"operator { policy = "deny" }"#
        )
        #expect(try !merged(read, deny).decide(.autopilotRead).isAllowed)
        #expect(try merged(read, write).decide(.autopilotWrite).isAllowed)
        let denied = try merged(
            #"operator { capabilities = ["raft-read"] }"#, #"operator { policy = "deny" }"#)
        #expect(!denied.decide(.raftRead).isAllowed)
    }

    @Test("Capabilities are united, and deny clears them, for one and the same glob")
    func capabilities() throws {
        let (one, two) = (
            #"namespace "a*" { capabilities = ["read-job"] }"#,
            #"namespace "a*" { capabilities = ["submit-job"] }"#
        )
        let united = try merged(one, two)
        #expect(united.decide(.namespace("ab", .readJob)).isAllowed)
        #expect(united.decide(.namespace("ab", .submitJob)).isAllowed)
        #expect(!united.decide(.namespace("ab", .readLogs)).isAllowed)
        let denied = try merged(one, two, #"namespace "a*" { policy = "deny" }"#)
        #expect(!denied.decide(.namespace("ab", .readJob)).isAllowed)
    }

    @Test("A name's own rule counts before globs, then the glob with the smallest difference")
    func closest() throws {
        let rules = try merged(
            """
            namespace "*" { policy = "write" }
            namespace "prod-*" { policy = "deny" }
            namespace "prod-api-*" { policy = "read" }
            namespace "prod-api-x" { capabilities = ["submit-job"] }
            """)
        #expect(rules.decide(.namespace("dev", .submitJob)).isAllowed)
        #expect(!rules.decide(.namespace("prod-db", .readJob)).isAllowed)
        #expect(rules.decide(.namespace("prod-api-y", .readJob)).isAllowed)
        #expect(!rules.decide(.namespace("prod-api-y", .submitJob)).isAllowed)
        #expect(rules.decide(.namespace("prod-api-x", .submitJob)).isAllowed)
        #expect(!rules.decide(.namespace("prod-api-x", .readJob)).isAllowed)
        let reason = rules.decide(.namespace("prod-db", .readJob)).reason
        #expect(reason.description == #"policy a: namespace "prod-*" has deny"#)
    }

    @Test("Of two globs as close as each other, one that denies counts")
    func tie() throws {
        let (one, two) = (
            #"namespace "ab*" { policy = "write" }"#, #"namespace "*bc" { policy = "deny" }"#
        )
        #expect(try !merged(one, two).decide(.namespace("abbc", .readJob)).isAllowed)
        #expect(try !merged(two, one).decide(.namespace("abbc", .readJob)).isAllowed)
    }

    @Test("A name with a star, from a request, is no glob")
    func starred() throws {
        let rules = try merged(#"namespace "a*" { policy = "read" }"#)
        #expect(!rules.decide(.namespace("*", .readJob)).isAllowed)
        #expect(rules.decide(.namespace("a*", .readJob)).isAllowed)
    }

    @Test(
        "Variables: the namespace and the path count together, and a denied namespace denies them")
    func variables() throws {
        func operation(_ namespace: String, _ path: String) -> Operation {
            .variables(namespace: namespace, path: path, .write)
        }
        let rules = try merged(
            """
            namespace "*" { variables { path "*" { capabilities = ["write"] } } }
            namespace "prod" { variables { path "secret/*" { capabilities = ["deny"] } } }
            namespace "shut" { policy = "deny" variables { path "x" { capabilities = ["write"] } } }
            """)
        #expect(rules.decide(operation("dev", "secret/a")).isAllowed)
        #expect(rules.decide(operation("prod", "open")).isAllowed)
        #expect(!rules.decide(operation("prod", "secret/a")).isAllowed)
        #expect(!rules.decide(operation("shut", "x")).isAllowed)
        let read = Operation.variables(namespace: "dev", path: "a", .read)
        #expect(!rules.decide(read).isAllowed)
    }

    @Test("Read of a variable gives list; write gives neither")
    func implied() throws {
        func gives(_ granted: String, _ capability: VariableCapability) throws -> Bool {
            let rules = try merged(
                """
                namespace "n" { variables { path "x" { capabilities = ["\(granted)"] } } }
                """)
            return rules.decide(.variables(namespace: "n", path: "x", capability)).isAllowed
        }
        #expect(try gives("read", .list))
        #expect(try gives("read", .read))
        #expect(try !gives("write", .list))
        #expect(try !gives("list", .read))
    }

    @Test("Host volumes: write of a namespace's implies register, create, delete and read")
    func hostVolumes() throws {
        let rules = try merged(
            #"namespace "n" { capabilities = ["host-volume-write"] }"#)
        for capability in [
            .hostVolumeWrite, .hostVolumeRegister, .hostVolumeCreate, .hostVolumeDelete,
            .hostVolumeRead,
        ] as [NamespaceCapability] {
            #expect(rules.decide(.namespace("n", capability)).isAllowed)
        }
    }

    @Test("The keyring: agent write or the capability, unless agent says deny")
    func keyring() throws {
        let (capability, write, read, deny) = (
            #"operator { capabilities = ["keyring"] }"#, #"agent { policy = "write" }"#,
            #"agent { policy = "read" }"#, #"agent { policy = "deny" }"#
        )
        #expect(try merged(capability).decide(.keyring).isAllowed)
        #expect(try merged(write).decide(.keyring).isAllowed)
        #expect(try !merged(read).decide(.keyring).isAllowed)
        #expect(try merged(read, capability).decide(.keyring).isAllowed)
        #expect(try !merged(deny, capability).decide(.keyring).isAllowed)
    }

    @Test("A decision names the policy, of several the first by name, and what was missing")
    func reasons() throws {
        let rules = try merged(
            #"operator { policy = "read" }"#, #"operator { policy = "write" }"#,
            #"agent { policy = "read" }"#)
        func reason(_ operation: Operation) -> String { rules.decide(operation).reason.description }
        #expect(reason(.autopilotRead) == "policy a: operator has autopilot-read")
        #expect(reason(.autopilotWrite) == "policy b: operator has autopilot-write")
        #expect(reason(.agentWrite) == "policy c: agent = read")
        #expect(reason(.raftRead) == "no policy grants raft-read")
        #expect(reason(.aclManage) == "only management tokens may")
        #expect(reason(.namespace("n", .readJob)) == #"no policy grants read-job in namespace "n""#)
        #expect(!reason(.namespace("n\nx", .readJob)).contains("\n"))
    }

    @Test("Whatever the order of the policies, decisions and their reasons are the same")
    func anyOrder() throws {
        var random = SplitMix(state: 11)
        let levels = ["deny", "list", "read", "write"]
        let globs = ["*", "a*", "*a", "ab", "a*b", "*b*", "ba*"]
        let capabilities = ["deny", "read-job", "submit-job", "read-logs"]
        let names = ["ab", "aab", "ba", "bab", "abba", "x"]
        for _ in 0..<200 {
            var policies: [PolicyRules] = []
            for name in ["one", "two", "three", "four"] {
                var text = "plugin { policy = \"\(levels.randomElement(using: &random)!)\" }\n"
                for glob in globs where Bool.random(using: &random) {
                    let granted = capabilities.filter { _ in
                        Int.random(in: 0..<3, using: &random) == 0
                    }
                    let list = granted.map { "\"\($0)\"" }.joined(separator: ", ")
                    text += "namespace \"\(glob)\" { capabilities = [\(list)] }\n"
                }
                policies.append(try PolicyRules(policy: name, rules: text))
            }
            let expected = AccessRules(merging: policies)
            for _ in 0..<4 {
                policies.shuffle(using: &random)
                let rules = AccessRules(merging: policies)
                #expect(rules.decide(.pluginRead) == expected.decide(.pluginRead))
                for name in names {
                    for capability in [.readJob, .submitJob, .readLogs] as [NamespaceCapability] {
                        let operation = Operation.namespace(name, capability)
                        #expect(rules.decide(operation) == expected.decide(operation))
                    }
                }
            }
        }
    }
}
