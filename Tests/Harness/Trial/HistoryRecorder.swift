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

    var tell: ((() -> String) -> Void)?
    var hasAnsweredLast = false
    private(set) var operationCount = 0
    private var clock: UInt64 = 0
    private var histories: [[Operation]] = [[], []]
    private var staleReads: [[StaleReads.Read]] = [[], []]
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

    func endStale(_ read: StaleReads.Read, of register: Register) {
        clock += 1
        operationCount += 1
        var ended = read
        ended.endedAt = clock
        staleReads[register.rawValue].append(ended)
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
