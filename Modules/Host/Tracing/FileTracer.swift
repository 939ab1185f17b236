// SPDX-License-Identifier: Apache-2.0
import Synchronization
package import Tracing

/// Spans as lines of OTLP in JSON (OpenTelemetry Protocol File Exporter): a collector reads the file
/// as it grows, and so does a person.
package final class FileTracer: Tracer {
    /// 8 bytes that nobody guesses, or nil when there are none: then the span is not recorded.
    private let makeID: @Sendable () -> UInt64?
    private let resource: [(String, String)]
    private let emit: @Sendable (String) -> Void

    /// - Parameters:
    ///   - resource: what the process is, as attributes (`service.name`).
    ///   - emit: takes a line without its end. Any thread; does not block.
    package init(
        resource: [(String, String)], makeID: @escaping @Sendable () -> UInt64?,
        emit: @escaping @Sendable (String) -> Void
    ) {
        self.resource = resource
        self.makeID = makeID
        self.emit = emit
    }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext,
        ofKind kind: SpanKind, at instant: @autoclosure () -> Instant, function: String,
        file fileID: String, line: UInt
    ) -> FileSpan {
        let given = context()
        let parent = given[TraceIdentity.self]
        var own = given
        let fresh = makeID().flatMap { span -> TraceIdentity? in
            if let parent {
                return TraceIdentity(
                    high: parent.high, low: parent.low, span: span, isSampled: parent.isSampled)
            }
            guard let high = makeID(), let low = makeID(), low != 0 || high != 0 else { return nil }
            return TraceIdentity(high: high, low: low, span: span, isSampled: true)
        }
        own[TraceIdentity.self] = fresh
        let record = FileSpan.Record(
            name: operationName, kind: kind, began: instant().nanosecondsSinceEpoch)
        return FileSpan(
            context: own, identity: fresh, parent: parent?.span, record, tracer: self)
    }

    /// Lines leave as spans end.
    package func forceFlush() {}

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let text = extractor.extract(key: TraceFields.parent, from: carrier) else { return }
        context[TraceIdentity.self] = TraceIdentity(text)
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let identity = context[TraceIdentity.self] else { return }
        injector.inject(identity.text, forKey: TraceFields.parent, into: &carrier)
    }

    func ended(_ span: OTLPSpan) { emit(span.line(resource: resource)) }
}

/// Which span of which trace (W3C Trace Context, section 3.2): the context's key and its value.
struct TraceIdentity: ServiceContextKey, Equatable {
    typealias Value = TraceIdentity

    let high: UInt64
    let low: UInt64
    let span: UInt64
    let isSampled: Bool

    init(high: UInt64, low: UInt64, span: UInt64, isSampled: Bool) {
        self.high = high
        self.low = low
        self.span = span
        self.isSampled = isSampled
    }

    /// - Returns: nil for anything but a `traceparent` of version 00.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, parts.map(\.utf8.count) == [2, 32, 16, 2], parts[0] == "00",
            let high = UInt64(parts[1].prefix(16), radix: 16),
            let low = UInt64(parts[1].suffix(16), radix: 16), high != 0 || low != 0,
            let span = UInt64(parts[2], radix: 16), span != 0,
            let flags = UInt8(parts[3], radix: 16)
        else { return nil }
        self.init(high: high, low: low, span: span, isSampled: flags & 1 == 1)
    }

    var traceID: String { Self.digits(high) + Self.digits(low) }
    var spanID: String { Self.digits(span) }
    var text: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    static func digits(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

/// A span of ``FileTracer``. Any thread.
package final class FileSpan: Span {
    struct Record: Sendable {
        var name: String
        let kind: SpanKind
        let began: UInt64
        var attributes = SpanAttributes([:])
        var status: SpanStatus?
        var isEnded = false
    }

    package let context: ServiceContext
    private let identity: TraceIdentity?
    private let parent: UInt64?
    private let tracer: FileTracer
    private let record: Mutex<Record>

    init(
        context: ServiceContext, identity: TraceIdentity?, parent: UInt64?, _ record: Record,
        tracer: FileTracer
    ) {
        self.context = context
        self.identity = identity
        self.parent = parent
        self.record = Mutex(record)
        self.tracer = tracer
    }

    package var isRecording: Bool { identity?.isSampled ?? false }

    package var operationName: String {
        get { record.withLock { $0.name } }
        set { record.withLock { $0.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { record.withLock { $0.attributes } }
        set { record.withLock { $0.attributes = newValue } }
    }

    package func setStatus(_ status: SpanStatus) { record.withLock { $0.status = status } }

    /// Not written: the server has none.
    package func addEvent(_ event: SpanEvent) {}

    /// Not written: the server has none.
    package func addLink(_ link: SpanLink) {}

    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        setStatus(SpanStatus(code: .error, message: "\(error)"))
    }

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let finished = record.withLock { record -> Record? in
            guard !record.isEnded else { return nil }
            record.isEnded = true
            return record
        }
        guard let finished, let identity, identity.isSampled else { return }
        tracer.ended(
            OTLPSpan(
                identity: identity, parent: parent, record: finished,
                ended: max(finished.began, instant().nanosecondsSinceEpoch)))
    }
}
