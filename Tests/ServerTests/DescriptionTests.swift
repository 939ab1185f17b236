// SPDX-License-Identifier: Apache-2.0
import Foundation
import MartletACL
import MartletHTTP
import MartletJSON
import Testing

@testable import MartletServer

/// `docs/api/openapi.json` beside the table of routes. That the answers are as described is the matter
/// of `Tests/Processes/openapi.py`.
@Suite("The description of the HTTP interface") struct DescriptionTests {
    @Test("It names the endpoints of the table, no more and no fewer, and what each needs")
    func endpoints() throws {
        let described = try Self.described()
        let served = Self.served()
        #expect(served.count > 50)
        for key in Set(described.keys).union(served.keys).sorted() {
            #expect(described[key] == served[key], "\(key)")
        }
    }

    /// By method and path: the endpoint, what it needs, and whether its path is known without `/v1`.
    private static func served() -> [String: String] {
        var served: [String: String] = [:]
        for row in Routes.table {
            let path = "/v1" + row.path
            let bare = Routes.router.match(method: .options, path: row.path)
            let isBare = if case .notFound = bare { false } else { true }
            for (method, endpoint) in row.methods {
                let isSecond = method == .post && row.methods[.put] == endpoint
                served["\(method) \(braced(path))"] =
                    "\(name(endpoint))\(isSecond ? "ByPost" : ""), \(needs(endpoint))"
                    + (isBare ? ", also without /v1" : "")
            }
        }
        return served
    }

    private static func braced(_ path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : String($0) }
            .joined(separator: "/")
    }

    private static func name(_ endpoint: Endpoint) -> String {
        switch endpoint {
        case .jobs(let inner): "\(inner)"
        case .nodes(let inner): "\(inner)"
        case .pools(let inner): "\(inner)"
        default: "\(endpoint)"
        }
    }

    private static func needs(_ endpoint: Endpoint) -> String {
        switch endpoint.requirement {
        case .nothing: "nothing"
        case .filtered: "nothing or a token"
        case .token: "a token"
        case .operation(let operation): "\(operation)"
        case .namespace(let capability): capability.name
        case .nodePool(let capability): "\(capability.name) of the node pool"
        case .nodeSecret: "a node's secret"
        }
    }

    private static func described() throws -> [String: String] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/api/openapi.json")
        let node = try JSONReader.parse(
            Array(try Data(contentsOf: file)),
            limits: JSONLimits(depthMax: 64, bytesMax: 4 << 20, valuesMax: 1 << 20))
        var described: [String: String] = [:]
        for path in try members(node.member("paths")) {
            let isBare = path.node.member("x-martlet-also-without-v1") != nil
            for method in try members(path.node) where !method.name.hasPrefix("x-") {
                let name = try #require(text(method.node.member("operationId")))
                described["\(method.name) \(path.name)"] =
                    "\(name), \(needs(method.node))" + (isBare ? ", also without /v1" : "")
            }
        }
        return described
    }

    private static func needs(_ operation: JSONNode) -> String {
        if let operation = text(operation.member("x-martlet-operation")) { return operation }
        guard case .array(let schemes) = operation.member("security")?.value else {
            return "a token"
        }
        if schemes.contains(where: { $0.member("nodeSecret") != nil }) {
            return "a node's secret"
        }
        return schemes.isEmpty ? "nothing" : "nothing or a token"
    }

    private static func members(_ node: JSONNode?) throws -> [JSONMember] {
        guard case .object(let members) = try #require(node).value else { return [] }
        return members
    }

    private static func text(_ node: JSONNode?) -> String? {
        guard case .string(let text) = node?.value else { return nil }
        return text
    }
}
