// SPDX-License-Identifier: Apache-2.0
package import MartletGossip

/// Servers that run nothing but a gossip core, and the network between them: one seed, one history.
///
/// Datagrams get lost and delayed as ``Faults`` say. Streams lose nothing: what gets lost on their
/// way is sent again as Linux does (a handshake after 1 s, data after 200 ms, each time twice as
/// late), so they come late instead. A link that is cut carries neither, and may be cut one way.
package struct World {
    package struct Faults: Sendable {
        package var lossPercent = 0
        /// One way.
        package var delay: ClosedRange<Int64> = 100_000...2_000_000
        package var duplicatePercent = 0

        package init(lossPercent: Int = 0, duplicatePercent: Int = 0) {
            self.lossPercent = lossPercent
            self.duplicatePercent = duplicatePercent
        }
    }

    package struct Node {
        package var core: Gossip?
        package var incarnation: UInt64 = 1
        package var payload: [UInt8] = [1]
        package var isPaused = false
        /// Since the core of this life was made.
        var tickAt: Int64?
        var life = 0
        var waiting: [Event.Kind] = []
        package var hasLeft = false
    }

    /// Something that one server noticed of another.
    package struct Observation: Equatable, Sendable {
        package let at: Duration
        package let observer: Int
        package let subject: NodeID
        /// nil when it was forgotten.
        package let status: GossipStatus?
    }

    package var faults: Faults
    package var nodes: [Node]
    /// Nanoseconds since the beginning.
    private(set) var clock: Int64 = 0
    package var random: WorldRandom
    private var events = EventHeap()
    private var blocked: Set<Int> = []
    private var tokens: [UInt64: (asker: Int, answerer: Int, sequence: UInt64?)] = [:]
    private var nextToken: UInt64 = 1
    private let timing: GossipTiming

    package var observations: [Observation] = []
    /// Turned off for runs of many hours.
    package var keepsObservations = true
    /// How often a server was taken for failed that ran and could be reached by somebody.
    package var falseFailures = 0
    package var suspicions: UInt64 { nodes.reduce(0) { $0 + ($1.core?.metrics.suspicions ?? 0) } }
    package var refusals: [GossipRefusal: Int] = [:]
    package var conflicts = 0
    package var steps = 0
    /// Called with each datagram before it is sent, to keep some for later.
    package var captured: [(bytes: [UInt8], from: String, to: Int)] = []
    package var captures = false

    package init(
        seed: UInt64, servers: Int, faults: Faults = Faults(), timing: GossipTiming = .lan
    ) {
        random = WorldRandom(seed: seed)
        self.faults = faults
        self.timing = timing
        nodes = (0..<servers).map { _ in Node() }
    }

    package var now: Duration { .nanoseconds(clock) }

    package static func id(_ index: Int) -> NodeID { NodeID(high: 0, low: UInt64(index) + 1) }

    package static func address(_ index: Int) -> String { "10.0.0.\(index + 1):4648" }

    static func index(_ address: String) -> Int? {
        guard address.hasPrefix("10.0.0."), address.hasSuffix(":4648") else { return nil }
        return Int(address.dropFirst(7).dropLast(5)).map { $0 - 1 }
    }
}

// What happens to servers.
extension World {
    /// Starts a server, in a new life, and lets it ask all others to let it in.
    package mutating func start(_ index: Int) {
        nodes[index].incarnation += 10
        nodes[index].life += 1
        nodes[index].isPaused = false
        nodes[index].hasLeft = false
        nodes[index].waiting = []
        nodes[index].tickAt = nil
        let record = NodeRecord(
            id: Self.id(index), address: Self.address(index),
            incarnation: nodes[index].incarnation, payload: nodes[index].payload)
        nodes[index].core = Gossip(own: record, timing: timing, seed: random.next(), at: now) {
            other, own in other.payload.first == own.payload.first
        }
        join(index)
    }

    package mutating func startAll() {
        for index in nodes.indices { start(index) }
    }

    /// A server that knows nobody tries again every 5 s.
    private mutating func join(_ index: Int) {
        for other in nodes.indices where other != index {
            step(index, .joinRequested(address: Self.address(other)))
        }
        schedule(.join(index, life: nodes[index].life), after: 5_000_000_000)
    }

