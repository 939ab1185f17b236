// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient

// Being there: registrations, heartbeats, and the end of them.

extension NodeAgent {
    /// Nodes in one registration, whose body must stay below a megabyte.
    private static var registrationMax: Int { 500 }
    private static var registrationBytes: Int { 768 << 10 }
    /// Nodes in one heartbeat: what a change of all their statuses takes in the log stays small.
    private static var heartbeatMax: Int { 1000 }
    static var retryDelay: Duration { .seconds(1) }
    /// Long enough for an election; short enough to be heard by another server in time.
    private static var heartbeatTimeout: Duration { .seconds(5) }
    static var requestTimeout: Duration { .seconds(30) }

    func register() {
        guard !isRegistering else { return }
        guard !unregistered.isEmpty else { return serve() }
        isRegistering = true
        let first = NodeAgentBody.registration(of: [settings.nodes[unregistered[0]]])
        let fitting = max(1, Self.registrationBytes / max(1, first.count))
        let batch = Array(unregistered.prefix(min(fitting, Self.registrationMax)))
        let body =
            batch.count == 1
            ? first : NodeAgentBody.registration(of: batch.map { settings.nodes[$0] })
        ask(
            .register, .put, "/v1/martlet/nodes", body, timeout: Self.requestTimeout
        ) { agent, answer, status in
            agent.isRegistering = false
            if status == 400 || status == 403 {
                return agent.refuse("the servers refuse to register these nodes")
            }
            guard let answer, let told = agent.heartbeatAnswer(answer) else {
                return agent.after(Self.retryDelay, .register) { $0.register() }
            }
            agent.learn(told.servers)
            agent.unregistered.removeFirst(batch.count)
            agent.nodesIndex = max(agent.nodesIndex, told.nodeModifyIndex)
            agent.register()
        }
    }

    private func serve() {
        say("\(ids.count) \(ids.count == 1 ? "node is" : "nodes are") registered")
        guard !isServing else { return watchAnew() }
        isServing = true
        beat()
        watch()
    }

    /// Tells the servers at once, instead of when it is due: they may know some nodes no more.
    func beatSoon() { after(.zero, .heartbeat) { $0.beat() } }

    /// - Parameters:
    ///   - position: of the first node to be told of.
    ///   - shortest: what the servers have said of those before it.
    ///   - modified: the last change to one of those before it.
    private func beat(
        from position: Int = 0, shortest: Duration? = nil, modified: UInt64 = 0
    ) {
        guard !isLeaving else { return }
        let batch = position..<min(position + Self.heartbeatMax, ids.count)
        let body = NodeAgentBody.heartbeat(of: Array(ids[batch]), .ready)
        ask(
            .heartbeat, .put, "/v1/martlet/nodes/heartbeat", body, timeout: Self.heartbeatTimeout
        ) { agent, answer, status in
            if status == 404 { agent.registerAgain(batch) }
            guard let told = answer.flatMap(agent.heartbeatAnswer) else {
                return agent.after(Self.retryDelay, .heartbeat) { $0.beat() }
            }
            agent.learn(told.servers)
            let time = told.heartbeatTTL.duration
            let least = min(shortest ?? time, time)
            let modified = max(modified, told.nodeModifyIndex)
            guard batch.upperBound < agent.ids.count else {
                agent.heardOfNodes(modified)
                // Early enough for one that is lost.
                return agent.after(max(Self.retryDelay, least / 2), .heartbeat) { $0.beat() }
            }
            agent.beat(from: batch.upperBound, shortest: least, modified: modified)
        }
    }

    /// A node may have been down meanwhile, and what it ran may be forgotten.
    private func heardOfNodes(_ modified: UInt64) {
        guard modified != nodesIndex else { return }
        nodesIndex = modified
        // Of one node everything is asked for each time.
        if ids.count > 1 { watchAnew() }
    }

    /// All of them: which one is not known does not matter, and the others change nothing.
    private func registerAgain(_ batch: Range<Int>) {
        unregistered += batch.filter { !unregistered.contains($0) }
        register()
    }

    private func heartbeatAnswer(_ body: [UInt8]) -> NodeAgentAnswer? {
        read { () throws(APIError) in try NodeAgentAnswer(parsing: body) }
    }

    /// nil for what is no such answer.
    func read<Value>(_ body: () throws(APIError) -> Value) -> Value? {
        do throws(APIError) {
            return try body()
        } catch {
            warn("an answer cannot be read: \(error.message)")
            return nil
        }
    }

    /// Tells the servers that the nodes are down, so that nobody waits for them, and stops.
    ///
    /// - Parameter patience: for all of it.
    package func leave(patience: Duration, done: @escaping () -> Void) {
        var finish: (() -> Void)? = done
        let end: (NodeAgent) -> Void = { agent in
            agent.stop()
            finish?()
            finish = nil
        }
        isLeaving = true
        guard isServing else { return end(self) }
        after(patience, .leave, end)
        sayDown(from: 0, end)
    }

    private func sayDown(from position: Int, _ end: @escaping (NodeAgent) -> Void) {
        guard position < ids.count else { return end(self) }
        let batch = position..<min(position + Self.heartbeatMax, ids.count)
        let body = NodeAgentBody.heartbeat(of: Array(ids[batch]), .down)
        ask(
            .heartbeat, .put, "/v1/martlet/nodes/heartbeat", body, timeout: Self.heartbeatTimeout
        ) { agent, answer, _ in
            guard answer != nil else { return end(agent) }
            agent.sayDown(from: batch.upperBound, end)
        }
    }
}
