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
    /// What every write of the scheduler's register says besides.
    var schedulerConstants = ""
    var hasAnsweredLast = false
    private(set) var operationCount = 0
    private var clock: UInt64 = 0
    /// By register.
    private var histories: [[Operation]] = [[], []]
    private var staleReads: [[StaleReads.Read]] = [[], []]
    /// Under way: when they began, and what they bring back, by register.
    private var restores: [Int: (beganAt: UInt64, values: [UInt64])] = [:]
    private(set) var restoreCount = 0
    private var nextValue: UInt64 = 1_000
    /// What may be there without a write of this history, by register.
    private var initialValues = Register.allCases.map { Set([$0.initialValue]) }
    /// What is answered now was answered in another life: writes may have happened.
    private var isClosed = false

    /// What every write says besides, since a field that is left out takes its default: Autopilot takes
    /// nobody out, for a damaged disk is to be repaired by those who are there, and does not wait for
    /// long before it gives a vote.
    func constants(of register: Register) -> String {
        switch register {
        case .autopilot: ",\"CleanupDeadServers\":false,\"ServerStabilizationTime\":\"1s\""
        case .scheduler: schedulerConstants
        }
    }

    /// The history of what follows a recovery with a log to `kept`: of what was known before, that is
    /// still there, and any write of the first life may be there as well. This one is closed.
    func successor(after kept: UInt64) -> HistoryRecorder {
        isClosed = true
        let next = HistoryRecorder()
        next.tell = tell
        next.schedulerConstants = schedulerConstants
        next.operationCount = operationCount
        next.nextValue = nextValue
        for register in Register.allCases {
            next.initialValues[register.rawValue].formUnion(1_001...max(1_001, nextValue))
            guard let (value, version) = newest(of: register, through: kept) else { continue }
            next.end(
                .read, of: register, client: 0, beganAt: next.begin(),
                outcome: .found(value: value, version: version))
        }
        return next
    }

    private func newest(
        of register: Register, through kept: UInt64
    ) -> (value: UInt64, version: UInt64)? {
        var newest: (value: UInt64, version: UInt64)?
        for operation in histories[register.rawValue] {
            let found: (value: UInt64, version: UInt64)
            switch (operation.kind, operation.outcome) {
            case (.write(let value, _), .written(let version?)),
                (.restore(let value), .written(let version?)):
                found = (value, version)
            case (_, .found(let value, let version)): found = (value, version)
            default: continue
            }
            if found.version <= kept, found.version > newest?.version ?? 0 { newest = found }
        }
        return newest
    }

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
        var outcome = outcome
        if isClosed {
            guard case .write = kind else { return }
            outcome = .unknown
        }
        histories[register.rawValue].append(
            Operation(
                client: client, kind: kind, beganAt: beganAt,
                endedAt: outcome == .unknown ? .max : clock, outcome: outcome))
    }

    // MARK: Restores

    /// An operation on all registers at once, which ends with ``endRestore(_:_:)``, or is of unknown
    /// outcome.
    ///
    /// - Returns: its number.
    func beginRestore(of values: [UInt64]) -> Int {
        restoreCount += 1
        restores[restoreCount] = (begin(), values)
        return restoreCount
    }

    /// - Parameter outcome: nil for one that certainly did not come into force, and will not.
    func endRestore(_ number: Int, _ outcome: Operation.Outcome?) {
        guard let (beganAt, values) = restores.removeValue(forKey: number), let outcome else {
            return
        }
        for register in Register.allCases {
            end(
                .restore(value: values[register.rawValue]), of: register, client: -number,
                beganAt: beganAt, outcome: outcome)
        }
    }

    /// Of those of unknown outcome, some are known by what they left in one register: then they left
    /// as much in the other, in the same moment.
    private func settleRestores() {
        for number in restores.keys.sorted() { endRestore(number, .unknown) }
        var versions: [UInt64: UInt64] = [:]
        for register in Register.allCases {
            let found = Linearizability.versionsOfRestores(
                in: histories[register.rawValue], initialValues: initialValues[register.rawValue])
            versions.merge(found) { first, _ in first }
        }
        for register in Register.allCases {
            histories[register.rawValue] = histories[register.rawValue].map { operation in
                guard case .restore = operation.kind, operation.outcome == .unknown,
                    let version = versions[operation.beganAt]
                else { return operation }
                return Operation(
                    client: operation.client, kind: operation.kind, beganAt: operation.beganAt,
                    endedAt: .max, outcome: .written(version: version))
            }
        }
    }

    func endStale(_ read: StaleReads.Read, of register: Register) {
        clock += 1
        operationCount += 1
        guard !isClosed else { return }
        var ended = read
        ended.endedAt = clock
        staleReads[register.rawValue].append(ended)
    }

    func verdict() -> Violation? {
        settleRestores()
        for register in Register.allCases {
            let name = "\(register)"
            let history = histories[register.rawValue]
            if let found = Linearizability.violation(
                in: history, of: name, initialValues: initialValues[register.rawValue])
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
