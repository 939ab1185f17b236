// SPDX-License-Identifier: Apache-2.0
import MartletScheduler
import MartletState

/// What a server does about nodes and evaluations while it leads.
package struct SchedulingOptions: Equatable, Sendable {
    /// How long nodes may be silent.
    package struct Heartbeats: Equatable, Sendable {
        /// No node is asked more often than this.
        package var shortest: Duration = .seconds(10)
        /// All nodes together are asked to send so many.
        package var perSecondMax = 50
        /// A heartbeat may be late by so much.
        package var grace: Duration = .seconds(10)
        /// What a new leader grants every node: it must first be found.
        package var afterFailover: Duration = .seconds(300)

        package init() {}
    }

    /// For how long what has ended is kept, since its last change.
    package struct GarbageAges: Equatable, Sendable {
        /// Between two looks for what is old.
        package var interval: Duration = .seconds(300)
        /// With the allocations that they made.
        package var evaluations: Duration = .seconds(3_600)
        /// Of batch jobs that are there and may not run again.
        package var batchEvaluations: Duration = .seconds(86_400)
        package var jobs: Duration = .seconds(4 * 3_600)
        package var deployments: Duration = .seconds(3_600)
        /// That are down and have nothing to run.
        package var nodes: Duration = .seconds(86_400)
        /// Where there are more rows than these, what has ended goes whatever its age, before a table is full
        /// and nobody can register anything.
        package var crowd = Crowd()

        package init() {}
    }

    /// Of rows: half of what there may be.
    package struct Crowd: Equatable, Sendable {
        package var evaluations = SchedulerTables.evaluationsMax / 2
        package var allocations = SchedulerTables.allocationsMax / 2
        package var nodes = SchedulerTables.nodesMax / 2
        package var nodeBytes = SchedulerTables.nodeBytesMax / 2

        package init() {}
    }

    /// Threads that look at evaluations, for this server while it leads, and else for the leader: from 0
    /// to ``workersMax``, and the nearest of these for any other.
    package var workers: Int
    /// Followers are asked only where looks take this much of a processor's time on the leader's own lanes. What they find
    /// comes later than what the leader finds itself, by a round trip and a write to the disk; short looks
    /// would only collide with what was placed meanwhile (ADR 0042).
    package var lentLookMin: Duration = .milliseconds(10)
    package var heartbeats = Heartbeats()
    package var garbage = GarbageAges()
    /// What nodes say of themselves: beyond, no node is registered, nor does one say more.
    package var nodeBytesMax = SchedulerTables.nodeBytesMax
    /// Where there are so many, nodes bring no others: the rest is for people to make.
    package var poolsOfNodesMax = SchedulerTables.poolsMax / 2

    package static let workersMax = 64

    package init(workers: Int = 1) { self.workers = workers }

    var workerCount: Int { max(0, min(workers, Self.workersMax)) }

    var heartbeatRule: HeartbeatRule {
        var rule = HeartbeatRule()
        rule.shortest = heartbeats.shortest
        rule.perSecondMax = heartbeats.perSecondMax
        rule.grace = heartbeats.grace
        rule.afterFailover = heartbeats.afterFailover
        return rule
    }
}
