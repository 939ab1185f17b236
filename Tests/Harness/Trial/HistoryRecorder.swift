// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// Writes down what clients asked and were told, in one order, and has it judged.
final class HistoryRecorder {
    /// The two objects of the API that serve as registers. Each write puts a number into a field
    /// that nothing else writes.
    enum Register: Int, CaseIterable {
        case autopilot
        case scheduler

        var path: String {
            switch self {
            case .autopilot: "/v1/operator/autopilot/configuration"
            case .scheduler: "/v1/operator/scheduler/configuration"
            }
        }

        var field: String {
            switch self {
            case .autopilot: "\"MaxTrailingLogs\":"
            case .scheduler: "\"NodeLimitForFeasibilityChecks\":"
            }
        }

        /// What a cluster begins with.
        var initialValue: UInt64 { self == .autopilot ? 250 : 0 }
    }

    /// A read of one server's own state.
    struct StaleRead {
        let node: String
        let life: UInt64
        let value: UInt64
        let version: UInt64
        let description: String
    }

    var tell: ((() -> String) -> Void)?
    var hasAnsweredLast = false
    private(set) var operationCount = 0
    private var clock: UInt64 = 0
    private var histories: [[Operation]] = [[], []]
    private var staleReads: [[StaleRead]] = [[], []]
    private var nextValue: UInt64 = 1_000

    func begin() -> UInt64 {
        clock += 1
        return clock
    }

    func makeValue() -> UInt64 {
        nextValue += 1
        return nextValue
    }

    func end(
        _ kind: Operation.Kind, of register: Register, client: Int, beganAt: UInt64,
        outcome: Operation.Outcome
    ) {
        clock += 1
        operationCount += 1
        let endedAt = outcome == .unknown ? .max : clock
        histories[register.rawValue].append(
            Operation(
                client: client, kind: kind, beganAt: beganAt, endedAt: endedAt, outcome: outcome))
    }

    func endStale(_ read: StaleRead, of register: Register) {
        operationCount += 1
        staleReads[register.rawValue].append(read)
    }

    func verdict() -> Violation? {
        for register in Register.allCases {
            let history = histories[register.rawValue]
            let name = "\(register)"
            if let found = Linearizability.violation(
                in: history, of: name, initialValues: [register.initialValue])
            {
                return found
            }
            if let found = StaleReads.violation(
                in: staleReads[register.rawValue], after: history, of: name)
            {
                return found
            }
        }
        return nil
    }

    static func text(of result: Result<ClientResponse, ClientError>) -> String {
        switch result {
        case .success(let response):
            "\(response.status) \(String(decoding: response.body.prefix(80), as: UTF8.self))"
        case .failure(let error): "\(error)"
        }
    }
}

/// Stale reads are answered from one server's state: it holds only what was written, and within a
/// life of that server it goes forward.
enum StaleReads {
    static func violation(
        in reads: [HistoryRecorder.StaleRead], after history: [Operation], of register: String
    ) -> Violation? {
        var values: [UInt64: UInt64] = [:]
        for operation in history {
            if case .found(let value, let version) = operation.outcome { values[version] = value }
        }
        var newest: [String: UInt64] = [:]
        for read in reads {
            let name = "stale reads of \(register)"
            if let other = values.updateValue(read.value, forKey: read.version),
                other != read.value
            {
                return Violation(name, "version \(read.version) is also \(other): \(read.description)")
            }
            let server = "\(read.node) \(read.life)"
            if let last = newest.updateValue(read.version, forKey: server), last > read.version {
                return Violation(name, "went back from version \(last): \(read.description)")
            }
        }
        return nil
    }
}