    package mutating func kill(_ index: Int) {
        nodes[index].core = nil
        nodes[index].waiting = []
    }

    package mutating func pause(_ index: Int) { nodes[index].isPaused = true }

    /// It goes on where it stood: timers first, then what its sockets held.
    package mutating func resume(_ index: Int) {
        nodes[index].isPaused = false
        let waiting = nodes[index].waiting
        nodes[index].waiting = []
        step(index, .tick)
        for event in waiting { handle(event) }
    }

    package mutating func cut(from: Int, to: Int) { blocked.insert(from * 1_000 + to) }

    package mutating func cut(between left: [Int], and right: [Int]) {
        for one in left {
            for other in right {
                cut(from: one, to: other)
                cut(from: other, to: one)
            }
        }
    }

    package mutating func healLinks() { blocked = [] }

    private func isOpen(_ from: Int, _ to: Int) -> Bool { !blocked.contains(from * 1_000 + to) }

    package func status(of subject: Int, at observer: Int) -> GossipStatus? {
        nodes[observer].core?[Self.id(subject)]?.status
    }
}

// What goes on by itself.
extension World {
    struct Event {
        enum Kind {
            case tick(Int, life: Int)
            case packet([UInt8], from: String, to: Int)
            case stream([UInt8], token: UInt64, to: Int)
            case streamAnswer([UInt8], token: UInt64)
            case streamFailed(address: String, asker: Int, life: Int)
            case join(Int, life: Int)
        }

        let at: Int64
        let order: UInt64
        let kind: Kind
    }

    package mutating func run(for duration: Duration) {
        let seconds = duration.components
        let end = clock + seconds.seconds * 1_000_000_000 + seconds.attoseconds / 1_000_000_000
        while let event = events.popFirst(through: end) {
            clock = max(clock, event.at)
            handle(event.kind)
        }
        clock = end
    }

    /// Runs in steps of 100 ms until it is so.
    ///
    /// - Returns: whether it was, within the limit.
    package mutating func run(
        atMost limit: Duration, until isDone: (borrowing World) -> Bool
    ) -> Bool {
        let end = now + limit
        while now < end {
            if isDone(self) { return true }
            run(for: .milliseconds(100))
        }
        return isDone(self)
    }

    package mutating func step(_ index: Int, _ input: GossipInput) {
        guard !nodes[index].isPaused, nodes[index].core != nil else { return }
        steps += 1
        var effects: [GossipEffect] = []
        let instant = now
        nodes[index].core?.step(input, at: instant, into: &effects)
        for effect in effects { carryOut(effect, by: index) }
        guard let next = nodes[index].core?.nextDeadline else { return }
        precondition(next > instant, "server \(index): due at \(next), and it is \(instant)")
        let deadline = next.components
        guard deadline.seconds < 1 << 30 else { return }
        // Rounded up: a tick that comes early does nothing.
        let due =
            deadline.seconds * 1_000_000_000 + (deadline.attoseconds + 999_999_999) / 1_000_000_000
        let at = max(due, clock)
        if let planned = nodes[index].tickAt, planned <= at { return }
        nodes[index].tickAt = at
        schedule(.tick(index, life: nodes[index].life), after: at - clock)
    }

    private mutating func schedule(_ kind: Event.Kind, after delay: Int64) {
        events.insert(kind, at: clock + delay)
    }

    private mutating func handle(_ kind: Event.Kind) {
        switch kind {
        case .tick(let index, let life):
            guard nodes[index].life == life, nodes[index].tickAt == clock else { return }
            nodes[index].tickAt = nil
            step(index, .tick)
        case .packet(let bytes, let from, let index):
            if hold(kind, for: index) { return }
            step(index, .packet(bytes, from: from))
        case .stream(let bytes, let token, let index):
            if hold(kind, for: index) { return }
            step(index, .exchangeReceived(token: token, bytes: bytes))
        case .streamAnswer(let bytes, let token):
            guard let stream = tokens[token] else { return }
            if hold(kind, for: stream.asker) { return }
            tokens[token] = nil
            if let sequence = stream.sequence {
                step(stream.asker, .streamPingAnswered(sequence: sequence))
            } else {
                let address = Self.address(stream.answerer)
                step(stream.asker, .exchangeAnswered(address: address, bytes: bytes))
            }
        case .streamFailed(let address, let index, let life):
            guard nodes[index].life == life else { return }
            if hold(kind, for: index) { return }
            step(index, .exchangeFailed(address: address))
        case .join(let index, let life):
            guard nodes[index].life == life, let core = nodes[index].core else { return }
            if core.members.count == 1 { join(index) }
        }
    }

