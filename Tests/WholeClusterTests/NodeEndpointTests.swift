// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import MartletState
import Testing

private let nodeID = "10000000-0000-4000-8000-000000000001"
private let otherID = "10000000-0000-4000-8000-000000000002"
private let secret = "20000000-0000-4000-8000-000000000001"
private let wrongSecret = "20000000-0000-4000-8000-000000000009"

@Suite("The endpoints of nodes") struct NodeEndpointTests {
    /// Three servers, and what nodes ask of them.
    private struct Servers {
        let cluster: SimulatedCluster
        let leader: SimulatedCluster.Node
        let follower: SimulatedCluster.Node

        init(
            seed: UInt64, configure: @escaping (inout ServerOptions) -> Void = { _ in }
        ) throws {
            let cluster = SimulatedCluster(seed: seed, count: 3, configure: configure)
            cluster.startAll()
            let leader = try #require(cluster.settle())
            self.cluster = cluster
            self.leader = leader
            follower = try #require(cluster.nodes.first { $0 !== leader })
            cluster.world.run(for: .seconds(2))
        }

        func ask(
            _ method: ClientMethod, _ path: String, _ body: String? = nil,
            at server: SimulatedCluster.Node? = nil, secret: String? = nil
        ) -> Result<ClientResponse, ClientError> {
            cluster.ask(
                server ?? leader, method, path, body: body,
                headers: secret.map { [.init(name: "X-Martlet-Node-Secret", value: $0)] } ?? [])
        }

        func register(
            _ id: String = nodeID, secret own: String = secret,
            at server: SimulatedCluster.Node? = nil
        ) -> Result<ClientResponse, ClientError> {
            ask(
                .put, "/v1/martlet/node/\(id)", NodeEndpointTests.node(id, secret: own),
                at: server, secret: own)
        }

        /// Lets one instance run on the node, which says nothing of it: a drain waits for it.
        func place() throws {
            let job = """
                {"Job":{"ID":"web","Datacenters":["dc1"],"Type":"service","TaskGroups":[
                {"Name":"web","Count":1,"Tasks":[{"Name":"web","Driver":"mock_driver"}]}]}}
                """
            let told = ask(.put, "/v1/jobs", job)
            #expect(told.status == 200, "\(told.text)")
            cluster.world.run(for: .seconds(1))
            let placed = ask(.get, "/v1/node/\(nodeID)/allocations")
            try #require(placed.text.contains("\"JobID\":\"web\""), "\(placed.text)")
        }
    }

    fileprivate static func node(_ id: String, secret: String) -> String {
        """
        {"ID":"\(id)","SecretID":"\(secret)","Name":"n","Datacenter":"dc1","Status":"ready",
        "NodeResources":{"Cpu":{"CpuShares":4000},"Memory":{"MemoryMB":8192},"Disk":{"DiskMB":900}},
        "Drivers":{"mock_driver":{"Detected":true,"Healthy":true}}}
        """
    }

    private static func number(_ text: String, _ name: String) -> UInt64? {
        guard let range = text.firstRange(of: "\"\(name)\":") else { return nil }
        return UInt64(text[range.upperBound...].prefix { $0.isNumber })
    }

