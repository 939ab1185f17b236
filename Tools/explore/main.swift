// SPDX-License-Identifier: Apache-2.0
//
// Looks at everything that can happen to three servers within small bounds, and says what it found.
//
//     swift run -c release explore [SCOPE…] [--states N] [--depth N] [--fault NAME] [--list]
//
// Without a scope all of them run. `--states` (10 million) bounds each search. The exit status is 1
// when a violation was found, and 2 for a wrong command line.
import Glibc
import MartletExplorer

struct Options {
    var scopes: [Scope] = []
    var statesMax = 10_000_000
    var depthMax = Int.max
    var fault: Fault?

    init(_ arguments: [String]) {
        var arguments = arguments[...]
        var bounds: [String] = []
        while let argument = arguments.popFirst() {
            switch argument {
            case "--states": statesMax = Self.number(arguments.popFirst(), after: argument)
            case "--depth": depthMax = Self.number(arguments.popFirst(), after: argument)
            case "--fault":
                guard let fault = arguments.popFirst().flatMap(Fault.init) else {
                    refuse("--fault: one of \(Fault.allCases.map(\.rawValue))")
                }
                self.fault = fault
            case "--list":
                for scope in Scope.all { print(scope.name) }
                exit(0)
            case let bound where bound.contains("="):
                bounds.append(bound)
            default:
                guard let scope = Scope.all.first(where: { $0.name == argument }) else {
                    refuse("no scope '\(argument)': one of \(Scope.all.map(\.name))")
                }
                scopes.append(scope)
            }
        }
        if scopes.isEmpty { scopes = Scope.all }
        for bound in bounds { set(bound) }
    }

    private mutating func set(_ bound: String) {
        let parts = bound.split(separator: "=", omittingEmptySubsequences: false)
        for position in scopes.indices {
            guard parts.count == 2, let value = UInt8(parts[1]),
                scopes[position].set(String(parts[0]), to: value)
            else { refuse("'\(bound)': terms=3, last=4, proposals=1 and so on") }
        }
    }

    private static func number(_ text: String?, after option: String) -> Int {
        guard let number = text.flatMap({ Int($0) }), number > 0 else {
            refuse("\(option): a positive number")
        }
        return number
    }
}

func refuse(_ text: String) -> Never {
    print("explore: \(text)")
    exit(2)
}

/// The search under way, for the handler of a trap.
var current: Search?

/// A core that traps has found something too: say how it came there. The process ends in Swift code
/// that holds no lock, so the handler may do what handlers otherwise may not.
func explainTraps() {
    for number in [SIGILL, SIGTRAP] {
        signal(number) { _ in
            MainActor.assumeIsolated {
                print("VIOLATION: a core trapped in the last of these steps")
                for line in current?.currentPath ?? [] { print(line) }
            }
            fflush(nil)
            _exit(1)
        }
    }
}

@MainActor func run(_ scope: Scope, _ options: Options) -> Bool {
    let clock = ContinuousClock()
    let begin = clock.now
    print("scope \(scope.name): \(scope)")
    let search = Search(scope, fault: options.fault)
    current = search
    let report = search.run(statesMax: options.statesMax, depthMax: options.depthMax) { report in
        print(
            "  depth \(report.depth): \(report.states) states, \(report.transitions) transitions, "
                + "\(clock.now - begin)")
        fflush(nil)
    }
    print(
        "\(scope.name): \(report.states) distinct states, \(report.transitions) transitions, "
            + "complete to depth \(report.depth)\(report.isExhausted ? ", which is all" : ""); "
            + "\(report.serverStates) states of one server, \(report.messages) messages, "
            + "\(report.coreSteps) steps of a core, \(clock.now - begin)")
    guard let violation = report.violation else { return true }
    print("VIOLATION: \(violation)")
    for line in report.path { print(line) }
    return false
}

explainTraps()
let options = Options(Array(CommandLine.arguments.dropFirst()))
var isFine = true
for scope in options.scopes where !run(scope, options) { isFine = false }
exit(isFine ? 0 : 1)
