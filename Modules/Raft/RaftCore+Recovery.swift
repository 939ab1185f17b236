// SPDX-License-Identifier: Apache-2.0

/// How a server comes back that lost part of its log, or its vote.
///
/// Such a server may have acknowledged entries that it no longer has, and may have voted in a term
/// that it no longer knows: if it went on as before, a committed entry could get lost, or a term could
/// get two leaders. Catching up alone does not repair that. So its new life is treated as another
/// server's, and its old life as that of a server which has crashed for good:
///
/// 1. While it recovers it neither campaigns nor grants a vote, and its answers count neither for
///    commit nor for reads nor for check-quorum: nothing that it does now is taken for its old life's.
///    Answers that the old life gave are true, however late they come.
/// 2. Each start of a recovering server draws a number, which its answers carry. Answers of different
///    lives never mix at the leader: with the number all that it knew of the follower goes.
/// 3. The leader takes its vote, by an ordinary change of one server that is committed without it. A
///    vote of the old life may still be on its way to a candidate X of a later term, which is elected
///    by a majority of the configuration before. That and the majority that committed the demotion
///    meet, and not in the lost server, which is no voter of the second. Whom they meet in has either
///    the demotion, and refuses X, whose log ends before it; or has voted for X, and then would have
///    refused the demotion. So no vote of the old life decides anything any more. This holds for two
///    voters (the one that is left leads on, alone) as for any number; a joint configuration is left
///    first, which needs both majorities without the lost server.
/// 4. When an entry of this leader's own term which it appended *after it had heard of the loss* is
///    committed, nobody was elected in a later term before the loss: such a server's voters would
///    meet with those that committed the entry, who would have refused it. So no configuration that
///    this leader does not know gave the lost server a vote before the loss, and every entry that
///    the old life helped to commit is before that entry. A leader that finds it a non-voter already
///    appends an empty entry to that end; else the demotion serves.
/// 5. Once the recovering server has that entry, and the configuration without its vote is committed,
///    the leader repeats its number, and it is an ordinary non-voter. It only ever votes in terms from
///    that leader's on, and only for a log that holds the entry: for a candidate that knows of the
///    demotion. A number of an earlier start means nothing to it, so a message that was on its way
///    through another loss is harmless.
///
/// If too many are lost at once nobody is elected, as if they had crashed: an operator decides then.
extension RaftCore {
    // MARK: - The server that lost something

    /// The leader says that the attempt of this number has succeeded. What that rests on is checked
    /// again: it costs nothing.
    mutating func endRecovery(told number: UInt64?) {
        guard let recovery, number == recovery, isConfigurationCommitted,
            !configuration.isVoter(id), durableIndex >= configurationIndex,
            writes.isHardStateDurable
        else { return }
        self.recovery = nil
        outbox.append(.recovered)
    }

    // MARK: - Its leader

    /// An answer comes from a server's life that is recovering, or is not. In another one than before
    /// nothing is known of it.
    mutating func noteLife(_ recovery: UInt64?, of position: Int) {
        guard leadership.peers[position].recovery != recovery else { return }
        let known = leadership.peers[position]
        var peer = Peer(
            id: known.id, session: known.session, next: log.lastIndex.next, last: log.lastIndex,
            at: now)
        peer.votesIncoming = known.votesIncoming
        peer.votesOutgoing = known.votesOutgoing
        peer.isLeaving = known.isLeaving
        peer.lastContact = known.lastContact
        peer.heardAt = known.heardAt
        peer.recovery = recovery
        peer.recoveryIndex = log.lastIndex.next
        leadership.peers[position] = peer
    }

    /// The configuration in force less the vote of somebody who is recovering; nil if nobody is, or
    /// if no voter would be left.
    var configurationWithoutRecovering: Configuration? {
        guard leadership.hasRecovering,
            let lost = leadership.peers.first(where: { $0.isRecovering && $0.isVoter }),
            case .changed(let changed) = configuration.applying(.demote(lost.id))
        else { return nil }
        return changed
    }

    /// Appends what proves, once committed, that this leader was one after it heard of a loss.
    mutating func proveLeadership() {
        let isDue = leadership.peers.contains {
            $0.isRecovering && !$0.isVoter && !$0.isLeaving && $0.recoveryIndex > log.lastIndex
        }
        guard isDue else { return }
        appendOwn([Entry(index: log.lastIndex.next, term: term, kind: .noop, payload: [])])
    }

    /// The number that tells a follower that it has recovered; nil for one that has not, or need not.
    func recovered(_ peer: Peer) -> UInt64? {
        guard let recovery = peer.recovery, !peer.isVoter, isConfigurationCommitted,
            commitIndex >= peer.recoveryIndex, peer.match >= peer.recoveryIndex,
            peer.match >= configurationIndex
        else { return nil }
        return recovery
    }
}
