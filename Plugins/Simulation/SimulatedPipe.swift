// SPDX-License-Identifier: Apache-2.0

/// The bytes of one direction of a connection, from the write to the handler: in order and in one
/// place, so that a segment is no more than a number of them.
final class SimulatedPipe {
    /// What an empty pipe keeps at most.
    private static let bytesKeptMax = 256 << 10

    /// Of it, what is from `start` to `end` counts.
    private var storage: [UInt8] = []
    private var start = 0
    private var end = 0
    private let memory: PipeMemory

    init(_ memory: PipeMemory) { self.memory = memory }

    deinit { memory.give(storage) }

    func append(_ bytes: Span<UInt8>) {
        let count = bytes.count
        if storage.count - end < count { makeRoom(for: count) }
        let place = end
        end = place + count
        // Out of the property: a short way in and out costs less than a long access to it.
        var present = storage
        storage = []
        // SAFETY: there is room for all of them behind `place`, and the two do not overlap.
        unsafe present.withUnsafeMutableBufferPointer { target in
            unsafe bytes.withUnsafeBufferPointer { source in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                unsafe (to + place).update(from: from, count: count)
            }
        }
        storage = present
    }

    /// Lends the next bytes and forgets them. What is appended meanwhile does not touch them.
    ///
    /// - Precondition: there are so many.
    func take(_ count: Int, _ body: (Span<UInt8>) -> Void) {
        let lent = storage
        let first = start
        skip(count)
        body(lent.span.extracting(first..<first + count))
    }

    /// - Precondition: there are so many.
    func skip(_ count: Int) {
        precondition(count <= end - start, "\(count) bytes of \(end - start)")
        start += count
        guard start == end else { return }
        start = 0
        end = 0
        if storage.count > Self.bytesKeptMax { storage = [] }
    }

    private func makeRoom(for count: Int) {
        let live = end - start
        if storage.isEmpty, count <= PipeMemory.bytes {
            storage = memory.take()
            return
        }
        var larger = [UInt8](repeating: 0, count: max(PipeMemory.bytes, (live + count) * 2))
        if live > 0 { larger.replaceSubrange(..<live, with: storage[start..<end]) }
        storage = larger
        start = 0
        end = live
    }
}

/// What pipes begin with, kept when they are gone for those that come.
final class PipeMemory {
    /// Enough for the greetings of most connections, and all that most of them say.
    static let bytes = 1024
    private static let keptMax = 64

    private var kept: [[UInt8]] = []

    func take() -> [UInt8] { kept.popLast() ?? [UInt8](repeating: 0, count: Self.bytes) }

    func give(_ memory: [UInt8]) {
        if memory.count == Self.bytes, kept.count < Self.keptMax { kept.append(memory) }
    }
}
