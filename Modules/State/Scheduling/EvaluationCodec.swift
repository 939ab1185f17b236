// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

// Evaluations, metrics and deployments, without their indexes.

extension ByteWriter {
    mutating func write(_ evaluation: Evaluation) {
        write(id: evaluation.id)
        write(job: evaluation.job)
        write(number: evaluation.priority)
        write(choice: evaluation.type)
        write(choice: evaluation.trigger)
        write(evaluation.jobModifyIndex)
        write(optionalID: evaluation.nodeID)
        write(evaluation.nodeModifyIndex)
        write(optionalID: evaluation.deploymentID)
        write(choice: evaluation.status)
        write(string: evaluation.statusDescription)
        write(span: evaluation.wait)
        write(evaluation.waitUntilUnixNanoseconds)
        write(optionalID: evaluation.nextEvaluation)
        write(optionalID: evaluation.previousEvaluation)
        write(optionalID: evaluation.blockedEvaluation)
        write(map: evaluation.failedGroups) { $0.write($1) }
        write(map: evaluation.classEligibility) { $0.write($1) }
        write(evaluation.hasEscapedClass)
        write(map: evaluation.queuedAllocations) { $0.write(number: $1) }
        write(evaluation.snapshotIndex)
        write(evaluation.annotatesPlan)
        write(string: evaluation.quotaLimitReached)
        write(evaluation.createUnixNanoseconds)
        write(evaluation.modifyUnixNanoseconds)
    }

    mutating func write(_ metric: PlacementMetric) {
        write(number: metric.nodesEvaluated)
        write(number: metric.nodesFiltered)
        write(map: metric.nodesAvailable) { $0.write(number: $1) }
        write(map: metric.classFiltered) { $0.write(number: $1) }
        write(map: metric.constraintFiltered) { $0.write(number: $1) }
        write(number: metric.nodesExhausted)
        write(map: metric.classExhausted) { $0.write(number: $1) }
        write(map: metric.dimensionExhausted) { $0.write(number: $1) }
        write(map: metric.resourcesExhausted) {
            $0.write(signed: $1.cpu)
            $0.write(signed: $1.cores)
            $0.write(signed: $1.memoryMB)
            $0.write(signed: $1.memoryMaxMB)
            $0.write(signed: $1.diskMB)
        }
        write(list: metric.scores) {
            $0.write(id: $1.nodeID)
            $0.write(map: $1.scores) { $0.write(score: $1) }
            $0.write(score: $1.normalized)
        }
        write(metric.allocationTime.nanoseconds)
        write(number: metric.coalescedFailures)
    }

    /// What is no number is nothing.
    private mutating func write(score: Double) {
        write(score.isFinite ? score.bitPattern : 0)
    }

    mutating func write(_ deployment: Deployment) {
        write(id: deployment.id)
        write(job: deployment.job)
        write(deployment.jobVersion)
        write(deployment.jobModifyIndex)
        write(deployment.jobSpecModifyIndex)
        write(deployment.jobCreateIndex)
        write(map: deployment.groups) { $0.write($1) }
        write(choice: deployment.status)
        write(string: deployment.statusDescription)
        write(number: deployment.evaluationPriority)
    }

    private mutating func write(_ group: DeploymentGroupState) {
        write(number: group.desiredTotal)
        write(number: group.desiredCanaries)
        write(ids: group.placedCanaries)
        write(number: group.placedAllocations)
        write(number: group.healthyAllocations)
        write(number: group.unhealthyAllocations)
        write(group.isPromoted)
        write(group.autoRevert)
        write(group.autoPromote)
        write(span: group.progressDeadline)
        write(group.requireProgressByUnixNanoseconds)
    }

    mutating func write(_ update: DeploymentStatusUpdate) {
        write(id: update.id)
        write(choice: update.status)
        write(string: update.description)
    }
}

