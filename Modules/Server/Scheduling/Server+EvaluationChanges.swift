// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState
import MartletTransport

extension Server {
    /// Removes evaluations, also those that nobody has looked at yet: for an operator who has far too
    /// many of them. While the broker hands them out, that would take them out of workers' hands.
    ///
    /// Those that are open are cancelled first, in an entry of its own: a crash between the two leaves
    /// them cancelled.
    func deleteEvaluations(
        _ request: EvaluationDeleteRequest, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        guard replica.state.scheduler?.pauseEvalBroker == true else {
            throw APIError(
                status: 400,
                message: "eval broker is enabled; eval broker must be paused to delete evals")
        }
        var open: [Evaluation] = []
        for id in request.evaluations {
            guard let evaluation = replica.state.scheduling.evaluation(id)?.value else {
                throw APIError(status: 404, message: "eval not found: \(id)")
            }
            guard !evaluation.status.isTerminal else { continue }
            var cancelled = evaluation
            cancelled.status = .canceled
            cancelled.statusDescription = "deleted by an operator"
            // What it had learned is long, and goes with it.
            cancelled.failedGroups = [:]
            cancelled.classEligibility = [:]
            cancelled.modifyUnixNanoseconds = loop.wallClockNanoseconds
            open.append(cancelled)
        }
        guard !open.isEmpty else { return remove(request.evaluations, call, done) }
        propose(
            .scheduling(.upsertEvaluations(open)), for: call,
            { [weak self] outcome in
                guard let self, outcome.status == 200 else { return done(outcome) }
                self.remove(request.evaluations, call, done)
            }
        ) { _, result, _ in result.schedulingAnswer ?? .empty }
    }

    private func remove(
        _ evaluations: [UniqueID], _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) {
        propose(.scheduling(.collect(Garbage(evaluations: evaluations))), for: call, done) {
            server, result, index in
            if let refusal = result.schedulingAnswer { return refusal }
            var response = server.encode(
                EvaluationDeleteAnswer(count: evaluations.count, index: index), call)
            response.writeIndex = index
            return response
        }
    }
}
