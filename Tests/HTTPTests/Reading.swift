// SPDX-License-Identifier: Apache-2.0
import MartletHTTP

/// What came out of a reader, as text: one line per event.
func events(
    _ bytes: [UInt8], step: Int = .max, limits: HTTPLimits = HTTPLimits()
) -> [String] {
    var reader = RequestReader(limits: limits)
    var lines: [String] = []
    var offset = 0
    while offset < bytes.count {
        let end = step > bytes.count - offset ? bytes.count : offset + step
        let piece = Array(bytes[offset..<end])
        offset = end
        reader.receive(piece.span)
        drain(&reader, into: &lines)
    }
    return lines
}

func events(_ text: String, step: Int = .max, limits: HTTPLimits = HTTPLimits()) -> [String] {
    events(Array(text.utf8), step: step, limits: limits)
}

func drain(_ reader: inout RequestReader, into lines: inout [String]) {
    while true {
        switch reader.next() {
        case .needsMore:
            return
        case .head(let head):
            lines.append("\(head.methodText) \(head.path) ?\(head.query.text)")
        case .body(let body):
            lines.append("body \(String(decoding: body, as: UTF8.self))")
        case .violation(let violation):
            lines.append("violation \(violation.status)")
        }
    }
}

/// The status of the violation that a text is, nil for a whole request.
func status(_ text: String, limits: HTTPLimits = HTTPLimits()) -> Int? {
    let last = events(text, limits: limits).last ?? ""
    guard last.hasPrefix("violation ") else { return nil }
    return Int(last.dropFirst(10))
}

func head(_ text: String) -> RequestHead? {
    var reader = RequestReader(limits: HTTPLimits())
    let bytes = Array(text.utf8)
    reader.receive(bytes.span)
    guard case .head(let head) = reader.next() else { return nil }
    return head
}

/// The tests' own generator: seeded, so that a failure comes again.
struct SplitMix: RandomNumberGenerator {
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
