// SPDX-License-Identifier: Apache-2.0
import MartletRaft
@testable import MartletSimulation
import MartletStorage
import MartletTransport
import Testing

/// Notes what a stream tells.
final class Notes: StreamHandler {
    var bytes: [UInt8] = []
    var ends = 0
    var closings: [TransportError?] = []

    func streamReceived(_ bytes: Span<UInt8>) {
        for index in bytes.indices { self.bytes.append(bytes[index]) }
    }
    func streamEnded() { ends += 1 }
    func streamDrained() {}
    func streamClosed(_ error: TransportError?) { closings.append(error) }
}

/// Two hosts and a connection from the first to the second.
struct Pair {
    let world: SimulatedWorld
    let first: SimulatedHost
    let second: SimulatedHost
    let client: any ByteStream
    let server: any ByteStream
    let clientNotes = Notes()
    let serverNotes = Notes()

    init(seed: UInt64 = 7) throws {
        world = SimulatedWorld(seed: seed)
        first = world.makeHost("first")
        second = world.makeHost("second")
        var accepted: (any ByteStream)?
        var connected: (any ByteStream)?
        let listener = try second.streams.listen(on: second.address(port: 80)) { accepted = $0 }
        first.streams.connect(to: second.address(port: 80), timeout: .seconds(1)) { outcome in
            if case .success(let stream) = outcome { connected = stream }
        }
        let happened = world.run(until: { accepted != nil && connected != nil })
        #expect(happened)
        listener.close()
        client = try #require(connected)
        server = try #require(accepted)
        client.handler = clientNotes
        server.handler = serverNotes
        client.resumeReading()
        server.resumeReading()
    }
}

@Suite("The simulated world") struct WorldTests {
    @Test("A write in small pieces comes in crumbs at first, and is not events without end")
    func smallPieces() throws {
        let pair = try Pair()
        pair.world.network.segmentBytesMax = 1
        pair.world.network.fragmentation = 1
        let sent = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let before = pair.world.eventCount
        pair.first.perform { pair.client.write(sent.span) }
        let hasHead = pair.world.run(until: { pair.serverNotes.bytes.count >= 9 })
        #expect(hasHead && pair.serverNotes.bytes.count == 9)
        pair.world.run(for: .seconds(1))
        #expect(pair.serverNotes.bytes == sent)
        #expect(pair.world.eventCount - before < 100)
    }

    private func history(seed: UInt64) throws -> UInt64 {
        let pair = try Pair(seed: seed)
        pair.world.network.datagramLoss = 0.3
        pair.world.network.datagramDuplication = 0.3
        let lane = pair.first.loop.makeLane(named: "work")
        let from = try pair.first.datagrams.bind(to: pair.first.address(port: 9)) { _, _ in }
        let to = try pair.second.datagrams.bind(to: pair.second.address(port: 9)) { _, _ in }
        var ticks = 0
        var rearm: () -> Void = {}
        let timer = pair.first.loop.makeTimer {
            ticks += 1
            pair.client.write([UInt8](repeating: UInt8(ticks), count: 1_000).span)
            from.send([UInt8(ticks)].span, to: to.address)
            lane.submit({ 1 }, then: { _ in })
            if ticks < 50 { rearm() }
        }
        rearm = { timer.arm(at: pair.first.loop.now + .milliseconds(1)) }
        rearm()
        pair.world.run(for: .seconds(1))
        #expect(ticks == 50)
        #expect(pair.serverNotes.bytes.count == 50_000)
        return pair.world.traceHash
    }

    @Test("One seed is one history, another seed another")
    func determinism() throws {
        let first = try history(seed: 3)
        #expect(try history(seed: 3) == first)
        #expect(try history(seed: 4) != first)
    }

    @Test("A block one way holds bytes until it heals")
    func partition() throws {
        let pair = try Pair()
        pair.world.network.block(from: pair.first, to: pair.second)
        pair.client.write([1, 2].span)
        pair.server.write([3].span)
        pair.world.run(for: .seconds(5))
        #expect(pair.serverNotes.bytes.isEmpty)
        #expect(pair.clientNotes.bytes == [3])
        pair.world.network.heal()
        pair.client.write([4].span)
        pair.world.run(for: .seconds(1))
        #expect(pair.serverNotes.bytes == [1, 2, 4])
    }

