// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import MartletState
import MartletTransport

// Evaluations in hand: from the broker to a lane, and what is done with what comes back.

extension Dispatcher {
    /// For each lane so many evaluations may be in hand: one that is looked at, others whose plans are on
    /// their way into the log. A look sees all of those as done.
    private static let handsPerWorker = 16

    /// Gives idle workers something to do: first what must be looked at again.
    func deliver() {
        takeBackLate()
        guard isServing else { return }
        for worker in workers where !worker.isBusy {
            guard let id = nextInHand() else { return }
            look(at: id, with: worker)
        }
        lookElsewhere()
    }

    /// - Parameter elsewhere: for another server.
    func nextInHand(elsewhere: Bool = false) -> UniqueID? {
        looking.removeAll { hands[$0] == nil }
        if let place = looking.firstIndex(where: { !elsewhere || hands[$0]?.isKept == false }) {
            return looking.remove(at: place)
        }
        let handsMax = (workers.count + lent.lanes) * Self.handsPerWorker
        // For the plan of each there is a place in the queue.
        guard hands.count < min(handsMax, plans.plansMax) else { return nil }
        let token = UniqueID(high: random.next(), low: random.next())
        guard let delivery = broker.dequeue(JobType.allCases, token: token, at: loop.now) else {
            return nil
        }
        counters.deliveries += 1
        let id = delivery.evaluation.id
        hands[id] = Hand(delivery: delivery, run: EvaluationRun(delivery.evaluation))
        looking.removeAll { $0 == id }
        return id
    }

    /// What there is to look at now.
    var moment: SchedulerLane.Moment {
        SchedulerLane.Moment(
            tables: tables, snapshotIndex: replica.state.lastAppliedIndex,
            configuration: replica.state.scheduler ?? SchedulerConfiguration(),
            ahead: flights.map { SchedulerLane.PlanAhead(number: $0.number, result: $0.result) },
            unixNanoseconds: unixNanoseconds)
    }

    private func look(at id: UniqueID, with worker: Worker) {
        guard let hand = hands[id] else { return }
        let work = SchedulerLane.Work(
            evaluation: hand.delivery.evaluation, token: hand.delivery.token,
            attempt: hand.run.attempt, moment: moment)
        worker.isBusy = true
        counters.looks += 1
        let (scheduler, before) = (worker.scheduler, worker.lane.processorTime)
        worker.lane.submit({ scheduler.evaluate(work) }) { [weak self] proposal in
            worker.isBusy = false
            guard let self else { return }
            self.noteOwnLook(worker.lane.processorTime - before)
            guard self.isOn else { return self.server.lender.laneFreed() }
            self.proposed(proposal, by: id, token: hand.delivery.token)
            self.schedule()
        }
    }

    /// The hand that a delivery is in; nil if the broker has taken it back meanwhile.
    func hand(of id: UniqueID, token: UniqueID) -> Hand? {
        guard let hand = hands[id], hand.delivery.token == token else { return nil }
        guard broker.refusal(of: token, for: id) == nil else {
            hands[id] = nil
            return nil
        }
        return hand
    }

    func proposed(_ proposal: Scheduling.Proposal, by id: UniqueID, token: UniqueID) {
        guard let hand = hand(of: id, token: token) else { return }
        let key = hand.delivery.evaluation.job
        let step = hands[id]?.run.proposed(
            proposal, job: tables.job(key)?.value, blockedNodes: awaitedNodes(of: key),
            unixNanoseconds: unixNanoseconds)
        if let step { carryOut(step, of: hand) }
    }

    /// Nodes for which an evaluation of the job waits. One that was woken is blocked in the state yet, but
    /// may be canceled for a newer one of its job, which then has to wait in its place.
    func awaitedNodes(of job: JobKey) -> Set<UniqueID> {
        blocked.isFull ? tables.blockedNodes(of: job) : blocked.nodes(of: job)
    }

    func carryOut(_ step: EvaluationRun.Step, of hand: Hand) {
        let (id, token) = (hand.delivery.evaluation.id, hand.delivery.token)
        switch step {
        case .submit(let plan, let followUps):
            do {
                tickets[try plans.enqueue(plan)] = id
                try broker.pauseTimeout(of: id, token: token)
                hands[id]?.followUps = followUps
            } catch {
                reject(id, token: token)
            }
        case .retry: looking.append(id)
        case .finish(let outcome):
            // Somebody has ended it meanwhile: what was done of it stands.
            guard let row = tables.evaluation(id)?.value, !row.status.isTerminal else {
                return acknowledge(id, token: token)
            }
            outbox.entries.append(
                Outbox.Entry(
                    evaluations: [outcome.evaluation] + outcome.created,
                    delivery: Outbox.Delivery(id: id, token: token)))
        }
    }

    // MARK: Answers to the broker

    func acknowledge(_ id: UniqueID, token: UniqueID) {
        if hands[id]?.delivery.token == token { hands[id] = nil }
        do throws(EvaluationBroker.Refusal) {
            try broker.acknowledge(
                id, token: token, at: loop.now, unixNanoseconds: unixNanoseconds)
            counters.acknowledged += 1
        } catch {
            // It was taken back before: somebody else looks at it, and finds nothing to do.
        }
    }

    func reject(_ id: UniqueID, token: UniqueID) {
        if hands[id]?.delivery.token == token { hands[id] = nil }
        do throws(EvaluationBroker.Refusal) {
            try broker.reject(id, token: token, at: loop.now)
            counters.rejected += 1
        } catch {
            // It was taken back before.
        }
    }
}
