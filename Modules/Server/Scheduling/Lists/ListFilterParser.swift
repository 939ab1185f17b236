// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletScheduler

/// Reads a filter.
///
/// | | |
/// |---|---|
/// | expression | and { `or` and } |
/// | and | not { `and` not } |
/// | not | `not` not, `(` expression `)`, comparison |
/// | comparison | value `in` selector, value `not in` selector, selector operator |
/// | operator | `==` value, `!=` value, `is empty`, `is not empty`, and `contains` value and `matches` value, each also after `not` |
struct ListFilterParser {
    typealias Expression = ListFilter.Expression
    private typealias Token = ListFilterScanner.Token

    private var scanner: ListFilterScanner
    private let names: [String]
    private var token = Token.end
    private var position = 1
    private var depth = 0
    private var comparisonCount = 0
    private(set) var patternCount = 0

    init(_ text: String, names: [String]) {
        scanner = ListFilterScanner(text)
        self.names = names
    }

    mutating func parse() throws(ListFilterError) -> Expression {
        try advance()
        let expression = try either()
        guard token == .end else { throw unexpected("\"and\", \"or\" or the end") }
        return expression
    }

    // MARK: Tokens

    private mutating func advance() throws(ListFilterError) {
        (token, position) = try scanner.next()
    }

    private func isKeyword(_ word: String) -> Bool { token == .word([word]) }

    private mutating func skip(_ word: String) throws(ListFilterError) -> Bool {
        guard isKeyword(word) else { return false }
        try advance()
        return true
    }

    private func unexpected(_ wanted: String) -> ListFilterError {
        ListFilterError(position: position, why: "\(wanted) is missing, not \(token.shown)")
    }

    // MARK: Expressions

    private mutating func either() throws(ListFilterError) -> Expression {
        var left = try both()
        while try skip("or") { left = .or(left, try both()) }
        return left
    }

    private mutating func both() throws(ListFilterError) -> Expression {
        var left = try negation()
        while try skip("and") { left = .and(left, try negation()) }
        return left
    }

    private mutating func negation() throws(ListFilterError) -> Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= ListFilter.depthMax else {
            throw ListFilterError(
                position: position, why: "more than \(ListFilter.depthMax) inside each other")
        }
        if try skip("not") { return .not(try negation()) }
        guard token == .open else { return try comparison() }
        try advance()
        let inner = try either()
        guard token == .close else { throw unexpected("\")\"") }
        try advance()
        return inner
    }

    private mutating func comparison() throws(ListFilterError) -> Expression {
        comparisonCount += 1
        guard comparisonCount <= ListFilter.comparisonsMax else {
            throw ListFilterError(
                position: position,
                why: "more than \(ListFilter.comparisonsMax) comparisons")
        }
        let (first, place) = (token, position)
        switch first {
        case .word, .text: try advance()
        case .open, .close, .equal, .unequal, .end: throw unexpected("a selector or a value")
        }
        // A value may do without quotation marks: what follows says which of the two it was.
        let isNegated = try skip("not")
        if try skip("in") {
            let held = Expression.compare(
                try selector(), .contains(try Self.value(first, at: place)))
            return isNegated ? .not(held) : held
        }
        guard case .word(let path) = first else { throw unexpected("\"in\" or \"not in\"") }
        let checked = try checked(path, at: place)
        return isNegated
            ? .not(.compare(checked, try containing())) : try operation(on: checked)
    }

    private mutating func operation(on path: [String]) throws(ListFilterError) -> Expression {
        if token == .equal || token == .unequal {
            let isEqual = token == .equal
            try advance()
            let compared = Expression.compare(path, .equals(try value()))
            return isEqual ? compared : .not(compared)
        }
        if try skip("is") {
            let isNegated = try skip("not")
            guard try skip("empty") else { throw unexpected("\"empty\"") }
            return isNegated ? .not(.compare(path, .isEmpty)) : .compare(path, .isEmpty)
        }
        return .compare(path, try containing())
    }

    private mutating func containing() throws(ListFilterError) -> ListFilter.Comparison {
        if try skip("contains") { return .contains(try value()) }
        guard try skip("matches") else { throw unexpected("an operator") }
        return .matches(try pattern())
    }

    private mutating func pattern() throws(ListFilterError) -> Pattern {
        let place = position
        let source = try value()
        patternCount += 1
        guard patternCount <= ListFilter.patternsMax else {
            throw ListFilterError(
                position: place, why: "more than \(ListFilter.patternsMax) patterns")
        }
        guard let pattern = Pattern(source) else {
            throw ListFilterError(position: place, why: "no regular expression that is known here")
        }
        guard pattern.instructionCount <= ListFilter.patternInstructionsMax else {
            throw ListFilterError(position: place, why: "a pattern that is too large")
        }
        return pattern
    }

    // MARK: Parts

    private mutating func value() throws(ListFilterError) -> String {
        let (given, place) = (token, position)
        switch given {
        case .word, .text: try advance()
        case .open, .close, .equal, .unequal, .end: throw unexpected("a value")
        }
        return try Self.value(given, at: place)
    }

    /// Numbers, truths and names may stand without quotation marks.
    private static func value(
        _ token: Token, at position: Int
    ) throws(ListFilterError) -> String {
        switch token {
        case .word(let parts): return parts.joined(separator: ".")
        case .text(let text): return text
        case .open, .close, .equal, .unequal, .end:
            throw ListFilterError(position: position, why: "a value is missing")
        }
    }

    private mutating func selector() throws(ListFilterError) -> [String] {
        let place = position
        guard case .word(let path) = token else { throw unexpected("a selector") }
        try advance()
        return try checked(path, at: place)
    }

    private func checked(
        _ path: [String], at position: Int
    ) throws(ListFilterError) -> [String] {
        guard !names.contains(path[0]) else { return path }
        throw ListFilterError(
            position: position, why: "nothing is called \(goQuoted(String(path[0].prefix(64))))")
    }
}
