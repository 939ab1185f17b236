// SPDX-License-Identifier: Apache-2.0

import MartletHost
import MartletServer
import MartletSimulation
import Testing

@Suite("Command line of the agent") struct CommandLineTests {
    @Test("A development server listens on loopback, alone, with its folder from the caller")
    func development() throws {
        let configuration = try loadDev([])
        #expect(configuration.isDevelopment)
        #expect(configuration.bindAddress == "127.0.0.1")
        #expect(configuration.server.isEnabled)
        #expect(configuration.server.bootstrapExpect == 1)
        #expect(configuration.storageBackend == .lmdb)
        #expect(configuration.dataDirectory == nil)
        #expect(configuration.name == "host")
    }

    @Test(
        "Go's forms all mean the same",
        arguments: [
            ["-node=x"], ["--node=x"], ["-node", "x"], ["--node", "x"], ["-node=y", "-node=x"],
        ]
    )
    func forms(arguments: [String]) throws {
        #expect(try loadDev(arguments).name == "x")
    }

    @Test("A value may hold an equals sign or start with a dash")
    func oddValues() throws {
        #expect(try loadDev(["-node=a=b"]).name == "a=b")
        #expect(try loadDev(["-node", "-a"]).name == "-a")
    }

    @Test("Flags that are on or off take their value only after an equals sign")
    func booleans() throws {
        #expect(try loadDev(["-log-json"]).logJSON)
        #expect(try loadDev(["-log-json=true"]).logJSON)
        #expect(try loadDev(["-log-json", "-log-json=false"]).logJSON == false)
        #expect(failure(of: "{}", ["-dev", "-log-json", "false"])?.exitCode == 2)
    }

    @Test("Every flag reaches its key")
    func everyFlag() throws {
        let configuration = try loadDev([
            "-data-dir=/d", "-bind=127.0.0.2", "-node=n", "-region=r", "-dc=d", "-log-level=debug",
            "-server", "-bootstrap-expect=3", "-retry-join=127.0.0.1:1", "-join", "127.0.0.1:2",
            "-retry-interval=1m30s", "-raft-multiplier=2", "-storage=memory", "-http-port=1",
            "-rpc-port=2", "-serf-port=3", "-retry-max=7", "-rejoin", "-raft-protocol=3",
            "-encrypt=AgICAgICAgICAgICAgICAg==",
        ])
        #expect(configuration.server.retryMax == 7)
        #expect(configuration.server.rejoinAfterLeave)
        #expect(configuration.server.encrypt?.base64 == "AgICAgICAgICAgICAgICAg==")
        #expect(configuration.dataDirectory == "/d")
        #expect(configuration.bindAddress == "127.0.0.2")
        #expect(configuration.region == "r")
        #expect(configuration.datacenter == "d")
        #expect(configuration.logLevel == .debug)
        #expect(configuration.server.bootstrapExpect == 3)
        #expect(configuration.server.retryJoin == ["127.0.0.1:1", "127.0.0.1:2"])
        #expect(configuration.server.retryInterval == .seconds(90))
        #expect(configuration.server.raftMultiplier == 2)
        #expect(configuration.storageBackend == .memory)
        #expect([1, 2, 3] == [.http, .rpc, .serf].map { configuration.ports[$0] })
    }

    @Test(
        "A wrong command line is one line with what would be right, exit 2",
        arguments: [
            (["-bnid=1"], "unknown flag -bnid: did you mean -bind?"),
            (["-zzzzzzzzz"], "unknown flag -zzzzzzzzz: martlet agent -help lists them"),
            (["-node"], "-node wants a value: -node=NAME"),
            (["-dev=maybe"], "-dev: \"maybe\" is neither true nor false"),
            (["extra"], "unexpected argument \"extra\": settings are given as flags"),
            (["--", "extra"], "unexpected argument \"extra\": settings are given as flags"),
            (["-"], "unexpected argument \"-\": settings are given as flags"),
            (
                ["-http-port=99999"],
                "-http-port: ports.http: 99999 must be a whole number from 0 to 65535"
            ),
            (["-http-port=x"], "-http-port: ports.http: x must be a whole number from 0 to 65535"),
        ])
    func wrong(arguments: [String], message: String) {
        let failure = failure(of: "{}", ["-dev"] + arguments)
        #expect(failure?.text == message)
        #expect(failure?.exitCode == 2)
    }

    @Test("A flag's key that is none is refused and not shown")
    func encrypt() {
        let failure = failure(of: "{}", ["-dev", "-encrypt=a2V5"])
        #expect(failure?.text.hasPrefix("-encrypt: server.encrypt: the key must be 16, 24") == true)
        #expect(failure?.text.contains("a2V5") == false)
        #expect(failure?.exitCode == 2)
    }

    @Test("A generated key is one that the agent takes; nothing follows the command")
    func keygen() throws {
        let crypto = SimulatedWorld(seed: 1).makeHost("a").crypto
        let keys = try (0..<2).map { _ in
            try KeygenCommand.outcome(of: [], crypto: crypto).get()
        }
        #expect(keys[0] != keys[1] && keys[0].hasSuffix("=\n"))
        let key = String(keys[0].dropLast())
        #expect(try loadDev(["-encrypt", key]).server.encrypt?.base64 == key)
        #expect(try KeygenCommand.outcome(of: ["-h"], crypto: crypto).get().hasPrefix("Usage"))
        guard case .failure(let failure) = KeygenCommand.outcome(of: ["x"], crypto: crypto) else {
            Issue.record("an argument was taken")
            return
        }
        #expect(failure.exitCode == 2)
    }

    @Test("Help is the whole list and exit 0", arguments: ["-h", "-help", "--help"])
    func help(flag: String) {
        let failure = failure(of: "{", [flag])
        #expect(failure?.exitCode == 0)
        #expect(failure?.text.contains("-serf-port=PORT") == true)
    }
}
