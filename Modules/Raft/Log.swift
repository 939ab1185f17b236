// SPDX-License-Identifier: Apache-2.0

/// The retained part of the replicated log, all of it in memory: contiguous entries after a point up
/// to which everything is compacted.
///
/// ```
///    compacted        retained
///  ───────────────┬────────────────────┐
///   previousIndex │ firstIndex … lastIndex
/// ```
///
/// - Invariant: entry `i` stands at `firstIndex + i`, and terms never decrease.
struct Log: Sendable {
    /// What was compacted, and is not yet given back, then what is retained.
    private var storage: [Entry]
    /// Where the retained entries begin in `storage`.
    private var head = 0
    /// The last entry that is gone, and its term: 0, 0 for a whole log.
    private(set) var previousIndex: LogIndex
    private(set) var previousTerm: Term

    init(previousIndex: LogIndex, previousTerm: Term, entries: [Entry]) {
        self.previousIndex = previousIndex
        self.previousTerm = previousTerm
        self.storage = entries
    }

    var count: Int { storage.count - head }
    var firstIndex: LogIndex { previousIndex.next }
    var lastIndex: LogIndex { LogIndex(previousIndex.number + UInt64(count)) }
    var lastTerm: Term { storage.count > head ? storage[storage.count - 1].term : previousTerm }

    /// nil outside of `previousIndex ... lastIndex`.
    func term(at index: LogIndex) -> Term? {
        guard index >= previousIndex, index <= lastIndex else { return nil }
        return index == previousIndex ? previousTerm : storage[position(of: index)].term
    }

    subscript(index: LogIndex) -> Entry { storage[position(of: index)] }

    /// The entries `first ... last`; none if `last` is before `first`.
    func entries(from first: LogIndex, through last: LogIndex) -> [Entry] {
        guard first <= last else { return [] }
        return Array(storage[position(of: first)...position(of: last)])
    }

    /// The first of them that have so many bytes together, at least one if there is one.
    func entries(from first: LogIndex, through last: LogIndex, bytesMax: Int) -> [Entry] {
        guard first <= last, bytesMax < .max else { return entries(from: first, through: last) }
        let begin = position(of: first)
        let end = position(of: last)
        var position = begin
        var left = bytesMax - storage[begin].sizeBytes
        while position < end, left >= storage[position + 1].sizeBytes {
            position += 1
            left -= storage[position].sizeBytes
        }
        return Array(storage[begin...position])
    }

    /// The last index at or before `index` whose term is at most `term`; `previousIndex` if none is.
    /// Terms are sorted, so this takes a logarithm of the length.
    func lastIndex(atOrBefore index: LogIndex, termAtMost term: Term) -> LogIndex {
        guard index > previousIndex, count > 0 else { return previousIndex }
        var low = head
        var high = position(of: Swift.min(index, lastIndex)) + 1
        while low < high {
            let middle = low + (high - low) / 2
            if storage[middle].term <= term { low = middle + 1 } else { high = middle }
        }
        return LogIndex(previousIndex.number + UInt64(low - head))
    }

    mutating func append(_ entries: [Entry]) {
        guard let first = entries.first else { return }
        precondition(first.index == lastIndex.next, "\(first.index) after \(lastIndex)")
        storage.append(contentsOf: entries)
    }

    /// Drops every entry after `index`.
    mutating func truncate(after index: LogIndex) {
        precondition(index >= previousIndex, "truncation below \(previousIndex): \(index)")
        guard index < lastIndex else { return }
        storage.removeSubrange((head + Int(index.number - previousIndex.number))...)
    }

    /// Drops every entry up to and including `index`. The memory is given back when as much is dead
    /// as alive, so that the cost is constant for each entry.
    mutating func compact(through index: LogIndex) {
        guard index > previousIndex, let term = term(at: index) else { return }
        head += Int(index.number - previousIndex.number)
        previousIndex = index
        previousTerm = term
        if head >= storage.count - head {
            storage.removeFirst(head)
            head = 0
        }
    }

    /// Drops everything: the next entry is the one after `index`.
    mutating func reset(to index: LogIndex, term: Term) {
        storage = []
        head = 0
        previousIndex = index
        previousTerm = term
    }

    private func position(of index: LogIndex) -> Int {
        precondition(
            index > previousIndex && index <= lastIndex,
            "\(index) outside of the log \(firstIndex) to \(lastIndex)")
        return head + Int(index.number - previousIndex.number) - 1
    }
}
