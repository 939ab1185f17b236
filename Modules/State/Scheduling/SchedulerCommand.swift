// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What a command does to nodes, jobs, evaluations, allocations and deployments.
///
/// | kind | command                 | fields                                                     |
/// |------|-------------------------|------------------------------------------------------------|
/// | 23   | registerJob             | the job; optional 8: expected index; evaluations           |
/// | 24   | deregisterJob           | key; 1: purges; 8: time; evaluations                       |
/// | 25   | revertJob               | key; 8: version; optional 8: prior version; evaluations    |
/// | 26   | setJobStability         | key; 8: version; 1: stable                                 |
/// | 27   | registerNodes           | nodes; evaluations                                         |
/// | 28   | setNodeStatus           | changes; evaluations                                       |
/// | 29   | setNodeEligibility      | 16: id; 1: eligibility; optional event; evaluations        |
/// | 30   | setNodeDrain            | changes; evaluations                                       |
/// | 31   | addNodeEvents           | 16: id; events                                             |
/// | 32   | deregisterNodes         | ids; evaluations                                           |
/// | 33   | upsertEvaluations       | evaluations                                                |
/// | 34   | applyPlan               | the entry                                                  |
/// | 35   | updateAllocations       | updates; 8: time; evaluations                              |
/// | 36   | setTransitions          | each 16: id, transition; evaluations                       |
/// | 37   | setDeploymentStatus     | the update; optional 8: version; evaluations               |
/// | 38   | promoteDeployment       | 16: id; optional groups; evaluations                       |
/// | 39   | setDeploymentHealth     | 16: id; ids; ids; 8: time; optional update; optional 8:    |
/// |      |                         | version; evaluations                                       |
/// | 40   | collect                 | ids of evaluations, allocations and deployments; jobs,     |
/// |      |                         | each key and 8: ModifyIndex                                |
/// | 41   | collectNodes            | each 16: id, 8: ModifyIndex                                |
/// | 42   | upsertPools             | pools                                                      |
/// | 43   | deletePools             | names                                                      |
/// | 44   | sealNodes               | each 16: id, 32: digest of its secret                      |
///
/// Kinds 42 to 44 came with version 6, and with it kind 27 of nodes whose pools are made with them, and of
/// whose secrets the digests may be all that there is.
///
/// Each carries out the whole of it or, where it is refused, nothing. The evaluations that follow from
/// a change go with it: no crash separates them.
package enum SchedulerCommand: Equatable, Sendable {
    /// Makes the job or its next version; nothing but the evaluations if it asks for what there is.
    /// `expected` is what `JobModifyIndex` must be, 0 for no such job.
    case registerJob(Job, expected: UInt64?, evaluations: [Evaluation])
    case deregisterJob(
        JobKey, purges: Bool, submitUnixNanoseconds: Int64, evaluations: [Evaluation])
    /// Of earlier leaders, and so in logs: it does not say when. Now a version is registered anew.
    case revertJob(JobKey, version: UInt64, enforcing: UInt64?, evaluations: [Evaluation])
    case setJobStability(JobKey, version: UInt64, isStable: Bool)
    /// With `makesPools`, pools that the nodes name and that are not there come to be.
    case registerNodes([Node], evaluations: [Evaluation], makesPools: Bool = false)
    case setNodeStatus([NodeStatusChange], evaluations: [Evaluation])
    case setNodeEligibility(
        UniqueID, SchedulingEligibility, event: NodeEvent?, evaluations: [Evaluation])
    case setNodeDrain([NodeDrainChange], evaluations: [Evaluation])
    case addNodeEvents(UniqueID, [NodeEvent])
    case deregisterNodes([UniqueID], evaluations: [Evaluation])
    case upsertEvaluations([Evaluation])
    case applyPlan(PlanEntry)
    case updateAllocations(
        [AllocationUpdate], unixNanoseconds: Int64, evaluations: [Evaluation])
    case setTransitions([TransitionChange], evaluations: [Evaluation])
    /// With `revertingTo`, the job's earlier version that takes the place of the present one.
    case setDeploymentStatus(
        DeploymentStatusUpdate, revertingTo: UInt64?, evaluations: [Evaluation])
    /// nil for all groups.
    case promoteDeployment(UniqueID, groups: [String]?, evaluations: [Evaluation])
    case setDeploymentHealth(DeploymentHealthChange, evaluations: [Evaluation])
    /// Removes what has ended; what has not, or has changed since, stays.
    case collect(Garbage)
    /// Forgets nodes that are down and have nothing to run; those that have changed since stay.
    case collectNodes([EndedNode])
    /// Makes each, or takes its place.
    case upsertPools([NodePool])
    case deletePools([String])
    /// Keeps the digests of secrets in their place, where those still stand. Nobody is told: nothing else
    /// of a node is another.
    case sealNodes([SealedNode])

    /// Bound of what one command names.
    package static let batchMax = 65_536
}

