// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletScheduler

/// Which rows of a list are wanted: `?filter=`, in the form that Nomad's clients know.
///
///     Status == "running" and (Priority != 50 or not Meta.team is empty)
///     "dc1" in Datacenters
///     Name matches "^web-[0-9]+$"
///
/// It is about the row as JSON. What is not there is nothing: it is empty, equals nothing, holds nothing
/// and matches nothing. Names of a row's own members must be ones that there are; below them, in
/// metadata, anything goes.
///
/// Whoever lists writes it: its length, depth and number of comparisons are bounded, and patterns run on an
/// automaton (``MartletScheduler/Pattern``) of a size that is.
struct ListFilter: Sendable {
    static let bytesMax = 2048
    /// Of brackets and `not`, inside each other.
    static let depthMax = 32
    static let comparisonsMax = 32
    static let patternsMax = 4
    /// A row's text has 4,096 characters at most that are looked at: a million steps.
    static let patternInstructionsMax = 256

    indirect enum Expression: Sendable {
        case and(Expression, Expression)
        case or(Expression, Expression)
        case not(Expression)
        case compare([String], Comparison)
    }

    enum Comparison: Sendable {
        case equals(String)
        case isEmpty
        case contains(String)
        case matches(Pattern)
    }

    let expression: Expression
    let hasPatterns: Bool

    /// - Parameter names: of the members that each row has.
    /// - Throws: 400 that names the place.
    init(_ text: String, names: [String]) throws(APIError) {
        guard text.utf8.count <= Self.bytesMax else {
            throw APIError(
                status: 400, message: "Invalid filter: it is longer than \(Self.bytesMax) bytes")
        }
        do throws(ListFilterError) {
            var parser = ListFilterParser(text, names: names)
            expression = try parser.parse()
            hasPatterns = parser.patternCount > 0
        } catch {
            throw APIError(status: 400, message: "Invalid filter: \(error)")
        }
    }

    /// How many rows may be looked at before others have their turn.
    var rowsAtOnce: Int { hasPatterns ? 8 : 64 }

    /// How many are looked at for one page.
    var rowsOfPageMax: Int { hasPatterns ? 256 : 2048 }

    func matches(_ row: some JSONWritable) -> Bool {
        do throws(JSONError) {
            return Self.matches(expression, try JSONReader.parse(JSONWriter.encode(row)))
        } catch {
            // Larger than any document may be.
            return false
        }
    }

    static func matches(_ expression: Expression, _ row: JSONNode) -> Bool {
        switch expression {
        case .and(let left, let right): matches(left, row) && matches(right, row)
        case .or(let left, let right): matches(left, row) || matches(right, row)
        case .not(let inner): !matches(inner, row)
        case .compare(let path, let comparison): holds(comparison, of: value(at: path, in: row))
        }
    }

    /// By the names as they are written; an element of a list by its number.
    private static func value(at path: [String], in row: JSONNode) -> JSONValue {
        var node = row
        for name in path {
            switch node.value {
            case .object(let members):
                guard let member = members.first(where: { $0.name == name }) else { return .null }
                node = member.node
            case .array(let elements):
                guard let place = Int(name), elements.indices.contains(place) else {
                    return .null
                }
                node = elements[place]
            case .null, .bool, .number, .string: return .null
            }
        }
        return node.value
    }

    private static func holds(_ comparison: Comparison, of value: JSONValue) -> Bool {
        switch comparison {
        case .equals(let text): equals(value, text)
        case .isEmpty: isEmpty(value)
        case .contains(let text): contains(value, text)
        case .matches(let pattern): Self.text(of: value).map { pattern.matches($0) } ?? false
        }
    }

    private static func equals(_ value: JSONValue, _ text: String) -> Bool {
        switch value {
        case .string(let string): string == text
        case .bool(let bool): text == "\(bool)"
        case .number(let number): number.text == text || isSame(number, text)
        case .null, .array, .object: false
        }
    }

    /// 1 and 1.0 are the same.
    private static func isSame(_ number: JSONNumber, _ text: String) -> Bool {
        guard let left = Double(number.text), let right = Double(text) else { return false }
        return left == right && number.int64 == nil || number.int64.map(Double.init) == right
    }

    private static func isEmpty(_ value: JSONValue) -> Bool {
        switch value {
        case .null: true
        case .string(let text): text.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        case .bool, .number: false
        }
    }

    /// A list an element, an object a name, a text a part.
    private static func contains(_ value: JSONValue, _ text: String) -> Bool {
        switch value {
        case .array(let elements): elements.contains { equals($0.value, text) }
        case .object(let members): members.contains { $0.name == text }
        case .string(let string): text.isEmpty || string.firstRange(of: text) != nil
        case .null, .bool, .number: false
        }
    }

    private static func text(of value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .number(let number): number.text
        case .bool(let bool): "\(bool)"
        case .null, .array, .object: nil
        }
    }
}

/// What is wrong with a filter, and where: the number of the character, from 1.
struct ListFilterError: Error, CustomStringConvertible {
    let position: Int
    let why: String

    var description: String { "character \(position): \(why)" }
}
