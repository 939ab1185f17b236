// SPDX-License-Identifier: Apache-2.0
import MartletServer
import Synchronization
import Testing

@testable import MartletHost

/// From the server's traces to lines of OTLP.
@Suite("Traces in a file") struct TracingTests {
    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        private let next = Atomic<UInt64>(0)

        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        func id() -> UInt64 { next.add(1, ordering: .relaxed).newValue }

        func tracer(oneIn: UInt64 = 1) -> DistributedTracer<FileTracer> {
            let base = FileTracer(
                resource: [("service.name", "martlet")], makeID: { [self] in id() },
                emit: { [self] in add($0) })
            return DistributedTracer(base, oneIn: oneIn)
        }
    }

    @Test("A span is a line that a collector reads")
    func line() throws {
        let lines = Lines()
        let span = try #require(lines.tracer().begin("PUT /v1/x", under: nil, at: 1_000))
        span.note("martlet.raft.index", 7)
        span.end(at: 3_000, failure: nil)
        span.end(at: 4_000, failure: nil)
        #expect(
            lines.all == [
                #"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":"#
                    + #"{"stringValue":"martlet"}}]},"scopeSpans":[{"scope":{"name":"martlet"},"#
                    + #""spans":[{"traceId":"00000000000000020000000000000003","#
                    + #""spanId":"0000000000000001","name":"PUT /v1/x","kind":2,"#
                    + #""startTimeUnixNano":"1000","endTimeUnixNano":"3000","attributes":["#
                    + #"{"key":"martlet.raft.index","value":{"intValue":"7"}}],"status":{}}]}]}]}"#
            ])
    }

    @Test("What another server goes on with has the trace, and the span as its parent")
    func propagation() throws {
        let (here, there) = (Lines(), Lines())
        let span = try #require(here.tracer().begin("PUT /v1/x", under: nil, at: 1))
        let call = span.child("forward", isCall: true, at: 2)
        let carrier = try #require(call.carrier)
        #expect(carrier == "00-00000000000000020000000000000003-0000000000000004-01")
        let remote = try #require(there.tracer().begin("PUT /v1/x", under: carrier, at: 3))
        remote.end(at: 4, failure: "answered with \"503\"")
        let line = try #require(there.all.first)
        #expect(line.contains(#""traceId":"00000000000000020000000000000003""#))
        #expect(line.contains(#""parentSpanId":"0000000000000004""#))
        #expect(line.contains(#""status":{"code":2,"message":"answered with \"503\""}"#))
    }

    @Test("One in so many is recorded; what a client traces always, unless it says otherwise")
    func sampling() {
        let tracer = Lines().tracer(oneIn: 3)
        let recorded = (0..<7).map { _ in tracer.begin("w", under: nil, at: 0) != nil }
        #expect(recorded == [true, false, false, true, false, false, true])
        let parent = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-0"
        #expect(tracer.begin("w", under: parent + "1", at: 0) != nil)
        #expect(tracer.begin("w", under: parent + "0", at: 0) == nil)
    }

    @Test("Without random bytes nothing is recorded, and nothing breaks")
    func noRandomness() {
        let lines = Lines()
        let base = FileTracer(resource: [], makeID: { nil }, emit: { lines.add($0) })
        #expect(DistributedTracer(base, oneIn: 1).begin("w", under: nil, at: 0) == nil)
        #expect(lines.all.isEmpty)
    }
}
