// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// One side of a constraint: a text, or something of the node.
enum TargetName: Hashable, Sendable {
    case literal(String)
    case nodeID
    case nodeName
    case datacenter
    case nodeClass
    case nodePool
    case attribute(String)
    case meta(String)
    /// An interpolation that nobody knows: always missing.
    case unknown

    private static let uniquePrefix = "unique."

    init(_ text: String) {
        guard text.hasPrefix("${"), text.hasSuffix("}") else {
            self = .literal(text)
            return
        }
        let name = text.dropFirst(2).dropLast()
        switch name {
        case "node.unique.id": self = .nodeID
        case "node.unique.name": self = .nodeName
        case "node.datacenter": self = .datacenter
        case "node.class": self = .nodeClass
        case "node.pool": self = .nodePool
        default: self = Self.keyed(name)
        }
    }

    private static func keyed(_ name: Substring) -> TargetName {
        if name.hasPrefix("attr.") { return .attribute(String(name.dropFirst(5))) }
        if name.hasPrefix("meta.") { return .meta(String(name.dropFirst(5))) }
        return .unknown
    }

    /// Whether two nodes of one class may differ in it.
    var isUnique: Bool {
        switch self {
        case .nodeID, .nodeName: true
        case .attribute(let key), .meta(let key): key.hasPrefix(Self.uniquePrefix)
        case .literal, .datacenter, .nodeClass, .nodePool, .unknown: false
        }
    }

    /// Whether all nodes of a kind have the same, and another kind may have something else.
    var isOfKinds: Bool {
        switch self {
        case .datacenter, .nodeClass, .nodePool: true
        case .attribute, .meta: !isUnique
        case .literal, .nodeID, .nodeName, .unknown: false
        }
    }

    /// nil if the node has no such thing.
    func value(of node: Shared<Node>) -> String? {
        switch self {
        case .literal(let text): text
        case .nodeID: node.value.id.description
        case .nodeName: node.value.name
        case .datacenter: node.value.datacenter
        case .nodeClass: node.value.nodeClass
        case .nodePool: node.value.nodePool
        case .attribute(let key): node.value.attributes[key]
        case .meta(let key): node.value.meta[key]
        case .unknown: nil
        }
    }
}
