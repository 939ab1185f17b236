// SPDX-License-Identifier: Apache-2.0

import MartletHTTP

/// An event, reduced to what a test compares.
enum Seen: Equatable, CustomStringConvertible {
    case head(String)
    case body([UInt8])
    case piece([UInt8])
    case bodyEnd
    case skipped
    case refused(HTTPViolation)

    var description: String {
        switch self {
        case .head(let summary): "head(\(summary))"
        case .body(let bytes): "body(\(String(decoding: bytes, as: UTF8.self)))"
        case .piece(let bytes): "piece(\(String(decoding: bytes, as: UTF8.self)))"
        case .bodyEnd: "bodyEnd"
        case .skipped: "skipped"
        case .refused(let violation): "refused(\(violation.status) \(violation.reason))"
        }
    }
}

extension RequestHead {
    /// Everything that a head says, as text.
    var summary: String {
        let pairs = query.pairs.map { "\($0.name)=\($0.value)" }
        return "\(methodText) \(path) \(pairs) 1.0:\(isVersion1_0) keeps:\(keepsAlive) "
            + "expects:\(expectsContinue) length:\(contentLength ?? -1) chunked:\(isChunked)"
    }
}

extension RequestReader {
    /// Events until more is needed.
    mutating func drain() -> [Seen] {
        var seen: [Seen] = []
        while true {
            switch next() {
            case .needsMore: return seen
            case .head(let head): seen.append(.head(head.summary))
            case .body(let bytes): seen.append(.body(bytes))
            case .piece(let bytes): seen.append(.piece(bytes))
            case .bodyEnd: seen.append(.bodyEnd)
            case .skipped: seen.append(.skipped)
            case .violation(let violation): seen.append(.refused(violation))
            }
        }
    }
}

/// Feeds the bytes in one piece, or in pieces that end at `cuts`.
func events(
    _ bytes: [UInt8], cuts: [Int] = [], limits: HTTPLimits = HTTPLimits()
) -> [Seen] {
    var reader = RequestReader(limits: limits)
    var seen: [Seen] = []
    var start = 0
    for cut in cuts + [bytes.count] {
        let piece = Array(bytes[start..<cut])
        reader.receive(piece.span)
        seen += reader.drain()
        start = cut
    }
    return seen
}

func events(_ text: String, limits: HTTPLimits = HTTPLimits()) -> [Seen] {
    events(Array(text.utf8), limits: limits)
}

/// The status a stream is refused with; nil if it is not.
func refusal(_ bytes: [UInt8], limits: HTTPLimits = HTTPLimits()) -> Int? {
    guard case .refused(let violation) = events(bytes, limits: limits).last else { return nil }
    return violation.status
}

func refusal(_ text: String, limits: HTTPLimits = HTTPLimits()) -> Int? {
    refusal(Array(text.utf8), limits: limits)
}

/// The first head in `text`; nil if it is refused or not complete.
func readHead(_ text: String) -> RequestHead? {
    var reader = RequestReader(limits: HTTPLimits())
    reader.receive(Array(text.utf8).span)
    guard case .head(let head) = reader.next() else { return nil }
    return head
}

func bodies(_ text: String, limits: HTTPLimits = HTTPLimits()) -> [String] {
    events(text, limits: limits).compactMap {
        if case .body(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil }
    }
}

/// A GET with the given field lines, each without its CR LF.
func get(_ lines: String...) -> String {
    "GET / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
}

/// A POST with a chunked body as given.
func chunked(_ body: String) -> String {
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body
}

/// SplitMix64: tests with the same seed do the same.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
