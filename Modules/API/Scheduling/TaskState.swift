// SPDX-License-Identifier: Apache-2.0

/// What a node says of one task.
package struct TaskState: Hashable, Sendable {
    package enum State: String, Hashable, Sendable, CaseIterable {
        case pending
        case running
        case dead
    }

    package var state: State
    package var isFailed: Bool
    package var restarts: Int = 0
    /// Nanoseconds since 1970; 0 for never.
    package var lastRestartUnixNanoseconds: Int64 = 0
    package var startedUnixNanoseconds: Int64 = 0
    package var finishedUnixNanoseconds: Int64 = 0
    /// Oldest first, at most ``eventsMax``.
    package var events: [TaskEvent] = []

    package static let eventsMax = 10
    /// Of one request; of more it is refused.
    static let eventsReadMax = 1024
    /// Of the texts of all of them: far above what drivers say.
    package static let eventBytesMax = 16 << 10

    package init(state: State = .pending, isFailed: Bool = false) {
        self.state = state
        self.isFailed = isFailed
    }

    /// - Parameter told: oldest first, as they are kept.
    mutating func keep(newestOf told: [TaskEvent]) {
        events = told.suffix(Self.eventsMax)
        var bytes = events.reduce(0) { $0 + $1.bytes }
        while bytes > Self.eventBytesMax { bytes -= events.removeFirst().bytes }
    }
}

package struct TaskEvent: Hashable, Sendable {
    /// Such as `Started` or `Terminated`.
    package var type: String
    package var unixNanoseconds: Int64
    package var displayMessage: String
    package var details: StringMap
    package var failsTask = false
    package var exitCode = 0
    package var signal = 0

    /// Of its texts.
    package var bytes: Int {
        type.utf8.count + displayMessage.utf8.count
            + details.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    }

    package init(
        type: String, unixNanoseconds: Int64, displayMessage: String = "",
        details: StringMap = [:]
    ) {
        self.type = type
        self.unixNanoseconds = unixNanoseconds
        self.displayMessage = displayMessage
        self.details = details
    }
}
