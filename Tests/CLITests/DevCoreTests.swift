// SPDX-License-Identifier: Apache-2.0
import MartletTransport
import Testing

@testable import MartletCLI

@Suite("What becomes of the servers of a cluster to play with") struct DevCoreTests {
    /// Three servers that run.
    private func running() -> DevCore {
        var core = DevCore(servers: 3)
        #expect(core.step(.began) == [.start(1), .start(2), .start(3)])
        return core
    }

    private func deed(_ deed: DevWish.Deed, _ number: Int) -> DevCore.Input {
        .wished(.deed(deed, server: number))
    }

    /// Without what is said.
    private func done(_ effects: [DevCore.Effect]) -> [DevCore.Effect] {
        effects.filter { if case .say = $0 { false } else { true } }
    }

    @Test("A server that is killed stays down until it is started again")
    func kill() {
        var core = running()
        #expect(core.step(deed(.kill, 2)) == [.send(.kill, to: 2)])
        #expect(
            core.step(.exited(2, .signal(9))) == [.say("s2 is killed: r 2 starts it again")])
        #expect(core[2].life == .ended(.signal(9)))
        #expect(!core[2].isAnswering)
        #expect(done(core.step(deed(.kill, 2))) == [])
        #expect(done(core.step(deed(.pause, 2))) == [])
        #expect(done(core.step(deed(.restart, 2))) == [.start(2)])
        #expect(core[2].life == .running)
        // Its next end is news again.
        #expect(
            core.step(.exited(2, .code(1))).first
                == .sayEnd(of: 2, "s2 ended by itself, with exit code 1"))
    }

    @Test("The same key pauses and lets go on, cuts and heals")
    func toggles() {
        var core = running()
        #expect(done(core.step(deed(.pause, 1))) == [.send(.stop, to: 1)])
        #expect(core[1].life == .paused)
        #expect(done(core.step(deed(.pause, 1))) == [.send(.continue, to: 1)])
        #expect(core[1].life == .running)
        #expect(done(core.step(deed(.cut, 3))) == [.set(3, isCutOff: true)])
        #expect(core[3].isCutOff)
        #expect(done(core.step(deed(.cut, 3))) == [.set(3, isCutOff: false)])
        #expect(!core[3].isCutOff)
    }

    @Test("A restart stops in good order, and one that stands still goes on to hear of it")
    func restart() {
        var core = running()
        #expect(done(core.step(deed(.restart, 1))) == [.send(.terminate, to: 1)])
        #expect(done(core.step(deed(.restart, 1))) == [])
        #expect(core.step(.exited(1, .code(0))) == [.start(1)])
        #expect(core[1].life == .running)
        _ = core.step(deed(.pause, 1))
        #expect(
            done(core.step(deed(.restart, 1))) == [
                .send(.continue, to: 1), .send(.terminate, to: 1),
            ])
    }

    @Test("A server that is killed while it restarts is not started")
    func killedWhileRestarting() {
        var core = running()
        _ = core.step(deed(.restart, 1))
        _ = core.step(deed(.kill, 1))
        #expect(done(core.step(.exited(1, .signal(9)))) == [])
        #expect(core[1].life == .ended(.signal(9)))
    }

    @Test("The end comes when all servers have ended, whatever became of them before")
    func quit() {
        var core = running()
        _ = core.step(deed(.kill, 1))
        _ = core.step(.exited(1, .signal(9)))
        _ = core.step(deed(.pause, 2))
        _ = core.step(deed(.cut, 3))
        #expect(
            done(core.step(.wished(.quit))) == [
                .set(3, isCutOff: false), .send(.continue, to: 2), .send(.terminate, to: 2),
                .send(.terminate, to: 3), .armPatience,
            ])
        #expect(core.step(.wished(.quit)) == [])
        #expect(core.step(deed(.restart, 1)) == [])
        #expect(core.step(.exited(2, .code(0))) == [])
        #expect(core.step(.patienceEnded) == [.send(.kill, to: 3)])
        #expect(core.step(.exited(3, .signal(9))) == [.finish(.fine)])
    }

    @Test("Nobody needs patience when nobody is left")
    func quitAlone() {
        var core = DevCore(servers: 1)
        _ = core.step(.began)
        _ = core.step(deed(.kill, 1))
        #expect(done(core.step(.exited(1, .signal(9)))) == [])
        #expect(core.step(.wished(.quit)) == [.finish(.fine)])
    }

    @Test("When all ended by themselves there is nothing to go on with")
    func allEnded() {
        var core = DevCore(servers: 2)
        _ = core.step(.began)
        #expect(done(core.step(.notStarted(1, "no such file"))) == [])
        let last = core.step(.exited(2, .code(1)))
        #expect(last.first == .sayEnd(of: 2, "s2 ended by itself, with exit code 1"))
        #expect(last.last == .finish(.unable))
    }
}

