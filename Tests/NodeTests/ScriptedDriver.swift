// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletNode

/// A driver that runs nothing and notes what it is asked; what comes of runs is told by the test.
final class ScriptedDriver: TaskDriver {
    /// In the order of coming: `start 0.1`, `recover 0.1`, `signal 2 0.1`, `remove`; a run by its task's
    /// place and its number.
    private(set) var asked: [String] = []
    private(set) var saved: [UniqueID: SavedAllocation] = [:]
    private(set) var launches: [TaskLaunch] = []
    private var told: [String: (RunNews) -> Void] = [:]

    /// What was asked since the last time.
    func takeAsked() -> [String] {
        defer { asked = [] }
        return asked
    }

    func tell(_ run: String, _ news: RunNews) { told[run]?(news) }

    func folders(of allocation: UniqueID) -> AllocationFolders { AllocationFolders(root: "/a") }

    func save(_ saved: SavedAllocation) { self.saved[saved.update.id] = saved }

    func start(_ launch: TaskLaunch, told: @escaping (RunNews) -> Void) {
        launches.append(launch)
        note("start", launch.run, told)
    }

    func recover(_ run: TaskRun, told: @escaping (RunNews) -> Void) { note("recover", run, told) }

    func send(_ signal: Int32, to run: TaskRun) {
        asked.append("signal \(signal) \(run.position).\(run.number)")
    }

    func remove(_ allocation: UniqueID) {
        asked.append("remove")
        saved[allocation] = nil
    }

    private func note(_ word: String, _ run: TaskRun, _ told: @escaping (RunNews) -> Void) {
        let name = "\(run.position).\(run.number)"
        asked.append("\(word) \(name)")
        self.told[name] = told
    }
}
