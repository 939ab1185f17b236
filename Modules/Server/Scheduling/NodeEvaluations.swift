// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletRaft
import MartletState
import MartletTransport

/// The evaluations that follow from changes of nodes and of what runs there.
struct NodeEvaluations {
    let tables: SchedulerTables
    let unixNanoseconds: Int64
    /// A fresh id for each.
    let makeID: () throws(APIError) -> UniqueID
    /// What those of one change take in the log at most.
    var bytesMax = Evaluation.logBytesMax

    /// One for each job that has something on one of the nodes, and for each that wants to be on
    /// every node, in the order of the jobs, and no more than one entry of the log has room for: the leader
    /// makes the others when it sees what has changed (``Dispatcher/evaluateConcerned()``).
    func ofNodes(_ nodes: [UniqueID]) throws(APIError) -> [Evaluation] {
        var jobs: [JobKey: (job: Job, node: UniqueID)] = [:]
        for id in nodes {
            for allocation in tables.allocations(ofNode: id)
            where !allocation.value.isClientTerminal {
                let key = allocation.value.jobKey
                guard jobs[key] == nil, let job = tables.job(key)?.value else { continue }
                jobs[key] = (job, id)
            }
        }
        if let first = nodes.first {
            for job in tables.jobs
            where job.value.type.isSystem && !job.value.isStopped && jobs[job.value.key] == nil {
                jobs[job.value.key] = (job.value, first)
            }
        }
        var evaluations: [Evaluation] = []
        var bytes = 0
        for key in jobs.keys.sorted() {
            guard let (job, node) = jobs[key], job.isLaunched || job.isStopped else { continue }
            bytes += Evaluation.logBytes(of: key)
            guard bytes <= bytesMax else { break }
            var evaluation = try make(job, .nodeUpdate)
            evaluation.nodeID = node
            evaluation.nodeModifyIndex = tables.node(node)?.value.modifyIndex ?? 0
            evaluations.append(evaluation)
        }
        return evaluations
    }

    /// One for each job of which an instance has failed just now, or has ended though it should not.
    ///
    /// Jobs of every node have no policy of rescheduling. Where one of their instances lasts for a moment only, it
    /// would be placed as often as the nodes can tell of it: the next look comes after ``rest``, one
    /// for all that fail until then.
    func ofFailures(_ updates: [AllocationUpdate]) throws(APIError) -> [Evaluation] {
        var failed: [JobKey: Bool] = [:]
        for update in updates where update.isTerminal {
            guard let known = tables.allocation(update.id)?.value, !known.isTerminal,
                update.clientStatus == .failed || !known.job.value.type.mayEnd
            else { continue }
            failed[known.jobKey, default: false] =
                failed[known.jobKey, default: false] || isShortLived(known)
        }
        var evaluations: [Evaluation] = []
        for key in failed.keys.sorted() {
            guard let job = tables.job(key)?.value, !job.isStopped, job.isLaunched else {
                continue
            }
            let rests = failed[key] == true && job.type.isSystem
            if rests, isAwaited(key) { continue }
            var evaluation = try make(job, .allocFailure)
            if rests {
                evaluation.waitUntilUnixNanoseconds = unixNanoseconds &+ Self.rest
                evaluation.statusDescription = "created for instances that ended too soon"
            }
            evaluations.append(evaluation)
        }
        return evaluations
    }

    /// In nanoseconds.
    private static let rest: Int64 = 30_000_000_000
    /// Of two clocks: whoever is due within it may be looked at already.
    private static let dueSoon: Int64 = 5_000_000_000

    private func isShortLived(_ allocation: Allocation) -> Bool {
        let (age, isTooLong) = unixNanoseconds.subtractingReportingOverflow(
            allocation.createUnixNanoseconds)
        return !isTooLong && age < Self.rest
    }

    /// Whether such an evaluation of the job is to come.
    private func isAwaited(_ job: JobKey) -> Bool {
        tables.evaluations(ofJob: job).contains {
            $0.value.status == .pending && $0.value.trigger == .allocFailure
                && $0.value.waitUntilUnixNanoseconds > unixNanoseconds &+ Self.dueSoon
        }
    }

    private func make(
        _ job: Job, _ trigger: EvaluationTrigger
    ) throws(APIError) -> Evaluation {
        var evaluation = Evaluation(
            id: try makeID(), job: job.key, priority: job.priority, type: job.type,
            trigger: trigger)
        evaluation.jobModifyIndex = job.jobModifyIndex
        evaluation.createUnixNanoseconds = unixNanoseconds
        evaluation.modifyUnixNanoseconds = unixNanoseconds
        return evaluation
    }
}

extension Evaluation {
    /// What a new one of the job takes in the log at most.
    static func logBytes(of job: JobKey) -> Int {
        136 + job.namespace.utf8.count + job.id.utf8.count
    }

    /// Of those that go with a change in one entry, which has 2 MB at most.
    static let logBytesMax = 1 << 20
}

extension JobType {
    /// Whether it is well when an instance ends by itself.
    fileprivate var mayEnd: Bool {
        switch self {
        case .batch, .sysbatch: true
        case .service, .system: false
        }
    }
}

extension Server {
    /// By the tables as they are now.
    var nodeEvaluations: NodeEvaluations {
        let crypto = environment.crypto
        return NodeEvaluations(
            tables: replica.state.scheduling, unixNanoseconds: loop.wallClockNanoseconds,
            makeID: { () throws(APIError) in
                do throws(CryptoError) {
                    let bits = try ServerID.make(from: crypto)
                    return UniqueID(high: bits.high, low: bits.low)
                } catch {
                    throw APIError(status: 500, message: "no random bytes for an id: \(error)")
                }
            })
    }
}
