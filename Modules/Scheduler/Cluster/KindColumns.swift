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
    /// Kinds without a value.
    private(set) var missingCount = 0

    func number(of value: String) -> Int32? { numbers[value] }

    mutating func append(_ value: String?) {
        numberOf.append(-1)
        missingCount += 1
        set(numberOf.count - 1, value)
    }

    mutating func set(_ kind: Int, _ value: String?) {
        let own = value.map { number(adding: $0) } ?? -1
        missingCount += (own < 0 ? 1 : 0) - (numberOf[kind] < 0 ? 1 : 0)
        numberOf[kind] = own
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

/// Answers to one question, which is asked once for each value of a column.
struct KindAnswers {
    private enum Answer {
        case unknown, no, yes
    }

    /// Up to so many values are all asked at once: if all say yes, no kind is looked at.
    private static let fewValues = 64

    private let column: KindColumn
    /// By number, from that of no value.
    private var answers: [Answer]

    init(_ column: KindColumn) {
        self.column = column
        answers = Array(repeating: .unknown, count: column.values.count + 1)
    }

    /// Whether it is known, without a look at any kind, that all say yes.
    ///
    /// - Parameter ask: is given a kind's value; nil for none.
    mutating func isAlwaysYes(_ ask: (String?) -> Bool) -> Bool {
        guard column.values.count <= Self.fewValues else { return false }
        for (number, value) in column.values.enumerated() {
            answers[number + 1] = ask(value) ? .yes : .no
            if answers[number + 1] == .no { return false }
        }
        return column.missingCount == 0 || ask(nil)
    }

    /// Calls `body` with each entry, of those that are asked, whose kind says what is `expected`.
    @inline(__always)
    mutating func forEach(
        _ kinds: [Int32], saying expected: Bool, where isAsked: (Int) -> Bool,
        _ ask: (String?) -> Bool, _ body: (Int) -> Void
    ) {
        let wanted = expected ? Answer.yes : Answer.no
        for entry in kinds.indices where isAsked(entry) {
            let number = Int(column.numberOf[Int(kinds[entry])])
            if answers[number + 1] == .unknown {
                answers[number + 1] = ask(number < 0 ? nil : column.values[number]) ? .yes : .no
            }
            if answers[number + 1] == wanted { body(entry) }
        }
    }
}
