// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
package import MartletTransport

/// Runs each command below a supervisor of its own: a small process that outlives this one, writes the
/// command's output into files, and leaves word of how it ended (see ``RunFiles``).
///
///     ROOT/alloc/ID/…             what tasks see: AllocationFolders
///     ROOT/state/ID/allocation    what is kept of an allocation
///     ROOT/state/ID/TASK/N.…      its runs, by the task's place in its group
package final class SupervisedDriver: TaskDriver {
    package struct Machine {
        package var processes: any Processes
        package var files: any Files
        package var machine: any TaskMachine
        /// The program that supervises, and the words before its arguments.
        package var supervisor: [String]

        package init(
            processes: any Processes, files: any Files, machine: any TaskMachine,
            supervisor: [String]
        ) {
            self.processes = processes
            self.files = files
            self.machine = machine
            self.supervisor = supervisor
        }
    }

    /// A run that has not ended.
    final class Watched {
        let told: (RunNews) -> Void
        /// Of this life: its end wakes whoever waits for it.
        var process: (any RunningProcess)?
        var hasExited = false
        var supervisor: RunFiles.Identity?
        var command: RunFiles.Identity?
        /// Since before there was a command.
        var unsent: [Int32] = []
        var isLooking = false
        var looks = 0
        var timer: (any LoopTimer)?

        init(told: @escaping (RunNews) -> Void) { self.told = told }
    }

    private static let adoptedPause: Duration = .milliseconds(500)
    private static let cancelPause: Duration = .seconds(1)
    private static let firstPause: Duration = .milliseconds(5)

    let loop: any Loop
    let machine: Machine
    let lane: any Lane
    private let cleaning: any Lane
    private let root: String
    var watched: [TaskRun: Watched] = [:]
    /// Of each allocation what is on its way to the disk, the newest.
    private var saving: [UniqueID: [UInt8]] = [:]
    /// The newest of those of which it could not be kept.
    private var unsaved: [UniqueID: [UInt8]] = [:]
    private let log: (String) -> Void

    package init(
        loop: any Loop, machine: Machine, root: String, log: @escaping (String) -> Void
    ) {
        self.loop = loop
        self.machine = machine
        self.root = root
        self.log = log
        lane = loop.makeLane(named: "tasks")
        cleaning = loop.makeLane(named: "cleaning")
    }

    package func folders(of allocation: UniqueID) -> AllocationFolders {
        AllocationFolders(root: "\(root)/alloc/\(allocation)")
    }

    private func stateFolder(of allocation: UniqueID) -> String { "\(root)/state/\(allocation)" }

    func prefix(of run: TaskRun) -> String {
        "\(stateFolder(of: run.allocation))/\(run.position)/\(run.number)"
    }

    func runFiles(_ run: TaskRun) -> RunFiles {
        RunFiles(prefix: prefix(of: run), files: machine.files)
    }

    /// What an earlier life has left. Blocks: before the loop runs.
    ///
    /// - Throws: when something of it cannot be read: what may run already must not be started again.
    package static func left(
        in root: String, _ files: any Files
    ) throws(FileError) -> [SavedAllocation] {
        let folder = "\(root)/state"
        try files.makeDirectory(folder)
        var left: [SavedAllocation] = []
        for name in try files.list(folder) {
            guard let id = UniqueID(name) else { continue }
            let path = "\(folder)/\(name)/allocation"
            guard files.exists(path) else {
                // The folder is made before anything is kept, and that before anything runs.
                let update = AllocationUpdate(id: id, clientStatus: .pending)
                left.append(SavedAllocation(update: update, runs: [:]))
                continue
            }
            let bytes = try files.read(path, limitBytes: SavedAllocation.bytesMax)
            left.append(try parsed(bytes, path))
        }
        return left
    }

    private static func parsed(
        _ bytes: [UInt8], _ path: String
    ) throws(FileError) -> SavedAllocation {
        do throws(APIError) {
            return try SavedAllocation.parse(bytes)
        } catch {
            throw .failed(path: path, reason: error.message)
        }
    }

    package func save(_ saved: SavedAllocation) {
        let id = saved.update.id
        let folder = stateFolder(of: id)
        let (files, bytes) = (machine.files, saved.bytes)
        saving[id] = bytes
        lane.submit { () -> FileError? in
            do throws(FileError) {
                try files.makeDirectory(folder)
                try files.replace("\(folder)/allocation", with: bytes)
                return nil
            } catch {
                return error
            }
        } then: { [weak self] error in
            guard let self else { return }
            if let error { self.log("\(error)") }
            guard self.saving[id] == bytes else { return }
            self.saving[id] = nil
            self.unsaved[id] = error == nil ? nil : bytes
        }
    }

    // MARK: Starting

    /// A run that the next life would not know of is refused: it would be begun a second time.
    package func start(_ launch: TaskLaunch, told: @escaping (RunNews) -> Void) {
        let watch = Watched(told: told)
        watched[launch.run] = watch
        let folders = folders(of: launch.run.allocation)
        let needed =
            folders.needed(for: launch.taskName) + [
                "\(stateFolder(of: launch.run.allocation))/\(launch.run.position)"
            ]
        let files = machine.files
        let allocation = launch.run.allocation
        let folder = stateFolder(of: allocation)
        let expected = saving[allocation] ?? unsaved[allocation]
        var former = launch.run
        former.number -= 1
        let formerFiles = runFiles(former)
        lane.submit { () -> FileError? in
            do throws(FileError) {
                if let expected { try Self.keep(expected, in: folder, files) }
                for folder in needed { try files.makeDirectory(folder) }
                // What came of it is kept with the allocation.
                try formerFiles.remove()
                return nil
            } catch {
                return error
            }
        } then: { [weak self] error in
            guard let self, self.watched[launch.run] === watch else { return }
            if let error { return self.end(launch.run, .refused("\(error)")) }
            if self.unsaved[allocation] == expected { self.unsaved[allocation] = nil }
            self.spawn(launch, folders, watch)
        }
    }

    /// What was submitted before may have failed; the disk may have room by now, or say why it has not.
    private static func keep(
        _ bytes: [UInt8], in folder: String, _ files: any Files
    ) throws(FileError) {
        let path = "\(folder)/allocation"
        if files.exists(path), try files.read(path, limitBytes: SavedAllocation.bytesMax) == bytes {
            return
        }
        try files.makeDirectory(folder)
        try files.replace(path, with: bytes)
    }

    private func spawn(_ launch: TaskLaunch, _ folders: AllocationFolders, _ watch: Watched) {
        let run = launch.run
        let arguments =
            machine.supervisor.dropFirst() + [
                prefix(of: run), "\(folders.logs)/\(launch.taskName)", "\(launch.logs.maxFiles)",
                "\(launch.logs.maxFileSizeMB)", launch.folder ?? folders.task(launch.taskName),
                launch.command,
            ] + launch.arguments
        var streams = ChildStreams()
        streams.output = .file(path: "\(prefix(of: run)).log")
        streams.isInOwnSession = true
        do throws(TransportError) {
            watch.process = try machine.processes.start(
                machine.supervisor[0], arguments: Array(arguments),
                environment: launch.environment, streams: streams
            ) { [weak self] _ in
                watch.hasExited = true
                self?.look(run)
            }
            look(run)
        } catch {
            end(run, .refused("no supervisor can be started: \(error)"))
        }
    }

    package func recover(_ run: TaskRun, told: @escaping (RunNews) -> Void) {
        let watch = Watched(told: told)
        watched[run] = watch
        find(run, watch)
    }

    /// Finds its supervisor, or cancels it.
    private func find(_ run: TaskRun, _ watch: Watched) {
        let runFiles = runFiles(run)
        lane.submit { () -> (supervisor: RunFiles.Identity?, error: FileError?) in
            if let found = runFiles.supervisor { return (found, nil) }
            do throws(FileError) {
                try runFiles.cancel()
                return (runFiles.supervisor, nil)
            } catch {
                return (runFiles.supervisor, error)
            }
        } then: { [weak self] found in
            guard let self, self.watched[run] === watch else { return }
            if let supervisor = found.supervisor {
                watch.supervisor = supervisor
                return self.look(run)
            }
            guard let error = found.error else { return self.end(run, .neverBegan) }
            // Until it is cancelled a supervisor that is slow may still begin it.
            self.log("\(error)")
            self.later(Self.cancelPause, watch) { $0.find(run, watch) }
        }
    }

    private func later(
        _ pause: Duration, _ watch: Watched, _ body: @escaping (SupervisedDriver) -> Void
    ) {
        let timer = loop.makeTimer { [weak self] in
            if let self { body(self) }
        }
        watch.timer = timer
        timer.arm(at: loop.now + pause)
    }

    // MARK: Looking after them

    /// Looks at what a run has left, soon.
    private func look(_ run: TaskRun) {
        guard let watch = watched[run], !watch.isLooking else { return }
        watch.isLooking = true
        let (runFiles, machine) = (runFiles(run), machine.machine)
        let (hasExited, supervisor) = (watch.hasExited, watch.supervisor)
        lane.submit { () -> Sight in
            // In this order: one that ends after it was looked for has left word before.
            let isGone = supervisor.map { !$0.isAlive(on: machine) } ?? hasExited
            return Sight(started: runFiles.started, end: runFiles.end, isGone: isGone)
        } then: { [weak self] sight in
            watch.isLooking = false
            guard let self, self.watched[run] === watch else { return }
            self.saw(sight, of: run, watch)
            // It ended while it was looked at.
            if !hasExited, watch.hasExited { self.look(run) }
        }
    }

    private struct Sight: Sendable {
        let started: RunFiles.Identity?
        let end: RunFiles.End?
        let isGone: Bool
    }

    private func saw(_ sight: Sight, of run: TaskRun, _ watch: Watched) {
        if let command = sight.started, watch.command == nil {
            watch.command = command
            watch.told(.started)
            for signal in watch.unsent { send(signal, to: run) }
            watch.unsent = []
        }
        switch sight.end {
        case .ended(let end): self.end(run, .ended(end))
        case .refused(let why): end(run, .refused(why))
        case nil where sight.isGone: lost(run, watch)
        case nil: lookAgain(run, watch)
        }
    }

    /// The supervisor is gone and has left no word: nobody looks after the command.
    private func lost(_ run: TaskRun, _ watch: Watched) {
        guard watch.command != nil else {
            let isOurs = watch.process != nil
            return end(run, isOurs ? .refused("its supervisor has ended at once") : .neverBegan)
        }
        log("\(run.allocation): the supervisor of a task is gone: the task is killed")
        send(ExecTask.killSignal, to: run)
        end(run, .ended(.signal(ExecTask.killSignal)))
    }

    private func lookAgain(_ run: TaskRun, _ watch: Watched) {
        // The end of a process of ours is told; only its beginning is waited for.
        if watch.process != nil, watch.command != nil { return }
        watch.looks += 1
        let pause =
            watch.process == nil
            ? Self.adoptedPause : Self.firstPause * (1 << min(watch.looks, 6))
        later(pause, watch) { $0.look(run) }
    }

    private func end(_ run: TaskRun, _ news: RunNews) {
        guard let watch = watched.removeValue(forKey: run) else { return }
        watch.told(news)
    }

    package func send(_ signal: Int32, to run: TaskRun) {
        guard let watch = watched[run] else { return }
        guard let command = watch.command else { return watch.unsent.append(signal) }
        guard command.isAlive(on: machine.machine) else { return }
        machine.machine.send(signal: signal, toGroup: command.processID)
    }

    // MARK: Cleaning

    package func remove(_ allocation: UniqueID) {
        for run in watched.keys where run.allocation == allocation { watched[run] = nil }
        saving[allocation] = nil
        unsaved[allocation] = nil
        let state = stateFolder(of: allocation)
        let shown = folders(of: allocation).root
        let (files, machine, log) = (machine.files, machine.machine, log)
        // Behind what was submitted to start something of it.
        lane.submit { () -> FileError? in
            do throws(FileError) {
                try Self.kill(allIn: state, files, machine)
                return nil
            } catch {
                return error
            }
        } then: { [cleaning] error in
            if let error { log("\(error)") }
            cleaning.submit { () -> FileError? in
                do throws(FileError) {
                    for folder in [shown, state] where files.exists(folder) {
                        try machine.removeTree(folder)
                    }
                    return nil
                } catch {
                    return error
                }
            } then: { error in
                if let error { log("\(error)") }
            }
        }
    }

    /// Kills what runs of an allocation, and lets nothing of it begin.
    private static func kill(
        allIn state: String, _ files: any Files, _ machine: any TaskMachine
    ) throws(FileError) {
        guard files.exists(state) else { return }
        for task in try files.list(state) where files.isDirectory("\(state)/\(task)") {
            let names = try files.list("\(state)/\(task)")
            for number in Set(names.compactMap { $0.split(separator: ".").first }).sorted() {
                let run = RunFiles(prefix: "\(state)/\(task)/\(number)", files: files)
                guard run.end == nil else { continue }
                try run.cancel()
                guard let command = run.started, command.isAlive(on: machine) else { continue }
                machine.send(signal: ExecTask.killSignal, toGroup: command.processID)
            }
        }
    }
}
