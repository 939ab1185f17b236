// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@testable import MartletServer

@Suite("Commands that wait for a quorum") struct WaitingCommandsTests {
    /// Who was answered, in order, and how.
    private final class Answers {
        var all: [String] = []

        func waiter(_ name: String) -> WaitingCommands.Waiter.Asker {
            WaitingCommands.Waiter.Asker(trace: nil) { [self] outcome in
                switch outcome {
                case .applied(_, let index): all.append("\(name) applied at \(index.number)")
                case .refused, .failed: all.append("\(name) refused")
                case .unknown: all.append("\(name) unknown")
                }
            }
        }
    }

    private static func entry(_ index: UInt64) -> Entry {
        Entry(index: LogIndex(index), term: Term(1), kind: .command, payload: [])
    }

    /// With the disks of a majority full, a request waited for a minute at the leader.
    @Test("Those that wait too long are told that nothing is certain, the others go on waiting")
    func expiry() {
        let answers = Answers()
        let waiting = WaitingCommands()
        for second: UInt64 in 1...4 {
            waiting.add(
                index: LogIndex(second), term: Term(1), at: .seconds(Int64(second)),
                for: answers.waiter("\(second)"))
        }

        waiting.expire(since: .seconds(2))
        #expect(answers.all == ["1 unknown", "2 unknown"])
        #expect(waiting.count == 2)

        // Leadership is lost later: nobody is answered twice.
        waiting.loseAll()
        #expect(answers.all == ["1 unknown", "2 unknown", "3 unknown", "4 unknown"])
        waiting.expire(since: .seconds(9))
        #expect(answers.all.count == 4)
        #expect(waiting.count == 0)
    }
}
