// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// `RulesJSON` of a policy: what its text says, in Nomad's shape. What a level stands for is among the
/// capabilities. `Raw` is left out: the text stands beside.
package struct ACLRulesResponse: Equatable, Sendable, JSONWritable {
    package struct OperatorRule: Equatable, Sendable {
        package let capabilities: [String]
        /// The level; empty for none.
        package let policy: String

        package init(capabilities: [String], policy: String) {
            self.capabilities = capabilities
            self.policy = policy
        }
    }

    package struct Rule: Equatable, Sendable {
        package let capabilities: [String]
        /// Or glob.
        package let name: String
        /// The level; empty for none.
        package let policy: String

        package init(capabilities: [String], name: String, policy: String) {
            self.capabilities = capabilities
            self.name = name
            self.policy = policy
        }
    }

    package struct NamespaceRule: Equatable, Sendable {
        package let rule: Rule
        /// By path, without a level.
        package let variables: [Rule]

        package init(rule: Rule, variables: [Rule]) {
            self.rule = rule
            self.variables = variables
        }
    }

    /// Levels; nil for a block that is not there.
    package var agent: String?
    package var node: String?
    package var plugin: String?
    package var quota: String?
    package var `operator`: OperatorRule?
    package var hostVolumes: [Rule] = []
    package var namespaces: [NamespaceRule] = []
    package var nodePools: [Rule] = []

    package init() {}

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        Self.write("Agent", level: agent, to: &writer)
        writer.memberOrNull("HostVolumes", hostVolumes)
        writer.memberOrNull("Namespaces", namespaces)
        Self.write("Node", level: node, to: &writer)
        writer.memberOrNull("NodePools", nodePools)
        writer.key("Operator")
        if let `operator` { `operator`.write(to: &writer) } else { writer.null() }
        Self.write("Plugin", level: plugin, to: &writer)
        Self.write("Quota", level: quota, to: &writer)
        writer.endObject()
    }

    private static func write(_ name: String, level: String?, to writer: inout JSONWriter) {
        writer.key(name)
        guard let level else { return writer.null() }
        writer.beginObject()
        writer.member("Policy", level)
        writer.endObject()
    }
}

extension ACLRulesResponse.OperatorRule: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.memberOrNull("Capabilities", capabilities)
        writer.member("Policy", policy)
        writer.endObject()
    }
}

extension ACLRulesResponse.Rule: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writeMembers(to: &writer)
        writer.endObject()
    }

    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.memberOrNull("Capabilities", capabilities)
        writer.member("Name", name)
        writer.member("Policy", policy)
    }
}

extension ACLRulesResponse.NamespaceRule: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        rule.writeMembers(to: &writer)
        writer.key("Variables")
        if variables.isEmpty {
            writer.null()
        } else {
            writer.beginObject()
            writer.member("Paths", variables.map(VariablePath.init))
            writer.endObject()
        }
        writer.endObject()
    }
}

private struct VariablePath: JSONWritable {
    let rule: ACLRulesResponse.Rule

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.memberOrNull("Capabilities", rule.capabilities)
        writer.member("PathSpec", rule.name)
        writer.endObject()
    }
}

// An empty array is null, as Go writes an array that was never made.
extension JSONWriter {
    mutating func memberOrNull(_ name: String, _ values: [some JSONWritable]) {
        guard values.isEmpty else { return member(name, values) }
        key(name)
        null()
    }

    mutating func memberOrNull(_ name: String, _ values: [String]) {
        guard values.isEmpty else { return member(name, values) }
        key(name)
        null()
    }
}
