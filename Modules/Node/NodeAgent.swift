// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
import MartletClient
package import MartletTransport

/// What one or many nodes of one process have to do with the servers: registers them, keeps them alive,
/// learns what they have to run, and tells what becomes of it. All of them have one secret, and share
/// a few connections (``NodeLinks/Kind``).
///
///     registering ──all are known──▶ serving ──leave──▶ left
///          └── a server says that they are not these ──▶ refused
///
/// One that the servers have forgotten is registered again. What fails is tried again, at the next
/// server: of those that were given, and of those that servers have told of. Confined to the loop.
package final class NodeAgent<Running: Fleet> {
    package struct Settings {
        /// The interfaces of the servers; any of them will do.
        package var servers: [SocketAddress]
        /// All with one secret.
        package var nodes: [Node]
        /// Whether servers that others tell of are asked too.
        package var learnsServers = true
        /// Gets what an operator should know, a line at a time.
        package var log: (String) -> Void = { _ in }
        /// What somebody should look at.
        package var warn: (String) -> Void = { _ in }
        /// Called once, when servers will never take the nodes: with their words.
        package var refused: (String) -> Void = { _ in }

        package init(servers: [SocketAddress], nodes: [Node]) {
            self.servers = servers
            self.nodes = nodes
        }
    }

    /// One at a time of each, but of what is told.
    enum Purpose: Hashable {
        case register
        case heartbeat
        case watch
        case pull
        case tell
        case timetable
        case leave

        var link: NodeLinks.Kind {
            switch self {
            case .heartbeat: .heartbeat
            case .watch: .news
            case .tell: .word
            case .register, .pull, .timetable, .leave: .rest
            }
        }
    }

    let loop: any Loop
    let settings: Settings
    let ids: [UniqueID]
    private let streams: any Streams
    var links: NodeLinks
    package internal(set) var fleet: Running
    /// Positions of the nodes that have to register.
    var unregistered: [Int]
    var watchedIndex: UInt64 = 0
    /// Of the last change to one of the nodes that servers have told of.
    var nodesIndex: UInt64 = 0
    var toPull: [UniqueID] = []
    var isRegistering = false
    var isPulling = false
    /// Requests on their way that tell of allocations.
    var tellingCount = 0
    /// Whether they wait for others.
    var isGathering = false
    /// How many updates are told in one request.
    var tellMax = NodeAgent.updatesMax
    var isServing = false
    /// No heartbeat may come behind the last word.
    var isLeaving = false
    private var isStopped = false
    private var timers: [Purpose: any LoopTimer] = [:]
    /// Of each purpose the last thing that went wrong, so that it is said once.
    private var troubles: [Purpose: String] = [:]

    package init(loop: any Loop, streams: any Streams, settings: Settings, fleet: Running) {
        precondition(!settings.servers.isEmpty && !settings.nodes.isEmpty, "nobody to ask, or for")
        self.loop = loop
        self.streams = streams
        self.settings = settings
        self.fleet = fleet
        ids = settings.nodes.map(\.id)
        unregistered = Array(settings.nodes.indices)
        links = NodeLinks(
            loop: loop, streams: streams, servers: settings.servers,
            secret: settings.nodes[0].secretID)
    }

    package func start() { register() }

    /// Says nothing more to anybody.
    package func stop() {
        isStopped = true
        timers = [:]
        links.close()
    }

    /// How many nodes are registered; all of them while it serves.
    package var registeredCount: Int { ids.count - unregistered.count }

    var instant: NodeInstant {
        NodeInstant(now: loop.now, unixNanoseconds: loop.wallClockNanoseconds)
    }

    /// Replaces what was to happen for the same purpose.
    func after(_ delay: Duration, _ purpose: Purpose, _ body: @escaping (NodeAgent) -> Void) {
        let timer = loop.makeTimer { [weak self] in
            guard let self, !self.isStopped else { return }
            body(self)
        }
        timers[purpose] = timer
        timer.arm(at: loop.now + delay)
    }

    /// Asks the server that is used at the moment. `done` gets the body of an answer 200; nil for any
    /// other, which is logged, and after which the next server is used unless the answer is about what
    /// was asked.
    func ask(
        _ purpose: Purpose, _ method: ClientMethod, _ path: String, _ body: [UInt8]?,
        timeout: Duration, done: @escaping (NodeAgent, _ body: [UInt8]?, _ status: Int) -> Void
    ) {
        let server = links.server
        links.client(for: purpose.link)
            .send(method, path, body: body, timeout: timeout) { [weak self] result in
                guard let self, !self.isStopped else { return }
                switch result {
                case .success(let answer) where answer.status == 200:
                    self.worked(purpose, at: server)
                    done(self, answer.body, 200)
                case .success(let answer):
                    let body = String(decoding: answer.body.prefix(256), as: UTF8.self)
                    let text = "\(answer.status) \(firstLine(of: body))"
                    self.failed(purpose, at: server, text, text)
                    if answer.status >= 500 || answer.status == 429 {
                        self.links.turn(from: server)
                    }
                    done(self, nil, answer.status)
                case .failure(let error):
                    if error.code != .closed {
                        self.failed(purpose, at: server, "\(error)", "\(error.code)")
                        self.links.turn(from: server)
                    }
                    done(self, nil, 0)
                }
            }
    }

    /// Adds servers that another has told of.
    func learn(_ servers: [String]) {
        if settings.learnsServers { links.learn(servers.compactMap { SocketAddress($0) }) }
    }

    func say(_ text: String) { settings.log(text) }
    func warn(_ text: String) { settings.warn(text) }

    func refuse(_ text: String) {
        stop()
        settings.refused(text)
    }

    /// - Parameter trouble: what is wrong, whichever server was asked: it is told of once.
    private func failed(
        _ purpose: Purpose, at server: SocketAddress, _ text: String, _ trouble: String
    ) {
        guard troubles.updateValue(trouble, forKey: purpose) != trouble else { return }
        warn("\(server): \(purpose): \(text)")
    }

    private func worked(_ purpose: Purpose, at server: SocketAddress) {
        guard troubles.removeValue(forKey: purpose) != nil else { return }
        say("\(server): \(purpose): answered again")
    }
}

private func firstLine(of text: String) -> Substring {
    text.prefix { !$0.isNewline }
}
