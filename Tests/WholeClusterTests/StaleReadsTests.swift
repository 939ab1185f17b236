// SPDX-License-Identifier: Apache-2.0
import MartletHarness
import Testing

private func read(
    _ value: UInt64, at version: UInt64, _ began: UInt64, _ ended: UInt64, of server: String = "s1"
) -> StaleReads.Read {
    StaleReads.Read(server: server, value: value, version: version, beganAt: began, endedAt: ended)
}

private func isSound(_ reads: StaleReads.Read..., after history: [Operation] = []) -> Bool {
    StaleReads.violation(in: reads, after: history, of: "x") == nil
}

@Suite("Stale reads") struct StaleReadsTests {
    @Test("A server's own state does not go back within a life")
    func backwards() {
        #expect(isSound(read(7, at: 5, 1, 2), read(7, at: 5, 3, 4), read(8, at: 9, 5, 6)))
        #expect(!isSound(read(8, at: 9, 1, 2), read(7, at: 5, 3, 4)))
        #expect(isSound(read(8, at: 9, 1, 2), read(7, at: 5, 3, 4, of: "s2")))
    }

    @Test("Reads that overlap may be answered in either order")
    func overlap() {
        #expect(isSound(read(8, at: 9, 2, 3), read(7, at: 5, 1, 4)))
    }

    @Test("A version has one value, at every server and for every reader")
    func values() {
        #expect(!isSound(read(7, at: 5, 1, 2), read(8, at: 5, 3, 4, of: "s2")))
        let history = [
            Operation(
                client: 0, kind: .read, beganAt: 1, endedAt: 2,
                outcome: .found(value: 7, version: 5))
        ]
        #expect(!isSound(read(8, at: 5, 3, 4), after: history))
        #expect(isSound(read(7, at: 5, 3, 4), after: history))
    }
}
