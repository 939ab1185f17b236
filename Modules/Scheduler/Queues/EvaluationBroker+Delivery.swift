// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension EvaluationBroker {
    // MARK: Serving

    /// The most urgent evaluation of one of `types`. Between types of equal priority they take
    /// turns (G3).
    ///
    /// - Parameter token: of this delivery alone.
    package mutating func dequeue(
        _ types: [JobType], token: UniqueID, at now: Duration
    ) -> Delivery? {
        guard let queue = mostUrgentQueue(of: types), let id = ready[queue].popFirst() else {
            return nil
        }
        servedLast = queue
        records[id]?.place = .delivered(token: token, isPaused: false)
        records[id]?.deliveries += 1
        startTimer(of: id, at: now)
        return records[id].map {
            Delivery(evaluation: $0.evaluation, token: token, attempt: $0.deliveries)
        }
    }

    private func mostUrgentQueue(of types: [JobType]) -> Int? {
        var best: (queue: Int, priority: Int)?
        for turn in 1...ready.count {
            let queue = (servedLast + turn) % ready.count
            guard types.contains(where: { $0.queue == queue }), let first = ready[queue].first
            else { continue }
            if best.map({ first.key.priority > $0.priority }) ?? true {
                best = (queue, first.key.priority)
            }
        }
        return best?.queue
    }

    private mutating func startTimer(of id: UniqueID, at now: Duration) {
        timers.insert(id, key: DueOrder(due: now + limits.answerTimeout, id: id))
    }

    // MARK: Answers

    /// Whether `token` is that of the evaluation's delivery; nil if it is. A plan is accepted only
    /// then (J3).
    package func refusal(of token: UniqueID, for id: UniqueID) -> Refusal? {
        guard case .delivered(let current, _) = records[id]?.place else { return .notOutstanding }
        return current == token ? nil : .wrongToken
    }

    private func check(_ token: UniqueID, for id: UniqueID) throws(Refusal) {
        if let refusal = refusal(of: token, for: id) { throw refusal }
    }

    /// The scheduler is done, and what it made is in the state. The job's next one is ready.
    package mutating func acknowledge(
        _ id: UniqueID, token: UniqueID, at now: Duration, unixNanoseconds: Int64
    ) throws(Refusal) {
        try check(token, for: id)
        let requeued = records[id]?.requeued
        drop(id)
        if let requeued {
            _ = enqueue(requeued, at: now, unixNanoseconds: unixNanoseconds)
        }
    }

    /// The scheduler gave up. The evaluation comes again after a while, or fails.
    package mutating func reject(
        _ id: UniqueID, token: UniqueID, at now: Duration
    ) throws(Refusal) {
        try check(token, for: id)
        giveBack(id, at: now)
    }

    /// While a plan is in the queue its evaluation does not time out.
    package mutating func pauseTimeout(of id: UniqueID, token: UniqueID) throws(Refusal) {
        try check(token, for: id)
        timers.remove(id)
        records[id]?.place = .delivered(token: token, isPaused: true)
    }

    /// The whole timeout begins anew.
    package mutating func resumeTimeout(
        of id: UniqueID, token: UniqueID, at now: Duration
    ) throws(Refusal) {
        try check(token, for: id)
        timers.remove(id)
        startTimer(of: id, at: now)
        records[id]?.place = .delivered(token: token, isPaused: false)
    }

    private mutating func giveBack(_ id: UniqueID, at now: Duration) {
        guard let record = records[id] else { return }
        timers.remove(id)
        records[id]?.requeued = nil
        guard record.deliveries < limits.deliveriesMax else {
            records[id]?.place = .failing
            failingIDs.insert(id)
            return
        }
        records[id]?.place = .resting
        let delay = retryDelay(afterDeliveries: record.deliveries)
        timers.insert(id, key: DueOrder(due: now + delay, id: id))
    }

    private func retryDelay(afterDeliveries count: Int) -> Duration {
        count <= 1 ? limits.firstRetryDelay : limits.laterRetryDelay * (count - 1)
    }

    // MARK: Time

    /// When ``advance(to:)`` has something to do; nil: nothing is delayed or delivered.
    package var nextEventAt: Duration? { timers.first?.key.due }

    /// Delayed evaluations become ready, deliveries without an answer come back.
    package mutating func advance(to now: Duration) {
        while let first = timers.first, first.key.due <= now {
            timers.remove(first.element)
            expire(first.element, at: now)
        }
    }

    private mutating func expire(_ id: UniqueID, at now: Duration) {
        guard let record = records[id] else { return }
        switch record.place {
        case .delayed: _ = admit(record.evaluation)
        case .resting: makeReady(id)
        case .delivered: giveBack(id, at: now)
        case .waiting, .ready, .failing:
            preconditionFailure("a timer without a reason: \(record.place)")
        }
    }

    // MARK: Ends

    /// Those whose deliveries failed too often, by id. Each is to be written as failed, with a
    /// follow-up (``Evaluation/failedFollowUp(id:after:)``); it is listed, and its job busy, until
    /// the state says so and ``forget(_:)`` is called.
    package var failing: [Evaluation] {
        failingIDs.sorted().compactMap { records[$0]?.evaluation }
    }

    /// The state says that the evaluation is complete, failed, canceled, blocked or gone. One that
    /// is in a scheduler's hands stays until it is answered.
    package mutating func forget(_ id: UniqueID) {
        guard let record = records[id] else { return }
        if case .delivered = record.place { return }
        drop(id)
    }

    private mutating func drop(_ id: UniqueID) {
        guard let record = records.removeValue(forKey: id) else { return }
        timers.remove(id)
        failingIDs.remove(id)
        ready[record.evaluation.type.queue].remove(id)
        let key = record.evaluation.job
        guard let slot = slots[key] else { return }
        if slot.waiting == id { slots[key]?.waiting = nil }
        guard slot.busy == id else { return }
        if let next = slot.waiting {
            slots[key] = Slot(busy: next)
            makeReady(next)
        } else {
            slots[key] = nil
        }
    }

    // MARK: What is in it

    /// Evaluations that somebody could begin with at once.
    package var readyCount: Int { ready.reduce(0) { $0 + $1.count } }

    package struct Counts: Equatable, Sendable {
        package var ready = 0
        package var waiting = 0
        package var delayed = 0
        package var delivered = 0
        package var failing = 0
    }

    package var counts: Counts {
        var counts = Counts()
        for record in records.values {
            switch record.place {
            case .ready: counts.ready += 1
            case .waiting: counts.waiting += 1
            case .delayed, .resting: counts.delayed += 1
            case .delivered: counts.delivered += 1
            case .failing: counts.failing += 1
            }
        }
        return counts
    }

    /// For tests: each record is where its place says, and each job has one in hand.
    package func checkInvariants() {
        for (id, record) in records {
            let slot = slots[record.evaluation.job]
            switch record.place {
            case .delayed: precondition(slot?.busy != id && timers.contains(id))
            case .waiting: precondition(slot?.waiting == id && slot?.busy != id)
            case .ready:
                precondition(slot?.busy == id)
                precondition(ready[record.evaluation.type.queue].contains(id))
            case .resting: precondition(slot?.busy == id && timers.contains(id))
            case .delivered(_, let isPaused):
                precondition(slot?.busy == id && timers.contains(id) != isPaused)
            case .failing: precondition(slot?.busy == id && failingIDs.contains(id))
            }
        }
        for slot in slots.values {
            precondition(records[slot.busy] != nil)
            if let waiting = slot.waiting { precondition(records[waiting]?.place == .waiting) }
        }
        precondition(records.count <= limits.evaluationsMax)
    }
}
