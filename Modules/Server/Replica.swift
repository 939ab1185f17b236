// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletRaft
import MartletState
import MartletStorage
import MartletTransport

/// What the replica needs of the rest of the server.
protocol ReplicaDelegate: AnyObject {
    func replica(send message: Message, to peer: ServerID)
    func replica(sendSnapshot offer: SnapshotOffer, to peer: ServerID)
    func replicaStatusChanged(_ status: Status)
    func replicaConfigurationChanged(_ configuration: Configuration, index: LogIndex)
    /// Committed commands were applied, up to and including this index.
    func replicaApplied(through index: LogIndex)
    /// One of them that could be read, with what came of it, before the next is applied.
    func replica(applied command: Command, result: CommandResult, at index: LogIndex)
    /// A configuration that is committed came to its place in the log.
    func replica(applied configuration: Configuration, at index: LogIndex)
    /// The state was replaced by the leader's, up to this index.
    func replicaReplaced(through index: LogIndex)
    /// The state up to this index is in the store of snapshots.
    func replicaTookSnapshot(at index: LogIndex)
    /// What this server lost is here again: it need not say so at its next start.
    func replicaRecovered()
    func replicaObserved(_ observation: Observation)
    /// The disk failed for good: the server leaves service.
    func replicaFailed(_ reason: String)
}

/// What became of a command.
enum CommandOutcome {
    case applied(CommandResult, at: LogIndex)
    /// Certainly not in the log.
    case refused(Refusal)
    /// It may or may not be applied: leadership was lost while it was on its way.
    case unknown
    case failed(String)
}

/// One server's part in the replicated log: the Raft core, the state machine and the disk.
///
/// Steps the core, then carries out all effects before the next input; inputs that arise meanwhile
/// wait in a queue. Proposals and reads of one turn of the loop go in together at its end.
///
/// - Invariant: `state` is the result of every committed command up to `core.handedOutIndex`.
final class Replica {
    private let loop: any Loop
    private let log: any LogStore
    private let snapshots: any SnapshotStore
    private let logLane: any Lane
    /// Serial too: snapshots are written, received and read here, and never delay the log.
    let snapshotLane: any Lane
    /// Set when this replica stops.
    let halt = Halt()
    private let timings: ServerTimings
    private let logger: Logger
    private let snapshotPolicy: SnapshotPolicy
    weak var delegate: (any ReplicaDelegate)?
    private let observer: (any ReplicaObserver)?

    private(set) var core: RaftCore
    /// Of ``core`` after its last step: to look at this costs no copy of the core.
    private(set) var outlook: Outlook
    private(set) var state: State
    /// Why this server no longer takes part; nil while it does.
    private(set) var failure: String?
    /// The last write found no space; it is tried again until there is some.
    private(set) var isDiskFull = false
    /// It was said that the disk does not answer.
    private var isDiskStalled = false

    private var timer: (any LoopTimer)?
    private var expiry: (any LoopTimer)?
    private var isExpiryArmed = false
    /// Fires in the next turn.
    private var refill: (any LoopTimer)?
    /// Of committed entries, in one turn of the loop.
    private let applyBytes: Int
    private var appliedBytes = 0
    /// Whoever starts a server finds in ``state`` all that was known to be committed when it ended.
    private var isStarting = false
    private var effects: [Effect] = []
    private var inputs: [Input] = []
    private var isStepping = false
    private var writes = WriteQueue()
    /// Something waits in it: looked at after each step.
    private var isWriteDue = false

    private var gathered: [Proposal] = []
    private var gatheredReads: [(ReadOutcome) -> Void] = []
    private struct Proposal {
        let command: [UInt8]
        let asker: WaitingCommands.Waiter.Asker
    }

    private var isGathering = false
    private let inLog = WaitingCommands()
    private var proposing: [WaitingCommands.Waiter.Asker] = []
    /// Oldest first.
    private var reads: [(id: UInt64, since: Duration, done: [(ReadOutcome) -> Void])] = []
    private var nextReadID: UInt64 = 0
    private var changes: [(id: UInt64, done: (ChangeDecision.Outcome) -> Void)] = []
    private var nextChangeID: UInt64 = 0
    private var transfer: ((TransferOutcome) -> Void)?

