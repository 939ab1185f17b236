// SPDX-License-Identifier: Apache-2.0
import MartletAPI
package import MartletHCL

extension PolicyRules {
    /// Bounds of one policy's text.
    static let limits = HCLLimits(depthMax: 16, bytesMax: 64 << 10, itemsMax: 1 << 14)
    /// Bound of namespaces, paths, volumes and pools in one policy.
    package static let rulesMax = 1024

    /// Reads a policy's text, HCL or JSON. An empty one says nothing.
    ///
    /// - Throws: the first fault: what is no HCL, and blocks, keys, levels and capabilities that are not
    ///   known, told with the nearest that is.
    package init(policy: String, rules text: String) throws(HCLError) {
        self.init(policy: policy)
        let body = try HCL.parse(Array(text.utf8), limits: Self.limits)
        var reader = PolicyReader(rules: self)
        try reader.read(body)
        self = reader.rules
    }
}

/// Reads one policy, block by block.
private struct PolicyReader {
    var rules: PolicyRules
    private var ruleCount = 0

    init(rules: PolicyRules) { self.rules = rules }

    mutating func read(_ body: HCLBody) throws(HCLError) {
        let known = Block.allCases.filter { $0 != .variables }.map(\.rawValue)
        try check(keys: body, known, "a policy")
        for block in try labelled(.namespace, in: body) {
            let rule: PolicyRules.ScopedRule<NamespaceCapability> = try scoped(
                block, .namespace, more: [Block.variables.rawValue])
            let variables = try paths(in: block)
            rules.namespaces.append(.init(namespace: rule, variables: variables))
        }
        for block in try labelled(.hostVolume, in: body) {
            rules.hostVolumes.append(try scoped(block, .hostVolume))
        }
        for block in try labelled(.nodePool, in: body) {
            rules.nodePools.append(try scoped(block, .nodePool))
        }
        if let block = try single(.operator, in: body) {
            try check(keys: block.body, ["policy", "capabilities"], Block.operator.rawValue)
            rules.operator = .init(
                level: try level(in: block.body, Self.levels(of: OperatorCapability.self)),
                capabilities: try capabilities(in: block.body, Block.operator.rawValue))
        }
        rules.agent = try level(.agent, in: body)
        rules.node = try level(.node, in: body)
        rules.quota = try level(.quota, in: body)
        rules.plugin = try level(.plugin, in: body)
    }

    // MARK: Blocks

    /// The block of a kind that a policy has once; nil without one.
    private func single(_ kind: Block, in body: HCLBody) throws(HCLError) -> HCLBlock? {
        let blocks = try body.blocks(kind.rawValue, labels: 0)
        guard blocks.count < 2 else {
            throw HCLError("block \(kind.rawValue) is there twice", at: blocks[1].position)
        }
        return blocks.first
    }

    /// The level of a block that has nothing else. It must be there.
    private func level(_ kind: Block, in body: HCLBody) throws(HCLError) -> Level? {
        guard let block = try single(kind, in: body) else { return nil }
        try check(keys: block.body, ["policy"], kind.rawValue)
        let known: [Level] =
            kind == .plugin ? [.deny, .list, .read, .write] : [.deny, .read, .write, .scale]
        guard let level = try level(in: block.body, known) else {
            throw HCLError("block \(kind.rawValue) has no policy", at: block.position)
        }
        return level
    }

    /// The blocks with a name or glob; no two have the same.
    private mutating func labelled(
        _ kind: Block, in body: HCLBody
    ) throws(HCLError) -> [HCLBlock] {
        let key = kind == .variables ? "path" : kind.rawValue
        var seen: Set<String> = []
        let blocks = try body.blocks(key, labels: 1)
        for block in blocks {
            let label = block.labels[0]
            guard kind.isName(label.text) else {
                throw HCLError(
                    "invalid name \(hclQuoted(label.text)) of \(key)", at: label.position)
            }
            guard seen.insert(label.text).inserted else {
                throw HCLError(
                    "block \(key) \(hclQuoted(label.text)) is there twice", at: label.position)
            }
            ruleCount += 1
            guard ruleCount <= PolicyRules.rulesMax else {
                throw HCLError(
                    "more than \(PolicyRules.rulesMax) rules in one policy", at: label.position)
            }
        }
        return blocks
    }

