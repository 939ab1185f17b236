// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletRaft
import MartletServer
import MartletSimulation
import MartletTransport
import Testing

private let raft = "/v1/operator/raft/configuration"
private let health = "/v1/operator/autopilot/health"
private let settings = "/v1/operator/autopilot/configuration"
private let members = "/v1/agent/members"

/// A cluster of which Autopilot is watched.
final class WatchedCluster {
    let cluster: SimulatedCluster
    private(set) var lines: [String] = []

    init(
        seed: UInt64, count: Int, spares: Int = 0,
        configure: (inout ServerOptions) -> Void = { _ in }
    ) {
        cluster = SimulatedCluster(seed: seed, count: count, spares: spares, configure: configure)
        cluster.tell = { [unowned self] in lines.append("\($0) \($1)") }
    }

    func startAll() throws -> SimulatedCluster.Node {
        cluster.startAll()
        return try #require(cluster.settle())
    }

    func text(_ node: SimulatedCluster.Node, _ path: String) -> String {
        guard case .success(let response) = cluster.ask(node, .get, path) else { return "" }
        return String(decoding: response.body, as: UTF8.self)
    }

    func status(_ node: SimulatedCluster.Node, _ path: String) -> Int {
        guard case .success(let response) = cluster.ask(node, .get, path) else { return 0 }
        return response.status
    }

    /// What `observer` shows of the server called `name` among the members.
    func serfStatus(of name: String, at observer: SimulatedCluster.Node) -> String? {
        let text = text(observer, members)
        guard let place = text.firstRange(of: "\"Name\":\"\(name).global\""),
            let mark = text[place.upperBound...].firstRange(of: "\"Status\":\"")
        else { return nil }
        return String(text[mark.upperBound...].prefix { $0 != "\"" })
    }

    /// Turns the world until `condition` holds; how long that took, nil if it did not in time.
    func wait(_ limit: Duration, until condition: () -> Bool) -> Duration? {
        let start = cluster.world.now
        while cluster.world.now - start < limit {
            if condition() { return cluster.world.now - start }
            cluster.world.run(for: .milliseconds(50))
        }
        return nil
    }

    func configuration(_ node: SimulatedCluster.Node) -> Configuration {
        cluster.overview(of: node)?.configuration ?? .empty
    }

    func others(_ node: SimulatedCluster.Node) -> [SimulatedCluster.Node] {
        cluster.nodes.filter { $0 !== node }
    }

    func id(_ node: SimulatedCluster.Node) throws -> ServerID {
        try #require(cluster.overview(of: node)?.id)
    }
}

@Suite("Members and Autopilot of whole servers") struct MembershipTests {
    @Test(
        "A killed follower is unhealthy at once, failed and removed soon; back, it is promoted",
        arguments: 1...4)
    func killedFollower(seed: UInt64) throws {
        let watched = WatchedCluster(seed: seed, count: 3)
        let leader = try watched.startAll()
        // Until the leader has led for so long, healthy counts as stable.
        watched.cluster.world.run(for: .seconds(11))
        #expect(watched.status(leader, health) == 200)
        let victim = watched.others(leader)[0]
        let id = try watched.id(victim)
        watched.cluster.kill(victim)
        let name = victim.name
        let unhealthy = watched.wait(.seconds(2)) { watched.status(leader, health) == 429 }
        #expect(unhealthy != nil)
        let failed = watched.wait(.seconds(15)) {
            watched.serfStatus(of: name, at: leader) != "alive"
        }
        #expect(failed != nil)
        let removed = watched.wait(.seconds(10)) { !watched.configuration(leader).contains(id) }
        #expect(removed != nil)
        #expect(watched.wait(.seconds(2)) { watched.status(leader, health) == 200 } != nil)

        watched.cluster.start(victim)
        let listed = watched.wait(.seconds(2)) { watched.configuration(leader).contains(id) }
        #expect(listed != nil)
        #expect(!watched.configuration(leader).isVoter(id))
        let voter = watched.wait(.seconds(15)) { watched.configuration(leader).isVoter(id) }
        #expect(try #require(voter) > .seconds(8), "it has to prove itself first")
    }

