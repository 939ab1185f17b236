// SPDX-License-Identifier: Apache-2.0
//
// Parsers under fire: docs/internals/fuzzing.md says what is tried, what must hold, and what to do
// with a finding.
import Glibc
import MartletFuzz

switch Arguments.parse(CommandLine.arguments) {
case .failure(let problem):
    print(problem.text)
    exit(problem.status)
case .success(let arguments):
    switch arguments.mode {
    case .list:
        for target in FuzzTarget.all { print("\(padded(target.name, 18)) \(target.about)") }
    case .campaign: exit(Campaign(arguments).run())
    case .selfTest: exit(Campaign(arguments).runSelfTest())
    case .worker: exit(Worker(arguments).run())
    case .execute(let path): exit(Worker(arguments).execute(path))
    case .coverage: exit(Coverage.run(arguments))
    }
}

func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}
