// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletScheduler
import MartletRaft
import MartletState
import MartletTransport

// The applier: plans are checked one after the other against the ledger, which knows of those before it
// that are not committed, and written as entries of the log.

extension Dispatcher {
    /// A plan on its way into the log, or one of which nothing is to be written and that waits for those
    /// before it, since they are what it met.
    struct Flight {
        let number: UInt64
        let evaluation: UniqueID
        let token: UniqueID
        var result: PlanResult
        let bytes: Int
        /// Entries without an answer.
        var pending: Int
        var isLost = false
    }

    /// What may be on its way at once: enough that the disk is never waited for, and few enough that a
    /// lost leadership costs little.
    private static let flightsMax = 32
    private static let flightBytesMax = 512 << 10
    /// Stops, evictions and placements of one entry, if they fit it: few, since an entry is applied in one turn
    /// of the loop.
    private static let elementsMax = 512

    func checkPlans() {
        if isLedgerStale { readLedger() }
        guard surveying == nil else { return land() }
        var bytes = flights.reduce(0) { $0 + $1.bytes }
        while flights.count < Self.flightsMax, bytes < Self.flightBytesMax,
            let entry = plans.dequeue()
        {
            guard let id = tickets.removeValue(forKey: entry.ticket),
                let hand = hand(of: id, token: entry.plan.token)
            else { continue }
            bytes += check(entry.plan, of: hand)
        }
        land()
    }

    /// - Returns: the bytes that it takes in the log.
    private func check(_ plan: PlacementPlan, of hand: Hand) -> Int {
        let tables = tables
        let verdict = PlanCheck.check(plan, against: ledger) { tables.allocation($0) != nil }
        counters.plans += 1
        counters.nodesRejected += UInt64(verdict.refusals.count)
        for refusal in verdict.refusals.prefix(8) {
            logger.debug(
                "a part of a plan was refused",
                metadata: ["node": "\(refusal.nodeID)", "reason": "\(refusal.reason)"])
        }
        let result = verdict.result
        guard let entries = entries(for: result, of: plan, followUps: hand.followUps) else {
            logger.warning(
                "a plan is too large for the log", metadata: ["evaluation": "\(plan.evaluationID)"])
            let step = hands[plan.evaluationID]?.run.tooLarge(unixNanoseconds: unixNanoseconds)
            if let step { carryOut(step, of: hand) }
            return 0
        }
        goAhead(with: result)
        nextFlight += 1
        let bytes = entries.reduce(0) { $0 + $1.count }
        flights.append(
            Flight(
                number: nextFlight, evaluation: plan.evaluationID, token: plan.token,
                result: result, bytes: bytes, pending: entries.count))
        let number = nextFlight
        for entry in entries {
            propose(encoded: entry) { [weak self] in self?.answered(number, index: $0) }
        }
        return bytes
    }

    /// What is to be written, none for nothing; nil if it does not fit.
    private func entries(
        for result: PlanResult, of plan: PlacementPlan, followUps: [Evaluation]
    ) -> [[UInt8]]? {
        if result.isEmpty { return [] }
        if plan.isAllAtOnce, result.placesSomething {
            // A crash between two entries would leave a part of it.
            guard result.fitsLists else { return nil }
            let whole = entry(of: result, number: 0, plan: plan, followUps: followUps)
            return whole.count <= entryBytesMax ? [whole] : nil
        }
        var elementsMax = Self.elementsMax
        while elementsMax > 0 {
            var entries: [[UInt8]] = []
            let pieces = result.pieces(elementsMax: elementsMax)
            for piece in pieces {
                let entry = entry(
                    of: piece, number: entries.count, plan: plan, followUps: followUps)
                // Neither smaller pieces nor those behind it are of use then.
                guard entry.count <= entryBytesMax else { break }
                entries.append(entry)
            }
            if entries.count == pieces.count { return entries }
            if pieces[entries.count].isOneEviction { return nil }
            elementsMax /= 4
        }
        return nil
    }