    private var appliedConfiguration: Configuration
    private var appliedConfigurationIndex: LogIndex
    private var appliedTerm: Term
    private var isSnapshotting = false
    private var bytesSinceSnapshot = 0
    /// Of the newest snapshot; 0 before any.
    private var snapshotBytes: UInt64 = 0
    /// After a failed one: the next try waits.
    private var snapshotNotBefore: Duration = .zero
    private var received: (metadata: SnapshotMetadata, state: State)?

    init(
        _ loaded: LoadedReplica, options: ServerOptions, environment: ServerEnvironment,
        logLane: any Lane, snapshotLane: any Lane, seed: UInt64, timings: ServerTimings,
        logger: Logger
    ) {
        loop = environment.loop
        log = environment.log
        snapshots = environment.snapshots
        self.logLane = logLane
        self.snapshotLane = snapshotLane
        self.timings = timings
        var raftOptions = options.raftOptions
        raftOptions.observes = true
        core = RaftCore(
            id: loaded.metadata.serverID, timing: options.timing, limits: options.raftLimits,
            seed: seed, restored: loaded.restored, at: environment.loop.now, options: raftOptions)
        outlook = core.outlook()
        observer = environment.observer
        observer?.replica(loaded.metadata.serverID, began: loaded.restored)
        state = loaded.state
        let snapshot = loaded.restored.snapshot
        diskLastIndex = loaded.restored.entries.last?.index ?? loaded.restored.previousIndex
        appliedTerm = snapshot?.lastTerm ?? .zero
        snapshotBytes = snapshot?.sizeBytes ?? 0
        appliedConfiguration = snapshot?.configuration ?? .empty
        appliedConfigurationIndex = snapshot?.configurationIndex ?? .zero
        snapshotPolicy = SnapshotPolicy(
            entries: options.snapshotEntries, bytes: options.snapshotBytes)
        applyBytes = options.applyBytes
        self.logger = logger
    }

    func start() {
        // Timers end with the replica. Turns and lanes hold it until they are through: an object that
        // ever had a weak reference is slower to hold for good, and this one is in every message's way.
        timer = loop.makeTimer { [unowned self] in step(.ticked) }
        expiry = loop.makeTimer { [unowned self] in expire() }
        refill = loop.makeTimer { [unowned self] in goOn() }
        isStarting = true
        step(.ticked)
        isStarting = false
    }

    /// Stops taking part, without a word: what is with the disk may still be written.
    func stop() {
        failure = failure ?? "the server is stopping"
        halt.set()
        timer?.disarm()
        expiry?.disarm()
        refill?.disarm()
        failEverything(with: .unknown)
    }

    /// Whether this server leads and ``state`` holds all that any leader before it has committed:
    /// a leader's own first entry comes behind that.
    var hasAppliedOwnTerm: Bool {
        outlook.status.role == .leader && appliedTerm == outlook.status.term
    }

    /// Of the last entry that this leader has proposed, or is about to at the end of this turn; if it is
    /// refused, later than that of any entry.
    var lastProposedIndex: UInt64 { core.lastIndex.number + UInt64(gathered.count) }

    /// Asks ``state`` where it stands, since to read the property copies it, and all that it holds on to.
    ///
    /// - Precondition: the question is about nothing else of the replica.
    func ask<Answer>(_ question: (borrowing State) -> Answer) -> Answer {
        Self.ask(&state, question)
    }

    private static func ask<Answer>(
        _ state: inout State, _ question: (borrowing State) -> Answer
    ) -> Answer { question(state) }

    // MARK: Wishes

    /// Puts a command into the log; `done` is called once, when it is applied or is lost.
    func propose(
        _ command: [UInt8], trace: WriteTrace? = nil, done: @escaping (CommandOutcome) -> Void
    ) {
        if let failure { return done(.failed(failure)) }
        trace?.begin(.propose)
        gathered.append(Proposal(command: command, asker: .init(trace: trace, done: done)))
        gather()
    }

