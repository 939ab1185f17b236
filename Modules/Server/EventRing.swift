// SPDX-License-Identifier: Apache-2.0

/// The newest events, in the order in which this server came to know them. Readers hold a place in it
/// and nothing else: one that falls behind is overtaken, and learns so.
///
/// ```
///   dropped │ oldest … newest │ next
///           first             end
/// ```
struct EventRing {
    /// Events of a few hundred bytes each; a cluster in peace makes some a day.
    static let eventsMax = 4096

    private var events: [ClusterEvent?] = []
    /// Places of the oldest that is there, and of the next to come.
    private(set) var first: UInt64 = 0
    private(set) var end: UInt64 = 0
    /// Up to this log index events may be missing: they were dropped, or came in a snapshot.
    private(set) var missingThrough: UInt64 = 0

    /// - Parameter missingThrough: what the state held when this began.
    init(missingThrough: UInt64) { self.missingThrough = missingThrough }

    mutating func append(_ event: ClusterEvent) {
        if events.count < Self.eventsMax {
            events.append(event)
        } else {
            let slot = Int(end % UInt64(Self.eventsMax))
            if let old = events[slot] { missingThrough = max(missingThrough, old.index) }
            events[slot] = event
            first += 1
        }
        end += 1
    }

    /// The state was replaced by one up to this index: what led there is not known here.
    mutating func skip(through index: UInt64) {
        missingThrough = max(missingThrough, index)
        events = []
        // Slots count from a multiple of the bound, and every reader is to find itself overtaken.
        end = (end / UInt64(Self.eventsMax) + 1) * UInt64(Self.eventsMax)
        first = end
    }

    /// - Precondition: it is between ``first`` and ``end``.
    subscript(place: UInt64) -> ClusterEvent {
        precondition(first..<end ~= place, "event \(place) of \(first) to \(end)")
        guard let event = events[Int(place % UInt64(Self.eventsMax))] else {
            preconditionFailure("an event that was never there: \(place)")
        }
        return event
    }
}

/// A reader's place, and what it wants.
struct EventCursor {
    let request: EventRequest
    private var place: UInt64
    /// It has to be told first that it missed something.
    private var hasMissed = false

    /// Begins with the first event of the index that is asked for, or of a later one; with the next to
    /// come where none is asked for.
    init(_ request: EventRequest, in ring: EventRing) {
        self.request = request
        guard let index = request.index else {
            place = ring.end
            return
        }
        place = ring.first
        hasMissed = index <= ring.missingThrough
    }

    /// What has come since, as lines: at most some 64 KiB of it.
    mutating func take(from ring: EventRing, seeing topics: Set<EventTopic>) -> [UInt8] {
        var bytes: [UInt8] = []
        if place < ring.first {
            place = ring.first
            hasMissed = true
        }
        if hasMissed {
            hasMissed = false
            bytes += EventLines.line(SkippedEvents(through: ring.missingThrough))
        }
        while place < ring.end, bytes.count < 48 << 10 {
            let index = ring[place].index
            var events: [ClusterEvent] = []
            while place < ring.end, ring[place].index == index {
                let event = ring[place]
                if event.index >= request.index ?? 0, topics.contains(event.topic),
                    request.takes(event)
                {
                    events.append(event)
                }
                place += 1
            }
            if !events.isEmpty {
                bytes += EventLines.line(EventFrame(index: index, events: events))
            }
        }
        return bytes
    }
}
