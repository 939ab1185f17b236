// SPDX-License-Identifier: Apache-2.0

/// Reads the texts and actions of a ``Template``.
struct TemplateParser {
    enum Piece {
        case text(String)
        /// Between the braces.
        case action(String)
    }

    private let pieces: [Piece]
    private var position = 0
    private var depth = 0

    init(_ pieces: [Piece]) { self.pieces = pieces }

    /// Cuts at the braces. `{{-` and `-}}` take the blanks beside them along.
    static func pieces(of text: String) throws(CLIFailure) -> [Piece] {
        var pieces: [Piece] = []
        var rest = text[...]
        var trimsNext = false
        while let open = rest.firstRange(of: "{{") {
            var before = rest[..<open.lowerBound]
            rest = rest[open.upperBound...]
            if trimsNext { before = before.drop(while: \.isWhitespace) }
            guard let close = rest.firstRange(of: "}}") else {
                throw .usage("-t: an action is not closed by }}")
            }
            var action = rest[..<close.lowerBound]
            rest = rest[close.upperBound...]
            if action.hasPrefix("- ") {
                action = action.dropFirst(2)
                while before.last?.isWhitespace ?? false { before.removeLast() }
            }
            trimsNext = action.hasSuffix(" -")
            if trimsNext { action = action.dropLast(2) }
            if !before.isEmpty { pieces.append(.text(String(before))) }
            pieces.append(.action(String(action)))
        }
        if trimsNext { rest = rest.drop(while: \.isWhitespace) }
        if !rest.isEmpty { pieces.append(.text(String(rest))) }
        return pieces
    }

    mutating func all() throws(CLIFailure) -> [Template.Node] {
        let (nodes, end) = try body()
        guard end == nil else { throw .usage("-t: {{\(end ?? "")}} without what it belongs to") }
        return nodes
    }

    /// Up to `end` or an `else`, which is given back; nil at the end of the template.
    private mutating func body() throws(CLIFailure) -> ([Template.Node], end: String?) {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Template.depthMax else {
            throw .usage("-t: more than \(Template.depthMax) blocks inside each other")
        }
        var nodes: [Template.Node] = []
        while position < pieces.count {
            let piece = pieces[position]
            position += 1
            switch piece {
            case .text(let text): nodes.append(.text(text))
            case .action(let action):
                let words = try Self.words(of: action)
                switch words.first {
                case .name("end"), .name("else"): return (nodes, Self.ending(words))
                case .name("range"):
                    let list = try Self.expression(words.dropFirst())
                    let (inner, otherwise) = try block()
                    nodes.append(.range(list, inner, otherwise: otherwise))
                case .name("with"):
                    let value = try Self.expression(words.dropFirst())
                    let (inner, otherwise) = try block()
                    nodes.append(.with(value, inner, otherwise: otherwise))
                case .name("if"): nodes.append(try branch(words.dropFirst()))
                case nil: throw .usage("-t: an empty action")
                default: nodes.append(.show(try Self.expression(words[...])))
                }
            }
        }
        return (nodes, nil)
    }

    private static func ending(_ words: [Word]) -> String {
        words.count == 1 && words[0] == .name("end") ? "end" : words.count == 1 ? "else" : "else if"
    }

    /// A body, and the one behind `else`.
    private mutating func block() throws(CLIFailure) -> ([Template.Node], [Template.Node]) {
        let (nodes, end) = try body()
        if end == "end" { return (nodes, []) }
        guard end == "else" else { throw .usage("-t: {{end}} is missing") }
        let (otherwise, second) = try body()
        guard second == "end" else { throw .usage("-t: {{end}} is missing") }
        return (nodes, otherwise)
    }

    private mutating func branch(
        _ condition: ArraySlice<Word>
    ) throws(CLIFailure) -> Template.Node {
        var arms: [(condition: Template.Expression, body: [Template.Node])] = []
        var words = condition
        while true {
            let expression = try Self.expression(words)
            let (nodes, end) = try body()
            arms.append((expression, nodes))
            switch end {
            case "end": return .branch(arms, otherwise: [])
            case "else":
                let (otherwise, second) = try body()
                guard second == "end" else { throw .usage("-t: {{end}} is missing") }
                return .branch(arms, otherwise: otherwise)
            case "else if":
                guard case .action(let action) = pieces[position - 1] else {
                    preconditionFailure("an else that is no action")
                }
                let all = try Self.words(of: action)
                guard all.count > 2, all[1] == .name("if") else {
                    throw .usage("-t: {{else}} is followed by nothing or by if")
                }
                words = all.dropFirst(2)
            default: throw .usage("-t: {{end}} is missing")
            }
        }
    }

