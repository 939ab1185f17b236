// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// How Go writes what may be absent: an empty list or map as null, no id as the empty text, no instant
/// as the zero time. Members are in the order of their names.
extension JSONWriter {
    mutating func member(_ name: String, _ value: Int) { member(name, Int64(value)) }

    mutating func member(_ name: String, _ value: UniqueID) {
        key(name)
        string(plain: value.text.span)
    }

    mutating func member(_ name: String, _ value: UniqueID?) {
        guard let value else { return member(name, "") }
        member(name, value)
    }

    /// In nanoseconds.
    mutating func member(span name: String, _ value: GoDuration) { member(name, value.nanoseconds) }

    mutating func member(span name: String, _ value: GoDuration?) {
        key(name)
        if let value { int(value.nanoseconds) } else { null() }
    }

    /// RFC 3339; 0 stands for no instant.
    mutating func member(instant name: String, _ unixNanoseconds: Int64) {
        guard unixNanoseconds != 0 else { return member(name, Timestamp.goZero) }
        key(name)
        string(plain: Timestamp.Text(nano: unixNanoseconds).span)
    }

    mutating func nullMember(_ name: String) {
        key(name)
        null()
    }

    mutating func member(_ name: String, orNull value: Bool?) {
        key(name)
        if let value { bool(value) } else { null() }
    }

    mutating func member(_ name: String, orNull value: (some JSONWritable)?) {
        key(name)
        if let value { value.write(to: &self) } else { null() }
    }

    mutating func member(_ name: String, orNull values: [some JSONWritable]) {
        guard !values.isEmpty else { return nullMember(name) }
        member(name, values)
    }

    mutating func member(_ name: String, orNull values: [String]) {
        guard !values.isEmpty else { return nullMember(name) }
        member(name, values)
    }

    mutating func member(_ name: String, orNull ids: [UniqueID]) {
        guard !ids.isEmpty else { return nullMember(name) }
        member(name, ids)
    }

    mutating func member(_ name: String, _ ids: [UniqueID]) {
        key(name)
        beginArray()
        for id in ids { string(plain: id.text.span) }
        endArray()
    }

    mutating func member(_ name: String, orNull numbers: [UInt16]) {
        guard !numbers.isEmpty else { return nullMember(name) }
        key(name)
        beginArray()
        for number in numbers { uint(UInt64(number)) }
        endArray()
    }

    mutating func member(_ name: String, orNull map: StringMap) {
        member(name, orNull: map) { $0.string($1) }
    }

    mutating func member(_ name: String, orNull map: SortedMap<Int>) {
        member(name, orNull: map) { $0.int(Int64($1)) }
    }

    mutating func member(_ name: String, orNull map: SortedMap<some JSONWritable>) {
        member(name, orNull: map) { $1.write(to: &$0) }
    }

    mutating func member<Value>(
        _ name: String, orNull map: SortedMap<Value>, _ write: (inout JSONWriter, Value) -> Void
    ) {
        guard !map.isEmpty else { return nullMember(name) }
        key(name)
        beginObject()
        for element in map {
            key(element.key)
            write(&self, element.value)
        }
        endObject()
    }
}
