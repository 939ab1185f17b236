// SPDX-License-Identifier: Apache-2.0

/// What running a scenario showed.
public struct ScenarioReport: Sendable {
    /// What is not as it must be; empty for a scenario that passes.
    public var failures: [ScenarioError] = []
    /// The scenario with the traces of this run in place of the recorded ones.
    public var rewritten = ""
    /// Commands whose trace was compared.
    public var caseCount = 0
    /// Expectations that were checked, over all values of the variables.
    public var expectationCount = 0

    public var passes: Bool { failures.isEmpty }
}

extension Scenario {
    /// Runs it with each combination of its variables' values. Traces are compared with the first
    /// combination, expectations and the global rules with all.
    ///
    /// - Parameter comparesTraces: false to look at the outcome alone, of another build for instance.
    public func run(comparesTraces: Bool = true) -> ScenarioReport {
        var report = ScenarioReport()
        var first: [[String]]?
        for values in combinations {
            let traces = run(with: values, into: &report)
            if first == nil {
                first = traces
                if comparesTraces { compare(traces, into: &report) }
                checkRepeats(traces, values, into: &report)
            }
            guard report.failures.count < 5 else { break }
        }
        report.rewritten = text(with: first ?? [])
        return report
    }

    /// In the order of the header, the last variable fastest.
    private var combinations: [[(name: String, value: String)]] {
        var combinations: [[(name: String, value: String)]] = [[]]
        for variable in variables {
            combinations = combinations.flatMap { values in
                variable.values.map { values + [(name: variable.name, value: $0)] }
            }
        }
        return combinations
    }

    /// The trace of each command, as far as it went.
    private func run(
        with values: [(name: String, value: String)], into report: inout ScenarioReport
    ) -> [[String]] {
        var world = ScenarioWorld()
        var traces: [[String]] = []
        let settings = values.map { "\($0.name) = \($0.value)" }.joined(separator: ", ")
        let suffix = settings.isEmpty ? "" : " (\(settings))"
        for command in commands {
            var text = command.text
            for (name, value) in values { text = text.replacing(name, with: value) }
            var complaint: String?
            do throws(ScenarioProblem) {
                try world.carryOut(command, text: text)
            } catch {
                complaint = error.message
            }
            traces.append(command.verb == .expect ? [] : world.trace)
            if command.verb == .expect || command.verb == .await { report.expectationCount += 1 }
            complaint = complaint ?? world.invariants.violations.first
            if let complaint {
                let story = Self.story(commands, traces)
                report.failures.append(
                    failure(command, "\(text): \(complaint)\(suffix)\n\(story)"))
                break
            }
        }
        return traces
    }

    /// The last commands and what they did, for who looks for a reason.
    private static func story(_ commands: [Command], _ traces: [[String]]) -> String {
        let told = zip(commands, traces).filter { $0.0.verb != .expect }.suffix(4)
        return told.map { command, trace in
            ([command.text] + trace.suffix(12).map { "  " + $0 }).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private func compare(_ traces: [[String]], into report: inout ScenarioReport) {
        for (command, trace) in zip(commands, traces) where command.verb != .expect {
            report.caseCount += 1
            guard trace != command.expected else { continue }
            report.failures.append(
                failure(
                    command,
                    "\(command.text): another trace\n"
                        + Self.difference(from: command.expected, to: trace)))
        }
    }

    /// I8: the same inputs give the same effects.
    private func checkRepeats(
        _ traces: [[String]], _ values: [(name: String, value: String)],
        into report: inout ScenarioReport
    ) {
        var ignored = ScenarioReport()
        guard run(with: values, into: &ignored) != traces else { return }
        report.failures.append(
            ScenarioError(file: file, line: 1, message: "I8: a second run gave another trace"))
    }

    private func failure(_ command: Command, _ message: String) -> ScenarioError {
        ScenarioError(file: file, line: command.line, message: message)
    }

    /// Lines that went with a minus, that came with a plus, that stay without.
    static func difference(from old: [String], to new: [String]) -> String {
        let changes = new.difference(from: old)
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in changes {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var lines: [String] = []
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if removed.contains(left), left < old.count {
                lines.append("- " + old[left])
                left += 1
            } else if inserted.contains(right) {
                lines.append("+ " + new[right])
                right += 1
            } else {
                lines.append("  " + new[right])
                left += 1
                right += 1
            }
        }
        return lines.joined(separator: "\n")
    }
}
