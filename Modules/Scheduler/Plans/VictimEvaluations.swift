// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension PlanResult {
    /// One evaluation for each job that lost an instance to this plan, ascending by job: written in
    /// the same entry (F9).
    ///
    /// - Parameters:
    ///   - job: as it is now; nil if it is gone, and then nothing needs to be done for it.
    ///   - snapshotIndex: of the state that the plan was checked against.
    package func evaluationsForVictims(
        of evaluationID: UniqueID, snapshotIndex: UInt64, unixNanoseconds: Int64,
        job: (JobKey) -> Job?
    ) -> [Evaluation] {
        let victims = Set(nodes.flatMap { $0.evictions.map(\.allocation.value.jobKey) })
        // A lane of its own: attempts of the evaluation count from 1.
        var ids = IDSource(evaluationID: evaluationID, snapshotIndex: snapshotIndex, attempt: 0)
        var evaluations: [Evaluation] = []
        for key in victims.sorted() {
            guard let job = job(key), !job.isStopped else { continue }
            var evaluation = Evaluation(
                id: ids.next(), job: key, priority: job.priority, type: job.type,
                trigger: .preemption)
            evaluation.jobModifyIndex = job.jobModifyIndex
            evaluation.previousEvaluation = evaluationID
            evaluation.createUnixNanoseconds = unixNanoseconds
            evaluation.modifyUnixNanoseconds = unixNanoseconds
            evaluations.append(evaluation)
        }
        return evaluations
    }
}
