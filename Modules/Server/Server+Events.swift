// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletRaft
import MartletState

/// `/v1/event/stream`: what happens, as it happens.
extension Server {
    func streamEvents(_ call: Call) -> APIResponse {
        guard case .events(let request) = call.wish else {
            preconditionFailure("a stream of events that was not read")
        }
        let seen = visibleTopics(call)
        guard request.namesTopics.isSubset(of: seen), !seen.isEmpty else {
            counters.accessRefused += 1
            return .text(403, "Permission denied")
        }
        let reading = EventReading(EventCursor(request, in: events), seen)
        let source = LiveSource(
            loop: loop, heartbeat: Array("{}\n".utf8),
            poll: { [weak self] in
                guard let self else { return [] }
                return reading.cursor.take(from: self.events, seeing: reading.topics)
            },
            refusal: { [weak self] in
                guard let self else { return "the server is stopping" }
                if let reason = self.refusalNow(of: call) { return reason }
                reading.topics = self.visibleTopics(call)
                return request.namesTopics.isSubset(of: reading.topics) && !reading.topics.isEmpty
                    ? nil : "the policies do not allow it any more"
            },
            closed: {})
        let index = replica.state.lastAppliedIndex
        return .stream(
            StreamedBody(source: source, isLive: true), as: .json,
            freshness: freshness(
                index: index, isLeader: replica.outlook.status.role == .leader))
    }

    /// Topics whose subjects the caller may read, by this server's tables as they are now.
    private func visibleTopics(_ call: Call) -> Set<EventTopic> {
        guard options.acl.isEnabled else { return Set(EventTopic.allCases) }
        guard case .allowed(let access?, _) = judge(call) else { return [] }
        return Set(
            EventTopic.allCases.filter { access.rules.decide($0.operation).isAllowed })
    }
}

/// A reader of events, and what it may see.
private final class EventReading {
    var cursor: EventCursor
    var topics: Set<EventTopic>

    init(_ cursor: EventCursor, _ topics: Set<EventTopic>) {
        self.cursor = cursor
        self.topics = topics
    }
}
