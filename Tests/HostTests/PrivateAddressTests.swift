// SPDX-License-Identifier: Apache-2.0
import MartletTransport
import Testing

@testable import MartletHost

@Suite("The address that others are told by default") struct PrivateAddressTests {
    private static let header =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

    private func files(routes: [String], locals: [String]) -> FakeFiles {
        let trie = locals.map { "           |-- \($0)\n              /32 host LOCAL\n" }
        return FakeFiles(texts: [
            "/proc/net/route": Self.header + routes.joined(separator: "\n") + "\n",
            "/proc/net/fib_trie": "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n"
                + "        /0 universe UNICAST\n" + trie.joined()
                + "           |-- 10.0.0.255\n              /32 link BROADCAST\n",
        ])
    }

    private static let gateway = "eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0"
    private static let network = "eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0"
    private static let bridge = "br0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0"

    @Test("It is the first private one of the interface with the default route")
    func found() {
        let locals = ["127.0.0.1", "172.17.0.1", "10.0.0.9", "10.0.0.7"]
        let routes = [Self.bridge, Self.gateway, Self.network]
        #expect(PrivateAddress.find(in: files(routes: routes, locals: locals)) == "10.0.0.7")
    }

    @Test("Of several default routes the one with the least metric counts")
    func metric() {
        let other = "br0\t00000000\t010011AC\t0003\t0\t0\t50\t00000000\t0\t0\t0"
        let locals = ["172.17.0.1", "10.0.0.7"]
        let routes = [Self.gateway, Self.network, Self.bridge, other]
        #expect(PrivateAddress.find(in: files(routes: routes, locals: locals)) == "172.17.0.1")
    }

    @Test("There is none without a default route, in public, and where nothing can be read")
    func none() {
        let locals = ["10.0.0.7"]
        #expect(PrivateAddress.find(in: files(routes: [Self.network], locals: locals)) == nil)
        #expect(PrivateAddress.find(in: files(routes: [Self.gateway], locals: locals)) == nil)
        let open = "eth0\t00000008\t00000000\t0001\t0\t0\t100\t000000FF\t0\t0\t0"
        let routes = [Self.gateway, open]
        #expect(PrivateAddress.find(in: files(routes: routes, locals: ["8.8.8.8"])) == nil)
        #expect(PrivateAddress.find(in: files(routes: ["x", "eth0\t0"], locals: [])) == nil)
        #expect(PrivateAddress.find(in: FakeFiles()) == nil)
    }

    private func load(_ text: String) throws(ConfigurationFailure) -> LoadedConfiguration {
        var files = files(routes: [Self.gateway, Self.network], locals: ["10.0.0.7"])
        files.texts["/c.hcl"] = "data_dir = \"/d\"\n" + text
        return try AgentConfiguration.load(
            arguments: ["-config=/c.hcl"], files: files, hostName: "host"
        ).get()
    }

    @Test("A server among others that listens on every address tells it, and says so")
    func told() throws {
        let loaded = try load(
            "server { enabled = true bootstrap_expect = 3 retry_join = [\"10.0.0.8\"] }")
        let configuration = loaded.configuration
        #expect(configuration.advertisedAddress(of: .rpc) == SocketAddress("10.0.0.7:4647"))
        #expect(configuration.advertisedAddress(of: .serf) == SocketAddress("10.0.0.7:4648"))
        #expect(configuration.advertisedAddress(of: .http) == SocketAddress("10.0.0.7:4646"))
        #expect(loaded.warnings.count == 2)
        #expect(loaded.warnings[0].hasPrefix("advertise.rpc: missing: others are told 10.0.0.7,"))
    }

    @Test("The explanation says where it comes from")
    func explained() {
        var files = files(routes: [Self.gateway, Self.network], locals: ["10.0.0.7"])
        files.texts["/c.hcl"] = """
            data_dir = "/d"
            server { enabled = true bootstrap_expect = 3 retry_join = ["10.0.0.8"] }
            """
        let table = ConfigCommand.outcome(
            of: ["explain", "/c.hcl"], files: files, hostName: "host"
        ).output
        let line = table.split(separator: "\n").first { $0.hasPrefix("advertise.rpc ") }
        #expect(line?.contains("10.0.0.7:4647") == true)
        #expect(line?.hasSuffix("default route") == true)
    }

    @Test("What is set counts, and a server alone is reached on its own machine")
    func untold() throws {
        let set = try load(
            """
            bind_addr = "0.0.0.0" advertise { rpc = "10.9.9.9" }
            addresses { serf = "10.8.8.8" }
            server { enabled = true bootstrap_expect = 3 retry_join = ["10.0.0.8"] }
            """)
        #expect(set.configuration.advertisedAddress(of: .rpc) == SocketAddress("10.9.9.9:4647"))
        #expect(set.configuration.advertisedAddress(of: .serf) == SocketAddress("10.8.8.8:4648"))
        #expect(set.warnings == [])
        let alone = try load("server { enabled = true bootstrap_expect = 1 }").configuration
        #expect(alone.advertisedAddress(of: .rpc) == SocketAddress("127.0.0.1:4647"))
    }
}
