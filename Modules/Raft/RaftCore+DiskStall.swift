// SPDX-License-Identifier: Apache-2.0

/// A disk that hangs, and one that is full, look alike from here: a write was asked for and is not
/// done. The leader needs no disk of its own to commit, so nothing else would end such a leadership,
/// and all that it takes would wait in memory.
extension RaftCore {
    /// The oldest write under way is older than two election timeouts.
    public var isDiskStalled: Bool {
        guard let since = writes.oldestIssuedAt else { return false }
        return now - since > timing.unwrittenMax
    }

    /// Entries that wait for the own disk fill their bound: no more are taken.
    var isWriteQueueFull: Bool { writes.bytes >= limits.unwrittenBytesMax }

    /// Hands over to the best voter; without one, or if that one does not take over, steps down.
    mutating func leaveStalledDisk() {
        guard role == .leader else { return }
        guard isDiskStalled else {
            leadership.hasOfferedTransfer = false
            return
        }
        guard leadership.transfer == nil else { return }
        guard !leadership.hasOfferedTransfer, let successor = bestSuccessor else {
            resign(to: nil, newTerm: term, shownBy: nil, because: .diskStalled)
            return
        }
        leadership.hasOfferedTransfer = true
        leadership.transfer = Transfer(
            target: successor, deadline: now + timing.electionTimeout, isOwn: true)
    }

    /// The voter that answered lately and has most; of equals the one with the largest id.
    private var bestSuccessor: ServerID? {
        leadership.peers
            .filter { peer in
                configuration.staysVoter(peer.id) && !peer.isRecovering
                    && peer.lastContact.map { now - $0 < timing.checkQuorum } ?? false
            }
            .max { ($0.match, $0.id) < ($1.match, $1.id) }?.id
    }
}
