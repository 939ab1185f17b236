// SPDX-License-Identifier: Apache-2.0

/// When things last changed, by log index; bounded.
///
/// What has no room is folded into one index, `floor`: of everything not listed it is only known
/// that it did not change after `floor`.
struct ChangeIndex<Subject: Hashable & Sendable>: Sendable {
    private let max: Int
    private var indexes: [Subject: UInt64] = [:]
    private var floor: UInt64 = 0

    init(max: Int) { self.max = max }

    mutating func note(_ subject: Subject, at index: UInt64) {
        if indexes[subject] == nil, indexes.count >= max { fold() }
        indexes[subject] = Swift.max(index, indexes[subject] ?? 0)
    }

    /// The older half is folded. Which half that is depends on the indexes alone.
    private mutating func fold() {
        let middle = indexes.values.sorted()[indexes.count / 2]
        indexes = indexes.filter { $0.value > middle }
        floor = Swift.max(floor, middle)
    }

    /// False only if `subject` is known not to have changed after `index`.
    func hasChanged(_ subject: Subject, after index: UInt64) -> Bool {
        (indexes[subject] ?? floor) > index
    }

    /// The same for any subject that `matters`.
    func hasChanged(after index: UInt64, where matters: (Subject) -> Bool) -> Bool {
        floor > index || indexes.contains { $0.value > index && matters($0.key) }
    }
}
