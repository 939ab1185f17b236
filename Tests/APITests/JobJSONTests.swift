// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

private func parse(_ text: String) throws -> Job {
    try JobRegisterRequest.parse(body: Array(text.utf8)).job
}

private func message(_ text: String) -> String {
    do throws(APIError) {
        _ = try JobRegisterRequest.parse(body: Array(text.utf8))
        return "taken"
    } catch {
        return "\(error.status) \(error.message)"
    }
}

private func encoded(_ value: some JSONWritable) -> String {
    String(decoding: JSONWriter.encode(value), as: UTF8.self)
}

/// As `nomad job run` sends it: every field of the client, most of them null.
private let example = """
    {"Job":{"ID":"example","Name":"example","Type":"service","Priority":null,"Datacenters":["dc1"],
    "AllAtOnce":null,"Constraints":null,"Multiregion":null,"Periodic":null,"Update":null,
    "TaskGroups":[{"Name":"cache","Count":null,"Constraints":null,"Networks":[{"Mode":"","Device":"",
    "DNS":null,"ReservedPorts":null,"DynamicPorts":[{"Label":"db","Value":0,"To":6379,
    "HostNetwork":"default"}],"MBits":null}],"Services":[{"Name":"redis"}],"Update":{"Canary":1},
    "Tasks":[{"Name":"redis","Driver":"docker","Config":{"ports":["db"],"image":"redis:3.2"},
    "Resources":{"CPU":500,"MemoryMB":256,"DiskMB":null,"Networks":null,"Devices":null},
    "KillTimeout":null,"LogConfig":null,"Leader":false}]}]},
    "EnforceIndex":true,"JobModifyIndex":7}
    """

@Suite("A job's JSON") struct JobJSONTests {
    @Test("What the command line sends is read, absent fields with Nomad's defaults")
    func defaults() throws {
        let request = try JobRegisterRequest.parse(body: Array(example.utf8))
        #expect(request.enforcesIndex && request.jobModifyIndex == 7)
        #expect(request.submitted.ignoredFields == ["Job.TaskGroups[0].Services"])
        let job = request.job
        #expect(job.priority == 50 && job.namespace == "default" && job.region == "global")
        #expect(job.update == UpdateStrategy())
        let group = try #require(job.lookup(group: "cache"))
        #expect(group.count == 1 && group.ephemeralDisk.sizeMB == 300)
        #expect(group.restartPolicy == RestartPolicy(for: .service))
        #expect(group.reschedulePolicy == ReschedulePolicy(for: .service))
        #expect(group.migrate == MigrateStrategy())
        #expect(group.update?.canary == 1 && group.update?.maxParallel == 1)
        #expect(group.networks[0].dynamicPorts == [PortRequest(label: "db", to: 6379)])
        let task = group.tasks[0]
        #expect(task.resources == TaskResources(cpu: 500, memoryMB: 256))
        #expect(task.config?.text == #"{"image":"redis:3.2","ports":["db"]}"#)
        #expect(task.killTimeout == .seconds(5) && task.logs.maxFiles == 10)
        #expect(task.restartPolicy == RestartPolicy(for: .service))
    }

