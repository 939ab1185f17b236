// SPDX-License-Identifier: Apache-2.0

/// Tokens → tree, by descent with a bounded depth.
///
///     body  = { item [ "," ] }
///     item  = key { label } object | key "=" value
///     value = string | number | "true" | "false" | "null" | object | list
///     list  = "[" [ value { "," value } [ "," ] ] "]"
///
/// As in HCL 1, nothing but a blank need stand between two items.
struct HCLParser {
    private var scanner: HCLScanner
    private let limits: HCLLimits
    /// What comes next.
    private var token = HCLToken.end
    private var position = HCLPosition(line: 1, column: 1)
    private var depth = 0
    private var items = 0

    static func parse(_ bytes: [UInt8], _ limits: HCLLimits) throws(HCLError) -> HCLBody {
        var parser = HCLParser(scanner: HCLScanner(bytes), limits: limits)
        try parser.advance()
        return try parser.body(openedAt: nil)
    }

    private init(scanner: HCLScanner, limits: HCLLimits) {
        self.scanner = scanner
        self.limits = limits
    }

    private mutating func advance() throws(HCLError) {
        (token, position) = try scanner.next()
    }

    private mutating func count() throws(HCLError) {
        items += 1
        guard items <= limits.itemsMax else {
            throw HCLError("more than \(limits.itemsMax) items", at: position)
        }
    }

    // MARK: Items

    /// Up to the brace that closes, or to the end of the file.
    private mutating func body(openedAt opener: HCLPosition?) throws(HCLError) -> HCLBody {
        var body = HCLBody()
        while true {
            switch (token, opener) {
            case (.end, nil): return body
            case (.end, let opener?):
                throw HCLError("this \"{\" is never closed: a \"}\" is missing", at: opener)
            case (.closeBrace, .some):
                try advance()
                return body
            case (.closeBrace, nil):
                throw HCLError("this \"}\" closes nothing", at: position)
            default:
                body.items.append(try item())
                if token == .comma { try advance() }
            }
        }
    }

    private mutating func item() throws(HCLError) -> HCLItem {
        try count()
        let begin = position
        guard let key = word else {
            throw HCLError("expected a key, found \(token.found)", at: position)
        }
        try advance()
        let labels = try labels(onLine: begin.line)
        switch token {
        case .openBrace:
            return HCLItem(key: key, at: begin, labels: labels, try object())
        case .equals where labels.isEmpty:
            try advance()
            return HCLItem(key: key, at: begin, try value(of: key))
        default: throw unfinished(key, labels)
        }
    }

    private func unfinished(_ key: String, _ labels: [HCLLabel]) -> HCLError {
        let shown = hclQuoted(key)
        if let label = labels.first {
            return HCLError(
                "after \(shown) and \(hclQuoted(label.text)) must come \"{\" and a block;"
                    + " a value is given as \(clippedWord(key)) = …", at: position)
        }
        return HCLError(
            "after \(shown) must come \"=\" and a value, or \"{\" and a block: found \(token.found)",
            at: position)
    }

    private func clippedWord(_ key: String) -> String {
        HCLScanner.isPlainWord(key) ? String(key.prefix(80)) : hclQuoted(key)
    }

    /// nil unless a key or label comes next.
    private var word: String? {
        switch token {
        case .word(let text), .string(let text): text
        default: nil
        }
    }

    /// Only on the key's line: a word on the next one is a new item.
    private mutating func labels(onLine line: Int) throws(HCLError) -> [HCLLabel] {
        var labels: [HCLLabel] = []
        while position.line == line, let text = word {
            try count()
            labels.append(HCLLabel(text, at: position))
            try advance()
        }
        return labels
    }

    // MARK: Values

    private mutating func value(of key: String) throws(HCLError) -> HCLNode {
        let begin = position
        switch token {
        case .openBrace: return try object()
        case .openBracket: return try list(of: key)
        case .string(let text): return try scalar(.string(text), begin)
        case .number(let text): return try scalar(.number(text: text), begin)
        case .word("true"): return try scalar(.bool(true), begin)
        case .word("false"): return try scalar(.bool(false), begin)
        case .word("null"): return try scalar(.null, begin)
        case .word(let text) where scanner.current == UInt8(ascii: "(") || isReference(text):
            throw HCLError(
                "\(hclQuoted(text)) begins an expression, and variables and functions are outside "
                    + "the subset of HCL that is read here: write the value itself", at: begin)
        case .word(let text):
            throw HCLError(
                "\(hclQuoted(text)) is neither true nor false: a text stands in quotation marks",
                at: begin)
        case .end, .equals, .comma, .closeBrace, .closeBracket:
            throw HCLError(
                "expected the value of \(hclQuoted(key)), found \(token.found)", at: begin)
        }
    }

    private func isReference(_ text: String) -> Bool {
        ["var.", "local.", "each.", "path."].contains { text.hasPrefix($0) }
    }

    private mutating func scalar(
        _ value: HCLValue, _ begin: HCLPosition
    ) throws(HCLError) -> HCLNode {
        try advance()
        return HCLNode(value, at: begin)
    }

    private mutating func object() throws(HCLError) -> HCLNode {
        let begin = position
        try enter()
        let body = try body(openedAt: begin)
        depth -= 1
        return HCLNode(.object(body), at: begin)
    }

    private mutating func list(of key: String) throws(HCLError) -> HCLNode {
        let begin = position
        try enter()
        var nodes: [HCLNode] = []
        while token != .closeBracket {
            guard token != .end else { throw unclosedList(begin) }
            try count()
            nodes.append(try value(of: key))
            switch token {
            case .comma: try advance()
            case .closeBracket: break
            case .end: throw unclosedList(begin)
            default:
                throw HCLError(
                    "expected \",\" or \"]\" in a list, found \(token.found)", at: position)
            }
        }
        try advance()
        depth -= 1
        return HCLNode(.list(nodes), at: begin)
    }

    private func unclosedList(_ begin: HCLPosition) -> HCLError {
        HCLError("this \"[\" is never closed: a \"]\" is missing", at: begin)
    }

    private mutating func enter() throws(HCLError) {
        depth += 1
        guard depth <= limits.depthMax else {
            throw HCLError("nested deeper than \(limits.depthMax)", at: position)
        }
        try advance()
    }
}
