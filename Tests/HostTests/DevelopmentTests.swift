// SPDX-License-Identifier: Apache-2.0

import MartletHost
import MartletServer
import MartletSimulation
import Testing

@Suite("Several servers by hand, with three flags each") struct DevelopmentTests {
    @Test("The other ports follow the HTTP API's, unless they are set")
    func ports() throws {
        let moved = try loadDev(["-http-port=5000"]).ports
        #expect([moved.http, moved.rpc, moved.serf] == [5000, 5001, 5002])
        let mixed = try loadDev(["-http-port=5000", "-rpc-port=70"]).ports
        #expect([mixed.http, mixed.rpc, mixed.serf] == [5000, 70, 5002])
        let standard = try loadDev([]).ports
        #expect([standard.http, standard.rpc, standard.serf] == [4646, 4647, 4648])
        let free = try loadDev(["-http-port=0"]).ports
        #expect([free.http, free.rpc, free.serf] == [0, 4647, 4648])
    }

    @Test("Ports beyond the last one are refused where they were asked for")
    func portsBeyond() {
        let beyond = failure(of: "{}", ["-dev", "-http-port=65534"])
        #expect(beyond?.text.contains("ports.http: 65534 leaves no room") == true)
        let set = ["-dev", "-http-port=65535", "-rpc-port=1", "-serf-port=2"]
        #expect(failure(of: "{}", set) == nil)
    }

    @Test("Servers that expect others have names of their own and know where the others are")
    func neighbours() throws {
        for (number, port) in [4646, 4656, 4666].enumerated() {
            let flags = ["-bootstrap-expect=3"] + (number == 0 ? [] : ["-http-port=\(port)"])
            let configuration = try loadDev(flags)
            #expect(configuration.name == "dev-\(port)")
            #expect(
                configuration.server.retryJoin
                    == ["127.0.0.1:4648", "127.0.0.1:4658", "127.0.0.1:4668"])
        }
        let sixth = try loadDev(["-bootstrap-expect=3", "-bind=::1", "-node=x"])
        #expect(sixth.name == "x")
        #expect(sixth.server.retryJoin.first == "[::1]:4648")
    }

    @Test("Ports that are not in the row lead nowhere, and what is set counts")
    func elsewhere() throws {
        for port in [4645, 4647, 4676, 5000] {
            let configuration = try loadDev(["-bootstrap-expect=3", "-http-port=\(port)"])
            #expect(configuration.server.retryJoin == [])
        }
        #expect(
            try loadDev(["-bootstrap-expect=3", "-retry-join=127.0.0.1:1"]).server.retryJoin
                == ["127.0.0.1:1"])
        #expect(try loadDev(["-bootstrap-expect=3", "-serf-port=9"]).server.retryJoin == [])
        #expect(try loadDev(["-bootstrap-expect=1"]).server.retryJoin == [])
    }

    @Test("Only a server that was asked to stops with whoever started it")
    func stopsWithParent() throws {
        #expect(try loadDev([]).stopsWithParent == false)
        #expect(try loadDev(["-stop-on-eof"]).stopsWithParent)
        #expect(try loadDev(["-stop-on-eof=false"]).stopsWithParent == false)
    }
}