    @Test("Of many hosts only those are cut off that were, and that way")
    func manyHosts() {
        let world = SimulatedWorld(seed: 1)
        let hosts = (0..<140).map { world.makeHost("\($0)") }
        let network = world.network
        network.block(from: hosts[3], to: hosts[130])
        network.partition(hosts[70], hosts[71])
        let cut = [[3, 130], [70, 71], [71, 70]]
        for from in [0, 3, 66, 70, 71, 130] {
            for to in [2, 3, 66, 70, 71, 130, 139] {
                #expect(
                    network.isBlocked(from: hosts[from], to: hosts[to]) == cut.contains([from, to]))
            }
        }
        network.unblock(from: hosts[3], to: hosts[130])
        network.unblock(from: hosts[3], to: hosts[130])
        #expect(!network.isBlocked(from: hosts[3], to: hosts[130]))
        #expect(network.isBlocked(from: hosts[70], to: hosts[71]))
        network.heal()
        #expect(!network.isBlocked(from: hosts[70], to: hosts[71]))
    }

    @Test("A block that lasts longer than the limit breaks both sides")
    func blockTimeout() throws {
        let pair = try Pair()
        pair.world.network.blockedStreamTimeout = .seconds(2)
        pair.world.network.partition(pair.first, pair.second)
        pair.client.write([1].span)
        pair.world.run(for: .seconds(5))
        #expect(pair.clientNotes.closings == [.timedOut])
        #expect(pair.serverNotes.closings == [.timedOut])
    }

    @Test("A crash resets peers at once, or at their next write to the new life")
    func crash() throws {
        let loud = try Pair()
        loud.second.crash(.resetsPeers)
        loud.world.run(for: .seconds(1))
        #expect(loud.clientNotes.closings == [.reset])

        let silent = try Pair()
        silent.second.crash()
        silent.client.write([1].span)
        silent.world.run(for: .seconds(1))
        #expect(silent.clientNotes.closings.isEmpty)
        silent.second.restart()
        silent.client.write([2].span)
        silent.world.run(for: .seconds(1))
        #expect(silent.clientNotes.closings == [.reset])
        #expect(silent.serverNotes.closings.isEmpty)
    }

    @Test("Timers of a crashed life never fire")
    func timersDie() {
        let world = SimulatedWorld(seed: 1)
        let host = world.makeHost("a")
        var fired = 0
        let timer = host.loop.makeTimer { fired += 1 }
        timer.arm(at: host.loop.now + .seconds(1))
        host.crash()
        host.restart()
        world.run(for: .seconds(3))
        #expect(fired == 0)
    }

    @Test("A fast clock fires early in world time, never before its own deadline")
    func skew() {
        let world = SimulatedWorld(seed: 1)
        var options = SimulatedHost.Options()
        options.clockRate = 2_000_000
        let host = world.makeHost("fast", options: options)
        let deadline = host.loop.now + .seconds(1)
        var firedAt: [Duration] = []
        let timer = host.loop.makeTimer { firedAt.append(world.now) }
        timer.arm(at: deadline)
        world.run(for: .seconds(3))
        #expect(firedAt == [.milliseconds(500)])
    }

    @Test("An in-flight commit is whole or absent after a crash, by the seed")
    func atomicCommit() throws {
        var outcomes: Set<UInt64> = []
        for seed in UInt64(0)..<40 {
            let world = SimulatedWorld(seed: seed)
            let host = world.makeHost("a")
            let store = host.disk.openLogStore()
            var answered = false
            let entries = (1...3).map {
                Entry(index: LogIndex($0), term: Term(1), kind: .command, payload: [1])
            }
            host.loop.makeLane(named: "disk").submit(
                { Result { try store.commit(LogBatch(entries: entries)) }.isSuccess },
                then: { _ in answered = true })
            host.crash()
            host.restart()
            world.run(for: .seconds(1))
            #expect(!answered)
            #expect(throws: StoreError.self) { try store.hardState() }
            outcomes.insert(host.disk.openLogStore().bounds.lastIndex.number)
        }
        #expect(outcomes == [0, 3])
    }

    @Test("A full disk refuses once; a broken one until it is opened again")
    func diskFaults() throws {
        let host = SimulatedWorld(seed: 1).makeHost("a")
        let store = host.disk.openLogStore()
        let batch = LogBatch(hardState: HardState(term: Term(2), vote: nil))
        host.disk.failNextCommit(.full)
        #expect(throws: StoreError.full("simulated")) { try store.commit(batch) }
        try store.commit(batch)
        host.disk.failNextCommit(.broken)
        #expect(throws: StoreError.broken("simulated")) { try store.commit(batch) }
        #expect(throws: StoreError.broken("simulated")) { try store.commit(batch) }
        #expect(try host.disk.openLogStore().hardState().term == Term(2))
    }

    @Test("A stalled disk holds a lane up")
    func stall() {
        let world = SimulatedWorld(seed: 1)
        let host = world.makeHost("a")
        var answeredAt: Duration?
        host.disk.stall(until: .seconds(4))
        host.loop.makeLane(named: "disk").submit({}, then: { answeredAt = world.now })
        world.run(for: .seconds(10))
        #expect(answeredAt.map { $0 >= .seconds(4) && $0 < .seconds(5) } == true)
    }

    private actor Pinned {
        nonisolated let loop: SimulatedLoop
        var count = 0

        init(loop: SimulatedLoop) { self.loop = loop }
        nonisolated var unownedExecutor: UnownedSerialExecutor {
            unsafe loop.asUnownedSerialExecutor()
        }
        func add() { count += 1 }
    }

    @Test("An actor of the loop is entered from its events without a task")
    func isolation() {
        let world = SimulatedWorld(seed: 1)
        let host = world.makeHost("a")
        let actor = Pinned(loop: host.loop)
        let timer = host.loop.makeTimer { actor.assumeIsolated { $0.add() } }
        timer.arm(at: host.loop.now + .seconds(1))
        world.run(for: .seconds(2))
        var count = 0
        host.perform { count = actor.assumeIsolated { $0.count } }
        #expect(count == 1)
        #expect(host.loop.isIsolatingCurrentContext() == false)
    }
}

extension Result {
    var isSuccess: Bool {
        switch self {
        case .success: true
        case .failure: false
        }
    }
}