    private func scoped<Element: Capability>(
        _ block: HCLBlock, _ kind: Block, more: [String] = []
    ) throws(HCLError) -> PolicyRules.ScopedRule<Element> {
        let label = block.labels[0].text
        let levels = Self.levels(of: Element.self)
        let keys = (levels.isEmpty ? [] : ["policy"]) + ["capabilities"] + more
        let place = "\(kind == .variables ? "path" : kind.rawValue) \(hclQuoted(label))"
        try check(keys: block.body, keys, place)
        return .init(
            glob: label, level: try level(in: block.body, levels),
            capabilities: try capabilities(in: block.body, place))
    }

    private mutating func paths(
        in namespace: HCLBlock
    ) throws(HCLError) -> [PolicyRules.ScopedRule<VariableCapability>] {
        guard let block = try single(.variables, in: namespace.body) else { return [] }
        try check(keys: block.body, ["path"], Block.variables.rawValue)
        var paths: [PolicyRules.ScopedRule<VariableCapability>] = []
        for path in try labelled(.variables, in: block.body) {
            paths.append(try scoped(path, .variables))
        }
        guard !paths.isEmpty else {
            throw HCLError("block variables has no path", at: block.position)
        }
        return paths
    }

    // MARK: Values

    private static func levels<Element: Capability>(of _: Element.Type) -> [Level] {
        Level.allCases.filter { Element.expansion(of: $0) != nil }
    }

    /// nil without one, and for an empty one, as in Nomad.
    private func level(in body: HCLBody, _ known: [Level]) throws(HCLError) -> Level? {
        guard let item = try item("policy", in: body) else { return nil }
        guard case .string(let text) = item.node.value else {
            throw HCLError(
                "policy must be a string, not \(item.node.value.kind)", at: item.node.position)
        }
        if text.isEmpty { return nil }
        guard let level = known.first(where: { $0.rawValue == text }) else {
            throw unknown("policy", text, known.map(\.rawValue), at: item.node.position)
        }
        return level
    }

    private func capabilities<Element: Capability>(
        in body: HCLBody, _ place: String
    ) throws(HCLError) -> [Element] {
        guard let item = try item("capabilities", in: body) else { return [] }
        guard case .list(let nodes) = item.node.value else {
            throw HCLError(
                "capabilities must be a list of strings, not \(item.node.value.kind)",
                at: item.node.position)
        }
        var capabilities: [Element] = []
        for node in nodes {
            guard case .string(let name) = node.value else {
                throw HCLError(
                    "a capability must be a string, not \(node.value.kind)", at: node.position)
            }
            guard let capability = Element(name: name) else {
                throw unknown("capability of \(place)", name, Element.names, at: node.position)
            }
            if !capabilities.contains(capability) { capabilities.append(capability) }
        }
        return capabilities
    }

    private func item(_ key: String, in body: HCLBody) throws(HCLError) -> HCLItem? {
        let items = body.items.filter { $0.key == key }
        guard items.count < 2 else {
            throw HCLError("\(key) is there twice", at: items[1].position)
        }
        guard let item = items.first, item.node.value != .null else { return nil }
        return item
    }

    // MARK: Faults

    private func check(
        keys body: HCLBody, _ known: [String], _ place: String
    ) throws(HCLError) {
        for item in body.items where !known.contains(item.key) {
            throw unknown("key of \(place)", item.key, known, at: item.position)
        }
    }

    private func unknown(
        _ what: String, _ text: String, _ known: [String], at position: HCLPosition
    ) -> HCLError {
        let nearest = nearestName(to: text, among: known)
        let help = nearest.map { "did you mean \(hclQuoted($0))?" }
        let all = "known are \(known.map { hclQuoted($0) }.joined(separator: ", "))"
        let shown = hclQuoted(String(text.prefix(64)))
        return HCLError("unknown \(what): \(shown); \(help ?? all)", at: position)
    }
}

extension Block {
    /// 1 to 128 letters, digits, hyphens and stars; in node pools underscores too. A path of variables
    /// has 1 to 128 bytes and begins with no slash.
    fileprivate func isName(_ text: String) -> Bool {
        guard (1...128).contains(text.utf8.count) else { return false }
        if self == .variables { return text.utf8.first != UInt8(ascii: "/") }
        return text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "-"), UInt8(ascii: "*"): true
            case UInt8(ascii: "_"): self == .nodePool
            default: $0.isLetterOrDigit
            }
        }
    }
}
