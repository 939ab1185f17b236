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

        /// Lets go of the timer, which holds this.
        func stopLooking() {
            timer?.disarm()
            timer = nil
        }
    }

    /// The removal of an allocation: until nothing of it runs and its files are gone, nothing of it begins. Else
    /// what begins anew would find the word of what ended there before, or lose its folders.
    private final class Removal {
        /// Those of this life that may still look after something.
        var supervisors: [Watched] = []
        /// What is to begin behind it.
        var waiting: [() -> Void] = []
        var looks = 0
        var hasFailed = false
        var timer: (any LoopTimer)?
    }

    private static let adoptedPause: Duration = .milliseconds(500)
    private static let cancelPause: Duration = .seconds(1)
    private static let firstPause: Duration = .milliseconds(5)
    private static let removalPause: Duration = .milliseconds(20)

    let loop: any Loop
    let machine: Machine
    let lane: any Lane
    private let cleaning: any Lane
    private let root: String
    var watched: [TaskRun: Watched] = [:]
    /// Of each allocation what is on its way to the disk, the newest.
    private var saving: [UniqueID: [UInt8]] = [:]
    /// The newest of those of which it could not be kept, or not yet.
    private var unsaved: [UniqueID: [UInt8]] = [:]
    private var removals: [UniqueID: Removal] = [:]
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

    /// What an earlier life has left.
    package struct Left: Sendable {
        package var allocations: [SavedAllocation] = []
        /// Those of which nobody can say what was kept, with why: what runs of them has to be removed, before
        /// anything of them is started again.
        package var damaged: [(id: UniqueID, why: String)] = []
    }

    /// What an earlier life has left. Blocks: before the loop runs.
    ///
    /// - Throws: when something of it cannot be read: what may run already must not be started again.
    package static func left(in root: String, _ files: any Files) throws(FileError) -> Left {
        let folder = "\(root)/state"
        try files.makeDirectory(folder)
        var left = Left()
        for name in try files.list(folder) {
            guard let id = UniqueID(name) else { continue }
            let path = "\(folder)/\(name)/allocation"
            guard files.exists(path) else {
                // The folder is made before anything is kept, and that before anything runs.
                let update = AllocationUpdate(id: id, clientStatus: .pending)
                left.allocations.append(SavedAllocation(update: update, runs: [:]))
                continue
            }
            let bytes = try files.read(path, limitBytes: SavedAllocation.bytesMax)
            do throws(APIError) {
                left.allocations.append(try SavedAllocation.parse(bytes))
            } catch {
                left.damaged.append((id, "\(path): \(error.message)"))
            }
        }
        return left
    }

    package func save(_ saved: SavedAllocation) {
        let (id, bytes) = (saved.update.id, saved.bytes)
        guard removals[id] == nil else { return unsaved[id] = bytes }
        save(bytes, of: id)
    }

    private func save(_ bytes: [UInt8], of id: UniqueID) {
        let folder = stateFolder(of: id)
        let files = machine.files
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
        guard let removal = removals[launch.run.allocation] else { return prepare(launch, watch) }
        removal.waiting.append { [weak self] in
            guard let self, self.watched[launch.run] === watch else { return }
            self.prepare(launch, watch)
        }
    }

    private func prepare(_ launch: TaskLaunch, _ watch: Watched) {
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
                self?.look(run, watch)
            }
            look(run, watch)
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
                return self.look(run, watch)
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

    /// Looks at what a run has left, soon. Another run of that name may be on its way by now.
    private func look(_ run: TaskRun, _ watch: Watched) {
        guard watched[run] === watch, !watch.isLooking else { return }
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
            if !hasExited, watch.hasExited { self.look(run, watch) }
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
        later(pause, watch) { $0.look(run, watch) }
    }

    private func end(_ run: TaskRun, _ news: RunNews) {
        guard let watch = watched.removeValue(forKey: run) else { return }
        watch.stopLooking()
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
        let known = removals[allocation]
        let removal = known ?? Removal()
        for (run, watch) in watched where run.allocation == allocation {
            watched[run] = nil
            watch.stopLooking()
            if watch.process != nil { removal.supervisors.append(watch) }
        }
        saving[allocation] = nil
        unsaved[allocation] = nil
        removal.waiting = []
        guard known == nil else { return }
        removals[allocation] = removal
        sweep(allocation, removal)
    }

    /// Kills what runs of it, until nothing does. Behind what was submitted to start something of it.
    private func sweep(_ allocation: UniqueID, _ removal: Removal) {
        let state = stateFolder(of: allocation)
        let (files, machine) = (machine.files, machine.machine)
        lane.submit { () -> (isQuiet: Bool, error: FileError?) in
            do throws(FileError) {
                return (try Self.kill(allIn: state, files, machine), nil)
            } catch {
                return (false, error)
            }
        } then: { [weak self] found in
            guard let self else { return }
            if found.isQuiet, removal.supervisors.allSatisfy(\.hasExited) {
                self.clear(allocation, removal)
            } else {
                self.sweepAgain(allocation, removal, found.error)
            }
        }
    }

    private func sweepAgain(_ allocation: UniqueID, _ removal: Removal, _ error: FileError?) {
        if let error, !removal.hasFailed {
            removal.hasFailed = true
            log("\(allocation): its files cannot be removed yet: \(error)")
        }
        let timer = loop.makeTimer { [weak self] in self?.sweep(allocation, removal) }
        removal.timer = timer
        timer.arm(at: loop.now + Self.removalPause * (1 << min(removal.looks, 6)))
        removal.looks += 1
    }

    private func clear(_ allocation: UniqueID, _ removal: Removal) {
        let trees = [folders(of: allocation).root, stateFolder(of: allocation)]
        let (files, machine) = (machine.files, machine.machine)
        cleaning.submit { () -> FileError? in
            do throws(FileError) {
                for tree in trees where files.exists(tree) { try machine.removeTree(tree) }
                return nil
            } catch {
                return error
            }
        } then: { [weak self] error in
            guard let self else { return }
            if let error { return self.sweepAgain(allocation, removal, error) }
            self.removals[allocation] = nil
            removal.timer = nil  // It holds the removal.
            if let bytes = self.unsaved.removeValue(forKey: allocation) {
                self.save(bytes, of: allocation)
            }
            for begin in removal.waiting { begin() }
        }
    }

    /// Kills what runs of an allocation, and lets nothing of it begin.
    ///
    /// - Returns: whether nothing is there any more that could leave word.
    private static func kill(
        allIn state: String, _ files: any Files, _ machine: any TaskMachine
    ) throws(FileError) -> Bool {
        guard files.exists(state) else { return true }
        var isQuiet = true
        for task in try files.list(state) where files.isDirectory("\(state)/\(task)") {
            let names = try files.list("\(state)/\(task)")
            for number in Set(names.compactMap { $0.split(separator: ".").first }).sorted() {
                let run = RunFiles(prefix: "\(state)/\(task)/\(number)", files: files)
                if run.end == nil {
                    if !run.isCancelled { try run.cancel() }
                    if let command = run.started, command.isAlive(on: machine) {
                        machine.send(signal: ExecTask.killSignal, toGroup: command.processID)
                        isQuiet = false
                    }
                }
                if run.supervisor?.isAlive(on: machine) == true { isQuiet = false }
            }
        }
        return isQuiet
    }
}
