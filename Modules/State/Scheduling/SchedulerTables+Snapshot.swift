// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// What a snapshot of version 6 appends: six tables, each as
/// ``StateSection/scheduling(_:max:index:sharesIndex:rows:write:read:key:insert:)`` says.
///
/// | rows           | by                         | each                                              |
/// |----------------|----------------------------|---------------------------------------------------|
/// | nodes          | id                         | 8: CreateIndex; 8: ModifyIndex; the node          |
/// | specifications | job and index of           | 8: CreateIndex; 8: JobModifyIndex; 8: version;    |
/// |                | registration               | the job                                           |
/// | jobs           | namespace and id           | as ``ByteWriter/write(_:)`` of a row says         |
/// | evaluations    | id                         | 8: CreateIndex; 8: ModifyIndex; the evaluation    |
/// | deployments    | id                         | 8: CreateIndex; 8: ModifyIndex; the deployment    |
/// | allocations    | id                         | 8: CreateIndex; 8: ModifyIndex; the allocation    |
///
/// Indexes and what is counted follow from the rows.
extension SchedulerTables {
    static func sections(version: UInt8) -> [StateSection] {
        [
            nodeSection(version: version), specSection, jobSection, evaluationSection,
            deploymentSection, allocationSection,
            .head(bytesMax: 0) { _, _ in
            } read: { (_, state) throws(StateError) in
                try state.scheduling.finishReading(lastApplied: state.lastAppliedIndex)
                state.scheduling.restoredIndex = state.restoredIndex
            },
        ]
    }

    /// To be called once all sections are read.
    private mutating func finishReading(lastApplied: UInt64) throws(StateError) {
        for element in specTable where element.value.references == 0 {
            throw .malformed("a version of job \(element.key.job.id) that nobody needs")
        }
        for row in jobTable.map(\.value) where row.status != row.job.value.status {
            throw .malformed("job \(row.job.value.id) is not \(row.job.value.status)")
        }
        given = GivenResources()
        feed.forgetAll(upTo: lastApplied)
    }

    /// From format 7 on nodes are those of version 6 of commands.
    private static func nodeSection(version: UInt8) -> StateSection {
        let commands = version > 6 ? Command.poolVersion : Command.schedulingVersion
        return .scheduling(
            "nodes", max: nodesMax, index: \.nodeIndex, rows: { $0.nodeTable },
            write: { node, writer in
                writer.write(node.value.createIndex)
                writer.write(node.value.modifyIndex)
                writer.write(node.value, version: commands)
            },
            read: { (reader, tables) throws(StateError) in
                let indexes = try reader.indexes(last: tables.nodeIndex)
                var node = try reader.node(version: commands)
                (node.createIndex, node.modifyIndex) = indexes
                return node
            }, key: \.id, insert: { $1.addRead($0) })
    }

    private static var specSection: StateSection {
        .scheduling(
            "versions of jobs", max: jobsMax * JobRow.versionsMax + allocationsMax,
            index: \.jobIndex, rows: { $0.specTable },
            write: { spec, writer in
                writer.write(spec.job.value.createIndex)
                writer.write(spec.job.value.jobModifyIndex)
                writer.write(spec.job.value.version)
                writer.write(spec.job.value)
            },
            read: { (reader, tables) throws(StateError) in
                let (create, modify) = try reader.indexes(last: tables.jobIndex)
                let version = try reader.uint64()
                var job = try reader.job()
                job.createIndex = create
                job.setVersion(version, at: modify)
                return job
            }, key: { JobVersionKey(of: $0) },
            insert: {
                $1.specTable.insert(
                    JobSpec(job: Shared($0), references: 0), at: JobVersionKey(of: $0))
            })
    }

    private static var jobSection: StateSection {
        .scheduling(
            "jobs", max: jobsMax, index: \.jobIndex, sharesIndex: true, rows: { $0.jobTable },
            write: { $1.write($0) },
            read: { (reader, tables) throws(StateError) in try reader.jobRow(tables) },
            key: \.job.value.key,
            insert: { row, tables in
                let key = row.job.value.key
                for version in row.versions {
                    tables.retain(
                        JobVersionKey(job: key, jobModifyIndex: version.jobModifyIndex))
                }
                tables.jobTable.insert(row, at: key)
            })
    }