    /// What comes to a stopped process waits in its sockets, as long as there is room.
    private mutating func hold(_ kind: Event.Kind, for index: Int) -> Bool {
        guard nodes[index].isPaused else { return false }
        if nodes[index].waiting.count < 200 { nodes[index].waiting.append(kind) }
        return true
    }

    private mutating func carryOut(_ effect: GossipEffect, by index: Int) {
        switch effect {
        case .send(let bytes, let address):
            precondition(bytes.count <= Gossip.packetBytesMax, "\(bytes.count) bytes")
            send(bytes, from: index, to: address)
        case .exchange(let bytes, let address):
            openStream(bytes, from: index, to: address, sequence: nil)
        case .streamPing(let sequence, let address, let bytes):
            openStream(bytes, from: index, to: address, sequence: sequence)
        case .answerExchange(let token, let bytes):
            guard let stream = tokens[token], isOpen(index, stream.asker) else { return }
            schedule(.streamAnswer(bytes, token: token), after: delay() + resending(200_000_000))
        case .changed(let id):
            let status = nodes[index].core?[id]?.status
            observe(id, status, by: index)
        case .forgotten(let id):
            observe(id, nil, by: index)
        case .conflict:
            conflicts += 1
        case .refused(let reason, _):
            refusals[reason, default: 0] += 1
        case .leaveFinished:
            nodes[index].hasLeft = true
        }
    }

    private mutating func observe(_ id: NodeID, _ status: GossipStatus?, by index: Int) {
        let subject = Int(truncatingIfNeeded: id.low) - 1
        if status == .failed, nodes.indices.contains(subject), nodes[subject].core != nil,
            !nodes[subject].isPaused, blocked.isEmpty
        {
            falseFailures += 1
        }
        guard keepsObservations else { return }
        observations.append(Observation(at: now, observer: index, subject: id, status: status))
    }

    private mutating func send(_ bytes: [UInt8], from index: Int, to address: String) {
        guard let target = Self.index(address), nodes.indices.contains(target) else { return }
        if captures { captured.append((bytes, Self.address(index), target)) }
        guard isOpen(index, target), !random.percent(faults.lossPercent) else { return }
        let packet = Event.Kind.packet(bytes, from: Self.address(index), to: target)
        schedule(packet, after: delay())
        if random.percent(faults.duplicatePercent) { schedule(packet, after: 10 * delay()) }
    }

    private mutating func openStream(
        _ bytes: [UInt8], from index: Int, to address: String, sequence: UInt64?
    ) {
        let life = nodes[index].life
        guard let target = Self.index(address), nodes.indices.contains(target),
            nodes[target].core != nil, isOpen(index, target), isOpen(target, index)
        else {
            if sequence == nil {
                let failure = Event.Kind.streamFailed(address: address, asker: index, life: life)
                schedule(failure, after: 10_000_000_000)
            }
            return
        }
        let token = nextToken
        nextToken += 1
        tokens[token] = (index, target, sequence)
        let handshake = delay() + resending(1_000_000_000) + delay() + resending(1_000_000_000)
        let arrival = handshake + delay() + resending(200_000_000)
        schedule(.stream(bytes, token: token, to: target), after: arrival)
    }

    private mutating func delay() -> Int64 {
        let range = faults.delay
        return range.lowerBound + Int64(random.below(Int(range.upperBound - range.lowerBound) + 1))
    }

    /// How much later a segment of a stream comes for being lost some times in a row.
    private mutating func resending(_ first: Int64) -> Int64 {
        var wait = first
        var late: Int64 = 0
        while random.percent(faults.lossPercent), late < 60_000_000_000 {
            late += wait
            wait *= 2
        }
        return late
    }
}
