// SPDX-License-Identifier: Apache-2.0
package import MartletServer
package import Tracing

/// The server's traces, told to any tracer of swift-distributed-tracing. On the loop.
package final class DistributedTracer<Base: Tracer>: WriteTracer {
    private let base: Base
    private let oneIn: UInt64
    private var begun: UInt64 = 0

    /// - Parameter oneIn: of the traces that would begin here, one in so many does; those that begin
    ///   elsewhere are gone on with as they say themselves. At least 1.
    package init(_ base: Base, oneIn: UInt64) {
        self.base = base
        self.oneIn = max(1, oneIn)
    }

    package func begin(
        _ name: String, under carrier: String?, at moment: Int64
    ) -> (any WriteSpan)? {
        var context = ServiceContext.topLevel
        if let carrier {
            base.extract([TraceFields.parent: carrier], into: &context, using: TraceFields())
        } else {
            begun &+= 1
            guard (begun - 1) % oneIn == 0 else { return nil }
        }
        let span = base.startSpan(
            name, context: context, ofKind: .server, at: Moment(moment), function: #function,
            file: #fileID, line: #line)
        return span.isRecording ? DistributedSpan(span, of: base) : nil
    }
}

/// One span of ``DistributedTracer``.
final class DistributedSpan<Base: Tracer>: WriteSpan {
    private let base: Base
    private let span: Base.Span

    init(_ span: Base.Span, of base: Base) {
        self.span = span
        self.base = base
    }

    func child(_ name: String, isCall: Bool, at moment: Int64) -> any WriteSpan {
        DistributedSpan(
            base.startSpan(
                name, context: span.context, ofKind: isCall ? .client : .internal,
                at: Moment(moment), function: #function, file: #fileID, line: #line), of: base)
    }

    var carrier: String? {
        var fields: [String: String] = [:]
        base.inject(span.context, into: &fields, using: TraceFields())
        return fields[TraceFields.parent]
    }

    func note(_ key: String, _ value: Int64) { span.attributes[key] = value }

    func end(at moment: Int64, failure: String?) {
        if let failure { span.setStatus(SpanStatus(code: .error, message: failure)) }
        span.end(at: Moment(moment))
    }
}

/// The fields of W3C Trace Context, by name.
struct TraceFields: Extractor, Injector {
    static let parent = "traceparent"

    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }

    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
        carrier[key] = value
    }
}

/// Nanoseconds since 1970, as the server's clock told them.
struct Moment: TracerInstant {
    let nanosecondsSinceEpoch: UInt64

    init(_ nanoseconds: Int64) { nanosecondsSinceEpoch = UInt64(clamping: nanoseconds) }

    static func < (one: Moment, other: Moment) -> Bool {
        one.nanosecondsSinceEpoch < other.nanosecondsSinceEpoch
    }
}