    @Test("A server that is back before it was declared failed keeps its vote", arguments: 1...4)
    func quickRestart(seed: UInt64) throws {
        let watched = WatchedCluster(seed: seed, count: 3)
        let leader = try watched.startAll()
        let victim = watched.others(leader)[0]
        let id = try watched.id(victim)
        let index = try #require(watched.cluster.overview(of: leader)?.configuration)
        watched.cluster.kill(victim)
        watched.cluster.world.run(for: .seconds(2))
        watched.cluster.start(victim)
        for _ in 0..<200 {
            watched.cluster.world.run(for: .milliseconds(100))
            #expect(watched.configuration(leader).isVoter(id))
        }
        #expect(watched.configuration(leader) == index)
        #expect(watched.status(leader, health) == 200)
    }

    @Test("A plain stop shrinks nothing, also when it lasts longer than a failure takes")
    func plainStop() throws {
        let watched = WatchedCluster(seed: 7, count: 3)
        let leader = try watched.startAll()
        let id = try watched.id(leader)
        watched.cluster.stop(leader, isLeaving: false)
        let next = try #require(watched.cluster.settle())
        watched.cluster.world.run(for: .seconds(60))
        #expect(watched.configuration(next).isVoter(id))
        #expect(watched.serfStatus(of: leader.name, at: next) == "failed")
        watched.cluster.start(leader)
        watched.cluster.world.run(for: .seconds(3))
        #expect(watched.configuration(next).isVoter(id))
        #expect(watched.status(next, health) == 200)
    }

