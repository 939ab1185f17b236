// SPDX-License-Identifier: Apache-2.0

/// Handing leadership over (dissertation §3.10).
struct Transfer: Sendable {
    var target: ServerID
    /// Abandoned then.
    var deadline: Duration
    /// The target had everything, and was told to campaign.
    var isAsked = false
    /// The core's own doing: nobody is told how it ends.
    var isOwn = false
}

extension RaftCore {
    mutating func requestTransfer(to target: ServerID) {
        if let refusal = refusalOfTransfer(to: target) {
            outbox.append(.transferDecided(refusal))
            return
        }
        leadership.transfer = Transfer(target: target, deadline: now + timing.electionTimeout)
    }

    private func refusalOfTransfer(to target: ServerID) -> TransferOutcome? {
        guard role == .leader else { return .refused(.notLeader(leader: leader)) }
        guard target != id else { return .noop }
        guard let server = configuration[target] else { return .unknownServer }
        guard server.role == .voter else { return .notVoter }
        return leadership.transfer == nil ? nil : .inProgress
    }

    /// Once the target has the whole log it is asked to campaign; proposals are refused meanwhile, so
    /// the log stands still.
    mutating func advanceTransfer() {
        guard let transfer = leadership.transfer, !transfer.isAsked,
            let peer = leadership.peers.first(where: { $0.id == transfer.target }),
            peer.match == log.lastIndex
        else { return }
        leadership.transfer?.isAsked = true
        leadership.lease.isForfeited = true
        outbox.append(.send(.timeoutNow(TimeoutNow(term: term)), to: transfer.target))
    }

    mutating func abandonLateTransfer() {
        guard let transfer = leadership.transfer else { return }
        if now >= transfer.deadline {
            leadership.transfer = nil
            if !transfer.isOwn { outbox.append(.transferDecided(.timedOut)) }
        } else {
            leadership.transfer?.isAsked = false  // It may be lost: with each heartbeat anew.
        }
    }

    /// How a transfer ends that stepping down ends. The target campaigns in the very next term, and
    /// no voter follows anybody else so soon: whoever shows that term shows the target's.
    func outcome(
        of transfer: Transfer, newTerm: Term, shownBy server: ServerID?
    ) -> TransferOutcome {
        let isNextTerm = newTerm.number == term.number + 1
        if newTerm > term, server == transfer.target || (transfer.isAsked && isNextTerm) {
            return .done(to: transfer.target)
        }
        return .lost
    }

    mutating func receive(_ message: TimeoutNow, from server: ServerID) {
        guard message.term >= term, canCampaign, role != .leader, !isDiskStalled else { return }
        if message.term > term { becomeFollower(in: message.term, of: nil, shownBy: server) }
        guard role != .candidate, leader == nil || leader == server else { return }
        campaign(isTransfer: true)
    }
}
