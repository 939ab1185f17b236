// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// Something that happened, as `/v1/event/stream` tells it.
struct ClusterEvent: IndexedEvent {
    let topic: EventTopic
    let type: String
    /// What it is about within its topic: an id or a name; may be empty.
    let key: String
    /// What else it is found by.
    var filterKeys: [String] = []
    /// Of an object that is in one.
    var namespace = ""
    /// Log index: of the entry that it came of, or of the last one applied when a server noticed it.
    let index: UInt64
    /// Written when somebody reads it.
    let payload: any JSONWritable & Sendable
}

extension ClusterEvent: JSONWritable {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Topic", topic.rawValue)
        writer.member("Type", type)
        writer.member("Key", key)
        writer.member("Namespace", namespace)
        writer.member("FilterKeys", JSONList(filterKeys))
        writer.member("Index", index)
        writer.key("Payload")
        payload.write(to: &writer)
        writer.endObject()
    }
}

/// One line of the stream: what came of one log entry, or what a server noticed.
struct EventFrame: JSONWritable {
    let index: UInt64
    let events: [ClusterEvent]

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Index", index)
        writer.member("Events", JSONList(events))
        writer.endObject()
    }
}

/// Says that events are missing from here: those up to an index, or an unknown number of those that a
/// server noticed itself.
struct SkippedEvents: JSONWritable {
    /// Events of entries up to this one may be missing.
    let through: UInt64

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Index", through)
        writer.key("Events")
        writer.beginArray()
        writer.beginObject()
        writer.member("Topic", "Stream")
        writer.member("Type", "EventsSkipped")
        writer.member("Key", "")
        writer.member("Namespace", "")
        writer.member("FilterKeys", JSONList([String]()))
        writer.member("Index", through)
        writer.key("Payload")
        writer.beginObject()
        writer.member("Through", through)
        writer.endObject()
        writer.endObject()
        writer.endArray()
        writer.endObject()
    }
}

/// An object within an object, under one name, as Nomad's payloads are.
struct NamedPayload<Value: JSONWritable & Sendable>: JSONWritable, Sendable {
    let name: String
    let value: Value

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key(name)
        value.write(to: &writer)
        writer.endObject()
    }
}

/// Texts and numbers by name, in order.
struct FieldsPayload: JSONWritable, Sendable {
    enum Value: Sendable {
        case text(String)
        case number(UInt64)
        case bool(Bool)
    }

    let name: String
    let fields: [(String, Value)]

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key(name)
        writer.beginObject()
        for (name, value) in fields {
            switch value {
            case .text(let text): writer.member(name, text)
            case .number(let number): writer.member(name, number)
            case .bool(let bool): writer.member(name, bool)
            }
        }
        writer.endObject()
        writer.endObject()
    }
}