    private static var evaluationSection: StateSection {
        .scheduling(
            "evaluations", max: evaluationsMax, index: \.evaluationIndex,
            rows: { $0.evaluationTable },
            write: { evaluation, writer in
                writer.write(evaluation.value.createIndex)
                writer.write(evaluation.value.modifyIndex)
                writer.write(evaluation.value)
            },
            read: { (reader, tables) throws(StateError) in
                let indexes = try reader.indexes(last: tables.evaluationIndex)
                var evaluation = try reader.evaluation()
                (evaluation.createIndex, evaluation.modifyIndex) = indexes
                return evaluation
            }, key: \.id, insert: { $1.addRead($0) })
    }

    private static var deploymentSection: StateSection {
        .scheduling(
            "deployments", max: deploymentsMax, index: \.deploymentIndex,
            rows: { $0.deploymentTable },
            write: { deployment, writer in
                writer.write(deployment.value.createIndex)
                writer.write(deployment.value.modifyIndex)
                writer.write(deployment.value)
            },
            read: { (reader, tables) throws(StateError) in
                let indexes = try reader.indexes(last: tables.deploymentIndex)
                var deployment = try reader.deployment()
                (deployment.createIndex, deployment.modifyIndex) = indexes
                return deployment
            }, key: \.id, insert: { $1.addRead($0) })
    }

    private static var allocationSection: StateSection {
        .scheduling(
            "allocations", max: allocationsMax, index: \.allocationIndex,
            rows: { $0.allocationTable },
            write: { allocation, writer in
                writer.write(allocation.value.createIndex)
                writer.write(allocation.value.modifyIndex)
                writer.write(allocation.value)
            },
            read: { (reader, tables) throws(StateError) in
                let indexes = try reader.indexes(last: tables.allocationIndex)
                var allocation = try reader.allocation { (version) throws(StateError) in
                    guard let spec = tables.specTable[version] else {
                        throw .malformed("an allocation of an unknown job \(version.job.id)")
                    }
                    return spec.job
                }
                (allocation.createIndex, allocation.modifyIndex) = indexes
                guard allocation.allocModifyIndex <= allocation.modifyIndex else {
                    throw .malformed("allocation \(allocation.id) was changed before it was")
                }
                return allocation
            }, key: \.id,
            insert: { allocation, tables in
                var shared = allocation
                shared.resources = tables.given.shared(allocation.resources)
                tables.addRead(shared)
            })
    }

    // MARK: Adding what follows from a row

    mutating func addRead(_ node: Node) {
        nodeTable.insert(Shared(node), at: node.id)
        counts.count(node: node, insteadOf: nil)
    }

    mutating func addRead(_ evaluation: Evaluation) {
        counts.count(evaluation: evaluation, insteadOf: nil)
        let key = evaluation.job
        evaluationTable.insert(Shared(evaluation), at: evaluation.id)
        Self.insert(evaluation.id, at: key, in: &evaluationsOfJob)
        if evaluation.status == .blocked { Self.insert(evaluation.id, at: key, in: &blockedOfJob) }
        let live = evaluation.status.isTerminal ? 0 : 1
        jobTable.update(key) { $0.liveEvaluations += live }
    }

    mutating func addRead(_ deployment: Deployment) {
        deploymentTable.insert(Shared(deployment), at: deployment.id)
        Self.insert(deployment.id, at: deployment.job, in: &deploymentsOfJob)
    }

    mutating func addRead(_ allocation: Allocation) {
        counts.count(from: nil, to: allocation.clientStatus)
        allocationTable.insert(Shared(allocation), at: allocation.id)
        Self.insert(allocation.id, at: allocation.nodeID, in: &allocationsOfNode)
        Self.insert(allocation.id, at: allocation.jobKey, in: &allocationsOfJob)
        Self.insert(allocation.id, at: allocation.evaluationID, in: &allocationsOfEvaluation)
        retain(JobVersionKey(of: allocation.job.value))
        let live = allocation.isTerminal ? 0 : 1
        jobTable.update(allocation.jobKey) { $0.liveAllocations += live }
    }
}

/// What instances were given, so that those who were given the same share it again.
struct GivenResources: Sendable {
    private static let keptMax = 4096
    private var known: [AllocatedResources: Shared<AllocatedResources>] = [:]

    mutating func shared(
        _ resources: Shared<AllocatedResources>
    ) -> Shared<AllocatedResources> {
        if let known = known[resources.value] { return known }
        if known.count < Self.keptMax { known[resources.value] = resources }
        return resources
    }
}