    @Test("Of a node's secret the state keeps the digest, also where it had the secret itself")
    func sealing() throws {
        let servers = try Servers(seed: 98)
        #expect(servers.register(at: servers.follower).status == 200)
        var early = readyNode(7)
        early.secretID = try #require(UniqueID(secret))
        servers.cluster.scheduleSurely(.registerNodes([early], evaluations: []))
        servers.cluster.world.run(for: .seconds(5))
        let tables = try #require(servers.cluster.tables)
        for node in tables.nodes.map(\.value) {
            #expect(node.secretDigest != nil && node.secretID == UniqueID(high: 0, low: 0))
        }
        #expect(tables.nodeCount == 2 && tables.counts.sealed == 2)
        #expect(servers.register().status == 200)
        #expect(servers.register(secret: wrongSecret).status == 403)
        let path = "/v1/martlet/node/\(early.id)/heartbeat"
        for (own, status) in [(secret, 200), (wrongSecret, 403)] {
            let beat = servers.ask(.put, path, #"{"Status":"ready"}"#, secret: own)
            #expect(beat.status == status, "\(beat.text)")
        }
    }

    @Test("A node registers through any server and is listed, without its secret")
    func registration() throws {
        let servers = try Servers(seed: 81)
        let told = servers.register(at: servers.follower)
        #expect(told.status == 200, "\(told.text)")
        let ttl = try #require(Self.number(told.text, "HeartbeatTTL"))
        #expect((10_000_000_000...20_000_000_000).contains(ttl))
        #expect(told.text.contains("\"Servers\":[\""))
        for server in [servers.leader, servers.follower] {
            let list = servers.ask(.get, "/v1/nodes", at: server)
            #expect(list.text.contains("\"ID\":\"\(nodeID)\""), "\(list.text)")
            let one = servers.ask(.get, "/v1/node/\(nodeID)", at: server)
            #expect(one.status == 200)
            #expect(one.text.contains("\"Status\":\"ready\""))
            #expect(one.text.contains("\"MemoryMB\":8192"))
            #expect(!one.text.contains(secret))
        }
        #expect(servers.ask(.get, "/v1/nodes?prefix=ff").text == "[]")
        #expect(servers.ask(.get, "/v1/node/\(otherID)").status == 404)
        #expect(servers.ask(.get, "/v1/node/nonsense").status == 400)
        #expect(servers.ask(.get, "/v1/node/\(nodeID)/allocations").text == "[]")
    }

    @Test("The first registration sets the secret; no other is taken, and none is not either")
    func secrets() throws {
        let servers = try Servers(seed: 82)
        #expect(servers.register().status == 200)
        let path = "/v1/martlet/node/\(nodeID)"
        #expect(servers.register(secret: wrongSecret).status == 403)
        // The header speaks for the body, too.
        let body = Self.node(nodeID, secret: secret)
        #expect(servers.ask(.put, path, body, secret: wrongSecret).status == 403)
        for presented in [nil, wrongSecret, "no uuid"] {
            for server in [servers.leader, servers.follower] {
                for (method, path, body) in [
                    (ClientMethod.put, "\(path)/heartbeat", #"{"Status":"ready"}"#),
                    (.get, "\(path)/allocations", nil),
                    (.put, "\(path)/allocations", #"{"Alloc":[]}"#),
                    (.post, "\(path)/events", #"{"Events":[{"Message":"m"}]}"#),
                    (.post, "/v1/martlet/nodes/allocations", #"{"NodeIDs":["\#(nodeID)"]}"#),
                    (.put, "/v1/martlet/nodes/heartbeat", #"{"NodeIDs":["\#(nodeID)"]}"#),
                ] as [(ClientMethod, String, String?)] {
                    let answer = servers.ask(method, path, body, at: server, secret: presented)
                    #expect(answer.status == 403, "\(method) \(path): \(answer.text)")
                }
            }
        }
        #expect(servers.ask(.put, path, body, secret: secret).status == 200)
        let gone = servers.ask(
            .put, "/v1/martlet/node/\(otherID)/heartbeat", "{}", secret: secret)
        #expect(gone.status == 404)
        // Who is not known, or not who it says, does not wait for news.
        let watch = "allocations?index=1000000&wait=1m"
        let unknown = servers.ask(.get, "/v1/martlet/node/\(otherID)/\(watch)", secret: secret)
        #expect(unknown.status == 404)
        #expect(servers.ask(.get, "\(path)/\(watch)", secret: wrongSecret).status == 403)
        let metrics = servers.ask(.get, "/v1/metrics?format=prometheus").text
        let refused = try #require(metrics.firstRange(of: "\nmartlet_acl_refused_total "))
        #expect(metrics[refused.upperBound...].prefix { $0.isNumber } != "0")
    }

    @Test("A heartbeat through a follower writes nothing, unless the status has changed")
    func heartbeats() throws {
        let servers = try Servers(seed: 83)
        #expect(servers.register().status == 200)
        let path = "/v1/martlet/node/\(nodeID)/heartbeat"
        let registered = servers.ask(.get, "/v1/node/\(nodeID)").text
        let before = servers.cluster.glance(at: servers.leader)?.commitIndex
        for server in [servers.leader, servers.follower] {
            let told = servers.ask(
                .put, path, #"{"Status":"ready"}"#, at: server, secret: secret)
            #expect(told.status == 200, "\(told.text)")
            #expect(Self.number(told.text, "HeartbeatTTL") ?? 0 > 0)
        }
        #expect(servers.cluster.glance(at: servers.leader)?.commitIndex == before)
        #expect(servers.ask(.get, "/v1/node/\(nodeID)").text == registered)
        let down = servers.ask(.put, path, #"{"Status":"down"}"#, secret: secret)
        #expect(down.status == 200)
        #expect(
            servers.ask(.get, "/v1/node/\(nodeID)").text.contains("\"Status\":\"down\""))
        let lie = servers.ask(.put, path, #"{"Status":"disconnected"}"#, secret: secret)
        #expect(lie.status == 400)
        #expect(lie.text.contains("Status"))
    }

    @Test("I8: what is drained takes no work before its drain has ended")
    func eligibility() throws {
        let servers = try Servers(seed: 84)
        #expect(servers.register().status == 200)
        try servers.place()
        let path = "/v1/node/\(nodeID)"
        let eligible = #"{"Eligibility":"eligible"}"#
        let set = servers.ask(
            .put, "\(path)/eligibility", #"{"Eligibility":"ineligible"}"#, at: servers.follower)
        #expect(set.status == 200, "\(set.text)")
        #expect(servers.ask(.get, path).field("SchedulingEligibility") == "ineligible")
        #expect(servers.ask(.put, "\(path)/eligibility", eligible).status == 200)
        let drain = servers.ask(
            .put, "\(path)/drain", #"{"DrainSpec":{"Deadline":3600000000000}}"#)
        #expect(drain.status == 200, "\(drain.text)")
        #expect(servers.ask(.get, path).text.contains("\"Drain\":true"))
        let refused = servers.ask(.put, "\(path)/eligibility", eligible)
        #expect(refused.status == 400)
        #expect(refused.text.contains("while it is draining"))
        let ended = servers.ask(
            .put, "\(path)/drain", #"{"DrainSpec":null,"MarkEligible":true}"#)
        #expect(ended.status == 200)
        let after = servers.ask(.get, path)
        #expect(after.text.contains("\"Drain\":false"))
        #expect(after.field("SchedulingEligibility") == "eligible")
    }

    @Test("A drain that makes no sense names the field; an older client's says on or off")
    func drains() throws {
        let servers = try Servers(seed: 85)
        #expect(servers.register().status == 200)
        try servers.place()
        let path = "/v1/node/\(nodeID)/drain"
        for body in [#"{"DrainSpec":{"Deadline":"soon"}}"#, #"{"DrainSpec":{"Deadline":[]}}"#] {
            let answer = servers.ask(.put, path, body)
            #expect(answer.status == 400)
            #expect(answer.text.contains("DrainSpec.Deadline"), "\(answer.text)")
        }
        #expect(servers.ask(.put, path).status == 400)
        #expect(servers.ask(.put, "/v1/node/\(otherID)/drain", "{}").status == 404)
        #expect(servers.ask(.post, "\(path)?enable=true").status == 200)
        #expect(servers.ask(.get, "/v1/node/\(nodeID)").text.contains("\"Drain\":true"))
        #expect(servers.ask(.post, "\(path)?enable=false").status == 200)
        #expect(servers.ask(.get, "/v1/node/\(nodeID)").text.contains("\"Drain\":false"))
    }

    @Test("Nodes of one secret register, are heard and asked about together; a purged one is gone")
    func batches() throws {
        let servers = try Servers(seed: 86)
        let both = [nodeID, otherID].map { Self.node($0, secret: secret) }
        let all = "{\"Nodes\":[\(both.joined(separator: ","))]}"
        let told = servers.ask(
            .put, "/v1/martlet/nodes", all, at: servers.follower, secret: secret)
        #expect(told.status == 200, "\(told.text)")
        let ids = "{\"NodeIDs\":[\"\(nodeID)\",\"\(otherID)\"]}"
        let heard = servers.ask(.put, "/v1/martlet/nodes/heartbeat", ids, secret: secret)
        #expect(heard.status == 200, "\(heard.text)")
        let asked = servers.ask(.post, "/v1/martlet/nodes/allocations", ids, secret: secret)
        #expect(asked.text.contains("\"Allocs\":{}"), "\(asked.text)")
        // What an allocation holds of the second group would never be seen as taken.
        let device = #"{"Vendor":"v","Type":"gpu","Name":"m","Instances":[]}"#
        let alike = both[0].replacing(
            "\"Disk\":{\"DiskMB\":900}", with: "\"Devices\":[\(device),\(device)]")
        let refused = servers.ask(.put, "/v1/martlet/node/\(nodeID)", alike, secret: secret)
        #expect(
            refused.status == 400 && refused.text.contains("NodeResources.Devices: two have one"),
            "\(refused.text)")
        let twice = "{\"Nodes\":[\(both[0]),\(both[0])]}"
        #expect(servers.ask(.put, "/v1/martlet/nodes", twice, secret: secret).status == 400)
        #expect(servers.ask(.put, "/v1/node/\(nodeID)/evaluate").status == 200)
        #expect(servers.ask(.put, "/v1/node/\(nodeID)/purge").status == 200)
        #expect(servers.ask(.get, "/v1/node/\(nodeID)").status == 404)
        #expect(
            servers.ask(.put, "/v1/martlet/nodes/heartbeat", ids, secret: secret).status == 404)
    }

    @Test("What a node tells of itself stands among its events, the newest ten")
    func events() throws {
        let servers = try Servers(seed: 87)
        #expect(servers.register().status == 200)
        let path = "/v1/martlet/node/\(nodeID)/events"
        for number in 0..<12 {
            let body = "{\"Events\":[{\"Message\":\"event-\(number)-\",\"Subsystem\":\"Driver\"}]}"
            #expect(servers.ask(.post, path, body, secret: secret).status == 200)
        }
        let text = servers.ask(.get, "/v1/node/\(nodeID)").text
        #expect(text.contains("event-11-"))
        #expect(text.contains("event-2-"))
        #expect(!text.contains("event-1-"))
        #expect(servers.ask(.post, path, #"{"Events":[]}"#, secret: secret).status == 400)
    }

    /// A node made states of tasks up, a megabyte for each instance: two hundred requests took half a
    /// gigabyte of every server, and came back with every start.
    @Test("What a node tells of an instance is kept of its tasks, and is no longer than they need")
    func boundedUpdates() throws {
        let servers = try Servers(seed: 99)
        #expect(servers.register().status == 200)
        try servers.place()
        let cluster = servers.cluster
        let id = try #require(cluster.tables?.live("web").first?.id)
        let long = String(repeating: "m", count: 4000)
        let events = (0..<10).map { #"{"Type":"e\#($0)","DisplayMessage":"\#(long)"}"# }
            .joined(separator: ",")
        let states = ["web", "other", "more"].map {
            #""\#($0)":{"State":"running","Events":[\#(events)]}"#
        }.joined(separator: ",")
        let body = """
            {"Alloc":[{"ID":"\(id)","ClientStatus":"running","TaskStates":{\(states)}}]}
            """
        let told = servers.ask(
            .put, "/v1/martlet/node/\(nodeID)/allocations", body, secret: secret)
        #expect(told.status == 200, "\(told.text)")
        let kept = try #require(cluster.tables?.allocation(id)?.value)
        #expect(kept.clientStatus == .running)
        let known = try #require(kept.taskStates?.value)
        #expect(known.keys == ["web"] && known["web"]?.state == .running)
        // The newest.
        #expect(known["web"]?.events.map(\.type) == ["e6", "e7", "e8", "e9"])
    }

    /// Two thousand registrations of a quarter of a megabyte each, by somebody without a token, took the memory of
    /// all servers.
    @Test("All nodes together say no more of themselves than there is room for")
    func boundedNodes() throws {
        let servers = try Servers(seed: 100) { $0.scheduling.nodeBytesMax = 4000 }
        let large = String(repeating: "v", count: 3000)
        func fat(_ id: String) -> String {
            Self.node(id, secret: secret).replacing(
                "\"Name\":\"n\"", with: "\"Name\":\"n\",\"Meta\":{\"k\":\"\(large)\"}")
        }
        func register(_ id: String, _ body: String) -> Int? {
            servers.ask(.put, "/v1/martlet/node/\(id)", body, secret: secret).status
        }
        #expect(servers.register().status == 200)
        #expect(register(nodeID, fat(nodeID)) == 200)
        let refused = servers.ask(
            .put, "/v1/martlet/node/\(otherID)", fat(otherID), secret: secret)
        #expect(refused.status == 503 && refused.text.contains("no room for more"))
        let event = #"{"Events":[{"Message":"\#(large)","Subsystem":"s"}]}"#
        let path = "/v1/martlet/node/\(nodeID)/events"
        #expect(servers.ask(.post, path, event, secret: secret).status == 503)
        // Who is there may register again, and with less there is room for the other.
        #expect(register(nodeID, fat(nodeID)) == 200)
        #expect(register(nodeID, Self.node(nodeID, secret: secret)) == 200)
        #expect(servers.register(otherID).status == 200)
        let tables = try #require(servers.cluster.tables)
        #expect(tables.brokenInvariant() == nil && tables.counts.nodeBytes < 4000)
        #expect(servers.ask(.put, "/v1/node/\(otherID)/purge").status == 200)
        #expect(try #require(servers.cluster.tables).counts.nodeBytes < tables.counts.nodeBytes)
    }

    /// Ten thousand names, and no operator could make a pool until he had removed one.
    @Test("Nodes bring pools with them, and leave room for those that people make")
    func boundedPools() throws {
        let servers = try Servers(seed: 101) { $0.scheduling.poolsOfNodesMax = 2 }
        func register(_ number: Int, _ pool: String) -> Result<ClientResponse, ClientError> {
            let id = "10000000-0000-4000-8000-00000000001\(number)"
            let body = Self.node(id, secret: secret).replacing(
                "\"Name\":\"n\"", with: "\"Name\":\"n\",\"NodePool\":\"\(pool)\"")
            return servers.ask(.put, "/v1/martlet/node/\(id)", body, secret: secret)
        }
        #expect(register(1, "a").status == 200 && register(2, "b").status == 200)
        let refused = register(3, "c")
        #expect(refused.status == 503 && refused.text.contains("make it first"))
        #expect(register(3, "a").status == 200 && register(4, "default").status == 200)
        #expect(servers.ask(.put, "/v1/node/pools", #"{"Name":"c"}"#).status == 200)
        #expect(register(5, "c").status == 200)
    }

    @Test("A server whose protocol carries no secret says so, and not that the node is another")
    func oldLink() throws {
        let servers = try Servers(seed: 88)
        #expect(servers.register().status == 200)
        servers.cluster.stop(servers.follower, isLeaving: false)
        servers.follower.options.peerProtocolMax = 3
        servers.cluster.start(servers.follower)
        servers.cluster.world.run(for: .seconds(2))
        let heard = servers.ask(
            .put, "/v1/martlet/node/\(nodeID)/heartbeat", #"{"Status":"ready"}"#,
            at: servers.follower, secret: secret)
        #expect(heard.status == 503)
        #expect(heard.text.contains("older protocol"), "\(heard.text)")
    }
}
