// SPDX-License-Identifier: Apache-2.0

/// How long something took, since the server started: counted by fixed bounds. An observation costs a
/// few comparisons and no memory.
struct Histogram: Equatable {
    /// The bounds, each with its text in seconds: from a fast disk's sync to a client's patience.
    static let bounds: [(limit: Duration, seconds: String)] = [
        (.microseconds(50), "5e-05"), (.microseconds(100), "0.0001"),
        (.microseconds(250), "0.00025"), (.microseconds(500), "0.0005"),
        (.milliseconds(1), "0.001"), (.microseconds(2500), "0.0025"),
        (.milliseconds(5), "0.005"), (.milliseconds(10), "0.01"), (.milliseconds(25), "0.025"),
        (.milliseconds(50), "0.05"), (.milliseconds(100), "0.1"), (.milliseconds(250), "0.25"),
        (.milliseconds(500), "0.5"), (.seconds(1), "1"), (.milliseconds(2500), "2.5"),
        (.seconds(5), "5"), (.seconds(10), "10"),
    ]

    private static let limits = bounds.map(\.limit)

    /// How many took at most a bound and more than the one before; the last, more than any bound.
    private(set) var counts = [UInt64](repeating: 0, count: Self.bounds.count + 1)
    private(set) var count: UInt64 = 0
    private(set) var sumSeconds = 0.0
    private var squaresSum = 0.0
    /// 0 as long as nothing was observed.
    private(set) var minSeconds = 0.0
    private(set) var maxSeconds = 0.0

    /// - Parameter duration: below zero counts as zero.
    mutating func observe(_ duration: Duration) {
        var bucket = 0
        let limits = Self.limits
        while bucket < limits.count, duration > limits[bucket] { bucket += 1 }
        counts[bucket] &+= 1
        let seconds = max(0, duration / .seconds(1))
        minSeconds = count == 0 ? seconds : min(minSeconds, seconds)
        maxSeconds = max(maxSeconds, seconds)
        count &+= 1
        sumSeconds += seconds
        squaresSum += seconds * seconds
    }

    var meanSeconds: Double { count == 0 ? 0 : sumSeconds / Double(count) }

    /// Of the observations as a sample: 0 for fewer than two.
    var deviationSeconds: Double {
        guard count > 1 else { return 0 }
        let spread = squaresSum - sumSeconds * sumSeconds / Double(count)
        return (max(0, spread) / Double(count - 1)).squareRoot()
    }
}

/// How long something took of late: in the minute that is under way and the one before it.
struct RecentTimes: Equatable {
    static let window: Duration = .seconds(60)

    private struct Part: Equatable {
        var beganAt: Duration = .zero
        var count = 0
        var sum: Duration = .zero
        var max: Duration = .zero
    }

    private var current = Part()
    private var former = Part()

    mutating func observe(_ duration: Duration, at now: Duration) {
        turn(now)
        current.count += 1
        current.sum += max(.zero, duration)
        current.max = max(current.max, duration)
    }

    /// nil if there was nothing of late.
    func value(at now: Duration) -> (mean: Duration, max: Duration)? {
        var turned = self
        turned.turn(now)
        let count = turned.current.count + turned.former.count
        guard count > 0 else { return nil }
        return (
            (turned.current.sum + turned.former.sum) / count,
            max(turned.current.max, turned.former.max)
        )
    }

    private mutating func turn(_ now: Duration) {
        let age = now - current.beganAt
        guard age >= Self.window else { return }
        let follows = age < Self.window * 2
        former = follows ? current : Part()
        current = Part(beganAt: follows ? current.beganAt + Self.window : now)
    }
}

/// What a server times.
final class ServerTimings {
    /// What a request asks, as far as its time depends on that.
    enum RequestKind: Int, CaseIterable {
        /// Current wherever it is asked: it waits for the leader.
        case read
        /// Answered from what this server has.
        case staleRead
        /// Acknowledged by a quorum.
        case write
        /// Not let in.
        case refused

        var label: String {
            switch self {
            case .read: "read"
            case .staleRead: "stale_read"
            case .write: "write"
            case .refused: "refused"
            }
        }
    }

    /// A batch of the log, from its handing to the disk until it is durable; of one that found the disk
    /// full, the try that succeeded.
    private(set) var sync = Histogram()
    private(set) var recentSync = RecentTimes()
    /// A command of a client of this leader, from its place in the log until it is committed here.
    var commit = Histogram()
    /// What was committed together: applied, and those answered who wait for it.
    var apply = Histogram()
    /// By the number of the kind: from a complete header until the answer is handed to the socket.
    private(set) var requests = [Histogram](
        repeating: Histogram(), count: RequestKind.allCases.count)

    func observeSync(since began: Duration, at now: Duration) {
        sync.observe(now - began)
        recentSync.observe(now - began, at: now)
    }

    func observeRequest(_ duration: Duration, _ kind: RequestKind) {
        requests[kind.rawValue].observe(duration)
    }
}

extension Call {
    var timedAs: ServerTimings.RequestKind {
        if !isRead { return .write }
        return isStale || endpoint.isAnsweredAlone ? .staleRead : .read
    }
}

extension Endpoint {
    /// Every server answers of itself.
    fileprivate var isAnsweredAlone: Bool {
        switch self {
        case .monitor, .eventStream, .regions, .agentSelf, .agentMembers, .agentHealth,
            .keyringList, .metrics, .livez, .readyz, .statusIsLeader:
            true
        default: false
        }
    }
}
