// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHCL
import Testing

@testable import MartletACL

/// The fault of a policy's text; nil for none.
private func fault(_ text: String) -> String? {
    do throws(HCLError) {
        _ = try PolicyRules(policy: "p", rules: text)
        return nil
    } catch {
        return error.description
    }
}

@Suite("Reading policies") struct PolicyReaderTests {
    static let everything = """
        # All blocks.
        operator {
          policy       = "read"
          capabilities = ["raft-read", "snapshot-save"]
        }
        agent { policy = "write" }
        node { policy = "read" }
        quota { policy = "deny" }
        plugin { policy = "list" }
        namespace "default" {
          policy       = "read"
          capabilities = ["submit-job", "read-logs"]
          variables {
            path "secrets/*" { capabilities = ["read"] }
            path "own" { capabilities = ["write", "destroy"] }
          }
        }
        namespace "prod-*" { policy = "deny" }
        host_volume "data-*" { policy = "write" }
        node_pool "gpu_1" { capabilities = ["read"] }
        """

    @Test("Every block is read, in the order of the text")
    func blocks() throws {
        let rules = try PolicyRules(policy: "p", rules: Self.everything)

        #expect(
            rules.operator
                == .init(level: .read, capabilities: [.raftRead, .snapshotSave]))
        #expect(rules.agent == .write && rules.node == .read)
        #expect(rules.quota == .deny && rules.plugin == .list)
        #expect(rules.namespaces.map(\.namespace.glob) == ["default", "prod-*"])
        #expect(rules.namespaces[0].namespace.capabilities == [.submitJob, .readLogs])
        #expect(rules.namespaces[0].namespace.level == .read)
        #expect(rules.namespaces[0].variables.map(\.glob) == ["secrets/*", "own"])
        #expect(rules.namespaces[0].variables[1].capabilities == [.write, .destroy])
        #expect(rules.hostVolumes.map(\.glob) == ["data-*"])
        #expect(rules.nodePools.map(\.capabilities) == [[.read]])
    }

    @Test("JSON says the same as HCL")
    func json() throws {
        let text = """
            {"operator": {"policy": "read", "capabilities": ["raft-read", "snapshot-save"]},
             "agent": {"policy": "write"}, "node": [{"policy": "read"}],
             "quota": {"policy": "deny"}, "plugin": {"policy": "list"},
             "namespace": [
               {"default": {"policy": "read", "capabilities": ["submit-job", "read-logs"],
                 "variables": {"path": {"secrets/*": {"capabilities": ["read"]},
                   "own": {"capabilities": ["write", "destroy"]}}}}},
               {"prod-*": {"policy": "deny"}}],
             "host_volume": {"data-*": {"policy": "write"}},
             "node_pool": {"gpu_1": {"capabilities": ["read"]}}}
            """
        let rules = try PolicyRules(policy: "p", rules: text)
        #expect(rules == (try PolicyRules(policy: "p", rules: Self.everything)))
    }

    @Test("An empty policy says nothing", arguments: ["", " \n", "# nothing", "{}"])
    func empty(text: String) throws {
        #expect(try PolicyRules(policy: "p", rules: text) == PolicyRules(policy: "p"))
    }

    @Test(
        "A fault is told with its place and the nearest that is known",
        arguments: [
            ("operater { policy = \"read\" }", "1:1: unknown key of a policy", "operator"),
            ("\n  nod { }", "2:3: unknown key of a policy", "node"),
            ("operator { polcy = \"read\" }", "1:12: unknown key of operator", "policy"),
            ("operator { policy = \"reed\" }", "1:21: unknown policy: \"reed\"", "read"),
            ("agent { policy = \"list\" }", "1:18: unknown policy: \"list\"", "deny"),
            ("plugin { policy = \"scale\" }", "1:19: unknown policy: \"scale\"", "write"),
            ("agent { }", "1:1: block agent has no policy", ""),
            ("agent { policy = \"\" }", "1:1: block agent has no policy", ""),
            ("agent { policy = 3 }", "1:18: policy must be a string, not a number", ""),
            (
                "operator { capabilities = [\"raft-reed\"] }",
                "1:28: unknown capability of operator: \"raft-reed\"", "raft-read"
            ),
            (
                "operator { capabilities = \"raft-read\" }",
                "1:27: capabilities must be a list of strings", ""
            ),
            ("operator { capabilities = [1] }", "1:28: a capability must be a string", ""),
            (
                "namespace \"a\" { capabilities = [\"raft-read\"] }",
                "1:33: unknown capability of namespace \"a\"", "read"
            ),
            ("namespace \"a b\" { }", "1:11: invalid name \"a b\" of namespace", ""),
            ("namespace \"\" { }", "1:11: invalid name \"\" of namespace", ""),
            ("namespace \"a_b\" { }", "1:11: invalid name", ""),
            (
                "namespace \"a\" { polic = \"read\" }", "1:17: unknown key of namespace \"a\"",
                "policy"
            ),
            ("namespace { policy = \"read\" }", "1:22: ", "block"),
            (
                "namespace \"a\" { policy = \"read\" }\nnamespace \"a\" { policy = \"deny\" }",
                "2:11: block namespace \"a\" is there twice", ""
            ),
            (
                "agent { policy = \"read\" }\nagent { policy = \"read\" }",
                "2:1: block agent is there twice", ""
            ),
            ("agent { policy = \"read\" policy = \"deny\" }", "1:25: policy is there twice", ""),
            (
                "namespace \"a\" { variables { } }", "1:17: block variables has no path", ""
            ),
            (
                "namespace \"a\" { variables { path \"/x\" { capabilities = [] } } }",
                "1:34: invalid name \"/x\" of path", ""
            ),
            (
                "namespace \"a\" { variables { path \"x\" { policy = \"read\" } } }",
                "1:40: unknown key of path \"x\"", "capabilities"
            ),
            (
                "namespace \"a\" { variables { path \"x\" { capabilities = [\"submit-job\"] } } }",
                "1:56: unknown capability of path \"x\"", "known are"
            ),
            ("variables { }", "1:1: unknown key of a policy", "known are"),
            ("agent = 5", "1:9: ", "block"),
            ("agent {", "1:7: ", ""),
            ("{\"agent\": {\"policy\": \"rea\"}}", "1:22: unknown policy", "read"),
        ])
    func faults(text: String, start: String, help: String) throws {
        let told = try #require(fault(text))
        #expect(told.hasPrefix(start) && told.contains(help), "\(told)")
    }

    @Test("Names have up to 128 characters, a policy up to 1024 of them and 64 KiB")
    func bounds() {
        func namespace(_ name: String) -> String { "namespace \"\(name)\" { }\n" }
        let long = String(repeating: "a", count: 128)
        #expect(fault(namespace(long)) == nil)
        #expect(fault(namespace(long + "a")) != nil)
        let many = (0..<1024).map { namespace("n\($0)") }.joined()
        #expect(fault(many) == nil)
        #expect(fault(many + namespace("one-more"))?.contains("more than 1024 rules") == true)
        #expect(fault(String(repeating: " ", count: 64 << 10)) == nil)
        #expect(fault(String(repeating: " ", count: (64 << 10) + 1)) != nil)
    }

    @Test("Depth has a bound, and no text traps")
    func hostile() {
        for text in [
            String(repeating: "a{", count: 20_000), String(repeating: "[", count: 20_000),
            "agent = " + String(repeating: "[", count: 20_000),
            "{\"agent\":" + String(repeating: "[", count: 20_000), "\u{0}", "namespace \"*\"",
            "\"namespace\" \"a\" \"b\" { }", "namespace \"a\" \"b\" \"c\" { }",
        ] {
            #expect(fault(text) != nil)
        }
    }

    @Test("Mutations of a policy are read or told, and never trap")
    func mutations() {
        var random = SplitMix(state: 7)
        var taken = 0
        for _ in 0..<3_000 {
            var bytes = Array(Self.everything.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] = UInt8.random(in: 0x20...0x7D, using: &random)
            }
            if fault(String(decoding: bytes, as: UTF8.self)) == nil { taken += 1 }
        }
        #expect(taken > 0 && taken < 3_000)
    }

    @Test("RulesJSON has what levels stand for, and nothing for what is not there")
    func response() throws {
        let rules = try PolicyRules(
            policy: "p",
            rules: """
                operator { policy = "read" capabilities = ["raft-read"] }
                node_pool "a" { policy = "write" }
                namespace "n" {
                  capabilities = ["host-volume-create"]
                  variables { path "x" { capabilities = ["read"] } }
                }
                """)
        let response = rules.response
        #expect(response.agent == nil && response.plugin == nil && response.hostVolumes.isEmpty)
        let granted = ["raft-read", "autopilot-read", "scheduler-read", "license-read"]
        #expect(response.operator == .init(capabilities: granted, policy: "read"))
        let pool = ACLRulesResponse.Rule(
            capabilities: ["read", "write", "delete"], name: "a", policy: "write")
        #expect(response.nodePools == [pool])
        let namespace = ACLRulesResponse.Rule(
            capabilities: ["host-volume-create", "host-volume-read"], name: "n", policy: "")
        let path = ACLRulesResponse.Rule(capabilities: ["read", "list"], name: "x", policy: "")
        #expect(response.namespaces == [.init(rule: namespace, variables: [path])])
    }
}

@Suite("Capabilities") struct CapabilityTests {
    /// `case readFS` is `read-fs`.
    private func kebab(_ name: String) -> String {
        var result = ""
        var wasUpper = true
        for character in name {
            if character.isUppercase, !wasUpper { result += "-" }
            wasUpper = character.isUppercase
            result += character.lowercased()
        }
        return result
    }

    private func check<Element: Capability>(_: Element.Type, except: [String: String] = [:]) {
        #expect(Element.names.count == Element.allCases.count && Element.allCases.count < 64)
        for (position, capability) in Element.allCases.enumerated() {
            let name = kebab("\(capability)")
            #expect(capability.rawValue == position)
            #expect(capability.name == except[name] ?? name)
            #expect(Element(name: capability.name) == capability)
        }
        #expect(Element(name: "nothing") == nil)
    }

    @Test("Each has the name of its case, and the place of its raw value")
    func names() {
        check(OperatorCapability.self)
        check(NamespaceCapability.self)
        check(
            HostVolumeCapability.self,
            except: ["mount-read-only": "mount-readonly", "mount-read-write": "mount-readwrite"])
        check(NodePoolCapability.self)
        check(VariableCapability.self)
    }
}

/// A generator with a seed (SplitMix64).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
