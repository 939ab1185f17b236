// SPDX-License-Identifier: Apache-2.0

/// When the log was how long, so that "an hour ago" becomes an index. It is no part of the state, needs no
/// clock that servers share, and knows nothing of the time before this server was started: what is older
/// than that counts as new as the start.
///
/// - Invariant: indexes and times ascend.
struct LogClock {
    private struct Mark {
        /// All entries up to it were applied by then.
        let index: UInt64
        let time: Duration
    }

    private static let marksMax = 1024
    private static let pauseShortest: Duration = .seconds(1)

    private var marks: [Mark] = []
    /// Between two marks; doubles when there are too many.
    private var pause = LogClock.pauseShortest

    /// Entries up to `index` are applied.
    mutating func note(_ index: UInt64, at now: Duration) {
        if let last = marks.last {
            guard index > last.index, now - last.time >= pause else { return }
        }
        marks.append(Mark(index: index, time: now))
        guard marks.count > Self.marksMax else { return }
        pause *= 2
        marks = marks.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    }

    /// The newest index that is known to have been applied by then; 0 for none.
    func index(at time: Duration) -> UInt64 {
        var (low, high) = (0, marks.count)
        while low < high {
            let middle = (low + high) / 2
            if marks[middle].time <= time { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? 0 : marks[low - 1].index
    }
}
