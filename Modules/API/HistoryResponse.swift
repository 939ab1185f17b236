// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension HistoryEvent: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        if case .operator(let accessor) = actor { writer.member("Accessor", accessor) }
        writer.member("Action", action.rawValue)
        writer.member("Actor", actor.name)
        writer.member("ID", serverID)
        writer.member("Index", index)
        writer.member("InputsHash", Self.hexadecimal(inputsHash))
        writer.member("Name", serverName)
        writer.member("NewConfigurationIndex", newConfigurationIndex)
        writer.member("OldConfigurationIndex", oldConfigurationIndex)
        writer.member("Outcome", outcome)
        writer.member("Reason", reason)
        writer.member("Rule", rule)
        writer.member("Time", Timestamp.rfc3339Nano(unixNanoseconds: unixNanoseconds))
        writer.endObject()
    }

    /// 16 digits; empty for no inputs.
    private static func hexadecimal(_ hash: UInt64) -> String {
        guard hash != 0 else { return "" }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

extension HistoryEvent.Actor {
    fileprivate var name: String {
        switch self {
        case .autopilot: "autopilot"
        case .operator: "operator"
        case .server: "server"
        }
    }
}

extension LeadershipTerm: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("ID", leaderID)
        writer.member("Index", index)
        writer.member("Name", leaderName)
        writer.member("Since", Timestamp.rfc3339Nano(unixNanoseconds: sinceUnixNanoseconds))
        writer.member("Term", term)
        writer.endObject()
    }
}

/// Which part of the history is asked for: `?limit=`, `?after=`, `?id=` and `?action=`.
package struct HistoryFilter: Equatable, Sendable {
    /// So many of the newest events, and so many of the newest terms.
    package var limit = Int.max
    /// Only what was recorded beyond this log index: that of the last answer gives what is new.
    package var afterIndex: UInt64 = 0
    /// Only events about this server, and terms that it led.
    package var serverID: String?
    /// Only events of this kind.
    package var action: String?

    package init() {}

    /// - Parameters: the query's values, nil for what it does not have.
    /// - Throws: 400 that names the parameter.
    package init(
        limit: String?, after: String?, id: String?, action: String?
    ) throws(APIError) {
        if let limit {
            self.limit = Int(clamping: try Self.number(limit, "limit"))
        }
        if let after { afterIndex = try Self.number(after, "after") }
        serverID = id
        self.action = action
    }

    private static func number(_ text: String, _ name: String) throws(APIError) -> UInt64 {
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let number = UInt64(text)
        else {
            throw APIError(
                status: 400, message: "Error parsing \(name) value: \(goQuoted(text)) is no number")
        }
        return number
    }

    fileprivate func takes(_ event: HistoryEvent) -> Bool {
        event.index > afterIndex && serverID.map { $0 == event.serverID } ?? true
            && action.map { $0 == event.action.rawValue } ?? true
    }

    fileprivate func takes(_ leader: LeadershipTerm) -> Bool {
        leader.index > afterIndex && serverID.map { $0 == leader.leaderID } ?? true
    }
}

/// The answer of `/v1/operator/raft/history`: what the filter takes, the oldest first.
package struct RaftHistoryResponse: Equatable, Sendable, JSONWritable {
    /// Log index of the last change to the history.
    package let index: UInt64
    package let events: [HistoryEvent]
    package let leaders: [LeadershipTerm]

    package init(_ history: History, index: UInt64, filter: HistoryFilter = HistoryFilter()) {
        self.index = index
        events = history.events.filter(filter.takes).suffix(filter.limit)
        leaders = history.leaders.filter(filter.takes).suffix(filter.limit)
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Events", events)
        writer.member("Index", index)
        writer.member("Leaders", leaders)
        writer.endObject()
    }
}