    /// Calls `done` when reading ``state`` is linearizable, or cannot be made so here. A server that
    /// does not lead asks its leader, which has to know such questions.
    ///
    /// `done` reads the state at once; if it was told until when that is valid, it looks at the clock
    /// afterwards.
    func read(_ done: @escaping (ReadOutcome) -> Void) {
        guard failure == nil else { return done(.refused(.notLeader(leader: nil))) }
        gatheredReads.append(done)
        gather()
    }

    func change(
        _ action: ConfigurationChange.Action, ifConfigurationIndex: LogIndex?,
        done: @escaping (ChangeDecision.Outcome) -> Void
    ) {
        guard failure == nil else { return done(.refused(.notLeader(leader: nil))) }
        nextChangeID += 1
        changes.append((nextChangeID, done))
        step(
            .changeProposed(
                ConfigurationChange(
                    id: nextChangeID, action: action, ifConfigurationIndex: ifConfigurationIndex)))
    }

    /// `done` is called once, when the entry at `index` of `term` is committed or can no longer be
    /// said to be by this leader.
    func whenCommitted(
        _ index: LogIndex, term: Term, done: @escaping (_ isCommitted: Bool) -> Void
    ) {
        if core.handedOutIndex >= index {
            return done(core.term(at: index).map { $0 == term } ?? true)
        }
        armExpiry()
        let asker = WaitingCommands.Waiter.Asker(trace: nil) { outcome in
            if case .applied = outcome { done(true) } else { done(false) }
        }
        inLog.add(index: index, term: term, at: loop.now, for: asker)
    }

    func transfer(to target: ServerID, done: @escaping (TransferOutcome) -> Void) {
        guard failure == nil else { return done(.refused(.notLeader(leader: nil))) }
        guard transfer == nil else { return done(.inProgress) }
        transfer = done
        step(.transferRequested(to: target))
    }

    private func gather() {
        guard !isGathering else { return }
        isGathering = true
        loop.atEndOfTurn { [self] in flushGathered() }
    }

    private func flushGathered() {
        isGathering = false
        if !gathered.isEmpty {
            let commands = gathered.map(\.command)
            proposing = gathered.map(\.asker)
            gathered.removeAll(keepingCapacity: true)
            step(.proposed(commands))
        }
        if !gatheredReads.isEmpty {
            nextReadID += 1
            armExpiry()
            reads.append((nextReadID, loop.now, gatheredReads))
            gatheredReads = []
            step(.readRequestedHere(id: nextReadID))
        }
    }

    // MARK: Patience

    /// Nobody waits longer than this for disks or servers that do not answer: clients are told what
    /// is certain. Below the time that a server gives one that it forwards to, five seconds.
    private static let patience: Duration = .seconds(4)
    private static let expiryInterval: Duration = .milliseconds(250)

    private func armExpiry() {
        guard !isExpiryArmed else { return }
        isExpiryArmed = true
        expiry?.arm(at: loop.now + Self.expiryInterval)
    }

    private func expire() {
        isExpiryArmed = false
        let limit = loop.now - Self.patience
        inLog.expire(since: limit)
        while let first = reads.first, first.since <= limit {
            reads.removeFirst()
            for done in first.done { done(.refused(.notLeader(leader: nil))) }
        }
        if inLog.count > 0 || !reads.isEmpty { armExpiry() }
    }

    // MARK: Stepping

    func step(_ input: Input) {
        guard failure == nil else { return }
        guard !isStepping else { return inputs.append(input) }
        isStepping = true
        carryOutStep(input)
        if !inputs.isEmpty { stepWhatWaits() }
        isStepping = false
        guard failure == nil else { return }
        submitWrites()
        noteStall()
        if let deadline = outlook.deadline { timer?.arm(at: deadline) } else { timer?.disarm() }
        let entries = outlook.entriesSinceSnapshot
        if entries > 0, outlook.isDurable,
            isSnapshotDue(entries: entries)
        {
            considerSnapshot()
        }
    }

