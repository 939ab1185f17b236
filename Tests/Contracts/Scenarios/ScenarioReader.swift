// SPDX-License-Identifier: Apache-2.0

/// Takes the lines of a scenario file, one after the other.
struct ScenarioReader {
    let file: String
    var code = ""
    var title = ""
    var source = ""
    var must: [String] = []
    var variables: [Scenario.Variable] = []
    var commands: [Scenario.Command] = []

    static func isTrace(_ line: String) -> Bool {
        line.first == " " && line.contains { $0 != " " }
    }

    mutating func read(_ line: String, number: Int) throws(ScenarioError) {
        if Self.isTrace(line) {
            try readTrace(line, number: number)
            return
        }
        let words = line.split(separator: " ").map(String.init)
        guard let first = words.first, !first.hasPrefix("#") else { return }
        guard commands.isEmpty, try readHeader(first, words, line, number: number) else {
            try readCommand(first, line, number: number)
            return
        }
    }

    /// False for a line that is not of the header.
    private mutating func readHeader(
        _ first: String, _ words: [String], _ line: String, number: Int
    ) throws(ScenarioError) -> Bool {
        if code.isEmpty, first != "scenario" {
            throw error(number, "the first line is: scenario <code> <title>")
        }
        switch first {
        case "scenario":
            guard words.count > 2, isCode(words[1]) else {
                throw error(number, "a scenario has a letter and two digits, and a title: A01 ...")
            }
            code = words[1]
            title = words.dropFirst(2).joined(separator: " ")
        case "source":
            guard words.count > 1 else { throw error(number, "source <where it is from>") }
            source = words.dropFirst().joined(separator: " ")
        case "must":
            guard words.count > 1 else { throw error(number, "must <what has to hold>") }
            must.append(words.dropFirst().joined(separator: " "))
        case "with":
            variables.append(try variable(words, number: number))
        default:
            return false
        }
        return true
    }

    private func isCode(_ word: String) -> Bool {
        let bytes = Array(word.utf8)
        return bytes.count >= 3 && (65...90).contains(bytes[0])
            && bytes[1...2].allSatisfy { (48...57).contains($0) }
    }

    /// `with $victim = A B C`, `with $steps = 0..20`.
    private func variable(
        _ words: [String], number: Int
    ) throws(ScenarioError) -> Scenario.Variable {
        let usage = "with $name = <value> <value> ..., or with $name = <first>..<last>"
        guard words.count > 3, words[1].hasPrefix("$"), words[1].count > 1, words[2] == "=" else {
            throw error(number, usage)
        }
        var values: [String] = []
        for word in words.dropFirst(3) {
            let ends = word.split(separator: ".").map { Int($0) }
            if word.contains("..") {
                guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last else {
                    throw error(number, usage)
                }
                values += (first...last).map { "\($0)" }
            } else {
                values.append(word)
            }
        }
        return Scenario.Variable(name: words[1], values: values)
    }

    private mutating func readCommand(
        _ first: String, _ line: String, number: Int
    ) throws(ScenarioError) {
        guard let verb = ScenarioVerb(rawValue: first) else {
            let known = ScenarioVerb.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(number, "\"\(first)\" is no command; there are: \(known)")
        }
        if commands.isEmpty, source.isEmpty || must.isEmpty {
            throw error(number, "before the first command come the lines: source ..., must ...")
        }
        commands.append(Scenario.Command(line: number, verb: verb, text: line))
    }

    private mutating func readTrace(_ line: String, number: Int) throws(ScenarioError) {
        guard !commands.isEmpty else {
            throw error(number, "an indented line is the trace of a command, and there is none")
        }
        guard commands[commands.count - 1].verb != .expect else {
            throw error(number, "an expectation has no trace: it is a command on its own")
        }
        commands[commands.count - 1].expected.append(String(line.drop { $0 == " " }))
    }

    func end(number: Int) throws(ScenarioError) {
        guard !code.isEmpty else {
            throw error(1, "the first line is: scenario <code> <title>")
        }
        guard commands.contains(where: { $0.verb == .expect }) else {
            throw error(number, "a scenario states its outcome: at least one line expect ...")
        }
    }

    private func error(_ line: Int, _ message: String) -> ScenarioError {
        ScenarioError(file: file, line: line, message: message)
    }
}
