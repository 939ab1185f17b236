// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState

extension Server {
    /// Removes at once what has ended and nobody needs.
    func collectGarbage(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        let garbage = Garbage.ended(in: replica.state.scheduling)
        guard garbage != Garbage() else { return done(.answered(.empty)) }
        propose(.scheduling(.collect(garbage)), for: call, done) { _, result, index in
            if let refusal = result.schedulingAnswer { return refusal }
            var response = APIResponse.empty
            response.writeIndex = index
            return response
        }
    }
}

extension Garbage {
    /// What has ended, as much as one command takes. Evaluations and allocations of a job that has
    /// not ended stay where the scheduler still looks at them: those of batch jobs, which would run
    /// again, and the failed ones, which are to be placed again.
    static func ended(in tables: SchedulerTables) -> Garbage {
        var garbage = Garbage()
        for job in tables.jobs.lazy.map(\.value) {
            guard job.status == .dead, garbage.jobs.count < SchedulerCommand.batchMax / 8 else {
                continue
            }
            garbage.jobs.append(EndedJob(key: job.key, modifyIndex: job.modifyIndex))
        }
        let room = SchedulerCommand.batchMax / 4
        for evaluation in tables.evaluations.lazy.map(\.value)
        where evaluation.status.isTerminal && garbage.evaluations.count < room {
            let allocations = tables.allocations(ofEvaluation: evaluation.id).map(\.value)
            guard allocations.allSatisfy({ isEnded($0, in: tables) }) else { continue }
            let more = garbage.allocations.count + allocations.count
            guard more <= room || garbage.allocations.isEmpty else { break }
            garbage.evaluations.append(evaluation.id)
            garbage.allocations += allocations.prefix(SchedulerCommand.batchMax).map(\.id)
        }
        for deployment in tables.deployments.lazy.map(\.value)
        where !deployment.isActive && garbage.deployments.count < room {
            // What runs of it counts what is healthy by it.
            let isNeeded = tables.allocations(ofDeployment: deployment.id).contains {
                !$0.value.isTerminal
            }
            if !isNeeded { garbage.deployments.append(deployment.id) }
        }
        return garbage
    }

    private static func isEnded(_ allocation: Allocation, in tables: SchedulerTables) -> Bool {
        guard allocation.isTerminal else { return false }
        guard let job = tables.job(allocation.jobKey)?.value, job.status != .dead else {
            return true
        }
        guard job.type == .service || job.type == .system else { return false }
        return allocation.isServerTerminal || allocation.nextAllocation != nil
            || allocation.clientStatus == .complete
    }
}
