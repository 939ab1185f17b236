// SPDX-License-Identifier: Apache-2.0

/// How often, how long, how many. All servers of a pool use the same.
package struct GossipTiming: Sendable, Equatable {
    /// Between two probes; also how long one may take before its target is suspect.
    package var probeInterval: Duration
    /// How long a probe waits for a direct answer before it asks others to try.
    package var probeTimeout: Duration
    /// How many others are asked.
    package var indirectProbes: Int
    /// A suspect has this many probe intervals to speak up, when enough others suspect it too.
    package var suspicionFactor: Int
    /// … and this many times longer when nobody else does.
    package var suspicionFactorMax: Int
    package var gossipInterval: Duration
    /// How many servers are told in each interval.
    package var gossipFanOut: Int
    /// A claim is told this often, times the decimal digits of the number of servers.
    package var retransmitFactor: Int
    /// Between two full exchanges with a random server.
    package var exchangeInterval: Duration
    /// How long a server that failed or left is still told news: it may be wrong.
    package var gossipToGone: Duration
    /// The highest awareness score is one less (Lifeguard).
    package var awarenessLimit: Int
    /// The longest that a leave takes, and how long others get to pass it on.
    package var leaveTimeout: Duration
    package var leavePropagation: Duration
    /// Between two tries to reach one that failed.
    package var reconnectInterval: Duration
    /// How long one that failed, or left, is remembered.
    package var failedKept: Duration
    package var leftKept: Duration

    /// Servers of one region.
    package static let lan = GossipTiming(
        probeInterval: .seconds(1), probeTimeout: .milliseconds(500), indirectProbes: 3,
        suspicionFactor: 4, suspicionFactorMax: 6, gossipInterval: .milliseconds(200),
        gossipFanOut: 3, retransmitFactor: 4, exchangeInterval: .seconds(30),
        gossipToGone: .seconds(30), awarenessLimit: 8, leaveTimeout: .seconds(5),
        leavePropagation: .seconds(1), reconnectInterval: .seconds(30),
        failedKept: .seconds(72 * 3_600), leftKept: .seconds(24 * 3_600))

    /// Servers of several regions, or of a slow network.
    package static let wan = GossipTiming(
        probeInterval: .seconds(5), probeTimeout: .seconds(3), indirectProbes: 3,
        suspicionFactor: 6, suspicionFactorMax: 6, gossipInterval: .milliseconds(500),
        gossipFanOut: 4, retransmitFactor: 4, exchangeInterval: .seconds(60),
        gossipToGone: .seconds(60), awarenessLimit: 8, leaveTimeout: .seconds(5),
        leavePropagation: .seconds(1), reconnectInterval: .seconds(30),
        failedKept: .seconds(72 * 3_600), leftKept: .seconds(24 * 3_600))
}
