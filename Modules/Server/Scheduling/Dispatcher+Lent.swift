// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletBytes
import MartletRaft
import MartletScheduler
import MartletState
import MartletTransport

// Looks at evaluations on lanes that followers lend. Only the look is elsewhere: the delivery stays in this
// server's hand, and what is proposed goes the way of what its own lanes propose.

extension Dispatcher {
    // MARK: Who lends

    func offered(_ offer: LanesOffer, by session: PeerSession) {
        let status = replica.outlook.status
        guard status.role == .leader, offer.term == status.term.number else { return }
        // A server has one connection here: an earlier one is of an earlier life.
        for (number, other) in lenders.sorted(by: { $0.key < $1.key })
        where number != session.number && other.peerID == session.peerID {
            lenderEnded(other)
        }
        lenders[session.number] = session
        lent.offer(offer.lanes, by: session.number)
        schedule()
    }

    func lenderEnded(_ session: PeerSession) {
        guard lenders.removeValue(forKey: session.number) != nil else { return }
        takeBack(lent.withdraw(session.number))
    }

    func forgetLenders() {
        lent.withdrawAll()
        lenders = [:]
    }

    // MARK: Looks

    /// Gives away what this server's own lanes do not come to, if looks are long: what queues beyond the
    /// next for each.
    func lookElsewhere() {
        guard workers.isEmpty || lent.ownLook >= server.options.scheduling.lentLookMin else {
            return
        }
        while looking.count + broker.readyCount > workers.count,
            let lender = lent.freest(where: isMember), let id = nextInHand(elsewhere: true)
        {
            look(at: id, with: lender)
        }
    }

    /// The first look of a lane reads the whole state, and says little of the next.
    func noteOwnLook(_ duration: Duration) {
        lent.noteOwnLook(min(duration, server.options.scheduling.lentLookMin * 2))
    }

    func takeBackLate() { takeBack(lent.advance(to: loop.now)) }

    /// Only servers of the configuration are sure to follow the log.
    private func isMember(_ lender: UInt64) -> Bool {
        lenders[lender]?.peerID.map { replica.outlook.configuration.contains($0) } ?? false
    }

    private func look(at id: UniqueID, with lender: UInt64) {
        guard let hand = hands[id], let session = lenders[lender] else { return }
        let token = hand.delivery.token
        // Plans that are on their way are in the state by then.
        let index = flights.isEmpty ? replica.state.lastAppliedIndex : replica.lastProposedIndex
        let number = lent.give(id, token: token, index: index, to: lender, at: loop.now)
        counters.looksGiven += 1
        let request = LookRequest(
            term: replica.outlook.status.term.number, number: number, index: index,
            evaluation: id, token: token, attempt: hand.run.attempt,
            unixNanoseconds: unixNanoseconds)
        session.send(.look) { request.write(to: &$0) }
    }

    private func takeBack(_ looks: [LentLanes.Look]) {
        for look in looks where hand(of: look.evaluation, token: look.token) != nil {
            counters.looksTakenBack += 1
            looking.append(look.evaluation)
            schedule()
        }
    }

    // MARK: Answers

    /// - Throws: for what no server of this kind sends; it is asked no more, and its connection ends.
    func answered(_ answer: LookAnswer, by session: PeerSession) throws(ByteError) {
        defer { schedule() }
        guard
            let look = lent.answered(answer.number, token: answer.token, by: session.number),
            let hand = hand(of: look.evaluation, token: look.token)
        else {
            counters.lookAnswersRefused += 1
            return
        }
        guard let report = answer.report else { return keep(look) }
        do throws(LookReading.Failure) {
            let proposal = try read(report, of: look, hand)
            proposed(proposal, by: look.evaluation, token: look.token)
        } catch {
            keep(look)
            guard case .absurd(let reason) = error else { return }
            counters.lookAnswersRefused += 1
            lent.distrust(session.number)
            throw ByteError(offset: 0, reason: reason)
        }
    }

    private func read(
        _ bytes: [UInt8], of look: LentLanes.Look, _ hand: Hand
    ) throws(LookReading.Failure) -> Scheduling.Proposal {
        let report: LookReport
        do throws(StateError) {
            report = try LookReport(decoding: bytes)
        } catch {
            throw .absurd("\(error)")
        }
        guard look.index <= report.snapshotIndex,
            report.snapshotIndex <= replica.state.lastAppliedIndex
        else { throw .absurd("a look at index \(report.snapshotIndex)") }
        var reading = LookReading(
            of: hand.delivery.evaluation, token: look.token, attempt: hand.run.attempt,
            over: tables)
        return try reading.proposal(of: report)
    }

    /// Another server cannot look at it, or not so that it is understood here.
    private func keep(_ look: LentLanes.Look) {
        counters.looksTakenBack += 1
        guard !workers.isEmpty else { return reject(look.evaluation, token: look.token) }
        hands[look.evaluation]?.isKept = true
        looking.append(look.evaluation)
    }
}
