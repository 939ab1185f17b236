// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Evaluations that wait for capacity: the leader's memory of who is to be woken by what.
///
/// A service or batch evaluation carries what it learned about each class of nodes, and is woken by
/// a class that it found eligible or has not seen; if it has a constraint on single nodes, by any
/// class (it "escaped"). A system evaluation that names a node is woken by that node only (I2).
///
/// - Invariant: one per job, and for system jobs one per job and node: the newest. Others are
///   handed out by ``takeDuplicates()``.
/// - Invariant: at most `evaluationsMax`; what is offered beyond is refused, see ``needsRefill``.
package struct BlockedEvaluations: Sendable {
    package struct Limits: Equatable, Sendable {
        package var evaluationsMax = 262_144
        /// Classes, and nodes, whose last change is remembered one by one. Of those beyond, only
        /// the newest index is kept: it wakes a few evaluations too many, and never one too few.
        package var indexesMax = 8_192
        /// Those that ran out of attempts try again so often.
        package var retryInterval = Duration.seconds(60)

        package init() {}
    }

    /// What became of an evaluation that was offered.
    package enum Admission: Equatable, Sendable {
        case blocked
        /// What it waits for has changed since its snapshot: it belongs into the broker (G9).
        case missed
        /// A newer one of its job is here.
        case superfluous
        case full
        case disabled
    }

    /// Why something is woken, or not.
    struct Waiter: Sendable {
        let evaluation: Evaluation
        /// Set for one that waits for a single node.
        let nodeID: UniqueID?
    }

    struct WaiterKey: Hashable, Sendable {
        let job: JobKey
        let nodeID: UniqueID?
    }

    package let limits: Limits
    package private(set) var isEnabled = false
    private var hasOverflowed = false
    private var waiters: [UniqueID: Waiter] = [:]
    private var byKey: [WaiterKey: UniqueID] = [:]
    private var byJob: [JobKey: Set<UniqueID>] = [:]
    private var byNode: [UniqueID: Set<UniqueID>] = [:]
    /// Those that wait for classes.
    private var byClass: Set<UniqueID> = []
    /// Classes that nobody here can use: to tell them of one is a look-up.
    private var unusable: Set<String> = []
    private var duplicates: [Evaluation] = []
    private var retries = LiveHeap<DueOrder, UniqueID>()
    private var classChanges: ChangeIndex<String>
    private var nodeChanges: ChangeIndex<UniqueID>

    package init(limits: Limits = Limits()) {
        self.limits = limits
        classChanges = ChangeIndex(max: limits.indexesMax)
        nodeChanges = ChangeIndex(max: limits.indexesMax)
    }

    package var count: Int { waiters.count }

    /// Not all that the state has as blocked are here.
    package var isFull: Bool { hasOverflowed || waiters.count >= limits.evaluationsMax }

    /// For each of them an evaluation of the job waits here.
    package func nodes(of job: JobKey) -> Set<UniqueID> {
        Set((byJob[job] ?? []).compactMap { waiters[$0]?.nodeID })
    }

    /// Turned on, it is empty and waits to be filled from the state; turned off, it forgets all.
    package mutating func setEnabled(_ isEnabled: Bool) {
        if isEnabled == self.isEnabled { return }
        self = BlockedEvaluations(limits: limits)
        self.isEnabled = isEnabled
    }

    /// There is room for what was refused: offer the state's blocked evaluations again.
    package var needsRefill: Bool { hasOverflowed && waiters.count <= limits.evaluationsMax / 2 }

    package mutating func willRefill() { hasOverflowed = false }

    // MARK: Blocking

    /// Takes a blocked evaluation. The same id again replaces what was known of it (G11).
    package mutating func block(_ evaluation: Evaluation, at now: Duration) -> Admission {
        guard isEnabled else { return .disabled }
        if waiters[evaluation.id] != nil { remove(evaluation.id) }
        let waiter = Waiter(evaluation)
        if hasMissedItsWake(waiter) { return .missed }
        let key = WaiterKey(waiter)
        if let other = byKey[key].flatMap({ waiters[$0]?.evaluation }) {
            guard evaluation.isNewer(than: other) else {
                duplicates.append(evaluation)
                return .superfluous
            }
            remove(other.id)
            duplicates.append(other)
        }
        guard waiters.count < limits.evaluationsMax else {
            hasOverflowed = true
            return .full
        }
        insert(waiter, under: key, at: now)
        return .blocked
    }

    private func hasMissedItsWake(_ waiter: Waiter) -> Bool {
        let seen = waiter.evaluation.snapshotIndex
        if let nodeID = waiter.nodeID { return nodeChanges.hasChanged(nodeID, after: seen) }
        return classChanges.hasChanged(after: seen) { waiter.canUse($0) }
    }

    private mutating func insert(_ waiter: Waiter, under key: WaiterKey, at now: Duration) {
        let id = waiter.evaluation.id
        waiters[id] = waiter
        byKey[key] = id
        byJob[key.job, default: []].insert(id)
        if let nodeID = waiter.nodeID {
            byNode[nodeID, default: []].insert(id)
        } else {
            byClass.insert(id)
            unusable = unusable.filter { !waiter.canUse($0) }
        }
        if waiter.evaluation.trigger == .maxPlanAttempts {
            retries.insert(id, key: DueOrder(due: now + limits.retryInterval, id: id))
        }
    }

    private mutating func remove(_ id: UniqueID) {
        guard let waiter = waiters.removeValue(forKey: id) else { return }
        let key = WaiterKey(waiter)
        byKey[key] = nil
        byJob[key.job]?.remove(id)
        if byJob[key.job]?.isEmpty == true { byJob[key.job] = nil }
        byClass.remove(id)
        retries.remove(id)
        guard let nodeID = waiter.nodeID else { return }
        byNode[nodeID]?.remove(id)
        if byNode[nodeID]?.isEmpty == true { byNode[nodeID] = nil }
    }

    /// The state says that it waits no more.
    package mutating func forget(_ id: UniqueID) { remove(id) }

    /// Evaluations that a newer one of their job made needless; the state is to be told.
    package mutating func takeDuplicates() -> [Evaluation] {
        defer { duplicates = [] }
        return duplicates
    }

    // MARK: Waking

    /// A node of `computedClass` has registered, become ready or eligible, or lost an allocation,
    /// at log index `index`.
    ///
    /// - Returns: who may be placed now, the most urgent first. They are forgotten here.
    package mutating func unblock(computedClass: String, at index: UInt64) -> [Evaluation] {
        guard isEnabled else { return [] }
        classChanges.note(computedClass, at: index)
        if byClass.isEmpty || unusable.contains(computedClass) { return [] }
        let woken = byClass.filter { waiters[$0]?.canUse(computedClass) ?? false }
        if unusable.count >= limits.indexesMax { unusable = [] }
        unusable.insert(computedClass)
        return take(woken)
    }

    /// The same for the system evaluations that wait for this node.
    package mutating func unblock(nodeID: UniqueID, at index: UInt64) -> [Evaluation] {
        guard isEnabled else { return [] }
        nodeChanges.note(nodeID, at: index)
        return take(byNode[nodeID] ?? [])
    }

    /// Everything, as after a change of the scheduler's configuration (F4).
    package mutating func unblockAll(of type: JobType) -> [Evaluation] {
        take(waiters.values.filter { $0.evaluation.type == type }.map(\.evaluation.id))
    }

    private mutating func take(_ ids: some Sequence<UniqueID>) -> [Evaluation] {
        let evaluations = ids.compactMap { waiters[$0]?.evaluation }
        for evaluation in evaluations { remove(evaluation.id) }
        return evaluations.sorted { ServingOrder($0) < ServingOrder($1) }
    }

    /// An evaluation of the job was completed without failures, or the job is gone (G15): what
    /// waits for it is needless. The state is to be told, as of duplicates.
    package mutating func untrack(_ job: JobKey) -> [Evaluation] {
        take(byJob[job] ?? [])
    }

    // MARK: Time

    /// When the next one that ran out of attempts is to be tried again.
    package var nextEventAt: Duration? { retries.first?.key.due }

    package mutating func advance(to now: Duration) -> [Evaluation] {
        var due: [UniqueID] = []
        while let first = retries.first, first.key.due <= now {
            due.append(first.element)
            retries.remove(first.element)
        }
        return take(due)
    }
}

extension BlockedEvaluations.Waiter {
    init(_ evaluation: Evaluation) {
        self.evaluation = evaluation
        nodeID = evaluation.type.isSystem ? evaluation.nodeID : nil
    }

    /// An unseen class may do; a class that was found ineligible stays so.
    func canUse(_ computedClass: String) -> Bool {
        evaluation.hasEscapedClass || evaluation.classEligibility[computedClass] ?? true
    }
}

extension BlockedEvaluations.WaiterKey {
    init(_ waiter: BlockedEvaluations.Waiter) {
        job = waiter.evaluation.job
        nodeID = waiter.nodeID
    }
}
