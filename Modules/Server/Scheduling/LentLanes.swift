// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// The leader's account of lanes that other servers lend it: who offers how many, and which evaluations are
/// being looked at there. No clock, no connection: lenders are known by the numbers of their sessions.
///
/// ```
///   offer ─▶ free ──give──▶ out ──answered──▶ free
///                            │ too long
///                            ▼
///                           late ──answered──▶ free      (what it says counts for nothing)
/// ```
///
/// A look that is late is taken back, and its place stays taken until it is answered: a server that does not
/// answer is given no more than it has places.
///
/// - Invariant: of each lender, at most ``looksPerLane`` looks a lane are out or late.
struct LentLanes {
    /// An evaluation that is looked at elsewhere.
    struct Look: Equatable {
        let evaluation: UniqueID
        /// Of the delivery.
        let token: UniqueID
        /// Of the log: what is reported must not be older.
        let index: UInt64
        fileprivate let lender: UInt64
        fileprivate let due: Duration
        fileprivate var isLate = false
    }

    private struct Lender {
        var lanes: Int
        var out = 0
        /// False once it said what cannot be.
        var isTrusted = true

        var free: Int { isTrusted ? max(0, lanes * looksPerLane - out) : 0 }
    }

    /// While a lane looks at one, the next is on its way, or waits for the log.
    static let looksPerLane = 2
    /// How long a look may take. The broker's own patience is six times as long.
    static let patience: Duration = .seconds(10)

    /// How much of a processor's time a look takes on the leader's own lanes, of late.
    private(set) var ownLook: Duration = .zero
    private var lenders: [UInt64: Lender] = [:]
    private var looks: [UInt64: Look] = [:]
    /// Never the same twice, whatever is forgotten: a late answer meets nothing.
    private var lastNumber: UInt64 = 0

    /// The average follows the last eight or so.
    mutating func noteOwnLook(_ duration: Duration) { ownLook += (duration - ownLook) / 8 }

    var lanes: Int { lenders.values.reduce(0) { $0 + $1.lanes } }

    /// Looks that are not late.
    var outCount: Int { looks.values.count { !$0.isLate } }

    mutating func offer(_ lanes: Int, by lender: UInt64) {
        lenders[lender, default: Lender(lanes: 0)].lanes = lanes
    }

    /// It said what cannot be: it is asked no more.
    mutating func distrust(_ lender: UInt64) { lenders[lender]?.isTrusted = false }

    /// Of those that are fit, the lender with the most places, of several the one that came first; nil if
    /// none has any.
    func freest(where isFit: (UInt64) -> Bool) -> UInt64? {
        var best: (lender: UInt64, free: Int)?
        for lender in lenders.keys.sorted() where isFit(lender) {
            let free = lenders[lender]?.free ?? 0
            if free > best?.free ?? 0 { best = (lender, free) }
        }
        return best?.lender
    }

    /// - Returns: the number of the look.
    mutating func give(
        _ evaluation: UniqueID, token: UniqueID, index: UInt64, to lender: UInt64, at now: Duration
    ) -> UInt64 {
        lastNumber += 1
        lenders[lender]?.out += 1
        looks[lastNumber] = Look(
            evaluation: evaluation, token: token, index: index, lender: lender,
            due: now + Self.patience)
        return lastNumber
    }

    /// - Returns: nil for an answer that counts for nothing: it comes late, twice, from somebody else or
    ///   under another token.
    mutating func answered(_ number: UInt64, token: UniqueID, by lender: UInt64) -> Look? {
        guard let look = looks[number], look.lender == lender, look.token == token else {
            return nil
        }
        looks[number] = nil
        lenders[lender]?.out -= 1
        return look.isLate ? nil : look
    }

    /// The connection is gone, and with it what was given over it.
    ///
    /// - Returns: what somebody else has to look at, in the order in which it was given.
    mutating func withdraw(_ lender: UInt64) -> [Look] {
        lenders[lender] = nil
        var taken: [Look] = []
        for number in looks.keys.sorted() {
            guard let look = looks[number], look.lender == lender else { continue }
            looks[number] = nil
            if !look.isLate { taken.append(look) }
        }
        return taken
    }

    mutating func withdrawAll() {
        lenders = [:]
        looks = [:]
    }

    var nextEventAt: Duration? { looks.values.lazy.filter { !$0.isLate }.map(\.due).min() }

    /// - Returns: what has taken too long, and somebody else has to look at.
    mutating func advance(to now: Duration) -> [Look] {
        var taken: [Look] = []
        for number in looks.keys.sorted() {
            guard let look = looks[number], !look.isLate, look.due <= now else { continue }
            looks[number]?.isLate = true
            taken.append(look)
        }
        return taken
    }
}
