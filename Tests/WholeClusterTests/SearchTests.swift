// SPDX-License-Identifier: Apache-2.0
import MartletHarness
import MartletSimulation
import Testing

/// Linearizability by search, as Wing and Gong (1993) define it: is there an order that respects
/// real time and in which each operation does what it was told? For short histories only.
private struct Search {
    let operations: [Operation]
    /// The version that a value was seen with.
    let seen: [UInt64: UInt64]

    init(_ operations: [Operation]) {
        self.operations = operations
        var seen: [UInt64: UInt64] = [:]
        for operation in operations {
            if case .found(let value, let version) = operation.outcome { seen[value] = version }
        }
        self.seen = seen
    }

    struct State {
        var value: UInt64 = 250
        var version: UInt64 = 1
    }

    func succeeds() -> Bool { goOn(Set(operations.indices), State()) }

    private func goOn(_ rest: Set<Int>, _ state: State) -> Bool {
        if rest.allSatisfy({ operations[$0].outcome == .unknown }) { return true }
        let firstEnd = rest.map { operations[$0].endedAt }.min() ?? .max
        for index in rest where operations[index].beganAt < firstEnd {
            for next in results(of: operations[index], in: state)
            where goOn(rest.subtracting([index]), next) {
                return true
            }
        }
        return false
    }

    /// Where the operation may lead from here; nowhere if it was told otherwise.
    private func results(of operation: Operation, in state: State) -> [State] {
        switch (operation.kind, operation.outcome) {
        case (.read, .found(let value, let version)):
            return value == state.value && version == state.version ? [state] : []
        case (.write(_, let expected), .conflict):
            return expected != nil && expected != state.version ? [state] : []
        case (.write(let value, let expected), .written(let told)):
            guard expected == nil || expected == state.version else { return [] }
            return written(value, told, state)
        case (.write(let value, let expected), .unknown):
            guard expected == nil || expected == state.version else { return [state] }
            return written(value, nil, state)
        default:
            return []
        }
    }

    private func written(_ value: UInt64, _ told: UInt64?, _ state: State) -> [State] {
        let version = told ?? seen[value] ?? state.version + 1
        return version > state.version ? [State(value: value, version: version)] : []
    }
}

/// Histories of a register that works, some of them falsified in one place.
private struct Histories {
    var generator: SplitMix64
    let hasOnlyVersions: Bool

    mutating func next() -> [Operation] {
        var state = Search.State()
        var versions = [(value: UInt64(250), version: UInt64(1))]
        var made: [Operation] = []
        for number in 0..<Int.random(in: 3...6, using: &generator) {
            // It takes effect at a moment of its own, in the order of making.
            let moment = UInt64(number * 10 + 10)
            let began = moment - UInt64.random(in: 0...14, using: &generator).clamped(to: moment)
            let ended = moment + UInt64.random(in: 0...14, using: &generator)
            let place = (began: began * 16 + UInt64(number), ended: ended * 16 + UInt64(number) + 8)
            made.append(operation(number, place, &state, versions))
            versions.append((state.value, state.version))
        }
        if Bool.random(using: &generator) { falsify(&made, versions) }
        return made
    }

    private mutating func operation(
        _ number: Int, _ place: (began: UInt64, ended: UInt64), _ state: inout Search.State,
        _ versions: [(value: UInt64, version: UInt64)]
    ) -> Operation {
        func made(_ kind: Operation.Kind, _ outcome: Operation.Outcome) -> Operation {
            Operation(
                client: number, kind: kind, beganAt: place.began,
                endedAt: outcome == .unknown ? .max : place.ended, outcome: outcome)
        }
        let choice = Int.random(in: 0..<(hasOnlyVersions ? 4 : 8), using: &generator)
        if choice < 2 {
            return made(.read, .found(value: state.value, version: state.version))
        }
        let value = UInt64(number) + 1_000
        let known = versions[Int.random(in: versions.indices, using: &generator)].version
        let expected = choice >= 6 ? known : nil
        let kind = Operation.Kind.write(value: value, ifVersion: expected)
        guard expected == nil || expected == state.version else { return made(kind, .conflict) }
        state = Search.State(
            value: value, version: state.version + UInt64.random(in: 1...3, using: &generator))
        switch choice {
        case 4: return made(kind, .written(version: nil))
        case 5: return made(kind, .unknown)
        default: return made(kind, .written(version: state.version))
        }
    }

    private mutating func falsify(
        _ operations: inout [Operation], _ versions: [(value: UInt64, version: UInt64)]
    ) {
        let index = Int.random(in: operations.indices, using: &generator)
        let was = operations[index]
        let other = versions[Int.random(in: versions.indices, using: &generator)]
        let outcome: Operation.Outcome =
            switch (was.kind, was.outcome) {
            case (.read, _): .found(value: other.value, version: other.version)
            case (.write(_, .some), .conflict): .written(version: nil)
            case (.write(_, .some), .written): .conflict
            // The sweep does not know which version the initial value has, unless it is read.
            case (_, .written(version: .some)) where other.version > 1:
                .written(version: other.version)
            default: was.outcome
            }
        operations[index] = Operation(
            client: was.client, kind: was.kind, beganAt: was.beganAt, endedAt: was.endedAt,
            outcome: outcome)
    }
}

extension UInt64 {
    fileprivate func clamped(to most: UInt64) -> UInt64 { Swift.min(self, most) }
}

@Suite("The two ways to judge a history") struct SearchTests {
    private func isSound(_ history: [Operation]) -> Bool {
        Linearizability.violation(in: history, of: "x", initialValues: [250]) == nil
    }

    @Test("With all versions known, they agree")
    func agree() {
        var histories = Histories(generator: SplitMix64(seed: 1), hasOnlyVersions: true)
        var broken = 0
        for _ in 0..<3_000 {
            let history = histories.next()
            let expected = Search(history).succeeds()
            if !expected { broken += 1 }
            #expect(isSound(history) == expected, "\(history)")
        }
        #expect(broken > 300)
    }

    @Test("A history that the sweep refuses, no search can order")
    func noFalseAlarm() {
        var histories = Histories(generator: SplitMix64(seed: 2), hasOnlyVersions: false)
        var refused = 0
        for _ in 0..<3_000 {
            let history = histories.next()
            guard !isSound(history) else { continue }
            refused += 1
            #expect(!Search(history).succeeds(), "\(history)")
        }
        #expect(refused > 150)
    }
}
