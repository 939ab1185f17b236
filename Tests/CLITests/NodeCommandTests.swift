// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletCLI

/// `node …`, against canned answers.
@Suite("Node commands") struct NodeCommandTests {
    private static let id = "1e1aa1e0-0000-0000-0000-000000000005"
    private static let now = "2026-11-23T07:59:08Z"
    private static let shown = """
        {"ID":"\(id)","Name":"n1","NodePool":"default","NodeClass":"big","Datacenter":"dc1",\
        "DrainStrategy":null,"SchedulingEligibility":"eligible","Status":"ready",\
        "StatusDescription":"","Drivers":{"raw_exec":{"Detected":true,"Healthy":false},\
        "mock_driver":{"Detected":true,"Healthy":true},"java":{"Detected":false}},\
        "HostVolumes":{"data":{}},"Events":[{"Timestamp":"2026-11-23T07:00:00Z",\
        "Subsystem":"Cluster","Message":"Node registered"},{"Timestamp":"2026-11-23T07:01:00.072328234Z",\
        "Subsystem":"Drain","Message":"Node drain complete"}],"Attributes":{"kernel.name":"linux"},\
        "Meta":null,"NodeResources":{"Cpu":{"CpuShares":4000},"Memory":{"MemoryMB":8192},\
        "Disk":{"DiskMB":100000},"Devices":[{"Vendor":"nvidia","Type":"gpu","Name":"t4",\
        "Instances":[{"ID":"g1","Healthy":true},{"ID":"g2","Healthy":false}]}]},\
        "ReservedResources":{"Cpu":{"CpuShares":100},"Memory":{"MemoryMB":192},\
        "Disk":{"DiskMB":0}}}
        """
    private static let allocations = """
        [{"ID":"ef3dfa11-1","NodeID":"\(id)","TaskGroup":"g","Job":{"Version":1,"Type":"service"},\
        "DesiredStatus":"run","ClientStatus":"running","AllocatedResources":{"Shared":{\
        "DiskMB":300},"Tasks":{"a":{"Cpu":{"CpuShares":250},"Memory":{"MemoryMB":128},"Devices":[\
        {"Vendor":"nvidia","Type":"gpu","Name":"t4","DeviceIDs":["g1"]}]},"b":{"Cpu":{\
        "CpuShares":50},"Memory":{"MemoryMB":9223372036854775807}}}}},{"ID":"ef3dfa12-1",\
        "ClientStatus":"complete","AllocatedResources":{"Shared":{"DiskMB":999}}}]
        """

