// SPDX-License-Identifier: Apache-2.0

/// Recovery after a lost quorum: an operator gives the servers that are left a configuration of
/// their own, and each appends it to the log that it has.
///
/// The entry's term is its log's last term plus ``Term/recoveryStride``. So
/// - it is beyond every term of the old life, and nobody leads in it: all copies of an entry with
///   this index and term were made here, by this rule;
/// - logs that end in the same term at the same index are the same log (Raft §5.3), and get the same
///   entry; any two others get entries of different terms, or at different indexes;
/// - of two logs the one that was more up to date (§5.4.1) stays so.
///
/// The rule of the majority does not find the best of the survivors' logs: an entry that the old
/// cluster committed may be on one of them alone. So a server whose log ends with such an entry
/// leads only with the vote of every voter, and a voter with more refuses. Once a leader has been
/// chosen so, its first entry follows, and the majority decides again.
extension RaftCore {
    /// - Returns: nil when the term of `hardState` lies beyond: no cluster comes there.
    public static func recoveryEntry(
        _ configuration: Configuration, after last: LogIndex, of lastTerm: Term,
        hardState: HardState
    ) -> Entry? {
        let term = Term(lastTerm.number + Term.recoveryStride)
        guard term > hardState.term else { return nil }
        return Entry(
            index: last.next, term: term, kind: .configuration, payload: configuration.encoded())
    }

    /// Whether these voters are enough to lead: a majority, while joint of each side.
    func isElected(by test: (ServerID) -> Bool) -> Bool {
        guard needsEveryVote else { return configuration.hasMajority(test) }
        let voters = configuration.members.filter { $0.role == .voter }
        return !voters.isEmpty && voters.allSatisfy { test($0.id) }
    }

    /// The log ends with a recovery's entry: no leader has been chosen since. A leader whose term is as
    /// far from the one before begins with an entry of another kind.
    private var needsEveryVote: Bool {
        let last = log.lastIndex
        guard let before = log.term(at: last.previous), last > log.previousIndex,
            log[last].kind == .configuration
        else { return false }
        return log.lastTerm.number - before.number >= Term.recoveryStride
    }
}

extension Term {
    /// From the last term of a life to that of the recovery that ends it: more elections than a
    /// cluster holds in years, and small against ``jumpMax``, which a joiner's first step may cross.
    public static let recoveryStride: UInt64 = 1 << 28
}
