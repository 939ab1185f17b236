// SPDX-License-Identifier: Apache-2.0

import MartletHTTP
import Testing

@Suite("Router") struct RouterTests {
    private let router = Router<String>([
        .init(methods: [.get: "config", .put: "set"], path: "/v1/operator/configuration"),
        .init(methods: [.delete: "remove"], path: "/v1/operator/raft/peer"),
        .init(methods: [.get: "policies"], path: "/v1/acl/policies"),
        .init(methods: [.get: "policy", .delete: "drop"], path: "/v1/acl/policy/:name"),
        .init(methods: [.get: "self"], path: "/v1/acl/token/self"),
        .init(methods: [.get: "token"], path: "/v1/acl/token/:accessor"),
        .init(methods: [.get: "pair"], path: "/v1/pair/:a/:b"),
        .init(methods: [.get: "get", .head: "head"], path: "/both"),
        .init(methods: [.options: "all"], path: "*"),
        .init(methods: [.get: "job", .delete: "drop"], path: "/v1/job/:id"),
        .init(methods: [.get: "summary"], path: "/v1/job/:id/summary"),
        .init(methods: [.get: "end"], path: "/v1/part/:id/end"),
        .init(methods: [.get: "inner"], path: "/v1/job/kind/:id/end"),
    ])

    /// The endpoint with its parameters, or why there is none.
    private func match(_ method: RequestHead.Method, _ path: String) -> String {
        switch router.match(method: method, path: path) {
        case .found(let endpoint, let parameters):
            ([endpoint] + parameters.map(String.init)).joined(separator: " ")
        case .notFound: "404"
        case .methodNotAllowed(let allow): "405 \(allow)"
        }
    }

    @Test(
        "Paths and methods lead to endpoints",
        arguments: [
            (.get, "/v1/operator/configuration", "config"),
            (.put, "/v1/operator/configuration", "set"),
            (.delete, "/v1/operator/raft/peer", "remove"), (.options, "*", "all"),
            (.get, "/v1/acl/policy/ops", "policy ops"), (.delete, "/v1/acl/policy/é b", "drop é b"),
            (.get, "/v1/acl/token/self", "self"), (.get, "/v1/acl/token/selfish", "token selfish"),
            (.get, "/v1/pair/1/2", "pair 1 2"),
        ] as [(RequestHead.Method, String, String)])
    func found(method: RequestHead.Method, path: String, endpoint: String) {
        #expect(match(method, path) == endpoint)
    }

    @Test("HEAD is answered wherever GET is, unless it has its own endpoint")
    func head() {
        #expect(match(.head, "/v1/acl/policies") == "policies")
        #expect(match(.head, "/v1/acl/policy/x") == "policy x")
        #expect(match(.head, "/both") == "head")
        #expect(match(.head, "/v1/operator/raft/peer") == "405 DELETE")
    }

    @Test(
        "Unknown paths are not found",
        arguments: [
            "", "/", "v1/acl/policies", "/v1/acl/policies/", "/V1/acl/policies", "/v1/acl/policy",
            "/v1/acl/policy/", "/v1/acl/policy/a/b", "/v1/acl/policy//", "/v1/acl", "//", "é",
            "/v1/pair/1", "/v1/pair/1/", "/v1/pair//2", "/v1/pair/1/2/3", "**",
        ])
    func notFound(path: String) {
        #expect(match(.get, path) == "404")
    }

    @Test("Other methods are told what is allowed, sorted, with HEAD where GET is")
    func methodNotAllowed() {
        #expect(match(.post, "/v1/operator/configuration") == "405 GET, HEAD, PUT")
        #expect(match(.other, "/v1/acl/policy/x") == "405 DELETE, GET, HEAD")
        #expect(match(.get, "*") == "405 OPTIONS")
        // The exact path is meant, though the one with a parameter would fit as well.
        #expect(match(.delete, "/v1/acl/token/self") == "405 GET, HEAD")
    }

    @Test(
        "A parameter in front of fixed segments takes slashes, and so does the same at the end",
        arguments: [
            ("/v1/job/web", "job web"), ("/v1/job/web/summary", "summary web"),
            ("/v1/job/a/b", "job a/b"), ("/v1/job/a/b/summary", "summary a/b"),
            ("/v1/job/a/summary/summary", "summary a/summary"),
            ("/v1/job/summary", "job summary"), ("/v1/job//summary", "job /summary"),
            ("/v1/job/a/summary/", "job a/summary/"), ("/v1/job/é/", "job é/"),
            ("/v1/job/\u{301}/summary", "summary \u{301}"), ("/v1/job/", "404"),
            ("/v1/job", "404"), ("/v1/jobs/a/b", "404"), ("/v1/part/a", "404"),
            ("/v1/part/a/b", "404"), ("/v1/part/a/b/end", "end a/b"), ("/v1/part/end", "404"),
            ("/v1/job/kind/a/b/end", "inner a/b"), ("/v1/job/kind/end", "job kind/end"),
            ("/v1/job/kind/summary", "summary kind"),
        ])
    func slashes(path: String, expected: String) {
        #expect(match(.get, path) == expected)
    }

    @Test("Methods of a path with a parameter that takes slashes are told too")
    func methodsOfWrapped() {
        #expect(match(.put, "/v1/job/a/b/summary") == "405 GET, HEAD")
        #expect(match(.delete, "/v1/job/a/b") == "drop a/b")
    }
}
