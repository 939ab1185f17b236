// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// What a snapshot of version 5 appends: six tables, each as ``SchedulerSection`` says.
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
    static var sections: [SchedulerSection] {
        [
            nodeSection, specSection, jobSection, evaluationSection, deploymentSection,
            allocationSection,
        ]
    }

    func write(to writer: inout ByteWriter) {
        for section in Self.sections {
            section.writeHead(self, &writer)
            let next = section.elementWriter(self)
            while next(&writer) {}
        }
    }

    init(_ reader: inout StateReader, lastApplied: UInt64) throws(StateError) {
        self.init()
        for section in Self.sections {
            let count = try section.readHead(&reader, &self, lastApplied)
            let next = section.elementReader()
            for _ in 0..<count { try next(&reader, &self) }
        }
        try finishReading(lastApplied: lastApplied)
    }

    /// To be called once all sections are read.
    mutating func finishReading(lastApplied: UInt64) throws(StateError) {
        for element in specTable where element.value.references == 0 {
            throw .malformed("a version of job \(element.key.job.id) that nobody needs")
        }
        for element in jobTable {
            let row = element.value
            guard row.status == row.job.value.status else {
                throw .malformed("job \(element.key.id) is not \(row.job.value.status)")
            }
        }
        feed.forgetAll(upTo: lastApplied)
    }

    private static var nodeSection: SchedulerSection {
        .table(
            "nodes", max: nodesMax, index: \.nodeIndex, rows: { $0.nodeTable }
        ) { node, writer in
            writer.write(node.value.createIndex)
            writer.write(node.value.modifyIndex)
            writer.write(node.value)
        } read: {
            { (reader, tables) throws(StateError) in
                let indexes = try reader.rowIndexes(last: tables.nodeIndex)
                var node = try reader.node()
                (node.createIndex, node.modifyIndex) = indexes
                tables.nodeTable.insert(Shared(node), at: node.id)
                return node.id
            }
        }
    }

    private static var specSection: SchedulerSection {
        .table(
            "versions of jobs", max: jobsMax * JobRow.versionsMax + allocationsMax,
            index: \.jobIndex, rows: { $0.specTable }
        ) { spec, writer in
            writer.write(spec.job.value.createIndex)
            writer.write(spec.job.value.jobModifyIndex)
            writer.write(spec.job.value.version)
            writer.write(spec.job.value)
        } read: {
            { (reader, tables) throws(StateError) in
                let (create, modify) = try reader.rowIndexes(last: tables.jobIndex)
                let version = try reader.uint64()
                var job = try reader.job()
                job.createIndex = create
                job.setVersion(version, at: modify)
                let key = JobVersionKey(of: job)
                tables.specTable.insert(JobSpec(job: Shared(job), references: 0), at: key)
                return key
            }
        }
    }

    private static var jobSection: SchedulerSection {
        .table(
            "jobs", max: jobsMax, index: \.jobIndex, sharesIndex: true, rows: { $0.jobTable }
        ) { row, writer in
            writer.write(row)
        } read: {
            { (reader, tables) throws(StateError) in
                let row = try reader.jobRow(tables)
                let key = row.job.value.key
                for version in row.versions {
                    tables.retain(JobVersionKey(job: key, jobModifyIndex: version.jobModifyIndex))
                }
                tables.jobTable.insert(row, at: key)
                return key
            }
        }
    }

    private static var evaluationSection: SchedulerSection {
        .table(
            "evaluations", max: evaluationsMax, index: \.evaluationIndex,
            rows: { $0.evaluationTable }
        ) { evaluation, writer in
            writer.write(evaluation.value.createIndex)
            writer.write(evaluation.value.modifyIndex)
            writer.write(evaluation.value)
        } read: {
            { (reader, tables) throws(StateError) in
                let indexes = try reader.rowIndexes(last: tables.evaluationIndex)
                var evaluation = try reader.evaluation()
                (evaluation.createIndex, evaluation.modifyIndex) = indexes
                tables.addRead(evaluation)
                return evaluation.id
            }
        }
    }

    private static var deploymentSection: SchedulerSection {
        .table(
            "deployments", max: deploymentsMax, index: \.deploymentIndex,
            rows: { $0.deploymentTable }
        ) { deployment, writer in
            writer.write(deployment.value.createIndex)
            writer.write(deployment.value.modifyIndex)
            writer.write(deployment.value)
        } read: {
            { (reader, tables) throws(StateError) in
                let indexes = try reader.rowIndexes(last: tables.deploymentIndex)
                var deployment = try reader.deployment()
                (deployment.createIndex, deployment.modifyIndex) = indexes
                tables.addRead(deployment)
                return deployment.id
            }
        }
    }

    private static var allocationSection: SchedulerSection {
        .table(
            "allocations", max: allocationsMax, index: \.allocationIndex,
            rows: { $0.allocationTable }
        ) { allocation, writer in
            writer.write(allocation.value.createIndex)
            writer.write(allocation.value.modifyIndex)
            writer.write(allocation.value)
        } read: {
            var given = GivenResources()
            return { (reader, tables) throws(StateError) in
                let indexes = try reader.rowIndexes(last: tables.allocationIndex)
                var allocation = try reader.allocation(
                    job: { (version) throws(StateError) in
                        guard let spec = tables.specTable[version] else {
                            throw .malformed("an allocation of an unknown job \(version.job.id)")
                        }
                        return spec.job
                    }, resources: { given.shared($0) })
                (allocation.createIndex, allocation.modifyIndex) = indexes
                guard allocation.allocModifyIndex <= allocation.modifyIndex else {
                    throw .malformed(
                        "allocation \(allocation.id) was changed before it was changed")
                }
                tables.addRead(allocation)
                return allocation.id
            }
        }
    }

    // MARK: Adding what follows from a row

    mutating func addRead(_ evaluation: Evaluation) {
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
private struct GivenResources {
    private static let keptMax = 4096
    private var known: [AllocatedResources: Shared<AllocatedResources>] = [:]

    mutating func shared(_ resources: AllocatedResources) -> Shared<AllocatedResources> {
        if let known = known[resources] { return known }
        let shared = Shared(resources)
        if known.count < Self.keptMax { known[resources] = shared }
        return shared
    }
}