    @Test("Who leaves is out at once, is no failure, and does not come back by itself")
    func leave() throws {
        let watched = WatchedCluster(seed: 8, count: 3)
        let leader = try watched.startAll()
        let leaver = watched.others(leader)[0]
        let id = try watched.id(leaver)
        watched.cluster.stop(leaver, isLeaving: true)
        #expect(!watched.configuration(leader).contains(id))
        for node in watched.others(leaver) {
            #expect(watched.serfStatus(of: leaver.name, at: node) == "left")
        }
        watched.cluster.world.run(for: .seconds(20))
        #expect(!watched.lines.contains { $0.contains("failed") && $0.contains(leaver.name) })
        leaver.options.join = []
        watched.cluster.start(leaver)
        watched.cluster.world.run(for: .seconds(20))
        #expect(!watched.configuration(leader).contains(id))
        // A configured join is a wish to be back.
        watched.cluster.kill(leaver)
        leaver.options.join = [leader.options.gossipAddress.description]
        watched.cluster.start(leaver)
        #expect(
            watched.wait(.seconds(20)) { watched.configuration(leader).isVoter(id) } != nil)
    }

    @Test("Servers that meet each other first, cut off from the cluster, find it all the same")
    func meetFirst() throws {
        let watched = WatchedCluster(seed: 41, count: 3, spares: 2)
        let leader = try watched.startAll()
        let (founders, spares) = (watched.cluster.nodes.prefix(3), watched.cluster.nodes.suffix(2))
        for founder in founders {
            for spare in spares {
                watched.cluster.world.network.partition(founder.host, spare.host)
            }
        }
        for spare in spares { watched.cluster.start(spare) }
        watched.cluster.world.run(for: .seconds(8))
        #expect(watched.serfStatus(of: spares[3].name, at: spares[4]) == "alive")
        watched.cluster.world.network.heal()
        let ids = try spares.map { try watched.id($0) }
        let areIn = watched.wait(.seconds(10)) {
            ids.allSatisfy { watched.configuration(leader).contains($0) }
        }
        #expect(areIn != nil)
    }

    @Test("Force-leave makes failed left, and of a server that is alive nothing")
    func forceLeave() throws {
        let watched = WatchedCluster(seed: 9, count: 3)
        let leader = try watched.startAll()
        let settingsBody = "{\"CleanupDeadServers\":false}"
        _ = watched.cluster.ask(leader, .put, settings, body: settingsBody)
        let victim = watched.others(leader)[0]
        let id = try watched.id(victim)
        let path = "/v1/agent/force-leave?node=\(victim.name)"
        _ = watched.cluster.ask(leader, .put, path)
        watched.cluster.world.run(for: .seconds(5))
        #expect(watched.serfStatus(of: victim.name, at: leader) == "alive")
        #expect(watched.configuration(leader).isVoter(id))

        watched.cluster.kill(victim)
        watched.cluster.world.run(for: .seconds(20))
        #expect(watched.serfStatus(of: victim.name, at: leader) == "failed")
        #expect(watched.configuration(leader).isVoter(id), "clean-up is switched off")
        _ = watched.cluster.ask(watched.others(victim)[1], .put, path)
        let gone = watched.wait(.seconds(5)) { !watched.configuration(leader).contains(id) }
        #expect(gone != nil)
        for node in watched.others(victim) {
            #expect(watched.serfStatus(of: victim.name, at: node) == "left")
        }
    }

    @Test("With prune a failed voter leaves the configuration first, and is erased everywhere then")
    func prune() throws {
        let watched = WatchedCluster(seed: 18, count: 3)
        let leader = try watched.startAll()
        _ = watched.cluster.ask(leader, .put, settings, body: "{\"CleanupDeadServers\":false}")
        let victim = watched.others(leader)[0]
        let id = try watched.id(victim)
        watched.cluster.kill(victim)
        watched.cluster.world.run(for: .seconds(15))
        let asked = watched.others(victim)[1]
        _ = watched.cluster.ask(
            asked, .put, "/v1/agent/force-leave?node=\(victim.name)&prune")
        watched.cluster.world.run(for: .seconds(5))
        #expect(!watched.configuration(leader).contains(id))
        for node in watched.others(victim) {
            #expect(watched.serfStatus(of: victim.name, at: node) == nil)
        }
    }

    @Test("A name that nobody has, and no name, are told so")
    func forceLeaveOfNobody() throws {
        let watched = WatchedCluster(seed: 10, count: 1)
        let leader = try watched.startAll()
        let codes = ["?node=nobody", "", "?node=s1"].map { query -> Int in
            guard
                case .success(let response) = watched.cluster.ask(
                    leader, .put, "/v1/agent/force-leave" + query)
            else { return 0 }
            return response.status
        }
        #expect(codes == [404, 400, 400])
    }

    @Test("A server that moves keeps its vote, and one configuration entry tells where it is")
    func moves() throws {
        let watched = WatchedCluster(seed: 11, count: 3)
        let leader = try watched.startAll()
        let mover = watched.others(leader)[0]
        let id = try watched.id(mover)
        watched.cluster.kill(mover)
        mover.options.peerAddress = mover.host.address(port: 5647)
        mover.options.gossipAddress = mover.host.address(port: 5648)
        watched.cluster.start(mover)
        let address = "\(mover.options.peerAddress)"
        let moved = watched.wait(.seconds(5)) {
            watched.configuration(leader)[id]?.address == address
        }
        #expect(moved != nil)
        #expect(watched.configuration(leader).isVoter(id))
        #expect(watched.wait(.seconds(3)) { watched.status(leader, health) == 200 } != nil)
    }

    @Test("All servers move at once: gossip finds them, and no vote is lost", arguments: 1...3)
    func allMove(seed: UInt64) throws {
        let watched = WatchedCluster(seed: seed, count: 3)
        _ = try watched.startAll()
        watched.cluster.world.run(for: .seconds(4))
        for node in watched.cluster.nodes { watched.cluster.cutPower(of: node) }
        let joins = watched.cluster.nodes.map { "\($0.host.address(port: 5648))" }
        for node in watched.cluster.nodes {
            node.options.peerAddress = node.host.address(port: 5647)
            node.options.gossipAddress = node.host.address(port: 5648)
            node.options.join = joins
            watched.cluster.start(node)
        }
        let leader = try #require(watched.cluster.settle())
        let settled = watched.wait(.seconds(10)) {
            watched.configuration(leader).servers.allSatisfy {
                $0.role == .voter && $0.address.hasSuffix(":5647")
            }
        }
        #expect(settled != nil)
    }

    @Test("A follower that froze on an idle cluster is unhealthy within two updates")
    func frozen() throws {
        let watched = WatchedCluster(seed: 12, count: 3)
        let leader = try watched.startAll()
        watched.cluster.world.run(for: .seconds(5))
        let frozen = watched.others(leader)[0]
        frozen.host.pause()
        #expect(watched.wait(.seconds(4)) { watched.status(leader, health) == 429 } != nil)
        watched.cluster.world.run(for: .seconds(3))
        frozen.host.resume()
        #expect(watched.wait(.seconds(15)) { watched.status(leader, health) == 200 } != nil)
        #expect(watched.configuration(leader).voterCount == 3)
    }

    @Test("A new leader answers with every server from its first moment")
    func newLeader() throws {
        let watched = WatchedCluster(seed: 13, count: 3)
        let first = try watched.startAll()
        watched.cluster.kill(first)
        let second = try #require(watched.cluster.settle())
        let text = watched.text(second, health)
        #expect(text.contains("\"Servers\":[{"))
        #expect(text.components(of: "\"ID\":") == 3)
    }

    @Test("X05: a follower that only the leader does not reach is late, not failed, and stays")
    func raftLinkBlocked() throws {
        let watched = WatchedCluster(seed: 16, count: 3)
        let leader = try watched.startAll()
        watched.cluster.world.run(for: .seconds(5))
        let follower = watched.others(leader)[0]
        let id = try watched.id(follower)
        watched.cluster.world.network.partition(leader.host, follower.host)
        watched.cluster.world.run(for: .seconds(40))
        let role = watched.cluster.overview(of: leader)?.status.role
        #expect(role == .leader, "nobody is disturbed")
        #expect(watched.serfStatus(of: follower.name, at: leader) == "alive")
        #expect(watched.configuration(leader).isVoter(id))
        let state = watched.text(leader, "/v1/operator/autopilot/state")
        #expect(state.contains("\"Code\":\"last-contact\""))
        #expect(watched.status(leader, health) == 429)
        watched.cluster.world.network.heal()
        #expect(watched.wait(.seconds(15)) { watched.status(leader, health) == 200 } != nil)
    }

    @Test("X03: removed by an operator while its promotion is due, a server ends without a vote")
    func removedWhilePromoted() throws {
        for offset in stride(from: Int64(0), through: 900, by: 100) {
            let watched = WatchedCluster(seed: 17, count: 3, spares: 1)
            let leader = try watched.startAll()
            watched.cluster.world.run(for: .seconds(12))
            let joiner = watched.cluster.nodes[3]
            watched.cluster.start(joiner)
            watched.cluster.world.run(for: .milliseconds(10_000 + offset))
            let id = try watched.id(joiner)
            let path = "/v1/operator/raft/peer?id=\(id)"
            guard case .success(let response) = watched.cluster.ask(leader, .delete, path) else {
                Issue.record("no answer")
                return
            }
            #expect(response.status == 200)
            #expect(!watched.configuration(leader).contains(id))
            // It comes back by itself, as a server that has to prove itself again.
            watched.cluster.world.run(for: .seconds(5))
            #expect(!watched.configuration(leader).isVoter(id))
        }
    }

    @Test("Nobody is unhealthy because leadership went from one to another", arguments: 1...4)
    func handedOver(seed: UInt64) throws {
        let watched = WatchedCluster(seed: seed, count: 5)
        let first = try watched.startAll()
        watched.cluster.world.run(for: .seconds(3))
        let heir = watched.others(first)[0]
        let transfer = "/v1/operator/raft/transfer-leadership?id=\(try watched.id(heir))"
        _ = watched.cluster.ask(first, .put, transfer)
        for _ in 1...20 {
            #expect(watched.status(heir, health) == 200, "\(watched.text(heir, health))")
        }
    }

    @Test("A MinQuorum beyond the number of voters is kept, warned about, and no clean-up happens")
    func minQuorum() throws {
        let watched = WatchedCluster(seed: 14, count: 3)
        let leader = try watched.startAll()
        _ = watched.cluster.ask(leader, .put, settings, body: "{\"MinQuorum\":9}")
        watched.cluster.world.run(for: .seconds(1))
        let state = "/v1/operator/autopilot/state"
        #expect(watched.text(leader, state).contains("min-quorum-above-voters"))
        let victim = watched.others(leader)[0]
        let id = try watched.id(victim)
        watched.cluster.kill(victim)
        watched.cluster.world.run(for: .seconds(40))
        #expect(watched.configuration(leader).isVoter(id))
        #expect(watched.text(leader, state).contains("\"Code\":\"min-quorum\""))
    }

    @Test("What was done and who led is remembered, the same on every server")
    func history() throws {
        let watched = WatchedCluster(seed: 15, count: 3)
        let leader = try watched.startAll()
        let victim = watched.others(leader)[0]
        watched.cluster.kill(victim)
        watched.cluster.world.run(for: .seconds(30))
        watched.cluster.start(victim)
        watched.cluster.world.run(for: .seconds(20))
        let path = "/v1/operator/raft/history?stale"
        let texts = watched.cluster.nodes.map { watched.text($0, path) }
        #expect(Set(texts).count == 1)
        let actions = ["force-leave", "remove", "add-non-voter", "promote"]
        let places = actions.compactMap { texts[0].firstRange(of: "\"Action\":\"\($0)\"") }
        #expect(places.count == actions.count, "\(texts[0])")
        #expect(places.map(\.lowerBound) == places.map(\.lowerBound).sorted())
        for action in actions { #expect(texts[0].components(of: "\"Action\":\"\(action)\"") == 1) }
        #expect(texts[0].contains("\"Leaders\":[{\"ID\":"))
    }
}

