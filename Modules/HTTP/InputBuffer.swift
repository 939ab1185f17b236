// SPDX-License-Identifier: Apache-2.0

/// The bytes that came and were not used yet. Remembers how far it was searched for line ends, so
/// that a head that comes byte by byte is looked at once; holds no memory while it is empty.
///
///     bytes   |  used  |  searched, unused  |  not searched  |
///             0      start               scanned         bytes.count
///
/// - Invariant: `start <= scanned <= bytes.count`. Offsets given out count from `start`.
struct InputBuffer: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0
    private var scanned = 0

    var count: Int { bytes.count - start }

    subscript(offset: Int) -> UInt8 { bytes[start + offset] }

    mutating func append(_ more: Span<UInt8>) {
        // Moving at most what was used keeps the cost of each byte constant.
        if start > 0, start >= count {
            bytes.removeFirst(start)
            scanned -= start
            start = 0
        }
        bytes.append(more)
    }

    /// The offset of the next LF that was not given out before; nil if there is none yet.
    mutating func nextLineFeed() -> Int? {
        guard let lineFeed = bytes[scanned...].firstIndex(of: .lineFeed) else {
            scanned = bytes.count
            return nil
        }
        scanned = lineFeed + 1
        return lineFeed - start
    }

    /// Removes the first `length` bytes.
    mutating func drop(_ length: Int) {
        precondition(length >= 0 && length <= count, "dropping \(length) of \(count) bytes")
        start += length
        scanned = max(scanned, start)
        if start == bytes.count { removeAll() }
    }

    /// Removes and returns the first `length` bytes: without a copy if they are all there is, as
    /// with a request that came alone.
    mutating func take(_ length: Int) -> [UInt8] {
        if start == 0, length == bytes.count {
            let all = bytes
            removeAll()
            return all
        }
        let taken = Array(bytes[start..<start + length])
        drop(length)
        return taken
    }

    /// Moves the first `length` bytes to the end of `target`.
    mutating func move(_ length: Int, to target: inout [UInt8]) {
        if target.isEmpty {
            target = take(length)
        } else {
            target.append(contentsOf: bytes[start..<start + length])
            drop(length)
        }
    }

    mutating func removeAll() {
        bytes = []
        start = 0
        scanned = 0
    }
}
