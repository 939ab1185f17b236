// SPDX-License-Identifier: Apache-2.0

/// A clock that runs at a rate of its own, which may change: piecewise linear in world time.
struct SimulatedClock {
    /// Local time per million units of world time.
    private var rate: Int64
    /// A point of the present piece, in nanoseconds.
    private var worldStart: Int64
    private var localStart: Int64

    init(rate: Int64, worldTime: Int64, localTime: Int64) {
        self.rate = rate
        worldStart = worldTime
        localStart = localTime
    }

    func localTime(at worldTime: Int64) -> Int64 {
        let elapsed = worldTime &- worldStart
        if rate == 1_000_000 { return localStart &+ elapsed }
        return localStart &+ Self.scaled(elapsed, by: rate, over: 1_000_000)
    }

    mutating func setRate(_ newRate: Int64, at worldTime: Int64) {
        localStart = localTime(at: worldTime)
        worldStart = worldTime
        rate = newRate
    }

    /// World time at which the clock shows `localTime`, or just after; `now` if it has shown it.
    func worldTime(of localTime: Int64, from now: Int64) -> Int64 {
        let delta = localTime.subtractingReportingOverflow(localStart).partialValue
        guard delta > 0 else { return now }
        let (whole, overflow) = (delta / rate).multipliedReportingOverflow(by: 1_000_000)
        let rest = (delta % rate * 1_000_000 + rate - 1) / rate
        let (sum, carry) = (worldStart + rest).addingReportingOverflow(whole)
        return overflow || carry ? .max : max(now, sum)
    }

    static func scaled(_ value: Int64, by factor: Int64, over divisor: Int64) -> Int64 {
        value / divisor &* factor &+ value % divisor * factor / divisor
    }
}
