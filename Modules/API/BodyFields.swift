// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// The fields of a body's object, read with the rules that all configurations share: names without
/// regard to case, unknown ones ignored, absent or `null` ones take the documented default, and a
/// value of a wrong type is a 400 that names the field (`operator-api.md`, section 0).
struct BodyFields {
    let node: JSONNode
    let kind: ConfigurationKind
    private let place: Place

    /// Of an object within the body: put into words only where something is wrong with it.
    private indirect enum Place {
        case body
        case field(String, of: Place)
        case element(Int, field: String, of: Place)
        case member(String, field: String, of: Place)

        var path: String {
            switch self {
            case .body: ""
            case .field(let name, let outer): "\(outer.path)\(name)."
            case .element(let position, let name, let outer):
                "\(outer.path)\(name)[\(position)]."
            case .member(let key, let name, let outer): "\(outer.path)\(name).\(key)."
            }
        }
    }

    /// Names of the objects around, each with a point after it, as Go prints them.
    var path: String { place.path }

    /// - Throws: 400 unless the body is an object or `null`.
    init(_ node: JSONNode, of kind: ConfigurationKind) throws(APIError) {
        try self.init(node, kind, .body)
    }

    private init(
        _ node: JSONNode, _ kind: ConfigurationKind, _ place: Place
    ) throws(APIError) {
        switch node.value {
        case .object, .null: break
        case .bool, .number, .string, .array:
            let path = place.path
            let object = path.isEmpty ? "request body" : "field \(path.dropLast())"
            throw kind.malformed("cannot read \(node.value.kind) into \(object) of type object")
        }
        self.node = node
        self.kind = kind
        self.place = place
    }

    func bool(_ name: String, default fallback: Bool) throws(APIError) -> Bool {
        guard let value = value(name) else { return fallback }
        guard case .bool(let bool) = value else { throw mismatch(name, value, "bool") }
        return bool
    }

    func uint64(_ name: String, default fallback: UInt64) throws(APIError) -> UInt64 {
        guard let value = value(name) else { return fallback }
        guard case .number(let number) = value, let integer = number.uint64 else {
            throw mismatch(name, value, "uint64")
        }
        return integer
    }

    func string(_ name: String, default fallback: String) throws(APIError) -> String {
        guard let value = value(name) else { return fallback }
        guard case .string(let string) = value else { throw mismatch(name, value, "string") }
        return string
    }

    /// Given as a text, in Go's form.
    func duration(_ name: String, default fallback: GoDuration) throws(APIError) -> GoDuration {
        guard let value = value(name) else { return fallback }
        guard case .string(let text) = value else { throw mismatch(name, value, "string") }
        do throws(GoDuration.ParseError) {
            return try GoDuration(parsing: text)
        } catch {
            throw kind.malformed("field \(path)\(name): \(error)")
        }
    }

    /// An array of strings; none if it is absent.
    func strings(_ name: String, max: Int) throws(APIError) -> [String] {
        var strings: [String] = []
        for (position, element) in try elements(name, max: max).enumerated() {
            guard case .string(let string) = element.value else {
                throw mismatch("\(name)[\(position)]", element.value, "string")
            }
            strings.append(string)
        }
        return strings
    }

    /// The fields of each object in an array; none if it is absent.
    func objects(_ name: String, max: Int) throws(APIError) -> [BodyFields] {
        var objects: [BodyFields] = []
        for (position, element) in try elements(name, max: max).enumerated() {
            objects.append(
                try BodyFields(element, kind, .element(position, field: name, of: place)))
        }
        return objects
    }

    func elements(_ name: String, max: Int) throws(APIError) -> [JSONNode] {
        guard let value = value(name) else { return [] }
        guard case .array(let elements) = value else { throw mismatch(name, value, "array") }
        guard elements.count <= max else {
            throw refusal(name, "\(elements.count) elements, at most \(max) are allowed")
        }
        return elements
    }

    /// A span of time as Go's clients write it: a text in Go's form, or a number of nanoseconds.
    func lenientDuration(_ name: String) throws(APIError) -> GoDuration {
        guard case .number(let number)? = value(name) else {
            return try duration(name, default: .zero)
        }
        guard let nanoseconds = number.int64 else { throw mismatch(name, .number(number), "int64") }
        return GoDuration(nanoseconds: nanoseconds)
    }

    /// An instant in RFC 3339; nil if absent, and for Go's zero time, which stands for none.
    func time(_ name: String) throws(APIError) -> Int64? {
        let text = try string(name, default: "")
        guard !text.isEmpty, text != Timestamp.goZero else { return nil }
        guard let nanoseconds = Timestamp.unixNanoseconds(rfc3339: text) else {
            throw refusal(name, "\(goQuoted(text)) is no time in RFC 3339 between 1678 and 2261")
        }
        return nanoseconds
    }

    /// The fields of an object in the one at `name`.
    func fields(of member: JSONMember, in name: String) throws(APIError) -> BodyFields {
        try BodyFields(member.node, kind, .member(member.name, field: name, of: place))
    }

    /// Whether there is anything but `null`.
    func has(_ name: String) -> Bool { value(name) != nil }

    /// The fields of the object at `name`; none if it is absent.
    func object(_ name: String) throws(APIError) -> BodyFields {
        let inner = node.member(name) ?? JSONNode(value: .null, offset: node.offset)
        return try BodyFields(inner, kind, .field(name, of: place))
    }

    /// A 400 about what the field's value means.
    func refusal(_ name: String, _ why: String) -> APIError {
        kind.malformed("field \(path)\(name): \(why)")
    }

    /// nil if absent or `null`.
    func value(_ name: String) -> JSONValue? {
        guard let value = node.member(name)?.value else { return nil }
        if case .null = value { return nil }
        return value
    }

    func mismatch(_ name: String, _ value: JSONValue, _ type: String) -> APIError {
        let given =
            switch value {
            case .number(let number): "number \(number.text)"
            case .null, .bool, .string, .array, .object: value.kind
            }
        return kind.malformed("cannot read \(given) into field \(path)\(name) of type \(type)")
    }
}
