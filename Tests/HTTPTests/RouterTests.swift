// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletHTTP

@Suite("Routes, queries and dates") struct RouterTests {
    private static let router = Router<String>([
        Route(path: "/v1/a", methods: [(.get, "a"), (.put, "set a")]),
        Route(path: "/v1/b/:name", methods: [(.delete, "b")]),
    ])

    private static func match(_ method: RequestHead.Method, _ path: String) -> String {
        switch router.match(method: method, path: path) {
        case .found(let endpoint, let parameters):
            ([endpoint] + parameters.map(String.init)).joined(separator: " ")
        case .notFound: "404"
        case .methodNotAllowed(let allow): "405 \(allow)"
        }
    }

    @Test("Paths match exactly, HEAD goes where GET goes, a known path names its methods")
    func matches() {
        #expect(Self.match(.get, "/v1/a") == "a")
        #expect(Self.match(.head, "/v1/a") == "a")
        #expect(Self.match(.put, "/v1/a") == "set a")
        #expect(Self.match(.post, "/v1/a") == "405 GET, HEAD, PUT")
        #expect(Self.match(.other, "/v1/a") == "405 GET, HEAD, PUT")
        #expect(Self.match(.get, "/v1/a/") == "404")
        #expect(Self.match(.get, "/V1/a") == "404")
        #expect(Self.match(.delete, "/v1/b/x") == "b x")
        #expect(Self.match(.get, "/v1/b/x") == "405 DELETE")
        #expect(Self.match(.delete, "/v1/b/") == "404")
        #expect(Self.match(.delete, "/v1/b/x/y") == "404")
    }

    @Test("Pairs keep their order; a bare name is empty; plus is a space; a bad escape is dropped")
    func query() {
        let query = Query("stale&id=a%20b&id=c+d&bad=%zz&=x&é=1")
        #expect(query.first("stale") == "")
        #expect(query.first("id") == "a b")
        #expect(query.all("id") == ["a b", "c d"])
        #expect(query.first("bad") == nil)
        #expect(query.hasInvalidPair)
        #expect(query.first("ID") == nil)
        #expect(query.first("") == "x")
        #expect(query.first("é") == "1")
        #expect(!Query("a=1").hasInvalidPair)
        #expect(Query("").first("a") == nil)
    }

    @Test(
        "Dates have the form that HTTP wants (RFC 9110 §5.6.7)",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] as [(Int64, String)])
    func dates(seconds: Int64, expected: String) {
        #expect(HTTPDate.format(unixSeconds: seconds) == expected)
    }
}
