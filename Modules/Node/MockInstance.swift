// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// An allocation on a node that only pretends: a timetable made of its tasks. Tasks start together,
/// whatever their lifecycle says; when one fails for good, the others are stopped.
package struct MockInstance: Sendable {
    package let id: UniqueID
    package let nodeID: UniqueID
    private var tasks: [MockTask] = []
    private var health: HealthWatch

    package init(_ assignment: Assignment, at instant: NodeInstant) {
        id = assignment.id
        nodeID = assignment.nodeID
        let group = assignment.group
        health = HealthWatch(assignment)
        let policy = group.restartPolicy ?? RestartPolicy(for: assignment.jobType)
        let isService = assignment.jobType == .service || assignment.jobType == .system
        for task in group.tasks {
            let isForever = isService && (task.lifecycle?.isSidecar ?? true)
            var settings = MockSettings()
            var fault: String?
            do throws(APIError) {
                settings = try MockSettings(task.config)
            } catch {
                fault = error.message
            }
            var made = MockTask(
                task, settings: settings, policy: task.restartPolicy ?? policy,
                isForever: isForever, at: instant)
            if let fault { made.refuse(fault, at: instant) }
            tasks.append(made)
        }
        settle(at: instant)
    }

    /// When something happens next; nil for never.
    package var nextEventAt: Duration? {
        (tasks.map(\.nextEventAt) + [health.nextEventAt]).compactMap { $0 }.min()
    }

    /// Lets everything happen that is due.
    ///
    /// - Returns: whether there is something to tell.
    package mutating func advance(to instant: NodeInstant) -> Bool {
        var hasChanged = false
        for position in tasks.indices where tasks[position].advance(to: instant) {
            hasChanged = true
        }
        let before = health.verdict?.isHealthy
        settle(at: instant)
        return hasChanged || before != health.verdict?.isHealthy
    }

    package mutating func stop(at instant: NodeInstant) {
        for position in tasks.indices { tasks[position].stop(at: instant) }
    }

    private mutating func settle(at instant: NodeInstant) {
        if tasks.contains(where: \.hasFailed) { stop(at: instant) }
        health.look(
            isRunning: tasks.allSatisfy(\.isRunning), hasFailed: tasks.contains(where: \.hasFailed),
            at: instant)
    }

    package var clientStatus: Allocation.ClientStatus {
        if tasks.contains(where: { !$0.isDead }) {
            return tasks.contains(where: { $0.isRunning || $0.state.startedUnixNanoseconds > 0 })
                ? .running : .pending
        }
        return tasks.contains(where: \.hasFailed) ? .failed : .complete
    }

    /// Nothing more will happen.
    package var hasEnded: Bool { tasks.allSatisfy(\.isDead) }

    /// What the servers are told of it.
    package var update: AllocationUpdate {
        var states = SortedMap<TaskState>()
        for task in tasks { states[task.name] = task.state }
        return AllocationUpdate(
            id: id, clientStatus: clientStatus, taskStates: states,
            isHealthy: health.verdict?.isHealthy,
            healthUnixNanoseconds: health.verdict?.unixNanoseconds ?? 0)
    }
}