@Suite("What is typed to a cluster to play with") struct DevWishTests {
    @Test(
        "Lines say what to do",
        arguments: [
            ("k 2", .deed(.kill, server: 2)), ("k2", .deed(.kill, server: 2)),
            (" p\t3 \r", .deed(.pause, server: 3)), ("r 1", .deed(.restart, server: 1)),
            ("c 1", .deed(.cut, server: 1)), ("l 1", .deed(.log, server: 1)),
            ("s", .status), ("q", .quit), ("h", .help), ("?", .help),
        ] as [(String, DevWish)])
    func lines(_ line: String, _ wish: DevWish) throws {
        #expect(try DevWish.read(line, servers: 3) == wish)
    }

    @Test("Empty lines say nothing")
    func empty() throws {
        #expect(try DevWish.read("", servers: 3) == nil)
        #expect(try DevWish.read("  \r", servers: 3) == nil)
    }

    @Test(
        "Other lines are refused, with what would be right",
        arguments: [
            "k", "k 0", "k 4", "k -1", "k +1", "k two", "k 99999999999999999999", "x 1", "quit",
            "\u{1b}[A", "k 1 2",
        ])
    func wrong(_ line: String) {
        do throws(CLIFailure) {
            let wish = try DevWish.read(line, servers: 3)
            Issue.record("\(line) was taken for \(String(describing: wish))")
        } catch {
            #expect(error.exitCode == .refused)
            #expect(!error.text.contains("\u{1b}"))
        }
    }

    @Test("A key waits for its number, and any other key takes it back")
    func keys() {
        var keys = DevKeys(servers: 3)
        #expect(keys.read(Array("k".utf8), hidesLog: false) == [])
        #expect(keys.question?.hasPrefix("Which server to kill? 1 to 3") == true)
        #expect(keys.read(Array("2".utf8), hidesLog: false) == [.deed(.kill, server: 2)])
        #expect(keys.question == nil)
        #expect(keys.read(Array("k4s".utf8), hidesLog: false) == [.status])
        #expect(keys.read(Array("kq".utf8), hidesLog: false) == [])
        #expect(keys.read(Array("kc\u{1b}".utf8), hidesLog: false) == [])
        #expect(
            keys.read(Array("zp3q".utf8), hidesLog: false) == [.deed(.pause, server: 3), .quit])
        #expect(keys.read([3], hidesLog: false) == [.quit])
        #expect(keys.read([4], hidesLog: false) == [.quit])
    }

    @Test("An arrow is no key, and takes a letter back")
    func escapes() {
        var keys = DevKeys(servers: 3)
        _ = keys.read(Array("k".utf8), hidesLog: false)
        #expect(keys.read(Array("\u{1b}[1~".utf8), hidesLog: false) == [])
        #expect(keys.question == nil)
        #expect(keys.read([0x1b], hidesLog: true) == [.hideLog])
    }

    @Test("The key that shows a log hides it")
    func log() {
        var keys = DevKeys(servers: 3)
        #expect(keys.read(Array("l2".utf8), hidesLog: false) == [.deed(.log, server: 2)])
        #expect(keys.read(Array("ll1".utf8), hidesLog: true) == [.hideLog, .deed(.log, server: 1)])
    }

    @Test("With one server a letter is enough")
    func single() {
        var keys = DevKeys(servers: 1)
        #expect(keys.read(Array("p".utf8), hidesLog: false) == [.deed(.pause, server: 1)])
    }

    @Test("Lines come in pieces, and endless ones are cut")
    func pieces() {
        var lines = DevLines()
        #expect(lines.read([]) == [])
        #expect(!lines.hasRead)
        #expect(lines.read(Array("k".utf8)) == [])
        #expect(lines.read(Array(" 2\nq\nx".utf8)) == ["k 2", "q"])
        #expect(lines.hasRead)
        let long = lines.read([UInt8](repeating: 0x79, count: 1 << 20) + [0x0a])
        #expect(long.count == 1)
        #expect(long.first?.utf8.count ?? 0 <= 256)
    }
}
