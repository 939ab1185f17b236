// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// A group's instances by what has to become of them. Each pool is ordered by number, then by age.
struct InstancePools: Sendable {
    /// They hold their place: running ones, batch instances that have ended well, and failed ones
    /// that are not tried again, or not yet.
    var staying: [Shared<Allocation>] = []
    /// They are to leave their node.
    var migrating: [Shared<Allocation>] = []
    /// Their node is gone.
    var lost: [Shared<Allocation>] = []
    /// Lost a while ago, or evicted, and not replaced so far: already stopped.
    var unreplaced: [Shared<Allocation>] = []
    /// Lost, and waited for: they hold their place until then.
    var awaited: [Shared<Allocation>] = []
    /// Of `lost`, those that are waited for from now on, and until when.
    var newlyAwaited: [(allocation: Shared<Allocation>, until: Int64)] = []
    /// Failed, and tried again now.
    var rescheduling: [Shared<Allocation>] = []
    /// Of `staying`, those that are tried again later, and when.
    var later: [(allocation: Shared<Allocation>, at: Int64)] = []
    /// They are over and count for nothing.
    var ignoredCount = 0
    /// Some instance is, or was, of the present version.
    var hasCurrentVersion = false
}

/// Sorts instances into pools.
struct InstanceSorter {
    /// An instance that is due within this time is due.
    static let windowNanoseconds: Int64 = 1_000_000_000
    /// A wait for a lost node began when its loss was written down, a little after its follow-up
    /// was dated.
    static let writeDelayNanoseconds: Int64 = 5_000_000_000

    let input: ReconcileInput
    let job: Job
    let deployment: DeploymentContext

    private enum Fate {
        case ignored
        case staying
        case retryLater(at: Int64)
        case migrating
        case lost
        case lostAwaited(until: Int64)
        case unreplaced
        case awaited
        case rescheduling
    }

    func sort(_ allocations: [Shared<Allocation>]) -> InstancePools {
        var pools = InstancePools()
        for allocation in allocations {
            if UpdateCheck.isSameVersion(allocation.value.job.value, job) {
                pools.hasCurrentVersion = true
            }
            switch fate(of: allocation.value) {
            case .ignored: pools.ignoredCount += 1
            case .staying: pools.staying.append(allocation)
            case .retryLater(let at):
                pools.staying.append(allocation)
                pools.later.append((allocation, at))
            case .migrating: pools.migrating.append(allocation)
            case .lost: pools.lost.append(allocation)
            case .lostAwaited(let until): pools.newlyAwaited.append((allocation, until))
            case .unreplaced: pools.unreplaced.append(allocation)
            case .awaited: pools.awaited.append(allocation)
            case .rescheduling: pools.rescheduling.append(allocation)
            }
        }
        return pools
    }

    private var isBatch: Bool { job.type == .batch }

    private func fate(of allocation: Allocation) -> Fate {
        if isBatch, allocation.isTerminal, isOlder(allocation) { return .ignored }
        if allocation.isServerTerminal { return fateOfStopped(allocation) }
        switch allocation.clientStatus {
        case .pending, .running: return fateOfLive(allocation)
        case .complete: return isBatch ? .staying : .ignored
        case .lost: return allocation.nextAllocation == nil ? .unreplaced : .ignored
        case .failed: return fateOfFailed(allocation)
        }
    }

    private func isOlder(_ allocation: Allocation) -> Bool {
        let running = allocation.job.value
        return (running.createIndex, running.version) < (job.createIndex, job.version)
    }

    /// An evicted instance did not get to its end, whatever its exit code was (F12).
    private func fateOfStopped(_ allocation: Allocation) -> Fate {
        let isReplaced = allocation.nextAllocation != nil
        if allocation.desiredStatus == .evict { return isReplaced ? .ignored : .unreplaced }
        if allocation.clientStatus == .lost, !isReplaced, let until = awaitedUntil(allocation) {
            let isDue =
                allocation.followUpEvaluationID == input.evaluation.id
                || until.saturatingSubtract(input.unixNanoseconds) <= Self.writeDelayNanoseconds
            return isDue ? .unreplaced : .awaited
        }
        // It found no room when it was lost; what evaluations come after must not forget it.
        if allocation.clientStatus == .lost, !isReplaced,
            allocation.desiredDescription == StopReason.lost
        {
            return .unreplaced
        }
        let hasEnded =
            isBatch && allocation.ranSuccessfully && !isReplaced
            && !allocation.transition.shouldMigrate
        return hasEnded ? .staying : .ignored
    }

    /// For an instance that was marked lost with a follow-up: until when its node is waited for.
    private func awaitedUntil(_ allocation: Allocation) -> Int64? {
        guard allocation.followUpEvaluationID != nil, let wait = wait(for: allocation) else {
            return nil
        }
        return allocation.modifyUnixNanoseconds.saturatingAdd(wait)
    }

    private func wait(for allocation: Allocation) -> Int64? {
        let wait = allocation.ownGroup?.stopAfterClientDisconnect?.nanoseconds ?? 0
        return wait > 0 ? wait : nil
    }

    private func fateOfLive(_ allocation: Allocation) -> Fate {
        switch input.taints[allocation.nodeID] {
        case .lost:
            guard let wait = wait(for: allocation) else { return .lost }
            return .lostAwaited(until: input.unixNanoseconds.saturatingAdd(wait))
        case .draining, nil: return allocation.transition.shouldMigrate ? .migrating : .staying
        }
    }

    private func fateOfFailed(_ allocation: Allocation) -> Fate {
        if allocation.nextAllocation != nil { return .ignored }
        if allocation.transition.shouldForceReschedule { return .rescheduling }
        // While its deployment goes on, that decides.
        if let current = deployment.current, current.isActive,
            allocation.deploymentID == current.id, allocation.transition.reschedule != true
        {
            return .staying
        }
        let policy = allocation.ownGroup?.reschedulePolicy
        switch Rescheduling.verdict(on: allocation, policy: policy, at: input.unixNanoseconds) {
        case .never: return .staying
        case .at(let time):
            let isDue =
                allocation.followUpEvaluationID == input.evaluation.id
                || time.saturatingSubtract(input.unixNanoseconds) <= Self.windowNanoseconds
            if isDue { return .rescheduling }
            return allocation.followUpEvaluationID == nil ? .retryLater(at: time) : .staying
        }
    }
}
