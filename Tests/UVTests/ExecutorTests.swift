// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletTransport
import MartletUV
import Synchronization
import Testing

@Suite("The loop as an executor") struct ExecutorTests {
    private actor Door {
        private let loop: UVLoop
        private var timer: (any LoopTimer)?
        private(set) var order: [Int] = []

        init(loop: UVLoop) { self.loop = loop }

        nonisolated var unownedExecutor: UnownedSerialExecutor {
            unsafe loop.asUnownedSerialExecutor()
        }

        func note(_ number: Int) { order.append(number) }

        func isOnLoop() -> Bool { loop.isIsolatingCurrentContext() == true }

        /// Answers from a timer, which enters the actor outside any task.
        func answerFromTimer() async -> Int {
            await withCheckedContinuation { continuation in
                let timer = loop.makeTimer {
                    self.assumeIsolated { door in
                        door.note(42)
                        continuation.resume(returning: door.order.count)
                    }
                }
                timer.arm(at: loop.now)
                self.timer = timer
            }
        }
    }

    @Test("An actor pinned to a loop runs on the loop's thread")
    func pinnedActor() async {
        let loop = UVLoop()
        loop.startThread()
        defer { loop.stop() }
        let door = Door(loop: loop)
        #expect(await door.isOnLoop())
        #expect(loop.isIsolatingCurrentContext() == false)
        for number in 0..<100 { await door.note(number) }
        #expect(await door.order == Array(0..<100))
    }

    @Test("A timer's callback enters the actor without a task")
    func assumeIsolated() async {
        let loop = UVLoop()
        loop.startThread()
        defer { loop.stop() }
        #expect(await Door(loop: loop).answerFromTimer() == 1)
    }

    @Test("A task that prefers the loop stays on it between awaits")
    func taskExecutor() async {
        let loop = UVLoop()
        loop.startThread()
        defer { loop.stop() }
        let door = Door(loop: loop)
        let stayed = await Task(executorPreference: loop) {
            var stayed = loop.isIsolatingCurrentContext() == true
            for number in 0..<10 {
                await door.note(number)
                stayed = stayed && loop.isIsolatingCurrentContext() == true
            }
            return stayed
        }.value
        #expect(stayed)
    }

