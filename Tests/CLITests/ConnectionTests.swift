// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import Testing

/// Servers that do not answer, or not well.
@Suite("Asking servers") struct ConnectionTests {
    private static let leader = "operator api status/leader"
    private static let both = "http://10.0.0.2:4646,http://10.0.0.3:4646"

    @Test("Where one does not answer the next is asked, and the one that answers is kept")
    func failover() {
        let desk = Desk(servers: 2)
        desk.variables["NOMAD_ADDR"] = Self.both
        desk.otherReplies[1] = [
            "GET /v1/agent/members": .silence, "GET /v1/status/leader": .silence,
        ]
        desk.replies["GET /v1/agent/members"] = .ok(
            #"{"Members":[{"Name":"a","Tags":{"region":"global"}}]}"#)
        desk.replies["GET /v1/status/leader"] = .ok("\"x:1\"")
        let start = desk.host.loop.now
        #expect(desk.run("server members") == 0)
        #expect(desk.errors.isEmpty)
        #expect(desk.host.loop.now - start < .seconds(6))
        #expect(desk.requests.count == 3)
    }

    @Test("One that hangs is given up for the next one, within seconds")
    func hangs() {
        let desk = Desk(servers: 2)
        desk.variables["NOMAD_ADDR"] = Self.both
        desk.otherReplies[1] = ["GET /v1/status/leader": .silence]
        desk.replies["GET /v1/status/leader"] = .ok("\"x\"")
        let start = desk.host.loop.now
        #expect(desk.run(Self.leader) == 0)
        #expect(desk.host.loop.now - start < .seconds(6))
        #expect(desk.text == "\"x\"")
    }

    @Test("Alone it is waited for as long as -timeout says")
    func timeout() {
        let desk = Desk()
        desk.replies["GET /v1/status/leader"] = .silence
        let start = desk.host.loop.now
        #expect(desk.run(Self.leader + " -timeout=30s") == 1)
        #expect(desk.host.loop.now - start >= .seconds(30))
        #expect(desk.errors.contains("no answer in time: it hangs, or has much to do"))
        #expect(desk.run(Self.leader + " -timeout=0s") == 2)
        #expect(desk.run(Self.leader + " -timeout=-1s") == 2)
    }

    @Test("Nobody answers: each is named with its reason")
    func none() {
        let desk = Desk(servers: 0)
        desk.variables["NOMAD_ADDR"] = "http://10.0.0.2:1,http://10.0.0.2:2"
        #expect(desk.run(Self.leader) == 1)
        #expect(
            desk.errors
                == "Error sending the request: none of 2 servers answered: http://10.0.0.2:1: "
                + "connection refused; http://10.0.0.2:2: connection refused: -address or "
                + "NOMAD_ADDR names others\n")
    }

    @Test(
        "An answer that is cut short is none",
        arguments: [
            "", "HTT", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a",
        ])
    func truncated(bytes: String) {
        let desk = Desk()
        desk.replies["GET /v1/operator/raft/configuration"] = .cut(bytes)
        #expect(desk.run("operator raft list-peers") == 1)
        #expect(desk.text.isEmpty)
        #expect(desk.errors.split(separator: "\n").count == 1)
        #expect(desk.errors.contains("the connection ended before the answer did"))
    }

    @Test("What is no HTTP is a bad answer: exit code 2")
    func garbage() {
        let desk = Desk()
        desk.replies["GET /v1/status/leader"] = .cut("SSH-2.0-OpenSSH_9.2\r\n\r\n")
        #expect(desk.run(Self.leader) == 2)
        #expect(desk.errors.contains("its answer is no HTTP"))
    }

    @Test(
        "JSON that is none, or not what was asked for, is a bad answer: exit code 2",
        arguments: ["{\"Servers\":", "<html>", "", "[]", "{\"Servers\":7}", "7"])
    func badJSON(body: String) {
        let desk = Desk()
        desk.replies["GET /v1/agent/members"] = .ok(body)
        desk.replies["GET /v1/operator/scheduler/configuration"] = .ok(body)
        desk.replies["GET /v1/operator/autopilot/health"] = .ok(body)
        #expect(desk.run("operator scheduler get-config") == 2)
        #expect(desk.text.isEmpty)
        #expect(desk.errors.hasPrefix("Error querying scheduler configuration: the answer is "))
        #expect(desk.run("operator autopilot health") == 2)
    }

    private static let removal = "DELETE /v1/operator/raft/peer?id=x"

