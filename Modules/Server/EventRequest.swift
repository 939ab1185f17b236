// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletJSON

/// What `/v1/event/stream` is asked for: `?topic=Topic:key`, again and again, and `?index=`.
struct EventRequest {
    /// Topics that were asked for by name; nil for whatever may be seen.
    private(set) var topics: Set<EventTopic>?
    /// Keys that were asked for, by topic; a topic that is not there is wanted whole.
    private var keys: [EventTopic: Set<String>] = [:]
    /// Keys of any topic; nil for all.
    private var anyKeys: Set<String>?
    /// From this log index on; nil for from now on.
    private(set) var index: UInt64?
    /// Of the objects that are in one; nil for any.
    private let namespace: String?

    private static let filtersMax = 64

    /// - Throws: 400 that names the parameter.
    init(_ query: Query) throws(APIError) {
        let namespace = query.first("namespace") ?? ""
        self.namespace = namespace.isEmpty || namespace == "*" ? nil : namespace
        if let text = query.first("index"), !text.isEmpty {
            guard let index = UInt64(text) else {
                throw APIError(status: 400, message: "Unable to parse index: \(goQuoted(text))")
            }
            // 0 is what clients send that have seen none.
            self.index = index == 0 ? nil : index
        }
        let filters = query.all("topic")
        guard filters.count <= Self.filtersMax else {
            throw APIError(status: 400, message: "More than \(Self.filtersMax) topics")
        }
        var isWhole: Set<EventTopic> = []
        for filter in filters { try add(filter, &isWhole) }
        for topic in isWhole { keys[topic] = nil }
    }

    private mutating func add(_ filter: String, _ isWhole: inout Set<EventTopic>) throws(APIError) {
        let parts = filter.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let key = parts.count > 1 ? String(parts[1]) : "*"
        guard let name = parts.first, !name.isEmpty, !key.isEmpty else {
            throw APIError(
                status: 400,
                message: "Invalid key value pair for topic: \(goQuoted(String(filter.prefix(128))))"
            )
        }
        if name == "*" {
            if key == "*" { anyKeys = nil } else { anyKeys = (anyKeys ?? []).union([key]) }
            if key == "*" { wantsAll = true }
            return
        }
        guard let topic = EventTopic(rawValue: String(name)) else {
            let known = EventTopic.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIError(
                status: 400,
                message: "Unknown topic \(goQuoted(String(name.prefix(64)))): there are \(known)")
        }
        topics = (topics ?? []).union([topic])
        if key == "*" {
            isWhole.insert(topic)
        } else {
            keys[topic, default: []].insert(key)
        }
    }

    private var wantsAll = false

    /// Whether only what is named is wanted, so that a refusal can be said at once.
    var namesTopics: Set<EventTopic> { wantsAll || anyKeys != nil ? [] : topics ?? [] }

    /// Whether any event of the topic may be wanted.
    func mayTake(_ topic: EventTopic) -> Bool {
        wantsAll || anyKeys != nil || topics?.contains(topic) ?? true
    }

    func takes(_ event: ClusterEvent) -> Bool {
        guard namespace == nil || event.namespace.isEmpty || event.namespace == namespace else {
            return false
        }
        if wantsAll { return true }
        if let anyKeys, has(event, anyKeys) { return true }
        guard let topics else { return anyKeys == nil }
        guard topics.contains(event.topic) else { return false }
        return keys[event.topic].map { has(event, $0) } ?? true
    }

    private func has(_ event: ClusterEvent, _ keys: Set<String>) -> Bool {
        keys.contains(event.key) || event.filterKeys.contains { keys.contains($0) }
    }
}

/// JSON, one object to a line.
enum EventLines {
    static func line(_ value: some JSONWritable) -> [UInt8] {
        JSONWriter.encode(value) + [UInt8(ascii: "\n")]
    }
}
