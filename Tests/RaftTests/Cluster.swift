// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

/// The seeded generator of the harness; the core has its own.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed ^ 0x5DEE_CE66_D1CE_4E5B }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 32) ^ (state &* 0x9E37_79B9_7F4A_7C15)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() >> 16) % bound }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

/// What goes wrong while a cluster runs.
struct Faults {
    var dropPercent = 0
    var duplicatePercent = 0
    var delayMaxMicroseconds = 1_000
    var diskMaxMicroseconds = 500

    static let none = Faults()
    static let rough = Faults(
        dropPercent: 8, duplicatePercent: 5, delayMaxMicroseconds: 40_000,
        diskMaxMicroseconds: 30_000)
}

/// What a server's disk holds: only writes that were completed.
struct Disk {
    var hardState = HardState.initial
    var snapshot: SnapshotMetadata?
    var entries: [Entry] = []
    var previousIndex = LogIndex.zero
    var previousTerm = Term.zero
    var commitHint = LogIndex.zero

    mutating func apply(_ write: Write) {
        if let state = write.hardState { hardState = state }
        if let index = write.truncateAfter { entries.removeAll { $0.index > index } }
        for entry in write.entries {
            let last = entries.last?.index ?? previousIndex
            if entry.index != last.next { Issue.record("a gap on disk at \(entry.index)") }
            entries.append(entry)
        }
        if let snapshot = write.resetTo {
            entries = []
            previousIndex = snapshot.lastIndex
            previousTerm = snapshot.lastTerm
        }
        commitHint = max(commitHint, write.commitHint)
    }

    mutating func compact(through index: LogIndex, term: Term) {
        guard index > previousIndex else { return }
        entries.removeAll { $0.index <= index }
        previousIndex = index
        previousTerm = term
    }

    var restored: Restored {
        Restored(
            hardState: hardState, snapshot: snapshot, entries: entries,
            previousIndex: previousIndex, previousTerm: previousTerm,
            commitHint: min(commitHint, entries.last?.index ?? previousIndex))
    }
}

/// Cores, a network and disks in one queue of virtual time: the same seed, the same history. Checks
/// the global invariants as it goes.
struct Cluster {
    enum Work {
        case message(Message)
        case written(Write, life: Int)
        case compacted(LogIndex, Term, life: Int)
        case offered(SnapshotOffer)
        case transferred(SnapshotOffer, life: Int)
        case sendFailed(life: Int)
    }

    struct Event {
        var at: Duration
        var order: Int
        var from: Int
        var to: Int
        var work: Work
    }

    struct Server {
        var id: ServerID
        var disk = Disk()
        var core: RaftCore?
        var life = 0
        var diskFreeAt = Duration.zero
        var applied = LogIndex.zero
        var appliedTerm = Term.zero
        var configuration = Configuration.empty
        var configurationIndex = LogIndex.zero
        var options = Options()
        /// How fast its clock runs, in per cent of the cluster's.
        var clockPercent = 100
        /// As SIGSTOP does: what comes meanwhile waits.
        var isPaused = false

        func clock(at now: Duration) -> Duration { now * clockPercent / 100 }

        /// When its clock has reached `instant`.
        func instant(of local: Duration) -> Duration {
            local * 100 / clockPercent + .nanoseconds(1)
        }
    }

    struct Slot: Hashable {
        var index: LogIndex
        var term: Term
    }

    struct Ballot: Hashable {
        var voter: Int
        var term: Term
    }

    var now = Duration.zero
    var generator: SeededGenerator
    var faults = Faults.none
    var limits = Limits()
    let timing = Timing.scaled(by: 1)
    var servers: [Server]
    /// Servers on the other side of a partition.
    var cut: Set<Int> = []
    /// A link that loses everything, one way.
    var blocked: (from: Int, to: Int)?
    /// Two servers that do not hear each other.
    var parted: (Int, Int)?
    var events: [Event] = []
    /// For paused servers.
    var held: [Event] = []
    var order = 0
    var snapshotEvery: UInt64 = 20
    /// FNV-1a over all effects, if asked for.
    var trace: UInt64 = 14_695_981_039_346_656_037
    var isTracing = false

    // What must hold for the whole cluster.
    var leaders: [Term: ServerID] = [:]
    var votes: [Ballot: ServerID] = [:]
    var written: [Slot: (entry: Entry, previous: Term)] = [:]
    var committed: [LogIndex: Entry] = [:]
    var committedMax = LogIndex.zero
    var reads: [UInt64: LogIndex] = [:]
    var readsAnswered = 0
    var followerReadsAnswered = 0
    var leaseReadsAnswered = 0
    var transfers: [TransferOutcome] = []
    var snapshotsRestored = 0

