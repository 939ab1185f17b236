// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension PolicyRules {
    /// As `RulesJSON` shows them.
    package var response: ACLRulesResponse {
        var response = ACLRulesResponse()
        response.agent = agent?.rawValue
        response.node = node?.rawValue
        response.plugin = plugin?.rawValue
        response.quota = quota?.rawValue
        response.operator = `operator`.map {
            .init(
                capabilities: allNames($0.capabilities, $0.level), policy: $0.level?.rawValue ?? "")
        }
        response.hostVolumes = hostVolumes.map(\.response)
        response.nodePools = nodePools.map(\.response)
        response.namespaces = namespaces.map {
            .init(rule: $0.namespace.response, variables: $0.variables.map(\.response))
        }
        return response
    }
}

extension PolicyRules.ScopedRule {
    fileprivate var response: ACLRulesResponse.Rule {
        .init(
            capabilities: allNames(capabilities, level), name: glob, policy: level?.rawValue ?? "")
    }
}

/// What was written, then what the level stands for, then what those imply; each once.
private func allNames<Element: Capability>(_ written: [Element], _ level: Level?) -> [String] {
    let direct = written + (level.flatMap(Element.expansion) ?? [])
    var all: [Element] = []
    for capability in direct + direct.flatMap(\.implied) where !all.contains(capability) {
        all.append(capability)
    }
    return all.map(\.name)
}
