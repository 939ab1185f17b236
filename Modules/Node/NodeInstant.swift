// SPDX-License-Identifier: Apache-2.0

/// An instant on both clocks of a process.
package struct NodeInstant: Equatable, Sendable {
    /// Of the loop.
    package var now: Duration
    /// Since 1970.
    package var unixNanoseconds: Int64

    package init(now: Duration, unixNanoseconds: Int64) {
        self.now = now
        self.unixNanoseconds = unixNanoseconds
    }

    /// The same clocks at another time of the loop.
    func at(_ time: Duration) -> NodeInstant {
        let (seconds, attoseconds) = (time - now).components
        let nanoseconds = seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
        return NodeInstant(now: time, unixNanoseconds: unixNanoseconds &+ nanoseconds)
    }
}
