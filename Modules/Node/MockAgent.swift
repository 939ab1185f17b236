// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
import MartletClient
package import MartletTransport

/// Many nodes that only pretend, in one process: registers them, keeps them alive, learns what they
/// have to run, and tells what becomes of it. All of them have one secret and share two connections.
///
///     registering ──all registered──▶ serving ──a server does not know one──▶ registering
///
/// What fails is tried again, at the next server. Confined to the loop.
package final class MockAgent {
    package struct Settings {
        /// The interfaces of the servers; any of them will do.
        package var servers: [SocketAddress]
        /// All with one secret.
        package var nodes: [Node]
        package var log: (String) -> Void = { _ in }

        package init(servers: [SocketAddress], nodes: [Node]) {
            self.servers = servers
            self.nodes = nodes
        }
    }

    /// Nodes in one registration: half of what its body may hold.
    private static let batchMax = 500
    private static let updatesMax = 500
    private static let pullMax = 256
    private static let retryDelay: Duration = .seconds(1)
    private static let requestTimeout: Duration = .seconds(30)
    private static let waitSeconds = 60
    /// Between two questions for news: what comes meanwhile is one answer.
    private static let watchPause: Duration = .milliseconds(100)
    private static let updatePause: Duration = .milliseconds(50)

    private let loop: any Loop
    private let streams: any Streams
    private let settings: Settings
    private let ids: [UniqueID]
    private var server = 0
    private var control: APIClient
    private var watcher: APIClient
    package private(set) var fleet = MockFleet()
    /// How many nodes are registered; all of them while it serves.
    package private(set) var registeredCount = 0
    private var watchedIndex: UInt64 = 0
    private var toPull: [UniqueID] = []
    private var isPulling = false
    private var isTelling = false
    private var isServing = false
    private var isStopped = false
    private var timers: [Purpose: any LoopTimer] = [:]

    private enum Purpose {
        case register
        case heartbeat
        case watch
        case pull
        case tell
        case timetable
    }

    package init(loop: any Loop, streams: any Streams, settings: Settings) {
        precondition(!settings.servers.isEmpty && !settings.nodes.isEmpty, "nobody to ask, or for")
        self.loop = loop
        self.streams = streams
        self.settings = settings
        ids = settings.nodes.map(\.id)
        control = Self.client(loop, streams, settings, 0)
        watcher = Self.client(loop, streams, settings, 0)
    }

    private static func client(
        _ loop: any Loop, _ streams: any Streams, _ settings: Settings, _ server: Int
    ) -> APIClient {
        APIClient(
            loop: loop, streams: streams, address: settings.servers[server], token: nil,
            headers: [
                .init(
                    name: "X-Martlet-Node-Secret", value: settings.nodes[0].secretID.description)
            ])
    }

    package func start() { register() }

    package func stop() {
        isStopped = true
        timers = [:]
        control.close()
        watcher.close()
    }

    private var instant: NodeInstant {
        NodeInstant(now: loop.now, unixNanoseconds: loop.wallClockNanoseconds)
    }

    private func after(_ delay: Duration, _ purpose: Purpose, _ body: @escaping (MockAgent) -> Void)
    {
        let timer = loop.makeTimer { [weak self] in
            guard let self, !self.isStopped else { return }
            body(self)
        }
        timers[purpose] = timer
        timer.arm(at: loop.now + delay)
    }

    /// Answers 200 with its body; nil for anything else, which is logged.
    private func ask(
        _ client: APIClient, _ method: ClientMethod, _ path: String, _ body: [UInt8]?,
        timeout: Duration = MockAgent.requestTimeout,
        done: @escaping (MockAgent, _ body: [UInt8]?, _ status: Int) -> Void
    ) {
        client.send(method, path, body: body, timeout: timeout) { [weak self] result in
            guard let self, !self.isStopped else { return }
            switch result {
            case .success(let answer) where answer.status == 200:
                done(self, answer.body, 200)
            case .success(let answer):
                let text = String(decoding: answer.body.prefix(200), as: UTF8.self)
                self.settings.log("\(path): \(answer.status) \(text)")
                done(self, nil, answer.status)
            case .failure(let error):
                self.settings.log("\(path): \(error)")
                self.turnToNextServer(from: client)
                done(self, nil, 0)
            }
        }
    }

    /// Both connections move, once.
    private func turnToNextServer(from client: APIClient) {
        guard settings.servers.count > 1, client === control || client === watcher else { return }
        server = (server + 1) % settings.servers.count
        control = Self.client(loop, streams, settings, server)
        watcher = Self.client(loop, streams, settings, server)
    }
}

// MARK: - Being there

