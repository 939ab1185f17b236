// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import MartletTransport

/// A list, row by row.
struct ListRows {
    enum Row {
        case value(any JSONWritable)
        /// It was looked at, and is not of the list.
        case hidden
    }

    static var none: ListRows { ListRows(EmptyCollection<JSONString>()) { $0 } }

    /// nil after the last.
    let next: () -> Row?

    /// - Parameter shown: what is told of a row; nil for nothing.
    init<Rows: Sequence, Shown: JSONWritable>(
        _ rows: Rows, showing shown: @escaping (Rows.Element) -> Shown?
    ) {
        var iterator = rows.makeIterator()
        next = {
            guard let row = iterator.next() else { return nil }
            return shown(row).map { .value($0) } ?? .hidden
        }
    }
}

/// A JSON array that is written while it is sent: a piece at a time, and between two pieces the loop
/// does what else there is to do. What it tells is one state, however long the sending takes.
final class ListSource: ByteSource {
    /// So many rows and bytes are written at once: a list that has no more is no stream.
    static let rowsAtOnce = 256
    private static let bytesAtOnce = 256 << 10
    private static let bytesCrowded = 8 << 10
    private static let pieceBytes = 64 << 10

    /// nil after the last, and when nobody wants them.
    private var rows: ListRows?
    private let turns: ListTurns
    private let rowsAtOnce: Int
    private let isPretty: Bool
    private var isEmpty = true
    private var bytes: [UInt8] = [UInt8(ascii: "[")]

    /// Writes the whole list if it is short, otherwise its beginning: less in a turn that has written
    /// enough of others.
    init(
        _ rows: ListRows, isPretty: Bool, turns: ListTurns,
        rowsAtOnce: Int = ListSource.rowsAtOnce
    ) {
        self.rows = rows
        self.rowsAtOnce = rowsAtOnce
        self.turns = turns
        self.isPretty = isPretty
        write(bytesMax: turns.hasRoom ? Self.bytesAtOnce : Self.bytesCrowded)
    }

    /// All of it; nil for a list that goes on.
    var whole: [UInt8]? { rows == nil ? bytes : nil }

    func next(_ taken: @escaping (SourcePiece) -> Void) {
        if bytes.isEmpty, rows != nil, turns.hasRoom { write(bytesMax: Self.pieceBytes) }
        guard bytes.isEmpty else {
            let piece = Array(bytes.prefix(Self.pieceBytes))
            bytes.removeFirst(piece.count)
            return taken(.bytes(piece))
        }
        guard rows != nil else { return taken(.end) }
        // Many rows that are hidden, or many lists at once: others on the loop come first.
        turns.wait { [weak self] in
            guard let self, self.rows != nil else { return }
            self.next(taken)
        }
    }

    func cancel() {
        rows = nil
        bytes = []
    }

    /// Some rows more, and the end after the last.
    private func write(bytesMax: Int) {
        let before = bytes.count
        var count = 0
        defer { turns.spend(bytes: bytes.count - before, rows: count) }
        while count < rowsAtOnce, bytes.count < bytesMax {
            count += 1
            switch rows?.next() {
            case .value(let value): append(value)
            case .hidden: continue
            case nil: return end()
            }
        }
    }

    /// The pretty form is that of the whole: each line stands a level deeper than in the row's own.
    private func append(_ value: any JSONWritable) {
        if !isEmpty { bytes.append(UInt8(ascii: ",")) }
        isEmpty = false
        guard isPretty else {
            bytes += JSONWriter.encode(value)
            return
        }
        bytes += Self.deeperLine
        for byte in JSONWriter.encode(value, pretty: true).dropLast() {
            if byte == UInt8(ascii: "\n") { bytes += Self.deeperLine } else { bytes.append(byte) }
        }
    }

    private static let deeperLine = Array("\n    ".utf8)

    private func end() {
        rows = nil
        if isPretty, !isEmpty { bytes.append(UInt8(ascii: "\n")) }
        bytes.append(UInt8(ascii: "]"))
        if isPretty { bytes.append(UInt8(ascii: "\n")) }
    }
}

extension Server {
    /// The whole list, or the page of it that is asked for, of the rows that its filter wants.
    ///
    /// - Parameters:
    ///   - rows: from the page's beginning on, in its direction.
    ///   - isMeant: which of them are of the list at all.
    ///   - subject: what the filter looks at.
    func encode<Row, Subject: JSONWritable, Shown: JSONWritable>(
        _ rows: some Sequence<Row>, _ page: ListPage, _ call: Call,
        _ freshness: APIResponse.Freshness, token: (Row) -> String,
        where isMeant: @escaping (Row) -> Bool = { _ in true },
        subject: @escaping (Row) -> Subject, showing shown: @escaping (Row) -> Shown?
    ) -> APIResponse {
        let filter = page.filter
        let isWanted = { (row: Row) in
            isMeant(row) && filter.map { $0.matches(subject(row)) } ?? true
        }
        guard page.size != nil else {
            return encode(
                ListRows(rows) { isWanted($0) ? shown($0) : nil }, call, freshness: freshness,
                rowsAtOnce: filter?.rowsAtOnce ?? ListSource.rowsAtOnce)
        }
        let (cut, next) = page.cut(rows, token: token, isWanted: isWanted)
        var response = encode(ListRows(cut, showing: shown), call, freshness: freshness)
        response.nextToken = next
        return response
    }

    /// A list of any length, as an answer.
    func encode(
        _ rows: ListRows, _ call: Call, freshness: APIResponse.Freshness,
        rowsAtOnce: Int = ListSource.rowsAtOnce
    ) -> APIResponse {
        let source = ListSource(
            rows, isPretty: call.isPretty, turns: listTurns, rowsAtOnce: rowsAtOnce)
        if let whole = source.whole { return .json(whole, freshness: freshness) }
        return .stream(StreamedBody(source: source), as: .json, freshness: freshness)
    }
}
