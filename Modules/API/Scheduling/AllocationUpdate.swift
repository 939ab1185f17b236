// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// What a node tells of one of its allocations.
package struct AllocationUpdate: Equatable, Sendable {
    package var id: UniqueID
    package var clientStatus: Allocation.ClientStatus
    package var clientDescription: String
    package var taskStates: Shared<SortedMap<TaskState>>?
    /// nil while the node does not know.
    package var isHealthy: Bool?
    /// Of its health, in nanoseconds since 1970.
    package var healthUnixNanoseconds: Int64

    package init(
        id: UniqueID, clientStatus: Allocation.ClientStatus, clientDescription: String = "",
        taskStates: SortedMap<TaskState>? = nil, isHealthy: Bool? = nil,
        healthUnixNanoseconds: Int64 = 0
    ) {
        self.id = id
        self.clientStatus = clientStatus
        self.clientDescription = clientDescription
        self.taskStates = taskStates.map { Shared($0) }
        self.isHealthy = isHealthy
        self.healthUnixNanoseconds = healthUnixNanoseconds
    }

    /// Whether it says that nothing runs any more.
    package var isTerminal: Bool {
        switch clientStatus {
        case .complete, .failed, .lost: true
        case .pending, .running: false
        }
    }

    /// Without what it tells of tasks that the group does not have: what is kept of an instance is bounded by
    /// its job, whoever tells.
    package func telling(of group: TaskGroup?) -> AllocationUpdate {
        guard let told = taskStates?.value, let group,
            !told.elements.allSatisfy({ state in group.tasks.contains { $0.name == state.key } })
        else { return self }
        var states = SortedMap<TaskState>()
        for task in group.tasks {
            if let state = told[task.name] { states[task.name] = state }
        }
        var update = self
        update.taskStates = Shared(states)
        return update
    }

    /// Reads a node's body, `{"Alloc": […]}`.
    ///
    /// - Throws: 400 that names the field.
    package static func parse(
        body: [UInt8], limits: JSONLimits = SchedulingBounds.updateLimits
    ) throws(APIError) -> [AllocationUpdate] {
        if let updates = scan(body, limits: limits) { return updates }
        return try readTree(of: body, limits: limits)
    }

    /// The same for any body, whether it is plain or not.
    package static func readTree(
        of body: [UInt8], limits: JSONLimits = SchedulingBounds.updateLimits
    ) throws(APIError) -> [AllocationUpdate] {
        let fields = try BodyFields(
            try ConfigurationKind.allocations.parse(body: body, limits: limits), of: .allocations)
        var updates: [AllocationUpdate] = []
        for allocation in try fields.objects("Alloc", max: SchedulingBounds.updatesMax) {
            updates.append(try AllocationUpdate(allocation))
        }
        return updates
    }

    private init(_ fields: BodyFields) throws(APIError) {
        guard let id = try fields.uniqueID("ID") else { throw fields.refusal("ID", "is missing") }
        self.init(
            id: id, clientStatus: try fields.requiredChoice("ClientStatus"),
            clientDescription: try fields.shortText("ClientDescription"))
        // Only the servers know that a node is gone.
        guard clientStatus != .lost else {
            throw fields.refusal("ClientStatus", "\"lost\" is not a node's to say")
        }
        if fields.has("TaskStates") {
            var states = SortedMap<TaskState>()
            for task in try fields.objectMap("TaskStates", max: SchedulingBounds.tasksMax) {
                states[task.key] = try TaskState(task.fields)
            }
            taskStates = Shared(states)
        }
        let health = try fields.object("DeploymentStatus")
        isHealthy = try health.optionalBool("Healthy")
        healthUnixNanoseconds = try health.time("Timestamp") ?? 0
    }
}

extension TaskState {
    fileprivate init(_ fields: BodyFields) throws(APIError) {
        self.init(
            state: try fields.choice("State", default: .pending),
            isFailed: try fields.bool("Failed", default: false))
        restarts = try fields.int("Restarts", default: 0)
        lastRestartUnixNanoseconds = try fields.time("LastRestart") ?? 0
        startedUnixNanoseconds = try fields.time("StartedAt") ?? 0
        finishedUnixNanoseconds = try fields.time("FinishedAt") ?? 0
        var told: [TaskEvent] = []
        for event in try fields.objects("Events", max: Self.eventsReadMax).suffix(Self.eventsMax) {
            told.append(try TaskEvent(event))
        }
        keep(newestOf: told)
    }
}

extension TaskEvent {
    fileprivate init(_ fields: BodyFields) throws(APIError) {
        self.init(
            type: try fields.shortText("Type"), unixNanoseconds: try fields.int64("Time"),
            displayMessage: try fields.shortText("DisplayMessage"),
            details: try fields.stringMap("Details"))
        failsTask = try fields.bool("FailsTask", default: false)
        exitCode = try fields.int("ExitCode", default: 0)
        signal = try fields.int("Signal", default: 0)
    }
}

extension BodyFields {
    func shortText(_ name: String) throws(APIError) -> String {
        let text = try string(name, default: "")
        guard text.utf8.count <= SchedulingBounds.textBytesMax else {
            throw refusal(name, "is longer than \(SchedulingBounds.textBytesMax) bytes")
        }
        return text
    }
}
