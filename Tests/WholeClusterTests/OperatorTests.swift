// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletRaft
import MartletServer
import MartletSimulation
import Testing

private let settings = "/v1/operator/autopilot/configuration"
private let historyPath = "/v1/operator/raft/history"

@Suite("What operators ask of whole servers") struct OperatorTests {
    @Test("Who an operator took out and whom leadership was given to is remembered")
    func operatorsWishes() throws {
        let watched = WatchedCluster(seed: 41, count: 3)
        let leader = try watched.startAll()
        watched.cluster.world.run(for: .seconds(3))
        let heir = watched.others(leader)[0]
        let heirID = try watched.id(heir)
        let transfer = "/v1/operator/raft/transfer-leadership?id=\(heirID)"
        _ = watched.cluster.ask(leader, .put, transfer)
        let next = try #require(watched.cluster.settle())
        #expect(next === heir)
        let gone = watched.others(heir)[0]
        let id = try watched.id(gone)
        watched.cluster.kill(gone)
        _ = watched.cluster.ask(next, .delete, "/v1/operator/raft/peer?id=\(id)")
        watched.cluster.world.run(for: .seconds(1))
        let text = watched.text(next, historyPath)
        for (action, server) in [("transfer-leadership", heirID), ("remove", id)] {
            let start = try #require(text.firstRange(of: "\"Action\":\"\(action)\"")).lowerBound
            let event = text[start...].prefix(while: { $0 != "}" })
            #expect(event.contains("\"Actor\":\"operator\""), "\(event)")
            #expect(event.contains("\(server)"), "\(event)")
        }
    }

