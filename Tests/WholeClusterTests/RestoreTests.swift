// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletRaft
import MartletServer
import MartletSimulation
import MartletState
import Testing

private let snapshot = "/v1/operator/snapshot"
private let autopilot = "/v1/operator/autopilot/configuration"
private let scheduler = "/v1/operator/scheduler/configuration"

/// The value that only the saved state has.
private let savedLogs = 4_242

/// Carries a value out of a closure of the one thread that turns the world.
// SAFETY: a simulated world runs on the thread that turns it.
private final class Box<Value>: @unchecked Sendable {
    var value: Value

    init(_ value: Value) { self.value = value }
}

/// A state whose restore takes this many chunks.
private func savedState(chunks: Int = 1) throws -> [UInt8] {
    var state = State()
    var configuration = AutopilotConfiguration()
    configuration.maxTrailingLogs = UInt64(savedLogs)
    _ = state.apply(Command.initializeAutopilot(configuration).encoded(), at: 1)
    _ = state.apply(Command.initializeScheduler(SchedulerConfiguration()).encoded(), at: 2)
    let text = String(repeating: "x", count: ServerIdentity.textBytesMax)
    var number = 0
    while state.servers.count * 1_838 < (chunks - 1) * StateRestore.chunkBytes {
        let digits = String(number, radix: 16)
        let id =
            "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
        let identity = try ServerIdentity(
            id: id, name: text, region: text, datacenter: text, rpcAddress: text,
            httpAddress: text, gossipAddress: text, version: text, isNonVoter: false)
        number += 1
        _ = state.apply(Command.putServer(identity).encoded(), at: UInt64(number + 2))
    }
    let bytes = state.archived()
    precondition(StateRestore.chunkCount(ofBytes: bytes.count) == chunks)
    return bytes
}

/// A state with a job that has so many versions: of each an instance ran.
private func savedVersions(_ count: Int) -> [UInt8] {
    func id(_ number: Int) -> UniqueID { UniqueID(high: 3, low: UInt64(number)) }
    var state = State()
    func apply(_ command: SchedulerCommand) {
        _ = state.apply(Command.scheduling(command).encoded(), at: state.lastAppliedIndex + 1)
    }
    for number in 1...count {
        var task = JobTask(name: "t", driver: "mock")
        task.resources.cpu = number
        let job = Job(id: "j", groups: [TaskGroup(name: "g", count: 1, tasks: [task])])
        apply(.registerJob(job, expected: nil, evaluations: []))
        guard let version = state.scheduling.job(job.key) else { continue }
        var part = PlacementPlan.NodePart(nodeID: id(1))
        var instance = Allocation(
            id: id(100 + number), evaluationID: id(2), nodeID: id(1), job: version, group: "g",
            index: 0, resources: Shared(AllocatedResources()))
        instance.nodeName = "n"
        part.placements = [instance]
        var result = PlanResult()
        result.nodes = [part]
        apply(
            .applyPlan(
                PlanEntry(result, evaluationID: id(2), evaluations: [], unixNanoseconds: 1)))
    }
    return state.archived()
}

extension SimulatedCluster {
    /// Begins a restore at a server; the box gets what becomes of it.
    fileprivate func beginRestore(
        of bytes: [UInt8], at node: Node
    ) -> Box<RestoreOutcome?> {
        let outcome = Box<RestoreOutcome?>(nil)
        guard let door = node.door else { return outcome }
        node.host.loop.enter {
            door.assumeIsolated { $0.restore(stateBytes: bytes) { outcome.value = $0 } }
        }
        return outcome
    }

    /// Restores at whatever server leads, as often as it is told that another one does.
    fileprivate func restore(_ bytes: [UInt8]) -> RestoreOutcome? {
        for _ in 0..<20 {
            guard let leader = settle() else { return nil }
            let outcome = beginRestore(of: bytes, at: leader)
            _ = world.run(until: { outcome.value != nil }, limit: .seconds(20))
            if outcome.value != .notLeader { return outcome.value }
        }
        return nil
    }

    fileprivate func stateBytes(of node: Node) -> [UInt8] {
        guard let door = node.door else { return [] }
        let bytes = Box<[UInt8]?>(nil)
        node.host.loop.enter { bytes.value = door.assumeIsolated { $0.stateBytes } }
        _ = world.run(until: { bytes.value != nil }, limit: .seconds(1))
        return bytes.value ?? []
    }

