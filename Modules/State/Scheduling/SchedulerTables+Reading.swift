// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Lookups take O(log n); lists are in the order of their keys.
extension SchedulerTables {
    // MARK: Nodes

    package func node(_ id: UniqueID) -> Shared<Node>? { nodeTable[id] }

    package var nodeCount: Int { nodeTable.count }

    package var nodes: some Sequence<Shared<Node>> { nodeTable.lazy.map(\.value) }

    // MARK: Pools

    /// Those that are built in are always there.
    package func pool(_ name: String) -> NodePool? {
        poolTable[name] ?? NodePool.builtIn(named: name)
    }

    /// Of those that are not built in, nearly.
    package var poolCount: Int { poolTable.count }

    /// Those whose name begins so, from the first that is not less than `first`; in the order of names.
    package func pools(namePrefix prefix: String = "", from first: String = "") -> [NodePool] {
        var pools = poolTable.suffix(from: max(prefix, first))
            .prefix { $0.key.utf8.starts(with: prefix.utf8) }.map(\.value)
        let missing = NodePool.builtIn.filter {
            $0.name.utf8.starts(with: prefix.utf8) && $0.name >= first
                && poolTable[$0.name] == nil
        }
        pools += missing
        return missing.isEmpty ? pools : pools.sorted { $0.name < $1.name }
    }

    // MARK: Jobs

    /// The newest version, with its status.
    package func job(_ key: JobKey) -> Shared<Job>? { jobTable[key]?.job }

    package var jobCount: Int { jobTable.count }

    package var jobs: some Sequence<Shared<Job>> { jobTable.lazy.map(\.value.job) }

    package func summary(of key: JobKey) -> JobSummary? { jobTable[key]?.summary }

    /// The newest first, at most six.
    package func versions(of key: JobKey) -> [Job] {
        guard let row = jobTable[key] else { return [] }
        return row.versions.compactMap { version in
            guard version.jobModifyIndex != row.job.value.jobModifyIndex else {
                return row.job.value
            }
            let spec = specTable[JobVersionKey(job: key, jobModifyIndex: version.jobModifyIndex)]
            guard var job = spec?.job.value else { return nil }
            job.isStable = version.isStable
            return job
        }
    }

    /// The newest version before this one that is stable.
    package func stableVersion(before version: UInt64, of key: JobKey) -> Shared<Job>? {
        self.version(of: key) { $0.isStable && $0.version < version }
    }

    /// Of this number; the newest is not copied.
    package func sharedVersion(_ version: UInt64, of key: JobKey) -> Shared<Job>? {
        self.version(of: key) { $0.version == version }
    }

    private func version(
        of key: JobKey, where isWanted: (JobRow.Version) -> Bool
    ) -> Shared<Job>? {
        guard let row = jobTable[key], let version = row.versions.first(where: isWanted) else {
            return nil
        }
        let modifyIndex = version.jobModifyIndex
        if modifyIndex == row.job.value.jobModifyIndex { return row.job }
        let spec = specTable[JobVersionKey(job: key, jobModifyIndex: modifyIndex)]
        guard var job = spec?.job.value else { return nil }
        job.isStable = version.isStable
        return Shared(job)
    }

    package func version(_ version: UInt64, of key: JobKey) -> Job? {
        sharedVersion(version, of: key)?.value
    }

    // MARK: Evaluations

    package func evaluation(_ id: UniqueID) -> Shared<Evaluation>? { evaluationTable[id] }

    package var evaluationCount: Int { evaluationTable.count }

    package var evaluations: some Sequence<Shared<Evaluation>> {
        evaluationTable.lazy.map(\.value)
    }

    package func evaluations(ofJob key: JobKey) -> [Shared<Evaluation>] {
        (evaluationsOfJob[key] ?? IDs()).compactMap { evaluationTable[$0.key] }
    }

    // MARK: Allocations

    package func allocation(_ id: UniqueID) -> Shared<Allocation>? { allocationTable[id] }

    package var allocationCount: Int { allocationTable.count }

    package var allocations: some Sequence<Shared<Allocation>> {
        allocationTable.lazy.map(\.value)
    }

    package func allocations(ofNode id: UniqueID) -> [Shared<Allocation>] {
        allocations(allocationsOfNode[id])
    }

    /// Since when there is something that the allocation's node has to hear. After a restore that is
    /// everything: the node knows of what is not true any more, and has told what is forgotten.
    package func newsIndex(of allocation: Allocation) -> UInt64 {
        max(allocation.allocModifyIndex, restoredIndex)
    }

    /// With ``newsIndex(of:)`` for the index of its last change.
    package func dated(_ allocation: Shared<Allocation>) -> Shared<Allocation> {
        guard allocation.value.allocModifyIndex < restoredIndex else { return allocation }
        var dated = allocation.value
        dated.allocModifyIndex = restoredIndex
        dated.modifyIndex = max(dated.modifyIndex, restoredIndex)
        return Shared(dated)
    }

    package func allocations(ofJob key: JobKey) -> [Shared<Allocation>] {
        allocations(allocationsOfJob[key])
    }

    package func allocations(ofEvaluation id: UniqueID) -> [Shared<Allocation>] {
        allocations(allocationsOfEvaluation[id])
    }

