// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletSimulation
import MartletStorage
import MartletTransport
import Testing

@Suite("Faults of a simulated host") struct FaultTests {
    private let world = SimulatedWorld(seed: 3)

    @Test("A clock that changes its rate does not jump, and armed timers fire by the new rate")
    func clockRate() {
        let host = world.makeHost("a")
        var firedAt: Duration?
        let timer = host.loop.makeTimer { [world] in firedAt = world.now }
        timer.arm(at: host.loop.now + .seconds(3))
        world.run(for: .seconds(1))
        let before = host.loop.now
        host.setClockRate(2_000_000)
        #expect(host.loop.now == before)
        world.run(for: .seconds(5))
        #expect(firedAt == .seconds(2))
        #expect(host.loop.now - before == .seconds(10))
    }

    @Test("A paused host does nothing; what happened meanwhile it sees afterwards, in order")
    func pause() {
        let host = world.makeHost("a")
        var seen: [Int] = []
        let timers = (1...3).map { number in host.loop.makeTimer { seen.append(number) } }
        for (number, timer) in timers.enumerated() {
            timer.arm(at: host.loop.now + .seconds(number + 1))
        }
        host.pause()
        world.run(for: .seconds(10))
        #expect(seen.isEmpty)
        host.resume()
        world.run(for: .seconds(1))
        #expect(seen == [1, 2, 3])
    }

    @Test("A crash falls before a durable step or after it", arguments: [false, true])
    func crashAtStep(isDone: Bool) throws {
        let host = world.makeHost("a")
        let lane = host.loop.makeLane(named: "log")
        let log = host.disk.openLogStore()
        host.disk.crash(atStep: 2, isDone: isDone)
        var answers = 0
        host.perform {
            for index in 1...3 {
                let entry = Entry(
                    index: LogIndex(UInt64(index)), term: Term(1), kind: .noop, payload: [])
                lane.submit(
                    { () -> Bool in
                        do { try log.commit(LogBatch(entries: [entry])) } catch { return false }
                        return true
                    }, then: { if $0 { answers += 1 } })
            }
        }
        world.run(for: .seconds(1))
        #expect(!host.isRunning)
        #expect(answers == 1)
        #expect(host.disk.openLogStore().bounds.lastIndex == LogIndex(isDone ? 2 : 1))
    }

    @Test("A flipped bit is found when the record is read, and ends with the record")
    func flippedBit() throws {
        let host = world.makeHost("a")
        let store = host.disk.openLogStore()
        let entry = Entry(index: LogIndex(1), term: Term(1), kind: .noop, payload: [])
        let state = HardState(term: Term(1), vote: nil)
        try store.commit(LogBatch(hardState: state, entries: [entry]))
        #expect(!host.disk.isDamaged)
        let isFlipped = host.disk.flipBit(in: .log)
        #expect(isFlipped && host.disk.isDamaged)
        #expect(throws: StoreError.self) {
            _ = try store.hardState()
            _ = try store.read(from: LogIndex(1), countMax: 1, bytesMax: 100)
        }
        try store.commit(
            LogBatch(hardState: state, truncateAfter: LogIndex.zero, entries: [entry]))
        #expect(!host.disk.isDamaged)
        #expect(try store.read(from: LogIndex(1), countMax: 1, bytesMax: 100) == [entry])
    }

    @Test("A full disk refuses, and takes the same write once there is space")
    func full() throws {
        let host = world.makeHost("a")
        let store = host.disk.openLogStore()
        let batch = LogBatch(hardState: HardState(term: Term(1), vote: nil))
        host.disk.isFull = true
        #expect(throws: StoreError.full("simulated")) { try store.commit(batch) }
        host.disk.isFull = false
        try store.commit(batch)
    }

    @Test("A connection that is reset before it is known to stand is not handed out")
    func earlyReset() throws {
        let first = world.makeHost("a")
        let second = world.makeHost("b")
        var accepted = 0
        var outcome: Result<any ByteStream, TransportError>?
        let listener = try second.streams.listen(on: second.address(port: 80)) { _ in
            accepted += 1
        }
        first.streams.connect(to: second.address(port: 80), timeout: .seconds(1)) { outcome = $0 }
        let isAccepted = world.run(until: { accepted == 1 })
        #expect(isAccepted && outcome == nil)
        world.network.resetConnections(between: first, and: second)
        world.run(for: .seconds(2))
        guard case .failure(.reset) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        listener.close()
    }
}
