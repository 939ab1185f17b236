// SPDX-License-Identifier: Apache-2.0

/// Capabilities that policies grant, each with the policy that decisions name.
struct Grants<Element: Capability>: Sendable {
    private var granted = CapabilitySet<Element>()
    /// By raw value; empty for what is not granted.
    private var policies: [String] = []

    /// Who denies all of them; nil if nobody does.
    var denier: String? { granter(of: .deny) }

    func granter(of capability: Element) -> String? {
        granted.contains(capability) ? policies[capability.rawValue] : nil
    }

    mutating func merge(_ other: CapabilitySet<Element>, _ policy: String) {
        if policies.isEmpty {
            policies = [String](repeating: "", count: Element.allCases.count)
        }
        for capability in other.elements {
            let known = policies[capability.rawValue]
            if !granted.contains(capability) || policy < known {
                policies[capability.rawValue] = policy
            }
            granted.insert(capability)
        }
    }

    func decide(
        _ block: Block, _ glob: String, _ capability: Element, _ operation: Operation
    ) -> Decision {
        if let denier {
            return .refused(
                .rule(block, glob: glob, capability: Element.deny.name, policy: denier))
        }
        guard let policy = granter(of: capability) else { return .refused(.notGranted(operation)) }
        return .allowed(.rule(block, glob: glob, capability: capability.name, policy: policy))
    }
}

/// Rules by name or glob. ``sort()`` comes between the last merge and the first decision.
struct ScopedTable<Element: Capability>: Sendable {
    private struct Rule: Sendable {
        let glob: Glob
        var grants = Grants<Element>()
    }

    private let block: Block
    private var rules: [Rule] = []
    /// Where in `rules` the rule of a name or glob is, by its text.
    private var places: [String: Int] = [:]
    /// Those with stars, the closest first.
    private var globs: [Int] = []

    init(_ block: Block) { self.block = block }

    mutating func merge(_ rule: PolicyRules.ScopedRule<Element>, _ policy: String) {
        let place = places[rule.glob] ?? rules.count
        if place == rules.count {
            rules.append(Rule(glob: Glob(rule.glob)))
            places[rule.glob] = place
        }
        rules[place].grants.merge(rule.granted, policy)
    }

    mutating func sort() {
        globs = rules.indices.filter { rules[$0].glob.hasStar }.sorted {
            let (one, other) = (rules[$0], rules[$1])
            if one.glob.literalCount != other.glob.literalCount {
                return one.glob.literalCount > other.glob.literalCount
            }
            let (isDenied, isOtherDenied) = (one.grants.denier != nil, other.grants.denier != nil)
            return isDenied != isOtherDenied ? isDenied : one.glob.text < other.glob.text
        }
    }

    func decide(_ name: String, _ capability: Element, _ operation: Operation) -> Decision {
        guard let place = place(of: name) else { return .refused(.notGranted(operation)) }
        return rules[place].grants.decide(block, rules[place].glob.text, capability, operation)
    }

    /// nil unless the rule for this name denies.
    func denial(of name: String) -> Decision? {
        guard let place = place(of: name), let denier = rules[place].grants.denier else {
            return nil
        }
        return .refused(
            .rule(
                block, glob: rules[place].glob.text, capability: Element.deny.name,
                policy: denier))
    }

    /// A name that has a star is no glob: it comes from a request.
    private func place(of name: String) -> Int? {
        if let place = places[name], !rules[place].glob.hasStar { return place }
        guard !globs.isEmpty else { return nil }
        let bytes = name.utf8Span.span
        for place in globs where rules[place].glob.matches(bytes) { return place }
        return nil
    }
}

/// Rules of variables: by the namespace and the path, which are globs both. How close a rule is, both
/// count together, as in Nomad.
struct VariableTable: Sendable {
    private struct Rule: Sendable {
        let namespace: Glob
        let path: Glob
        var grants = Grants<VariableCapability>()

        var literalCount: Int { namespace.literalCount + path.literalCount }
        var hasStar: Bool { namespace.hasStar || path.hasStar }
    }

    private struct Key: Hashable {
        let namespace: String
        let path: String
    }

    private var rules: [Rule] = []
    private var places: [Key: Int] = [:]

    mutating func merge(
        _ rule: PolicyRules.ScopedRule<VariableCapability>, namespace: String, _ policy: String
    ) {
        let key = Key(namespace: namespace, path: rule.glob)
        let place = places[key] ?? rules.count
        if place == rules.count {
            rules.append(Rule(namespace: Glob(namespace), path: Glob(rule.glob)))
            places[key] = place
        }
        rules[place].grants.merge(rule.granted, policy)
    }

    /// The closest first. Merging is over.
    mutating func sort() {
        places = [:]
        rules.sort { one, other in
            if one.hasStar != other.hasStar { return !one.hasStar }
            if one.literalCount != other.literalCount {
                return one.literalCount > other.literalCount
            }
            let (isDenied, isOtherDenied) = (one.grants.denier != nil, other.grants.denier != nil)
            if isDenied != isOtherDenied { return isDenied }
            return (one.namespace.text, one.path.text) < (other.namespace.text, other.path.text)
        }
    }

    func decide(
        _ namespace: String, _ path: String, _ capability: VariableCapability,
        _ operation: Operation
    ) -> Decision {
        let (namespaceBytes, pathBytes) = (namespace.utf8Span.span, path.utf8Span.span)
        for rule in rules where rule.namespace.matches(namespaceBytes) {
            guard rule.path.matches(pathBytes) else { continue }
            return rule.grants.decide(.variables, rule.path.text, capability, operation)
        }
        return .refused(.notGranted(operation))
    }
}
