// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTransport
import Synchronization
import Testing

@testable import MartletHost

@Suite("What a supervisor is told") struct SupervisionTests {
    private final class Heard: Sendable {
        private let lines = Mutex<[String]>([])

        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    @Test("Ready once, then a word in a third of its patience, and a new status when there is one")
    func words() {
        let world = SimulatedWorld(seed: 1)
        let host = world.makeHost("s1")
        let heard = Heard()
        var role = "follower"
        let supervisor = Supervisor(patience: .milliseconds(600)) { heard.add($0) }
        let supervision = Supervision(supervisor, loop: host.loop) { role }
        host.perform { supervision.began() }
        #expect(heard.all == ["READY=1\nSTATUS=follower"])
        world.run(for: .milliseconds(450))
        #expect(heard.all.dropFirst() == ["WATCHDOG=1", "WATCHDOG=1"])
        role = "out of\nMAINPID=1"
        world.run(for: .milliseconds(200))
        #expect(heard.all.last == "WATCHDOG=1\nSTATUS=out of MAINPID=1")
        host.perform { supervision.stopping() }
        world.run(for: .milliseconds(200))
        #expect(heard.all.suffix(2) == ["STOPPING=1\nSTATUS=stopping", "WATCHDOG=1"])
    }

    @Test("Nobody who does not watch hears that nothing has changed")
    func unwatched() {
        let world = SimulatedWorld(seed: 2)
        let host = world.makeHost("s1")
        let heard = Heard()
        let supervision = Supervision(Supervisor(patience: nil) { heard.add($0) }, loop: host.loop)
        {
            "follower"
        }
        host.perform { supervision.began() }
        world.run(for: .seconds(5))
        #expect(heard.all == ["READY=1\nSTATUS=follower"])
    }

    @Test("A loop that hangs is silent")
    func hanging() {
        let world = SimulatedWorld(seed: 3)
        let host = world.makeHost("s1")
        let heard = Heard()
        let supervisor = Supervisor(patience: .milliseconds(300)) { heard.add($0) }
        let supervision = Supervision(supervisor, loop: host.loop) { "follower" }
        host.perform { supervision.began() }
        host.pause()
        world.run(for: .seconds(1))
        #expect(heard.all.count == 1)
    }

    @Test(
        "The patience is a number of microseconds, and this process's",
        arguments: [
            ("30000000", nil, 30), ("1", "7", nil), ("30000000", "42", 30), ("0", nil, nil),
            ("-5", nil, nil), ("soon", nil, nil), (nil, nil, nil),
            ("99999999999999999999", nil, nil),
        ] as [(String?, String?, Int?)])
    func patience(text: String?, processID: String?, seconds: Int?) {
        #expect(
            Supervisor.patience(microseconds: text, processID: processID, own: 42)
                == seconds.map { .seconds($0) })
    }
}
