// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletServer

@Suite("Who asks what a registration would do") struct DryRunTests {
    private final class Log {
        var begun: [String] = []
    }

    @Test("One after the other, as many as may wait, and none that has waited for too long")
    func turns() {
        let world = SimulatedWorld(seed: 1)
        let host = world.makeHost("a")
        let runs = DryRuns(loop: host.loop)
        let log = Log()
        func enter(_ name: String) -> Bool {
            runs.enter { isInTime in log.begun.append(isInTime ? name : "\(name) late") }
        }
        host.perform {
            #expect(enter("first") && enter("second"))
            #expect(log.begun == ["first"])
            runs.leave()
            #expect(log.begun == ["first", "second"])
            for number in 1...DryRuns.waitingMax { #expect(enter("\(number)")) }
            #expect(!enter("one more"))
        }
        world.run(for: DryRuns.patience)
        host.perform {
            runs.leave()
            #expect(log.begun.last == "1 late")
            #expect(enter("new"))
            for _ in 1...DryRuns.waitingMax { runs.leave() }
            #expect(log.begun.count == 3 + DryRuns.waitingMax && log.begun.last == "new")
            runs.leave()
            #expect(enter("again") && log.begun.last == "again")
        }
    }
}
