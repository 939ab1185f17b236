// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletCLI

/// A cluster's ways on one simulated machine. Here a server says who it is by one byte: its number.
private final class Ways {
    let world = SimulatedWorld(seed: 7)
    let host: SimulatedHost
    let relays: Relays
    let plans: [DevServerPlan]
    /// What servers got by datagram, as `from port:bytes`.
    private(set) var packets: [Int: [String]] = [:]
    private(set) var accepted: [Int: [Talk]] = [:]
    private var sockets: [any DatagramSocket] = []
    private var listeners: [any Listener] = []

    init() throws {
        host = world.makeHost("machine")
        let made = try DevPlan.make(
            servers: 3, in: "/d", from: 4646, isFixed: false, isTaken: { _ in false })
        plans = made
        let machine = DevMachine(
            makeNetwork: { preconditionFailure("no network is made") },
            speaker: { (first) throws(TransportError) in
                guard let number = first.first else { return nil }
                guard number != 0xff else { throw .other("no server") }
                return DevServerPlan.address(4646 + (UInt16(number) - 1) * 10 + 1)
            }, firstBytesMax: 4, executable: nil, temporaryDirectory: "/tmp",
            workingDirectory: nil, isInputTerminal: false, terminalSize: { (80, 24) })
        relays = Relays(
            made, loop: host.loop, streams: host.streams, datagrams: host.datagrams,
            machine: machine)
        var failure: TransportError?
        host.perform {
            do throws(TransportError) {
                try relays.start()
                for plan in plans { try serve(plan) }
            } catch {
                failure = error
            }
        }
        #expect(failure == nil)
    }

    private func serve(_ plan: DevServerPlan) throws(TransportError) {
        listeners.append(
            try host.streams.listen(on: DevServerPlan.address(plan.boundPeer)) {
                [unowned self] in accepted[plan.number, default: []].append(Talk($0))
            })
        sockets.append(
            try host.datagrams.bind(to: DevServerPlan.address(plan.boundGossip)) {
                [unowned self] bytes, sender in
                let text = bytes.indices.map { "\(bytes[$0])" }.joined(separator: ",")
                packets[plan.number, default: []].append("\(sender.port ?? 0):\(text)")
            })
    }

    /// A connection that server `number` opens to another, and its first words.
    func call(_ target: Int, saying first: [UInt8]) -> Talk? {
        var talk: Talk?
        host.perform {
            host.streams.connect(
                to: DevServerPlan.address(plans[target - 1].peer), timeout: .seconds(1)
            ) { result in
                if case .success(let stream) = result {
                    talk = Talk(stream)
                    stream.write(first.span)
                }
            }
        }
        world.run(for: .seconds(1))
        return talk
    }

    func send(_ bytes: [UInt8], from number: Int, to target: Int) {
        host.perform {
            sockets[number - 1].send(
                bytes.span, to: DevServerPlan.address(plans[target - 1].gossip))
        }
        world.run(for: .seconds(1))
    }

    func say(_ bytes: [UInt8], on talk: Talk) {
        host.perform { talk.stream.write(bytes.span) }
        world.run(for: .seconds(1))
    }

    func set(_ number: Int, isCutOff: Bool) {
        host.perform { relays.set(number, isCutOff: isCutOff) }
        world.run(for: .seconds(1))
    }

    func finish(_ talk: Talk) {
        host.perform { talk.stream.close() }
        world.run(for: .seconds(1))
    }

    func reset(_ talk: Talk) {
        host.perform { talk.stream.reset() }
        world.run(for: .seconds(1))
    }
}

/// One end of a connection.
private final class Talk: StreamHandler {
    let stream: any ByteStream
    private(set) var heard: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var isClosed = false

    init(_ stream: any ByteStream) {
        self.stream = stream
        stream.handler = self
        stream.resumeReading()
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        for index in bytes.indices { heard.append(bytes[index]) }
    }
    func streamEnded() {
        hasEnded = true
        stream.finishWriting()
    }
    func streamDrained() {}
    func streamClosed(_ error: TransportError?) { isClosed = true }
}