extension MockAgent {
    private func register() {
        let batch = settings.nodes.dropFirst(registeredCount).prefix(Self.batchMax)
        guard !batch.isEmpty else { return serve() }
        let body = NodeAgentBody.registration(of: Array(batch))
        ask(control, .put, "/v1/martlet/nodes", body) { agent, answer, _ in
            guard answer != nil else {
                return agent.after(Self.retryDelay, .register) { $0.register() }
            }
            agent.registeredCount += batch.count
            agent.register()
        }
    }

    private func serve() {
        settings.log("\(ids.count) nodes are registered")
        beat()
        guard !isServing else { return }
        isServing = true
        watch()
    }

    private func beat() {
        let body = NodeAgentBody.heartbeat(of: ids, .ready)
        ask(control, .put, "/v1/martlet/nodes/heartbeat", body) { agent, answer, status in
            if status == 404 { return agent.registerAgain() }
            guard let answer,
                let told = Self.read({ () throws(APIError) in
                    try NodeAgentAnswer(parsing: answer)
                })
            else {
                return agent.after(Self.retryDelay, .heartbeat) { $0.beat() }
            }
            // Early enough for one that is lost.
            let pause = max(Self.retryDelay, told.heartbeatTTL.duration / 2)
            agent.after(pause, .heartbeat) { $0.beat() }
        }
    }

    /// All of them: which one is not known does not matter, and the others change nothing.
    private func registerAgain() {
        registeredCount = 0
        after(Self.retryDelay, .register) { $0.register() }
    }

    private static func read<Value>(_ body: () throws(APIError) -> Value) -> Value? {
        do throws(APIError) {
            return try body()
        } catch {
            return nil
        }
    }
}

// MARK: - Allocations

extension MockAgent {
    private func watch() {
        let path =
            "/v1/martlet/nodes/allocations?wait=\(Self.waitSeconds)s&index=\(watchedIndex)"
        let timeout = Duration.seconds(2 * Self.waitSeconds)
        ask(
            watcher, .post, path, NodeAgentBody.nodes(ids), timeout: timeout
        ) { agent, answer, _ in
            guard let answer,
                let told = Self.read({ () throws(APIError) in
                    try NodeAllocationIndexes(parsing: answer)
                })
            else {
                // Of another server less may be known: everything is asked for.
                agent.watchedIndex = 0
                return agent.after(Self.retryDelay, .watch) { $0.watch() }
            }
            agent.watchedIndex = told.index
            agent.toPull += agent.fleet.outdated(among: told)
            agent.pull()
            agent.after(Self.watchPause, .watch) { $0.watch() }
        }
    }

    private func pull() {
        guard !isPulling, !toPull.isEmpty else { return }
        isPulling = true
        let wanted = Array(toPull.prefix(Self.pullMax))
        let body = NodeAgentBody.allocations(wanted)
        ask(control, .post, "/v1/martlet/allocations/pull", body) { agent, answer, _ in
            agent.isPulling = false
            guard let answer,
                let pulled = Self.read({ () throws(APIError) in
                    try Assignment.parse(answer)
                })
            else {
                return agent.after(Self.retryDelay, .pull) { $0.pull() }
            }
            agent.took(pulled, of: wanted)
        }
    }

    private func took(_ pulled: [Assignment], of wanted: [UniqueID]) {
        // Those behind the last that came did not fit; those before it are gone.
        let last = pulled.last.flatMap { last in wanted.lastIndex(of: last.id) }
        toPull.removeFirst(min(toPull.count, last.map { $0 + 1 } ?? wanted.count))
        fleet.assign(pulled, at: instant)
        armTimetable()
        tellSoon()
        pull()
    }

    private func armTimetable() {
        guard let next = fleet.nextEventAt else { return }
        after(max(.zero, next - loop.now), .timetable) { agent in
            agent.fleet.advance(to: agent.instant)
            agent.armTimetable()
            agent.tellSoon()
        }
    }

    private func tellSoon() {
        guard fleet.hasUpdates, !isTelling else { return }
        isTelling = true
        after(Self.updatePause, .tell) { agent in
            agent.isTelling = false
            agent.tell()
        }
    }

    private func tell() {
        guard !isTelling else { return }
        let updates = fleet.takeUpdates(max: Self.updatesMax)
        guard !updates.isEmpty else { return }
        isTelling = true
        let body = NodeAgentBody.updates(updates)
        ask(control, .put, "/v1/martlet/allocations", body) { agent, answer, _ in
            agent.isTelling = false
            guard answer != nil else {
                agent.fleet.putBack(updates)
                return agent.after(Self.retryDelay, .tell) { $0.tell() }
            }
            agent.fleet.told(updates)
            agent.tell()
        }
    }
}
