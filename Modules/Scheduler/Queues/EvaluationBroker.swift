// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Hands evaluations to schedulers: the most urgent first, one per job at a time.
///
/// Lives on the leader only, and holds nothing that is not in the state: a new leader fills its own
/// from the pending evaluations (G12). It has no clock and no randomness: instants and tokens are
/// arguments, and ``nextEventAt`` says when to call ``advance(to:)``.
///
///     enqueue ──▶ delayed ──(due)──▶ ready ──dequeue──▶ delivered ──acknowledge──▶ gone
///        │                             ▲                   │
///        └──▶ waiting (job is busy) ───┘◀──(later)── nack, or no answer in time
///                                                          │ too often
///                                                          └──▶ failing ──forget──▶ gone
///
/// - Invariant: of one job, at most one evaluation is ready, delivered, failing or sent back; one more waits,
///   the newest. Older ones that waited are handed out by ``takeCancelled()`` (G2).
/// - Invariant: at most `evaluationsMax` are held. What is offered beyond is refused and stays
///   pending in the state; ``needsRefill`` says when to offer it again.
package struct EvaluationBroker: Sendable {
    package struct Limits: Equatable, Sendable {
        /// A delivery without an answer for so long has failed (G5).
        package var answerTimeout = Duration.seconds(60)
        /// So many deliveries may fail before the evaluation does.
        package var deliveriesMax = 3
        /// The wait after the first failed delivery, and what each further one adds.
        package var firstRetryDelay = Duration.seconds(1)
        package var laterRetryDelay = Duration.seconds(20)
        /// An evaluation takes about 500 bytes here: 128 MB.
        package var evaluationsMax = 262_144

        package init() {}
    }

    /// An evaluation in a scheduler's hands.
    package struct Delivery: Equatable, Sendable {
        package let evaluation: Evaluation
        /// Proves, with every answer, that it is for this delivery.
        package let token: UniqueID
        /// The how manieth delivery this is, from 1.
        package let attempt: Int
    }

    /// What became of an evaluation that was offered.
    package enum Admission: Equatable, Sendable {
        case ready
        /// Its `WaitUntil` or `Wait` has not passed.
        case delayed
        /// Its job has another one in hand.
        case waiting
        /// It is already here, or a newer one of its job waits, which makes this one needless.
        case superfluous
        /// It runs at the moment, and comes back when it is acknowledged.
        case requeued
        /// There is no room. It stays in the state.
        case full
        /// The broker is off: not the leader, or paused by the operator.
        case disabled
    }

    /// Why an answer counts for nothing.
    package enum Refusal: Error, Equatable, Sendable {
        /// The evaluation is not delivered: answered before, timed out, or never here.
        case notOutstanding
        /// It is, but to somebody else (G6).
        case wrongToken
    }

    /// Where an evaluation is.
    enum Place: Equatable, Sendable {
        case delayed
        case waiting
        case ready
        /// Sent back, until its delay is over. It keeps its job busy.
        case resting
        case delivered(token: UniqueID, isPaused: Bool)
        case failing
    }

    struct Record: Sendable {
        var evaluation: Evaluation
        var place: Place
        var deliveries = 0
        /// Offered again while it was delivered.
        var requeued: Evaluation?
    }

    /// A job's evaluations: the one in hand, and the one that follows.
    struct Slot: Equatable, Sendable {
        var busy: UniqueID
        var waiting: UniqueID?
    }

    package let limits: Limits
    package private(set) var isEnabled = false
    /// Some were refused for want of room.
    private var hasOverflowed = false

    var records: [UniqueID: Record] = [:]
    var slots: [JobKey: Slot] = [:]
    var ready: [LiveHeap<ServingOrder, UniqueID>]
    /// Starts and retries to come, and timeouts of deliveries.
    var timers = LiveHeap<DueOrder, UniqueID>()
    var cancelled: [Evaluation] = []
    var failingIDs: Set<UniqueID> = []
    /// The type that was served last: equal priorities take turns.
    var servedLast = 0

    package init(limits: Limits = Limits()) {
        self.limits = limits
        ready = Array(repeating: LiveHeap(), count: JobType.allCases.count)
    }

    // MARK: On and off

    /// Turned on, it is empty and waits to be filled from the state. Turned off, it forgets
    /// everything: answers to its deliveries are refused from then on.
    package mutating func setEnabled(_ isEnabled: Bool) {
        if isEnabled == self.isEnabled { return }
        self = EvaluationBroker(limits: limits)
        self.isEnabled = isEnabled
    }

    // MARK: Offers

    /// Takes a pending evaluation.
    ///
    /// - Parameters:
    ///   - now: monotonic, as in every call.
    ///   - unixNanoseconds: the wall clock at `now`, which `WaitUntil` is compared with.
    package mutating func enqueue(
        _ evaluation: Evaluation, at now: Duration, unixNanoseconds: Int64
    ) -> Admission {
        guard isEnabled else { return .disabled }
        if let known = records[evaluation.id] { return offerAgain(evaluation, to: known) }
        guard records.count < limits.evaluationsMax else {
            hasOverflowed = true
            return .full
        }
        records[evaluation.id] = Record(evaluation: evaluation, place: .delayed)
        let delay = evaluation.delay(atUnixNanoseconds: unixNanoseconds)
        guard delay > .zero else { return admit(evaluation) }
        timers.insert(evaluation.id, key: DueOrder(due: now + delay, id: evaluation.id))
        return .delayed
    }

    /// There is room for what was refused: offer the state's pending evaluations again.
    package var needsRefill: Bool { hasOverflowed && records.count <= limits.evaluationsMax / 2 }

    package mutating func willRefill() { hasOverflowed = false }

    private mutating func offerAgain(_ evaluation: Evaluation, to known: Record) -> Admission {
        guard case .delivered = known.place else { return .superfluous }
        records[evaluation.id]?.requeued = evaluation
        return .requeued
    }

    /// One whose time has come: it is ready if its job has none in hand.
    mutating func admit(_ evaluation: Evaluation) -> Admission {
        let key = evaluation.job
        guard let slot = slots[key] else {
            slots[key] = Slot(busy: evaluation.id)
            makeReady(evaluation.id)
            return .ready
        }
        if let waiting = slot.waiting.flatMap({ records[$0]?.evaluation }) {
            let isNewer = evaluation.isNewer(than: waiting)
            cancel(isNewer ? waiting : evaluation)
            if !isNewer { return .superfluous }
        }
        slots[key]?.waiting = evaluation.id
        records[evaluation.id]?.place = .waiting
        return .waiting
    }

    private mutating func cancel(_ evaluation: Evaluation) {
        records[evaluation.id] = nil
        cancelled.append(evaluation)
    }

    mutating func makeReady(_ id: UniqueID) {
        guard let evaluation = records[id]?.evaluation else { return }
        records[id]?.place = .ready
        ready[evaluation.type.queue].insert(id, key: ServingOrder(evaluation))
    }

    /// The evaluations that a newer one of their job made needless, in the order in which they
    /// were. The state has to be told, as status canceled; then they are forgotten here.
    package mutating func takeCancelled() -> [Evaluation] {
        defer { cancelled = [] }
        return cancelled
    }
}

extension JobType {
    /// Which of the ready queues holds evaluations of this type.
    var queue: Int {
        switch self {
        case .service: 0
        case .batch: 1
        case .system: 2
        case .sysbatch: 3
        }
    }
}