    @Test("A change whose answer is lost is not made again elsewhere: it is said to be looked up")
    func uncertain() {
        let desk = Desk(servers: 2)
        desk.variables["NOMAD_ADDR"] = Self.both
        desk.otherReplies[1] = ["DELETE /v1/operator/raft/peer": .cut("")]
        desk.replies["DELETE /v1/operator/raft/peer"] = .ok("")
        #expect(desk.run("operator raft remove-peer -peer-id=x") == 1)
        #expect(desk.errors.hasSuffix("it may have been carried out: look, then try again\n"))
        #expect(desk.requests == ["GET /v1/agent/health", Self.removal])
    }

    @Test("A change goes past servers that are away or hang, to one that answers, once")
    func certain() {
        let desk = Desk(servers: 2)
        desk.variables["NOMAD_ADDR"] = "http://10.0.0.9:4646," + Self.both
        desk.otherReplies[1] = [
            "GET /v1/agent/health": .silence, "DELETE /v1/operator/raft/peer": .silence,
        ]
        desk.replies["DELETE /v1/operator/raft/peer"] = .ok("")
        #expect(desk.run("operator raft remove-peer -peer-id=x") == 0)
        #expect(
            desk.requests == ["GET /v1/agent/health", "GET /v1/agent/health", Self.removal])
    }

    @Test("With one address only what was asked for is sent")
    func noProbe() {
        let desk = Desk()
        desk.replies["DELETE /v1/operator/raft/peer"] = .ok("")
        #expect(desk.run("operator raft remove-peer -peer-id=x") == 0)
        #expect(desk.requests == [Self.removal])
    }

    @Test("MARTLET_ goes before NOMAD_, flags before both; region and namespace go along")
    func environment() {
        let desk = Desk()
        desk.replies["GET /v1/regions"] = .ok("[]")
        desk.variables["NOMAD_REGION"] = "nomad"
        desk.variables["NOMAD_NAMESPACE"] = "ns"
        desk.variables["MARTLET_REGION"] = "eu 1"
        desk.run("operator api regions")
        #expect(desk.requests == ["GET /v1/regions?namespace=ns&region=eu%201"])
        desk.run("operator api -region=us regions?a=b")
        #expect(desk.requests == ["GET /v1/regions?a=b&namespace=ns&region=us"])
    }

    @Test("A token that no header could carry is refused before anything is sent")
    func token() {
        let desk = Desk()
        desk.variables["NOMAD_TOKEN"] = "abc\r\nX-Evil: 1"
        #expect(desk.run(Self.leader) == 2)
        #expect(desk.seen.isEmpty)
    }

    @Test("An answer cannot steer the terminal")
    func hostileText() {
        let desk = Desk()
        desk.replies["GET /v1/agent/members"] = .answer(500, "a\u{1b}]0;x\u{7}b\r\nc")
        desk.run("server members")
        #expect(desk.errors.contains("(a ]0;x b c)"))
        desk.replies["GET /v1/operator/raft/configuration"] = .ok(
            #"{"Servers":[{"Node":"a\u001b[2Jb","ID":"1","Address":"x","Voter":true}]}"#)
        #expect(desk.run("operator raft list-peers") == 0)
        #expect(!desk.text.contains("\u{1b}"))
    }

    @Test("TLS is asked for by https, and is to be of the host, or of another name")
    func secured() {
        let desk = Desk()
        desk.variables["NOMAD_ADDR"] = "https://10.0.0.2:4646"
        #expect(desk.run(Self.leader) == 1)
        #expect(desk.errors == "-ca-cert: no TLS: 10.0.0.2 client\n")
        desk.run(Self.leader + " -tls-server-name=server.global.nomad")
        #expect(desk.errors.contains("server.global.nomad client"))
        desk.run(Self.leader + " -tls-skip-verify")
        #expect(desk.errors.contains("any clientWithoutVerification"))
        desk.run(Self.leader + " -ca-cert=/nope")
        #expect(desk.errors == "/nope: no such file or folder\n")
        #expect(desk.run(Self.leader + " -client-cert=/nope") == 2)
    }

    @Test("Colours only on a terminal, unless they are forced; never where they are refused")
    func colours() {
        let desk = Desk()
        desk.replies["GET /v1/operator/raft/configuration"] = .ok(
            #"{"Servers":[{"Node":"a","ID":"1","Address":"x","Leader":true,"Voter":true}]}"#)
        func isColoured(_ flags: String = "") -> Bool {
            desk.run("operator raft list-peers" + flags)
            return desk.text.contains("\u{1b}[32mleader\u{1b}[0m")
        }
        #expect(!isColoured())
        #expect(isColoured(" -force-color"))
        desk.isTerminal = true
        #expect(isColoured())
        #expect(!isColoured(" -no-color"))
        #expect(!isColoured(" -json"))
        desk.variables["NO_COLOR"] = "1"
        #expect(!isColoured())
    }
}
