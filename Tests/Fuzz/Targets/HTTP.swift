// SPDX-License-Identifier: Apache-2.0
import MartletHTTP

extension FuzzTarget {
    static let http = [request, response, chunkedBody, query]

    private static let httpWords = words(
        "\r\n", "\n", "\r", "\0", " ", "\t", ":", ";", ",", "%00", "%ff", "#", "?", "/", "\r\n\r\n",
        "\r\n ", "0\r\n\r\n", "Content-Length: 1\r\n", "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n", "transfer-encoding: gzip, chunked\r\n", "Host: b\r\n",
        "HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "ffffffffffffffff", "9223372036854775808", "-", "+",
        "chunked", "é", "\u{7F}", "GET / HTTP/1.1\r\n", "Connection: close\r\n", "*", "http://",
        "Expect: 100-continue\r\n", "Accept-Encoding: gzip;q=0.5\r\n", "Connection: keep-alive\r\n")

    /// However a stream is cut on its way, it is the same requests. What is read is within bounds.
    private static let request = FuzzTarget(
        "http-request", "a connection's requests, cut anywhere", words: httpWords
    ) { input throws(Finding) in
        var random = FuzzRandom(seed: FNV.of(input))
        let discards = random.next() & 3 == 0
        let whole = Heard.requests(in: [input[...]], discards: discards)
        let cut = Heard.requests(
            in: random.pieces(of: input, atMost: 9), discards: discards)
        try demand(whole == cut, "cut, it is \(cut) and not \(whole)")
        let held = whole.bodies.reduce(0) { $0 + $1.count }
        try demand(held <= input.count, "bodies of \(held) from \(input.count) bytes")
        return whole.features
    }

    private static let response = FuzzTarget(
        "http-response", "a server's answers as a client reads them, cut anywhere", words: httpWords
    ) { input throws(Finding) in
        var random = FuzzRandom(seed: FNV.of(input))
        let toHead = random.next() & 7 == 0
        let whole = Heard.responses(in: [input[...]], toHead: toHead)
        let cut = Heard.responses(in: random.pieces(of: input, atMost: 9), toHead: toHead)
        try demand(whole == cut, "cut, it is \(cut) and not \(whole)")
        return whole.features
    }

    /// A body in other chunks is the same body.
    private static let chunkedBody = FuzzTarget(
        "http-chunked", "a chunked body and its trailers", words: httpWords
    ) { input throws(Finding) in
        let head = Array("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        var random = FuzzRandom(seed: FNV.of(input))
        let whole = Heard.requests(in: [(head + input)[...]], discards: false)
        guard let body = whole.bodies.first else { return whole.features }
        var again = head
        for piece in random.pieces(of: body, atMost: 5) where !piece.isEmpty {
            again += Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + [13, 10]
        }
        again += Array("0\r\n\r\n".utf8)
        let second = Heard.requests(in: random.pieces(of: again, atMost: 5), discards: false)
        try demand(second.bodies == [body], "in other chunks, it is another body")
        return whole.features
    }

    /// What a query says by name is what it says in order.
    private static let query = FuzzTarget(
        "query", "the query of a target, percent-encoded", bytesMax: 512,
        words: words(
            "&", "=", "+", "%", "%00", "%26", "%3D", "%C3%A9", "%ff", "%f", "stale", "cas=1",
            "index=", "wait=5s", "pretty", "region=global", "namespace=*", "leaving=")
    ) { input throws(Finding) in
        guard let text = String(validating: input, as: UTF8.self) else { return 0 }
        let query = Query(text)
        let pairs = query.pairs
        try demand(query.rawText == text, "its text is not kept")
        try demand(query.isEmpty == pairs.isEmpty, "isEmpty and pairs disagree")
        guard !query.hasInvalidPair else {
            return Features.bits(0, size: pairs.count)
        }
        for name in Set(pairs.map { Array($0.name.utf8) }) {
            let values = pairs.filter { Array($0.name.utf8) == name }.map { Array($0.value.utf8) }
            let name = String(decoding: name, as: UTF8.self)
            try demand(query.contains(name), "\(name) is there")
            try demand(
                query.all(name).map { Array($0.utf8) } == values,
                "all of \(name) is not what stands there")
            try demand(
                query.first(name).map { Array($0.utf8) } == values.first,
                "the first of \(name) is not what stands there first")
        }
        return Features.bits(1, input.first, size: pairs.count)
    }
}

/// What a reader made of a stream.
private struct Heard: Equatable {
    var heads: [String] = []
    var bodies: [[UInt8]] = []
    var skipped = 0
    var refusal: HTTPViolation?
    var mustClose = false

    /// The same bits for the same kinds of events.
    var features: UInt64 {
        var hash = FNV()
        hash.mix(UInt64(min(heads.count, 4)))
        hash.mix(UInt64(min(bodies.count, 4)))
        hash.mix(UInt64(min(skipped, 4)))
        hash.mix(mustClose ? 1 : 0)
        if let refusal { hash.mix(Features.text(refusal.reason)) }
        for body in bodies.prefix(2) { hash.mix(UInt64(64 - body.count.leadingZeroBitCount)) }
        for head in heads.prefix(1) { hash.mix(UInt64(head.utf8.first ?? 0)) }
        return hash.value
    }

    /// Small bounds, so that small inputs reach them.
    private static let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.lineBytesMax = 512
        limits.headerBytesMax = 1024
        limits.headerCountMax = 16
        limits.bodyBytesMax = 1024
        limits.pipelinedBytesMax = 8192
        limits.discardedBytesMax = 256
        limits.chunkLineBytesMax = 64
        limits.chunkExtensionBytesMax = 128
        return limits
    }()

    static func requests(in pieces: [ArraySlice<UInt8>], discards: Bool) -> Heard {
        var reader = RequestReader(limits: limits)
        var heard = Heard()
        for piece in pieces {
            reader.receive(piece.span)
            reading: while true {
                switch reader.next() {
                case .needsMore: break reading
                case .head(let head):
                    heard.heads.append(
                        "\(head.methodText) \(head.path) \(head.query.rawText) \(head.keepsAlive) "
                            + "\(head.expectsContinue) \(head.acceptsGzip) "
                            + "\(head.contentLength ?? -1) \(head.isChunked)")
                    if discards { reader.discardBody() }
                case .body(let body): heard.bodies.append(body)
                case .piece, .bodyEnd: preconditionFailure("a body that was asked for whole")
                case .skipped: heard.skipped += 1
                case .violation(let violation): heard.refusal = violation
                }
            }
        }
        heard.mustClose = reader.mustClose
        return heard
    }

    static func responses(in pieces: [ArraySlice<UInt8>], toHead: Bool) -> Heard {
        var reader = ResponseReader(limits: limits)
        var heard = Heard()
        reader.expectResponse(toHead: toHead)
        for piece in pieces {
            reader.receive(piece.span)
            heard.take(from: &reader)
        }
        reader.receiveEnd()
        heard.take(from: &reader)
        return heard
    }

    private mutating func take(from reader: inout ResponseReader) {
        while true {
            switch reader.next() {
            case .needsMore: return
            case .response(let head, let body):
                heads.append("\(head.status) \(head.keepsAlive) \(head.headers.count)")
                bodies.append(body)
            case .head, .piece, .end: preconditionFailure("a body that was asked for whole")
            case .failed(let violation): refusal = violation
            }
        }
    }
}
