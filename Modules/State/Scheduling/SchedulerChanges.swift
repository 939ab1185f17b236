// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Something that a command made, changed or removed.
package enum SchedulerChange: Hashable, Sendable {
    case node(UniqueID)
    case job(JobKey)
    case evaluation(UniqueID)
    case allocation(UniqueID)
    case deployment(UniqueID)
    /// By its name.
    case pool(String)
}

/// The latest changes by log index, so that a view follows the state without reading all of it again.
/// It is no part of the state: a server that has just started knows of none.
struct SchedulerChanges: Sendable {
    /// Enough for some plans of the largest jobs.
    static let changesMax = 1 << 18

    private var table = OrderedTable<UInt64, [SchedulerChange]>()
    private var count = 0
    /// Changes up to this index are forgotten.
    private(set) var forgottenIndex: UInt64 = 0

    mutating func note(_ change: SchedulerChange, at index: UInt64) {
        if table.update(index, { $0.append(change) }) == nil { table.insert([change], at: index) }
        count += 1
        guard count > Self.changesMax else { return }
        forgetOldest(but: index)
    }

    /// Forgets everything, as after a state of another origin has come.
    mutating func forgetAll(upTo index: UInt64) { self = SchedulerChanges(forgottenIndex: index) }

    init(forgottenIndex: UInt64 = 0) { self.forgottenIndex = forgottenIndex }

    /// All of them beyond `index`, in order; nil where some are forgotten.
    func after(_ index: UInt64) -> [SchedulerChange]? {
        guard index >= forgottenIndex else { return nil }
        return table.suffix(from: index &+ 1).flatMap(\.value)
    }

    private mutating func forgetOldest(but index: UInt64) {
        while count > Self.changesMax / 2 {
            var iterator = table.makeIterator()
            guard let oldest = iterator.next(), oldest.key < index else { return }
            table.remove(oldest.key)
            count -= oldest.value.count
            forgottenIndex = oldest.key
        }
    }
}
