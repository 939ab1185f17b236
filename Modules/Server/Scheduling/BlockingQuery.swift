// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletState
import MartletTransport

/// That a client wants an answer only once something has changed since the index that it has seen.
struct BlockingQuery: Equatable {
    /// `X-Nomad-Index` of the answer that the client has.
    let index: UInt64
    /// How long it waits at most, without the jitter.
    let wait: Duration

    static let waitDefault: Duration = .seconds(300)
    static let waitMax: Duration = .seconds(600)

    /// How long its answer may take in all.
    var longest: Duration { wait + wait / 16 }

    /// - Returns: nil for a query that waits for nothing: without an index, or with index 0.
    /// - Throws: ``APIError`` 400 for what cannot be read, also where it would not count.
    init?(_ query: Query) throws(APIError) {
        var wait = Self.waitDefault
        if let text = query.first("wait"), !text.isEmpty {
            guard let given = Self.duration(text) else {
                throw APIError(status: 400, message: "Invalid wait time")
            }
            if given > .zero { wait = min(given, Self.waitMax) }
        }
        guard let text = query.first("index"), !text.isEmpty else { return nil }
        guard let index = UInt64(text) else {
            throw APIError(status: 400, message: "Invalid index")
        }
        guard index > 0 else { return nil }
        self.index = index
        self.wait = wait
    }

    private static func duration(_ text: String) -> Duration? {
        do throws(GoDuration.ParseError) {
            return try GoDuration(parsing: text).duration
        } catch {
            return nil
        }
    }
}

/// What the connection of a blocking query and its wait tell each other.
final class QueryWait {
    /// Nobody waits any more.
    private(set) var isOver = false
    /// Nor will anybody read the answer.
    private(set) var isGone = false
    /// Called when the client goes while the query is parked.
    var cancel: (() -> Void)?
    /// A query that is parked is no work in progress: called when it is, and when it goes on.
    var parked: () -> Void = {}
    var resumed: () -> Void = {}

    func end(isGone: Bool) {
        isOver = true
        self.isGone = self.isGone || isGone
        let cancel = cancel
        self.cancel = nil
        cancel?()
    }
}

/// Queries that are parked until what they ask for has changed; of one server, on its loop.
///
/// - Invariant: each is told once how its waiting ended.
final class BlockingQueries {
    enum Outcome {
        /// What it asks for is newer than what its client has.
        case changed
        /// Its time is over, its client is gone, or the whole state was replaced: any answer will do.
        case over
    }

    /// One query, from being parked to being told.
    private final class Parked {
        /// Whose allocations it is about, if it is about those of one node.
        let node: UniqueID?
        let isReady: (SchedulerTables) -> Bool
        var told: ((Outcome) -> Void)?
        var timer: (any LoopTimer)?

        init(
            node: UniqueID?, isReady: @escaping (SchedulerTables) -> Bool,
            told: @escaping (Outcome) -> Void
        ) {
            self.node = node
            self.isReady = isReady
            self.told = told
        }
    }

    /// As many connections as a server has at most could wait; beyond, who asks is told to try later.
    static let parkedMax = 16_384
    private static let tables: [State.Table] = [
        .nodes, .jobs, .evaluations, .allocations, .deployments, .pools,
    ]

    private let loop: any Loop
    private let state: () -> State
    /// In the order of coming, by the table that they watch.
    private var parked: [State.Table: [Parked]] = [:]
    /// The same, of those about the allocations of one node: thousands of nodes wait so, and only those are
    /// looked at of which something has changed.
    private var parkedOfNode: [UniqueID: [Parked]] = [:]
    /// Index of each table when its queries were last looked at.
    private var seen: [State.Table: UInt64] = [:]
    private var generator: JitterGenerator
    /// Told and not yet taken out.
    private var goneCount = 0
    private var isLooking = false
    private(set) var count = 0

