// SPDX-License-Identifier: Apache-2.0

/// A story about a few servers, as text that people read and a program checks: commands, what each
/// of them made the servers do, and what must be so whatever they did. The format is described in
/// `docs/internals/scenarios.md`.
///
/// ```
/// scenario X01 A leader is elected
/// source P
/// must One of three servers leads, in one new term.
///
/// cluster A B C
/// campaign A
///   A        follower -> pre-candidate, term 1
///   A -> B   pre-vote? term 2 last 1/1
///   A -> C   pre-vote? term 2 last 1/1
/// settle
/// expect leader A
/// ```
///
/// The indented lines are the trace: compared letter for letter, and recorded anew on request. An
/// `expect` is never recorded, so that a new trace cannot hide an outcome that is wrong.
public struct Scenario: Sendable {
    /// Where it was read from, for messages.
    public let file: String
    /// A letter for its group and two digits: `A01`.
    public let code: String
    public let title: String
    /// Where the idea is from: P the paper or the dissertation, or the name of another project.
    public let source: String
    /// What has to hold, in words.
    public let must: String
    let variables: [Variable]
    let commands: [Command]
    let lines: [String]

    /// A name that takes each of its values in turn: the scenario runs once for every combination.
    struct Variable: Sendable {
        var name: String
        var values: [String]
    }

    struct Command: Sendable {
        /// Counts from 1.
        var line: Int
        var verb: ScenarioVerb
        var text: String
        var expected: [String] = []
    }

    /// Commands whose trace is compared: everything but expectations.
    public var caseCount: Int { commands.count { $0.verb != .expect } }

    /// - Throws: ``ScenarioError`` with the line, what is wrong and what would be right.
    public init(file: String, text: String) throws(ScenarioError) {
        var reader = ScenarioReader(file: file)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while lines.last?.isEmpty == true { lines.removeLast() }
        for (position, line) in lines.enumerated() { try reader.read(line, number: position + 1) }
        try reader.end(number: lines.count)
        self.file = file
        self.lines = lines
        code = reader.code
        title = reader.title
        source = reader.source
        must = reader.must.joined(separator: " ")
        variables = reader.variables
        commands = reader.commands
    }

    /// The same text with other traces: the nth for the nth command.
    func text(with traces: [[String]]) -> String {
        var traces = traces.makeIterator()
        var written: [String] = []
        var starts = commands.map(\.line).makeIterator()
        var next = starts.next()
        for (position, line) in lines.enumerated() {
            if ScenarioReader.isTrace(line) { continue }
            written.append(line)
            guard position + 1 == next else { continue }
            next = starts.next()
            written += (traces.next() ?? []).map { "  " + $0 }
        }
        return written.joined(separator: "\n") + "\n"
    }
}

/// What is wrong with a scenario's text.
public struct ScenarioError: Error, Equatable, CustomStringConvertible {
    public var file: String
    /// Counts from 1.
    public var line: Int
    public var message: String

    public var description: String { "\(file):\(line): \(message)" }
}
