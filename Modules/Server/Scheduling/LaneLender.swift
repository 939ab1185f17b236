// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletRaft
import MartletScheduler
import MartletState
import MartletTransport

/// The follower's half of workers on every server: it offers its lanes to the leader, looks at the
/// evaluations that it is given over its own state, and says what it found.
///
/// ```
///   a leader, a connection, something to schedule ─▶ offered ──look──▶ waiting for the log
///            ▲                                          │                  │ applied, a lane is idle
///            └───── another term, connection lost ◀─────┘                  ▼
///                                                   answered ◀──────── looking
/// ```
///
/// Nothing of it is stored, and nothing here decides: what a look finds is checked by the leader as what it
/// finds itself. An offer is for one term and one connection; what was given under an earlier one is dropped.
final class LaneLender {
    private unowned let server: Server

    private struct Offer: Equatable {
        let leader: ServerID
        let term: UInt64
    }

    private var offer: Offer?
    /// Counts offers, so that what was begun under an earlier one is told to nobody.
    private var life: UInt64 = 0
    /// In the order in which they were given.
    private var waiting: [LookRequest] = []
    private var running = 0
    /// Looks that were taken for a leader, since the start.
    private(set) var looks: UInt64 = 0

    init(server: Server) { self.server = server }

    private var replica: Replica { server.replica }
    private var tables: SchedulerTables { replica.state.scheduling }

    // MARK: Offers

    /// Something changed that an offer depends on.
    func consider() {
        let wished = wish
        guard wished != offer else { return }
        forget()
        guard let wished else { return }
        let lanes = server.options.scheduling.workerCount
        let isSent = server.network.lend(.lanesOffered, to: wished.leader) {
            LanesOffer(term: wished.term, lanes: lanes).write(to: &$0)
        }
        if isSent { offer = wished }
    }

    private var wish: Offer? {
        let (server, replica) = (server, replica)
        let status = replica.outlook.status
        guard status.role != .leader, replica.ask({ $0.scheduling.isKnown }),
            server.options.scheduling.workerCount > 0, server.stopCompletions.isEmpty,
            replica.failure == nil, let leader = status.leader, leader != server.id,
            server.network.canLend(to: leader)
        else { return nil }
        return Offer(leader: leader, term: status.term.number)
    }

    private func forget() {
        offer = nil
        life += 1
        waiting = []
        running = 0
    }

    func linkEnded(to peer: ServerID) {
        if offer?.leader == peer { forget() }
    }

    // MARK: Looks

    func applied() {
        if offer == nil { return consider() }
        if !waiting.isEmpty { look() }
    }

    /// - Throws: for more than was offered.
    func received(_ request: LookRequest, from peer: ServerID) throws(ByteError) {
        guard offer == Offer(leader: peer, term: request.term) else { return }
        let looksMax = server.options.scheduling.workerCount * LentLanes.looksPerLane
        guard waiting.count + running < looksMax else {
            throw ByteError(offset: 0, reason: "more looks than \(looksMax)")
        }
        waiting.append(request)
        look()
    }

    /// A lane has become idle.
    func laneFreed() {
        if !waiting.isEmpty { look() }
    }

    /// Begins what can be begun.
    private func look() {
        server.dispatcher.makeWorkers()
        let applied = replica.state.lastAppliedIndex
        while let worker = server.dispatcher.workers.first(where: { !$0.isBusy }),
            let place = waiting.firstIndex(where: { $0.index <= applied })
        {
            look(at: waiting.remove(at: place), with: worker)
        }
    }

    private func look(at request: LookRequest, with worker: Worker) {
        guard let evaluation = tables.evaluation(request.evaluation) else {
            return answer(request, nil)
        }
        let work = SchedulerLane.Work(
            evaluation: evaluation.value, token: request.token, attempt: request.attempt,
            moment: SchedulerLane.Moment(
                tables: tables, snapshotIndex: replica.state.lastAppliedIndex,
                configuration: replica.state.scheduler ?? SchedulerConfiguration(), ahead: [],
                unixNanoseconds: request.unixNanoseconds))
        worker.isBusy = true
        running += 1
        looks += 1
        let (scheduler, life) = (worker.scheduler, life)
        worker.lane.submit({ LookReport(scheduler.evaluate(work)).encoded() }) { [weak self] in
            worker.isBusy = false
            self?.looked(at: request, life, $0)
        }
    }

    private func looked(at request: LookRequest, _ life: UInt64, _ report: [UInt8]?) {
        // The lane is free, for whoever has something to look at.
        server.dispatcher.schedule()
        if life == self.life {
            running -= 1
            answer(request, report)
        }
        laneFreed()
    }

    private func answer(_ request: LookRequest, _ report: [UInt8]?) {
        guard let leader = offer?.leader else { return }
        let answer = LookAnswer(number: request.number, token: request.token, report: report)
        server.network.lend(.lookAnswer, to: leader) { answer.write(to: &$0) }
    }
}

// MARK: - The network's events

extension Server {
    func network(lent kind: FrameKind, _ payload: inout ByteReader, by session: PeerSession)
        throws(ByteError)
    {
        switch kind {
        case .lanesOffered:
            dispatcher.offered(try LanesOffer(reading: &payload), by: session)
        default:
            try dispatcher.answered(try LookAnswer(reading: &payload), by: session)
        }
    }

    func network(look payload: inout ByteReader, from peer: ServerID) throws(ByteError) {
        try lender.received(try LookRequest(reading: &payload), from: peer)
    }

    func networkEnded(_ session: PeerSession) { dispatcher.lenderEnded(session) }
}