    /// Turns the world until all servers hold the same state; false if they never do.
    fileprivate func converge(limit: Duration = .seconds(30)) -> Bool {
        let end = world.now + limit
        while world.now < end {
            if settle() != nil {
                let states = nodes.map { stateBytes(of: $0) }
                if !states[0].isEmpty, states.allSatisfy({ $0 == states[0] }) { return true }
            }
            world.run(for: .milliseconds(50))
        }
        return false
    }

    func state(of node: Node) throws -> State {
        try State(decoding: stateBytes(of: node))
    }

    /// One request with a body of any bytes.
    fileprivate func ask(
        _ node: Node, _ method: ClientMethod, _ target: String, bytes: [UInt8]?
    ) -> ClientResponse? {
        let host = world.makeHost("operator")
        let client = Box(
            APIClient(
                loop: host.loop, streams: host.streams, address: node.httpAddress, token: nil))
        let answer = Box<Result<ClientResponse, ClientError>?>(nil)
        host.loop.enter {
            client.value.send(method, target, body: bytes, timeout: .seconds(20)) {
                answer.value = $0
            }
        }
        _ = world.run(until: { answer.value != nil }, limit: .seconds(21))
        host.loop.enter { client.value.close() }
        if case .success(let response) = answer.value { return response }
        return nil
    }

    fileprivate func write(_ number: Int, at node: Node) -> Bool {
        let response = ask(
            node, .put, autopilot, bytes: Array("{\"MaxTrailingLogs\":\(number)}".utf8))
        return response?.status == 200 && response?.body == Array("true".utf8)
    }
}

private func makeCluster(
    seed: UInt64, _ configure: (inout ServerOptions) -> Void = { _ in }
) throws -> SimulatedCluster {
    let cluster = SimulatedCluster(seed: seed, count: 3, configure: configure)
    cluster.startAll()
    _ = try #require(cluster.settle())
    return cluster
}

/// Often snapshots, and a short log: a server that was away needs one.
private func compactOften(_ options: inout ServerOptions) {
    options.snapshotEntries = 20
    options.raftLimits.trailingEntries = 5
    options.raftLimits.trailingBytesMax = 64 << 10
}

@Suite("Restoring a snapshot in a cluster") struct RestoreTests {
    @Test("What is saved at any server is restored through any other")
    func saveAndRestore() throws {
        let cluster = try makeCluster(seed: 1)
        for (position, node) in cluster.nodes.enumerated() {
            let other = cluster.nodes[(position + 1) % 3]
            #expect(cluster.write(savedLogs, at: node))
            let saved = try #require(cluster.ask(node, .get, snapshot, bytes: nil))
            #expect(saved.status == 200)
            #expect(saved.header("Content-Type") == "application/x-gzip")
            let digest = SimulatedDigest.base64(of: saved.body, on: node)
            #expect(saved.header("Digest") == "sha-256=\(digest)")
            #expect(saved.header("X-Nomad-Index") != nil)
            #expect(cluster.write(position, at: node))

            let method: ClientMethod = position == 0 ? .post : .put
            let answer = try #require(cluster.ask(other, method, snapshot, bytes: saved.body))
            #expect(answer.status == 200 && answer.body.isEmpty)
            let text = cluster.ask(node, .get, autopilot, bytes: nil)?.body ?? []
            #expect(String(decoding: text, as: UTF8.self).contains(":\(savedLogs),"))
        }
        #expect(cluster.converge())
    }

    /// It was refused where the log had fewer entries than the job had versions: just after all was lost.
    @Test("A new cluster takes a job with more versions than its log has entries")
    func longerThanTheLog() throws {
        let cluster = try makeCluster(seed: 14)
        guard case .restored(let index)? = cluster.restore(savedVersions(80)) else {
            Issue.record("not restored")
            return
        }
        #expect(index == 80, "no entry more than there must be")
        #expect(cluster.converge())
        let tables = try cluster.state(of: cluster.nodes[0]).scheduling
        #expect(tables.allocationCount == 80 && tables.brokenInvariant() == nil)
    }

    @Test("A stale snapshot is what a server has, also without a leader")
    func stale() throws {
        let cluster = try makeCluster(seed: 2)
        #expect(cluster.write(7, at: cluster.nodes[0]))
        #expect(cluster.converge())
        cluster.kill(cluster.nodes[1])
        cluster.kill(cluster.nodes[2])
        cluster.world.run(for: .seconds(5))

        let stale = cluster.ask(cluster.nodes[0], .get, snapshot + "?stale", bytes: nil)
        #expect(stale?.status == 200 && stale?.header("X-Nomad-Knownleader") == "false")
        #expect(cluster.ask(cluster.nodes[0], .get, snapshot, bytes: nil)?.status == 503)
        #expect(cluster.ask(cluster.nodes[0], .put, snapshot, bytes: stale?.body)?.status == 503)
    }

