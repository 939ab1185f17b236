// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import Testing

@testable import MartletNode

@Suite("Nodes that only pretend") struct MockFleetTests {
    private static let nodeID = UniqueID(high: 1, low: 1)
    private static let allocation = UniqueID(high: 2, low: 1)

    private static func instant(_ seconds: Double) -> NodeInstant {
        NodeInstant(
            now: .milliseconds(Int64(seconds * 1000)),
            unixNanoseconds: 1_000_000_000_000 + Int64(seconds * 1_000_000_000))
    }

    /// One task with this configuration, of a group with this policy.
    private static func assignment(
        _ config: String, type: JobType = .batch, attempts: Int = 0, mode: String = "fail",
        isToRun: Bool = true, index: UInt64 = 5, deployment: UniqueID? = nil
    ) throws -> Assignment {
        let text = """
            {"Allocs":[{"ID":"\(allocation)","NodeID":"\(nodeID)","AllocModifyIndex":\(index),
            "DesiredStatus":"\(isToRun ? "run" : "stop")","TaskGroup":"g",
            "DeploymentID":"\(deployment?.description ?? "")",
            "Job":{"ID":"j","Type":"\(type.rawValue)","TaskGroups":[{"Name":"g","RestartPolicy":
            {"Attempts":\(attempts),"Interval":60000000000,"Delay":2000000000,"Mode":"\(mode)"},
            "Tasks":[{"Name":"t","Driver":"mock","Config":\(config)}]}]}}]}
            """
        return try #require(try Assignment.parse(Array(text.utf8)).first)
    }

    /// The times, in seconds, at which something is told, and the statuses then.
    private static func story(
        of assignment: Assignment, until end: Double, stop: Double? = nil
    ) throws -> [String] {
        var fleet = MockFleet()
        var told: [String] = []
        fleet.assign([assignment], at: instant(0))
        var time = 0.0
        while time <= end {
            if stop == time {
                var stopped = assignment
                stopped.isToRun = false
                stopped.allocModifyIndex += 1
                fleet.assign([stopped], at: instant(time))
            }
            fleet.advance(to: instant(time))
            let updates = fleet.takeUpdates(max: 10)
            for update in updates {
                let state = try #require(update.taskStates?.value["t"])
                told.append(
                    "\(time) \(update.clientStatus) \(state.restarts)"
                        + (update.isHealthy.map { $0 ? " healthy" : " unhealthy" } ?? ""))
            }
            fleet.told(updates, at: 1)
            time += 1
        }
        return told
    }