    init(loop: any Loop, seed: UInt64, state: @escaping () -> State) {
        self.loop = loop
        self.state = state
        generator = JitterGenerator(seed: seed)
    }

    var isFull: Bool { count >= Self.parkedMax }

    /// Up to a sixteenth of the wait, so that clients that came together do not come back together.
    func jitter(of wait: Duration) -> Duration {
        wait / 16 * Int(generator.next() >> 48) / 65_536
    }

    /// Calls `told` once, later: when `isReady` says so after a change of `table`, at the deadline, or
    /// when `wait` ends.
    func park(
        on table: State.Table, node: UniqueID? = nil, until deadline: Duration, wait: QueryWait?,
        isReady: @escaping (SchedulerTables) -> Bool, told: @escaping (Outcome) -> Void
    ) {
        precondition(node == nil || table == .allocations, "a node's \(table)")
        let query = Parked(node: node, isReady: isReady, told: told)
        let timer = loop.makeTimer { [weak self, weak query] in
            guard let self, let query else { return }
            self.tell(query, .over)
        }
        timer.arm(at: deadline)
        query.timer = timer
        wait?.cancel = { [weak self, weak query] in
            guard let self, let query else { return }
            self.tell(query, .over)
        }
        if let node {
            parkedOfNode[node, default: []].append(query)
        } else {
            parked[table, default: []].append(query)
        }
        count += 1
        // What it read may be older than what this server has by now.
        if isReady(state().scheduling) { look(at: query) }
    }

    /// Something was applied: at the end of the turn the queries on tables that have changed are
    /// looked at, once for all that the turn applied.
    func stateChanged() {
        guard count > 0, !isLooking else { return }
        isLooking = true
        loop.atEndOfTurn { [weak self] in
            guard let self else { return }
            self.isLooking = false
            let state = self.state()
            for table in Self.tables where self.seen[table] != state.index(of: table) {
                let before = self.seen.updateValue(state.index(of: table), forKey: table)
                self.wake(on: table, state.scheduling)
                if table == .allocations { self.wakeNodes(changedSince: before, state.scheduling) }
            }
        }
    }

    /// Ends all: the state is another one, or the server stops.
    func endAll() {
        for table in Self.tables {
            for query in parked[table] ?? [] { tell(query, .over) }
        }
        for node in parkedOfNode.keys.sorted() {
            for query in parkedOfNode[node] ?? [] { tell(query, .over) }
        }
    }

    private func look(at query: Parked) {
        loop.atEndOfTurn { [weak self] in
            guard let self else { return }
            self.wake([query], self.state().scheduling)
        }
    }

    /// Of the nodes whose allocations have changed; of all where that is forgotten.
    private func wakeNodes(changedSince index: UInt64?, _ tables: SchedulerTables) {
        guard !parkedOfNode.isEmpty else { return }
        guard let index, let changes = tables.changes(after: index) else {
            for node in parkedOfNode.keys.sorted() { wake(parkedOfNode[node] ?? [], tables) }
            return
        }
        var seen: Set<UniqueID> = []
        for case .allocation(let id) in changes {
            // What is forgotten is no news for its node.
            guard let node = tables.allocation(id)?.value.nodeID, seen.insert(node).inserted,
                let queries = parkedOfNode[node]
            else { continue }
            wake(queries, tables)
        }
    }

    private func wake(on table: State.Table, _ tables: SchedulerTables) {
        wake(parked[table] ?? [], tables)
    }

    private func wake(_ queries: [Parked], _ tables: SchedulerTables) {
        for query in queries where query.told != nil && query.isReady(tables) {
            tell(query, .changed)
        }
    }

    private func tell(_ query: Parked, _ outcome: Outcome) {
        guard let told = query.told else { return }
        query.told = nil
        query.timer = nil
        count -= 1
        if let node = query.node {
            parkedOfNode[node]?.removeAll { $0 === query }
            if parkedOfNode[node]?.isEmpty == true { parkedOfNode[node] = nil }
            return told(outcome)
        }
        goneCount += 1
        if goneCount > 64 + count { removeGone() }
        told(outcome)
    }

