// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import Testing

/// Three servers that ask who is calling, and the tokens that tests call them with.
final class GuardedCluster {
    let cluster: SimulatedCluster
    let leader: SimulatedCluster.Node
    /// Opens everything.
    let management: String

    init(
        seed: UInt64, configure: (inout ServerOptions) -> Void = { _ in }
    ) throws {
        cluster = SimulatedCluster(seed: seed, count: 3) { options in
            options.acl.isEnabled = true
            options.acl.bootstrapResetPath = "/data/server/acl-bootstrap-reset"
            configure(&options)
        }
        cluster.startAll()
        leader = try #require(cluster.settle())
        let first = cluster.ask(leader, .put, "/v1/acl/bootstrap")
        management = try #require(first.field("SecretID"), "\(first.text)")
    }

    var followers: [SimulatedCluster.Node] { cluster.nodes.filter { $0 !== leader } }

    /// Asks the leader as management, and wants it done.
    @discardableResult
    func manage(
        _ method: ClientMethod, _ path: String, _ body: String? = nil
    ) throws -> Result<ClientResponse, ClientError> {
        let answer = cluster.ask(leader, method, path, body: body, token: management)
        try #require(answer.status == 200, "\(method) \(path): \(answer.status) \(answer.text)")
        return answer
    }

    func putPolicy(_ name: String, _ rules: String) throws {
        let escaped = rules.replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        try manage(
            .put, "/v1/acl/policy/\(name)", "{\"Name\":\"\(name)\",\"Rules\":\"\(escaped)\"}")
    }

    /// The secret and the accessor of a new token with these policies.
    func makeToken(
        policies: [String], more: String = ""
    ) throws -> (secret: String, accessor: String) {
        let names = policies.map { "\"\($0)\"" }.joined(separator: ",")
        let answer = try manage(
            .put, "/v1/acl/token",
            "{\"Name\":\"t\",\"Type\":\"client\",\"Policies\":[\(names)]\(more)}")
        return (
            try #require(answer.field("SecretID")), try #require(answer.field("AccessorID"))
        )
    }

    /// The secret of a token whose one policy has these rules.
    func token(of name: String, _ rules: String) throws -> String {
        try putPolicy(name, rules)
        return try makeToken(policies: [name]).secret
    }
}

extension Result where Success == ClientResponse {
    var answered: ClientResponse? {
        if case .success(let response) = self { response } else { nil }
    }

    /// 0 for no answer.
    var status: Int { answered?.status ?? 0 }
    var text: String { String(decoding: answered?.body ?? [], as: UTF8.self) }

    /// The text of the first member of that name.
    func field(_ name: String) -> String? {
        let text = text
        guard let range = text.firstRange(of: "\"\(name)\":\"") else { return nil }
        return String(text[range.upperBound...].prefix { $0 != "\"" })
    }
}