    @Test("Garbage is refused by any server, and changes nothing")
    func garbage() throws {
        let cluster = try makeCluster(seed: 3)
        #expect(cluster.write(7, at: cluster.nodes[0]))
        #expect(cluster.converge())
        let before = cluster.stateBytes(of: cluster.nodes[0])
        for node in cluster.nodes {
            for bytes in [[], Array("garbage".utf8)] as [[UInt8]] {
                let answer = try #require(cluster.ask(node, .put, snapshot, bytes: bytes))
                #expect(answer.status == 500)
                let text = String(decoding: answer.body, as: UTF8.self)
                #expect(text.hasPrefix("failed to restore from snapshot: "))
            }
        }
        #expect(cluster.stateBytes(of: cluster.nodes[0]) == before)
    }

    @Test("Writes go on during a restore; all servers end with equal bytes", arguments: 1...3)
    func underLoad(seed: UInt64) throws {
        let cluster = try makeCluster(seed: seed, compactOften)
        let leader = try #require(cluster.settle())
        let outcome = cluster.beginRestore(of: try savedState(chunks: 6), at: leader)
        var written = 0
        while outcome.value == nil, written < 500 {
            #expect(cluster.write(written, at: cluster.nodes[written % 3]))
            written += 1
        }
        guard case .restored(let index) = outcome.value else {
            Issue.record("\(String(describing: outcome.value)) after \(written) writes")
            return
        }
        #expect(written > 2)
        #expect(cluster.converge())
        let state = try cluster.state(of: leader)
        #expect(state.restoredIndex == index && state.servers.count == 3)
        #expect(state.autopilot?.createIndex == index)
    }

