// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// An allocation whose tasks really run, in the order that their lifecycles ask for:
///
///     prestart ──ended well; sidecars run──▶ main, and poststart once they run ──all ended──▶ poststop
///
/// When a task fails for good, or the leader ends, the others are stopped; so are sidecars once the
/// main tasks have ended. What stops still runs its poststop tasks.
struct ExecInstance: Sendable {
    /// What is to be done about the task at a position.
    struct Effect: Equatable, Sendable {
        let position: Int
        let effect: ExecTask.Effect
    }

    private(set) var assignment: Assignment
    private(set) var tasks: [ExecTask]
    private var health: HealthWatch
    private var isStopping = false
    /// The servers said so before it had ended.
    private var isStopped = false

    init(_ assignment: Assignment, at instant: NodeInstant) {
        self.assignment = assignment
        let (group, type) = (assignment.group, assignment.jobType)
        tasks = group.tasks.map { ExecTask($0, group: group, type: type, at: instant) }
        health = HealthWatch(assignment)
    }

    /// As an earlier life of this process has left it.
    init(_ assignment: Assignment, _ saved: SavedAllocation, at instant: NodeInstant) {
        self.assignment = assignment
        let (group, type) = (assignment.group, assignment.jobType)
        tasks = group.tasks.map { task in
            guard let state = saved.update.taskStates?.value[task.name] else {
                return ExecTask(task, group: group, type: type, at: instant)
            }
            return ExecTask(
                task, group: group, type: type, state: state,
                runs: saved.runs[task.name] ?? .init(count: 0, isOpen: false), at: instant)
        }
        health = HealthWatch(assignment)
        isStopped = saved.isStopped
        if let isHealthy = saved.update.isHealthy {
            health.restore(
                isHealthy: isHealthy, unixNanoseconds: saved.update.healthUnixNanoseconds)
        }
    }

    /// When something happens next, by itself; nil for never.
    var nextEventAt: Duration? {
        (tasks.map(\.nextEventAt) + [health.nextEventAt]).compactMap { $0 }.min()
    }

    var hasEnded: Bool { tasks.allSatisfy(\.isDead) }

    /// Once, after it was made.
    mutating func begin(at instant: NodeInstant) -> [Effect] {
        let recovered = tasks.indices.flatMap { position in
            tasks[position].recover().map { Effect(position: position, effect: $0) }
        }
        return recovered + settle(at: instant)
    }

    /// Lets happen what is due.
    mutating func advance(to instant: NodeInstant) -> [Effect] {
        let effects = tasks.indices.flatMap { position in
            tasks[position].advance(to: instant).map { Effect(position: position, effect: $0) }
        }
        return effects + settle(at: instant)
    }

    mutating func heard(
        _ news: RunNews, of run: Int, at position: Int, _ instant: NodeInstant
    ) -> [Effect] {
        let effects = tasks[position].heard(news, of: run, at: instant)
            .map { Effect(position: position, effect: $0) }
        return effects + settle(at: instant)
    }

    /// Takes in that the servers have changed it while it runs.
    mutating func follow(_ assignment: Assignment, at instant: NodeInstant) -> [Effect] {
        self.assignment = assignment
        return health.follow(assignment) ? settle(at: instant) : []
    }

    mutating func stop(at instant: NodeInstant) -> [Effect] {
        isStopping = true
        isStopped = isStopped || !hasEnded
        return stopMost(at: instant) { _ in .wanted } + settle(at: instant)
    }

    /// All but those that run when everything else has ended.
    private mutating func stopMost(
        at instant: NodeInstant, _ reason: (Int) -> ExecTask.Reason
    ) -> [Effect] {
        tasks.indices.flatMap { position -> [Effect] in
            guard tasks[position].hook != .poststop else { return [] }
            return tasks[position].stop(for: reason(position), at: instant)
                .map { Effect(position: position, effect: $0) }
        }
    }

    private mutating func settle(at instant: NodeInstant) -> [Effect] {
        var effects: [Effect] = []
        if let failed = tasks.first(where: \.hasFailed) {
            isStopping = true
            effects += stopMost(at: instant) { _ in .siblingFailed(failed.task.name) }
        } else if tasks.contains(where: { $0.task.isLeader && $0.isDead }) {
            isStopping = true
            effects += stopMost(at: instant) { _ in .leaderEnded }
        } else if areAllDead(where: { $0.hook == nil }), tasks.contains(where: { $0.hook == nil }) {
            isStopping = true
            effects += stopMost(at: instant) { _ in .wanted }
        }
        for position in tasks.indices where mayBegin(tasks[position]) {
            effects += tasks[position].begin().map { Effect(position: position, effect: $0) }
        }
        health.look(
            isRunning: !isStopping
                && tasks.allSatisfy { $0.isRunning || $0.hasEndedWell || $0.hook == .poststop }
                && tasks.contains(where: \.isRunning),
            hasFailed: tasks.contains(where: \.hasFailed), at: instant)
        return effects
    }

    private func mayBegin(_ task: ExecTask) -> Bool {
        guard task.phase == .waiting else { return false }
        if task.hook == .poststop { return areAllDead(where: { $0.hook != .poststop }) }
        guard !isStopping else { return false }
        switch task.hook {
        case .prestart, .poststop: return true
        case .poststart: return tasks.allSatisfy { $0.hook != nil || $0.isRunning }
        case nil:
            return tasks.allSatisfy {
                guard $0.hook == .prestart else { return true }
                return $0.isSidecar ? $0.isRunning : $0.hasEndedWell
            }
        }
    }

    private func areAllDead(where isMeant: (ExecTask) -> Bool) -> Bool {
        tasks.allSatisfy { !isMeant($0) || $0.isDead }
    }

    private var clientStatus: Allocation.ClientStatus {
        if !hasEnded {
            let hasStarted = tasks.contains { $0.state.startedUnixNanoseconds > 0 }
            return hasStarted ? .running : .pending
        }
        return tasks.contains(where: \.hasFailed) ? .failed : .complete
    }

    /// What the servers are told of it, and what is kept.
    var saved: SavedAllocation {
        var states = SortedMap<TaskState>()
        var runs = SortedMap<SavedAllocation.Runs>()
        for task in tasks {
            states[task.task.name] = task.state
            runs[task.task.name] = task.runs
        }
        return SavedAllocation(
            update: AllocationUpdate(
                id: assignment.id, clientStatus: clientStatus, taskStates: states,
                isHealthy: health.verdict?.isHealthy,
                healthUnixNanoseconds: health.verdict?.unixNanoseconds ?? 0), runs: runs,
            isStopped: isStopped)
    }
}

extension ExecTask {
    var hook: TaskLifecycle.Hook? { task.lifecycle?.hook }
    var isSidecar: Bool { task.lifecycle?.isSidecar ?? false }
}
