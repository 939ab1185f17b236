// SPDX-License-Identifier: Apache-2.0

/// A change that the cluster made to itself, or that somebody made to it: what, why, and what came of
/// it. Part of the replicated state.
package struct HistoryEvent: Equatable, Sendable {
    /// What was done. A text and not an enum: a kind that comes later is recorded by every version.
    package struct Action: Equatable, Sendable {
        package let rawValue: String

        /// - Parameter rawValue: is cut to ``HistoryEvent/textBytesMax``.
        package init(rawValue: String) { self.rawValue = clipped(rawValue) }

        package static let addNonVoter = Action(rawValue: "add-non-voter")
        package static let promote = Action(rawValue: "promote")
        package static let demote = Action(rawValue: "demote")
        package static let remove = Action(rawValue: "remove")
        package static let updateAddress = Action(rawValue: "update-address")
        package static let transferLeadership = Action(rawValue: "transfer-leadership")
        package static let forceLeave = Action(rawValue: "force-leave")
        package static let setAutopilotConfiguration = Action(
            rawValue: "set-autopilot-configuration")
        package static let setSchedulerConfiguration = Action(
            rawValue: "set-scheduler-configuration")
    }

    package enum Actor: Equatable, Sendable {
        /// The leader, by its rules.
        case autopilot
        /// A request; by the token with this accessor, empty where there are no tokens.
        case `operator`(accessor: String)
        /// The server that it happened to: it left.
        case server
    }

    /// Who wrote a configuration, and when, by the leader's clock.
    package struct Author: Equatable, Sendable {
        package let unixNanoseconds: Int64
        /// As in ``Actor/operator(accessor:)``.
        package let accessor: String

        package init(unixNanoseconds: Int64, accessor: String = "") {
            self.unixNanoseconds = unixNanoseconds
            self.accessor = clipped(accessor)
        }
    }

    /// Bound of each text, in bytes of UTF-8. Longer ones are cut.
    package static let textBytesMax = 255

    /// Of the leader's clock, since the start of 1970.
    package let unixNanoseconds: Int64
    package let action: Action
    package let actor: Actor
    /// Whom it was about; both empty for what is about no server.
    package let serverID: String
    package let serverName: String
    /// Which of Autopilot's rules asked for it; empty for an operator.
    package let rule: String
    /// For people.
    package let reason: String
    /// Of all that the rule looked at: equal for equal inputs. 0 for none.
    package let inputsHash: UInt64
    /// Index of the configuration that it was decided on, and of the one that came of it: Raft's, or
    /// for a change of settings theirs. 0 for none.
    package let oldConfigurationIndex: UInt64
    package let newConfigurationIndex: UInt64
    /// What came of it, for people: `applied`, or why not.
    package let outcome: String
    /// Log index of its record; given by the log.
    package var index: UInt64 = 0

    package init(
        unixNanoseconds: Int64, action: Action, actor: Actor, serverID: String = "",
        serverName: String = "", rule: String = "", reason: String = "", inputsHash: UInt64 = 0,
        oldConfigurationIndex: UInt64 = 0, newConfigurationIndex: UInt64 = 0,
        outcome: String = "applied"
    ) {
        self.unixNanoseconds = unixNanoseconds
        self.action = action
        self.actor =
            switch actor {
            case .operator(let accessor): .operator(accessor: clipped(accessor))
            case .autopilot, .server: actor
            }
        self.serverID = clipped(serverID)
        self.serverName = clipped(serverName)
        self.rule = clipped(rule)
        self.reason = clipped(reason)
        self.inputsHash = inputsHash
        self.oldConfigurationIndex = oldConfigurationIndex
        self.newConfigurationIndex = newConfigurationIndex
        self.outcome = clipped(outcome)
    }
}

/// Who led, and from when on. Part of the replicated state.
package struct LeadershipTerm: Equatable, Sendable {
    package let term: UInt64
    package let leaderID: String
    package let leaderName: String
    /// When it began to lead, by its clock, since the start of 1970.
    package let sinceUnixNanoseconds: Int64
    /// Log index of its record; given by the log.
    package var index: UInt64 = 0

    /// Texts are cut to ``HistoryEvent/textBytesMax``.
    package init(
        term: UInt64, leaderID: String, leaderName: String, sinceUnixNanoseconds: Int64
    ) {
        self.term = term
        self.leaderID = clipped(leaderID)
        self.leaderName = clipped(leaderName)
        self.sinceUnixNanoseconds = sinceUnixNanoseconds
    }
}

/// The newest events and terms, in the order of the log.
///
/// - Invariant: log indexes rise, and so do terms.
package struct History: Equatable, Sendable {
    package static let eventsMax = 256
    package static let leadersMax = 128

    private var newestEvents = Newest<HistoryEvent>(max: eventsMax)
    private var newestLeaders = Newest<LeadershipTerm>(max: leadersMax)
    private var newestEventIndex: UInt64 = 0

    package init() {}

    package var events: [HistoryEvent] { newestEvents.inOrder }
    package var leaders: [LeadershipTerm] { newestLeaders.inOrder }
    package var isEmpty: Bool { newestEvents.isEmpty && newestLeaders.isEmpty }
    package var leaderCount: Int { newestLeaders.count }
    /// Log index of the newest record; 0 for none.
    package var newestIndex: UInt64 {
        max(newestEventIndex, newestLeaders.last?.index ?? 0)
    }

    /// The oldest goes where there is no room.
    ///
    /// - Precondition: its index is beyond that of the event before it.
    package mutating func record(_ event: HistoryEvent) {
        precondition(
            newestEvents.isEmpty || newestEventIndex < event.index,
            "event \(event.index) comes late")
        newestEventIndex = event.index
        newestEvents.append(event)
    }

    /// False, and nothing is recorded, for a term that was recorded already or is over.
    ///
    /// - Precondition: its index is beyond that of the term before it.
    package mutating func record(_ leader: LeadershipTerm) -> Bool {
        if let last = newestLeaders.last {
            guard leader.term > last.term else { return false }
            precondition(last.index < leader.index, "term \(leader.term) comes late")
        }
        newestLeaders.append(leader)
        return true
    }
}

/// So many of the newest elements: one more takes the place of the oldest, without a move of others.
private struct Newest<Element: Equatable & Sendable>: Equatable, Sendable {
    private let max: Int
    /// A ring once it is full.
    private var elements: [Element] = []
    /// Where the oldest is.
    private var start = 0

    init(max: Int) { self.max = max }

    var count: Int { elements.count }
    var isEmpty: Bool { elements.isEmpty }

    var inOrder: [Element] { Array(elements[start...] + elements[..<start]) }

    var last: Element? { start == 0 ? elements.last : elements[start - 1] }

    mutating func append(_ element: Element) {
        guard elements.count == max else { return elements.append(element) }
        elements[start] = element
        start = (start + 1) % max
    }

    /// Where the ring begins is nobody's concern.
    static func == (left: Newest, right: Newest) -> Bool { left.inOrder == right.inOrder }
}

/// The longest beginning of a text within ``HistoryEvent/textBytesMax`` that cuts no character.
private func clipped(_ text: String) -> String {
    guard text.utf8.count > HistoryEvent.textBytesMax else { return text }
    var short = ""
    var bytes = 0
    for scalar in text.unicodeScalars {
        bytes += String(scalar).utf8.count
        guard bytes <= HistoryEvent.textBytesMax else { break }
        short.unicodeScalars.append(scalar)
    }
    return short
}