    @Test("A leader that an operator takes out has that noted first")
    func leaderRemoved() throws {
        let watched = WatchedCluster(seed: 45, count: 3)
        let leader = try watched.startAll()
        watched.cluster.world.run(for: .seconds(3))
        let id = try watched.id(leader)
        _ = watched.cluster.ask(leader, .delete, "/v1/operator/raft/peer?id=\(id)")
        watched.cluster.kill(leader)
        let next = try #require(watched.cluster.settle())
        #expect(!watched.configuration(next).contains(id))
        let text = watched.text(next, historyPath)
        let actor = try #require(
            text.firstRange(of: "\"Action\":\"remove\",\"Actor\":\"operator\""))
        #expect(text[actor.upperBound...].contains("\(id)"))
    }

    @Test("Who left by itself is taken out by nobody else")
    func farewell() throws {
        let watched = WatchedCluster(seed: 42, count: 3)
        let leader = try watched.startAll()
        watched.cluster.world.run(for: .seconds(3))
        watched.cluster.stop(watched.others(leader)[0], isLeaving: true)
        watched.cluster.world.run(for: .seconds(1))
        let text = watched.text(leader, historyPath)
        #expect(text.ranges(of: "\"Action\":\"remove\"").count == 1, "\(text)")
        #expect(!text.contains("\"Actor\":\"operator\""))
    }

    @Test("A server whose storage failed still answers, and stops, also for good")
    func stopsAfterFailure() throws {
        let watched = WatchedCluster(seed: 43, count: 3)
        let leader = try watched.startAll()
        let broken = watched.others(leader)[0]
        broken.host.disk.failNextCommit(.broken)
        _ = watched.cluster.ask(leader, .put, settings, body: "{}")
        let failed = watched.wait(.seconds(5)) {
            watched.cluster.overview(of: broken)?.failure != nil
        }
        #expect(failed != nil)
        let join = "/v1/agent/join?address=\(leader.options.gossipAddress)"
        #expect(watched.cluster.ask(broken, .put, join).status == 200)
        let start = watched.cluster.world.now
        watched.cluster.stop(broken, isLeaving: true)
        #expect(watched.cluster.world.now - start < .seconds(5))
    }

    @Test("Servers that all leave at once, or alone, all end", arguments: [1, 2, 3, 5])
    func everybodyLeaves(count: Int) throws {
        let watched = WatchedCluster(seed: 46, count: count)
        _ = try watched.startAll()
        watched.cluster.world.run(for: .seconds(3))
        let start = watched.cluster.world.now
        #expect(watched.cluster.leaveTogether(limit: .seconds(20)))
        #expect(watched.cluster.world.now - start < .seconds(15))
    }

    @Test("Two of three that leave at one instant leave the third able to lead", arguments: [0, 1])
    func leaderAndFollowerLeave(follower: Int) throws {
        let watched = WatchedCluster(seed: 48, count: 3)
        let leader = try watched.startAll()
        watched.cluster.world.run(for: .seconds(3))
        let others = watched.others(leader)
        let last = others[1 - follower]
        #expect(watched.cluster.leaveTogether([leader, others[follower]], limit: .seconds(20)))
        for node in [leader, others[follower]] { watched.cluster.kill(node) }
        let leads = watched.wait(.seconds(20)) {
            watched.cluster.overview(of: last)?.status.role == .leader
        }
        #expect(leads != nil)
        #expect(watched.configuration(last).voterCount == 1)
        #expect(watched.cluster.ask(last, .put, settings, body: "{}").text == "true")
    }

    @Test("A voter that is configured to be a read replica loses its vote, leader or not")
    func becomesReadReplica() throws {
        let watched = WatchedCluster(seed: 47, count: 5)
        let leader = try watched.startAll()
        watched.cluster.world.run(for: .seconds(12))
        for node in [watched.others(leader)[0], leader] {
            let id = try watched.id(node)
            watched.cluster.kill(node)
            node.options.isNonVoter = true
            node.options.bootstrapExpect = 0
            watched.cluster.start(node)
            let next = try #require(watched.cluster.settle())
            let demoted = watched.wait(.seconds(30)) {
                let configuration = watched.configuration(next)
                return configuration.contains(id) && !configuration.isVoter(id)
            }
            #expect(demoted != nil)
        }
    }

    @Test("An upgrade that begins while leadership is handed over waits, and only waits")
    func upgradeDuringTransfer() throws {
        let watched = WatchedCluster(seed: 48, count: 5) { $0.version = "1.0.0" }
        let leader = try watched.startAll()
        watched.cluster.world.run(for: .seconds(12))
        let (silent, newer) = (watched.others(leader)[0], watched.others(leader)[1])
        let id = try watched.id(silent)
        watched.cluster.kill(newer)
        silent.host.pause()
        // It takes half a second to see that nobody takes over.
        let transfer = "/v1/operator/raft/transfer-leadership?id=\(id)"
        _ = watched.cluster.ask(leader, .put, transfer, timeout: .milliseconds(20))
        newer.options.version = "1.1.0"
        watched.cluster.start(newer)
        let world = watched.cluster.world
        let end = world.now + .seconds(1)
        var steps = 0
        while world.now < end, world.step() { steps += 1 }
        #expect(steps < 50_000, "what is refused is not asked for again at once")
        silent.host.resume()
        let state = "/v1/operator/autopilot/state"
        let stored = watched.wait(.seconds(20)) {
            watched.cluster.settle(limit: .seconds(1)).map { watched.text($0, state) }?
                .contains("\"Baseline\":5") == true
        }
        #expect(stored != nil)
    }

    @Test("A cluster that is upgraded where it stands still takes its dead out")
    func deadAmongOlder() throws {
        let watched = WatchedCluster(seed: 44, count: 5) { options in
            guard options.name == "s1" else { return }
            options.peerProtocolMax = 2
            options.version = "0.0.9"
        }
        var leader = try watched.startAll()
        watched.cluster.world.run(for: .seconds(12))
        if leader.name == "s1" {
            watched.cluster.kill(leader)
            let old = leader
            leader = try #require(watched.cluster.settle())
            watched.cluster.start(old)
            watched.cluster.world.run(for: .seconds(12))
        }
        let victim = try #require(watched.others(leader).first { $0.name != "s1" })
        let id = try watched.id(victim)
        watched.cluster.kill(victim)
        let removed = watched.wait(.seconds(40)) { !watched.configuration(leader).contains(id) }
        #expect(removed != nil)
    }
}
