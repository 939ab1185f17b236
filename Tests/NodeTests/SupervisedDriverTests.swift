// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletNode
import MartletSimulation
import MartletTransport
import Testing

@Suite("Runs and their supervisors") struct SupervisedDriverTests {
    private static let id = UniqueID(high: 2, low: 1)
    private static let run = TaskRun(allocation: id, position: 0, number: 2)
    private static let prefix = "/n/state/\(id)/0/2"

    /// Processes that the test says of whether they live.
    // SAFETY: the world's one thread uses it.
    private final class Machine: TaskMachine, @unchecked Sendable {
        var births: [Int32: String] = [:]
        var signals: [String] = []
        var removed: [String] = []
        let files: any Files
        var failure: FileError?

        init(_ files: any Files) { self.files = files }

        func birth(of processID: Int32) -> String? { births[processID] }
        func send(signal: Int32, toGroup group: Int32) { signals.append("\(signal) \(group)") }
        func removeTree(_ path: String) throws(FileError) {
            if let failure { throw failure }
            removed.append(path)
            try remove(path)
        }

        private func remove(_ path: String) throws(FileError) {
            guard files.isDirectory(path) else { return try files.remove(path) }
            for name in try files.list(path) { try remove("\(path)/\(name)") }
            try files.remove(path)
        }
    }

    private final class Process: RunningProcess {
        let processID: Int32 = 50
        func send(signal: Int32) {}
    }

    private final class Launcher: Processes {
        var arguments: [String] = []
        var exited: ((ProcessExit) -> Void)?
        var error: TransportError?
        let processID: Int32 = 1

        func start(
            _ executable: String, arguments: [String], environment: [String: String]?,
            streams: ChildStreams, exited: @escaping (ProcessExit) -> Void
        ) throws(TransportError) -> any RunningProcess {
            if let error { throw error }
            self.arguments = arguments
            self.exited = exited
            return Process()
        }

        func onSignal(_ signal: Int32, received: @escaping () -> Void) {}
        func onParentsEnd(_ ended: @escaping () -> Void) {}
        func readInput(byKey: Bool, received: @escaping ([UInt8]?) -> Void) {}
        func restoreTerminal() {}
    }

    private final class Desk {
        let world = SimulatedWorld(seed: 9)
        let host: SimulatedHost
        let machine: Machine
        let launcher = Launcher()
        let driver: SupervisedDriver
        private(set) var news: [RunNews] = []

        init() {
            host = world.makeHost("node")
            machine = Machine(host.files)
            driver = SupervisedDriver(
                loop: host.loop,
                machine: .init(
                    processes: launcher, files: host.files, machine: machine,
                    supervisor: ["/martlet", "node", "supervise"]), root: "/n", log: { _ in })
        }

        func start() {
            let launch = TaskLaunch(
                run: SupervisedDriverTests.run, taskName: "t", command: "/bin/x",
                arguments: ["-v"], environment: [:], folder: nil, logs: LogSettings())
            host.perform { driver.start(launch) { self.news.append($0) } }
            pass()
        }

        func recover() {
            host.perform {
                driver.recover(SupervisedDriverTests.run) { self.news.append($0) }
            }
            pass()
        }

        func send(_ signal: Int32) {
            host.perform { driver.send(signal, to: SupervisedDriverTests.run) }
        }

        /// A file of the run, as the supervisor leaves it.
        func leave(_ text: String, _ name: String) throws {
            try host.files.makeDirectory("/n/state/\(SupervisedDriverTests.id)/0")
            try host.files.replace(
                "\(SupervisedDriverTests.prefix).\(name)", with: Array("\(text)\n".utf8))
        }

        func exists(_ name: String) -> Bool {
            host.files.exists("\(SupervisedDriverTests.prefix).\(name)")
        }

        /// Long enough for every look.
        func pass() { world.run(for: .seconds(1)) }
    }

