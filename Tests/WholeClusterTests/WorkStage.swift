// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import MartletState
import Testing

/// A cluster of three with nodes that do what they are told: jobs run on them.
struct WorkStage {
    typealias Answer = Result<ClientResponse, ClientError>

    let cluster: SimulatedCluster
    let leader: SimulatedCluster.Node
    let follower: SimulatedCluster.Node
    let fleet: SimulatedCluster.MockNodes?

    /// - Parameter nodes: each has 4,000 MHz.
    init(
        seed: UInt64, nodes: Int, configuration: String? = nil,
        configure: (inout ServerOptions) -> Void = { _ in }
    ) throws {
        cluster = SimulatedCluster(seed: seed, count: 3, configure: configure)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        self.leader = leader
        follower = try #require(cluster.nodes.first { $0 !== leader })
        fleet =
            nodes == 0
            ? nil
            : cluster.mockNodes(
                (1...nodes).map {
                    var node = readyNode($0)
                    node.secretID = UniqueID(high: 3, low: 3)
                    return node
                }, servers: [leader])
        if let configuration {
            let path = "/v1/operator/scheduler/configuration"
            #expect(cluster.ask(leader, .put, path, body: configuration).status == 200)
        }
        guard let fleet else { return }
        fleet.start()
        #expect(cluster.turn { $0.nodeCount == nodes })
    }

    /// A job of one group `g` with one task `t`.
    static func job(
        _ id: String, count: Int, cpu: Int = 500, priority: Int = 50, memory: Int = 64,
        more: String = "", config: String = #""run_for":"100h""#
    ) -> String {
        """
        {"ID":"\(id)","Name":"\(id)","Type":"service","Priority":\(priority),"Datacenters":["dc1"],
        "TaskGroups":[{"Name":"g","Count":\(count),\(more)
        "Tasks":[{"Name":"t","Driver":"mock","Config":{\(config)},
        "Resources":{"CPU":\(cpu),"MemoryMB":\(memory)}}]}]}
        """
    }

    /// Quick, so that tests need little of the world's time.
    static func update(
        parallel: Int = 1, healthyAfter seconds: Int = 1, more: String = ""
    ) -> String {
        """
        "Update":{"MaxParallel":\(parallel),"MinHealthyTime":\(seconds)000000000,\(more)
        "HealthyDeadline":60000000000,"ProgressDeadline":120000000000},
        """
    }

    func get(_ path: String) -> Answer { cluster.ask(leader, .get, path) }

    func put(_ path: String, _ body: String? = nil) -> Answer {
        cluster.ask(leader, .put, path, body: body)
    }

    func plan(_ id: String, _ job: String, diff: Bool = false) -> Answer {
        put("/v1/job/\(id)/plan", "{\"Diff\":\(diff),\"Job\":\(job)}")
    }

    /// Registers, and waits until so many instances run.
    func run(_ id: String, _ job: String, running: Int) -> Bool {
        let answer = put("/v1/jobs", "{\"Job\":\(job)}")
        #expect(answer.status == 200, "\(answer.text)")
        return settles { $0.running(id).count == running }
    }

    /// Until nothing is on its way and it is so.
    func settles(limit: Duration = .seconds(60), _ isSo: (SchedulerTables) -> Bool) -> Bool {
        cluster.turn(limit: limit) { $0.isSettled && isSo($0) }
    }

    var tables: SchedulerTables { cluster.tables ?? SchedulerTables() }
}

extension SchedulerTables {
    func running(_ job: String) -> [Allocation] { live(job).filter { $0.clientStatus == .running } }

    func deployment(of job: String) -> Deployment? {
        latestDeployment(ofJob: JobKey(id: job))?.value
    }
}