    // MARK: Words

    enum Word: Equatable {
        case name(String)
        /// From the dot, or from the top.
        case field([String], fromTop: Bool)
        case literal(String)
    }

    private static func expression(
        _ words: ArraySlice<Word>
    ) throws(CLIFailure) -> Template.Expression {
        guard let first = words.first else { throw .usage("-t: a value is missing") }
        let rest = words.dropFirst()
        switch first {
        case .field(let path, let fromTop):
            guard rest.isEmpty else { throw .usage("-t: one value was expected") }
            return .field(path, fromTop: fromTop)
        case .literal(let text):
            guard rest.isEmpty else { throw .usage("-t: one value was expected") }
            return .literal(text)
        case .name("len"): return .length(try expression(rest))
        case .name("printf"):
            guard case .literal(let format)? = rest.first else {
                throw .usage("-t: printf wants a format in quotes")
            }
            var arguments: [Template.Expression] = []
            for word in rest.dropFirst() { arguments.append(try expression([word])) }
            return .format(format, arguments)
        case .name(let name):
            throw .usage(
                "-t: \"\(Text.clipped(name))\" is not known: there are range, if, else, with, end, "
                    + "len and printf")
        }
    }

    private static func words(of action: String) throws(CLIFailure) -> [Word] {
        var words: [Word] = []
        var rest = action[...]
        while let first = rest.first {
            if first.isWhitespace {
                rest.removeFirst()
            } else if first == "\"" || first == "`" {
                words.append(.literal(try literal(&rest)))
            } else {
                let text = rest.prefix { !$0.isWhitespace && $0 != "\"" }
                rest = rest[text.endIndex...]
                words.append(try word(text))
            }
            guard words.count <= 64 else { throw .usage("-t: more than 64 words in an action") }
        }
        return words
    }

    private static func word(_ text: Substring) throws(CLIFailure) -> Word {
        let fromTop = text.hasPrefix("$")
        let path = fromTop ? text.dropFirst() : text
        guard path.hasPrefix(".") || fromTop else { return .name(String(text)) }
        let names = path.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        if path.isEmpty || path == "." { return .field([], fromTop: fromTop) }
        guard path.hasPrefix("."), !names.contains(where: \.isEmpty) else {
            throw .usage("-t: \"\(Text.clipped(text))\" is no field")
        }
        return .field(names.map(String.init), fromTop: fromTop)
    }

    private static func literal(_ rest: inout Substring) throws(CLIFailure) -> String {
        let mark = rest.removeFirst()
        var text = ""
        while let next = rest.popFirst() {
            if next == mark { return text }
            guard next == "\\", mark == "\"" else {
                text.append(next)
                continue
            }
            switch rest.popFirst() {
            case "n": text.append("\n")
            case "t": text.append("\t")
            case "\"": text.append("\"")
            case "\\": text.append("\\")
            default: throw .usage("-t: an escape that is not known: \\n, \\t, \\\" and \\\\ are")
            }
        }
        throw .usage("-t: a text is not closed")
    }
}

/// Go's verbs `%s`, `%v`, `%d` and `%q`, with a width and a dash.
enum TemplateFormat {
    private static let widthMax = 256

    static func text(_ format: String, _ values: [String]) throws(CLIFailure) -> String {
        var text = ""
        var rest = format[...]
        var values = values[...]
        while let next = rest.popFirst() {
            guard next == "%" else {
                text.append(next)
                continue
            }
            if rest.first == "%" {
                text.append(rest.removeFirst())
                continue
            }
            let isLeft = rest.first == "-"
            if isLeft { rest.removeFirst() }
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest[digits.endIndex...]
            let width = digits.isEmpty ? 0 : Int(digits) ?? .max
            guard width <= widthMax else { throw .usage("-t: a width of over \(widthMax)") }
            guard let verb = rest.popFirst(), "svdq".contains(verb) else {
                throw .usage("-t: printf knows %s, %v, %d and %q")
            }
            guard let value = values.popFirst() else {
                throw .usage("-t: printf has fewer values than its format names")
            }
            let shown = verb == "q" ? "\"\(value)\"" : value
            let padding = String(repeating: " ", count: max(0, width - shown.count))
            text += isLeft ? shown + padding : padding + shown
        }
        guard values.isEmpty else {
            throw .usage("-t: printf has more values than its format names")
        }
        return text
    }
}
