// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletHTTP
import MartletHarness
import MartletJSON
import MartletSimulation
import MartletState
import MartletTransport
import Testing

@testable import MartletServer

private let configurationPath = "/v1/operator/autopilot/configuration"
private let logPath = "/audit/audit.log"

private func put(_ path: String, _ body: String, _ fields: String = "") -> String {
    "PUT \(path) HTTP/1.1\r\nHost: a\r\nUser-Agent: tester/1\r\n\(fields)"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

extension HTTPStage {
    fileprivate init(audited seed: UInt64, _ change: (inout AuditOptions) -> Void = { _ in }) throws
    {
        var options = AuditOptions(path: logPath)
        change(&options)
        try self.init(seed: seed) { $0.audit = options }
    }

    /// The lines of requests, without the log's own.
    fileprivate var lines: [JSONNode] {
        get throws {
            guard node.host.files.exists(logPath) else { return [] }
            return try node.host.files.read(logPath, limitBytes: 16 << 20)
                .split(separator: UInt8(ascii: "\n")).map { try JSONReader.parse(Array($0)) }
                .filter { $0.text("event_type") == "audit" }
        }
    }

    fileprivate var text: String {
        get throws {
            String(
                decoding: try node.host.files.read(logPath, limitBytes: 16 << 20), as: UTF8.self)
        }
    }

    fileprivate func findings() throws -> [AuditVerifier.Finding] {
        var verifier = AuditVerifier(crypto: node.host.crypto)
        try verifier.check(try node.host.files.read(logPath, limitBytes: 16 << 20), of: logPath)
        return verifier.findings
    }

    fileprivate func counters() throws -> AuditLog.Counters {
        var counters = AuditLog.Counters()
        try enter { if let audit = $0.audit { counters = audit.counters } }
        return counters
    }

    /// What the server has applied.
    fileprivate func trailingLogsMax() throws -> UInt64? {
        var number: UInt64?
        try enter { number = $0.replica.state.autopilot?.maxTrailingLogs }
        return number
    }
}

extension JSONNode {
    fileprivate func at(_ path: String) -> JSONNode? {
        path.split(separator: ".").reduce(JSONNode?.some(self)) { $0?.member(String($1)) }
    }
    fileprivate func text(_ path: String) -> String? {
        if case .string(let text) = at(path)?.value { text } else { nil }
    }
    fileprivate func number(_ path: String) -> Int64? {
        if case .number(let number) = at(path)?.value { number.int64 } else { nil }
    }
}

@Suite("The audit log of a server") struct AuditTests {
    @Test("A change has a line before and one after, in Nomad's shape")
    func change() throws {
        let stage = try HTTPStage(audited: 31)
        let talk = stage.open(
            put(
                "\(configurationPath)?cas=0&secret=s3cr3t", #"{"MaxTrailingLogs":300}"#,
                "X-Nomad-Token: s3cr3t\r\n"))
        stage.cluster.world.run(for: .milliseconds(50))
        #expect(talk.statuses == ["200"])
        let lines = try stage.lines
        try #require(lines.count == 2)
        #expect(
            lines.map { $0.text("payload.stage") } == ["OperationReceived", "OperationComplete"])
        for line in lines {
            #expect(line.text("payload.type") == "audit")
            #expect(line.number("payload.version") == 1)
            #expect(line.text("payload.request.operation") == "PUT")
            #expect(line.text("payload.request.endpoint") == configurationPath)
            #expect(line.text("payload.request.target.cas") == "0")
            #expect(line.text("payload.request.namespace.id") == "default")
            #expect(line.text("payload.request.request_meta.user_agent") == "tester/1")
            #expect(
                line.text("payload.request.request_meta.remote_address")?.hasPrefix("10.") == true)
            #expect(line.text("payload.request.node_meta.ip") == "\(stage.node.httpAddress)")
            #expect(line.at("payload.auth.accessor_id") != nil)
            #expect(line.text("payload.id") == lines[0].text("payload.id"))
            #expect(line.text("created_at")?.hasSuffix("Z") == true)
        }
        #expect(lines[0].at("payload.response") == nil)
        #expect(lines[1].number("payload.response.status_code") == 200)
        #expect(lines[1].text("payload.response.error") == "")
        #expect(
            try !stage.text.contains("s3cr3t"), "no token, and no parameter that names no target")
        #expect(try !stage.text.contains("MaxTrailingLogs"), "no body")
        #expect(try stage.findings() == [])
    }

    @Test("A read leaves no line, and neither does what a stranger gets wrong")
    func reads() throws {
        let stage = try HTTPStage(audited: 32)
        for request in [
            "GET \(configurationPath) HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET \(configurationPath)?stale=x HTTP/1.1\r\nHost: a\r\n\r\n",
            put("/v1/none", "{}"), put("/v1/agent/members", "{}"), "nonsense\r\n\r\n",
        ] {
            _ = stage.open(request)
        }
        stage.cluster.world.run(for: .seconds(1))
        #expect(try stage.lines.isEmpty)
    }

    @Test("A change that is refused has both lines: before its body was read, and after")
    func refused() throws {
        let stage = try HTTPStage(audited: 33)
        _ = stage.open(put("\(configurationPath)?stale=x", "{}"))
        _ = stage.open(put(configurationPath, "no JSON"))
        stage.cluster.world.run(for: .milliseconds(50))
        let lines = try stage.lines
        #expect(lines.map { $0.number("payload.response.status_code") } == [nil, 400, nil, 400])
        #expect(lines[1].text("payload.response.error")?.contains("stale") == true)
        #expect(lines[1].text("payload.request.request_meta.user_agent") == "tester/1")
        #expect(try stage.findings() == [])
    }

    private func access(
        of accessor: String, named name: String, policies: [String]
    ) throws -> Access {
        var state = State()
        let digest = try #require(TokenDigest([UInt8](repeating: 7, count: 32)))
        let token = ACLToken(
            accessorID: accessor, digest: digest, name: name, kind: .client, policies: policies,
            isGlobal: true, createUnixNanoseconds: 0)
        let commands = [
            ACLCommand.upsertPolicies(policies.map { ACLPolicy(name: $0, rules: "") }),
            .createToken(token),
        ]
        for (position, command) in commands.enumerated() {
            _ = state.apply(Command.acl(command).encoded(), at: UInt64(position + 1))
        }
        var cache = AccessCache()
        let found = cache.access(digest, in: state)
        return try #require(found)
    }

    @Test("The name of a token and the reason of a decision stand in it")
    func identity() throws {
        let stage = try HTTPStage(audited: 34)
        let access = try access(
            of: "00000000-0000-4000-8000-0000000000a1", named: "alice", policies: ["dev", "ops"])
        try stage.enter { server in
            server.front?.admit = { head, caller, decided in
                var caller = caller
                caller.refusal = AccessRefusal(
                    kind: .denied, access: access, reason: .managementOnly)
                decided(.refuse(.text(403, "Permission denied"), caller))
            }
        }
        _ = stage.open("GET \(configurationPath) HTTP/1.1\r\nHost: a\r\n\r\n")
        stage.cluster.world.run(for: .milliseconds(50))
        let lines = try stage.lines
        try #require(lines.count == 2)
        #expect(lines[1].text("payload.auth.accessor_id") == "00000000-0000-4000-8000-0000000000a1")
        #expect(lines[1].text("payload.auth.name") == "alice")
        #expect(lines[1].text("payload.reason") == "only management tokens may")
        #expect(lines[1].text("payload.response.error") == "Permission denied")
        #expect(try stage.text.contains(#""policies":["dev","ops"],"global":true"#))
    }

    @Test("A stranger that is refused again and again does not fill the log, which says how often")
    func flood() throws {
        let stage = try HTTPStage(audited: 35)
        let request = put("\(configurationPath)?stale=x", "{}")
        _ = stage.open(String(repeating: request, count: 300))
        stage.cluster.world.run(for: .milliseconds(200))
        #expect(try stage.lines.count == 200)
        #expect(try stage.counters().refusalsUnwritten == 200)
        stage.cluster.world.run(for: .seconds(1))
        _ = stage.open(request)
        stage.cluster.world.run(for: .milliseconds(50))
        #expect(try stage.lines.last?.number("payload.refusals_unwritten") == 200)
        #expect(try stage.findings() == [])
    }

    @Test("Enforced: what cannot be written is not done, and is again when it can be")
    func enforced() throws {
        let stage = try HTTPStage(audited: 36)
        let before = try stage.trailingLogsMax()
        try stage.node.host.files.makeDirectory("/audit")
        try stage.node.host.files.replace(logPath, with: Array("in the way".utf8))
        let request = put(configurationPath, #"{"MaxTrailingLogs":301}"#)
        let refused = stage.open(request)
        #expect(refused.statuses == ["500"])
        #expect(refused.text.contains("the audit log cannot be written, nothing was done"))
        #expect(try stage.trailingLogsMax() == before)
        #expect(try stage.counters().changesRefused == 1)
        let read = stage.open("GET \(configurationPath) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(read.statuses == ["200"], "reads go on")
        let unready = stage.open("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(unready.statuses == ["503"])
        #expect(unready.text.contains("[-]audit log failed: cannot be written: "))
        let metrics = "GET /v1/metrics HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(stage.open(metrics).text.contains(#""Name":"nomad.audit.failing","Value":1"#))
        try stage.node.host.files.remove(logPath)
        stage.cluster.world.run(for: .milliseconds(1500))
        #expect(
            stage.open("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").statuses == ["200"],
            "it finds out by itself")
        #expect(stage.open(metrics).text.contains(#""Name":"nomad.audit.failing","Value":0"#))
        let done = stage.open(request)
        stage.cluster.world.run(for: .milliseconds(50))
        #expect(done.statuses == ["200"])
        #expect(try stage.trailingLogsMax() == 301)
    }

    /// The writer withholds its answer.
    private func hang(_ stage: HTTPStage) {
        stage.node.host.disk.stall(until: stage.cluster.world.now + .seconds(1000))
    }

    private func release(_ stage: HTTPStage) {
        stage.node.host.disk.stall(until: .zero)
        stage.cluster.world.run(for: .seconds(5))
    }

    private static let readiness = "GET /readyz?verbose HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let metrics = "GET /v1/metrics HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let failing = #""Name":"nomad.audit.failing","Value":1"#

    /// Requests waited for the writer for as long as it hung, and nothing told of it.
    @Test("Enforced: a disk that does not answer refuses changes after 3 s, until it answers")
    func silent() throws {
        let stage = try HTTPStage(audited: 41)
        let before = try stage.trailingLogsMax()
        let request = put(configurationPath, #"{"MaxTrailingLogs":305}"#)
        hang(stage)
        let first = stage.open(request)
        let second = stage.open(request)
        stage.cluster.world.run(for: .milliseconds(2800))
        #expect(first.statuses == [] && second.statuses == [])
        stage.cluster.world.run(for: .milliseconds(200))
        let text =
            "the audit log cannot be written, nothing was done: \(logPath): its disk does not answer"
        for talk in [first, second, stage.open(request)] {
            #expect(talk.statuses == ["500"])
            #expect(talk.text.contains(text))
        }
        #expect(try stage.counters().changesRefused == 3)
        let unready = stage.open(Self.readiness)
        #expect(unready.statuses == ["503"])
        #expect(unready.text.contains("[-]audit log failed: cannot be written: "))
        #expect(stage.open(Self.metrics).text.contains(Self.failing))

        release(stage)
        #expect(first.statuses == ["500"] && second.statuses == ["500"], "answered once")
        #expect(try stage.trailingLogsMax() == before, "the late answer begins nothing")
        #expect(try stage.lines.map { $0.text("payload.stage") } == ["OperationReceived"])
        #expect(stage.open(Self.readiness).text.contains("[+]audit log ok"))
        #expect(!stage.open(Self.metrics).text.contains(Self.failing))
        let done = stage.open(request)
        stage.cluster.world.run(for: .milliseconds(50))
        #expect(done.statuses == ["200"])
        #expect(try stage.trailingLogsMax() == 305)
        #expect(try stage.counters().written == 3)
        #expect(try stage.counters().lost == 2)
        #expect(try stage.findings() == [])
    }

    @Test("A disk that does not answer is logged once, and so is that it does again")
    func silentIsLogged() throws {
        let stage = try HTTPStage(audited: 45)
        var told: [String] = []
        stage.cluster.tell = { _, line in
            if line.contains("the audit log") { told.append(line) }
        }
        stage.cluster.stop(stage.node, isLeaving: false)
        stage.cluster.start(stage.node)
        _ = stage.cluster.settle()
        hang(stage)
        for _ in 1...3 {
            _ = stage.open(put(configurationPath, #"{"MaxTrailingLogs":307}"#))
            stage.cluster.world.run(for: .seconds(4))
        }
        #expect(told.count == 1)
        #expect(told.first?.contains("its disk does not answer") == true, "\(told)")
        release(stage)
        #expect(told.count == 2)
        #expect(told.last?.contains("is written again") == true, "\(told)")
    }

    @Test("Enforced: a late answer that tells of a failure is answered to nobody, and tried again")
    func silentThenFailing() throws {
        let stage = try HTTPStage(audited: 42)
        try stage.node.host.files.makeDirectory("/audit")
        try stage.node.host.files.replace(logPath, with: Array("in the way".utf8))
        hang(stage)
        let talk = stage.open(put(configurationPath, #"{"MaxTrailingLogs":306}"#))
        stage.cluster.world.run(for: .seconds(4))
        #expect(talk.statuses == ["500"])
        release(stage)
        #expect(talk.statuses == ["500"])
        #expect(try stage.counters().changesRefused == 1)
        #expect(stage.open(Self.readiness).text.contains("no audit log"))
        try stage.node.host.files.remove(logPath)
        stage.cluster.world.run(for: .milliseconds(1500))
        #expect(stage.open(Self.readiness).text.contains("[+]audit log ok"))
    }

    @Test("Enforced: a disk that answers within 3 s fails nobody")
    func slow() throws {
        let stage = try HTTPStage(audited: 43)
        let refusal = put("\(configurationPath)?stale=x", "{}")
        hang(stage)
        _ = stage.open(refusal)
        stage.cluster.world.run(for: .milliseconds(2500))
        release(stage)
        hang(stage)
        _ = stage.open(refusal)
        stage.cluster.world.run(for: .milliseconds(2500))
        #expect(!stage.open(Self.metrics).text.contains(Self.failing))
        release(stage)
        #expect(try stage.lines.count == 4)
    }

    @Test("Best effort: lines wait for a disk that does not answer, as many as may")
    func silentBestEffort() throws {
        let stage = try HTTPStage(audited: 44) { $0.guarantee = .bestEffort }
        let refusal = put("\(configurationPath)?stale=x", "{}")
        hang(stage)
        let first = stage.open(refusal)
        #expect(first.statuses == ["400"])
        stage.cluster.world.run(for: .seconds(4))
        #expect(stage.open(Self.metrics).text.contains(Self.failing))
        #expect(!stage.open(Self.readiness).text.contains("[-]audit log"))
        #expect(stage.open(refusal).statuses == ["400"])
        try stage.enter { server in
            let request = APIRequest(
                method: .put, path: "/v1/jobs", queryText: "", body: [])
            let record = AuditRecord(request, of: Caller(), id: server.id, node: "a")
            for _ in 0..<20_000 { server.audit?.completed(record, .init(status: 200, error: "")) }
        }
        let lost = try stage.counters().lost
        #expect(lost > 0 && lost < 20_000)
        release(stage)
        #expect(try stage.counters().lost == lost)
        #expect(try stage.counters().written == 20_004 - lost)
        #expect(!stage.open(Self.metrics).text.contains(Self.failing))
        #expect(try stage.findings() == [])
    }

    @Test("Best effort: what cannot be written is counted, and done")
    func bestEffort() throws {
        let stage = try HTTPStage(audited: 37) { $0.guarantee = .bestEffort }
        try stage.node.host.files.makeDirectory("/audit")
        try stage.node.host.files.replace(logPath, with: Array("in the way".utf8))
        let talk = stage.open(put(configurationPath, #"{"MaxTrailingLogs":302}"#))
        stage.cluster.world.run(for: .milliseconds(50))
        #expect(talk.statuses == ["200"])
        #expect(try stage.trailingLogsMax() == 302)
        #expect(try stage.counters().lost == 2)
    }

    @Test("Enforced: when the power goes, each change that was begun has its line")
    func durable() throws {
        for microseconds in stride(from: 100, to: 4000, by: 130) {
            let stage = try HTTPStage(audited: 38)
            try #require(try stage.trailingLogsMax() != 303)
            stage.client.say(
                Array(put(configurationPath, #"{"MaxTrailingLogs":303}"#).utf8), to: stage.node,
                port: 4646, for: .microseconds(microseconds), keepsOpen: true)
            let isDone = try stage.trailingLogsMax() == 303
            stage.cluster.cutPower(of: stage.node)
            let lines = try stage.lines
            #expect(!isDone || lines.first?.text("payload.stage") == "OperationReceived")
            if !lines.isEmpty { #expect(try stage.findings() == []) }
        }
    }

    @Test("The lines of many requests in one turn are one write")
    func batched() throws {
        let stage = try HTTPStage(audited: 39)
        var steps: [UInt64] = [stage.node.host.disk.stepCount]
        for number in 1...40 {
            stage.client.say(
                Array(put("/v1/agent/join?address=x\(number)", "").utf8), to: stage.node,
                port: 4646, for: .zero, keepsOpen: true)
        }
        stage.cluster.world.run(for: .milliseconds(200))
        steps.append(stage.node.host.disk.stepCount)
        #expect(try stage.lines.count == 80)
        #expect(steps[1] - steps[0] < 60, "durable steps for 80 lines")
    }

    @Test("A server that stops writes what it has to tell before")
    func stopping() throws {
        let stage = try HTTPStage(audited: 40)
        _ = stage.open(put("\(configurationPath)?stale=x", "{}"))
        _ = stage.open(put(configurationPath, #"{"MaxTrailingLogs":304}"#))
        stage.cluster.stop(stage.node, isLeaving: false)
        #expect(try stage.lines.count == 4)
        stage.cluster.start(stage.node)
        _ = stage.cluster.settle()
        _ = stage.open(put("\(configurationPath)?stale=x", "{}"))
        stage.cluster.world.run(for: .milliseconds(50))
        #expect(try stage.lines.count == 6)
        #expect(try stage.findings() == [])
    }
}
