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

    @Test("Output and errors are appended to a file of the owner's")
    func outputFile() throws {
        let folder = TestFolder()
        let path = "\(folder.path)/out.log"
        var streams = ChildStreams()
        streams.output = .file(path: path)
        for word in ["one", "two"] {
            var exits: [ProcessExit] = []
            _ = try UVProcesses(loop: test.loop).start(
                "/bin/sh", arguments: ["-c", "echo \(word); echo \(word)! >&2"],
                environment: nil, streams: streams
            ) { exits.append($0) }
            #expect(test.turn { !exits.isEmpty })
        }
        let bytes = try UVFiles().read(path, limitBytes: 100)
        #expect(String(decoding: bytes, as: UTF8.self) == "one\none!\ntwo\ntwo!\n")
        #expect(!UVFiles().isReadableByOthers(path))
    }

    @Test("A file that cannot be opened for the output is an error, and nothing is started")
    func outputRefused() {
        var streams = ChildStreams()
        streams.input = .open
        streams.output = .file(path: "/nonexistent/out.log")
        #expect(throws: TransportError.other("/nonexistent/out.log: no such file or directory")) {
            _ = try UVProcesses(loop: test.loop).start(
                "/bin/true", arguments: [], environment: nil, streams: streams
            ) { _ in Issue.record("nothing was started") }
        }
    }

    @Test("An open input ends when its holder lets go, and is a pipe until then")
    func openInput() throws {
        let folder = TestFolder()
        let path = "\(folder.path)/out.log"
        var streams = ChildStreams()
        streams.input = .open
        streams.output = .file(path: path)
        var exits: [ProcessExit] = []
        let child = try UVProcesses(loop: test.loop).start(
            "/bin/sh", arguments: ["-c", "[ -p /dev/stdin ] && echo pipe; read line; echo end"],
            environment: nil, streams: streams
        ) { exits.append($0) }
        let expected = Array("pipe\n".utf8)
        #expect(test.turn { Self.isContent(of: path, expected) })
        #expect(exits.isEmpty)
        child.send(signal: SIGTERM)
        #expect(test.turn { !exits.isEmpty })
        #expect(exits == [.signal(SIGTERM)])
    }

    private static func isContent(of path: String, _ bytes: [UInt8]) -> Bool {
        do throws(FileError) {
            return try UVFiles().read(path, limitBytes: 100) == bytes
        } catch {
            return false
        }
    }

    @Test("A child in a session of its own leads it")
    func ownSession() throws {
        for isInOwnSession in [false, true] {
            var streams = ChildStreams()
            streams.isInOwnSession = isInOwnSession
            var exits: [ProcessExit] = []
            let child = try UVProcesses(loop: test.loop).start(
                "/bin/sleep", arguments: ["60"], environment: nil, streams: streams
            ) { exits.append($0) }
            #expect((getsid(child.processID) == child.processID) == isInOwnSession)
            child.send(signal: SIGKILL)
            #expect(test.turn { !exits.isEmpty })
        }
    }

    @Test("What cannot be started is an error")
    func missing() {
        let processes = UVProcesses(loop: test.loop)
        #expect(throws: TransportError.other("/nonexistent: no such file or directory")) {
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
