// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension Evaluation {
    /// What is written of an evaluation that no scheduler could finish.
    package func failed(deliveries: Int, followedBy next: UniqueID) -> Evaluation {
        var failed = self
        failed.status = .failed
        failed.statusDescription = "evaluation reached delivery limit (\(deliveries))"
        failed.nextEvaluation = next
        return failed
    }

    /// Another try at its job, from one to six minutes later: many that fail together do not come
    /// back together.
    ///
    /// - Parameter random: any 64 random bits.
    package func failedFollowUp(
        _ id: UniqueID, random: UInt64, unixNanoseconds: Int64
    ) -> Evaluation {
        var next = successor(id, trigger: .failedFollowUp)
        next.createUnixNanoseconds = unixNanoseconds
        next.modifyUnixNanoseconds = unixNanoseconds
        let spread = Int64(random.multipliedFullWidth(by: 300_000_000_000).high)
        next.waitUntilUnixNanoseconds = unixNanoseconds.saturatingAdd(60_000_000_000 + spread)
        return next
    }

    /// What is written of one that a newer one of its job made needless (G2).
    package func cancelled(reason: String = "canceled after more recent eval was processed")
        -> Evaluation
    {
        var cancelled = self
        cancelled.status = .canceled
        cancelled.statusDescription = reason
        return cancelled
    }
}