package struct TransitionChange: Equatable, Sendable {
    package var allocation: UniqueID
    /// What is nil stays as it is.
    package var transition: DesiredTransition

    package init(allocation: UniqueID, transition: DesiredTransition) {
        self.allocation = allocation
        self.transition = transition
    }
}

package struct DeploymentHealthChange: Equatable, Sendable {
    package var deployment: UniqueID
    package var healthy: [UniqueID]
    package var unhealthy: [UniqueID]
    package var unixNanoseconds: Int64
    /// What follows for the deployment.
    package var update: DeploymentStatusUpdate?
    package var revertingTo: UInt64?

    package init(
        deployment: UniqueID, healthy: [UniqueID], unhealthy: [UniqueID], unixNanoseconds: Int64,
        update: DeploymentStatusUpdate? = nil, revertingTo: UInt64? = nil
    ) {
        self.deployment = deployment
        self.healthy = healthy
        self.unhealthy = unhealthy
        self.unixNanoseconds = unixNanoseconds
        self.update = update
        self.revertingTo = revertingTo
    }
}

/// What nobody needs any more.
package struct Garbage: Equatable, Sendable {
    package struct EndedJob: Equatable, Sendable {
        package var key: JobKey
        /// As it was seen.
        package var modifyIndex: UInt64

        package init(key: JobKey, modifyIndex: UInt64) {
            self.key = key
            self.modifyIndex = modifyIndex
        }
    }

    package var evaluations: [UniqueID]
    package var allocations: [UniqueID]
    package var deployments: [UniqueID]
    package var jobs: [EndedJob]

    package init(
        evaluations: [UniqueID] = [], allocations: [UniqueID] = [],
        deployments: [UniqueID] = [], jobs: [EndedJob] = []
    ) {
        self.evaluations = evaluations
        self.allocations = allocations
        self.deployments = deployments
        self.jobs = jobs
    }
}

/// The digest of a node's secret.
package struct SealedNode: Equatable, Sendable {
    package var id: UniqueID
    package var digest: TokenDigest

    package init(id: UniqueID, digest: TokenDigest) {
        self.id = id
        self.digest = digest
    }
}

/// A node that nobody has heard of for long.
package struct EndedNode: Equatable, Sendable {
    package var id: UniqueID
    /// As it was seen.
    package var modifyIndex: UInt64

    package init(id: UniqueID, modifyIndex: UInt64) {
        self.id = id
        self.modifyIndex = modifyIndex
    }
}

extension SchedulerCommand {
    /// The oldest version of commands that has it.
    var version: UInt8 {
        switch self {
        case .upsertPools, .deletePools, .sealNodes, .registerNodes(_, _, makesPools: true):
            Command.poolVersion
        default: Command.schedulingVersion
        }
    }

    /// Whether a command of this version has this kind.
    static func has(_ kind: UInt8, in version: UInt8) -> Bool {
        switch version {
        case Command.schedulingVersion: (23...41).contains(kind)
        case Command.poolVersion: kind == 27 || (42...44).contains(kind)
        default: false
        }
    }

    var kind: UInt8 {
        switch self {
        case .registerJob: 23
        case .deregisterJob: 24
        case .revertJob: 25
        case .setJobStability: 26
        case .registerNodes: 27
        case .setNodeStatus: 28
        case .setNodeEligibility: 29
        case .setNodeDrain: 30
        case .addNodeEvents: 31
        case .deregisterNodes: 32
        case .upsertEvaluations: 33
        case .applyPlan: 34
        case .updateAllocations: 35
        case .setTransitions: 36
        case .setDeploymentStatus: 37
        case .promoteDeployment: 38
        case .setDeploymentHealth: 39
        case .collect: 40
        case .collectNodes: 41
        case .upsertPools: 42
        case .deletePools: 43
        case .sealNodes: 44
        }
    }
}
