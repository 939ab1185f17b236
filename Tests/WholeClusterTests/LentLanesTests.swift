// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletRaft
import MartletServer
import MartletSimulation
import MartletState
import MartletTransport
import Testing

/// Looks at evaluations on the lanes of servers that do not lead.
@Suite("Workers on every server") struct LentLanesTests {
    private func counter(
        _ name: String, _ cluster: SimulatedCluster, _ node: SimulatedCluster.Node
    ) throws -> Int {
        let series = "martlet_worker_\(name)_total "
        let text = cluster.ask(node, .get, "/v1/metrics?format=prometheus").text
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(series) })
        return try #require(Int(line.dropFirst(series.count)))
    }

    private func cluster(
        seed: UInt64, nodes: Int, workers: Int = 1, gives lookMin: Duration = .zero,
        configure: (inout ServerOptions) -> Void = { _ in }
    ) throws -> SimulatedCluster {
        try #require(
            SimulatedCluster.scheduling(seed: seed, nodes: nodes, workers: workers) { options in
                options.scheduling.lentLookMin = lookMin
                configure(&options)
            })
    }

    private func followers(_ cluster: SimulatedCluster) -> [SimulatedCluster.Node] {
        let leader = cluster.leader
        return cluster.nodes.filter { $0 !== leader }
    }

    /// Many at one instant: more than one lane comes to at once.
    private func jobs(_ count: Int, in cluster: SimulatedCluster, from first: Int = 1) -> [Job] {
        let jobs = (first..<(first + count)).map { serviceJob("job-\($0)", count: 5) }
        for (number, job) in jobs.enumerated() {
            cluster.send(
                .registerJob(
                    job, expected: nil, evaluations: [evaluation(first + number, of: job)]))
        }
        return jobs
    }

    @Test("Followers take a share of what queues, and each instance is placed once")
    func share() throws {
        let cluster = try self.cluster(seed: 41, nodes: 24)
        let jobs = jobs(24, in: cluster)
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: jobs) == nil })
        #expect(cluster.tables?.allocationCount == 120)
        let leader = try #require(cluster.leader)
        let given = try counter("looks_given", cluster, leader)
        let taken = try followers(cluster).map {
            try counter("looks_for_leader", cluster, $0)
        }
        #expect(taken.allSatisfy { $0 > 0 })
        #expect(taken.reduce(0, +) == given)
        #expect(try counter("looks", cluster, leader) > 0)
    }

    @Test("A single job is looked at by the leader itself")
    func alone() throws {
        let cluster = try self.cluster(seed: 42, nodes: 5)
        let job = serviceJob("web", count: 5)
        cluster.register(job, 1)
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: [job]) == nil })
        #expect(try counter("looks_given", cluster, try #require(cluster.leader)) == 0)
    }

    @Test("Where looks are short nothing is given away")
    func short() throws {
        let cluster = try self.cluster(seed: 41, nodes: 24, gives: .milliseconds(100))
        let jobs = jobs(12, in: cluster)
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: jobs) == nil })
        #expect(try counter("looks_given", cluster, try #require(cluster.leader)) == 0)
    }

    @Test("A leader without lanes gives all away; without any lanes nothing is looked at")
    func noLanes() throws {
        let cluster = try self.cluster(seed: 43, nodes: 5, gives: .seconds(1)) { options in
            options.scheduling.workers = options.name == "s3" ? 1 : 0
        }
        let job = serviceJob("web", count: 5)
        cluster.register(job, 1)
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: [job]) == nil })
        let idle = try self.cluster(seed: 43, nodes: 5, workers: 0)
        idle.register(job, 1)
        idle.world.run(for: .seconds(5))
        #expect(idle.tables?.allocationCount == 0)
    }

    @Test(
        "A follower that dies with looks in its hands delays them by no timeout", arguments: 1...2)
    func followerDies(seed: UInt64) throws {
        let cluster = try self.cluster(seed: 50 + seed, nodes: 24)
        let first = jobs(12, in: cluster)
        cluster.world.run(for: .microseconds(Int64(800 * seed)))
        for follower in followers(cluster).prefix(1) {
            cluster.kill(follower)
            cluster.start(follower)
        }
        #expect(
            cluster.turn(limit: .seconds(5)) { $0.isSettled && $0.fault(jobs: first) == nil })
        let second = jobs(12, in: cluster, from: 13)
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: first + second) == nil })
        #expect(cluster.tables?.allocationCount == 120)
    }

    @Test(
        "A leader that dies while others look for it loses nothing and doubles nothing",
        arguments: 1...2)
    func leaderDies(seed: UInt64) throws {
        let cluster = try self.cluster(seed: 60 + seed, nodes: 24)
        let registered = (1...20).map { serviceJob("job-\($0)", count: 5) }
        for (number, job) in registered.enumerated() {
            cluster.register(job, number + 1)
            guard number % 6 == 3, let leader = cluster.leader else { continue }
            // A burst, and the leader goes in the middle of it.
            for later in registered.dropFirst(number + 1).prefix(5) {
                let place = registered.firstIndex { $0.id == later.id } ?? 0
                cluster.send(
                    .registerJob(
                        later, expected: nil, evaluations: [evaluation(place + 1, of: later)]))
            }
            cluster.world.run(for: .microseconds(Int64(700 * seed)))
            cluster.kill(leader)
            #expect(cluster.settle() != nil)
            cluster.start(leader)
        }
        #expect(cluster.settle() != nil)
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: registered) == nil })
        #expect(cluster.tables?.allocationCount == 100)
    }

    @Test("A follower that hangs is waited for, and then its looks are somebody else's")
    func hangs() throws {
        let cluster = try self.cluster(seed: 71, nodes: 24)
        let hanging = try #require(followers(cluster).first)
        let jobs = jobs(16, in: cluster)
        cluster.world.run(for: .milliseconds(2))
        hanging.host.pause()
        #expect(
            cluster.turn(limit: .seconds(20)) { $0.isSettled && $0.fault(jobs: jobs) == nil })
        hanging.host.resume()
        cluster.world.run(for: .seconds(5))
        #expect(cluster.tables?.fault(jobs: jobs) == nil)
        #expect(cluster.tables?.allocationCount == 80)
    }

    @Test("A follower of an earlier protocol is not asked")
    func earlierProtocol() throws {
        let cluster = try self.cluster(seed: 44, nodes: 24) { $0.peerProtocolMax = 5 }
        let jobs = jobs(16, in: cluster)
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: jobs) == nil })
        #expect(try counter("looks_given", cluster, try #require(cluster.leader)) == 0)
    }

    @Test("What is in others' hands when the broker is paused counts for nothing")
    func paused() throws {
        let cluster = try self.cluster(seed: 45, nodes: 24)
        let path = "/v1/operator/scheduler/configuration"
        let jobs = jobs(16, in: cluster)
        let leader = try #require(cluster.leader)
        let answer = cluster.ask(leader, .put, path, body: #"{"PauseEvalBroker":true}"#)
        #expect(try answer.get().status == 200)
        // Plans that are on their way come into the log yet.
        cluster.world.run(for: .milliseconds(200))
        let placed = try #require(cluster.tables?.allocationCount)
        cluster.world.run(for: .seconds(15))
        #expect(cluster.tables?.allocationCount == placed)
        let goesOn = cluster.ask(leader, .put, path, body: #"{"PauseEvalBroker":false}"#)
        #expect(try goesOn.get().status == 200)
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: jobs) == nil })
    }
}