    @Test("A task starts after its delay, runs its time, and ends as it is told to")
    func timetable() throws {
        let config = #"{"start_delay":"2s","run_for":"3s"}"#
        #expect(
            try Self.story(of: Self.assignment(config), until: 10)
                == ["0.0 pending 0", "2.0 running 0", "5.0 complete 0"])
        let failing = #"{"run_for":"1s","exit_code":3}"#
        #expect(
            try Self.story(of: Self.assignment(failing), until: 10)
                == ["0.0 running 0", "1.0 failed 0"])
        let early = #"{"run_for":"5s","fail_at":"2s"}"#
        #expect(
            try Self.story(of: Self.assignment(early), until: 10)
                == ["0.0 running 0", "2.0 failed 0"])
    }

    @Test("Its policy says how often it starts again, and a service also after it ended well")
    func restarts() throws {
        let failing = #"{"run_for":"1s","exit_code":1}"#
        #expect(
            try Self.story(of: Self.assignment(failing, attempts: 2), until: 20)
                == [
                    "0.0 running 0", "1.0 running 1", "3.0 running 1", "4.0 running 2",
                    "6.0 running 2", "7.0 failed 2",
                ])
        let ending = #"{"run_for":"1s"}"#
        #expect(
            try Self.story(of: Self.assignment(ending, type: .service, attempts: 1), until: 20)
                == ["0.0 running 0", "1.0 running 1", "3.0 running 1", "4.0 failed 1"])
        // It waits for the next interval, which begins a minute after the first end.
        let delayed = try Self.story(
            of: Self.assignment(failing, attempts: 0, mode: "delay"), until: 70)
        #expect(delayed == ["0.0 running 0", "1.0 running 1", "63.0 running 1", "64.0 running 2"])
    }

    @Test("What is to stop takes its time, and has then ended well")
    func stopping() throws {
        let config = #"{"kill_after":"3s"}"#
        #expect(
            try Self.story(of: Self.assignment(config, type: .service), until: 20, stop: 4)
                == ["0.0 running 0", "4.0 running 0", "7.0 complete 0"])
        let delayed = #"{"start_delay":"10s"}"#
        #expect(
            try Self.story(of: Self.assignment(delayed), until: 20, stop: 4)
                == ["0.0 pending 0", "4.0 complete 0"])
    }

    @Test("A deployment hears that an instance does well, or does not")
    func health() throws {
        #expect(
            try Self.story(
                of: Self.assignment("{}", type: .service, deployment: Self.nodeID), until: 15)
                == ["0.0 running 0", "10.0 running 0 healthy"])
        let failing = #"{"run_for":"1s","exit_code":1}"#
        #expect(
            try Self.story(
                of: Self.assignment(failing, type: .service, deployment: Self.nodeID), until: 15)
                == ["0.0 running 0", "1.0 failed 0 unhealthy"])
    }

    @Test("What runs on for another deployment is watched anew for it, else told as it is")
    func anotherDeployment() throws {
        var fleet = MockFleet()
        func updates(at second: Double) -> [Bool?] {
            fleet.advance(to: Self.instant(second))
            let updates = fleet.takeUpdates(max: 10)
            fleet.told(updates, at: 1)
            return updates.map(\.isHealthy)
        }
        func assign(_ deployment: UniqueID, index: UInt64, at second: Double) throws {
            let assignment = try Self.assignment(
                "{}", type: .service, index: index, deployment: deployment)
            fleet.assign([assignment], at: Self.instant(second))
        }
        try assign(Self.nodeID, index: 5, at: 0)
        #expect(updates(at: 1) == [nil])
        #expect(updates(at: 10) == [true])
        try assign(Self.nodeID, index: 6, at: 11)
        #expect(updates(at: 12) == [true])
        try assign(Self.allocation, index: 7, at: 20)
        #expect(updates(at: 21) == [nil])
        #expect(updates(at: 29.5) == [])
        #expect(updates(at: 30) == [true])
    }

    @Test("A configuration that cannot be read fails its task, and says which field it is")
    func faults() throws {
        for config in [#"{"run_for":"soon"}"#, #"{"run_for":"-1s"}"#, #"{"exit_code":"x"}"#] {
            var fleet = MockFleet()
            fleet.assign([try Self.assignment(config)], at: Self.instant(0))
            let update = try #require(fleet.takeUpdates(max: 1).first)
            #expect(update.clientStatus == .failed)
            let message = update.taskStates?.value["t"]?.events.last?.displayMessage ?? ""
            #expect(message.contains("run_for") || message.contains("exit_code"), "\(message)")
        }
    }

    @Test("Only what is newer is pulled, and what was not heard is told again")
    func exchange() throws {
        var fleet = MockFleet()
        let first = try NodeAllocationIndexes(
            parsing: Array("{\"Allocs\":{\"\(Self.allocation)\":5},\"Index\":9}".utf8))
        #expect(fleet.listed(first, isComplete: false, at: Self.instant(0)) == [Self.allocation])
        fleet.assign([try Self.assignment("{}")], at: Self.instant(0))
        #expect(fleet.listed(first, isComplete: false, at: Self.instant(0)).isEmpty)
        let updates = fleet.takeUpdates(max: 10)
        #expect(fleet.updateCount == 0)
        fleet.putBack(updates)
        #expect(fleet.takeUpdates(max: 10) == updates)
        fleet.told(updates, at: 1)
        let later = try NodeAllocationIndexes(
            parsing: Array("{\"Allocs\":{\"\(Self.allocation)\":6},\"Index\":9}".utf8))
        #expect(fleet.listed(later, isComplete: false, at: Self.instant(0)) == [Self.allocation])
        fleet.assign([try Self.assignment("{}", isToRun: false, index: 6)], at: Self.instant(1))
        let ended = fleet.takeUpdates(max: 10)
        #expect(ended.map(\.clientStatus) == [.complete])
        fleet.told(ended, at: 1)
        #expect(fleet.count == 0)
        // What servers had stopped runs again when a restore wants it.
        fleet.assign([try Self.assignment("{}", index: 7)], at: Self.instant(2))
        #expect(fleet.count == 1)
        let again = fleet.takeUpdates(max: 10)
        #expect(again.map(\.clientStatus) == [.running])
        #expect(again[0].taskStates?.value["t"]?.state == .running)
    }

    /// Servers that had restored took the word for its end, and did not know of the instance that ran on.
    @Test("What servers had stopped does not begin again while they are told that it has ended")
    func toldMeanwhile() throws {
        var fleet = MockFleet()
        fleet.assign([try Self.assignment("{}")], at: Self.instant(0))
        fleet.told(fleet.takeUpdates(max: 10), at: 1)
        fleet.assign([try Self.assignment("{}", isToRun: false, index: 6)], at: Self.instant(1))
        let ended = fleet.takeUpdates(max: 10)
        #expect(ended.map(\.clientStatus) == [.complete])
        fleet.assign([try Self.assignment("{}", index: 7)], at: Self.instant(2))
        fleet.told(ended, at: 1)
        // Whether it came before the restore or after it, they hear of it once more.
        let again = fleet.takeUpdates(max: 10)
        #expect(again.map(\.clientStatus) == [.complete])
        fleet.told(again, at: 1)
        #expect(fleet.count == 0)
    }

    /// The answer to its pull was older than the end that servers had taken (seed 7224).
    @Test("A wish from before servers knew of the end is none; one of a later restore is")
    func wishedBefore() throws {
        var fleet = MockFleet()
        fleet.assign([try Self.assignment("{}")], at: Self.instant(0))
        fleet.assign([try Self.assignment("{}", isToRun: false, index: 6)], at: Self.instant(1))
        fleet.told(fleet.takeUpdates(max: 10), at: 9)
        #expect(fleet.count == 0)
        fleet.assign([try Self.assignment("{}", index: 8)], at: Self.instant(2))
        #expect(fleet.count == 0)
        let again = fleet.takeUpdates(max: 10)
        #expect(again.map(\.clientStatus) == [.complete])
        fleet.told(again, at: 10)
        fleet.assign([try Self.assignment("{}", index: 12)], at: Self.instant(3))
        #expect(fleet.count == 1)
    }

    @Test("What has ended by itself does not begin again: restored servers are told once more")
    func toldAgain() throws {
        var fleet = MockFleet()
        let short = #"{"run_for":"1s"}"#
        fleet.assign([try Self.assignment(short)], at: Self.instant(0))
        fleet.advance(to: Self.instant(2))
        let ended = fleet.takeUpdates(max: 10)
        #expect(ended.map(\.clientStatus) == [.complete])
        fleet.told(ended, at: 1)
        // The word of servers comes after its end, or does not count.
        fleet.assign([try Self.assignment(short, isToRun: false, index: 6)], at: Self.instant(3))
        fleet.told(fleet.takeUpdates(max: 10), at: 1)
        fleet.assign([try Self.assignment(short, index: 7)], at: Self.instant(4))
        #expect(fleet.takeUpdates(max: 10).map(\.clientStatus) == [.complete])
    }

    @Test("What was lost before it came here begins when a restore wants it again")
    func wantedAgain() throws {
        var fleet = MockFleet()
        var lost = try Self.assignment("{}", isToRun: false)
        lost.hasEnded = true
        fleet.assign([lost], at: Self.instant(0))
        #expect(fleet.count == 0 && fleet.updateCount == 0)
        fleet.assign([try Self.assignment("{}", index: 9)], at: Self.instant(1))
        #expect(fleet.count == 1 && fleet.updateCount == 1)
    }

    @Test("What a node sends is what the servers read")
    func bodies() throws {
        var node = Node(
            id: Self.nodeID, secretID: UniqueID(high: 3, low: 3), name: "n",
            resources: NodeResources(cpu: 4000, memoryMB: 8192, diskMB: 100))
        node.status = .ready
        node.drivers["mock"] = DriverState()
        node.nodeClass = "c"
        #expect(throws: APIError.self) {
            try NodeBatchRequest.parse(body: NodeAgentBody.registration(of: []))
        }
        let read = try NodeBatchRequest.parse(body: NodeAgentBody.registration(of: [node]))
        #expect(read.nodes == [node])
        let heartbeat = try NodeHeartbeatRequest.parse(
            body: NodeAgentBody.heartbeat(of: [Self.nodeID], .down))
        #expect(heartbeat == NodeHeartbeatRequest(nodeIDs: [Self.nodeID], status: .down))
        var fleet = MockFleet()
        fleet.assign([try Self.assignment("{}", deployment: Self.nodeID)], at: Self.instant(0))
        fleet.advance(to: Self.instant(30))
        let updates = fleet.takeUpdates(max: 10)
        #expect(try AllocationUpdate.parse(body: NodeAgentBody.updates(updates)) == updates)
    }

    @Test(
        "A number that a node cannot have names its field",
        arguments: [
            ("NodeResources", "Cpu", "CpuShares"), ("NodeResources", "Cpu", "TotalCpuCores"),
            ("NodeResources", "Memory", "MemoryMB"), ("NodeResources", "Disk", "DiskMB"),
            ("ReservedResources", "Cpu", "CpuShares"), ("ReservedResources", "Memory", "MemoryMB"),
            ("ReservedResources", "Disk", "DiskMB"),
        ])
    func numbers(object: String, part: String, field: String) throws {
        func body(_ number: String) -> [UInt8] {
            Array(
                """
                {"Nodes":[{"ID":"\(Self.nodeID)","SecretID":"\(Self.allocation)","Datacenter":"d",
                "\(object)":{"\(part)":{"\(field)":\(number)}}}]}
                """.utf8)
        }
        for number in ["-1", "2147483648", "9223372036854775807", "-9223372036854775808", "1e300"] {
            do {
                _ = try NodeBatchRequest.parse(body: body(number))
                Issue.record("\(field) \(number) was taken")
            } catch {
                #expect(error.status == 400 && error.message.contains(field), "\(error.message)")
            }
        }
        let node = try #require(try NodeBatchRequest.parse(body: body("2147483647")).nodes.first)
        // Also where more is reserved than there is.
        #expect(node.usable.cpu >= 0 && node.usable.memoryMB >= 0 && node.usable.diskMB >= 0)
    }

    @Test("What is told at once fits what servers read at once")
    func batches() {
        var update = AllocationUpdate(id: Self.allocation, clientStatus: .running)
        var states = SortedMap<TaskState>()
        for number in 0..<100 {
            var state = TaskState(state: .running)
            state.events = Array(
                repeating: TaskEvent(
                    type: "Restarting", unixNanoseconds: 1,
                    displayMessage: String(repeating: "x", count: 100)), count: 10)
            states["task-\(number)"] = state
        }
        update.taskStates = Shared(states)
        let (batch, rest) = UpdateBatch.cut(Array(repeating: update, count: 100))
        #expect(batch.count + rest.count == 100 && !batch.isEmpty && !rest.isEmpty)
        #expect(NodeAgentBody.updates(batch).count <= 1 << 20)
        #expect(throws: Never.self) {
            try AllocationUpdate.parse(body: NodeAgentBody.updates(batch))
        }
        // One that is too large by itself keeps the newest events.
        for number in 100..<1000 { states["task-\(number)"] = states["task-0"] }
        update.taskStates = Shared(states)
        let (alone, others) = UpdateBatch.cut([update, update])
        #expect(alone.count == 1 && others.count == 1)
        #expect(NodeAgentBody.updates(alone).count <= 1 << 20)
        #expect(throws: Never.self) {
            try AllocationUpdate.parse(body: NodeAgentBody.updates(alone))
        }
    }
}
