// SPDX-License-Identifier: Apache-2.0

/// What a policy's text says, in the order of the text.
package struct PolicyRules: Equatable, Sendable {
    package struct OperatorRule: Equatable, Sendable {
        package var level: Level?
        package var capabilities: [OperatorCapability] = []
    }

    /// For names of one kind: one name, or all that a glob matches.
    package struct ScopedRule<Capabilities: Capability>: Equatable, Sendable {
        package let glob: String
        package var level: Level?
        /// As written, without what the level stands for and without what they imply.
        package var capabilities: [Capabilities] = []

        /// All that the rule gives.
        var granted: CapabilitySet<Capabilities> {
            CapabilitySet(level: level, capabilities)
        }
    }

    package struct NamespaceRule: Equatable, Sendable {
        package var namespace: ScopedRule<NamespaceCapability>
        /// By path.
        package var variables: [ScopedRule<VariableCapability>] = []
    }

    /// Whose rules these are: decisions name it.
    package let policy: String
    package internal(set) var `operator`: OperatorRule?
    package internal(set) var agent: Level?
    package internal(set) var node: Level?
    package internal(set) var quota: Level?
    package internal(set) var plugin: Level?
    package internal(set) var namespaces: [NamespaceRule] = []
    package internal(set) var hostVolumes: [ScopedRule<HostVolumeCapability>] = []
    package internal(set) var nodePools: [ScopedRule<NodePoolCapability>] = []

    /// Rules that say nothing.
    init(policy: String) { self.policy = policy }
}

/// Some of a block's capabilities; `deny` stands for itself.
struct CapabilitySet<Element: Capability>: Equatable, Sendable {
    private var bits: UInt64 = 0

    init() {}

    init(level: Level?, _ capabilities: [Element]) {
        for capability in (level.flatMap(Element.expansion) ?? []) + capabilities {
            insert(capability)
            for implied in capability.implied { insert(implied) }
        }
    }

    func contains(_ capability: Element) -> Bool { bits >> UInt64(capability.rawValue) & 1 == 1 }

    var isDenied: Bool { contains(.deny) }

    mutating func insert(_ capability: Element) { bits |= 1 << UInt64(capability.rawValue) }

    /// In the order of the capabilities.
    var elements: [Element] { Element.allCases.filter(contains) }
}
