// SPDX-License-Identifier: Apache-2.0
import MartletRaft

extension World {
    /// What must hold in each state for the three together; the codes are those of the scenarios.
    func violation(in catalog: Catalog, _ histories: Histories) -> String? {
        let history = histories[history]
        for server in 0..<3 {
            let facts = catalog.facts[Int(nodes[server])]
            for other in (server + 1)..<3
            where !areMatching(facts.log, catalog.facts[Int(nodes[other])].log, catalog) {
                return "I2: the logs of S\(server + 1) and S\(other + 1) do not match"
            }
            guard facts.role == .leader else { continue }
            for (position, committed) in history.enumerated() where committed.term < facts.term {
                guard position < facts.log.count, facts.log[position] == committed.entry else {
                    return "I3: S\(server + 1) leads term \(facts.term) without what "
                        + "term \(committed.term) committed at \(position + 1)"
                }
            }
        }
        return nil
    }

    /// Entries of one index and term are the same, and so is all before them (Raft §5.3).
    private func areMatching(_ left: [UInt16], _ right: [UInt16], _ catalog: Catalog) -> Bool {
        var isShared = true
        for position in 0..<min(left.count, right.count) {
            if left[position] == right[position] {
                if !isShared { return false }
            } else {
                isShared = false
                let terms = (
                    catalog.entries[Int(left[position])].term,
                    catalog.entries[Int(right[position])].term
                )
                if terms.0 == terms.1 { return false }
            }
        }
        return true
    }
}
