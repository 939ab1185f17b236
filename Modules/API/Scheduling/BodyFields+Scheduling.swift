// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// What the bodies of jobs and nodes hold beside what configurations do.
extension BodyFields {
    func int(_ name: String, default fallback: Int) throws(APIError) -> Int {
        guard let value = value(name) else { return fallback }
        guard case .number(let number) = value, let integer = number.int64 else {
            throw mismatch(name, value, "int")
        }
        return Int(integer)
    }

    func int64(_ name: String) throws(APIError) -> Int64 { Int64(try int(name, default: 0)) }

    func optionalBool(_ name: String) throws(APIError) -> Bool? {
        has(name) ? try bool(name, default: false) : nil
    }

    /// A span of time; see ``lenientDuration(_:)``.
    func span(_ name: String, default fallback: GoDuration) throws(APIError) -> GoDuration {
        has(name) ? try lenientDuration(name) : fallback
    }

    func optionalSpan(_ name: String) throws(APIError) -> GoDuration? {
        has(name) ? try lenientDuration(name) : nil
    }

    /// The fields of the object at `name`; nil if it is absent or null.
    func optionalObject(_ name: String) throws(APIError) -> BodyFields? {
        has(name) ? try object(name) : nil
    }

    /// nil if absent or empty.
    func uniqueID(_ name: String) throws(APIError) -> UniqueID? {
        let text = try string(name, default: "")
        guard !text.isEmpty else { return nil }
        guard let id = UniqueID(text) else {
            throw refusal(name, "\(Self.shown(text)) is not a UUID")
        }
        return id
    }

    /// What a body says of the object that the path names: that one, or nothing.
    ///
    /// - Throws: 400 if it names another.
    func check(_ name: String, isOrAbsent id: String, _ what: String) throws(APIError) {
        let said = try string(name, default: "")
        guard said.isEmpty || said == id else {
            throw refusal(
                name, "\(what) ID does not match: \(Self.shown(said)) is not \(Self.shown(id))")
        }
    }

    func uniqueIDs(_ name: String, max: Int) throws(APIError) -> [UniqueID] {
        var ids: [UniqueID] = []
        for text in try strings(name, max: max) {
            guard let id = UniqueID(text) else {
                throw refusal(name, "\(Self.shown(text)) is not a UUID")
            }
            ids.append(id)
        }
        return ids
    }

    /// One of the names of an enumeration; the empty one stands for the fallback.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, default fallback: Choice
    ) throws(APIError) -> Choice where Choice.RawValue == String {
        let text = try string(name, default: "")
        return text.isEmpty ? fallback : try choice(name, text)
    }

    /// One of the names of an enumeration.
    func requiredChoice<Choice: RawRepresentable & CaseIterable>(
        _ name: String
    ) throws(APIError) -> Choice where Choice.RawValue == String {
        try choice(name, try string(name, default: ""))
    }

    private func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, _ text: String
    ) throws(APIError) -> Choice where Choice.RawValue == String {
        guard let choice = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw refusal(name, "\(Self.shown(text)) is none of \(names)")
        }
        return choice
    }

    func stringMap(_ name: String) throws(APIError) -> StringMap {
        var map = StringMap()
        for member in try members(name) {
            switch member.node.value {
            case .string(let text): map[member.name] = text
            case .null: map[member.name] = ""
            case let value: throw mismatch("\(name).\(member.name)", value, "string")
            }
        }
        return map
    }

    /// The fields of each object by its name, at most `max`; null ones left out.
    func objectMap(_ name: String, max: Int) throws(APIError) -> [(key: String, fields: BodyFields)]
    {
        var objects: [(key: String, fields: BodyFields)] = []
        for member in try members(name, max: max) {
            if case .null = member.node.value { continue }
            objects.append((member.name, try fields(of: member, in: name)))
        }
        return objects
    }

    /// Any value but null and what is empty.
    func text(_ name: String) -> JSONText? {
        guard let node = node.member(name), hasContent(name) else { return nil }
        return JSONText(node)
    }

    /// Whether there is anything but null and what is empty.
    func hasContent(_ name: String) -> Bool {
        switch value(name) {
        case nil, .null: false
        case .array(let elements): !elements.isEmpty
        case .object(let members): !members.isEmpty
        case .string(let text): !text.isEmpty
        case .bool, .number: true
        }
    }

    private func members(
        _ name: String, max: Int = SchedulingBounds.mapMax
    ) throws(APIError) -> [JSONMember] {
        guard let value = value(name) else { return [] }
        guard case .object(let members) = value else { throw mismatch(name, value, "map") }
        guard members.count <= max else {
            throw refusal(name, "\(members.count) members, at most \(max) are allowed")
        }
        return members
    }

    /// A value that is none, for a message: in quotation marks, and cut.
    static func shown(_ text: String) -> String {
        goQuoted(String(text.unicodeScalars.prefix(64)))
    }
}
