// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletJSON

/// Which part of a list is asked for: `?filter=`, `?reverse`, `?per_page=` and `?next_token=`.
struct ListPage {
    /// Rows of one page; nil for all.
    private(set) var size: Int?
    /// Where the page begins: `X-Nomad-NextToken` of the page before. Empty for the beginning.
    private(set) var token = ""
    /// The last comes first.
    let isReversed: Bool
    /// nil where all rows are wanted.
    let filter: ListFilter?
    /// Of evaluations: only those of this status; nil for all.
    private(set) var status: Evaluation.Status?
    /// Of evaluations: only those of this job; nil for all.
    private(set) var job: String?

    /// More are given page by page.
    static let sizeMax = 10_000
    /// Rows that are looked at for a page of those of one status.
    private static let lookedMax = 16_384

    /// - Throws: 400 that names the parameter.
    init(_ call: Call, of kind: ListKind) throws(APIError) {
        let query = call.query
        isReversed = try call.flag("reverse")
        let text = query.first("filter") ?? ""
        filter = text.isEmpty ? nil : try ListFilter(text, names: kind.memberNames)
        if let text = query.first("per_page"), !text.isEmpty {
            guard let size = Int32(text), size >= 0 else {
                throw APIError(
                    status: 400, message: "Invalid per_page: \(goQuoted(String(text.prefix(64))))")
            }
            // 0 is what clients send that want all.
            self.size = size == 0 ? nil : min(Int(size), Self.sizeMax)
        }
        if kind == .evaluations { try readEvaluations(query) }
        token = query.first("next_token") ?? ""
        guard token.utf8.count <= SchedulingBounds.nameBytesMax else {
            throw APIError(status: 400, message: "Invalid next_token: it is too long")
        }
        guard !kind.hasIDs || token.isEmpty || UniqueID(token) != nil else {
            throw APIError(
                status: 400, message: "Invalid next_token: \(goQuoted(String(token.prefix(64))))")
        }
    }

    private mutating func readEvaluations(_ query: Query) throws(APIError) {
        if let name = query.first("job"), !name.isEmpty { job = name }
        guard let name = query.first("status"), !name.isEmpty else { return }
        guard let status = Evaluation.Status(rawValue: name) else {
            let names = Evaluation.Status.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIError(
                status: 400,
                message: "Invalid status: \(goQuoted(String(name.prefix(64)))) is none of \(names)")
        }
        self.status = status
    }

    /// Who asks for some rows is not to take all for them.
    static func refuseFilter(_ query: Query) throws(APIError) {
        guard query.first("filter") ?? "" == "" else {
            throw APIError(
                status: 400, message: "Invalid filter: expressions are for lists")
        }
    }

    /// The part of `ids` from the page's beginning on, in the list's direction; nil for none.
    func rest(of ids: ClosedRange<UniqueID>) -> ClosedRange<UniqueID>? {
        guard let token = UniqueID(token) else { return ids }
        let first = isReversed ? ids.lowerBound : max(ids.lowerBound, token)
        let last = isReversed ? min(ids.upperBound, token) : ids.upperBound
        return first <= last ? first...last : nil
    }

    /// The rows from the page's beginning on, in the list's direction; they come ascending by what
    /// their tokens are.
    func ordered<Row>(
        _ rows: some Sequence<Row>, token: @escaping (Row) -> String
    ) -> AnySequence<Row> {
        let first = self.token
        guard isReversed else {
            return AnySequence(rows.lazy.drop { token($0) < first })
        }
        return AnySequence(
            Array(rows).lazy.reversed().drop { !first.isEmpty && token($0) > first })
    }

    /// The rows of the page, and where the next begins; nil for the last. Where a filter hides many, so
    /// that many were looked at, the page ends early.
    func cut<Row>(
        _ rows: some Sequence<Row>, token: (Row) -> String, isWanted: (Row) -> Bool
    ) -> (rows: [Row], next: String?) {
        let size = size ?? Self.sizeMax
        let lookedMax = filter?.rowsOfPageMax ?? (status == nil ? .max : Self.lookedMax)
        var found: [Row] = []
        var looked = 0
        for row in rows {
            guard found.count < size, looked < lookedMax else { return (found, token(row)) }
            looked += 1
            if isWanted(row) { found.append(row) }
        }
        return (found, nil)
    }
}
