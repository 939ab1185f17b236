// SPDX-License-Identifier: Apache-2.0

/// The newest events of this server. Readers hold places in it and nothing else: one that falls behind
/// is overtaken, and learns so. Changes of the scheduler's objects, of which a single plan makes
/// thousands, have slots of their own and push nothing else out.
struct EventRing {
    /// Events of a few hundred bytes each; a cluster in peace makes some a day.
    static let eventsMax = 4096
    /// Each holds a row as it was, of which most share the larger part with others: some 10 MB.
    static let changesMax = 16_384

    private(set) var events: EventSlots<ClusterEvent>
    private(set) var changes: EventSlots<SchedulingEvent>

    /// - Parameter missingThrough: what the state held when this began.
    init(missingThrough: UInt64) {
        events = EventSlots(max: Self.eventsMax, missingThrough: missingThrough)
        changes = EventSlots(max: Self.changesMax, missingThrough: missingThrough)
    }

    mutating func append(_ event: ClusterEvent) { events.append(event) }

    mutating func append(_ change: SchedulingEvent) { changes.append(change) }

    /// The state was replaced by one up to this index: what led there is not known here.
    mutating func skip(through index: UInt64) {
        events.skip(through: index)
        changes.skip(through: index)
    }
}

/// A reader's places, and what it wants.
struct EventCursor {
    let request: EventRequest
    private var place: UInt64
    private var changePlace: UInt64
    /// It has to be told first that it missed something.
    private var hasMissed = false
    private var hasMissedChanges = false

    /// A line has so many changes at most: a plan may make thousands.
    private static let changesPerLine = 16
    private static let bytesMax = 48 << 10

    /// Begins with the first event of the index that is asked for, or of a later one; with the next to
    /// come where none is asked for.
    init(_ request: EventRequest, in ring: EventRing) {
        self.request = request
        guard let index = request.index else {
            place = ring.events.end
            changePlace = ring.changes.end
            return
        }
        place = ring.events.first
        changePlace = ring.changes.first
        hasMissed = index <= ring.events.missingThrough
        hasMissedChanges = index <= ring.changes.missingThrough
    }

    /// What has come since, as lines: at most some 64 KiB of it, where no single event has more.
    mutating func take(from ring: EventRing, seeing topics: Set<EventTopic>) -> [UInt8] {
        let wanted = topics.filter { request.mayTake($0) }
        var bytes = gap(in: ring, wanted)
        while bytes.count < Self.bytesMax {
            let event = place < ring.events.end ? ring.events[place].index : .max
            let change = changePlace < ring.changes.end ? ring.changes[changePlace].index : .max
            guard min(event, change) < .max else { break }
            let events =
                event <= change
                ? takeEvents(of: event, from: ring.events, wanted)
                : takeChanges(of: change, from: ring.changes, wanted)
            guard let first = events.first else { continue }
            bytes += EventLines.line(EventFrame(index: first.index, events: events))
        }
        return bytes
    }

    /// Goes to where there is something, and says what was passed over.
    private mutating func gap(in ring: EventRing, _ wanted: Set<EventTopic>) -> [UInt8] {
        if place < ring.events.first {
            place = ring.events.first
            hasMissed = true
        }
        if changePlace < ring.changes.first {
            changePlace = ring.changes.first
            hasMissedChanges = true
        }
        if !wanted.contains(where: \.isScheduling) {
            changePlace = ring.changes.end
            hasMissedChanges = false
        }
        if !wanted.contains(where: { !$0.isScheduling }) { hasMissed = false }
        guard hasMissed || hasMissedChanges else { return [] }
        let through = max(
            hasMissed ? ring.events.missingThrough : 0,
            hasMissedChanges ? ring.changes.missingThrough : 0)
        hasMissed = false
        hasMissedChanges = false
        return EventLines.line(SkippedEvents(through: through))
    }

    private func takes(_ event: ClusterEvent) -> Bool {
        event.index >= request.index ?? 0 && request.takes(event)
    }

    private mutating func takeEvents(
        of index: UInt64, from slots: EventSlots<ClusterEvent>, _ wanted: Set<EventTopic>
    ) -> [ClusterEvent] {
        var taken: [ClusterEvent] = []
        while place < slots.end, slots[place].index == index {
            let event = slots[place]
            if wanted.contains(event.topic), takes(event) { taken.append(event) }
            place += 1
        }
        return taken
    }

    private mutating func takeChanges(
        of index: UInt64, from slots: EventSlots<SchedulingEvent>, _ wanted: Set<EventTopic>
    ) -> [ClusterEvent] {
        var taken: [ClusterEvent] = []
        while changePlace < slots.end, slots[changePlace].index == index,
            taken.count < Self.changesPerLine
        {
            let change = slots[changePlace]
            changePlace += 1
            guard wanted.contains(change.topic) else { continue }
            let event = change.event
            if takes(event) { taken.append(event) }
        }
        return taken
    }
}
