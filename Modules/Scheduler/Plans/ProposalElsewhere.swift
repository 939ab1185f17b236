// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension Scheduling.Proposal {
    /// A proposal that was made in another process, of what is known of it here.
    ///
    /// Evaluations that are made of it have ids of the delivery's token: those of the evaluation are taken
    /// by what the other process made.
    package init(madeElsewhere plan: PlacementPlan, attempt: Int) {
        self.init(
            plan: plan,
            ids: IDSource(
                evaluationID: plan.token, snapshotIndex: plan.snapshotIndex, attempt: attempt))
    }
}