    /// The follow-ups go first: allocations name them. Jobs whose instances are evicted are looked at
    /// by evaluations in the same entry, so that no crash comes between (F9).
    private func entry(
        of piece: PlanResult, number: Int, plan: PlacementPlan, followUps: [Evaluation]
    ) -> [UInt8] {
        let tables = tables
        // Each piece has ids of its own.
        let seed = plan.snapshotIndex ^ (UInt64(number) << 48)
        let victims = piece.evaluationsForVictims(
            of: plan.evaluationID, snapshotIndex: seed, unixNanoseconds: unixNanoseconds
        ) { tables.job($0)?.value }
        let entry = PlanEntry(
            piece, evaluationID: plan.evaluationID,
            evaluations: (number == 0 ? followUps : []) + victims,
            unixNanoseconds: unixNanoseconds)
        return Command.scheduling(.applyPlan(entry)).encoded()
    }

    // MARK: Answers of the log

    private func answered(_ number: UInt64, index: UInt64?) {
        guard let place = flights.firstIndex(where: { $0.number == number }) else { return }
        flights[place].pending -= 1
        if let index {
            flights[place].result.index = max(flights[place].result.index, index)
        } else {
            flights[place].isLost = true
        }
        land()
    }

    /// In their order: what a plan met is in the state before it is looked at again.
    func land() {
        while let first = flights.first, first.pending == 0 {
            flights.removeFirst()
            landed(first)
        }
    }

    private func landed(_ flight: Flight) {
        caughtUp(with: flight.result)
        if flight.isLost || !isWhole(flight.result) { isLedgerStale = true }
        drains.noteLanding(flight.result)
        if flight.isLost { return reject(flight.evaluation, token: flight.token) }
        noteLost(flight)
        for part in flight.result.nodes where !part.stops.isEmpty || !part.evictions.isEmpty {
            wake(node: part.nodeID, at: flight.result.index)
        }
        guard let hand = hand(of: flight.evaluation, token: flight.token) else { return }
        counters.placements += UInt64(flight.result.nodes.reduce(0) { $0 + $1.placements.count })
        let key = hand.delivery.evaluation.job
        do throws(EvaluationBroker.Refusal) {
            try broker.resumeTimeout(of: flight.evaluation, token: flight.token, at: loop.now)
        } catch {
            preconditionFailure("a delivery that was just found is gone: \(error)")
        }
        let step = hands[flight.evaluation]?.run.planned(
            flight.result, job: tables.job(key)?.value, blockedNodes: awaitedNodes(of: key),
            unixNanoseconds: unixNanoseconds)
        if let step { carryOut(step, of: hand) }
    }

    /// Whether the state did all of it: what the log had overtaken, such as instances of a job that was
    /// forgotten meanwhile, it has passed over, and the ledger must not count on it.
    private func isWhole(_ result: PlanResult) -> Bool {
        let tables = tables
        return result.nodes.allSatisfy { part in
            part.placements.allSatisfy { tables.allocation($0.id) != nil }
                && part.evictions.allSatisfy {
                    tables.allocation($0.allocation.value.id)?.value.isTerminal ?? true
                }
        }
    }
}

extension PlanResult {
    /// Nothing of the plan is to be done.
    fileprivate var isEmpty: Bool {
        nodes.allSatisfy(\.isEmpty) && deployment == nil && deploymentUpdates.isEmpty
    }

    /// Whether it is of a single node where somebody is evicted, which is not divided.
    fileprivate var isOneEviction: Bool {
        nodes.count == 1 && nodes.allSatisfy { !$0.evictions.isEmpty }
    }

    fileprivate var placesSomething: Bool {
        nodes.contains { $0.placements.contains { $0.createIndex == 0 } }
    }

    /// Whether the lists of one entry have room for all of it.
    fileprivate var fitsLists: Bool {
        let counts = nodes.reduce(into: (stops: 0, evictions: 0, placements: 0)) {
            $0.stops += $1.stops.count
            $0.evictions += $1.evictions.count
            $0.placements += $1.placements.count
        }
        return max(counts.stops, counts.evictions, counts.placements) <= PlanEntry.elementsMax
    }
}
