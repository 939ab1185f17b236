// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// What a recovery keeps, and what may be gone.
///
/// The survivor whose log is the most up to date leads, so all that it has is kept. Of what it does
/// not have, only that may have been acknowledged which a majority of the old voters had without it:
/// none, if those that were looked at are a majority themselves, for then one of them has every
/// acknowledged entry and the most up to date of them has all (Raft §5.4.1).
struct RecoveryLosses: Equatable, Sendable {
    /// The ends of the logs that go on.
    let kept: FolderSurvey.Position
    /// The newest entry that somebody knows to be committed.
    let committed: LogIndex
    /// Nothing that was acknowledged can be missing.
    let isComplete: Bool
    /// How many of the old voters nobody looked at, of how many.
    let missingVoters: Int
    let oldVoters: Int
    /// Entries that are kept although nobody here knows whether they were acknowledged.
    let unsettled: UInt64
    /// Logs that reach further than the one that goes on, with entries of an older term: what a
    /// leader wrote that was replaced before it could acknowledge.
    let dropped: [FolderSurvey]
}

extension RecoveryPlan {
    var losses: RecoveryLosses {
        let positions = surveys.map(\.position)
        let kept = positions.max() ?? .init(term: .zero, index: .zero)
        let committed = surveys.map(\.commitHint).max() ?? .zero
        let seen = surveys.map(\.serverID)
        let voters = old.members.filter { old.isVoter($0.id) }
        return RecoveryLosses(
            kept: kept, committed: committed, isComplete: old.hasMajority(seen.contains),
            missingVoters: voters.count { !seen.contains($0.id) }, oldVoters: voters.count,
            unsettled: kept.index.number - min(kept.index.number, committed.number),
            dropped: surveys.filter { $0.lastIndex > kept.index })
    }

    /// The life that the servers of the file begin.
    var newEpoch: UInt64 {
        RecoveryEpoch.of(Term(losses.kept.term.number + Term.recoveryStride), configuration)
    }
}
