// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

// What many placements have in common is written once, in the order of its first use, and named by its
// number from then on:
//
// | bytes | meaning                                                                            |
// |-------|------------------------------------------------------------------------------------|
// | 16, 8 | evaluation; time                                                                   |
// | …     | lists of texts, job versions, resources and metrics                                |
// | …     | list of stops: 16: id; 4: text; optional 1: client status; optional 16: evaluation |
// | …     | list of evictions: 16: id; 16: by                                                  |
// | …     | list of placements, as ``ByteWriter/write(_:_:)`` says                             |
// | …     | optional deployment; list of status updates; list of evaluations                   |

/// Things by the order in which they are first used.
private struct Numbering<Key: Hashable, Value> {
    private(set) var values: [Value] = []
    private var numbers: [Key: UInt32] = [:]

    mutating func number(_ key: Key, _ value: Value) -> UInt32 {
        if let known = numbers[key] { return known }
        let number = UInt32(values.count)
        numbers[key] = number
        values.append(value)
        return number
    }
}

extension ByteWriter {
    mutating func write(_ entry: PlanEntry) {
        var texts = Numbering<String, String>()
        var jobs = Numbering<JobVersionKey, JobVersionKey>()
        var resources = Numbering<ObjectIdentifier, AllocatedResources>()
        var metrics = Numbering<ObjectIdentifier, PlacementMetric>()
        var body = ByteWriter(reservingBytes: 96 * entry.placements.count)
        body.write(list: entry.stops) {
            $0.write(id: $1.id)
            $0.write(texts.number($1.description, $1.description))
            $0.write(optional: $1.clientStatus) { $0.write(choice: $1) }
            $0.write(optionalID: $1.followUpEvaluationID)
        }
        body.write(list: entry.evictions) {
            $0.write(id: $1.id)
            $0.write(id: $1.by)
        }
        body.write(list: entry.placements) { writer, placement in
            writer.write(id: placement.id)
            writer.write(id: placement.nodeID)
            writer.write(texts.number(placement.nodeName, placement.nodeName))
            writer.write(jobs.number(placement.job, placement.job))
            writer.write(texts.number(placement.group, placement.group))
            writer.write(number: placement.index)
            writer.write(
                resources.number(
                    ObjectIdentifier(placement.resources), placement.resources.value))
            writer.write(optional: placement.metrics) {
                $0.write(metrics.number(ObjectIdentifier($1), $1.value))
            }
            writer.write(texts.number(placement.description, placement.description))
            writer.write(optionalID: placement.deploymentID)
            writer.write(optional: placement.deploymentStatus) { $0.write($1) }
            writer.write(optionalID: placement.previousAllocation)
            writer.write(optionalID: placement.followUpEvaluationID)
            writer.write(list: placement.reschedules) { $0.write($1) }
            writer.write(ids: placement.preempted)
        }
        body.write(optional: entry.deployment) { $0.write($1) }
        body.write(list: entry.deploymentUpdates) { $0.write($1) }
        body.write(list: entry.evaluations) { $0.write($1) }

        write(id: entry.evaluationID)
        write(entry.unixNanoseconds)
        write(texts: texts.values)
        write(list: jobs.values) { $0.write($1) }
        write(list: resources.values) { $0.write($1) }
        write(list: metrics.values) { $0.write($1) }
        write(raw: body.finish())
    }
}

/// What was written once, while it is read: each is used, in order.
private struct Numbered<Value> {
    let values: [Value]
    private var used = 0

    init(_ values: [Value]) { self.values = values }

    mutating func value(_ number: UInt32) throws(StateError) -> Value {
        guard number < values.count, number <= used else {
            throw .malformed("number \(number) out of order")
        }
        if number == used { used += 1 }
        return values[Int(number)]
    }

    func finish() throws(StateError) {
        guard used == values.count else { throw .malformed("\(values.count - used) without use") }
    }
}

extension StateReader {
    mutating func planEntry() throws(StateError) -> PlanEntry {
        var entry = PlanEntry(evaluationID: try id(), unixNanoseconds: try int64())
        var shared = try SharedParts(&self)
        entry.stops = try plan { (reader) throws(StateError) in
            PlanEntry.Stop(
                id: try reader.id(), description: try shared.texts.value(try reader.uint32()),
                clientStatus: try reader.optional { (reader) throws(StateError) in
                    try reader.choice()
                }, followUpEvaluationID: try reader.optionalID())
        }
        entry.evictions = try plan { (reader) throws(StateError) in
            PlanEntry.Eviction(id: try reader.id(), by: try reader.id())
        }
        entry.placements = try plan { (reader) throws(StateError) in
            try reader.placement(&shared)
        }
        try shared.finish()
        entry.deployment = try optional { (reader) throws(StateError) in try reader.deployment() }
        entry.deploymentUpdates = try plan { (reader) throws(StateError) in
            try reader.statusUpdate()
        }
        entry.evaluations = try plan { (reader) throws(StateError) in try reader.evaluation() }
        return entry
    }

    fileprivate mutating func plan<Element>(
        _ element: (inout StateReader) throws(StateError) -> Element
    ) throws(StateError) -> [Element] {
        try elements(max: PlanEntry.elementsMax, element)
    }

    private mutating func placement(
        _ shared: inout SharedParts
    ) throws(StateError) -> PlanEntry.Placement {
        let (id, node) = (try id(), try id())
        let nodeName = try shared.texts.value(try uint32())
        let job = try shared.jobs.value(try uint32())
        let group = try shared.texts.value(try uint32())
        let index = try number()
        let resources = try shared.resources.value(try uint32())
        let metrics: Shared<PlacementMetric>? =
            try bool() ? try shared.metrics.value(try uint32()) : nil
        let description = try shared.texts.value(try uint32())
        return PlanEntry.Placement(
            id: id, nodeID: node, nodeName: nodeName, job: job, group: group, index: index,
            resources: resources, metrics: metrics, description: description,
            deploymentID: try optionalID(),
            deploymentStatus: try optional { (reader) throws(StateError) in try reader.health() },
            previousAllocation: try optionalID(), followUpEvaluationID: try optionalID(),
            reschedules: try reschedules(), preempted: try ids(max: PlanEntry.elementsMax))
    }
}

/// The four lists at the front of an entry.
private struct SharedParts {
    var texts: Numbered<String>
    var jobs: Numbered<JobVersionKey>
    var resources: Numbered<Shared<AllocatedResources>>
    var metrics: Numbered<Shared<PlacementMetric>>

    init(_ reader: inout StateReader) throws(StateError) {
        let texts = try reader.plan { (reader) throws(StateError) in try reader.string() }
        let jobs = try reader.plan { (reader) throws(StateError) in try reader.jobVersion() }
        guard Set(texts).count == texts.count, Set(jobs).count == jobs.count else {
            throw .malformed("a text or a job twice")
        }
        self.texts = Numbered(texts)
        self.jobs = Numbered(jobs)
        resources = Numbered(
            try reader.plan { (reader) throws(StateError) in
                Shared(try reader.allocatedResources())
            })
        metrics = Numbered(
            try reader.plan { (reader) throws(StateError) in Shared(try reader.metric()) })
    }

    func finish() throws(StateError) {
        try texts.finish()
        try jobs.finish()
        try resources.finish()
        try metrics.finish()
    }
}