    @Test("What nobody listens to is named, unless it says nothing; and not without end")
    func strangers() throws {
        let text = """
            {"Job":{"ID":"j","Prioritty":70,"UI":{"Description":"x"},"VersionTag":null,"Gone":false,
            "TaskGroups":[{"Name":"g","Cuont":3,"count":2,"Empty":"","Tasks":[{"Name":"t","Divers":["a"],
            "Resources":{"Cpu":5,"Memory":64,"Zero":0}}]}]}}
            """
        let request = try JobRegisterRequest.parse(body: Array(text.utf8))
        #expect(
            request.submitted.ignoredFields == [
                "Job.Prioritty", "Job.UI", "Job.TaskGroups[0].Cuont",
                "Job.TaskGroups[0].Tasks[0].Divers", "Job.TaskGroups[0].Tasks[0].Resources.Memory",
            ])
        #expect(
            request.submitted.validate().warnings.contains(
                "Job.TaskGroups[0].Cuont is not supported, and has no effect"))
        let many = (0..<1000).map { "\"x\($0)\":1" }.joined(separator: ",")
        let crowd = try JobRegisterRequest.parse(
            body: Array("{\"Job\":{\"ID\":\"j\",\(many)}}".utf8))
        #expect(crowd.submitted.ignoredFields.count == 64)
        let answered = try JSONReader.parse(JSONWriter.encode(request.job))
        #expect(try Job.decode(from: answered).ignoredFields.isEmpty)
    }

    @Test("Defaults follow the type of the job")
    func types() throws {
        for type in JobType.allCases {
            let job = try parse(
                #"{"Job":{"ID":"j","Type":"\#(type.rawValue)","TaskGroups":[{"Name":"g"}]}}"#)
            #expect(job.groups[0].restartPolicy == RestartPolicy(for: type))
            #expect(job.groups[0].reschedulePolicy == ReschedulePolicy(for: type))
            #expect((job.update != nil) == (type == .service))
            #expect((job.groups[0].update != nil) == (type == .service))
            #expect((job.groups[0].migrate != nil) == (type == .service))
            #expect(job.datacenters == ["*"] && job.nodePool == "default")
        }
    }

    @Test("A group's policy is its own over its job's over the default")
    func merged() throws {
        let job = try parse(
            """
            {"job":{"id":"j","UPDATE":{"MaxParallel":4,"Canary":2},"Reschedule":{"Delay":7000000000},
            "TaskGroups":[{"Name":"g","Update":{"MaxParallel":3},"RestartPolicy":{"Attempts":9},
            "ReschedulePolicy":{"MaxDelay":"8s"},"Tasks":[{"Name":"t","RestartPolicy":{"Mode":"delay"}}]}]}}
            """)
        let group = job.groups[0]
        #expect(group.update?.maxParallel == 3 && group.update?.canary == 2)
        #expect(group.reschedulePolicy?.delay == .seconds(7))
        #expect(group.reschedulePolicy?.maxDelay == .seconds(8))
        #expect(group.reschedulePolicy?.unlimited == true)
        let restart = try #require(group.tasks[0].restartPolicy)
        #expect(restart.attempts == 9 && restart.mode == "delay" && restart.delay == .seconds(15))
    }

    @Test("Cores bring their MHz")
    func cores() throws {
        func resources(_ text: String) throws -> TaskResources {
            try parse(
                #"{"Job":{"ID":"j","TaskGroups":[{"Tasks":[{"Resources":\#(text)}]}]}}"#
            ).groups[0].tasks[0].resources
        }
        #expect(try resources(#"{"Cores":2}"#).cpu == 0)
        #expect(try resources(#"{"Cores":2,"CPU":50}"#).cpu == 50)
        #expect(try resources(#"{"Cores":0}"#).cpu == 100)
        #expect(try resources("null") == TaskResources())
        #expect(try resources("{}") == TaskResources())
    }

    @Test("What is written reads back, whatever the type")
    func roundTrip() throws {
        for type in JobType.allCases {
            let text = example.replacing(
                #""Type":"service""#, with: #""Type":"\#(type.rawValue)""#)
            let job = try parse(text)
            #expect(try parse(#"{"Job":\#(encoded(job))}"#) == job)
        }
    }

    @Test("Members are in the order of their names; what is absent is null")
    func order() throws {
        let job = try parse(#"{"Job":{"ID":"j","Type":"batch","TaskGroups":[{"Name":"g"}]}}"#)
        let node = try JSONReader.parse(JSONWriter.encode(job))
        func check(_ node: JSONNode) {
            switch node.value {
            case .object(let members):
                let names = members.map { Array($0.name.utf8) }
                #expect(
                    names.elementsEqual(names.sorted { $0.lexicographicallyPrecedes($1) }),
                    "\(members.map(\.name))")
                for member in members { check(member.node) }
            case .array(let elements): for element in elements { check(element) }
            case .null, .bool, .number, .string: break
            }
        }
        check(node)
        let text = encoded(job)
        for expected in [
            #""Constraints":null"#, #""Periodic":null"#, #""Multiregion":null"#, #""Tasks":null"#,
            #""StopAfterClientDisconnect":null"#, #""Update":null"#, #""Meta":null"#,
            #""DelayFunction":"constant""#,
        ] {
            #expect(text.contains(expected), "\(expected)")
        }
    }

    @Test(
        "What is of a wrong type is named",
        arguments: [
            (#"{"Job":{"ID":5}}"#, "field Job.ID of type string"),
            (
                #"{"Job":{"ID":"j","TaskGroups":[{"Count":"3"}]}}"#,
                "field Job.TaskGroups[0].Count of type int"
            ),
            (
                #"{"Job":{"ID":"j","TaskGroups":[{"Count":1e2}]}}"#,
                "number 1e2 into field Job.TaskGroups[0].Count of type int"
            ),
            (
                #"{"Job":{"ID":"j","TaskGroups":[{"Count":99999999999999999999}]}}"#,
                "field Job.TaskGroups[0].Count of type int"
            ),
            (
                #"{"Job":{"ID":"j","TaskGroups":[{"Tasks":[{"Env":{"A":1}}]}]}}"#,
                "field Job.TaskGroups[0].Tasks[0].Env.A of type string"
            ),
            (
                #"{"Job":{"ID":"j","Type":"cron"}}"#,
                #"field Job.Type: "cron" is none of service, batch, system, sysbatch"#
            ),
            (#"{"Job":{"ID":"j","TaskGroups":{}}}"#, "field Job.TaskGroups of type array"),
            (#"{"Job":[]}"#, "field Job of type object"),
            (#"{"Job":null}"#, "400 Job must be specified"),
            (#"{"Job":{}}"#, "400 Job ID hasn't been provided"),
            ("", "Request body is empty"),
            (
                #"{"Job":{"ID":"j","TaskGroups":[{"Tasks":[{"Lifecycle":{"Hook":"never"}}]}]}}"#,
                "Job.TaskGroups[0].Tasks[0].Lifecycle.Hook"
            ),
        ])
    func refused(text: String, named: String) {
        let told = message(text)
        #expect(told.hasPrefix("400 ") && told.contains(named), "\(told)")
    }

    @Test("Thousands of groups, tasks, rules or nested values are refused by number")
    func bounds() {
        func many(_ element: String, _ count: Int) -> String {
            Array(repeating: element, count: count).joined(separator: ",")
        }
        let told = message(#"{"Job":{"ID":"j","TaskGroups":[\#(many("{}", 257))]}}"#)
        #expect(told.contains("field Job.TaskGroups: 257 elements, at most 256 are allowed"))
        #expect(
            message(
                #"{"Job":{"ID":"j","TaskGroups":[{"Tasks":[\#(many("{}", 1024))]},{"Tasks":[{}]}]}}"#
            ).contains("more than 1024 tasks"))
        #expect(
            message(#"{"Job":{"ID":"j","Constraints":[\#(many("{}", 65))]}}"#).contains(
                "at most 64"))
        let deep = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
        #expect(
            message(#"{"Job":{"ID":"j","Extra":\#(deep)}}"#).contains("exceeded max depth"))
    }

    @Test("A text of JSON has one form")
    func texts() throws {
        let given = #"{ "b" : [1, 2.50, {"z":null,"a":true}], "a":"<é" }"#
        let job = try parse(
            #"{"Job":{"ID":"j","TaskGroups":[{"Tasks":[{"Config":\#(given)}]}]}}"#)
        let config = try #require(job.groups[0].tasks[0].config)
        #expect(config.text == #"{"a":"\u003cé","b":[1,2.50,{"a":true,"z":null}]}"#)
        #expect(JSONText(verifying: config.text) == config)
        #expect(JSONText(verifying: given) == nil && JSONText(verifying: "") == nil)
        #expect(encoded(config) == config.text)
    }
}

@Suite("Names and ids") struct SchedulingNameTests {
    @Test("An id reads back from its text, in either case, and sorts as it")
    func ids() throws {
        let text = "95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081e"
        let id = try #require(UniqueID(text))
        #expect(id.description == text && UniqueID(text.uppercased()) == id)
        #expect(id.high == 0x95ae_5d2d_cfec_ee20 && id.low == 0xc8c0_2fb9_eeb6_081e)
        #expect(id < UniqueID(high: id.high, low: id.low + 1) && UniqueID(high: 0, low: 9) < id)
        for other in ["", "95ae5d2dcfecee20c8c02fb9eeb6081e", text + "0", "g" + text.dropFirst()] {
            #expect(UniqueID(other) == nil, "\(other)")
        }
    }

    @Test("The number of a name is found, and nothing else taken for one")
    func allocationNames() {
        #expect(Allocation.name(job: "a", group: "b[1]", index: 12) == "a.b[1][12]")
        #expect(Allocation.index(ofName: "a.b[1][12]") == 12)
        for name in ["a.b", "a.b[]", "a.b[-1]", "a.b[1", "a.b[99999999999999999999]", "]", ""] {
            #expect(Allocation.index(ofName: name) == nil, "\(name)")
        }
    }

    @Test("A7: sidecars always, the others by what runs at the same time")
    func lifecycle() {
        func task(_ cpu: Int, _ lifecycle: TaskLifecycle?) -> JobTask {
            var task = JobTask(name: "t\(cpu)", driver: "mock")
            task.resources = TaskResources(cpu: cpu, memoryMB: cpu / 10)
            task.lifecycle = lifecycle
            return task
        }
        let group = TaskGroup(
            name: "g",
            tasks: [
                task(1000, nil), task(1500, TaskLifecycle(hook: .prestart)),
                task(200, TaskLifecycle(hook: .prestart, isSidecar: true)),
                task(300, TaskLifecycle(hook: .poststop)),
            ])
        #expect(group.combinedResources.cpu == 1700 && group.combinedResources.memoryMB == 170)
        #expect(group.combinedResources.diskMB == 300)
    }

    @Test("The class of a node ignores amounts, ids and what is unique")
    func classes() throws {
        let id = UniqueID(high: 1, low: 2)
        var node = Node(id: id, name: "n", datacenter: "dc1")
        node.attributes = ["kernel.name": "linux", "unique.hostname": "n"]
        let digest = node.classDigest
        var same = node
        same.id = UniqueID(high: 3, low: 4)
        same.resources.cpu = 5
        same.attributes["unique.hostname"] = "m"
        same.attributes["unique.more"] = "m"
        #expect(same.classDigest == digest)
        var other = node
        other.attributes["kernel.name"] = "darwin"
        #expect(other.classDigest != digest)
        other = node
        other.meta["kernel.name"] = "linux"
        #expect(other.classDigest != digest)
        other = node
        other.drivers["raw_exec"] = DriverState()
        #expect(other.classDigest != digest)
    }
}