    static func id(_ number: Int) -> ServerID { ServerID(high: 0, low: UInt64(number)) }

    init(
        seed: UInt64, voters: Int, spares: Int = 0,
        configure: (_ position: Int, inout Server) -> Void = { _, _ in }
    ) {
        generator = SeededGenerator(seed: seed)
        servers = (1...(voters + spares)).map { Server(id: Self.id($0)) }
        for position in servers.indices { configure(position, &servers[position]) }
        limits.appendEntriesMax = 8
        limits.inflightMessagesMax = 4
        limits.trailingEntries = 5
        let founders = Configuration(
            servers: (1...voters).map {
                Configuration.Server(id: Self.id($0), address: "a\($0)", role: .voter)
            })
        for position in servers.indices {
            if position < voters {
                servers[position].disk.hardState = HardState(term: Term(1), vote: nil)
                servers[position].disk.entries = [RaftCore.foundingEntry(founders)]
            }
            start(position)
        }
    }

    // MARK: - Servers

    mutating func start(_ position: Int) {
        let disk = servers[position].disk
        servers[position].life += 1
        servers[position].diskFreeAt = now
        servers[position].applied = disk.snapshot?.lastIndex ?? .zero
        servers[position].appliedTerm = disk.snapshot?.lastTerm ?? .zero
        servers[position].configuration = disk.snapshot?.configuration ?? .empty
        servers[position].configurationIndex = disk.snapshot?.configurationIndex ?? .zero
        servers[position].core = RaftCore(
            id: servers[position].id, timing: timing, limits: limits, seed: generator.next(),
            restored: disk.restored, at: servers[position].clock(at: now),
            options: servers[position].options)
    }

    /// Of the writes under way a prefix may have reached the disk.
    mutating func crash(_ position: Int) {
        servers[position].core = nil
        servers[position].isPaused = false
        events += held.filter { $0.to == position }
        held.removeAll { $0.to == position }
        var isLost = false
        var kept: [Event] = []
        for event in events.sorted(by: { ($0.at, $0.order) < ($1.at, $1.order) }) {
            switch event.work {
            case .written(let write, let life)
            where event.to == position && life == servers[position].life:
                if generator.chance(60) { isLost = true }
                if !isLost { servers[position].disk.apply(write) }
            case .compacted(let index, let term, let life)
            where event.to == position && life == servers[position].life:
                if !isLost { servers[position].disk.compact(through: index, term: term) }
            case .message, .offered, .written, .compacted, .transferred, .sendFailed:
                kept.append(event)
            }
        }
        events = kept
    }

    mutating func input(_ input: Input, to position: Int) {
        guard let before = servers[position].core else { return }
        var effects: [Effect] = []
        servers[position].core = nil  // Moved out, or the step would copy the log.
        var core = before
        core.step(input, at: servers[position].clock(at: now), into: &effects)
        core.checkInvariants()
        if core.term < before.term || core.commitIndex < before.commitIndex {
            Issue.record("I5: \(before.status) went back to \(core.status)")
        }
        servers[position].core = core
        for effect in effects { carryOut(effect, of: position) }
        considerSnapshot(position)
    }

    private mutating func carryOut(_ effect: Effect, of position: Int) {
        if isTracing {
            for byte in "\(now) \(position) \(effect)".utf8 {
                trace = (trace ^ UInt64(byte)) &* 1_099_511_628_211
            }
        }
        let life = servers[position].life
        switch effect {
        case .persist(let write):
            checkLogMatching(write, of: position)
            onDisk(position, .written(write, life: life))
        case .compact(let through, let term):
            onDisk(position, .compacted(through, term, life: life))
        case .send(let message, let server):
            checkVote(message, by: position, for: server)
            send(.message(message), from: position, to: server)
        case .committed(let entries):
            for entry in entries { apply(entry, at: position) }
        case .statusChanged(let status):
            if status.role == .leader { checkLeader(status.term, position) }
        case .sendSnapshot(let offer, let server):
            if !send(.offered(offer), from: position, to: server) {
                let work = Work.sendFailed(life: life)
                schedule(work, from: number(of: server), to: position, within: 5_000)
            }
        case .restore(let metadata):
            if metadata.lastIndex <= servers[position].applied { Issue.record("state went back") }
            snapshotsRestored += 1
            servers[position].applied = metadata.lastIndex
            servers[position].appliedTerm = metadata.lastTerm
            servers[position].configuration = metadata.configuration
            servers[position].configurationIndex = metadata.configurationIndex
        case .readDecided(let id, .ready(let index, let limit)):
            readsAnswered += 1
            if servers[position].core?.status.role != .leader { followerReadsAnswered += 1 }
            if limit != nil { leaseReadsAnswered += 1 }
            if index < reads[id] ?? .zero { Issue.record("a stale read: \(index)") }
            if index > servers[position].applied { Issue.record("read before \(index) is out") }
        case .transferDecided(let outcome):
            transfers.append(outcome)
        case .proposed, .changeDecided, .readDecided, .configurationChanged, .snapshotDecided,
            .observed:
            break
        }
    }

