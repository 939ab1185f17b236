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
        // By bytes: an evaluation reads few names, and steps through characters are much code for that.
        let bytes = text.utf8
        guard bytes.starts(with: "${".utf8), bytes.last == UInt8(ascii: "}") else {
            self = .literal(text)
            return
        }
        let name = String(Substring(bytes.dropFirst(2).dropLast()))
        switch name {
        case "node.unique.id": self = .nodeID
        case "node.unique.name": self = .nodeName
        case "node.datacenter": self = .datacenter
        case "node.class": self = .nodeClass
        case "node.pool": self = .nodePool
        default: self = Self.keyed(name)
        }
    }

    private static func keyed(_ name: String) -> TargetName {
        func key() -> String { String(Substring(name.utf8.dropFirst(5))) }
        if name.utf8.starts(with: "attr.".utf8) { return .attribute(key()) }
        return name.utf8.starts(with: "meta.".utf8) ? .meta(key()) : .unknown
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