    private func stepWhatWaits() {
        var position = 0
        while position < inputs.count, failure == nil {
            carryOutStep(inputs[position])
            position += 1
        }
        inputs.removeAll(keepingCapacity: true)
    }

    private func carryOutStep(_ input: Input) {
        // Out of the property: what is carried out may ask for the next step.
        var work: [Effect] = []
        swap(&work, &effects)
        Self.step(
            &core, input, at: loop.now,
            handingOut: isStarting ? .max : max(0, applyBytes - appliedBytes),
            seenBy: observer, into: &work)
        core.refresh(&outlook)
        // Moved out, the last one first: to copy an effect costs more than to carry out most.
        if work.count > 1 { work.turnAround() }
        while let effect = work.popLast() { carryOut(effect) }
        swap(&work, &effects)
    }

    private static func step(
        _ core: inout RaftCore, _ input: Input, at now: Duration, handingOut bytesMax: Int,
        seenBy observer: (any ReplicaObserver)?, into effects: inout [Effect]
    ) {
        core.step(input, at: now, handingOut: bytesMax, into: &effects)
        if let observer { observer.replica(core.id, stepped: core.view(), effects: effects) }
    }

    private func carryOut(_ effect: consuming Effect) {
        switch effect {
        case .persist(let write):
            writes.add(write)
            isWriteDue = true
        case .send(let message, let peer): delegate?.replica(send: message, to: peer)
        case .committed(let entries): apply(entries)
        case .proposed(let outcome): decideProposals(outcome)
        case .changeDecided(let decision): decideChange(decision)
        case .readDecided(let id, let outcome): decideReads(id, outcome)
        case .transferDecided(let outcome): decideTransfer(outcome)
        case .statusChanged(let status): statusChanged(status)
        case .configurationChanged(let configuration, let index):
            delegate?.replicaConfigurationChanged(configuration, index: index)
        case .compact(let index, let term): compact(through: index, term: term)
        case .sendSnapshot(let offer, let peer):
            delegate?.replica(sendSnapshot: offer, to: peer)
        case .snapshotDecided(let decision): snapshotDecision = decision
        case .restore(let metadata): restore(metadata)
        case .recovered: delegate?.replicaRecovered()
        case .observed(let observation): delegate?.replicaObserved(observation)
        }
    }

    private var snapshotDecision: SnapshotDecision?

    private func decideProposals(_ outcome: ProposalOutcome) {
        let waiting = proposing
        proposing = []
        switch outcome {
        case .accepted(let first, let term):
            var index = first
            let now = loop.now
            armExpiry()
            for asker in waiting {
                asker.trace?.entered(index: index.number, term: term.number)
                inLog.add(index: index, term: term, at: now, for: asker)
                index = index.next
            }
        case .refused(let refusal):
            for asker in waiting { asker.done(.refused(refusal)) }
        }
    }

    private func decideChange(_ decision: ChangeDecision) {
        guard let position = changes.firstIndex(where: { $0.id == decision.id }) else { return }
        changes.remove(at: position).done(decision.outcome)
    }

    private func decideReads(_ id: UInt64, _ outcome: ReadOutcome) {
        guard let position = reads.firstIndex(where: { $0.id == id }) else { return }
        for done in reads.remove(at: position).done { done(outcome) }
    }

    private func decideTransfer(_ outcome: TransferOutcome) {
        let done = transfer
        transfer = nil
        done?(outcome)
    }

    private func statusChanged(_ status: Status) {
        if status.role != .leader { inLog.loseAll() }
        delegate?.replicaStatusChanged(status)
    }