    private mutating func considerSnapshot(_ position: Int) {
        let server = servers[position]
        guard let core = server.core, server.applied <= core.durableIndex,
            server.applied.number >= core.snapshotIndex.number + snapshotEvery
        else { return }
        let metadata = SnapshotMetadata(
            lastIndex: server.applied, lastTerm: server.appliedTerm,
            configuration: server.configuration, configurationIndex: server.configurationIndex,
            sizeBytes: 1, checksum: 1)
        servers[position].disk.snapshot = metadata
        input(.snapshotTaken(metadata), to: position)
    }

    private mutating func apply(_ entry: Entry, at position: Int) {
        if entry.index != servers[position].applied.next { Issue.record("applied out of order") }
        servers[position].applied = entry.index
        servers[position].appliedTerm = entry.term
        if entry.kind == .configuration, let configuration = Configuration(encoded: entry.payload) {
            servers[position].configuration = configuration
            servers[position].configurationIndex = entry.index
        }
        if let known = committed[entry.index] {
            if known != entry { Issue.record("I4: two entries committed at \(entry.index)") }
        } else {
            committed[entry.index] = entry
            committedMax = max(committedMax, entry.index)
        }
    }

    // MARK: - Invariants

    private mutating func checkLeader(_ term: Term, _ position: Int) {
        let id = servers[position].id
        if leaders[term] ?? id != id { Issue.record("I1: two leaders in \(term)") }
        leaders[term] = id
        guard let core = servers[position].core else { return }
        if core.lastIndex < committedMax { Issue.record("I3: \(term) lacks committed entries") }
        var index = core.firstIndex
        while index <= committedMax {
            if core.term(at: index) != committed[index]?.term {
                Issue.record("I3: another entry at \(index) in \(term)")
            }
            index = index.next
        }
    }

    private mutating func checkLogMatching(_ write: Write, of position: Int) {
        for entry in write.entries {
            let slot = Slot(index: entry.index, term: entry.term)
            guard let previous = servers[position].core?.term(at: entry.index.previous) else {
                continue
            }
            if let known = written[slot] {
                if known.entry != entry || known.previous != previous {
                    Issue.record("I2: two logs at \(slot)")
                }
            } else {
                written[slot] = (entry, previous)
            }
        }
    }

    private mutating func checkVote(_ message: Message, by position: Int, for server: ServerID) {
        guard case .voteResponse(let vote) = message, vote.isGranted, !vote.isPreVote else {
            return
        }
        let ballot = Ballot(voter: position, term: vote.term)
        if votes[ballot] ?? server != server { Issue.record("two votes: \(ballot)") }
        votes[ballot] = server
        let stored = servers[position].disk.hardState
        if stored.term < vote.term || (stored.term == vote.term && stored.vote != server) {
            Issue.record("a vote that is not durable: \(ballot)")
        }
    }

    // MARK: - Time

    private func number(of id: ServerID) -> Int { Int(id.low) - 1 }

    private mutating func schedule(_ work: Work, from: Int, to: Int, within microseconds: Int) {
        let delay = Duration.microseconds(1 + generator.below(microseconds))
        order += 1
        events.append(Event(at: now + delay, order: order, from: from, to: to, work: work))
    }

    private mutating func onDisk(_ position: Int, _ work: Work) {
        let delay = Duration.microseconds(1 + generator.below(faults.diskMaxMicroseconds))
        let at = max(servers[position].diskFreeAt, now + delay)
        servers[position].diskFreeAt = at
        order += 1
        events.append(Event(at: at, order: order, from: position, to: position, work: work))
    }

    /// False if it is lost.
    @discardableResult
    private mutating func send(_ work: Work, from: Int, to id: ServerID) -> Bool {
        let to = number(of: id)
        if cut.contains(from) != cut.contains(to) { return false }
        if let blocked, blocked.from == from, blocked.to == to { return false }
        if let parted, parted == (from, to) || parted == (to, from) { return false }
        if generator.chance(faults.dropPercent) { return false }
        schedule(work, from: from, to: to, within: faults.delayMaxMicroseconds)
        if case .message = work, generator.chance(faults.duplicatePercent) {
            schedule(work, from: from, to: to, within: faults.delayMaxMicroseconds * 3)
        }
        return true
    }