@Suite("The ways between servers, and where they are cut") struct RelayTests {
    private let ways: Ways

    init() throws { ways = try Ways() }

    @Test("A connection is passed on in both directions, first words and all")
    func passes() throws {
        let near = try #require(ways.call(2, saying: [1, 10]))
        let far = try #require(ways.accepted[2]?.first)
        #expect(far.heard == [1, 10])
        ways.say([20], on: far)
        ways.say([30], on: near)
        #expect(near.heard == [20])
        #expect(far.heard == [1, 10, 30])
    }

    @Test("Cut off, a connection stands still unbroken, and what waited comes when it is healed")
    func holds() throws {
        let near = try #require(ways.call(2, saying: [1]))
        let far = try #require(ways.accepted[2]?.first)
        for number in [1, 2] {
            ways.set(number, isCutOff: true)
            let before = (near.heard, far.heard)
            ways.say([40], on: near)
            ways.say([50], on: far)
            #expect(near.heard == before.0)
            #expect(far.heard == before.1)
            #expect(!near.isClosed && !far.isClosed && !near.hasEnded && !far.hasEnded)
            ways.set(number, isCutOff: false)
            #expect(near.heard == before.0 + [50])
            #expect(far.heard == before.1 + [40])
        }
    }

    @Test("Others go on hearing each other")
    func others() throws {
        ways.set(3, isCutOff: true)
        let near = try #require(ways.call(2, saying: [1]))
        #expect(ways.accepted[2]?.count == 1)
        ways.say([9], on: near)
        #expect(ways.accepted[2]?.first?.heard == [1, 9])
    }

    @Test("A greeting to or from a server that is cut off waits", arguments: [1, 2])
    func greetingWaits(cut: Int) throws {
        ways.set(cut, isCutOff: true)
        let near = try #require(ways.call(2, saying: [1]))
        #expect(ways.accepted[2] == nil)
        ways.set(cut, isCutOff: false)
        #expect(ways.accepted[2]?.first?.heard == [1])
        #expect(!near.isClosed)
    }

    @Test("A greeting that gives up while it waits is never passed on")
    func greetingGivesUp() throws {
        ways.set(2, isCutOff: true)
        let near = try #require(ways.call(2, saying: [1]))
        ways.reset(near)
        ways.set(2, isCutOff: false)
        #expect(ways.accepted[2] == nil)
    }

    @Test("An end on one side is an end on the other, and so is a break")
    func ends() throws {
        let near = try #require(ways.call(2, saying: [1]))
        let far = try #require(ways.accepted[2]?.first)
        ways.finish(near)
        #expect(far.hasEnded)
        let other = try #require(ways.call(3, saying: [1]))
        let otherFar = try #require(ways.accepted[3]?.first)
        ways.reset(otherFar)
        #expect(other.isClosed)
    }

    @Test(
        "Who is no server of the cluster is not passed on", arguments: [[0xff], [9]] as [[UInt8]])
    func strangers(_ first: [UInt8]) throws {
        let near = try #require(ways.call(2, saying: first))
        #expect(near.isClosed)
        #expect(ways.accepted[2] == nil)
    }

    @Test("Datagrams come from the address that their sender advertises")
    func datagrams() {
        ways.send([7], from: 1, to: 2)
        #expect(ways.packets == [2: ["4648:7"]])
        ways.send([8], from: 2, to: 1)
        #expect(ways.packets[1] == ["4658:8"])
    }

    @Test("Datagrams to and from a server that is cut off are lost")
    func datagramsLost() {
        ways.set(1, isCutOff: true)
        ways.send([7], from: 1, to: 2)
        ways.send([8], from: 2, to: 1)
        #expect(ways.packets.isEmpty)
        ways.send([9], from: 3, to: 2)
        #expect(ways.packets == [2: ["4668:9"]])
        ways.set(1, isCutOff: false)
        ways.send([7], from: 1, to: 3)
        #expect(ways.packets[3] == ["4648:7"])
    }
}
