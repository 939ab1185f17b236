// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// What a write does between its request and its answer is told to this, when it is on. Called on
/// the loop.
package protocol WriteTracer: AnyObject {
    /// Begins the span of a request.
    ///
    /// - Parameters:
    ///   - name: method and path, without what the path names: few of them.
    ///   - carrier: the `traceparent` (W3C Trace Context) that came with the request; nil for a trace
    ///     that begins here.
    ///   - moment: nanoseconds since 1970 of the wall clock.
    /// - Returns: nil for a request that is left out.
    func begin(_ name: String, under carrier: String?, at moment: Int64) -> (any WriteSpan)?
}

/// Something that takes time. Ended once.
package protocol WriteSpan: AnyObject {
    /// What of it is done by another server, or here.
    func child(_ name: String, isCall: Bool, at moment: Int64) -> any WriteSpan
    /// As `traceparent`, for who goes on with it.
    var carrier: String? { get }
    func note(_ key: String, _ value: Int64)
    /// - Parameter failure: why it did not do what it was for; nil if it did.
    func end(at moment: Int64, failure: String?)
}

/// One write under way and traced: which stage began when.
///
/// ```
///  request ──────────────────────────────────────────────────────────┐
///    receive   wait   forward                                        │ on the server that was asked
///                       request ────────────────────────────────┐    │
///                         propose   replicate ───────┐  apply   │    │ on the leader
///                                     sync ────┘     │          │    │
/// ```
///
/// What is still open when it goes away ends then, as abandoned: a client that left, a leader that
/// was lost.
final class WriteTrace {
    enum Stage: Int, CaseIterable {
        /// From the permission to the end of the body.
        case receive
        /// No leader was known.
        case wait
        /// The leader does it.
        case forward
        /// Until the turn of the loop ends, whose commands go into the log together.
        case propose
        /// Until the entry is durable here.
        case sync
        /// Until it is committed: durable on a majority.
        case replicate
        /// Of all that was committed with it, up to this command.
        case apply

        var name: String {
            switch self {
            case .receive: "receive"
            case .wait: "wait for a leader"
            case .forward: "forward"
            case .propose: "propose"
            case .sync: "sync"
            case .replicate: "replicate"
            case .apply: "apply"
            }
        }
    }

    private let loop: any Loop
    private let request: any WriteSpan
    private let began: Duration
    private let beganAtWallClock: Int64
    private var open: [(any WriteSpan)?] = Array(repeating: nil, count: Stage.allCases.count)
    private var isFinished = false

    /// - Returns: nil when this request is left out.
    init?(_ name: String, under carrier: String?, by tracer: any WriteTracer, loop: any Loop) {
        beganAtWallClock = loop.wallClockNanoseconds
        guard let span = tracer.begin(name, under: carrier, at: beganAtWallClock) else {
            return nil
        }
        request = span
        began = loop.now
        self.loop = loop
    }

    deinit { finish(status: nil) }

    /// The wall clock may be set meanwhile: a trace keeps to the one it began with.
    private var moment: Int64 {
        let passed = (loop.now - began).components
        return beganAtWallClock &+ passed.seconds &* 1_000_000_000
            &+ passed.attoseconds / 1_000_000_000
    }

    func begin(_ stage: Stage) {
        open[stage.rawValue]?.end(at: moment, failure: nil)
        open[stage.rawValue] = request.child(stage.name, isCall: stage == .forward, at: moment)
    }

    func end(_ stage: Stage, failure: String? = nil) {
        open[stage.rawValue]?.end(at: moment, failure: failure)
        open[stage.rawValue] = nil
    }

    /// The command is in the log, and with the disk and the others.
    func entered(index: UInt64, term: UInt64) {
        end(.propose)
        note("martlet.raft.index", index)
        note("martlet.raft.term", term)
        begin(.sync)
        begin(.replicate)
    }

    func committed() {
        end(.replicate)
        begin(.apply)
    }

    /// What another server that goes on with this stage is told; nil for nothing.
    func carrier(of stage: Stage) -> String? { open[stage.rawValue]?.carrier }

    func note(_ key: String, _ value: UInt64) { request.note(key, Int64(clamping: value)) }

    /// Once; later calls do nothing.
    ///
    /// - Parameter status: of the answer; nil when there is none.
    func finish(status: Int?) {
        guard !isFinished else { return }
        isFinished = true
        let now = moment
        for (stage, span) in zip(Stage.allCases, open) where span != nil {
            // A quorum of others may be faster than the own disk.
            let isHarmless = stage == .sync && status != nil
            span?.end(at: now, failure: isHarmless ? nil : "abandoned")
        }
        open = []
        if let status { request.note("http.response.status_code", Int64(status)) }
        let failure = status.map { $0 >= 500 ? "answered with \($0)" : nil } ?? "abandoned"
        request.end(at: now, failure: failure)
    }
}

/// A `traceparent` (W3C Trace Context, level 1, section 3.2): what comes from outside is looked at
/// before it is passed to anybody.
enum TraceParent {
    /// `00-<32 hexadecimal digits>-<16>-<2>`, with neither number zero.
    static func checked(_ text: String?) -> String? {
        guard let text, text.utf8.count == 55 else { return nil }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, parts.map(\.utf8.count) == [2, 32, 16, 2], parts[0] == "00",
            parts.allSatisfy({ $0.utf8.allSatisfy(isLowerHexadecimal) }),
            parts[1].contains(where: { $0 != "0" }), parts[2].contains(where: { $0 != "0" })
        else { return nil }
        return text
    }

    private static func isLowerHexadecimal(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte
    }
}
