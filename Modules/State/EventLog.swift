// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// The newest events of the history, as a snapshot has them: a snapshot is written and read far more
/// often than anybody asks for the events. One record behind the other, its log index and the event.
///
/// - Invariant: log indexes rise, and each record is one that ``StateReader/event()`` reads.
struct EventLog: Equatable, Sendable {
    private var bytes: [UInt8] = []
    /// Of each record, in order.
    private var sizes: [Int] = []
    /// What counts begins here in `bytes` and in `sizes`; before it is what had to make room.
    private var start = (byte: 0, record: 0)
    /// Log index of the newest; 0 without any.
    private(set) var newestIndex: UInt64 = 0

    init() {}

    var count: Int { sizes.count - start.record }

    /// All of them, in order.
    var encoded: ArraySlice<UInt8> { bytes[start.byte...] }

    /// The oldest goes where there is no room.
    ///
    /// - Precondition: its index is beyond that of the event before it.
    mutating func append(_ event: HistoryEvent) {
        precondition(event.index > newestIndex, "event \(event.index) after \(newestIndex)")
        if count == History.eventsMax { dropOldest() }
        var writer = ByteWriter(reservingBytes: 256)
        writer.write(event.index)
        writer.write(event)
        sizes.append(writer.count)
        bytes.append(contentsOf: writer.finish())
        newestIndex = event.index
    }

    private mutating func dropOldest() {
        start.byte += sizes[start.record]
        start.record += 1
        guard start.record == History.eventsMax else { return }
        bytes.removeFirst(start.byte)
        sizes.removeFirst(start.record)
        start = (0, 0)
    }

    /// Reads the next record; its index is beyond those before, up to `last` at most.
    mutating func appendNext(of reader: inout StateReader, last: UInt64) throws(StateError) {
        var record = reader
        let before = reader.remaining
        newestIndex = try reader.recordIndex(after: newestIndex, last: last)
        try reader.skipEvent()
        let size = before - reader.remaining
        bytes += try record.raw(count: size)
        sizes.append(size)
    }

    /// Each as it is written, in order.
    var records: [ArraySlice<UInt8>] {
        var rest = encoded
        return sizes[start.record...].map { size in
            defer { rest = rest.dropFirst(size) }
            return rest.prefix(size)
        }
    }

    /// In the order of the log.
    var events: [HistoryEvent] {
        var reader = StateReader(Array(encoded))
        do throws(StateError) {
            return try (0..<count).map { (_) throws(StateError) in
                let index = try reader.uint64()
                var event = try reader.event()
                event.index = index
                return event
            }
        } catch {
            preconditionFailure("an event that was taken cannot be read: \(error)")
        }
    }

    /// What had to make room is nobody's concern.
    static func == (left: EventLog, right: EventLog) -> Bool {
        left.newestIndex == right.newestIndex && left.encoded == right.encoded
    }
}