    private func failEverything(with outcome: CommandOutcome) {
        inLog.loseAll()
        let neverProposed = gathered.map(\.asker)
        let commands = proposing
        gathered = []
        proposing = []
        for asker in neverProposed { asker.done(.refused(.notLeader(leader: nil))) }
        for asker in commands { asker.done(outcome) }
        let waitingReads = reads.flatMap(\.done) + gatheredReads
        reads = []
        gatheredReads = []
        for done in waitingReads { done(.refused(.notLeader(leader: nil))) }
        let waitingChanges = changes
        changes = []
        for change in waitingChanges { change.done(.refused(.notLeader(leader: nil))) }
        decideTransfer(.lost)
    }

    // MARK: The state machine

    private func apply(_ entries: [Entry]) {
        guard let last = entries.last else { return }
        spend(entries.reduce(0) { $0 + $1.sizeBytes })
        let began = loop.now
        // What a restore replaces, or leaves behind, may be large.
        let old = state.restoreIndex == nil ? nil : state
        for entry in entries {
            if let since = inLog.committed(entry) { timings.commit.observe(began - since) }
            switch entry.kind {
            case .noop:
                state.advance(to: entry.index.number)
                inLog.complete(entry, .unchanged)
            case .command:
                bytesSinceSnapshot += entry.sizeBytes
                let (command, result) = state.applyReading(
                    entry.payload, at: entry.index.number)
                if let command {
                    delegate?.replica(applied: command, result: result, at: entry.index)
                }
                inLog.complete(entry, result)
            case .configuration:
                guard let configuration = Configuration(encoded: entry.payload) else {
                    preconditionFailure("a committed configuration that Raft took is malformed")
                }
                appliedConfiguration = configuration
                appliedConfigurationIndex = entry.index
                state.advance(to: entry.index.number)
                delegate?.replica(applied: configuration, at: entry.index)
                inLog.complete(entry, .unchanged)
            }
            appliedTerm = entry.term
        }
        timings.apply.observe(loop.now - began)
        if let old, old.restoreIndex != state.restoreIndex { letGo(of: old) }
        delegate?.replicaApplied(through: last.index)
    }

    // MARK: Turns

    // What is committed is applied in turns, so that a loop that has much to catch up with goes on to answer
    // its leader or its followers: silence of half a second costs a cluster its leader.

    private func spend(_ bytes: Int) {
        if appliedBytes == 0 { loop.atEndOfTurn { [self] in noteTurn() } }
        appliedBytes += bytes
    }

    /// There may be more rounds of this turn: only little is forgotten at once.
    private func noteTurn() {
        if appliedBytes <= applyBytes / 16 { appliedBytes = 0 } else { refill?.arm(at: loop.now) }
    }

    private func goOn() {
        appliedBytes = 0
        if core.handedOutIndex < core.commitIndex { step(.ticked) }
    }

    // MARK: The disk

    private func submitWrites() {
        guard isWriteDue, let taken = writes.take() else { return }
        isWriteDue = false
        submit(taken)
    }

    private func submit(_ taken: WriteQueue.Taken) {
        let log = log
        let began = loop.now
        logLane.attempt({ () throws(StoreError) in try log.commit(taken.batch) }) {
            [self] result in written(taken, result, since: began)
        }
    }

    private func written(
        _ taken: WriteQueue.Taken, _ result: Result<Void, StoreError>, since began: Duration
    ) {
        switch result {
        case .success:
            timings.observeSync(since: began, at: loop.now)
            noteSpace()
            writes.finish()
            noteOnDisk(taken.batch)
            inLog.durable(through: diskLastIndex)
            compactWhatWaits()
            step(.persisted(through: taken.through))
        case .failure(.full(let detail)):
            noteFull(detail)
            retry(taken)
        case .failure(let error):
            fail("\(error)")
        }
    }

    /// Said once, however often it is tried.
    private func noteFull(_ detail: String) {
        guard !isDiskFull else { return }
        isDiskFull = true
        logger.error(
            "the disk is full: this server acknowledges nothing until there is space",
            metadata: ["detail": "\(detail)"])
    }

