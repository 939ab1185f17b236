// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension SchedulerTables {
    /// What is indexed or counted and does not say what the rows say; nil if all does. For tests: it
    /// reads everything.
    package func brokenInvariant() -> String? {
        brokenIndexes() ?? brokenCounts() ?? brokenJobs() ?? brokenVersions()
    }

    private func brokenCounts() -> String? {
        var counted = SchedulerCounts()
        for node in nodes { counted.count(node: node.value, insteadOf: nil) }
        for row in allocations { counted.count(from: nil, to: row.value.clientStatus) }
        for row in evaluations { counted.count(evaluation: row.value, insteadOf: nil) }
        return counted == counts ? nil : "\(counts) is counted, and there are \(counted)"
    }

    private func brokenIndexes() -> String? {
        for element in allocationTable {
            let allocation = element.value.value
            guard allocationsOfNode[allocation.nodeID]?[element.key] != nil,
                allocationsOfJob[allocation.jobKey]?[element.key] != nil,
                allocationsOfEvaluation[allocation.evaluationID]?[element.key] != nil
            else { return "allocation \(element.key) is not indexed" }
            guard allocation.modifyIndex <= allocationIndex else {
                return "allocation \(element.key) was changed after its table"
            }
        }
        for element in evaluationTable {
            let evaluation = element.value.value
            guard evaluationsOfJob[evaluation.job]?[element.key] != nil,
                (blockedOfJob[evaluation.job]?[element.key] != nil)
                    == (evaluation.status == .blocked)
            else { return "evaluation \(element.key) is not indexed" }
        }
        for element in deploymentTable
        where deploymentsOfJob[element.value.value.job]?[element.key] == nil {
            return "deployment \(element.key) is not indexed"
        }
        let counts = [
            (Self.total(allocationsOfNode), allocationTable.count),
            (Self.total(allocationsOfJob), allocationTable.count),
            (Self.total(allocationsOfEvaluation), allocationTable.count),
            (Self.total(evaluationsOfJob), evaluationTable.count),
            (Self.total(deploymentsOfJob), deploymentTable.count),
        ]
        return counts.contains { $0.0 != $0.1 } ? "an index names what is not there" : nil
    }

    private static func total<Key>(_ index: OrderedTable<Key, IDs>) -> Int {
        index.reduce(0) { $0 + $1.value.count }
    }

    private func brokenJobs() -> String? {
        for element in jobTable {
            let row = element.value
            let live = allocations(ofJob: element.key).count { !$0.value.isTerminal }
            let pending = evaluations(ofJob: element.key).count { !$0.value.status.isTerminal }
            guard row.liveAllocations == live, row.liveEvaluations == pending else {
                return
                    "job \(element.key.id) counts \(row.liveAllocations) of \(live) allocations, "
                    + "\(row.liveEvaluations) of \(pending) evaluations"
            }
            guard row.job.value.status == row.status else {
                return "job \(element.key.id) is \(row.job.value.status), not \(row.status)"
            }
            guard row.versions.first?.jobModifyIndex == row.job.value.jobModifyIndex else {
                return "job \(element.key.id) is not its newest version"
            }
        }
        return nil
    }

    private func brokenVersions() -> String? {
        var references = OrderedTable<JobVersionKey, Int>()
        func count(_ key: JobVersionKey) {
            if references.update(key, { $0 += 1 }) == nil { references.insert(1, at: key) }
        }
        for element in jobTable {
            for version in element.value.versions {
                count(JobVersionKey(job: element.key, jobModifyIndex: version.jobModifyIndex))
            }
        }
        for allocation in allocationTable.map(\.value) {
            count(JobVersionKey(of: allocation.value.job.value))
        }
        for element in specTable where references[element.key] != element.value.references {
            return "version \(element.key) has \(element.value.references) references"
        }
        return references.count == specTable.count ? nil : "a version is missing"
    }
}