    @Test("Nodes are listed, with what runs on them on demand")
    func list() {
        let desk = Desk()
        desk.replies["GET /v1/nodes"] = .ok(
            #"[{"ID":"\#(Self.id)","Datacenter":"dc1","Name":"n1","NodePool":"default","#
                + #""NodeClass":"","Drain":true,"SchedulingEligibility":"ineligible","#
                + #""Status":"ready","Address":"10.0.0.9","Version":"0.1"}]"#)
        let first = "GET /v1/allocations?per_page=5000"
        desk.replies[first] = .answer(
            200,
            #"[{"NodeID":"\#(Self.id)","ClientStatus":"running"},{"NodeID":"\#(Self.id)","#
                + #""ClientStatus":"failed"}]"#, headers: ["X-Nomad-NextToken: a b"])
        let second = "GET /v1/allocations?next_token=a%20b&per_page=5000"
        desk.replies[second] = .ok(#"[{"NodeID":"\#(Self.id)","ClientStatus":"running"}]"#)
        #expect(desk.run("node status -allocs") == 0)
        #expect(
            desk.text == """
                ID        Node Pool  DC   Name  Class   Drain  Eligibility  Status  Running Allocs
                1e1aa1e0  default    dc1  n1    <none>  true   ineligible   ready   2

                """)
        #expect(desk.requests == ["GET /v1/nodes", first, second])
        #expect(desk.run("node status -verbose") == 0)
        #expect(desk.text.contains("\(Self.id)  default    dc1  n1    <none>  10.0.0.9  0.1"))
        desk.replies["GET /v1/nodes"] = .ok("[]")
        desk.run("node status")
        #expect(desk.text == "No nodes registered\n")
    }

    @Test("A node is shown with what is given away, and no sum overflows")
    func one() {
        let desk = Desk()
        desk.replies["GET /v1/nodes?prefix=1e"] = .ok(#"[{"ID":"\#(Self.id)"}]"#)
        desk.replies["GET /v1/node/\(Self.id)"] = .ok(Self.shown)
        desk.replies["GET /v1/node/\(Self.id)/allocations"] = .ok(Self.allocations)
        #expect(desk.run("node status 1e") == 0)
        #expect(
            desk.text == """
                ID           = \(Self.id)
                Name         = n1
                Node Pool    = default
                Class        = big
                DC           = dc1
                Drain        = false
                Eligibility  = eligible
                Status       = ready
                Drivers      = mock_driver,raw_exec (unhealthy)
                Host Volumes = data

                Node Events
                Time                  Subsystem  Message
                2026-11-23T07:01:00Z  Drain      Node drain complete
                2026-11-23T07:00:00Z  Cluster    Node registered

                Allocated Resources
                CPU           Memory                        Disk
                300/3900 MHz  9223372036854775807/8000 MiB  300/100000 MiB

                Devices
                Device         Instances  Healthy  Given away
                nvidia/gpu/t4  2          1        1

                Allocations
                ID        Node ID   Task Group  Version  Desired  Status   Created  Modified
                ef3dfa11  1e1aa1e0  g           1        run      running  <none>   <none>

                """)
        #expect(desk.run("node status -short -verbose \(Self.id)") == 0)
        #expect(!desk.text.contains("Node Events"))
        #expect(desk.text.hasSuffix("\nAttributes\nkernel.name = linux\n"))
    }

    @Test("Eligibility is set one way or the other")
    func eligibility() {
        let desk = Desk()
        let request = "PUT /v1/node/\(Self.id)/eligibility"
        desk.replies[request] = .ok("{}")
        #expect(desk.run("node eligibility -disable \(Self.id)") == 0)
        #expect(
            desk.requests == [
                request + #" {"NodeID":"\#(Self.id)","Eligibility":"ineligible"}"#
            ])
        #expect(
            desk.text
                == "Node \"\(Self.id)\" scheduling eligibility set: ineligible for scheduling\n")
        #expect(desk.run("node eligibility -enable \(Self.id)") == 0)
        #expect(desk.requests[0].hasSuffix(#""Eligibility":"eligible"}"#))
        for line in ["node eligibility", "node drain"] {
            #expect(desk.run("\(line) \(Self.id)") == 2)
            #expect(desk.errors == "either -enable or -disable is needed\n")
        }
        #expect(desk.run("node eligibility -enable -disable \(Self.id)") == 2)
        #expect(desk.errors == "-enable and -disable exclude each other\n")
    }

    struct Drain: Sendable, CustomTestStringConvertible {
        let flags: String
        let body: String
        var testDescription: String { flags }
    }

