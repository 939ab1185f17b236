// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON

/// What rows a list has: which members a filter may name.
enum ListKind {
    case jobs, evaluations, allocations, deployments, nodes, pools

    /// Whether its tokens are ids of 16 bytes, and no names.
    var hasIDs: Bool {
        switch self {
        case .evaluations, .allocations, .deployments, .nodes: true
        case .jobs, .pools: false
        }
    }

    /// As the rows that filters look at write them: the objects themselves, and of allocations what lists
    /// show.
    var memberNames: [String] {
        switch self {
        case .jobs: Self.jobNames
        case .evaluations: Self.evaluationNames
        case .allocations: Self.allocationNames
        case .deployments: Self.deploymentNames
        case .nodes: Self.nodeNames
        case .pools: Self.poolNames
        }
    }

    private static let none = UniqueID(high: 0, low: 0)
    private static let job = Job(id: "x", type: .service, groups: [])
    private static let jobNames = names(of: job)
    private static let evaluationNames = names(
        of: Evaluation(id: none, job: job.key, priority: 1, type: .service, trigger: .jobRegister))
    private static let allocationNames = names(
        of: AllocationStub(
            Shared(
                Allocation(
                    id: none, evaluationID: none, nodeID: none, job: Shared(job), group: "g",
                    index: 0, resources: Shared(AllocatedResources(tasks: [], diskMB: 0)))),
            showsResources: true))
    private static let deploymentNames = names(of: Deployment(id: none, of: job))
    private static let nodeNames = names(of: Node(id: none, secretID: none, name: "n"))
    private static let poolNames = names(of: NodePool(name: "p"))

    private static func names(of row: some JSONWritable) -> [String] {
        do throws(JSONError) {
            let node = try JSONReader.parse(JSONWriter.encode(row))
            guard case .object(let members) = node.value else { return [] }
            return members.map(\.name)
        } catch {
            preconditionFailure("a row that cannot be read: \(error)")
        }
    }
}
