// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// One time that a task's command runs.
package struct TaskRun: Hashable, Sendable {
    package var allocation: UniqueID
    /// Of the task in its group.
    package var position: Int
    /// From 1, one more for each time.
    package var number: Int

    package init(allocation: UniqueID, position: Int, number: Int) {
        self.allocation = allocation
        self.position = position
        self.number = number
    }
}

/// What becomes of a run, in this order: it begins and ends, or is refused, or has never begun.
package enum RunNews: Equatable, Sendable {
    case started
    case ended(TaskEnd)
    /// It cannot begin; with the reason.
    case refused(String)
    /// Nor will it.
    case neverBegan
}

/// What to run.
package struct TaskLaunch: Equatable, Sendable {
    package var run: TaskRun
    package var taskName: String
    package var command: String
    package var arguments: [String]
    package var environment: [String: String]
    /// Where it runs; nil for the task's folder.
    package var folder: String?
    package var logs: LogSettings

    package init(
        run: TaskRun, taskName: String, command: String, arguments: [String],
        environment: [String: String], folder: String?, logs: LogSettings
    ) {
        self.run = run
        self.taskName = taskName
        self.command = command
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
        self.logs = logs
    }
}

/// Runs commands of tasks so that they outlive this process. Confined to the loop: it calls back there,
/// never from within a call.
package protocol TaskDriver: AnyObject {
    /// Where the files of an allocation are.
    func folders(of allocation: UniqueID) -> AllocationFolders

    /// Keeps it, and is done with that before anything that is started later begins.
    func save(_ saved: SavedAllocation)

    /// Begins a run, in a process group of its own.
    func start(_ launch: TaskLaunch, told: @escaping (RunNews) -> Void)

    /// Finds out what has become of a run that an earlier life of this process has started, and goes
    /// on telling of it.
    func recover(_ run: TaskRun, told: @escaping (RunNews) -> Void)

    /// To all processes of the run's group.
    func send(_ signal: Int32, to run: TaskRun)

    /// Ends whatever still runs of it, and removes its files. What is kept or started of it from here on comes
    /// behind that: in folders that are new.
    func remove(_ allocation: UniqueID)
}

/// Where the files of an allocation are, as Nomad lays them out.
///
///     alloc/data, logs, tmp   what all tasks share
///     TASK/local, tmp         of one task; secrets for its own eyes
package struct AllocationFolders: Equatable, Sendable {
    package let root: String

    package init(root: String) { self.root = root }

    package var shared: String { "\(root)/alloc" }
    package var logs: String { "\(shared)/logs" }
    package func task(_ name: String) -> String { "\(root)/\(name)" }
    package func local(_ name: String) -> String { "\(task(name))/local" }
    package func secrets(_ name: String) -> String { "\(task(name))/secrets" }

    /// All that must be there before a task runs.
    package func needed(for task: String) -> [String] {
        [
            "\(shared)/data", logs, "\(shared)/tmp", local(task), secrets(task),
            "\(self.task(task))/tmp",
        ]
    }
}