    @Test(
        "A leader killed at any moment of a restore leaves all of it or nothing on every server",
        arguments: 1...12)
    func leaderKilled(seed: UInt64) throws {
        let cluster = try makeCluster(seed: seed, compactOften)
        let leader = try #require(cluster.settle())
        #expect(cluster.write(1, at: leader))
        let outcome = cluster.beginRestore(of: try savedState(chunks: 4), at: leader)
        // Six entries, one round trip each: the kill comes before, between and after them.
        var generator = SplitMix64(seed: seed)
        cluster.world.run(for: .microseconds(Int64(generator.next() % 12_000)))
        let wasDone = outcome.value
        cluster.cutPower(of: leader)
        _ = try #require(cluster.settle())
        cluster.start(leader)
        #expect(cluster.converge())

        let logs = try cluster.nodes.map { try cluster.state(of: $0).autopilot?.maxTrailingLogs }
        #expect(logs == [1, 1, 1] || logs == [4_242, 4_242, 4_242])
        if case .restored = wasDone { #expect(logs[0] == 4_242) }
        // All of it is on the disks, and a restore under way is no burden for the next.
        for node in cluster.nodes { cluster.cutPower(of: node) }
        cluster.startAll()
        #expect(cluster.converge())
        #expect(try cluster.state(of: leader).autopilot?.maxTrailingLogs == logs[0])
        guard case .restored = cluster.restore(try savedState(chunks: 2)) else {
            Issue.record("no second restore in seed \(seed)")
            return
        }
        #expect(cluster.converge())
        let state = try cluster.state(of: leader)
        #expect(state.autopilot?.maxTrailingLogs == 4_242 && state.restoreIndex == nil)
    }

    @Test("The moments of the kills above lie before, within and after the restore")
    func killsAreSpread() throws {
        var kinds: Set<String> = []
        for seed in 1...12 as ClosedRange<UInt64> {
            let cluster = try makeCluster(seed: seed, compactOften)
            let leader = try #require(cluster.settle())
            #expect(cluster.write(1, at: leader))
            let outcome = cluster.beginRestore(of: try savedState(chunks: 4), at: leader)
            var generator = SplitMix64(seed: seed)
            cluster.world.run(for: .microseconds(Int64(generator.next() % 12_000)))
            let state = try cluster.state(of: leader)
            kinds.insert(
                outcome.value != nil ? "after" : state.restoreIndex != nil ? "within" : "before")
        }
        #expect(kinds.contains("within") && kinds.count > 1, "\(kinds)")
    }

    @Test("A server that was away during a restore gets its snapshot", arguments: 1...2)
    func late(seed: UInt64) throws {
        let cluster = try makeCluster(seed: seed, compactOften)
        let leader = try #require(cluster.settle())
        let late = try #require(cluster.nodes.first { $0 !== leader })
        cluster.cutPower(of: late)
        guard case .restored(let index) = cluster.restore(try savedState(chunks: 5)) else {
            Issue.record("no restore in seed \(seed)")
            return
        }
        for number in 1...60 { #expect(cluster.write(number, at: leader)) }
        cluster.start(late)
        #expect(cluster.converge())
        #expect(try cluster.state(of: late).restoredIndex == index)
    }

    @Test("A server that gets a snapshot in the middle of a restore takes part in its end")
    func snapshotWithin() throws {
        let cluster = try makeCluster(seed: 9) { options in
            options.snapshotEntries = 2
            options.raftLimits.trailingEntries = 1
            options.raftLimits.trailingBytesMax = 1024
        }
        let leader = try #require(cluster.settle())
        let others = cluster.nodes.filter { $0 !== leader }
        cluster.cutPower(of: others[0])
        for number in 1...20 { #expect(cluster.write(number, at: leader)) }
        let outcome = cluster.beginRestore(of: try savedState(chunks: 6), at: leader)
        var seen: UInt64?
        for _ in 0..<200 where seen == nil {
            cluster.world.run(for: .microseconds(100))
            seen = try cluster.state(of: leader).restoreIndex
        }
        let begun = try #require(seen)
        // Without its only follower the leader cannot go on, until the other one has caught up.
        cluster.cutPower(of: others[1])
        cluster.start(others[0])
        var sawPart = false
        for _ in 0..<20_000 where outcome.value == nil {
            cluster.world.run(for: .microseconds(250))
            let bytes = cluster.stateBytes(of: others[0])
            guard !sawPart, !bytes.isEmpty else { continue }
            sawPart = try State(decoding: bytes).restoreIndex == begun
        }

        guard case .restored(let index) = outcome.value else {
            Issue.record("\(String(describing: outcome.value))")
            return
        }
        #expect(sawPart)
        cluster.start(others[1])
        #expect(cluster.converge())
        #expect(try cluster.state(of: others[0]).restoredIndex == index)
    }

    @Test("While a server is older, chunks are kept until the end, and all servers end alike")
    func mixed() throws {
        let cluster = SimulatedCluster(seed: 12, count: 3) { options in
            compactOften(&options)
            if options.name == "s2" { options.peerProtocolMax = 4 }
        }
        cluster.startAll()
        _ = try #require(cluster.settle())
        guard case .restored(let index) = cluster.restore(try savedState(chunks: 4)) else {
            Issue.record("no restore")
            return
        }
        #expect(cluster.converge())
        #expect(try cluster.state(of: cluster.nodes[1]).restoredIndex == index)
    }

    @Test("What a crash left of archives goes at the start, and an archive leaves nothing behind")
    func spool() throws {
        let cluster = SimulatedCluster(seed: 13, count: 3)
        let folder = "/data/server/spool"
        for node in cluster.nodes {
            try node.host.files.makeDirectory(folder)
            try node.host.files.replace("\(folder)/1", with: [1])
        }
        cluster.startAll()
        _ = try #require(cluster.settle())
        func left() throws -> [[String]] {
            try cluster.nodes.map { try $0.host.files.list(folder) }
        }
        #expect(try left() == [[], [], []])
        let saved = try #require(cluster.ask(cluster.nodes[0], .get, snapshot, bytes: nil))
        for node in cluster.nodes {
            #expect(cluster.ask(node, .put, snapshot, bytes: saved.body)?.status == 200)
            #expect(cluster.ask(node, .put, snapshot, bytes: [1, 2, 3])?.status == 500)
        }
        cluster.world.run(for: .milliseconds(100))
        #expect(try left() == [[], [], []])
    }

    @Test("Of two restores at once, one is told to try again and the other is whole")
    func twoAtOnce() throws {
        let cluster = try makeCluster(seed: 4)
        let leader = try #require(cluster.settle())
        let first = cluster.beginRestore(of: try savedState(chunks: 3), at: leader)
        let second = cluster.beginRestore(of: State().archived(), at: leader)
        _ = cluster.world.run(
            until: { first.value != nil && second.value != nil }, limit: .seconds(20))

        #expect(second.value == .busy("another restore is under way: try again"))
        guard case .restored = first.value else {
            Issue.record("\(String(describing: first.value))")
            return
        }
        #expect(cluster.converge())
        #expect(try cluster.state(of: leader).autopilot?.maxTrailingLogs == 4_242)
        // Without configurations in the saved state, the leader writes first ones again.
        guard case .restored(let index) = cluster.restore(State().archived()) else {
            Issue.record("no restore of an empty state")
            return
        }
        cluster.world.run(for: .seconds(1))
        let fresh = try cluster.state(of: leader)
        #expect(fresh.autopilot?.maxTrailingLogs == AutopilotConfiguration().maxTrailingLogs)
        #expect((fresh.scheduler?.createIndex ?? 0) > index)
    }

    @Test("A restore whose leader has died holds up no plans")
    func plansGoOn() throws {
        let cluster = try makeCluster(seed: 14)
        cluster.scheduleSurely(.registerNodes([readyNode(1)], evaluations: []))
        let leader = try #require(cluster.settle())
        let outcome = cluster.beginRestore(of: try savedState(chunks: 6), at: leader)
        while try outcome.value == nil && cluster.state(of: leader).restoreIndex == nil {
            cluster.world.run(for: .microseconds(100))
        }
        cluster.cutPower(of: leader)
        let next = try #require(cluster.settle())
        let web = serviceJob("web", count: 2)
        cluster.register(web, 1)
        #expect(try cluster.state(of: next).restoreIndex != nil)
        #expect(cluster.turn { $0.isSettled && $0.live("web").count == 2 })
    }

    @Test("A follower restores nothing by itself, and neither does a cluster of mixed versions")
    func refused() throws {
        let cluster = SimulatedCluster(seed: 5, count: 3) { options in
            if options.name == "s3" { options.peerProtocolMax = 1 }
        }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        cluster.world.run(for: .seconds(3))
        let bytes = try savedState()
        let here = cluster.beginRestore(of: bytes, at: follower)
        let there = cluster.beginRestore(of: bytes, at: leader)
        _ = cluster.world.run(
            until: { here.value != nil && there.value != nil }, limit: .seconds(5))

        #expect(here.value == .notLeader)
        guard case .refused(let reason) = there.value else {
            Issue.record("\(String(describing: there.value))")
            return
        }
        #expect(reason.contains("is not known to run a version that can restore"))
        let archive = cluster.ask(follower, .get, snapshot, bytes: nil)
        let answer = cluster.ask(follower, .put, snapshot, bytes: archive?.body)
        #expect(answer?.status == 500)
    }

    /// That there is nothing to do, as found in the last state, came into the log behind the restore, and
    /// ended the evaluation that the new one had brought back.
    @Test("An evaluation that comes back is looked at, whatever was found before", arguments: 0...7)
    func lookedAt(halfMilliseconds: Int) throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 65, nodes: 2))
        func pause(_ isPaused: Bool, at leader: SimulatedCluster.Node) {
            let body = "{\"PauseEvalBroker\":\(isPaused)}"
            #expect(cluster.ask(leader, .put, scheduler, body: body).status == 200)
        }
        let leader = try #require(cluster.leader)
        let web = serviceJob("web", count: 3)
        let pending = evaluation(1, of: web)
        pause(true, at: leader)
        cluster.scheduleSurely(.registerJob(web, expected: nil, evaluations: [pending]))
        let saved = cluster.stateBytes(of: leader)
        pause(false, at: leader)
        #expect(cluster.turn { $0.isSettled && $0.live("web").count == 3 })
        let outcome = cluster.beginRestore(of: saved, at: leader)
        cluster.world.run(for: .microseconds(500 * halfMilliseconds))
        let door = try #require(leader.door)
        leader.host.loop.enter {
            door.assumeIsolated { $0.schedule(.upsertEvaluations([pending])) { _ in } }
        }
        #expect(cluster.world.run(until: { outcome.value != nil }, limit: .seconds(5)))
        cluster.world.run(for: .milliseconds(20))
        pause(false, at: leader)
        #expect(
            cluster.turn(limit: .seconds(20)) { tables in
                tables.isSettled && tables.fault(jobs: [web]) == nil
            })
    }
}

/// SHA-256 in base64, computed apart from the server's own.
private enum SimulatedDigest {
    static func base64(of bytes: [UInt8], on node: SimulatedCluster.Node) -> String {
        let digits = Array(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let digest: [UInt8]
        do { digest = try node.host.crypto.sha256(bytes) } catch { return "\(error)" }
        var bits = digest.flatMap { byte in (0..<8).map { Int(byte >> (7 - UInt8($0)) & 1) } }
        bits += [0, 0]  // 256 bits are 42 digits of 6 bits and one of 4.
        let text = stride(from: 0, to: bits.count, by: 6).map { start in
            digits[bits[start..<start + 6].reduce(0) { $0 << 1 | $1 }]
        }
        return String(decoding: text, as: UTF8.self) + "="
    }
}
