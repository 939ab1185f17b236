// SPDX-License-Identifier: Apache-2.0
import MartletJSON
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletServer

@Suite("A list that is written while it is sent") struct ListSourceTests {
    /// All that it gives, piece by piece, and how many turns of the loop that takes at most.
    private func pieces(_ rows: ListRows, pretty: Bool = false) -> [[UInt8]] {
        let world = SimulatedWorld(seed: 1)
        let host = world.makeHost("a")
        let source = ListSource(rows, isPretty: pretty, turns: ListTurns(loop: host.loop))
        var pieces: [[UInt8]] = []
        var isOver = false
        func ask() {
            source.next { piece in
                if case .bytes(let bytes) = piece { pieces.append(bytes) } else { isOver = true }
            }
        }
        while !isOver, pieces.count < 10_000 {
            let before = pieces.count
            host.perform { ask() }
            _ = world.run(until: { isOver || pieces.count > before }, limit: .seconds(1))
            if pieces.count == before { break }
        }
        #expect(isOver)
        return pieces
    }

    private func text(_ pieces: [[UInt8]]) -> String {
        String(decoding: pieces.flatMap(\.self), as: UTF8.self)
    }

    @Test("It is what the list would be at once, of any length, in either form")
    func same() {
        for count in [0, 1, 2, 255, 256, 257, 2000] {
            let values = (0..<count).map { JSONList(["row \($0)", "<&>\n"]) }
            for pretty in [false, true] {
                let seen = pieces(ListRows(values) { $0 }, pretty: pretty)
                let wanted = JSONWriter.encode(JSONList(values), pretty: pretty)
                let isSame = seen.flatMap(\.self) == wanted
                #expect(isSame, "\(count), pretty: \(pretty)")
                #expect(seen.allSatisfy { !$0.isEmpty && $0.count <= 64 << 10 })
            }
        }
    }

    @Test("Rows that are hidden cost turns, and leave nothing behind")
    func hidden() {
        let numbers = 0..<100_000
        let seen = pieces(ListRows(numbers) { $0 % 40_000 == 39_999 ? JSONString("\($0)") : nil })
        #expect(text(seen) == "[\"39999\",\"79999\"]")
        #expect(text(pieces(ListRows(numbers) { _ in nil as JSONString? })) == "[]")
    }

    @Test("A row of any size is sent in pieces")
    func long() {
        let row = String(repeating: "x", count: 300_000)
        let seen = pieces(ListRows([row, row]) { JSONString($0) })
        let isSame = text(seen) == "[\"\(row)\",\"\(row)\"]"
        #expect(isSame)
        #expect(seen.allSatisfy { $0.count <= 64 << 10 })
    }

    @Test("Of many lists at once only so much is written in a turn, in the order of coming")
    func turns() {
        let world = SimulatedWorld(seed: 2)
        let host = world.makeHost("a")
        let turns = ListTurns(loop: host.loop)
        let row = JSONString(String(repeating: "x", count: 1000))
        var received = [Int](repeating: 0, count: 40)
        var ended: [Int] = []
        var sources: [ListSource] = []
        func take(_ number: Int) {
            sources[number].next { piece in
                guard case .bytes(let bytes) = piece else { return ended.append(number) }
                received[number] += bytes.count
                take(number)
            }
        }
        host.perform {
            for number in received.indices {
                sources.append(
                    ListSource(
                        ListRows(0..<500) { _ in row }, isPretty: false, turns: turns))
                #expect(sources[number].whole == nil)
            }
            for number in received.indices { take(number) }
        }
        #expect(received.reduce(0, +) < 1 << 20)
        var most = 0
        while ended.count < 40 {
            let before = received.reduce(0, +)
            guard world.step() else { break }
            most = max(most, received.reduce(0, +) - before)
        }
        #expect(most <= 640 << 10)
        #expect(ended.sorted() == Array(0..<40))
        #expect(received.allSatisfy { $0 == 500 * 1003 + 1 })
    }
}
