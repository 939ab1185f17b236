// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletJSON

/// Which part of a list is asked for: `?per_page=` and `?next_token=`.
struct ListPage: Equatable {
    /// Rows of one page; nil for all.
    private(set) var size: Int?
    /// Where the page begins: `X-Nomad-NextToken` of the page before. Empty for the beginning.
    private(set) var token = ""

    /// More are given page by page.
    static let sizeMax = 10_000

    /// - Throws: 400 that names the parameter.
    init(_ query: Query) throws(APIError) {
        try Self.refuseFilter(query)
        if let text = query.first("per_page"), !text.isEmpty {
            guard let size = Int32(text), size >= 0 else {
                throw APIError(
                    status: 400, message: "Invalid per_page: \(goQuoted(String(text.prefix(64))))")
            }
            // 0 is what clients send that want all.
            self.size = size == 0 ? nil : min(Int(size), Self.sizeMax)
        }
        token = query.first("next_token") ?? ""
        guard token.utf8.count <= SchedulingBounds.nameBytesMax else {
            throw APIError(status: 400, message: "Invalid next_token: it is too long")
        }
    }

    /// Who asks for some rows is not to take all for them.
    static func refuseFilter(_ query: Query) throws(APIError) {
        guard query.first("filter") ?? "" == "" else {
            throw APIError(
                status: 400, message: "Invalid filter: expressions are not supported")
        }
    }

    /// As ``init(_:)``, of a list in the order of ids.
    init(ofIDs query: Query) throws(APIError) {
        try self.init(query)
        guard token.isEmpty || UniqueID(token) != nil else {
            throw APIError(
                status: 400, message: "Invalid next_token: \(goQuoted(String(token.prefix(64))))")
        }
    }

    /// The part of `ids` from the page's beginning on; nil for none.
    func rest(of ids: ClosedRange<UniqueID>) -> ClosedRange<UniqueID>? {
        let first = max(ids.lowerBound, UniqueID(token) ?? ids.lowerBound)
        return first <= ids.upperBound ? first...ids.upperBound : nil
    }

    /// The rows of the page, and where the next begins; nil for the last.
    func cut<Row>(
        _ rows: some Sequence<Row>, token: (Row) -> String
    ) -> (rows: [Row], next: String?) {
        let size = size ?? Self.sizeMax
        let found = Array(rows.prefix(size + 1))
        guard found.count > size, let next = found.last else { return (found, nil) }
        return (Array(found.dropLast()), token(next))
    }
}
