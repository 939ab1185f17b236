// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import Tracing

/// One span as OTLP writes it in JSON: ids in hexadecimal, 64-bit numbers as texts, enumerations as
/// numbers (OpenTelemetry Protocol, JSON encoding).
struct OTLPSpan {
    let identity: TraceIdentity
    let parent: UInt64?
    let record: FileSpan.Record
    /// Nanoseconds since 1970.
    let ended: UInt64

    /// Everything that a line has to say about where it comes from, and one span.
    func line(resource: [(String, String)]) -> String {
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
            + resource.map { Self.attribute($0.0, .string($0.1)) }.joined(separator: ",")
            + "]},\"scopeSpans\":[{\"scope\":{\"name\":\"martlet\"},\"spans\":[" + span + "]}]}]}"
    }

    private var span: String {
        var fields = [
            "\"traceId\":\"\(identity.traceID)\"", "\"spanId\":\"\(identity.spanID)\"",
        ]
        if let parent { fields.append("\"parentSpanId\":\"\(TraceIdentity.digits(parent))\"") }
        fields += [
            "\"name\":\(Self.quoted(record.name))", "\"kind\":\(kind)",
            "\"startTimeUnixNano\":\"\(record.began)\"", "\"endTimeUnixNano\":\"\(ended)\"",
            "\"attributes\":[\(attributes)]", "\"status\":\(status)",
        ]
        return "{" + fields.joined(separator: ",") + "}"
    }

    private var kind: Int {
        switch record.kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }

    private var status: String {
        guard let status = record.status, status.code == .error else { return "{}" }
        return "{\"code\":2,\"message\":\(Self.quoted(status.message ?? ""))}"
    }

    /// By name: two runs write the same.
    private var attributes: String {
        var all: [(String, SpanAttribute)] = []
        record.attributes.forEach { all.append(($0, $1)) }
        return all.sorted { $0.0 < $1.0 }.map { Self.attribute($0.0, $0.1) }
            .joined(separator: ",")
    }

    private static func attribute(_ key: String, _ value: SpanAttribute) -> String {
        let text =
            switch value {
            case .int32(let number): "{\"intValue\":\"\(number)\"}"
            case .int64(let number): "{\"intValue\":\"\(number)\"}"
            case .bool(let flag): "{\"boolValue\":\(flag)}"
            case .string(let text): "{\"stringValue\":\(quoted(text))}"
            default: "{\"stringValue\":\(quoted("\(value)"))}"
            }
        return "{\"key\":\(quoted(key)),\"value\":\(text)}"
    }

    private static func quoted(_ text: String) -> String {
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
