// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletNode
import MartletSimulation
import MartletTransport
import Testing

@Suite("Nodes that run commands") struct ExecFleetTests {
    private static let id = UniqueID(high: 2, low: 1)
    private static let nodeID = UniqueID(high: 1, low: 1)

    /// A node with a driver that does what the test says, in a world without servers.
    private final class Desk {
        let world = SimulatedWorld(seed: 7)
        let host: SimulatedHost
        let driver = ScriptedDriver()
        private(set) var fleet: ExecFleet
        private var index: UInt64 = 5

        init() {
            host = world.makeHost("node")
            fleet = Self.fleet(host, driver, [])
        }

        private static func fleet(
            _ host: SimulatedHost, _ driver: ScriptedDriver, _ left: [SavedAllocation]
        ) -> ExecFleet {
            var node = Node(id: ExecFleetTests.nodeID, name: "n1")
            node.nodeClass = "big"
            node.attributes["cpu.arch"] = "amd64"
            return ExecFleet(
                loop: host.loop, driver: driver, node: node, inherited: ["PATH": "/bin", "A": "1"],
                left: left)
        }

        private var instant: NodeInstant {
            NodeInstant(
                now: host.loop.now, unixNanoseconds: host.loop.wallClockNanoseconds)
        }

        /// The process is gone and another one takes up what it has left.
        func restart() {
            fleet = Self.fleet(host, driver, Array(driver.saved.values))
        }

        func assign(
            _ tasks: String, type: String = "service", policy: String = Desk.twice,
            isToRun: Bool = true, status: String = "pending", deployment: UniqueID? = nil
        ) throws {
            index += 1
            let text = """
                {"Jobs":[{"ID":"j","Type":"\(type)","Meta":{"a-b":"x"},"TaskGroups":[{"Name":"g",
                "RestartPolicy":\(policy),"Tasks":[\(tasks)]}]}],
                "Allocs":[{"ID":"\(ExecFleetTests.id)","NodeID":"\(ExecFleetTests.nodeID)",
                "Name":"j.g[3]","AllocModifyIndex":\(index),"ClientStatus":"\(status)",
                "DesiredStatus":"\(isToRun ? "run" : "stop")","TaskGroup":"g","JobPosition":0,
                "DeploymentID":"\(deployment?.description ?? "")",
                "AllocatedResources":{"Shared":{"Ports":[
                {"Label":"ht-tp","Value":20500,"To":80,"HostIP":"10.0.0.9"}]}}}]}
                """
            let assignments = try Assignment.parse(Array(text.utf8))
            host.perform { fleet.assign(assignments, at: instant) }
            world.run(for: .milliseconds(1))
        }

        func listed(_ ids: [UniqueID]) throws {
            let members = ids.map { "\"\($0)\":1" }.joined(separator: ",")
            let told = try NodeAllocationIndexes(
                parsing: Array("{\"Allocs\":{\(members)},\"Index\":9}".utf8))
            host.perform { _ = fleet.listed(told, isComplete: true, at: instant) }
        }

        static let twice =
            #"{"Attempts":2,"Interval":600000000000,"Delay":2000000000,"Mode":"fail"}"#

        func tell(_ run: String, _ news: RunNews) { host.perform { driver.tell(run, news) } }

        /// Lets time pass, and happen what is due.
        func pass(_ seconds: Int) {
            for _ in 0..<seconds {
                world.run(for: .seconds(1))
                host.perform { fleet.advance(to: instant) }
            }
        }

        /// The status and, of a task, its state and the types of its events.
        func story(_ task: String = "t") -> String {
            guard let update = driver.saved[ExecFleetTests.id]?.update,
                let state = update.taskStates?.value[task]
            else { return "nothing" }
            let types = state.events.map { String($0.type.split(separator: " ").joined()) }
            return "\(update.clientStatus) \(state.state)\(state.isFailed ? " failed" : ""): "
                + types.joined(separator: " ")
        }
    }