    @Test("Bodies entered from several threads keep each thread's order")
    func enterFromThreads() async {
        let loop = UVLoop()
        loop.startThread()
        defer { loop.stop() }
        let seen = Seen()
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    await withCheckedContinuation { done in
                        for number in 0..<500 {
                            loop.enter { seen.lists.withLock { $0[thread].append(number) } }
                        }
                        loop.enter { done.resume() }
                    }
                }
            }
        }
        #expect(seen.lists.withLock { $0 } == Array(repeating: Array(0..<500), count: 4))
    }

    @Test("A timer that arms itself for the past again and again keeps nobody from their turn")
    func overdueTimer() {
        let test = TestLoop()
        let lane = test.loop.makeLane(named: "other")
        var fired = 0
        var firedAtEndOfTurn: Int?
        var firedAtWaking: Int?
        var timer: (any LoopTimer)?
        timer = test.loop.makeTimer {
            fired += 1
            if fired == 1 {
                test.loop.atEndOfTurn { firedAtEndOfTurn = fired }
                lane.submit({ true }) { _ in firedAtWaking = fired }
            }
            if firedAtWaking == nil, fired < 100_000 { timer?.arm(at: .zero) }
        }
        timer?.arm(at: .zero)
        #expect(test.turn { firedAtWaking != nil || fired == 100_000 })
        #expect(firedAtEndOfTurn == 1)
        #expect(firedAtWaking != nil && fired < 100_000)
    }

    @Test("Objects released off the loop hand their handles over to it")
    func releaseElsewhere() async {
        let loop = UVLoop()
        loop.startThread()
        defer { loop.stop() }
        let refused = await withCheckedContinuation { continuation in
            loop.enter {
                let kept = Kept(loop: loop)
                let address = kept.listener?.address
                let lane = loop.makeLane(named: "elsewhere")
                lane.submit({ kept.release() }) {
                    guard let address else { return continuation.resume(returning: false) }
                    UVStreams(loop: loop).connect(to: address, timeout: .seconds(10)) { outcome in
                        _ = lane
                        if case .failure(.refused) = outcome {
                            continuation.resume(returning: true)
                        } else {
                            continuation.resume(returning: false)
                        }
                    }
                }
            }
        }
        #expect(refused)
    }

    /// Broke a test beside one that starts processes: between fork and exec a child shares every
    /// descriptor, and so the closed listener took a connection. The copy stands for that child.
    @Test("A closed listener takes nobody, whoever else holds its socket")
    func closedForAll() throws {
        let loop = UVLoop()
        let listener = try UVStreams(loop: loop).listen(
            on: .ipv4(0x7F00_0001, port: 0), accept: { $0.reset() })
        let address = listener.address
        let shared = try #require(Self.copyOfSocket(listeningOn: address))
        defer { close(shared) }
        listener.close()
        var outcome: Result<any ByteStream, TransportError>?
        UVStreams(loop: loop).connect(to: address, timeout: .seconds(10)) { outcome = $0 }
        while outcome == nil { loop.turn(waitingAtMost: .seconds(1)) }
        #expect(throws: TransportError.refused) { _ = try outcome?.get() }
        loop.shutDown()
    }

    /// Another descriptor for this process's socket that listens there.
    private static func copyOfSocket(listeningOn address: SocketAddress) -> Int32? {
        guard case .ipv4(_, let port) = address else { return nil }
        for descriptor in Int32(3)..<4096 {
            var name = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let code = unsafe withUnsafeMutablePointer(to: &name) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe getsockname(descriptor, $0, &length)
                }
            }
            if code == 0, name.sin_family == sa_family_t(AF_INET), name.sin_port == port.bigEndian {
                return dup(descriptor)
            }
        }
        return nil
    }

    @Test("A stop counts also when it comes before the loop runs")
    func earlyStop() {
        let loop = UVLoop()
        loop.stop()
        loop.run()
        #expect(loop.isIsolatingCurrentContext() == true)
    }

    @Test("Shutting down waits for lanes and closes what is open")
    func shutDown() throws {
        let loop = UVLoop()
        let lane = loop.makeLane(named: "last")
        let done = Atomic<Int>(0)
        for _ in 0..<50 {
            lane.submit({ done.wrappingAdd(1, ordering: .relaxed) }, then: { _ in })
        }
        let listener = try UVStreams(loop: loop).listen(
            on: .ipv4(0x7F00_0001, port: 0), accept: { _ in })
        loop.shutDown()
        #expect(done.load(ordering: .relaxed) == 50)
        listener.close()
    }

    @Test("Seeds differ")
    func seeds() {
        let loop = UVLoop()
        #expect(Set((0..<8).map { _ in loop.makeSeed() }).count == 8)
    }
}

private final class Seen: Sendable {
    let lists = Mutex<[[Int]]>([[], [], [], []])
}

/// Lets go of a listener and a timer on whichever thread asks.
// SAFETY: made on the loop, then only touched by the lane that releases.
private final class Kept: @unchecked Sendable {
    var listener: (any Listener)?
    var timer: (any LoopTimer)?

    init(loop: UVLoop) {
        do {
            listener = try UVStreams(loop: loop).listen(
                on: .ipv4(0x7F00_0001, port: 0), accept: { $0.reset() })
        } catch {
            Issue.record(error)
        }
        timer = loop.makeTimer { Issue.record("a released timer fired") }
        timer?.arm(at: loop.now + .seconds(3600))
    }

    func release() {
        listener = nil
        timer = nil
    }
}
