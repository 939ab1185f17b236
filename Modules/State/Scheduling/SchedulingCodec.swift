// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

// How commands and snapshots of version 5 write the scheduler's objects: field by field in the order of
// the codecs beside this one.
//
// | written   | bytes                                                                       |
// |-----------|-----------------------------------------------------------------------------|
// | id        | 16                                                                          |
// | number    | 4: an amount, a count or a number of a port                                 |
// | signed    | 8                                                                           |
// | choice    | 1: the place of the case in its enumeration, which therefore never moves    |
// | optional  | 1: whether it follows; then it                                              |
// | list      | 4: number of elements; each                                                 |
// | map       | 4: number of elements; each: the key as a text, the value; ascending by key |

extension ByteWriter {
    mutating func write(id: UniqueID) {
        write(id.high)
        write(id.low)
    }

    /// - Precondition: not negative and below 2^32; validation sees to it. Others become the nearest.
    mutating func write(number: Int) { write(UInt32(clamping: number)) }

    mutating func write(signed: Int) { write(Int64(signed)) }

    mutating func write<Choice: CaseIterable & Equatable>(choice: Choice) {
        var place: UInt8 = 0
        for other in Choice.allCases {
            if other == choice { break }
            place += 1
        }
        write(place)
    }

    mutating func write(span: GoDuration) { write(span.nanoseconds) }

    mutating func write<Value>(
        optional value: Value?, _ body: (inout ByteWriter, Value) -> Void
    ) {
        write(value != nil)
        if let value { body(&self, value) }
    }

    mutating func write(optionalID id: UniqueID?) {
        write(optional: id) { $0.write(id: $1) }
    }

    mutating func write<Element>(
        list: [Element], _ body: (inout ByteWriter, Element) -> Void
    ) {
        write(UInt32(clamping: list.count))
        for element in list { body(&self, element) }
    }

    mutating func write<Value>(
        map: SortedMap<Value>, _ body: (inout ByteWriter, Value) -> Void
    ) {
        write(UInt32(clamping: map.elements.count))
        for element in map.elements {
            write(string: element.key)
            body(&self, element.value)
        }
    }

    mutating func write(map: StringMap) { write(map: map) { $0.write(string: $1) } }

    mutating func write(ids: [UniqueID]) { write(list: ids) { $0.write(id: $1) } }

    mutating func write(job key: JobKey) {
        write(string: key.namespace)
        write(string: key.id)
    }

    mutating func write(cores: [UInt16]) { write(list: cores) { $0.write($1) } }
}

extension StateReader {
    mutating func id() throws(StateError) -> UniqueID {
        UniqueID(high: try uint64(), low: try uint64())
    }

    mutating func number(max: Int = SchedulingBounds.amountMax) throws(StateError) -> Int {
        let number = try uint32()
        guard number <= max else { throw .malformed("a number of \(number), at most \(max)") }
        return Int(number)
    }

    mutating func signed() throws(StateError) -> Int { Int(try int64()) }

    mutating func choice<Choice: CaseIterable>() throws(StateError) -> Choice
    where Choice.AllCases.Index == Int {
        let place = Int(try uint8())
        let all = Choice.allCases
        guard place < all.count else { throw .malformed("no case \(place) of \(Choice.self)") }
        return all[place]
    }

    /// Of a policy: neither negative nor so long that an instant overflows.
    mutating func span() throws(StateError) -> GoDuration {
        let span = try duration()
        guard .zero <= span, span <= SchedulingBounds.durationMax else {
            throw .malformed("a span of \(span)")
        }
        return span
    }

    mutating func optional<Value>(
        _ body: (inout StateReader) throws(StateError) -> Value
    ) throws(StateError) -> Value? {
        try bool() ? try body(&self) : nil
    }

    mutating func optionalID() throws(StateError) -> UniqueID? { try bool() ? try id() : nil }

    mutating func optionalBool() throws(StateError) -> Bool? { try bool() ? try bool() : nil }

    mutating func elements<Element>(
        max: Int, _ body: (inout StateReader) throws(StateError) -> Element
    ) throws(StateError) -> [Element] {
        let count = try uint32()
        guard count <= max else { throw .malformed("\(count) elements, at most \(max)") }
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try body(&self)) }
        return elements
    }

    mutating func map<Value>(
        max: Int = SchedulingBounds.mapMax, _ body: (inout StateReader) throws(StateError) -> Value
    ) throws(StateError) -> SortedMap<Value> {
        let count = try uint32()
        guard count <= max else { throw .malformed("\(count) elements, at most \(max)") }
        var map = SortedMap<Value>()
        for _ in 0..<count {
            let key = try string()
            guard map.append(try body(&self), at: key) else {
                throw .malformed("keys out of order")
            }
        }
        return map
    }

    mutating func stringMap() throws(StateError) -> StringMap {
        try map { (reader) throws(StateError) in try reader.string() }
    }

    /// Any text of a row: rows are bounded as a whole.
    mutating func string() throws(StateError) -> String {
        try text(max: SchedulerTables.textBytesMax)
    }

    mutating func ids(max: Int) throws(StateError) -> [UniqueID] {
        try elements(max: max) { (reader) throws(StateError) in try reader.id() }
    }

    mutating func jobKey() throws(StateError) -> JobKey {
        let key = JobKey(namespace: try string(), id: try string())
        guard !key.namespace.isEmpty, !key.id.isEmpty else {
            throw .malformed("a job without a name")
        }
        return key
    }

    /// Ascending, each once.
    mutating func cores() throws(StateError) -> [UInt16] {
        let cores = try elements(max: SchedulingBounds.coresMax) {
            (reader) throws(StateError) in try reader.uint16()
        }
        guard zip(cores, cores.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw .malformed("cores out of order")
        }
        return cores
    }
}
