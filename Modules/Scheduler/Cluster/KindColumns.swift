// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// What the kinds of nodes have under one name, as numbers: it is asked of each kind once, for all
/// groups that look at it.
struct KindColumn {
    /// By number.
    private(set) var values: [String] = []
    private var numbers: [String: Int32] = [:]
    /// By kind; -1 for none.
    private(set) var numberOf: [Int32] = []

    func number(of value: String) -> Int32? { numbers[value] }

    mutating func append(_ value: String?) {
        numberOf.append(value.map { number(adding: $0) } ?? -1)
    }

    mutating func set(_ kind: Int, _ value: String?) {
        numberOf[kind] = value.map { number(adding: $0) } ?? -1
    }

    private mutating func number(adding value: String) -> Int32 {
        if let known = numbers[value] { return known }
        numbers[value] = Int32(values.count)
        values.append(value)
        return Int32(values.count - 1)
    }
}

/// The columns that groups have looked at, kept up to date kind by kind.
struct KindColumns {
    /// Names and values that nobody uses any more are dropped with the whole, now and then.
    private static let maxColumns = 1024
    /// How many numbers are made ahead of their use.
    private static let preparedMax = 1 << 16

    private var columns: [TargetName: KindColumn] = [:]
    private var isPrepared = false

    /// A kind is new, or its number has another kind now.
    mutating func changed(_ kind: Int32, _ node: Shared<Node>) {
        isPrepared = false
        for target in Array(columns.keys) {
            guard let count = columns[target]?.numberOf.count, Int(kind) < count else { continue }
            columns[target]?.set(Int(kind), target.value(of: node))
        }
    }

    /// The column of something that is not unique to a node, with all kinds in it.
    mutating func column(_ target: TargetName, of kinds: [NodeKind]) -> KindColumn {
        var column = columns.removeValue(forKey: target) ?? KindColumn()
        if column.values.count > 2 * kinds.count { column = KindColumn() }
        for kind in column.numberOf.count..<max(kinds.count, column.numberOf.count) {
            column.append(target.value(of: kinds[kind].representative))
        }
        if columns.count >= Self.maxColumns { columns.removeAll() }
        columns[target] = column
        return column
    }

    /// Makes the columns that groups will look at, as far as nodes tell.
    mutating func prepare(_ kinds: [NodeKind]) {
        guard !isPrepared else { return }
        isPrepared = true
        prepare(.datacenter, kinds)
        prepare(.nodeClass, kinds)
        prepare(.nodePool, kinds)
        for kind in kinds where columns.count * kinds.count < Self.preparedMax {
            let node = kind.representative.value
            for element in node.attributes { prepare(.attribute(element.key), kinds) }
            for element in node.meta { prepare(.meta(element.key), kinds) }
        }
    }

    private mutating func prepare(_ target: TargetName, _ kinds: [NodeKind]) {
        guard columns[target] == nil, !target.isUnique,
            columns.count * kinds.count < Self.preparedMax
        else { return }
        _ = column(target, of: kinds)
    }
}

/// Answers that are asked for once for each value of a column.
struct KindAnswers {
    private enum Answer {
        case unknown, no, yes
    }

    private let column: KindColumn
    /// By number, from that of no value.
    private var answers: [Answer]

    init(_ column: KindColumn) {
        self.column = column
        answers = Array(repeating: .unknown, count: column.values.count + 1)
    }

    /// - Parameter ask: is given the kind's value; nil for none.
    @inline(__always)
    mutating func answer(_ kind: Int32, _ ask: (String?) -> Bool) -> Bool {
        let number = Int(column.numberOf[Int(kind)])
        let known = answers[number + 1]
        if known != .unknown { return known == .yes }
        let answer = ask(number < 0 ? nil : column.values[number])
        answers[number + 1] = answer ? .yes : .no
        return answer
    }
}
