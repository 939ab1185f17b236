// SPDX-License-Identifier: Apache-2.0

/// Decides whether a history of one register is linearizable, in O(n log n), by its versions.
///
/// Versions are a total order of the writes. With it, the question of Wing and Gong (1993) needs no
/// search: order operations by version, a version's write before its reads. That order respects
/// real time unless some operation ended before another began and yet stands behind it. A write
/// whose version nobody learnt stands anywhere between what was certainly there when it began and
/// what was certainly there after it; one whose outcome is unknown, at any time after its beginning
/// or never.
///
/// A restore is a write of a value that was there before. Where a value has several versions, those
/// that nobody was told of in an answer are left to the writes and restores that were not told of
/// theirs, if there are enough of them, and to which one where only one way is left.
package struct Linearizability {
    /// Values that may be there without a client's write, such as the one that a cluster begins with.
    private let initialValues: Set<UInt64>
    private let operations: [Operation]
    /// By version: the value, as the first who told of it said.
    private var values: [UInt64: UInt64] = [:]
    /// By value: the write of it.
    private var writes: [UInt64: Operation] = [:]
    /// By value: those that brought it back, and were not told of their version.
    private var silentRestores: [UInt64: [Operation]] = [:]
    /// Versions that a write or a restore was told of as its own.
    private var told: Set<UInt64> = []
    /// Operations of known version, with it.
    private var placed: [(operation: Operation, version: UInt64)] = []
    /// Acknowledged writes that nobody learnt the version of.
    private var unseen: [Operation] = []
    /// Acknowledged writes of a version that may be theirs or a restore's.
    private var ambiguous: [Operation] = []

    package static func violation(
        in operations: [Operation], of register: String, initialValues: Set<UInt64>
    ) -> Violation? {
        var check = Linearizability(operations, initialValues)
        return check.run().map { Violation("linearizability of \(register)", $0) }
    }

    /// The versions that restores of unknown outcome must have made, by their beginnings: what
    /// somebody found, and nobody else can have written.
    package static func versionsOfRestores(
        in operations: [Operation], initialValues: Set<UInt64>
    ) -> [UInt64: UInt64] {
        var check = Linearizability(operations, initialValues)
        guard check.readVersions() == nil else { return [:] }
        var versions: [UInt64: UInt64] = [:]
        for (operation, version) in check.placed where operation.outcome == .unknown {
            if case .restore = operation.kind { versions[operation.beganAt] = version }
        }
        return versions
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
            switch operation.kind {
            case .write(let value, _):
                if writes.updateValue(operation, forKey: value) != nil {
                    return "value \(value) was written twice: the history is of no use"
                }
            case .restore(let value):
                if operation.outcome == .unknown {
                    silentRestores[value, default: []].append(operation)
                }
            case .read: break
            }
        }
        for operation in operations {
            let value: UInt64
            let version: UInt64
            switch (operation.kind, operation.outcome) {
            case (.write(let written, _), .written(let made?)),
                (.restore(let written), .written(let made?)):
                (value, version) = (written, made)
                if !told.insert(version).inserted {
                    return "version \(version) was made twice: \(operation)"
                }
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
        var untold: [UInt64: [UInt64]] = [:]
        for version in values.keys.sorted() where !told.contains(version) {
            guard let value = values[version] else { continue }
            untold[value, default: []].append(version)
        }
        for value in untold.keys.sorted() {
            if let problem = explain(untold[value] ?? [], of: value) { return problem }
        }
        unseen = operations.filter {
            guard case .write(let value, _) = $0.kind else { return false }
            return $0.outcome == .written(version: nil) && untold[value] == nil
        }
        return nil
    }

    /// - Parameter versions: that hold the value and that no answer explains, ascending.
    private mutating func explain(_ versions: [UInt64], of value: UInt64) -> String? {
        let write = writes[value]
        let isOpen = write?.outcome == .unknown || write?.outcome == .written(version: nil)
        let restores = silentRestores[value] ?? []
        // What is restored was there before: of all versions of a value its write's is the first.
        let isWriteFirst = isOpen || initialValues.contains(value)
        let sources = (isWriteFirst ? 1 : 0) + restores.count
        guard versions.count <= sources else {
            let list = versions.map(String.init).joined(separator: " and again as ")
            if sources > 0 { return "value \(value) is there as version \(list)" }
            guard let write else {
                return "value \(value) of version \(list) was never written"
            }
            if write.outcome == .conflict {
                return "value \(value) is there as \(list), and its write was refused"
            }
            return "value \(value) is there as version \(list), and its write made another: "
                + "\(write)"
        }
        guard versions.count == sources else {
            if let write, write.outcome == .written(version: nil) { ambiguous.append(write) }
            return nil
        }
        if let write, isOpen { placed.append((write, versions[0])) }
        if let restore = restores.first, restores.count == 1, let version = versions.last {
            placed.append((restore, version))
        }
        return nil
    }

    // MARK: Real time

    /// The highest version that an operation had when it ended before each point, by ending.
    private var floors: Extremes {
        Extremes(
            placed.filter { $0.operation.endedAt != .max }.map {
                ($0.operation.endedAt, $0.version)
            })
    }

    private func checkOrder() -> String? {
        let floors = floors
        for (operation, version) in placed {
            guard let floor = floors.highest(before: operation.beganAt) else { continue }
            let isWrite = operation.kind != .read
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
        for operation in ambiguous {
            let floor = floors.highest(before: operation.beganAt) ?? 0
            if let ceiling = ceilings.lowest(after: operation.endedAt), ceiling <= floor {
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
            if expected >= version {
                return "version \(version) replaced \(expected): \(operation)"
            }
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