    /// Carries out what is due next; false if nothing is before `end`.
    mutating func advance(until end: Duration) -> Bool {
        var next: Int?
        for position in events.indices {
            guard let best = next else {
                next = position
                continue
            }
            let isEarlier =
                (events[position].at, events[position].order) < (
                    events[best].at, events[best].order
                )
            if isEarlier { next = position }
        }
        var due = next.map { events[$0].at } ?? end
        var ticked: Int?
        for position in servers.indices {
            guard !servers[position].isPaused, let deadline = servers[position].core?.deadline
            else { continue }
            let instant = servers[position].instant(of: deadline)
            if instant < due {
                due = instant
                ticked = position
            }
        }
        guard due < end else {
            now = max(now, end)
            return false
        }
        now = max(now, due)
        if let ticked {
            input(.ticked, to: ticked)
        } else if let next {
            events.swapAt(next, events.count - 1)
            perform(events.removeLast())
        }
        return true
    }

    /// Stops a process, or lets it go on: then all that has come meanwhile is there at once.
    mutating func pause(_ position: Int) { servers[position].isPaused = true }

    mutating func resume(_ position: Int) {
        servers[position].isPaused = false
        events += held.filter { $0.to == position }
        held.removeAll { $0.to == position }
    }

    private mutating func perform(_ event: Event) {
        let to = event.to
        guard !servers[to].isPaused else {
            held.append(event)
            return
        }
        let source = servers[event.from].id
        switch event.work {
        case .message(let message):
            input(.received(message, from: source), to: to)
        case .written(let write, let life):
            guard life == servers[to].life else { return }
            servers[to].disk.apply(write)
            input(.persisted(through: write.sequence), to: to)
        case .compacted(let index, let term, let life):
            guard life == servers[to].life else { return }
            servers[to].disk.compact(through: index, term: term)
        case .offered(let offer):
            offered(offer, from: event.from, to: to)
        case .transferred(let offer, let life):
            transferred(offer, from: event.from, to: to, life: life)
        case .sendFailed(let life):
            guard life == servers[to].life else { return }
            input(.snapshotSendFailed(to: source), to: to)
        }
    }

    private mutating func offered(_ offer: SnapshotOffer, from: Int, to: Int) {
        guard var core = servers[to].core else {
            let work = Work.sendFailed(life: servers[from].life)
            schedule(work, from: to, to: from, within: 5_000)
            return
        }
        var effects: [Effect] = []
        let clock = servers[to].clock(at: now)
        core.step(.snapshotOffered(offer, from: servers[from].id), at: clock, into: &effects)
        core.checkInvariants()
        servers[to].core = core
        for effect in effects { carryOut(effect, of: to) }
        if effects.contains(.snapshotDecided(.accepted)) {
            let work = Work.transferred(offer, life: servers[to].life)
            schedule(work, from: from, to: to, within: 20_000)
        }
    }

    private mutating func transferred(_ offer: SnapshotOffer, from: Int, to: Int, life: Int) {
        guard life == servers[to].life, servers[to].core != nil else {
            input(.snapshotSendFailed(to: servers[to].id), to: from)
            return
        }
        if generator.chance(faults.dropPercent * 3) {
            input(.snapshotAbandoned(offer, from: servers[from].id), to: to)
            input(.snapshotSendFailed(to: servers[to].id), to: from)
            return
        }
        if offer.metadata.lastIndex > servers[to].disk.snapshot?.lastIndex ?? .zero {
            servers[to].disk.snapshot = offer.metadata
        }
        input(.snapshotReceived(offer, from: servers[from].id), to: to)
    }

    mutating func run(for span: Duration) {
        let end = now + span
        while advance(until: end) {}
    }

    /// The server that leads in the newest term.
    var leader: Int? {
        var newest: Int?
        for position in servers.indices {
            guard let core = servers[position].core, core.status.role == .leader else { continue }
            if let best = newest, let other = servers[best].core, other.term > core.term {
                continue
            }
            newest = position
        }
        return newest
    }

    /// Runs until somebody leads; fails after ten seconds.
    mutating func elect() throws -> Int {
        let end = now + .seconds(10)
        while leader == nil, advance(until: end) {}
        let elected = leader
        return try #require(elected)
    }
}