    /// O(allocations of its job).
    package func allocations(ofDeployment id: UniqueID) -> [Shared<Allocation>] {
        guard let deployment = deploymentTable[id]?.value else { return [] }
        return allocations(ofJob: deployment.job).filter { $0.value.deploymentID == id }
    }

    private func allocations(_ ids: IDs?) -> [Shared<Allocation>] {
        (ids ?? IDs()).compactMap { allocationTable[$0.key] }
    }

    // MARK: Deployments

    package func deployment(_ id: UniqueID) -> Shared<Deployment>? { deploymentTable[id] }

    package var deploymentCount: Int { deploymentTable.count }

    package var deployments: some Sequence<Shared<Deployment>> {
        deploymentTable.lazy.map(\.value)
    }

    package func deployments(ofJob key: JobKey) -> [Shared<Deployment>] {
        (deploymentsOfJob[key] ?? IDs()).compactMap { deploymentTable[$0.key] }
    }

    /// The one that was made last.
    package func latestDeployment(ofJob key: JobKey) -> Shared<Deployment>? {
        deployments(ofJob: key).max {
            ($0.value.createIndex, $0.value.id) < ($1.value.createIndex, $1.value.id)
        }
    }

    // MARK: Prefixes

    /// Those whose id, as text, begins so; what is no beginning of an id matches nothing.
    package func nodes(idPrefix prefix: String) -> [Shared<Node>] {
        Self.rows(of: nodeTable, prefix)
    }

    package func evaluations(idPrefix prefix: String) -> [Shared<Evaluation>] {
        Self.rows(of: evaluationTable, prefix)
    }

    package func allocations(idPrefix prefix: String) -> [Shared<Allocation>] {
        Self.rows(of: allocationTable, prefix)
    }

    package func deployments(idPrefix prefix: String) -> [Shared<Deployment>] {
        Self.rows(of: deploymentTable, prefix)
    }

    /// Of the namespace, those whose id begins so.
    package func jobs(namespace: String, idPrefix prefix: String = "") -> [Shared<Job>] {
        var jobs: [Shared<Job>] = []
        for element in jobTable.suffix(from: JobKey(namespace: namespace, id: prefix)) {
            guard element.key.namespace == namespace,
                element.key.id.utf8.starts(with: prefix.utf8)
            else { break }
            jobs.append(element.value.job)
        }
        return jobs
    }

    private static func rows<Row>(
        of table: OrderedTable<UniqueID, Row>, _ prefix: String
    ) -> [Row] {
        ids(beginning: prefix).map { Array(table.values(in: $0)) } ?? []
    }

    /// Those whose text begins so; nil for what is no beginning of an id.
    package static func ids(beginning prefix: String) -> ClosedRange<UniqueID>? {
        let prefix = prefix.lowercased()
        let length = prefix.utf8.count
        let lowest = "00000000-0000-0000-0000-000000000000"
        let highest = "ffffffff-ffff-ffff-ffff-ffffffffffff"
        guard let first = UniqueID(prefix + lowest.dropFirst(length)),
            let last = UniqueID(prefix + highest.dropFirst(length))
        else { return nil }
        return first...last
    }
}

/// The same, row by row: what is asked for is looked up, and no more. The rows stay what they were when
/// the sequence was made.
extension SchedulerTables {
    package func nodes(
        in ids: ClosedRange<UniqueID>, descending: Bool = false
    ) -> some Sequence<Shared<Node>> {
        nodeTable.values(in: ids, descending: descending)
    }

    package func evaluations(
        in ids: ClosedRange<UniqueID>, descending: Bool = false
    ) -> some Sequence<Shared<Evaluation>> {
        evaluationTable.values(in: ids, descending: descending)
    }

    package func allocations(
        in ids: ClosedRange<UniqueID>, descending: Bool = false
    ) -> some Sequence<Shared<Allocation>> {
        allocationTable.values(in: ids, descending: descending)
    }

    package func deployments(
        in ids: ClosedRange<UniqueID>, descending: Bool = false
    ) -> some Sequence<Shared<Deployment>> {
        deploymentTable.values(in: ids, descending: descending)
    }

    /// From the first whose id is not less than `id`.
    package func jobs(
        namespace: String, idPrefix prefix: String, from id: String
    ) -> some Sequence<Shared<Job>> {
        let first = max(
            JobKey(namespace: namespace, id: prefix), JobKey(namespace: namespace, id: id))
        return jobTable.suffix(from: first).lazy.prefix {
            $0.key.namespace == namespace && $0.key.id.utf8.starts(with: prefix.utf8)
        }.map(\.value.job)
    }

    package func eachAllocation(ofJob key: JobKey) -> some Sequence<Shared<Allocation>> {
        each(allocationsOfJob[key])
    }

    package func eachAllocation(
        ofEvaluation id: UniqueID
    ) -> some Sequence<Shared<Allocation>> { each(allocationsOfEvaluation[id]) }

    private func each(_ ids: IDs?) -> some Sequence<Shared<Allocation>> {
        let table = allocationTable
        return (ids ?? IDs()).lazy.compactMap { table[$0.key] }
    }

    package func eachEvaluation(ofJob key: JobKey) -> some Sequence<Shared<Evaluation>> {
        let table = evaluationTable
        return (evaluationsOfJob[key] ?? IDs()).lazy.compactMap { table[$0.key] }
    }
}
