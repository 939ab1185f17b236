// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

// What nodes send most, read in one pass. What these do not take, or take to be wrong, is read from its
// tree: by the rules of ``BodyFields``, with an error that names the field.

extension AllocationUpdate {
    /// The updates of a body that is plain and right; nil for every other.
    package static func scan(
        _ body: [UInt8], limits: JSONLimits = SchedulingBounds.updateLimits
    ) -> [AllocationUpdate]? {
        var scanner = JSONScanner(body, limits: limits)
        var updates: [AllocationUpdate] = []
        guard scanner.beginObject() else { return nil }
        var members = JSONScanner.Members(of: names)
        while scanner.next(&members) != nil, scanner.beginArray() {
            while scanner.nextElement() {
                guard updates.count < SchedulingBounds.updatesMax,
                    let update = AllocationUpdate(scanning: &scanner)
                else { return nil }
                updates.append(update)
            }
        }
        return scanner.isAtEnd() ? updates : nil
    }

    private static let names = JSONScanner.Names("Alloc")

    /// In the order in which nodes write them.
    private enum Field: Int {
        case description, status, deploymentStatus, id, taskStates

        static let names = JSONScanner.Names(
            "ClientDescription", "ClientStatus", "DeploymentStatus", "ID", "TaskStates")
    }

    private init?(scanning scanner: inout JSONScanner) {
        var id: UniqueID?
        var status: Allocation.ClientStatus?
        var (description, states) = ("", SortedMap<TaskState>?.none)
        var (isHealthy, healthUnixNanoseconds) = (Bool?.none, Int64(0))
        guard scanner.beginObject() else { return nil }
        var members = JSONScanner.Members(of: Field.names)
        while let field = scanner.next(&members).flatMap(Field.init(rawValue:)) {
            switch field {
            case .description: description = scanner.shortText()
            case .status: status = Allocation.ClientStatus(rawValue: scanner.string())
            case .deploymentStatus:
                (isHealthy, healthUnixNanoseconds) = scanner.health()
            case .id: id = UniqueID(ascii: scanner.ascii())
            case .taskStates: states = scanner.taskStates()
            }
        }
        guard scanner.isPlain, let id, let status, status != .lost else { return nil }
        self.init(
            id: id, clientStatus: status, clientDescription: description, taskStates: states,
            isHealthy: isHealthy, healthUnixNanoseconds: healthUnixNanoseconds)
    }
}

extension TaskState {
    /// In the order in which nodes write them.
    fileprivate enum Field: Int {
        case events, failed, finished, lastRestart, restarts, started, state, handle

        static let names = JSONScanner.Names(
            "Events", "Failed", "FinishedAt", "LastRestart", "Restarts", "StartedAt", "State",
            "TaskHandle")
    }

    /// - Precondition: an object has begun.
    fileprivate init(scanning scanner: inout JSONScanner) {
        self.init()
        var members = JSONScanner.Members(of: Field.names)
        while let field = scanner.next(&members).flatMap(Field.init(rawValue:)) {
            switch field {
            case .events: keep(newestOf: scanner.events())
            case .failed: isFailed = scanner.bool() ?? false
            case .finished: finishedUnixNanoseconds = scanner.instant()
            case .lastRestart: lastRestartUnixNanoseconds = scanner.instant()
            case .restarts: restarts = Int(scanner.int())
            case .started: startedUnixNanoseconds = scanner.instant()
            case .state:
                let text = scanner.string()
                if let known = State(rawValue: text) {
                    state = known
                } else if !text.isEmpty {
                    scanner.giveUp()
                }
            // It is always null.
            case .handle: if scanner.beginObject() { scanner.giveUp() }
            }
        }
    }
}

extension TaskEvent {
    /// In the order in which nodes write them.
    fileprivate enum Field: Int {
        case details, displayMessage, exitCode, failsTask, message, signal, time, type

        static let names = JSONScanner.Names(
            "Details", "DisplayMessage", "ExitCode", "FailsTask", "Message", "Signal", "Time",
            "Type")
    }

    /// - Precondition: an object has begun.
    fileprivate init(scanning scanner: inout JSONScanner) {
        self.init(type: "", unixNanoseconds: 0)
        var members = JSONScanner.Members(of: Field.names)
        while let field = scanner.next(&members).flatMap(Field.init(rawValue:)) {
            switch field {
            case .details: details = scanner.stringMap()
            case .displayMessage: displayMessage = scanner.shortText()
            case .exitCode: exitCode = Int(scanner.int())
            case .failsTask: failsTask = scanner.bool() ?? false
            // What is kept is the other one.
            case .message: _ = scanner.ascii()
            case .signal: signal = Int(scanner.int())
            case .time: unixNanoseconds = scanner.int()
            case .type: type = scanner.shortText()
            }
        }
    }
}

extension JSONScanner {
    fileprivate static let healthNames = Names("Healthy", "Timestamp")

    fileprivate mutating func health() -> (isHealthy: Bool?, unixNanoseconds: Int64) {
        var health = (isHealthy: Bool?.none, unixNanoseconds: Int64(0))
        guard beginObject() else { return health }
        var members = Members(of: Self.healthNames)
        while let place = next(&members) {
            if place == 0 { health.isHealthy = bool() } else { health.unixNanoseconds = instant() }
        }
        return health
    }

    /// nil for `null`.
    fileprivate mutating func taskStates() -> SortedMap<TaskState>? {
        guard beginObject() else { return nil }
        var states = SortedMap<TaskState>()
        var keys = Keys()
        while let key = next(&keys) {
            guard beginObject() else { continue }
            states[key] = TaskState(scanning: &self)
        }
        return states
    }

    fileprivate mutating func events() -> [TaskEvent] {
        guard beginArray() else { return [] }
        var events: [TaskEvent] = []
        while nextElement() {
            guard events.count < TaskState.eventsReadMax, beginObject() else {
                giveUp()
                break
            }
            events.append(TaskEvent(scanning: &self))
        }
        return events
    }

    fileprivate mutating func stringMap() -> StringMap {
        var map = StringMap()
        guard beginObject() else { return map }
        var keys = Keys()
        while let key = next(&keys) { map[key] = string() }
        return map
    }

    fileprivate mutating func shortText() -> String {
        let text = string()
        if text.utf8.count > SchedulingBounds.textBytesMax { giveUp() }
        return text
    }

    /// 0 for none, and for Go's zero time.
    fileprivate mutating func instant() -> Int64 {
        let text = ascii()
        guard !text.isEmpty, !text.elementsEqual(Timestamp.goZero.utf8) else { return 0 }
        guard let nanoseconds = Timestamp.unixNanoseconds(rfc3339: text) else {
            giveUp()
            return 0
        }
        return nanoseconds
    }
}
