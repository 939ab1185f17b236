// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletTransport
import MartletUV
import Testing

@Suite("Processes and signals") struct ProcessesTests {
    private let test = TestLoop()

    @Test("A process's exit code comes back", arguments: [0, 1, 77] as [Int32])
    func exitCode(_ code: Int32) throws {
        var exits: [ProcessExit] = []
        let child = try UVProcesses(loop: test.loop).start(
            "/bin/sh", arguments: ["-c", "exit \(code)"], environment: nil
        ) { exits.append($0) }
        #expect(child.processID > 0)
        #expect(exits.isEmpty)
        #expect(test.turn { !exits.isEmpty })
        #expect(exits == [.code(code)])
        child.send(signal: SIGTERM)
    }

    @Test("A process gets the environment and arguments it was given, and an empty input")
    func environment() throws {
        var exits: [ProcessExit] = []
        let script = #"[ "$A" = "1 2" ] && [ -z "$HOME" ] && [ "$1" = "x y" ] && ! read line"#
        _ = try UVProcesses(loop: test.loop).start(
            "/bin/sh", arguments: ["-c", script, "sh", "x y"], environment: ["A": "1 2"]
        ) { exits.append($0) }
        #expect(test.turn { !exits.isEmpty })
        #expect(exits == [.code(0)])
    }

    @Test("A signal that ends a process is told")
    func signalled() throws {
        var exits: [ProcessExit] = []
        let child = try UVProcesses(loop: test.loop).start(
            "/bin/sleep", arguments: ["60"], environment: nil
        ) { exits.append($0) }
        child.send(signal: SIGKILL)
        #expect(test.turn { !exits.isEmpty })
        #expect(exits == [.signal(SIGKILL)])
    }

    @Test("What cannot be started is an error")
    func missing() {
        let processes = UVProcesses(loop: test.loop)
        #expect(throws: TransportError.self) {
            _ = try processes.start("/nonexistent", arguments: [], environment: nil) { _ in
                Issue.record("nothing was started")
            }
        }
        #expect(throws: TransportError.self) {
            _ = try processes.start("/bin/true", arguments: ["a\u{0}b"], environment: nil) { _ in
                Issue.record("nothing was started")
            }
        }
    }

    @Test("A signal to this process is received on the loop, each time")
    func receivedSignal() throws {
        var received = 0
        let processes = UVProcesses(loop: test.loop)
        try processes.onSignal(SIGUSR1) { received += 1 }
        #expect(processes.processID == getpid())
        for count in 1...3 {
            try #require(kill(getpid(), SIGUSR1) == 0)
            #expect(test.turn { received == count })
        }
    }

    @Test("A signal that nobody may receive is refused")
    func refusedSignal() {
        #expect(throws: TransportError.self) {
            try UVProcesses(loop: test.loop).onSignal(SIGKILL) {}
        }
    }
}
