// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// The nodes that a job may be on at all: those of its datacenters and of its pool.
package struct JobScope: Sendable {
    private let datacenters: DatacenterNames
    private let nodePool: String

    package init(_ job: Job) {
        datacenters = DatacenterNames(job.datacenters)
        nodePool = job.nodePool
    }

    package func contains(_ node: Node) -> Bool {
        (nodePool == Job.nodePoolAll || nodePool == node.nodePool)
            && datacenters.contains(node.datacenter)
    }
}
