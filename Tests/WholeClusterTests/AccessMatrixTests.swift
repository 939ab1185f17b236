// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletSimulation
import Testing

/// Every endpoint against every kind of token (`operator-api.md`, section 5; `acl.md`, section 4.2).
@Suite("Access matrix") struct AccessMatrixTests {
    /// The tokens, by what they may do. What no row names, a token may not.
    private static let tokens: [(name: String, rules: String)] = [
        ("read", #"operator { policy = "read" }"#),
        ("write", #"operator { policy = "write" }"#),
        ("deny", #"operator { policy = "deny" }"#),
        ("agent-read", #"agent { policy = "read" }"#),
        ("agent-write", #"agent { policy = "write" }"#),
        ("node-read", #"node { policy = "read" }"#),
        ("node-write", #"node { policy = "write" }"#),
        ("pool-read", #"node_pool "p*" { policy = "read" }"#),
        ("pool-write", #"node_pool "p*" { policy = "write" }"#),
        ("pool-other", #"node_pool "q" { policy = "write" }"#),
        ("other", #"namespace "other" { policy = "write" }"#),
        ("ns-list", #"namespace "default" { capabilities = ["list-jobs"] }"#),
        ("ns-read", #"namespace "default" { policy = "read" }"#),
        ("ns-write", #"namespace "default" { policy = "write" }"#),
        ("ns-scale", #"namespace "default" { policy = "scale" }"#),
        ("raft-read", #"operator { capabilities = ["raft-read"] }"#),
        ("raft-remove", #"operator { capabilities = ["raft-remove"] }"#),
        ("leader-transfer", #"operator { capabilities = ["leader-transfer"] }"#),
        ("autopilot-read", #"operator { capabilities = ["autopilot-read"] }"#),
        ("autopilot-write", #"operator { capabilities = ["autopilot-write"] }"#),
        ("scheduler-read", #"operator { capabilities = ["scheduler-read"] }"#),
        ("scheduler-write", #"operator { capabilities = ["scheduler-write"] }"#),
        ("snapshot-save", #"operator { capabilities = ["snapshot-save"] }"#),
        ("snapshot-restore", #"operator { capabilities = ["snapshot-restore"] }"#),
        ("keyring", #"operator { capabilities = ["keyring"] }"#),
    ]

    struct Row: Sendable, CustomTestStringConvertible {
        let method: ClientMethod
        let path: String
        var body: String?
        /// Beside management, which may do everything.
        let allowed: Set<String>

        var testDescription: String { "\(method) \(path)" }
    }

    private static let anybody: Set<String> = Set(tokens.map(\.name))
        .union(["read+deny", "read+write", "unknown policy"])
        .union(["none", "garbage", "unknown", "accessor"])
    private static let anyToken = anybody.subtracting(["none", "garbage", "unknown", "accessor"])

    static let rows: [Row] = {
        let op = "/v1/operator"
        let gone = "00000000-0000-4000-8000-000000000000"
        let autopilotReaders: Set<String> = ["read", "write", "read+write", "autopilot-read"]
        let schedulerReaders: Set<String> = ["read", "write", "read+write", "scheduler-read"]
        let named: [Row] = [
            Row(method: .get, path: "\(op)/raft/configuration", allowed: ["raft-read"]),
            Row(method: .get, path: "\(op)/raft/history", allowed: ["raft-read"]),
            Row(
                method: .get, path: "\(op)/autopilot/configuration", allowed: autopilotReaders),
            Row(method: .get, path: "\(op)/autopilot/health", allowed: autopilotReaders),
            Row(method: .get, path: "\(op)/autopilot/state", allowed: autopilotReaders),
            Row(method: .get, path: "\(op)/autopilot/plan", allowed: autopilotReaders),
            Row(
                method: .get, path: "\(op)/scheduler/configuration", allowed: schedulerReaders),
            Row(method: .get, path: "\(op)/snapshot", allowed: ["snapshot-save"]),
            Row(method: .get, path: "/v1/agent/self", allowed: ["agent-read", "agent-write"]),
            Row(method: .head, path: "/v1/agent/monitor", allowed: ["agent-read", "agent-write"]),
            Row(
                method: .head, path: "/v1/event/stream",
                allowed: autopilotReaders.union(schedulerReaders).union(["raft-read"])
                    .union(jobReaders).union(["node-read", "node-write"])),
            Row(method: .head, path: "/v1/event/stream?topic=Job", allowed: jobReaders),
            Row(
                method: .head, path: "/v1/event/stream?topic=Node",
                allowed: ["node-read", "node-write"]),
            Row(
                method: .head, path: "/v1/event/stream?topic=SchedulerConfiguration",
                allowed: schedulerReaders),
            Row(method: .head, path: "/v1/event/stream?topic=ACLToken", allowed: []),
            Row(method: .get, path: "/v1/agent/members", allowed: ["node-read", "node-write"]),
            Row(method: .get, path: "/v1/nodes", allowed: ["node-read", "node-write"]),
            Row(method: .get, path: "/v1/node/\(gone)", allowed: ["node-read", "node-write"]),
            Row(
                method: .get, path: "/v1/node/\(gone)/allocations",
                allowed: ["node-read", "node-write"]),
            Row(method: .get, path: "/v1/node/pools", allowed: anyToken.union(["none"])),
            Row(method: .get, path: "/v1/node/pool/p", allowed: ["pool-read", "pool-write"]),
            Row(method: .get, path: "/v1/acl/tokens", allowed: []),
            Row(
                method: .get, path: "/v1/acl/policy/matrix-read",
                allowed: ["read", "read+deny", "read+write"]),
            Row(method: .get, path: "/v1/acl/token/\(gone)", allowed: []),
            Row(method: .get, path: "/v1/acl/role/\(gone)", allowed: []),
            Row(method: .get, path: "/v1/acl/policies", allowed: anyToken.union(["none"])),
            Row(method: .get, path: "/v1/acl/roles", allowed: anyToken.union(["none"])),
            Row(method: .get, path: "/v1/status/leader", allowed: anybody),
            Row(method: .get, path: "/v1/status/peers", allowed: anybody),
            Row(method: .get, path: "/v1/regions", allowed: anybody),
            Row(method: .get, path: "/v1/agent/health", allowed: anybody),
            Row(method: .get, path: "/v1/metrics", allowed: anybody),
            Row(method: .get, path: "/ui/", allowed: anybody),
            Row(method: .get, path: "/v1/livez", allowed: anybody),
            Row(method: .get, path: "/v1/readyz", allowed: anybody),
            Row(method: .get, path: "/v1/status/is-leader", allowed: anybody),
            Row(method: .get, path: "/v1/namespaces", allowed: anyToken.union(["none"])),
            Row(
                method: .get, path: "/v1/jobs", allowed: ["ns-list", "ns-read", "ns-write"]),
            Row(
                method: .get, path: "/v1/job/x/scale",
                allowed: ["ns-read", "ns-write", "ns-scale"]),
            Row(method: .get, path: "/v1/jobs?namespace=other", allowed: ["other"]),
        ]
        let readers =
            named + jobReads.map { Row(method: .get, path: $0, allowed: jobReaders) }
        // The same, asked of whoever answers from what it has.
        let stale = readers.map {
            Row(
                method: $0.method,
                path: $0.path + ($0.path.contains("?") ? "&stale" : "?stale"),
                allowed: $0.allowed)
        }
        let writers: [Row] = [
            Row(method: .delete, path: "\(op)/raft/peer?id=\(gone)", allowed: ["raft-remove"]),
            Row(
                method: .put, path: "\(op)/raft/transfer-leadership?id=\(gone)",
                allowed: ["leader-transfer"]),
            Row(
                method: .put, path: "\(op)/autopilot/configuration", body: "{}",
                allowed: ["write", "read+write", "autopilot-write"]),
            Row(
                method: .put, path: "\(op)/scheduler/configuration", body: "{}",
                allowed: ["write", "read+write", "scheduler-write"]),
            Row(
                method: .put, path: "\(op)/snapshot", body: "no archive",
                allowed: ["snapshot-restore"]),
            Row(
                method: .put, path: "/v1/agent/force-leave?node=nobody",
                allowed: ["agent-write"]),
            Row(
                method: .put, path: "/v1/agent/join?address=nowhere", allowed: ["agent-write"]),
            Row(
                method: .put, path: "/v1/agent/keyring/use", body: #"{"Key":"no key"}"#,
                allowed: ["agent-write", "keyring"]),
            Row(method: .get, path: "/v1/agent/keyring/list", allowed: ["agent-write", "keyring"]),
            Row(
                method: .put, path: "/v1/node/\(gone)/eligibility",
                body: #"{"Eligibility":"eligible"}"#, allowed: ["node-write"]),
            Row(
                method: .put, path: "/v1/node/\(gone)/drain", body: "{}",
                allowed: ["node-write"]),
            Row(method: .put, path: "/v1/node/\(gone)/evaluate", allowed: ["node-write"]),
            Row(method: .put, path: "/v1/node/\(gone)/purge", allowed: ["node-write"]),
            Row(
                method: .put, path: "/v1/node/pool/p1", body: "{}", allowed: ["pool-write"]),
            Row(
                method: .put, path: "/v1/node/pools", body: #"{"Name":"p2"}"#,
                allowed: ["pool-write"]),
            Row(method: .delete, path: "/v1/node/pool/p3", allowed: ["pool-write"]),
            Row(method: .put, path: "/v1/acl/policy/x", body: "{}", allowed: []),
            Row(method: .delete, path: "/v1/acl/policy/x", allowed: []),
            Row(method: .put, path: "/v1/acl/token", body: "{}", allowed: []),
            Row(method: .put, path: "/v1/acl/token/\(gone)", body: "{}", allowed: []),
            Row(method: .delete, path: "/v1/acl/token/\(gone)", allowed: []),
            Row(method: .put, path: "/v1/acl/role", body: "{}", allowed: []),
            Row(method: .put, path: "/v1/acl/role/\(gone)", body: "{}", allowed: []),
            Row(method: .delete, path: "/v1/acl/role/\(gone)", allowed: []),
        ]
        return readers + stale + writers + jobWrites(gone)
    }()

    private static let jobReaders: Set<String> = ["ns-read", "ns-write", "ns-scale"]

    private static let jobReads: [String] = {
        let gone = "00000000-0000-4000-8000-000000000000"
        return [
            "/v1/job/x", "/v1/job/x/allocations", "/v1/job/x/evaluations",
            "/v1/job/x/deployments", "/v1/job/x/deployment", "/v1/job/x/summary",
            "/v1/job/x/versions", "/v1/evaluations", "/v1/evaluations/count",
            "/v1/evaluation/\(gone)",
            "/v1/evaluation/\(gone)/allocations", "/v1/allocations", "/v1/allocation/\(gone)",
            "/v1/deployments", "/v1/deployment/\(gone)", "/v1/deployment/allocations/\(gone)",
        ]
    }()

    /// None of them finds what it is about.
    private static func jobWrites(_ gone: String) -> [Row] {
        let scale = #"{"Count":1,"Target":{"Group":"g"}}"#
        let submits: [(ClientMethod, String, String?)] = [
            (.put, "/v1/jobs", "{}"), (.put, "/v1/job/x", "{}"), (.delete, "/v1/job/x", nil),
            (.put, "/v1/job/x/plan", "{}"), (.put, "/v1/job/x/revert", "{}"),
            (.put, "/v1/job/x/stable", "{}"),
            (.put, "/v1/job/x/dispatch", "{}"), (.put, "/v1/job/x/periodic/force", nil),
            (.put, "/v1/deployment/fail/\(gone)", nil),
            (.put, "/v1/deployment/pause/\(gone)", "{}"),
            (.put, "/v1/deployment/promote/\(gone)", #"{"All":true}"#),
            (.put, "/v1/deployment/allocation-health/\(gone)", "{}"),
        ]
        return submits.map { Row(method: $0.0, path: $0.1, body: $0.2, allowed: ["ns-write"]) } + [
            Row(method: .put, path: "/v1/job/x/evaluate", allowed: jobReaders),
            Row(method: .put, path: "/v1/validate/job", body: "{}", allowed: jobReaders),
            Row(
                method: .put, path: "/v1/jobs/parse", body: "{}",
                allowed: ["ns-read", "ns-write"]),
            Row(
                method: .put, path: "/v1/job/x/scale", body: scale,
                allowed: ["ns-write", "ns-scale"]),
            Row(method: .put, path: "/v1/allocation/\(gone)/stop", allowed: ["ns-write"]),
            Row(
                method: .put, path: "/v1/search", body: #"{"Context":"evals"}"#,
                allowed: jobReaders),
            Row(method: .delete, path: "/v1/evaluations", body: "{}", allowed: []),
            Row(method: .put, path: "/v1/system/gc", allowed: []),
            Row(method: .put, path: "/v1/system/reconcile/summaries", allowed: []),
        ]
    }

    @Test("Each endpoint listens to those that it names, on leader and followers, stale or not")
    func matrix() throws {
        let guarded = try GuardedCluster(seed: 71)
        var secrets: [(name: String, secret: String?)] = [
            ("none", nil), ("garbage", "garbage"),
            ("unknown", "11111111-2222-4333-8444-555555555555"),
        ]
        for token in Self.tokens {
            secrets.append((token.name, try guarded.token(of: "matrix-\(token.name)", token.rules)))
        }
        for (name, policies) in [
            ("read+deny", ["matrix-read", "matrix-deny"]),
            ("read+write", ["matrix-read", "matrix-write"]), ("unknown policy", ["not-there"]),
        ] {
            let made = try guarded.makeToken(policies: policies)
            secrets.append((name, made.secret))
            if name == "read+deny" { secrets.append(("accessor", made.accessor)) }
        }
        guarded.cluster.world.run(for: .seconds(1))
        for node in [guarded.leader, guarded.followers[0]] {
            for row in Self.rows {
                for (name, secret) in secrets {
                    let answer = guarded.cluster.ask(
                        node, row.method, row.path, body: row.body, token: secret)
                    let isListenedTo = answer.status != 403
                    #expect(
                        isListenedTo == row.allowed.contains(name) && answer.status > 0,
                        "\(row.testDescription) at \(node.name) with \(name): \(answer.status) \(answer.text)"
                    )
                }
                let answer = guarded.cluster.ask(
                    node, row.method, row.path, body: row.body, token: guarded.management)
                #expect(
                    answer.status != 403 && answer.status > 0, "\(row.testDescription): management")
            }
        }
    }

    @Test("A node is known by its secret alone: no token stands for it, and it needs none")
    func nodes() throws {
        let guarded = try GuardedCluster(seed: 73)
        let id = "00000000-0000-4000-8000-000000000001"
        let secret = ClientResponse.Header(
            name: "X-Martlet-Node-Secret", value: "00000000-0000-4000-8000-000000000002")
        let path = "/v1/martlet/node/\(id)"
        let node =
            "{\"ID\":\"\(id)\",\"SecretID\":\"\(secret.value)\",\"Datacenter\":\"dc1\"}"
        let ids = "{\"NodeIDs\":[\"\(id)\"]}"
        let rows: [(method: ClientMethod, path: String, body: String?)] = [
            (.put, path, node),
            (.put, "/v1/martlet/nodes", "{\"Nodes\":[\(node)]}"),
            (.put, "\(path)/heartbeat", "{}"),
            (.put, "/v1/martlet/nodes/heartbeat", ids),
            (.get, "\(path)/allocations", nil),
            (.get, "\(path)/allocations?stale", nil),
            (.post, "/v1/martlet/nodes/allocations", ids),
            (.post, "/v1/martlet/allocations/pull", #"{"AllocIDs":[]}"#),
            (.put, "\(path)/allocations", #"{"Alloc":[]}"#),
            (.put, "/v1/martlet/allocations", #"{"Alloc":[]}"#),
            (.post, "\(path)/events", #"{"Events":[{"Message":"m"}]}"#),
        ]
        for server in [guarded.leader, guarded.followers[0]] {
            for row in rows {
                for token in [nil, guarded.management] {
                    let refused = guarded.cluster.ask(
                        server, row.method, row.path, body: row.body, token: token)
                    #expect(refused.status == 403, "\(row.path): \(refused.text)")
                }
                let answer = guarded.cluster.ask(
                    server, row.method, row.path, body: row.body, headers: [secret])
                #expect(answer.status == 200, "\(row.path): \(answer.status) \(answer.text)")
            }
        }
    }

    @Test("Nothing tells a refused caller whether what it asks for is there")
    func silence() throws {
        let guarded = try GuardedCluster(seed: 72)
        let secret = try guarded.token(of: "small", #"node { policy = "read" }"#)
        try guarded.putPolicy("hidden", #"node { policy = "read" }"#)
        for path in ["/v1/acl/policy/hidden", "/v1/acl/policy/not-there"] {
            let answer = guarded.cluster.ask(guarded.leader, .get, path, token: secret)
            #expect(answer.status == 403)
            #expect(answer.text == "Permission denied")
        }
    }
}
