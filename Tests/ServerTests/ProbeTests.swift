// SPDX-License-Identifier: Apache-2.0
import MartletHarness
import MartletSimulation
import Testing

@testable import MartletServer

@Suite("Probes of servers that have other worries") struct BusyProbeTests {
    private static func get(_ path: String) -> String {
        "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n"
    }

    @Test("A server that stops tells whoever is connected: live, not ready")
    func stopping() throws {
        let stage = try HTTPStage(seed: 31)
        let talk = stage.open(Self.get("/readyz"))
        #expect(talk.statuses == ["200"])
        try stage.enter { $0.stop(isLeaving: false) {} }
        stage.say(Self.get("/livez") + Self.get("/readyz"), on: talk)
        #expect(talk.statuses == ["200", "200", "503"], "\(talk.text)")
        #expect(talk.text.contains("[-]running failed: the server is stopping\n"))
    }

    @Test("Bounds on requests hold for all but probes")
    func crowded() throws {
        let stage = try HTTPStage(seed: 32) { $0.httpLimits.requestsMax = 0 }
        let paths = ["/v1/regions", "/livez", "/v1/readyz", "/v1/status/is-leader", "/nothing"]
        let talk = stage.open(paths.map(Self.get).joined())
        #expect(talk.statuses == ["429", "200", "200", "200", "429"])
    }
}
