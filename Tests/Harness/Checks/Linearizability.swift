// SPDX-License-Identifier: Apache-2.0

/// Decides whether a history of one register is linearizable, in O(n log n), by its versions.
///
/// Versions are a total order of the writes. With it, the question of Wing and Gong (1993) needs no
/// search: order operations by version, a version's write before its reads. That order respects
/// real time unless some operation ended before another began and yet stands behind it. A write
/// whose version nobody learnt stands anywhere between what was certainly there when it began and
/// what was certainly there after it; one whose outcome is unknown, at any time after its beginning
/// or never.
package struct Linearizability {
    /// Values that may be there without a client's write, such as the one that a cluster begins with.
    private let initialValues: Set<UInt64>
    private let operations: [Operation]
    /// By version: the value, as the first who told of it said.
    private var values: [UInt64: UInt64] = [:]
    /// By value: the write of it.
    private var writes: [UInt64: Operation] = [:]
    /// Operations of known version, with it.
    private var placed: [(operation: Operation, version: UInt64)] = []
    /// Acknowledged writes that nobody learnt the version of.
    private var unseen: [Operation] = []

    package static func violation(
        in operations: [Operation], of register: String, initialValues: Set<UInt64>
    ) -> Violation? {
        var check = Linearizability(operations, initialValues)
        return check.run().map { Violation("linearizability of \(register)", $0) }
    }

    private init(_ operations: [Operation], _ initialValues: Set<UInt64>) {
        self.operations = operations
        self.initialValues = initialValues
    }

    private mutating func run() -> String? {
        readVersions() ?? checkOrder() ?? checkSets()
    }

    // MARK: Versions

    /// Finds the version of every write that somebody learnt, and its value to be one that was
    /// written.
    private mutating func readVersions() -> String? {
        for operation in operations {
            guard case .write(let value, _) = operation.kind else { continue }
            if writes.updateValue(operation, forKey: value) != nil {
                return "value \(value) was written twice: the history is of no use"
            }
        }
        for operation in operations {
            let value: UInt64
            let version: UInt64
            switch (operation.kind, operation.outcome) {
            case (.write(let written, _), .written(let made?)): (value, version) = (written, made)
            case (.read, .found(let found, let at)): (value, version) = (found, at)
            default: continue
            }
            if let other = values.updateValue(value, forKey: version), other != value {
                return "version \(version) is \(other) to one and \(value) to another"
            }
            placed.append((operation, version))
        }
        return placeWrites()
    }

    private mutating func placeWrites() -> String? {
        var versionOf: [UInt64: UInt64] = [:]
        for version in values.keys.sorted() {
            guard let value = values[version] else { continue }
            if let other = versionOf.updateValue(version, forKey: value) {
                return "value \(value) is there as version \(other) and again as \(version)"
            }
            guard let write = writes[value] else {
                if initialValues.contains(value) { continue }
                return "value \(value) of version \(version) was never written"
            }
            switch write.outcome {
            case .conflict:
                return "value \(value) is there as \(version), and its write was refused"
            case .written(nil), .unknown: placed.append((write, version))
            case .written, .found: break
            }
        }
        unseen = operations.filter {
            guard case .write(let value, _) = $0.kind else { return false }
            return $0.outcome == .written(version: nil) && versionOf[value] == nil
        }
        return nil
    }

    // MARK: Real time

    /// The highest version that an operation had when it ended before each point, by ending.
    private var floors: Extremes {
        Extremes(
            placed.filter { $0.operation.endedAt != .max }.map { ($0.operation.endedAt, $0.version) })
    }

    private func checkOrder() -> String? {
        let floors = floors
        for (operation, version) in placed {
            guard let floor = floors.highest(before: operation.beganAt) else { continue }
            let isWrite = if case .write = operation.kind { true } else { false }
            if floor > version || (isWrite && floor == version) {
                return "\(isWrite ? "a write made" : "a read found") version \(version) although "
                    + "version \(floor) was there before it began: \(operation)"
            }
        }
        // A write of unknown version, but certainly done, fits between what was there before it
        // and what is there after it.
        let ceilings = Ceilings(placed)
        for operation in unseen {
            let floor = floors.highest(before: operation.beganAt) ?? 0
            if let ceiling = ceilings.lowest(after: operation.endedAt), ceiling <= floor + 1 {
                return "an acknowledged write is lost: version \(floor) was there "
                    + "before it, and \(ceiling) is there after it: \(operation)"
            }
        }
        return nil
    }

    // MARK: Compare-and-set

    private func checkSets() -> String? {
        let versions = values.keys.sorted()
        let floors = floors
        let ceilings = Ceilings(placed)
        for (operation, version) in placed {
            guard case .write(_, let expected?) = operation.kind else { continue }
            if expected >= version { return "version \(version) replaced \(expected): \(operation)" }
            if let between = versions.first(where: { $0 > expected && $0 < version }) {
                return "version \(version) replaced \(expected), and \(between) was between them: "
                    + "\(operation)"
            }
        }
        for operation in operations {
            guard case .write(_, let expected?) = operation.kind, operation.outcome == .conflict
            else { continue }
            if floors.highest(before: operation.beganAt) == expected,
                ceilings.lowestReplaceable(after: operation.endedAt) == expected
            {
                return "refused although version \(expected) was there all the time: \(operation)"
            }
        }
        return nil
    }
}

/// The highest value among those before a point.
struct Extremes {
    private var points: [UInt64] = []
    private var highest: [UInt64] = []

    init(_ values: [(point: UInt64, value: UInt64)]) {
        var most: UInt64 = 0
        for (point, value) in values.sorted(by: { $0.point < $1.point }) {
            most = max(most, value)
            points.append(point)
            highest.append(most)
        }
    }

    func highest(before point: UInt64) -> UInt64? {
        var low = 0
        var high = points.count
        while low < high {
            let middle = (low + high) / 2
            if points[middle] < point { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : highest[low - 1]
    }
}

/// The lowest version among operations that begin after a point.
struct Ceilings {
    /// By beginning, descending, negated so that "before" means "after".
    private let all: Extremes
    private let replaceable: Extremes

    init(_ placed: [(operation: Operation, version: UInt64)]) {
        all = Extremes(placed.map { (.max - $0.operation.beganAt, .max - $0.version) })
        // What was there just before: a read finds it; a compare-and-set tells it.
        replaceable = Extremes(
            placed.map { operation, version in
                guard case .write(_, let expected?) = operation.kind else {
                    return (.max - operation.beganAt, .max - version)
                }
                return (.max - operation.beganAt, .max - expected)
            })
    }

    func lowest(after point: UInt64) -> UInt64? {
        all.highest(before: .max - point).map { .max - $0 }
    }

    func lowestReplaceable(after point: UInt64) -> UInt64? {
        replaceable.highest(before: .max - point).map { .max - $0 }
    }
}
