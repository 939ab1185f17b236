// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Evaluations that come later, one for all instances that are due within five seconds (H5).
struct FollowUps: Sendable {
    static let windowNanoseconds: Int64 = 5_000_000_000

    private let cause: Evaluation
    private let unixNanoseconds: Int64
    private(set) var evaluations: [Evaluation] = []

    init(cause: Evaluation, unixNanoseconds: Int64) {
        self.cause = cause
        self.unixNanoseconds = unixNanoseconds
    }

    /// - Parameter times: when each of `count` instances is due.
    /// - Returns: the evaluation of each, in the same order.
    mutating func add(_ times: [Int64], reason: String, ids: inout IDSource) -> [UniqueID] {
        var found: [UniqueID?] = Array(repeating: nil, count: times.count)
        let order = times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
        var batch: (start: Int64, id: UniqueID)?
        for position in order {
            let time = times[position]
            if batch.map({ time.saturatingSubtract($0.start) > Self.windowNanoseconds }) ?? true {
                batch = (time, begin(at: time, reason: reason, ids: &ids))
            }
            found[position] = batch?.id
        }
        return found.compactMap { $0 }
    }

    private mutating func begin(at time: Int64, reason: String, ids: inout IDSource) -> UniqueID {
        var evaluation = cause.successor(ids.next(), trigger: .allocFailure)
        evaluation.statusDescription = reason
        evaluation.waitUntilUnixNanoseconds = time
        evaluation.createUnixNanoseconds = unixNanoseconds
        evaluation.modifyUnixNanoseconds = unixNanoseconds
        evaluations.append(evaluation)
        return evaluation.id
    }
}

extension Evaluation {
    /// A pending one of the same job, that knows where it comes from.
    func successor(_ id: UniqueID, trigger: EvaluationTrigger) -> Evaluation {
        var next = Evaluation(
            id: id, job: job, priority: priority, type: type, trigger: trigger)
        next.jobModifyIndex = jobModifyIndex
        next.previousEvaluation = self.id
        return next
    }
}
