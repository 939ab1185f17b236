// SPDX-License-Identifier: Apache-2.0

import MartletClient
import MartletTransport
import Testing

/// Gives what a test puts into it.
private final class Tap: ByteSource {
    private var taken: ((SourcePiece) -> Void)?
    private var waiting: [SourcePiece] = []
    private(set) var asked = 0
    private(set) var isCancelled = false

    func next(_ taken: @escaping (SourcePiece) -> Void) {
        asked += 1
        if waiting.isEmpty { self.taken = taken } else { taken(waiting.removeFirst()) }
    }

    func cancel() {
        isCancelled = true
        taken = nil
    }

    func give(_ piece: SourcePiece) {
        guard let taken else { return waiting.append(piece) }
        self.taken = nil
        taken(piece)
    }
}

/// One request in pieces, and what its taker got.
private final class Stage {
    let loop = FakeLoop()
    let streams: FakeStreams
    let client: APIClient
    var answer: ClientStream?
    private(set) var failure: ClientError?
    private(set) var taken: [String] = []
    var request: StreamedRequest?

    init() {
        streams = FakeStreams(loop)
        client = APIClient(
            loop: loop, streams: streams, address: .ipv4(0x0A00_0001, port: 4646), token: "t")
    }

    func open(_ method: ClientMethod = .get, upload: ClientUpload? = nil) {
        request = client.open(method, "/x", body: upload, silenceMax: .seconds(5)) { result in
            switch result {
            case .success(let stream): self.answer = stream
            case .failure(let error): self.failure = error
            }
        }
        loop.runTurns()
    }

    func take() {
        answer?.body.next { piece in
            switch piece {
            case .bytes(let bytes): self.taken.append(String(decoding: bytes, as: UTF8.self))
            case .end: self.taken.append("END")
            case .failed(let reason): self.taken.append("FAILED \(reason)")
            }
        }
        loop.runTurns()
    }

    func deliver(_ text: String) {
        streams.opened[0].deliver(text)
        loop.runTurns()
    }

    var sent: String { streams.opened[0].requests.joined() }
}

private let head = "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"

@Suite("API client: bodies in pieces") struct StreamedRequestTests {
    @Test("An answer comes as it is made, and is read only as it is taken")
    func answer() throws {
        let stage = Stage()
        stage.open()
        #expect(stage.sent.hasPrefix("GET /x HTTP/1.1\r\nHost: 10.0.0.1:4646\r\n"))
        #expect(stage.sent.hasSuffix("X-Nomad-Token: t\r\nConnection: close\r\n\r\n"))
        stage.deliver(head)
        let answer = try #require(stage.answer)
        #expect(answer.head.status == 200)
        #expect(answer.head.header("x-a") == "b")
        #expect(answer.head.body.isEmpty)
        stage.take()
        #expect(stage.taken.isEmpty)
        stage.deliver("5\r\nhello\r\n")
        #expect(stage.taken == ["hello"])
        stage.deliver("6\r\n world\r\n")
        #expect(stage.taken == ["hello"])
        #expect(!stage.streams.opened[0].isReading)
        stage.take()
        #expect(stage.taken == ["hello", " world"])
        stage.take()
        stage.deliver("0\r\n\r\n")
        #expect(stage.taken == ["hello", " world", "END"])
        #expect(stage.streams.opened[0].end == .closed)
    }

    @Test("An answer that is not taken in time is taken later: only what comes before has a limit")
    func patience() {
        let stage = Stage()
        stage.open()
        stage.deliver(head)
        stage.loop.run(until: .seconds(1_000))
        stage.deliver("5\r\nhello\r\n0\r\n\r\n")
        stage.take()
        stage.take()
        #expect(stage.taken == ["hello", "END"])
    }

    @Test("A connection that breaks is no end")
    func broken() {
        let stage = Stage()
        stage.open()
        stage.deliver(head + "5\r\nhello\r\n")
        stage.take()
        stage.take()
        stage.streams.opened[0].deliverEnd()
        stage.loop.runTurns()
        #expect(stage.taken.last?.hasPrefix("FAILED connection lost") == true)
        stage.take()
        #expect(stage.taken.last == "FAILED it is over")
    }

    @Test("A silent server is given up")
    func silence() {
        let stage = Stage()
        stage.open()
        stage.loop.run(until: .seconds(6))
        #expect(stage.failure?.code == .timedOut)
        #expect(stage.streams.opened[0].end == .reset)
    }

    @Test("Whoever cancels, or lets go of the answer, ends the connection")
    func cancelled() {
        for how in 0..<3 {
            let stage = Stage()
            stage.open()
            if how > 0 { stage.deliver(head) }
            switch how {
            case 0: stage.request?.cancel()
            case 1: stage.answer?.body.cancel()
            default: stage.answer = nil
            }
            stage.loop.runTurns()
            #expect(stage.streams.opened[0].end == .reset)
            #expect(stage.failure == nil)
        }
    }

    @Test("A body is sent as it is made", arguments: [nil, 10])
    func upload(length: Int?) {
        let stage = Stage()
        let tap = Tap()
        stage.open(.put, upload: ClientUpload(tap, length: length))
        stage.loop.run(until: .seconds(4))
        tap.give(.bytes(Array("hello".utf8)))
        stage.loop.run(until: .seconds(8))
        tap.give(.bytes(Array("world".utf8)))
        tap.give(.end)
        stage.loop.runTurns()
        let body = stage.sent.components(after: "\r\n\r\n")
        #expect(body == (length == nil ? "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n" : "helloworld"))
        stage.deliver("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        stage.take()
        #expect(stage.taken == ["END"])
    }

    @Test("More of a body is asked for only while the connection takes it")
    func pressure() {
        let stage = Stage()
        let tap = Tap()
        let piece = SourcePiece.bytes([UInt8](repeating: 7, count: 64 << 10))
        for _ in 0..<100 { tap.give(piece) }
        stage.streams.takes = false
        stage.open(.put, upload: ClientUpload(tap, length: nil))
        #expect((1...6).contains(tap.asked))
        let before = tap.asked
        stage.streams.opened[0].take()
        stage.loop.runTurns()
        #expect((before + 1...before + 5).contains(tap.asked))
    }

    @Test("An answer before the end of the body ends the body")
    func early() throws {
        let stage = Stage()
        let tap = Tap()
        stage.open(.put, upload: ClientUpload(tap, length: nil))
        stage.deliver("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        #expect(tap.isCancelled)
        #expect(try #require(stage.answer).head.status == 403)
        stage.take()
        #expect(stage.taken == ["no"])
    }

    @Test("A body that fails, or is not as long as was said, fails the request")
    func uploadFails() {
        let pieces: [SourcePiece] = [.failed("disk"), .bytes([1, 2, 3]), .end]
        for piece in pieces {
            let stage = Stage()
            let tap = Tap()
            stage.open(.put, upload: ClientUpload(tap, length: 2))
            tap.give(piece)
            stage.loop.runTurns()
            #expect(stage.failure?.code == .bodyFailed)
            #expect(stage.streams.opened[0].end == .reset)
        }
    }
}

extension String {
    fileprivate func components(after mark: String) -> String {
        guard let place = ranges(of: mark).first else { return "" }
        return String(self[place.upperBound...])
    }
}