    private static func task(
        _ name: String = "t", _ config: String = #"{"command":"/bin/x","args":["-v"]}"#,
        more: String = ""
    ) -> String {
        #"{"Name":"\#(name)","Driver":"raw_exec","Config":\#(config)\#(more)}"#
    }

    @Test("What runs on for another deployment is watched anew for it, and is not started again")
    func anotherDeployment() throws {
        let desk = Desk()
        var isHealthy: Bool? { desk.driver.saved[Self.id]?.update.isHealthy }
        try desk.assign(Self.task(), deployment: Self.nodeID)
        desk.tell("0.1", .started)
        desk.pass(11)
        #expect(isHealthy == true)
        #expect(desk.driver.takeAsked() == ["start 0.1"])
        try desk.assign(Self.task(), status: "running", deployment: Self.id)
        #expect(isHealthy == nil)
        desk.pass(8)
        #expect(isHealthy == nil)
        desk.pass(3)
        #expect(isHealthy == true)
        #expect(desk.driver.takeAsked() == [])
    }

    @Test("A task runs until it is told to stop, and is killed when it does not listen")
    func life() throws {
        let desk = Desk()
        try desk.assign(Self.task(more: #","KillSignal":"SIGTERM","KillTimeout":3000000000"#))
        #expect(desk.driver.takeAsked() == ["start 0.1"])
        #expect(desk.story() == "pending pending: Received TaskSetup")
        desk.tell("0.1", .started)
        #expect(desk.story() == "running running: Received TaskSetup Started")
        try desk.assign(Self.task(), isToRun: false)
        #expect(desk.driver.takeAsked() == ["signal 15 0.1"])
        desk.pass(2)
        #expect(desk.driver.takeAsked() == [])
        desk.pass(2)
        #expect(desk.driver.takeAsked() == ["signal 9 0.1"])
        desk.tell("0.1", .ended(.signal(9)))
        #expect(
            desk.story() == "complete dead: Received TaskSetup Started Killing Terminated Killed")
        let event = desk.driver.saved[Self.id]?.update.taskStates?.value["t"]?.events[4]
        #expect(event?.exitCode == 137 && event?.signal == 9)
        #expect(event?.displayMessage == "Exit Code: 137, Signal: 9")
    }

    @Test("One that is told to stop before its command runs gets its signal when it does")
    func earlyStop() throws {
        let desk = Desk()
        try desk.assign(Self.task())
        try desk.assign(Self.task(), isToRun: false)
        #expect(desk.driver.takeAsked() == ["start 0.1"])
        desk.tell("0.1", .started)
        #expect(desk.driver.takeAsked() == ["signal 2 0.1"])
        desk.tell("0.1", .ended(.code(0)))
        #expect(desk.story().hasPrefix("complete dead"))
    }

    @Test("It starts again as often as its policy says, and then has failed")
    func restarts() throws {
        let desk = Desk()
        try desk.assign(Self.task())
        for number in 1...3 {
            #expect(desk.driver.takeAsked() == ["start 0.\(number)"])
            desk.tell("0.\(number)", .started)
            desk.tell("0.\(number)", .ended(.code(1)))
            desk.pass(2)
        }
        #expect(desk.driver.takeAsked() == [])
        #expect(desk.story().hasPrefix("failed dead failed"))
        #expect(desk.story().hasSuffix("Terminated NotRestarting"))
        // What an earlier run says late changes nothing.
        desk.tell("0.1", .started)
        #expect(desk.story().hasSuffix("NotRestarting"))
    }

    @Test("In the mode delay it waits for the next interval; a batch task that ends well is done")
    func modes() throws {
        let desk = Desk()
        try desk.assign(
            Self.task(),
            policy: #"{"Attempts":0,"Interval":60000000000,"Delay":1000000000,"Mode":"delay"}"#)
        desk.tell("0.1", .started)
        desk.tell("0.1", .ended(.code(0)))
        desk.pass(59)
        #expect(desk.driver.takeAsked() == ["start 0.1"])
        desk.pass(3)
        #expect(desk.driver.takeAsked() == ["start 0.2"])
        let batch = Desk()
        try batch.assign(Self.task(), type: "batch")
        batch.tell("0.1", .started)
        batch.tell("0.1", .ended(.code(0)))
        #expect(batch.story() == "complete dead: Received TaskSetup Started Terminated")
    }

    @Test("Tasks begin in the order of their lifecycles, and end so")
    func lifecycle() throws {
        func hook(_ name: String, _ hook: String, sidecar: Bool = false) -> String {
            Self.task(name, more: #","Lifecycle":{"Hook":"\#(hook)","Sidecar":\#(sidecar)}"#)
        }
        let desk = Desk()
        try desk.assign(
            [
                Self.task("main"), hook("pre", "prestart"), hook("side", "prestart", sidecar: true),
                hook("post", "poststart"), hook("stop", "poststop"),
            ].joined(separator: ","), type: "batch")
        #expect(desk.driver.takeAsked() == ["start 1.1", "start 2.1"])
        desk.tell("1.1", .started)
        desk.tell("2.1", .started)
        #expect(desk.driver.takeAsked() == [])
        desk.tell("1.1", .ended(.code(0)))
        #expect(desk.driver.takeAsked() == ["start 0.1"])
        desk.tell("0.1", .started)
        #expect(desk.driver.takeAsked() == ["start 3.1"])
        desk.tell("3.1", .started)
        desk.tell("3.1", .ended(.code(0)))
        desk.tell("0.1", .ended(.code(0)))
        #expect(desk.driver.takeAsked() == ["signal 2 2.1"])
        desk.tell("2.1", .ended(.code(0)))
        #expect(desk.driver.takeAsked() == ["start 4.1"])
        desk.tell("4.1", .started)
        desk.tell("4.1", .ended(.code(0)))
        #expect(desk.story("main").hasPrefix("complete dead"))
    }

    @Test("When one task fails for good, or the leader ends, the others are stopped")
    func siblings() throws {
        let never = #"{"Attempts":0,"Interval":600000000000,"Delay":2000000000,"Mode":"fail"}"#
        let desk = Desk()
        try desk.assign(Self.task("a") + "," + Self.task("b"), policy: never)
        desk.tell("0.1", .started)
        desk.tell("1.1", .started)
        _ = desk.driver.takeAsked()
        desk.tell("0.1", .ended(.code(4)))
        #expect(desk.driver.takeAsked() == ["signal 2 1.1"])
        desk.tell("1.1", .ended(.code(0)))
        #expect(desk.story("b").contains("SiblingTaskFailed Killing"))
        #expect(desk.story("b").hasPrefix("failed dead:"))
        let led = Desk()
        try led.assign(
            Self.task("a", more: #","Leader":true"#) + "," + Self.task("b"), type: "batch")
        led.tell("0.1", .started)
        led.tell("1.1", .started)
        _ = led.driver.takeAsked()
        led.tell("0.1", .ended(.code(0)))
        #expect(led.driver.takeAsked() == ["signal 2 1.1"])
        #expect(led.story("b").contains("LeaderTaskDead Killing"))
    }

    @Test("The next life takes up what runs, counts what has ended, and starts what never began")
    func nextLife() throws {
        let desk = Desk()
        try desk.assign(Self.task("a") + "," + Self.task("b") + "," + Self.task("c"))
        for run in ["0.1", "1.1"] { desk.tell(run, .started) }
        _ = desk.driver.takeAsked()
        desk.restart()
        #expect(desk.driver.takeAsked() == [])
        try desk.assign(Self.task("a") + "," + Self.task("b") + "," + Self.task("c"))
        #expect(desk.driver.takeAsked() == ["recover 0.1", "recover 1.1", "recover 2.1"])
        desk.tell("0.1", .started)
        desk.tell("1.1", .ended(.code(1)))
        desk.tell("2.1", .neverBegan)
        #expect(desk.driver.takeAsked() == ["start 2.2"])
        #expect(desk.story("a") == "running running: Received TaskSetup Started")
        #expect(desk.story("b").hasSuffix("Terminated Restarting"))
        desk.pass(2)
        #expect(desk.driver.takeAsked() == ["start 1.2"])
        // Between an end and the next start there is nothing to recover.
        desk.tell("1.2", .started)
        desk.tell("1.2", .ended(.code(1)))
        desk.restart()
        try desk.assign(Self.task("a") + "," + Self.task("b") + "," + Self.task("c"))
        desk.pass(1)
        #expect(desk.driver.takeAsked() == ["recover 0.1", "recover 2.2", "start 1.3"])
    }

    @Test("What was stopped or lost meanwhile is stopped by the next life; what is over stays so")
    func stoppedMeanwhile() throws {
        let desk = Desk()
        try desk.assign(Self.task())
        desk.tell("0.1", .started)
        desk.restart()
        _ = desk.driver.takeAsked()
        try desk.assign(Self.task(), isToRun: false, status: "lost")
        #expect(desk.driver.takeAsked() == ["recover 0.1"])
        desk.tell("0.1", .started)
        #expect(desk.driver.takeAsked() == ["signal 2 0.1"])
        desk.tell("0.1", .ended(.code(0)))
        #expect(desk.story().hasPrefix("complete dead"))
        let over = Desk()
        try over.assign(Self.task(), status: "complete")
        #expect(over.driver.takeAsked() == [])
        #expect(over.fleet.count == 0)
        // A restore may want it again.
        try over.assign(Self.task())
        #expect(over.driver.takeAsked() == ["start 0.1"])
    }

    @Test("What servers had stopped runs again when a restore wants it, once it has ended")
    func wantedAgain() throws {
        let desk = Desk()
        try desk.assign(Self.task())
        desk.tell("0.1", .started)
        try desk.assign(Self.task(), isToRun: false)
        _ = desk.driver.takeAsked()
        try desk.assign(Self.task())
        #expect(desk.driver.takeAsked() == [], "it is still there")
        desk.tell("0.1", .ended(.code(0)))
        #expect(desk.story().hasPrefix("complete dead"))
        try desk.assign(Self.task())
        #expect(desk.driver.takeAsked() == ["remove", "start 0.1"])
        desk.tell("0.1", .started)
        #expect(desk.story().hasPrefix("running running"))
    }

    @Test("What servers had stopped runs again when a restore wants it, also by the next life")
    func wantedAgainLater() throws {
        let desk = Desk()
        try desk.assign(Self.task())
        desk.tell("0.1", .started)
        try desk.assign(Self.task(), isToRun: false)
        desk.tell("0.1", .ended(.code(0)))
        desk.restart()
        _ = desk.driver.takeAsked()
        try desk.assign(Self.task())
        #expect(desk.driver.takeAsked() == ["remove", "start 0.1"])
        // One that is still ending is waited for; what ended by itself stays so.
        desk.tell("0.1", .started)
        try desk.assign(Self.task(), isToRun: false)
        desk.restart()
        _ = desk.driver.takeAsked()
        try desk.assign(Self.task())
        #expect(desk.driver.takeAsked() == ["recover 0.1"])
        let other = Desk()
        try other.assign(Self.task())
        other.tell("0.1", .started)
        other.tell("0.1", .ended(.code(3)))
        try other.assign(Self.task(), isToRun: false)
        other.restart()
        _ = other.driver.takeAsked()
        try other.assign(Self.task(), isToRun: false)
        #expect(!other.driver.takeAsked().contains("remove"))
    }

    @Test("What servers had stopped does not begin again while they are told that it has ended")
    func toldMeanwhile() throws {
        let desk = Desk()
        try desk.assign(Self.task())
        desk.tell("0.1", .started)
        desk.fleet.told(desk.fleet.takeUpdates(max: 10), at: 1)
        try desk.assign(Self.task(), isToRun: false)
        desk.tell("0.1", .ended(.code(0)))
        _ = desk.driver.takeAsked()
        let ended = desk.fleet.takeUpdates(max: 10)
        #expect(ended.map(\.clientStatus) == [.complete])
        try desk.assign(Self.task())
        #expect(desk.driver.takeAsked() == [])
        desk.fleet.told(ended, at: 1)
        #expect(desk.fleet.takeUpdates(max: 10).map(\.clientStatus) == [.complete])
    }

    @Test("What the servers list no more ends and is removed, also of an earlier life")
    func forgotten() throws {
        let desk = Desk()
        try desk.assign(Self.task())
        desk.tell("0.1", .started)
        try desk.listed([Self.id])
        #expect(desk.driver.takeAsked() == ["start 0.1"])
        desk.restart()
        try desk.listed([])
        #expect(desk.driver.takeAsked() == ["remove"])
        #expect(desk.fleet.count == 0)
    }

    @Test(
        "What cannot run here fails at once, and says why",
        arguments: [
            (#"{"Name":"t","Driver":"docker","Config":{}}"#, "docker"),
            (#"{"Name":"t","Driver":"raw_exec","Config":{}}"#, "command"),
            (#"{"Name":"t","Driver":"raw_exec","Config":{"command":7}}"#, "command"),
            (#"{"Name":"t","Driver":"raw_exec","Config":{"command":"x","args":"y"}}"#, "args"),
            (#"{"Name":"..","Driver":"raw_exec","Config":{"command":"x"}}"#, "name"),
            (
                #"{"Name":"t","Driver":"raw_exec","User":"root","Config":{"command":"x"}}"#, "user"
            ),
            (
                #"{"Name":"t","Driver":"raw_exec","KillSignal":"SIGX","Config":{"command":"x"}}"#,
                "SIGX"
            ),
        ])
    func refusals(task: String, word: String) throws {
        let desk = Desk()
        try desk.assign(task)
        #expect(desk.driver.launches.isEmpty)
        let update = try #require(desk.driver.saved[Self.id]?.update)
        #expect(update.clientStatus == .failed)
        let event = update.taskStates?.value.elements.first?.value.events.last
        #expect(event?.type == "Driver Failure")
        #expect(event?.displayMessage.contains(word) == true, "\(event?.displayMessage ?? "")")
    }

    @Test("A command knows who it is, and ${…} stands for what is known")
    func environment() throws {
        let desk = Desk()
        try desk.assign(
            Self.task(
                "t",
                #"{"command":"${NOMAD_TASK_DIR}/x","args":["${node.class}-${attr.cpu.arch}","#
                    + #""${NOMAD_PORT_ht_tp}","${nothing}","${open","$${A}","${env[\"PATH\"]}"]}"#,
                more: #","Env":{"A":"2","B":"${NOMAD_ALLOC_INDEX}","=":"x"}"#))
        let launch = try #require(desk.driver.launches.first)
        #expect(launch.command == "/a/t/local/x")
        #expect(launch.arguments == ["big-amd64", "80", "${nothing}", "${open", "$2", "/bin"])
        #expect(launch.environment["A"] == "2")
        #expect(launch.environment["B"] == "3")
        #expect(launch.environment["PATH"] == "/bin")
        #expect(launch.environment["NOMAD_META_A_B"] == "x")
        #expect(launch.environment["NOMAD_HOST_ADDR_ht_tp"] == "10.0.0.9:20500")
        #expect(launch.environment["NOMAD_ALLOC_ID"] == "\(Self.id)")
        #expect(launch.environment["="] == nil)
    }

    @Test("What is kept is read back")
    func saving() throws {
        let desk = Desk()
        try desk.assign(Self.task("a") + "," + Self.task("b"))
        desk.tell("0.1", .started)
        let saved = try #require(desk.driver.saved[Self.id])
        #expect(try SavedAllocation.parse(saved.bytes) == saved)
        for cut in stride(from: 0, to: saved.bytes.count, by: 7) {
            #expect(throws: APIError.self) {
                try SavedAllocation.parse(Array(saved.bytes.prefix(cut)))
            }
        }
    }
}