    static let drains = [
        Drain(
            flags: "-enable -detach",
            body: #""DrainSpec":{"Deadline":3600000000000,"IgnoreSystemJobs":false},"Meta":{}"#),
        Drain(
            flags: "-enable -detach -deadline 90s -ignore-system -m why=disk -m who=me -m why=net",
            body: #""DrainSpec":{"Deadline":90000000000,"IgnoreSystemJobs":true},"#
                + #""Meta":{"who":"me","why":"net"}"#),
        Drain(
            flags: "-enable -detach -force",
            body: #""DrainSpec":{"Deadline":-1000000000,"IgnoreSystemJobs":false},"Meta":{}"#),
        Drain(
            flags: "-enable -detach -no-deadline",
            body: #""DrainSpec":{"Deadline":0,"IgnoreSystemJobs":false},"Meta":{}"#),
        Drain(flags: "-disable", body: #""DrainSpec":null,"MarkEligible":true,"Meta":{}"#),
        Drain(
            flags: "-disable -keep-ineligible",
            body: #""DrainSpec":null,"MarkEligible":false,"Meta":{}"#),
    ]

    @Test("A drain is asked for as its flags say", arguments: drains)
    func drain(_ drain: Drain) {
        let desk = Desk()
        desk.replies["PUT /v1/node/\(Self.id)/drain"] = .ok("{}")
        #expect(desk.run("node drain \(drain.flags) \(Self.id)") == 0)
        #expect(
            desk.requests == [
                "PUT /v1/node/\(Self.id)/drain {\"NodeID\":\"\(Self.id)\",\(drain.body)}"
            ])
    }

    @Test("Flags of a drain that contradict each other change nothing")
    func contradictions() {
        let desk = Desk()
        for (flags, word) in [
            ("-enable -force -no-deadline", "exclude each other"),
            ("-disable -force", "-force goes with -enable only"),
            ("-disable -ignore-system", "-ignore-system goes with -enable only"),
            ("-enable -keep-ineligible", "-keep-ineligible goes with -disable only"),
            ("-enable -deadline 0s", "-deadline must be above zero"),
            ("-enable -m why", "-m why: it is NAME=VALUE"),
            ("-enable -disable", "-enable and -disable exclude each other"),
            ("-monitor -enable", "-monitor begins and ends no drain"),
        ] {
            #expect(desk.run("node drain \(flags) \(Self.id)") == 2)
            #expect(desk.errors.contains(word))
        }
        #expect(desk.seen.isEmpty)
        desk.replies["GET /v1/nodes?prefix=1e"] = .ok(#"[{"ID":"\#(Self.id)"}]"#)
        #expect(desk.run("node drain -enable 1e") == 2)
        #expect(desk.errors.contains("\"1e\" is the beginning of node \(Self.id): add -yes"))
    }

    @Test("A drain is followed until nothing runs there but what stays")
    func monitor() {
        let desk = Desk()
        func node(_ strategy: String) -> String { #"{"ID":"x","DrainStrategy":\#(strategy)}"# }
        func allocations(_ desired: String, _ status: String) -> String {
            #"[{"ID":"aaaaaaaa-1","Job":{"Type":"service"},"DesiredStatus":"\#(desired)","#
                + #""ClientStatus":"\#(status)","DesiredTransition":{"Migrate":true}},"#
                + #"{"ID":"bbbbbbbb-1","Job":{"Type":"system"},"DesiredStatus":"run","#
                + #""ClientStatus":"running"},{"ID":"cccccccc-1","ClientStatus":"complete"}]"#
        }
        let path = "GET /v1/node/\(Self.id)"
        desk.replies["PUT /v1/node/\(Self.id)/drain"] = .ok("{}")
        desk.replies[path] = .answer(
            200, node(#"{"IgnoreSystemJobs":true}"#), headers: ["X-Nomad-Index: 5"])
        desk.replies["\(path)?index=5&wait=2s"] = .answer(
            200, node("null"), headers: ["X-Nomad-Index: 6"])
        desk.replies["\(path)/allocations"] = .ok(allocations("stop", "complete"))
        #expect(desk.run("node drain -enable -ignore-system \(Self.id)") == 0)
        #expect(
            desk.text == """
                Node "\(Self.id)" drain strategy set
                ==> \(Self.now): Monitoring node "1e1aa1e0": Ctrl-C to detach monitoring
                    \(Self.now): Alloc "bbbbbbbb" running
                ==> \(Self.now): Drain complete for node "1e1aa1e0"
                ==> \(Self.now): All allocations on node "1e1aa1e0" have stopped

                """)
        // Another person has ended it: what runs stays.
        desk.replies["\(path)?index=5&wait=2s"] = .answer(
            200, #"{"ID":"x","DrainStrategy":null,"LastDrain":{"Status":"canceled"}}"#,
            headers: ["X-Nomad-Index: 6"])
        desk.replies["\(path)/allocations"] = .ok(allocations("run", "running"))
        #expect(desk.run("node drain -monitor \(Self.id)") == 2)
        #expect(
            desk.text.hasSuffix(
                """
                ==> \(Self.now): Drain cancelled for node "1e1aa1e0": somebody else has ended it
                    \(Self.now): Allocations that still run there: 1

                """))
        desk.replies[path] = .ok(node("null"))
        #expect(desk.run("node drain -monitor \(Self.id)") == 0)
        #expect(desk.text.hasSuffix("No drain strategy set for node \"1e1aa1e0\"\n"))
    }
}
