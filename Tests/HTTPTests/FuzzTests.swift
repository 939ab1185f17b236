// SPDX-License-Identifier: Apache-2.0

import MartletHTTP
import Testing

@Suite("Mutated requests") struct FuzzTests {
    private static let seeds: [[UInt8]] = [
        get("Accept-Encoding: gzip", "X-Nomad-Token: 1"),
        "PUT http://h:1/a%2Fb?c=d HTTP/1.1\r\nHost: h:1\r\nContent-Length: 4\r\n\r\n{\"\"}",
        chunked("3;e=f\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: u\r\n\r\n"),
        "DELETE /x HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n1",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    ].map { Array(($0 + get()).utf8) }

    /// What parsers trip over.
    private static let dictionary: [[UInt8]] = [
        "\r\n", "\n", "\r", "\0", " ", "\t", ":", ";", ",", "%", "%00", "%C3%A9", "%ff", "#", "?",
        "/",
        "\r\n\r\n", "\r\n ", "0\r\n\r\n", "Content-Length: 1\r\n", "content-length: 3\r\n",
        "Transfer-Encoding: chunked\r\n", "transfer-encoding: gzip, chunked\r\n", "Host: b\r\n",
        "HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "ffffffffffffffff", "9223372036854775808", "-", "+",
        "chunked", "é", "\u{7F}", "GET / HTTP/1.1\r\n", "Connection: close\r\n", "*", "http://",
    ].map { Array($0.utf8) }

    @Test(
        "The reader accepts exactly what the reference grammar does, however it is split",
        arguments: [11, 12, 13, 14] as [UInt64])
    func differential(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var acceptedCount = 0
        for round in 0..<6_000 {
            let stream = Self.mutated(&generator)
            let cut = Int.random(in: 0...stream.count, using: &generator)

            let seen = events(stream, cuts: [cut])

            let expected = ReferenceGrammar.requests(in: stream)
            try #require(Self.accepted(seen) == expected, "seed \(seed), round \(round): \(stream)")
            acceptedCount += expected.count
        }
        // The mutations leave enough alone to mean something.
        #expect(acceptedCount > 2_000)
    }

    @Test("Noise is never accepted and never traps", arguments: [21, 22] as [UInt64])
    func noise(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            let count = Int.random(in: 0...120, using: &generator)
            let stream = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            try #require(Self.accepted(events(stream)).isEmpty, "\(stream)")
        }
    }

    @Test(
        "Mutated responses never trap, and splits make no difference", arguments: [31] as [UInt64])
    func responses(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let seeds = [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n"
                + "3\r\nabc\r\n0\r\nT: u\r\n\r\n",
            "HTTP/1.0 404 Not Found\r\n\r\ntext", "HTTP/1.1 204\r\nConnection: close\r\n\r\n",
        ].map { Array($0.utf8) }
        for round in 0..<4_000 {
            let stream = Self.mutated(&generator, of: seeds)
            let cut = Int.random(in: 0...stream.count, using: &generator)
            try #require(
                responseEvents(stream, cuts: [cut]) == responseEvents(stream), "round \(round)")
        }
    }

    private static func accepted(_ seen: [Seen]) -> [ReferenceGrammar.Accepted] {
        var accepted: [ReferenceGrammar.Accepted] = []
        var method = ""
        for event in seen {
            switch event {
            case .head(let summary): method = String(summary.prefix { $0 != " " })
            case .body(let body): accepted.append(.init(method: method, body: body))
            case .piece, .bodyEnd, .skipped, .refused: break
            }
        }
        return accepted
    }

    private static func mutated(
        _ generator: inout SeededGenerator, of seeds: [[UInt8]] = seeds
    ) -> [UInt8] {
        var bytes = seeds.randomElement(using: &generator) ?? []
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 1...8, using: &generator))
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            case 2: bytes.removeSubrange(place..<end)
            case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 4:
                let word = dictionary.randomElement(using: &generator) ?? []
                bytes.insert(contentsOf: word, at: place)
            default:
                // At a line's start, where a field or a chunk belongs.
                let starts = bytes.indices.filter { $0 > 0 && bytes[$0 - 1] == 10 }
                let word = dictionary.randomElement(using: &generator) ?? []
                bytes.insert(contentsOf: word, at: starts.randomElement(using: &generator) ?? 0)
            }
        }
        return bytes
    }
}
