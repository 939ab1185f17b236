// SPDX-License-Identifier: Apache-2.0

/// Something that has a place in the log.
protocol IndexedEvent {
    /// Log index: of the entry that it came of, or of the last one applied when a server noticed it.
    var index: UInt64 { get }
}

/// The newest of a kind of events, in the order in which this server came to know them.
///
/// ```
///   dropped │ oldest … newest │ next
///           first             end
/// ```
struct EventSlots<Event: IndexedEvent> {
    private let countMax: Int
    private var events: [Event?] = []
    /// Places of the oldest that is there, and of the next to come.
    private(set) var first: UInt64 = 0
    private(set) var end: UInt64 = 0
    /// Up to this log index events may be missing: they were dropped, or came in a snapshot.
    private(set) var missingThrough: UInt64

    init(max countMax: Int, missingThrough: UInt64) {
        self.countMax = countMax
        self.missingThrough = missingThrough
    }

    mutating func append(_ event: Event) {
        if events.count < countMax {
            events.append(event)
        } else {
            let slot = Int(end % UInt64(countMax))
            if let old = events[slot] { missingThrough = max(missingThrough, old.index) }
            events[slot] = event
            first += 1
        }
        end += 1
    }

    /// What led up to this index is not known here.
    mutating func skip(through index: UInt64) {
        missingThrough = max(missingThrough, index)
        events = []
        // Slots count from a multiple of the bound, and every reader is to find itself overtaken.
        end = (end / UInt64(countMax) + 1) * UInt64(countMax)
        first = end
    }

    /// - Precondition: it is between ``first`` and ``end``.
    subscript(place: UInt64) -> Event {
        precondition(first..<end ~= place, "event \(place) of \(first) to \(end)")
        guard let event = events[Int(place % UInt64(countMax))] else {
            preconditionFailure("an event that was never there: \(place)")
        }
        return event
    }
}
