// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension Evaluation {
    /// How long it still has to wait; zero or less if it has not. Never longer than when it was made,
    /// though the clock of the server that made it be ahead of this one's.
    func delay(atUnixNanoseconds now: Int64) -> Duration {
        var until = waitUntilUnixNanoseconds
        if until == 0, wait > .zero {
            let start = createUnixNanoseconds == 0 ? now : min(now, createUnixNanoseconds)
            until = start.saturatingAdd(wait.nanoseconds)
        }
        let left = until.saturatingSubtract(now)
        guard waitUntilUnixNanoseconds != 0, createUnixNanoseconds > 0 else {
            return .nanoseconds(left)
        }
        return .nanoseconds(min(left, until.saturatingSubtract(createUnixNanoseconds)))
    }

    /// Whether it tells of its job later than `other` does. Log indexes decide; ids, which are
    /// random, only between evaluations of one log entry.
    func isNewer(than other: Evaluation) -> Bool {
        (createIndex, modifyIndex, id) > (other.createIndex, other.modifyIndex, other.id)
    }
}

/// Who is served first: the higher priority, then who came first.
struct ServingOrder: Comparable, Sendable {
    let priority: Int
    let createIndex: UInt64
    let id: UniqueID

    init(_ evaluation: Evaluation) {
        priority = evaluation.priority
        createIndex = evaluation.createIndex
        id = evaluation.id
    }

    static func < (left: Self, right: Self) -> Bool {
        (-left.priority, left.createIndex, left.id) < (-right.priority, right.createIndex, right.id)
    }
}

/// When something is due; ids order what is due at once.
struct DueOrder: Comparable, Sendable {
    let due: Duration
    let id: UniqueID

    static func < (left: Self, right: Self) -> Bool {
        (left.due, left.id) < (right.due, right.id)
    }
}
