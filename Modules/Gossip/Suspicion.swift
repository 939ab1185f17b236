// SPDX-License-Identifier: Apache-2.0

/// How long a suspect has to speak up (Lifeguard §IV-B): long while one server alone suspects it,
/// for the fault may be that server's own, and shorter with each other one that agrees.
///
///     longest − (longest − shortest) · log(confirmations + 1) / log(wanted + 1)
///
/// Where there are too few servers to confirm anything, the shortest time counts at once.
struct Suspicion: Equatable, Sendable {
    /// The first is whose suspicion this server heard of first.
    private(set) var accusers: [NodeID]
    private(set) var startedAt: Duration
    private let wanted: Int
    private let shortest: Duration
    private let longest: Duration
    /// With as many accusers as there are. It is asked for after each step, and changes seldom.
    private var patience: Duration = .zero

    /// - Parameter members: those not known to be gone, the suspect and this server included.
    init(by accuser: NodeID, members: Int, timing: GossipTiming, at now: Duration) {
        accusers = [accuser]
        startedAt = now
        let confirmations = min(timing.suspicionFactor - 2, Self.shares.count - 1)
        wanted = members - 2 < confirmations ? 0 : max(0, confirmations)
        shortest =
            timing.probeInterval * timing.suspicionFactor * Self.thousandths(for: members) / 1_000
        longest = shortest * timing.suspicionFactorMax
        setPatience()
    }

    /// When it counts as failed.
    var deadline: Duration { startedAt + patience }

    private mutating func setPatience() {
        let confirmations = min(accusers.count - 1, wanted)
        let share = wanted == 0 ? 1_000 : Self.shares[wanted][confirmations]
        patience = longest - (longest - shortest) * share / 1_000
    }

    /// - Returns: whether that was news. Nobody counts twice, and no more than are wanted.
    mutating func confirm(by accuser: NodeID) -> Bool {
        guard accusers.count <= wanted, !accusers.contains(accuser) else { return false }
        accusers.append(accuser)
        setPatience()
        return true
    }

    /// This server was stopped for a while, in which nobody could speak to it.
    mutating func shift(by pause: Duration) { startedAt += pause }

    /// 1,000 · log(c + 1) / log(k + 1), by k and c: a table, because the last bit of a logarithm
    /// depends on the machine.
    private static let shares: [[Int]] = [
        [1_000], [0, 1_000], [0, 631, 1_000], [0, 500, 792, 1_000], [0, 431, 683, 861, 1_000],
    ]

    /// 1,000 · max(1, log10 of the members), rounded up to the next step.
    private static func thousandths(for members: Int) -> Int {
        switch members {
        case ...10: 1_000
        case ...16: 1_205
        case ...25: 1_398
        case ...40: 1_603
        default: 1_807
        }
    }
}