extension String {
    /// How often `part` is in it.
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}

@Suite("Encrypted gossip of whole servers") struct KeyringTests {
    private static let first = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    private static let second = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="

    @Test("Keys are exchanged without a gap, and kept; a server with another key stays outside")
    func rotation() throws {
        let ring = try Keyring([GossipKey(base64: Self.first)])
        let watched = WatchedCluster(seed: 21, count: 3, spares: 1) { $0.keyring = ring }
        let leader = try watched.startAll()
        let stranger = watched.cluster.nodes[3]
        stranger.options.keyring = try Keyring([GossipKey(base64: Self.second)])
        watched.cluster.start(stranger)
        watched.cluster.world.run(for: .seconds(15))
        #expect(watched.configuration(leader).servers.count == 3)
        #expect(watched.serfStatus(of: stranger.name, at: leader) == nil)

        for (verb, key) in [
            ("install", Self.second), ("use", Self.second), ("remove", Self.first),
        ] {
            let answer = watched.cluster.ask(
                leader, .put, "/v1/agent/keyring/\(verb)", body: "{\"Key\":\"\(key)\"}")
            guard case .success(let response) = answer else {
                Issue.record("\(verb): \(answer)")
                return
            }
            let text = String(decoding: response.body, as: UTF8.self)
            #expect(response.status == 200, "\(verb): \(text)")
            #expect(text.contains("\"Messages\":{}"))
            watched.cluster.world.run(for: .seconds(20))
        }
        #expect(
            !watched.lines.contains {
                $0.contains("status=failed") && !$0.contains("\(stranger.name).global")
                    && !$0.hasPrefix(stranger.name)
            })
        #expect(
            watched.wait(.seconds(30)) { watched.configuration(leader).servers.count == 4 }
                != nil, "now it has the pool's key")

        // What the file holds counts, not what the configuration said.
        for node in watched.cluster.nodes { watched.cluster.cutPower(of: node) }
        for node in watched.cluster.nodes { watched.cluster.start(node) }
        let next = try #require(watched.cluster.settle())
        watched.cluster.world.run(for: .seconds(10))
        #expect(watched.text(next, "/v1/agent/keyring/list").contains("\(Self.second)\":4"))
        #expect(watched.serfStatus(of: watched.others(next)[0].name, at: next) == "alive")
    }

    @Test("Keys that are installed at one instant are all there, in memory and in the file")
    func together() throws {
        let ring = try Keyring([GossipKey(base64: Self.first)])
        let watched = WatchedCluster(seed: 24, count: 3) { $0.keyring = ring }
        let leader = try watched.startAll()
        let third = "AgICAgICAgICAgICAgICAg=="
        // Neither is stored before both have come.
        leader.host.disk.stall(until: watched.cluster.world.now + .milliseconds(500))
        let codes = watched.cluster.ask(
            leader, .put, "/v1/agent/keyring/install",
            bodiesAtOnce: [Self.second, third].map { "{\"Key\":\"\($0)\"}" })
        #expect(codes == [200, 200])
        for node in watched.cluster.nodes { watched.cluster.cutPower(of: node) }
        for node in watched.cluster.nodes { watched.cluster.start(node) }
        let next = try #require(watched.cluster.settle())
        watched.cluster.world.run(for: .seconds(3))
        let text = watched.text(next, "/v1/agent/keyring/list")
        for key in [Self.first, Self.second, third] {
            #expect(text.contains("\(key)\":3"), "\(text)")
        }
    }

    @Test("Without encryption there is no keyring to change")
    func plain() throws {
        let watched = WatchedCluster(seed: 22, count: 1)
        let leader = try watched.startAll()
        #expect(watched.status(leader, "/v1/agent/keyring/list") == 500)
    }

    @Test("What is no key is refused, and the first key cannot be removed")
    func badKeys() throws {
        let ring = try Keyring([GossipKey(base64: Self.first)])
        let watched = WatchedCluster(seed: 23, count: 1) { $0.keyring = ring }
        let leader = try watched.startAll()
        let codes = [
            ("install", "{\"Key\":\"short\"}"), ("install", "{}"), ("install", "["),
            ("use", "{\"Key\":\"\(Self.second)\"}"), ("remove", "{\"Key\":\"\(Self.first)\"}"),
        ].map { verb, body -> Int in
            guard
                case .success(let response) = watched.cluster.ask(
                    leader, .put, "/v1/agent/keyring/\(verb)", body: body)
            else { return 0 }
            return response.status
        }
        #expect(codes == [400, 400, 400, 500, 500])
    }
}
