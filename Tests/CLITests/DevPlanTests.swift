// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletCLI

@Suite("The ports and files of a cluster to play with") struct DevPlanTests {
    private func plan(
        _ count: Int, from first: UInt16 = 4646, isFixed: Bool = false, taken: Set<UInt16> = []
    ) throws(CLIFailure) -> [UInt16] {
        try DevPlan.make(
            servers: count, in: "/d", from: first, isFixed: isFixed, isTaken: taken.contains
        ).map(\.http)
    }

    @Test("Servers stand ten ports apart from Nomad's port on")
    func standard() throws {
        #expect(try plan(3) == [4646, 4656, 4666])
        #expect(try plan(7).last == 4706)
        #expect(try plan(2, from: 20_000) == [20_000, 20_010])
    }

    @Test("A place of which one port is taken is passed over", arguments: 4646...4650)
    func taken(_ port: Int) throws {
        #expect(try plan(3, taken: [UInt16(port)]) == [4656, 4666, 4676])
        #expect(try plan(3, taken: [4651]) == [4646, 4656, 4666])
    }

    @Test("Ports that somebody counts on are refused by name when they are taken")
    func fixed() {
        do throws(CLIFailure) {
            let ports = try plan(3, from: 5000, isFixed: true, taken: [5012])
            Issue.record("\(ports) were given away")
        } catch {
            #expect(error.exitCode == .unable)
            #expect(error.text.hasPrefix("port 5012 is taken: "))
            #expect(error.text.contains("-http-port"))
        }
    }

    @Test("The search ends", arguments: [4646, 65_520, 65_535] as [UInt16])
    func exhausted(_ first: UInt16) {
        #expect(throws: CLIFailure.self) {
            _ = try plan(7, from: first, taken: Set(1024...6000))
        }
    }

    @Test("A server binds other ports than those it advertises, and all are told of all")
    func configuration() throws {
        let plans = try DevPlan.make(
            servers: 2, in: "/d \"x\"", from: 4646, isFixed: false, isTaken: { _ in false })
        let answer = try Answer(bytes: plans[1].configuration(among: plans), failing: "reading")
        #expect(answer.text("name") == "s2")
        #expect(answer.text("data_dir") == "/d \"x\"/s2")
        let ports = try answer.required("ports")
        #expect(ports.count("http") == 4656)
        #expect(ports.count("rpc") == 4659)
        #expect(ports.count("serf") == 4660)
        let advertised = try answer.required("advertise")
        #expect(advertised.text("rpc") == "127.0.0.1:4657")
        #expect(advertised.text("serf") == "127.0.0.1:4658")
        let server = try answer.required("server")
        #expect(server.count("bootstrap_expect") == 2)
        let joins = try server.required("server_join").list("retry_join").map(\.text)
        #expect(joins == ["127.0.0.1:4648", "127.0.0.1:4658"])
        #expect(plans[1].arguments == ["agent", "-config=/d \"x\"/s2.json", "-stop-on-eof"])
    }

    @Test("A folder of anything else is left alone, and so is one of more servers")
    func folder() {
        let known = ["LOCK", "s1", "s1.json", "s1.log", "s2", "s3.json"]
        #expect(DevFolder.problem(of: [], servers: 1) == nil)
        #expect(DevFolder.problem(of: known, servers: 3) == nil)
        #expect(DevFolder.problem(of: known, servers: 5) == nil)
        #expect(
            DevFolder.problem(of: known, servers: 2)
                == "it has the data of 3 servers: -servers 3 starts them")
        for name in ["photo.jpg", "s8", "s0", "s", "s1.txt", "sx.log", "raft"] {
            #expect(
                DevFolder.problem(of: known + [name], servers: 7)?.contains(name) == true, "\(name)"
            )
        }
    }

    @Test("A folder is used by one at a time, and a temporary one goes with its content")
    func lifetime() throws {
        let desk = Desk()
        let environment = desk.environment
        let kept = try DevFolder("/kept", servers: 3, environment, temporaryIn: "/tmp")
        #expect(throws: CLIFailure.self) {
            try DevFolder("/kept", servers: 3, environment, temporaryIn: "/tmp")
        }
        #expect(kept.close() == "the data is in /kept")
        let again = try DevFolder("/kept", servers: 3, environment, temporaryIn: "/tmp")
        #expect(again.path == "/kept")

        let temporary = try DevFolder(nil, servers: 1, environment, temporaryIn: "/tmp")
        #expect(temporary.path.hasPrefix("/tmp/martlet-dev-"))
        try environment.files.makeDirectory("\(temporary.path)/s1/raft")
        try environment.files.replace("\(temporary.path)/s1/raft/log.mdb", with: [1])
        #expect(temporary.close().hasPrefix("removed "))
        #expect(!environment.files.exists(temporary.path))
    }

    @Test("A relative folder is one of the working directory")
    func absolute() throws {
        #expect(try DevCommand.absolute("/a", in: nil) == "/a")
        #expect(throws: CLIFailure.self) { try DevCommand.absolute("a", in: nil) }
        #expect(try DevCommand.absolute("a/b", in: "/home/x") == "/home/x/a/b")
        #expect(try DevCommand.absolute("a", in: "/") == "/a")
        #expect(throws: CLIFailure.self) { try DevCommand.absolute("", in: "/") }
    }

    @Test(
        "A wrong command line is refused before anything is started",
        arguments: [
            ("dev -servers 0", "-servers must be 1 to 7"),
            ("dev -servers 8", "-servers must be 1 to 7"),
            ("dev -http-port 80", "-http-port must be 1024 to 65000"),
            ("dev -http-port 65001", "-http-port must be 1024 to 65000"),
            ("dev x", "unexpected argument \"x\": 'martlet dev -help' shows what it takes"),
        ])
    func usage(_ line: String, _ text: String) {
        let desk = Desk()
        #expect(desk.run(line) == 2)
        #expect(desk.errors == text + "\n")
    }
}
