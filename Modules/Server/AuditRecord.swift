// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletJSON
import MartletRaft

/// One request as the audit log tells of it, in the public shape of Nomad's.
///
/// Never part of it: bodies, secrets, and of the query what does not say whom or what the request is
/// about.
struct AuditRecord: Sendable {
    enum Stage: String {
        /// Before anything is done.
        case received = "OperationReceived"
        /// What became of it.
        case complete = "OperationComplete"
    }

    /// What was answered.
    struct Outcome {
        var status: Int
        /// The text of a refusal; empty for what went well.
        var error: String
        /// Refusals before this one that were too many to be written.
        var unwritten: UInt64 = 0
    }

    let id: ServerID
    let method: String
    let path: String
    /// The parameters that name a target, as they were sent.
    let target: [(name: String, value: String)]
    let namespace: String
    let caller: Caller
    /// This server's HTTP address.
    let node: String

    private static let targetNames = ["address", "cas", "id", "node", "prune", "reset"]
    private static let textBytesMax = 512

    init(_ request: APIRequest, of caller: Caller, id: ServerID, node: String) {
        self.id = id
        self.node = node
        self.caller = caller
        method = "\(request.method)".uppercased()
        path = Self.clipped(request.path)
        let query = request.query
        target = Self.targetNames.compactMap { name in
            query.first(name).map { (name, Self.clipped($0)) }
        }
        namespace = query.first("namespace").map(Self.clipped) ?? "default"
    }

    /// A JSON object without its closing brace, which the chain goes into.
    func line(_ stage: Stage, _ outcome: Outcome?, unixNanoseconds: Int64) -> [UInt8] {
        let time = Timestamp.rfc3339Nano(unixNanoseconds: unixNanoseconds)
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("created_at", time)
        writer.member("event_type", "audit")
        writer.key("payload")
        writer.beginObject()
        writer.member("id", "\(id)")
        writer.member("stage", stage.rawValue)
        writer.member("type", "audit")
        writer.member("timestamp", time)
        writer.member("version", UInt64(1))
        writeAuth(to: &writer)
        writeRequest(to: &writer)
        if let reason = caller.reason { writer.member("reason", Self.clipped(reason)) }
        if let outcome { write(outcome, to: &writer) }
        writer.endObject()
        writer.endObject()
        return Array(writer.bytes.dropLast())
    }

    private func writeAuth(to writer: inout JSONWriter) {
        let identity = caller.identity ?? AuditIdentity()
        writer.key("auth")
        writer.beginObject()
        writer.member("accessor_id", identity.accessorID)
        writer.member("name", Self.clipped(identity.name))
        writer.member("policies", identity.policies.prefix(64).map(Self.clipped))
        writer.member("global", identity.isGlobal)
        writer.member("create_time", identity.createTime)
        writer.endObject()
    }

    private func writeRequest(to writer: inout JSONWriter) {
        writer.key("request")
        writer.beginObject()
        writer.member("id", "\(id)")
        writer.member("operation", method)
        writer.member("endpoint", path)
        if !target.isEmpty {
            writer.key("target")
            writer.beginObject()
            for (name, value) in target { writer.member(name, value) }
            writer.endObject()
        }
        writer.key("namespace")
        writer.beginObject()
        writer.member("id", namespace)
        writer.endObject()
        writer.key("request_meta")
        writer.beginObject()
        writer.member("remote_address", caller.address.map { "\($0)" } ?? "")
        writer.member("user_agent", Self.clipped(caller.userAgent ?? ""))
        writer.endObject()
        writer.key("node_meta")
        writer.beginObject()
        writer.member("ip", node)
        writer.endObject()
        writer.endObject()
    }

    private func write(_ outcome: Outcome, to writer: inout JSONWriter) {
        writer.key("response")
        writer.beginObject()
        writer.member("status_code", Int64(outcome.status))
        writer.member("error", Self.clipped(outcome.error))
        writer.endObject()
        if outcome.unwritten > 0 { writer.member("refusals_unwritten", outcome.unwritten) }
    }

    private static func clipped(_ text: String) -> String {
        text.utf8.count <= textBytesMax
            ? text : String(decoding: text.utf8.prefix(textBytesMax), as: UTF8.self)
    }
}

extension AuditRecord.Outcome {
    init(_ response: APIResponse) {
        status = response.status
        let isText = response.status >= 400 && response.content == .text
        error = isText ? String(decoding: response.body, as: UTF8.self) : ""
    }
}