    @Test("A run begins below a supervisor, is signalled by its group, and its end is told")
    func life() throws {
        let desk = Desk()
        try desk.host.files.makeDirectory("/n/state/\(Self.id)/0")
        try desk.host.files.replace("/n/state/\(Self.id)/0/1.ended", with: [])
        desk.start()
        #expect(
            desk.launcher.arguments == [
                "node", "supervise", Self.prefix, "/n/alloc/\(Self.id)/alloc/logs/t", "10", "10",
                "/n/alloc/\(Self.id)/t", "/bin/x", "-v",
            ])
        #expect(desk.host.files.isDirectory("/n/alloc/\(Self.id)/t/local"))
        // What the run before has left is known by now.
        #expect(!desk.host.files.exists("/n/state/\(Self.id)/0/1.ended"))
        desk.send(15)
        #expect(desk.machine.signals.isEmpty && desk.news.isEmpty)
        desk.machine.births[60] = "b:1"
        try desk.leave("60 b:1", "started")
        desk.pass()
        #expect(desk.news == [.started])
        #expect(desk.machine.signals == ["15 60"])
        // An id that is another's by now gets nothing.
        desk.machine.births[60] = "b:2"
        desk.send(9)
        #expect(desk.machine.signals == ["15 60"])
        try desk.leave("code 3", "ended")
        desk.host.perform { desk.launcher.exited?(.code(0)) }
        desk.pass()
        #expect(desk.news == [.started, .ended(.code(3))])
    }

    @Test("What cannot begin is refused with the reason")
    func refusals() throws {
        let desk = Desk()
        desk.launcher.error = .exhausted
        desk.start()
        guard case .refused? = desk.news.first else {
            Issue.record("\(desk.news)")
            return
        }
        let missing = Desk()
        missing.start()
        try missing.leave("refused /bin/x: no such file", "ended")
        missing.pass()
        #expect(missing.news == [.refused("/bin/x: no such file")])
        let silent = Desk()
        silent.start()
        silent.host.perform { silent.launcher.exited?(.signal(11)) }
        silent.pass()
        #expect(silent.news == [.refused("its supervisor has ended at once")])
    }

    @Test("A run of an earlier life is taken up, and its end is found")
    func adopted() throws {
        let desk = Desk()
        (desk.machine.births[50], desk.machine.births[60]) = ("b:1", "b:2")
        try desk.leave("50 b:1", "supervisor")
        try desk.leave("60 b:2", "started")
        desk.recover()
        #expect(desk.news == [.started])
        #expect(!desk.exists("cancelled"))
        desk.send(2)
        #expect(desk.machine.signals == ["2 60"])
        try desk.leave("signal 9", "ended")
        desk.machine.births = [:]
        desk.pass()
        #expect(desk.news == [.started, .ended(.signal(9))])
    }

    @Test("One that has ended while nobody looked is told so")
    func endedMeanwhile() throws {
        let desk = Desk()
        try desk.leave("50 b:1", "supervisor")
        try desk.leave("60 b:2", "started")
        try desk.leave("code 0", "ended")
        desk.recover()
        #expect(desk.news == [.started, .ended(.code(0))])
    }

    @Test("One without a supervisor is cancelled, so that none can begin it later")
    func neverBegan() throws {
        let desk = Desk()
        try desk.leave("", "log")
        desk.recover()
        #expect(desk.news == [.neverBegan])
        #expect(desk.exists("cancelled"))
        // A supervisor that saw the cancellation has gone without a word.
        let late = Desk()
        try late.leave("50 b:1", "supervisor")
        late.recover()
        #expect(late.news == [.neverBegan])
    }

    @Test("The cancellation of a run outlives the next one's beginning")
    func cancelledForGood() throws {
        let desk = Desk()
        try desk.host.files.makeDirectory("/n/state/\(Self.id)/0")
        for name in ["cancelled", "log"] {
            try desk.host.files.replace("/n/state/\(Self.id)/0/1.\(name)", with: [])
        }
        desk.start()
        #expect(desk.host.files.exists("/n/state/\(Self.id)/0/1.cancelled"))
        #expect(!desk.host.files.exists("/n/state/\(Self.id)/0/1.log"))
        #expect(desk.launcher.arguments.contains(Self.prefix))
    }

    @Test("A run that cannot be noted is refused, now and later, until it can")
    func unnoted() throws {
        let desk = Desk()
        let saved = SavedAllocation(
            update: AllocationUpdate(id: Self.id, clientStatus: .running), runs: [:])
        let kept = "/n/state/\(Self.id)/allocation"
        try desk.host.files.makeDirectory(kept)
        desk.host.perform { desk.driver.save(saved) }
        desk.start()
        desk.start()
        #expect(desk.news.count == 2)
        for news in desk.news {
            guard case .refused(let why) = news else {
                Issue.record("\(news)")
                continue
            }
            #expect(why.contains(kept), "\(why)")
        }
        #expect(desk.launcher.arguments.isEmpty)
        try desk.host.files.remove(kept)
        desk.start()
        #expect(desk.launcher.arguments.contains(Self.prefix))
        #expect(try desk.host.files.read(kept, limitBytes: 1 << 20) == saved.bytes)
    }

    @Test("When a supervisor is gone without a word, its command is killed")
    func lost() throws {
        let desk = Desk()
        desk.machine.births[60] = "b:2"
        try desk.leave("50 b:1", "supervisor")
        try desk.leave("60 b:2", "started")
        desk.recover()
        #expect(desk.news == [.started, .ended(.signal(9))])
        #expect(desk.machine.signals == ["9 60"])
    }

    @Test(
        "What is removed is killed first, and cannot begin; its files go when nothing of it is there"
    )
    func removal() throws {
        let desk = Desk()
        desk.machine.births = [50: "b:1", 60: "b:2"]
        try desk.leave("50 b:1", "supervisor")
        try desk.leave("60 b:2", "started")
        try desk.host.files.makeDirectory("/n/alloc/\(Self.id)")
        desk.host.perform { desk.driver.remove(Self.id) }
        desk.pass()
        #expect(desk.machine.signals.first == "9 60")
        #expect(desk.exists("cancelled") && desk.machine.removed.isEmpty)
        // The command has ended, and whoever is to leave word of that not yet.
        desk.machine.births[60] = nil
        desk.pass()
        #expect(desk.machine.removed.isEmpty)
        desk.machine.births[50] = nil
        desk.pass()
        #expect(desk.machine.removed == ["/n/alloc/\(Self.id)", "/n/state/\(Self.id)"])
    }

    /// A restore wants again what was just stopped: it ran twice, for the word of its first run was taken for that of
    /// the second.
    @Test("What begins anew begins when all of what was there before is gone")
    func anew() throws {
        let desk = Desk()
        desk.start()
        desk.machine.births = [60: "b:2"]
        try desk.leave("60 b:2", "started")
        desk.pass()
        let saved = SavedAllocation(
            update: AllocationUpdate(id: Self.id, clientStatus: .pending), runs: [:])
        desk.launcher.arguments = []
        desk.host.perform {
            desk.driver.remove(Self.id)
            desk.driver.save(saved)
        }
        desk.start()
        #expect(desk.launcher.arguments.isEmpty && desk.machine.removed.isEmpty)
        desk.machine.births = [:]
        try desk.leave("signal 9", "ended")
        desk.pass()
        // Its supervisor is there yet, and may write.
        #expect(desk.launcher.arguments.isEmpty && desk.machine.removed.isEmpty)
        desk.machine.failure = .failed(path: "/n/alloc", reason: "Directory not empty")
        desk.host.perform { desk.launcher.exited?(.code(0)) }
        desk.pass()
        #expect(desk.launcher.arguments.isEmpty && desk.news == [.started])
        desk.machine.failure = nil
        desk.pass()
        #expect(desk.launcher.arguments.contains(Self.prefix))
        #expect(!desk.exists("ended") && desk.news == [.started])
        let kept = "/n/state/\(Self.id)/allocation"
        #expect(try desk.host.files.read(kept, limitBytes: 1 << 20) == saved.bytes)
    }

    @Test("What is removed while it waits to begin anew never begins")
    func neverAnew() throws {
        let desk = Desk()
        desk.machine.births[60] = "b:2"
        try desk.leave("60 b:2", "started")
        desk.host.perform { desk.driver.remove(Self.id) }
        desk.start()
        desk.host.perform { desk.driver.remove(Self.id) }
        desk.machine.births[60] = nil
        desk.pass()
        desk.pass()
        #expect(desk.machine.removed.count == 1 && desk.launcher.arguments.isEmpty)
        desk.start()
        #expect(desk.launcher.arguments.contains(Self.prefix))
    }

    @Test(
        "What is kept is what the next life finds; what is damaged is named, what cannot be read an error"
    )
    func kept() throws {
        let desk = Desk()
        let saved = SavedAllocation(
            update: AllocationUpdate(id: Self.id, clientStatus: .running), runs: [:])
        desk.host.perform { desk.driver.save(saved) }
        desk.pass()
        let found = try SupervisedDriver.left(in: "/n", desk.host.files)
        #expect(found.allocations.map(\.update.id) == [Self.id])
        #expect(found.allocations.map(\.update.clientStatus) == [.running])
        #expect(found.damaged.isEmpty)
        let kept = "/n/state/\(Self.id)/allocation"
        try desk.host.files.replace(kept, with: Array("{".utf8))
        let damaged = try SupervisedDriver.left(in: "/n", desk.host.files)
        #expect(damaged.allocations.isEmpty && damaged.damaged.map(\.id) == [Self.id])
        #expect(damaged.damaged[0].why.hasPrefix("\(kept): "))
        try desk.host.files.remove(kept)
        try desk.host.files.makeDirectory(kept)
        #expect(throws: FileError.self) {
            try SupervisedDriver.left(in: "/n", desk.host.files)
        }
    }
}
