// SPDX-License-Identifier: Apache-2.0
import MartletHCL
import MartletJSON

/// A small part of Go's templates, for `-t`:
///
///     {{.Field.Inner}}  {{"text\n"}}  {{.}}  {{$.FromTheTop}}
///     {{range .List}}…{{else}}…{{end}}   {{if .Field}}…{{else if .Other}}…{{else}}…{{end}}
///     {{with .Field}}…{{end}}   {{len .List}}   {{printf "%-20s %v" .A .B}}   {{- trims -}}
///
/// A field that is not there is an error with the nearest name; as a condition it is false.
struct Template {
    static let bytesMax = 64 << 10
    static let depthMax = 32
    static let outputBytesMax = 16 << 20
    /// Texts and actions that are shown: lists inside lists multiply.
    static let stepsMax = 1 << 20

    indirect enum Node {
        case text(String)
        case show(Expression)
        case branch([(condition: Expression, body: [Node])], otherwise: [Node])
        case range(Expression, [Node], otherwise: [Node])
        case with(Expression, [Node], otherwise: [Node])
    }

    indirect enum Expression {
        /// From the dot, or from the top after `$`.
        case field([String], fromTop: Bool)
        case literal(String)
        case length(Expression)
        case format(String, [Expression])
    }

    let nodes: [Node]

    /// - Throws: exit code 2.
    init(_ text: String) throws(CLIFailure) {
        guard text.utf8.count <= Self.bytesMax else {
            throw .usage("-t: a template of over \(Self.bytesMax) bytes")
        }
        var parser = TemplateParser(try TemplateParser.pieces(of: text))
        nodes = try parser.all()
    }

    func text(of node: JSONNode) throws(CLIFailure) -> String {
        var renderer = Renderer(top: node)
        try renderer.render(nodes, node)
        return renderer.output
    }

    private struct Renderer {
        let top: JSONNode
        var output = ""
        private var steps = 0

        init(top: JSONNode) { self.top = top }

        mutating func render(_ nodes: [Node], _ dot: JSONNode) throws(CLIFailure) {
            for node in nodes { try render(node, dot) }
            steps += nodes.count + 1
            guard steps <= Template.stepsMax else {
                throw .usage("-t: more than \(Template.stepsMax) steps")
            }
            guard output.utf8.count <= Template.outputBytesMax else {
                throw .usage("-t: an output of over \(Template.outputBytesMax) bytes")
            }
        }

        private mutating func render(_ node: Node, _ dot: JSONNode) throws(CLIFailure) {
            switch node {
            case .text(let text): output += text
            case .show(let expression): output += try value(expression, dot)
            case .branch(let arms, let otherwise):
                for arm in arms where Self.isTrue(found(arm.condition, dot)) {
                    return try render(arm.body, dot)
                }
                try render(otherwise, dot)
            case .with(let expression, let body, let otherwise):
                guard let inner = found(expression, dot), Self.isTrue(inner) else {
                    return try render(otherwise, dot)
                }
                try render(body, inner)
            case .range(let expression, let body, let otherwise):
                let items = Self.items(found(expression, dot))
                for item in items { try render(body, item) }
                if items.isEmpty { try render(otherwise, dot) }
            }
        }

        private func found(_ expression: Expression, _ dot: JSONNode) -> JSONNode? {
            switch expression {
            case .field(let path, let fromTop):
                path.reduce(fromTop ? top : dot) { (node: JSONNode?, name) in node?.member(name) }
            case .literal(let text): JSONNode(value: .string(text), offset: 0)
            case .length(let inner):
                Self.items(found(inner, dot)).isEmpty
                    ? nil : JSONNode(value: .bool(true), offset: 0)
            case .format: JSONNode(value: .bool(true), offset: 0)
            }
        }

        private func value(_ expression: Expression, _ dot: JSONNode) throws(CLIFailure) -> String {
            switch expression {
            case .literal(let text): return text
            case .length(let inner):
                if case .string(let text)? = found(inner, dot)?.value {
                    return "\(text.utf8.count)"
                }
                return "\(Self.items(found(inner, dot)).count)"
            case .format(let format, let arguments):
                var texts: [String] = []
                for argument in arguments { texts.append(try value(argument, dot)) }
                return try TemplateFormat.text(format, texts)
            case .field(let path, let fromTop):
                var node = fromTop ? top : dot
                for name in path {
                    guard let next = node.member(name) else { throw Self.missing(name, in: node) }
                    node = next
                }
                return Self.text(node)
            }
        }

        private static func missing(_ name: String, in node: JSONNode) -> CLIFailure {
            guard case .object(let members) = node.value else {
                return .usage(
                    "-t: no field .\(Text.clipped(name)): what it is asked of is no object")
            }
            let names = members.map(\.name)
            let hint =
                nearestName(to: name, among: names).map { "did you mean .\($0)?" }
                ?? "there are \(names.prefix(20).map { ".\($0)" }.joined(separator: " "))"
            return .usage("-t: no field .\(Text.clipped(name)): \(Text.line(hint))")
        }

        /// What Go's `if` takes for true.
        private static func isTrue(_ node: JSONNode?) -> Bool {
            switch node?.value {
            case nil, .null?: false
            case .bool(let value)?: value
            case .number(let number)?: number.text.contains { ("1"..."9").contains($0) }
            case .string(let text)?: !text.isEmpty
            case .array(let nodes)?: !nodes.isEmpty
            case .object(let members)?: !members.isEmpty
            }
        }

        /// Elements of a list; values of an object in the order of its names.
        private static func items(_ node: JSONNode?) -> [JSONNode] {
            switch node?.value {
            case .array(let nodes)?: nodes
            case .object(let members)?:
                members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }.map(\.node)
            default: []
            }
        }

        private static func text(_ node: JSONNode) -> String {
            switch node.value {
            case .null: "<nil>"
            case .bool(let value): "\(value)"
            case .number(let number): number.text
            case .string(let text): Text.lines(text)
            case .array(let nodes): "[" + nodes.map(text).joined(separator: " ") + "]"
            case .object(let members):
                "map["
                    + members.map { "\(Text.line($0.name)):\(text($0.node))" }.joined(
                        separator: " ") + "]"
            }
        }
    }
}