    /// Said once when it begins and once when it ends. A full disk is told of as such.
    private func noteStall() {
        let stalls = outlook.isDiskStalled && !isDiskFull
        guard stalls != isDiskStalled else { return }
        isDiskStalled = stalls
        if stalls {
            logger.error(
                """
                the disk does not answer: this server acknowledges nothing until it does. Look at its \
                kernel's log, and at who else works on that disk
                """)
        } else if !isDiskFull {
            logger.info("the disk answers again: this server goes on")
        }
    }

    private func noteSpace() {
        guard isDiskFull else { return }
        isDiskFull = false
        logger.info("the disk has space again: this server goes on")
    }

    /// Why a command is refused as busy, for people.
    var busyReason: String {
        diskTrouble(of: "the leader") ?? "too many writes are waiting for a quorum: try again"
    }

    /// Why nothing can be written here now, for people; nil while it can.
    func diskTrouble(of whom: String) -> String? {
        if isDiskFull {
            return "the disk of \(whom) is full: nothing is written until there is space"
        }
        if core.isDiskStalled {
            return "the disk of \(whom) does not answer: nothing is written until it does"
        }
        return nil
    }

    private var retryTimer: (any LoopTimer)?

    /// Half a second: soon enough that service is back at once, rare enough to be no load.
    private func retry(_ taken: WriteQueue.Taken) {
        let timer = loop.makeTimer { [unowned self] in
            guard failure == nil else { return }
            submit(taken)
        }
        timer.arm(at: loop.now + .milliseconds(500))
        retryTimer = timer
    }

    func fail(_ reason: String) {
        guard failure == nil else { return }
        failure = reason
        // Whoever is asked who leads hears nothing of what was.
        outlook.standDown()
        timer?.disarm()
        logger.critical(
            """
            storage failed: this server is out of service until it is started again. Look at its disk \
            first; its data is verified at the start, and refilled by the others where it is damaged
            """,
            metadata: ["reason": "\(reason)"])
        failEverything(with: .failed(reason))
        delegate?.replicaFailed(reason)
    }

    private var waitingCompaction: (index: LogIndex, term: Term)?
    /// The last entry that the store has, as far as its finished batches say.
    private var diskLastIndex: LogIndex

    private func noteOnDisk(_ batch: LogBatch) {
        if let reset = batch.resetTo { diskLastIndex = reset.index }
        if let last = batch.truncateAfter { diskLastIndex = min(diskLastIndex, last) }
        if let last = batch.entries.last { diskLastIndex = last.index }
    }

    /// What is to be compacted may still wait to be written: it goes after that.
    private func compact(through index: LogIndex, term: Term) {
        waitingCompaction = (index, term)
        loop.atEndOfTurn { [self] in compactWhatWaits() }
    }

    private func compactWhatWaits() {
        guard failure == nil, let (index, term) = waitingCompaction, index <= diskLastIndex else {
            return
        }
        waitingCompaction = nil
        let log = log
        logLane.attempt({ () throws(StoreError) in
            try log.compact(through: index, term: term)
        }) { [self] result in
            guard case .failure(let error) = result else { return }
            if case .full = error {
                logger.warning(
                    "the log could not be compacted: the disk is full",
                    metadata: ["index": "\(index.number)"])
            } else {
                fail("\(error)")
            }
        }
    }

    // MARK: Snapshots

    /// To free a large state takes long: on the lane, it is nobody's time.
    private func letGo(of old: State) {
        snapshotLane.submit({ withExtendedLifetime(old) {} }, then: { _ in })
    }

    private func isSnapshotDue(entries: UInt64) -> Bool {
        snapshotPolicy.isDue(
            entries: entries, bytes: bytesSinceSnapshot, snapshotBytes: snapshotBytes)
    }