extension StateReader {
    mutating func evaluation() throws(StateError) -> Evaluation {
        var evaluation = Evaluation(
            id: try id(), job: try jobKey(), priority: try number(), type: try choice(),
            trigger: try choice())
        evaluation.jobModifyIndex = try uint64()
        evaluation.nodeID = try optionalID()
        evaluation.nodeModifyIndex = try uint64()
        evaluation.deploymentID = try optionalID()
        evaluation.status = try choice()
        evaluation.statusDescription = try string()
        evaluation.wait = try span()
        evaluation.waitUntilUnixNanoseconds = try int64()
        evaluation.nextEvaluation = try optionalID()
        evaluation.previousEvaluation = try optionalID()
        evaluation.blockedEvaluation = try optionalID()
        evaluation.failedGroups = try map { (reader) throws(StateError) in try reader.metric() }
        evaluation.classEligibility = try map(max: SchedulerTables.nodesMax) {
            (reader) throws(StateError) in try reader.bool()
        }
        evaluation.hasEscapedClass = try bool()
        evaluation.queuedAllocations = try map { (reader) throws(StateError) in
            try reader.number()
        }
        evaluation.snapshotIndex = try uint64()
        evaluation.annotatesPlan = try bool()
        evaluation.quotaLimitReached = try string()
        evaluation.createUnixNanoseconds = try int64()
        evaluation.modifyUnixNanoseconds = try int64()
        return evaluation
    }

    mutating func metric() throws(StateError) -> PlacementMetric {
        var metric = PlacementMetric()
        metric.nodesEvaluated = try number()
        metric.nodesFiltered = try number()
        metric.nodesAvailable = try counts()
        metric.classFiltered = try counts()
        metric.constraintFiltered = try counts()
        metric.nodesExhausted = try number()
        metric.classExhausted = try counts()
        metric.dimensionExhausted = try counts()
        metric.resourcesExhausted = try map { (reader) throws(StateError) in
            var resources = CombinedResources()
            resources.cpu = try reader.signed()
            resources.cores = try reader.signed()
            resources.memoryMB = try reader.signed()
            resources.memoryMaxMB = try reader.signed()
            resources.diskMB = try reader.signed()
            return resources
        }
        metric.scores = try elements(max: PlacementMetric.scoresMax) {
            (reader) throws(StateError) in
            PlacementMetric.NodeScore(
                nodeID: try reader.id(),
                scores: try reader.map { (reader) throws(StateError) in try reader.finite() },
                normalized: try reader.finite())
        }
        metric.allocationTime = try duration()
        metric.coalescedFailures = try number()
        return metric
    }

    private mutating func counts() throws(StateError) -> SortedMap<Int> {
        try map(max: SchedulerTables.nodesMax) { (reader) throws(StateError) in
            try reader.number()
        }
    }

    mutating func deployment() throws(StateError) -> Deployment {
        let id = try id()
        let key = try jobKey()
        var deployment = Deployment(id: id, of: Job(id: key.id))
        deployment.job = key
        deployment.jobVersion = try uint64()
        deployment.jobModifyIndex = try uint64()
        deployment.jobSpecModifyIndex = try uint64()
        deployment.jobCreateIndex = try uint64()
        deployment.groups = try map { (reader) throws(StateError) in
            try reader.deploymentGroup()
        }
        deployment.status = try choice()
        deployment.statusDescription = try string()
        deployment.evaluationPriority = try number()
        return deployment
    }

    private mutating func deploymentGroup() throws(StateError) -> DeploymentGroupState {
        var group = DeploymentGroupState()
        group.desiredTotal = try number()
        group.desiredCanaries = try number()
        group.placedCanaries = try ids(max: SchedulingBounds.instancesMax)
        group.placedAllocations = try number()
        group.healthyAllocations = try number()
        group.unhealthyAllocations = try number()
        group.isPromoted = try bool()
        group.autoRevert = try bool()
        group.autoPromote = try bool()
        group.progressDeadline = try span()
        group.requireProgressByUnixNanoseconds = try int64()
        return group
    }

    mutating func statusUpdate() throws(StateError) -> DeploymentStatusUpdate {
        DeploymentStatusUpdate(id: try id(), status: try choice(), description: try string())
    }
}
