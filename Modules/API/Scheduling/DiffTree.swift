// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// An object as it is compared: its simple values as texts, and the objects in it. An empty text stands
/// for what is absent.
struct DiffTree: Equatable, Sendable {
    var fields = StringMap()
    /// At most one of each name. Never gone through in the order of the dictionary.
    private var singles: [String: [DiffTree]] = [:]
    /// Any number of each name, which are equal or not; one that is changed is a new one.
    private var sets: [String: [DiffTree]] = [:]

    static let none = DiffTree()

    mutating func set(_ name: String, _ value: String) { fields[name] = value }
    mutating func set(_ name: String, _ value: Int) { fields[name] = String(value) }
    mutating func set(_ name: String, _ value: Bool) { fields[name] = value ? "true" : "false" }

    /// In nanoseconds.
    mutating func set(_ name: String, _ value: GoDuration) {
        fields[name] = String(value.nanoseconds)
    }

    mutating func set(_ name: String, _ map: StringMap) {
        for element in map { fields["\(name)[\(element.key)]"] = element.value }
    }

    mutating func set(_ name: String, _ tree: DiffTree?) { singles[name] = tree.map { [$0] } }
    mutating func set(_ name: String, each trees: [DiffTree]) { sets[name] = trees }

    /// The simple values of a JSON value, each under its path: `ports[0]`, `labels[team]`.
    mutating func flatten(_ node: JSONNode, _ path: String = "") {
        switch node.value {
        case .null: break
        case .bool(let value): set(path, value)
        case .number(let number): set(path, number.text)
        case .string(let text): set(path, text)
        case .array(let elements):
            for (place, element) in elements.enumerated() { flatten(element, "\(path)[\(place)]") }
        case .object(let members):
            for member in members {
                flatten(member.node, path.isEmpty ? member.name : "\(path)[\(member.name)]")
            }
        }
    }
}

extension DiffTree {
    /// - Parameter showsEqual: whether fields that are equal are told too.
    static func fields(
        _ old: DiffTree, _ new: DiffTree, showsEqual: Bool
    ) -> [JobDiff.Field] {
        var names = old.fields
        for element in new.fields { names[element.key] = "" }
        return names.keys.compactMap { name in
            let before = old.fields[name] ?? ""
            let after = new.fields[name] ?? ""
            let kind: JobDiff.Kind =
                if before == after {
                    .none
                } else if before.isEmpty {
                    .added
                } else {
                    after.isEmpty ? .deleted : .edited
                }
            if kind == .none, !showsEqual || before.isEmpty { return nil }
            return JobDiff.Field(kind: kind, name: name, old: before, new: after)
        }
    }

    /// In the order of their names.
    static func objects(_ old: DiffTree, _ new: DiffTree) -> [JobDiff.Object] {
        let names = [old, new].flatMap { Array($0.singles.keys) + Array($0.sets.keys) }
        return SortedMap(names.map { ($0, true) }).keys.flatMap { name in
            single(name, old.singles[name]?.first, new.singles[name]?.first)
                + set(name, old.sets[name] ?? [], new.sets[name] ?? [])
        }
    }

    private static func single(
        _ name: String, _ old: DiffTree?, _ new: DiffTree?
    ) -> [JobDiff.Object] {
        guard old != new else { return [] }
        let kind: JobDiff.Kind =
            switch (old, new) {
            case (nil, _): .added
            case (_, nil): .deleted
            default: .edited
            }
        return [
            JobDiff.Object(
                kind: kind, name: name,
                fields: fields(old ?? .none, new ?? .none, showsEqual: true),
                objects: objects(old ?? .none, new ?? .none))
        ]
    }

    private static func set(
        _ name: String, _ old: [DiffTree], _ new: [DiffTree]
    ) -> [JobDiff.Object] {
        var added = new
        var deleted: [DiffTree] = []
        for tree in old {
            if let place = added.firstIndex(of: tree) {
                added.remove(at: place)
            } else {
                deleted.append(tree)
            }
        }
        return deleted.flatMap { single(name, $0, nil) } + added.flatMap { single(name, nil, $0) }
    }
}
