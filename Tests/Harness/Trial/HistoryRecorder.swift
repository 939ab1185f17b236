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
    /// Between two restores; the last one is under way.
    private var segments = [
        Segment(startedAt: 0, initialValues: Register.allCases.map { [$0.initialValue] })
    ]
    private var staleReads: [[StaleReads.Read]] = [[], []]
    private var isRestoring = false
    /// What is in force is not known any more, and nothing further is judged.
    private var isBlind = false
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
        let place = segments.lastIndex { $0.startedAt <= beganAt } ?? 0
        var outcome = outcome
        if isRestoring || isBlind || place < segments.count - 1 {
            // Before a restore or after it: only a write leaves something, on either side.
            guard case .write(let value, _) = kind else { return }
            for later in (place + 1)..<max(place + 1, segments.count) {
                segments[later].initialValues[register.rawValue].insert(value)
            }
            outcome = .unknown
        }
        let endedAt = outcome == .unknown ? .max : clock
        segments[place].histories[register.rawValue].append(
            Operation(
                client: client, kind: kind, beganAt: beganAt, endedAt: endedAt, outcome: outcome))
    }

    // MARK: Restores

    func beginRestore() {
        clock += 1
        isRestoring = true
    }

    /// - Parameter values: what the registers hold from here on; nil if they hold what they held.
    func endRestore(_ values: [UInt64]?) {
        clock += 1
        isRestoring = false
        guard let values, !isBlind else { return }
        let ended = segments[segments.count - 1]
        segments.append(
            Segment(
                startedAt: clock,
                initialValues: Register.allCases.map {
                    ended.possibleValues(of: $0).union([values[$0.rawValue]])
                }))
    }

    /// Whether it came into force, nobody knows.
    func loseTrack() {
        isRestoring = false
        isBlind = true
    }

    /// A history in which each write follows from those before it.
    private struct Segment {
        var histories: [[Operation]] = [[], []]
        /// What may be there without a write in this segment: by register.
        var initialValues: [Set<UInt64>]

        /// When the restore before it had ended.
        let startedAt: UInt64

        init(startedAt: UInt64, initialValues: [Set<UInt64>]) {
            self.startedAt = startedAt
            self.initialValues = initialValues
        }

        /// What may still be written after the segment.
        func possibleValues(of register: Register) -> Set<UInt64> {
            var values = initialValues[register.rawValue]
            for operation in histories[register.rawValue] where operation.outcome == .unknown {
                if case .write(let value, _) = operation.kind { values.insert(value) }
            }
            return values
        }
    }

    func endStale(_ read: StaleReads.Read, of register: Register) {
        clock += 1
        operationCount += 1
        // A server that is behind goes back when it comes to the restore.
        guard segments.count == 1, !isRestoring, !isBlind else { return }
        var ended = read
        ended.endedAt = clock
        staleReads[register.rawValue].append(ended)
    }

    func verdict() -> Violation? {
        for register in Register.allCases {
            let name = "\(register)"
            for segment in segments {
                if let found = Linearizability.violation(
                    in: segment.histories[register.rawValue], of: name,
                    initialValues: segment.initialValues[register.rawValue])
                {
                    return found
                }
            }
            if let found = StaleReads.violation(
                in: staleReads[register.rawValue],
                after: segments[0].histories[register.rawValue], of: name)
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
