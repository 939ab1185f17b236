// SPDX-License-Identifier: Apache-2.0
//
// Trials by the thousand: whole clusters in a simulated world, one history per seed.
// docs/internals/simulator.md says what is simulated, what is checked and how to read a failure.
import Glibc

switch Arguments.parse(CommandLine.arguments) {
case .failure(let problem):
    print(problem.text)
    exit(problem.status)
case .success(let arguments):
    switch arguments.mode {
    case .many: exit(Campaign(arguments).run())
    case .one(let seed): exit(SingleRun(arguments, seed: seed).run())
    case .worker: Worker(arguments).run()
    case .planted(let names): exit(PlantedDefects(names, arguments).run())
    }
}
