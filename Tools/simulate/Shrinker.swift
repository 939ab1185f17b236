// SPDX-License-Identifier: Apache-2.0

/// Finds a short list of faults that still makes a seed fail (delta debugging, Zeller and
/// Hildebrandt 2002): leaves out ever smaller parts as long as the failure stays.
///
/// The result is minimal in that no single fault can be left out, unless ``triesMax`` ended it.
struct Shrinker {
    struct Fault {
        let number: Int
        let text: String
    }

    /// Each try is a run of the whole seed.
    private static let triesMax = 200

    private let fails: ([Int]) -> Bool

    init(fails: @escaping ([Int]) -> Bool) { self.fails = fails }

    func shortest(of faults: [Fault]) -> [Fault] {
        var kept = faults
        var parts = 2
        var tries = 0
        if fails([]) { return [] }
        while kept.count > 1, tries < Self.triesMax {
            let size = (kept.count + parts - 1) / parts
            var isShorter = false
            var start = 0
            while start < kept.count, tries < Self.triesMax {
                var rest = kept
                rest.removeSubrange(start..<min(start + size, kept.count))
                tries += 1
                if !rest.isEmpty, fails(rest.map(\.number)) {
                    kept = rest
                    isShorter = true
                } else {
                    start += size
                }
            }
            if isShorter {
                parts = max(2, parts - 1)
            } else if size == 1 {
                break
            } else {
                parts = min(kept.count, parts * 2)
            }
        }
        return kept
    }
}
