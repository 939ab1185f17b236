// SPDX-License-Identifier: Apache-2.0

/// What an operator does with two texts, either of which may be missing. What is costly to read, an
/// expression or a list of versions, is read once if the right side is a literal.
enum Comparison: Sendable {
    case equal, notEqual
    case less, lessOrEqual, greater, greaterOrEqual
    case isSet, isNotSet
    case containsAll([String]?), containsAny([String]?)
    case version(VersionRequirement?), semver(VersionRequirement?)
    case regexp(Pattern?)
    /// The right side is of the node, and read for each.
    case versionOfNode, semverOfNode, regexpOfNode
    /// An operator that nobody knows: never true.
    case unknown

    init(_ operand: String, right: TargetName) {
        let literal: String? = if case .literal(let text) = right { text } else { nil }
        switch operand {
        case "=", "==", "is": self = .equal
        case "!=", "not": self = .notEqual
        case "<": self = .less
        case "<=": self = .lessOrEqual
        case ">": self = .greater
        case ">=": self = .greaterOrEqual
        case "is_set": self = .isSet
        case "is_not_set": self = .isNotSet
        case "set_contains", "set_contains_all": self = .containsAll(literal.map(Self.items))
        case "set_contains_any": self = .containsAny(literal.map(Self.items))
        case "version":
            self =
                literal.map { .version(VersionRequirement($0, isStrict: false)) } ?? .versionOfNode
        case "semver":
            self = literal.map { .semver(VersionRequirement($0, isStrict: true)) } ?? .semverOfNode
        case "regexp": self = literal.map { .regexp(Pattern($0)) } ?? .regexpOfNode
        default: self = .unknown
        }
    }

    func holds(_ left: String?, _ right: String?) -> Bool {
        switch self {
        case .isSet: return left != nil
        case .isNotSet: return left == nil
        case .notEqual: return left != right
        case .unknown: return false
        default: break
        }
        guard let left, let right else { return false }
        switch self {
        case .equal: return left == right
        case .less: return Self.order(left, right, <, <, <)
        case .lessOrEqual: return Self.order(left, right, <=, <=, <=)
        case .greater: return Self.order(left, right, >, >, >)
        case .greaterOrEqual: return Self.order(left, right, >=, >=, >=)
        case .containsAll(let wanted):
            let owned = Self.items(left)
            return (wanted ?? Self.items(right)).allSatisfy { owned.contains($0) }
        case .containsAny(let wanted):
            let owned = Self.items(left)
            return (wanted ?? Self.items(right)).contains { owned.contains($0) }
        case .version(let requirement), .semver(let requirement):
            return requirement?.holds(for: left) ?? false
        case .regexp(let pattern): return pattern?.matches(left) ?? false
        case .versionOfNode:
            return VersionRequirement(right, isStrict: false)?.holds(for: left) ?? false
        case .semverOfNode:
            return VersionRequirement(right, isStrict: true)?.holds(for: left) ?? false
        case .regexpOfNode: return Pattern(right)?.matches(left) ?? false
        case .isSet, .isNotSet, .notEqual, .unknown: return false
        }
    }

    /// By number if both are numbers, else by bytes.
    private static func order(
        _ left: String, _ right: String, _ integers: (Int64, Int64) -> Bool,
        _ numbers: (Double, Double) -> Bool, _ texts: (String, String) -> Bool
    ) -> Bool {
        if let a = Int64(left), let b = Int64(right) { return integers(a, b) }
        if let a = number(left), let b = number(right) { return numbers(a, b) }
        return texts(left, right)
    }

    /// A finite decimal number.
    private static func number(_ text: String) -> Double? {
        guard text.utf8.count <= 64, text.utf8.allSatisfy({ "0123456789.+-eE".utf8.contains($0) })
        else { return nil }
        return Double(text)
    }

    /// A list's items are few, and bounded: two long lists must not cost their product.
    private static let itemsMax = 1024

    private static func items(_ list: String) -> [String] {
        // Mostly the list is one item.
        if !list.utf8.contains(where: { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: " ") }) {
            return [list]
        }
        var items: [String] = []
        var rest = list.utf8[...]
        while items.count < itemsMax, let comma = rest.firstIndex(of: UInt8(ascii: ",")) {
            items.append(trimmed(rest[..<comma]))
            rest = rest[rest.index(after: comma)...]
        }
        items.append(trimmed(rest))
        return items
    }

    private static func trimmed(_ item: Substring.UTF8View) -> String {
        var item = item
        while item.first == UInt8(ascii: " ") { item.removeFirst() }
        while item.last == UInt8(ascii: " ") { item.removeLast() }
        return String(Substring(item))
    }
}