    /// A snapshot stands for what is applied, and never passes what is durable here.
    private func considerSnapshot() {
        let applied = core.handedOutIndex
        // Only the newest two are kept: one that a follower is just being sent must not go, unless
        // that takes so long that the log would grow without bound.
        let isLate =
            applied > core.snapshotIndex
            && (applied.number - core.snapshotIndex.number) / 16 >= snapshotPolicy.entries
        guard !core.isSendingSnapshot || isLate, !isSnapshotting, loop.now >= snapshotNotBefore,
            applied <= core.durableIndex,
            applied > core.snapshotIndex,
            isSnapshotDue(entries: applied.number - core.snapshotIndex.number)
        else { return }
        isSnapshotting = true
        bytesSinceSnapshot = 0
        let (state, halt) = (state, halt)
        let store = snapshots
        let position = SnapshotPosition(
            lastIndex: applied, lastTerm: appliedTerm, configuration: appliedConfiguration,
            configurationIndex: appliedConfigurationIndex)
        snapshotLane.submit({
            SnapshotFile.write(state, at: position, to: store, unless: halt)
        }) {
            [self] result in
            isSnapshotting = false
            switch result {
            case .success(let metadata):
                snapshotBytes = metadata.sizeBytes
                logger.debug(
                    "snapshot written",
                    metadata: [
                        "index": "\(metadata.lastIndex.number)", "bytes": "\(metadata.sizeBytes)",
                    ])
                delegate?.replicaTookSnapshot(at: metadata.lastIndex)
                step(.snapshotTaken(metadata))
            case .failure(.full(let detail)):
                snapshotNotBefore = loop.now + .seconds(10)
                logger.warning(
                    "no snapshot: the disk is full", metadata: ["detail": "\(detail)"])
            case .failure(let error):
                fail("\(error)")
            }
        }
    }

    /// Takes the leader's snapshot: of several the last, for there is one place for what is not whole.
    weak var receiver: SnapshotReceiver?

    /// Whether the bytes of an offered snapshot are wanted.
    func offered(_ offer: SnapshotOffer, from peer: ServerID) -> Bool {
        precondition(!isStepping, "an offer comes from a socket, not from an effect")
        guard failure == nil else { return false }
        snapshotDecision = nil
        step(.snapshotOffered(offer, from: peer))
        return snapshotDecision == .accepted
    }

    /// The leader sends it again.
    func snapshotNotStored(_ error: StoreError) {
        logger.warning(
            "a snapshot from the leader could not be stored", metadata: ["error": "\(error)"])
    }

    /// All bytes of an accepted offer are durable, and this is the state that they hold.
    func received(_ offer: SnapshotOffer, state: State, from peer: ServerID) {
        received = (offer.metadata, state)
        step(.snapshotReceived(offer, from: peer))
        received = nil
    }

    private func restore(_ metadata: SnapshotMetadata) {
        guard let received, received.metadata == metadata else {
            preconditionFailure("Raft restores only the snapshot that it was just given")
        }
        let old = state
        state = received.state
        letGo(of: old)
        snapshotBytes = metadata.sizeBytes
        appliedConfiguration = metadata.configuration
        appliedConfigurationIndex = metadata.configurationIndex
        appliedTerm = metadata.lastTerm
        bytesSinceSnapshot = 0
        inLog.loseAll()
        logger.info(
            "state restored from the leader's snapshot",
            metadata: ["index": "\(metadata.lastIndex.number)"])
        delegate?.replicaReplaced(through: metadata.lastIndex)
        delegate?.replicaApplied(through: metadata.lastIndex)
    }
}

/// When a snapshot is due: often enough that a restart replays little, and not so often that to write a
/// large state again and again is most of a disk's work.
struct SnapshotPolicy {
    var entries: UInt64
    var bytes: Int

    /// Bound of what the log may grow to beyond `bytes`, for the sake of a large state: it is in memory.
    private static let logBytesMax: UInt64 = 64 << 20
    /// Replaying so many bytes of a small entry takes as long as reading one of a snapshot's.
    private static let bytesPerEntry: UInt64 = 4 << 10

    func isDue(entries: UInt64, bytes: Int, snapshotBytes: UInt64) -> Bool {
        entries >= max(self.entries, snapshotBytes / Self.bytesPerEntry)
            || bytes >= max(self.bytes, Int(min(snapshotBytes / 2, Self.logBytesMax)))
    }
}
