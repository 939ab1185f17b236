// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletSimulation
import Testing

@testable import MartletCLI

@Suite("What goes on until it is interrupted") struct StreamTests {
    private func chunked(_ pieces: [String], ends: Bool = true) -> String {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            + pieces.map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }.joined()
            + (ends ? "0\r\n\r\n" : "")
    }

    private func frame(_ text: String) -> String {
        "{\"Data\":\"\(Base64.encoded(Array(text.utf8)))\"}\n"
    }

    @Test("The log comes out line by line, however it was cut on its way, without what steers")
    func monitor() {
        let desk = Desk()
        let frames = "{}\n" + frame("one\ntwo\u{1b}[2J\n") + "{}\n" + frame("three\n")
        let pieces = frames.map { String($0) }
        desk.replies["GET /v1/agent/monitor"] = .cut(chunked(pieces))
        let status = desk.run("monitor -log-level=debug -server-id s2 -json")
        #expect(desk.text == "one\ntwo\u{fffd}[2J\nthree\n")
        #expect(
            desk.requests == [
                "GET /v1/agent/monitor?log_json=true&log_level=debug&server_id=s2"
            ])
        #expect(status == 1)
        #expect(desk.errors == "Error monitoring s2: http://10.0.0.2:4646 ended the stream\n")
    }

    @Test("A connection that breaks, and a server that is silent, are told")
    func broken() {
        let desk = Desk()
        desk.replies["GET /v1/agent/monitor"] = .cut(chunked([frame("one\n")], ends: false))
        #expect(desk.run("monitor") == 1)
        #expect(desk.text == "one\n")
        #expect(desk.errors.contains("the stream of http://10.0.0.2:4646 broke off"))
        desk.replies["GET /v1/agent/monitor"] = .silence
        #expect(desk.run("monitor") == 1)
        #expect(desk.errors.hasPrefix("Error starting monitor: http://10.0.0.2:4646: no answer"))
    }

    @Test("A refusal is told as of any command; a wrong level is refused before anything is asked")
    func refused() {
        let desk = Desk()
        desk.replies["GET /v1/agent/monitor"] = .answer(403, "Permission denied")
        #expect(desk.run("monitor") == 2)
        #expect(
            desk.errors.hasPrefix(
                "Error starting monitor: Unexpected response code: 403 (Permission denied)"))
        #expect(desk.run("monitor -log-level=loud") == 2)
        #expect(desk.requests.isEmpty)
    }

    @Test("The next server is asked when one does not answer")
    func next() {
        let desk = Desk()
        desk.variables["NOMAD_ADDR"] = "http://10.0.0.77:4646,http://10.0.0.2:4646"
        desk.replies["GET /v1/agent/monitor"] = .cut(chunked([frame("one\n")]))
        #expect(desk.run("monitor") == 1)
        #expect(desk.text == "one\n")
    }

    @Test("Events are a line each, or the frames as they come")
    func events() {
        let desk = Desk()
        let line =
            #"{"Index":7,"Events":[{"Topic":"Leadership","Type":"LeaderElected","Key":"a","#
            + #""Namespace":"","FilterKeys":["s1"],"Index":7,"Payload":{"Leader":{"ID":"a","#
            + #""Term":3}}},{"Topic":"Stream","Type":"EventsSkipped","Key":"","Index":7,"#
            + #""Payload":{"Through":6}}]}"#
        desk.replies["GET /v1/event/stream"] = .cut(chunked(["{}\n", line + "\n"]))
        #expect(desk.run("operator events -topic Leadership:a -topic Health -index 5") == 1)
        #expect(
            desk.text == "7  Leadership  LeaderElected  a  ID=a  Term=3\n"
                + "7  Stream  EventsSkipped  Through=6\n")
        #expect(
            desk.requests == ["GET /v1/event/stream?index=5&topic=Leadership%3Aa&topic=Health"])
        #expect(desk.run("operator events -json") == 1)
        #expect(desk.text == line + "\n")
    }
}