    /// Seldom, and all at once: taking each out when it goes would cost the square of their number.
    private func removeGone() {
        for table in Self.tables { parked[table]?.removeAll { $0.told == nil } }
        goneCount = 0
    }
}

/// SplitMix64: enough for a jitter.
private struct JitterGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

// MARK: - Of the server

extension Server {
    /// Answers at once if there is something newer than what the client has; otherwise reads again,
    /// just as fresh, when there is or when the time is over.
    func answer(
        _ call: Call, after query: BlockingQuery, respond: @escaping (APIResponse) -> Void,
        reading read: @escaping (@escaping (APIResponse) -> Void) -> Void
    ) {
        let deadline = loop.now + query.wait + queries.jitter(of: query.wait)
        answer(call, after: query, until: deadline, respond: respond, reading: read)
    }

    private func answer(
        _ call: Call, after query: BlockingQuery, until deadline: Duration,
        respond: @escaping (APIResponse) -> Void,
        reading read: @escaping (@escaping (APIResponse) -> Void) -> Void
    ) {
        read { [weak self] response in
            guard let self, let fresh = response.freshness, fresh.index <= query.index,
                self.loop.now < deadline, !self.isStopped, call.queryWait?.isOver != true,
                let table = call.endpoint.watchedTable
            else { return respond(response) }
            guard !self.queries.isFull else { return respond(self.tooManyQueries()) }
            // The answer is forgotten: those of many that wait would fill the memory.
            response.stream?.source.cancel()
            call.queryWait?.parked()
            self.queries.park(
                on: table, node: call.watchedNode, until: deadline, wait: call.queryWait,
                isReady: { call.watchedIndex(in: $0) > query.index }
            ) { [weak self] outcome in
                call.queryWait?.resumed()
                guard let self, !self.isStopped, call.queryWait?.isGone != true else {
                    return respond(.text(503, "the server is stopping"))
                }
                // What its caller might do may have changed while it waited.
                if let refusal = self.refusal(of: call) { return respond(refusal) }
                guard outcome == .changed else { return read(respond) }
                self.answer(
                    call, after: query, until: deadline, respond: respond, reading: read)
            }
        }
    }

    private func tooManyQueries() -> APIResponse {
        counters.queriesRefused += 1
        var refusal = APIResponse.text(
            503, "Too many blocking queries at once: try again in a second")
        refusal.retryAfter = 1
        return refusal
    }
}

extension Call {
    /// Whose allocations it is about, if it is about those of one node.
    fileprivate var watchedNode: UniqueID? {
        switch wish {
        case .node(.allocations(let id, _)): id
        case .node(.watch(let ids, _)) where ids.count == 1: ids[0]
        default: nil
        }
    }

    /// What `X-Nomad-Index` of its answer is: of the object, or of its table where it is a list or
    /// the object is not there. Never 0, with which a client would not wait.
    func watchedIndex(in tables: SchedulerTables) -> UInt64 {
        switch endpoint {
        case .jobs(let endpoint): max(1, jobIndex(of: endpoint, in: tables))
        case .nodes:
            if case .node(let wish) = wish { wish.watchedIndex(in: tables) } else { 0 }
        case .pools(let endpoint): max(1, poolIndex(of: endpoint, in: tables))
        default: 0
        }
    }
}

extension Endpoint {
    /// The table whose changes end the waiting of a blocking query; nil for an endpoint that answers
    /// at once.
    var watchedTable: State.Table? {
        switch self {
        case .jobs(let endpoint): endpoint.watchedTable
        case .nodes(let endpoint): endpoint.watchedTable
        case .pools(let endpoint): endpoint.watchedTable
        default: nil
        }
    }
}
