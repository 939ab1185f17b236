// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletRaft
import MartletServer
package import MartletSimulation
import MartletState

/// What one trial is; with the same settings it is the same history, to the last event.
package struct TrialSettings: Sendable {
    package var seed: UInt64
    /// Servers that found the cluster: 1 to 7; nil to have it drawn. Up to two more, seven in all,
    /// may join later.
    package var servers: Int?
    /// nil to have it drawn.
    package var clients: Int?
    package var load = TrialLoad.sparse
    /// Jobs are scheduled too, on nodes that come and go.
    package var hasJobs = false
    /// How long faults go on beginning.
    package var faultsLast: Duration = .seconds(25)
    /// Numbers of the planned faults that happen; nil for all.
    package var only: Set<Int>?
    /// Collects ``TrialReport/trace``, which costs time and changes nothing else.
    package var isTraced = false
    /// With ``isTraced``: every Raft message too, heartbeats among them.
    package var isTracingMessages = false

    package init(seed: UInt64) { self.seed = seed }
}

/// One seed: a cluster of whole servers under a plan of faults, with clients, and checks of all
/// that must hold meanwhile and afterwards.
///
/// ```
///   0 s            3 s                     28 s                  then
///   ├── founding ──┼── faults and clients ──┼── faults end, must ──┼── each server answers
///   │              │                        │   converge in time   │   alike: the history is judged
/// ```
package final class Trial {
    package typealias Node = SimulatedCluster.Node
    package typealias Way = (from: Node, to: Node)

    package let settings: TrialSettings
    package let plan: FaultPlan
    let shape: TrialShape
    package let world: SimulatedWorld
    let cluster: SimulatedCluster
    private(set) var monitor = RaftMonitor()
    private(set) var recorder = HistoryRecorder()
    /// Of the life that a recovery ended.
    private(set) var former: (monitor: RaftMonitor, recorder: HistoryRecorder)?
    private var formerClients: [TrialClient] = []
    var secondLife: SecondLife?
    var lastSaved: SavedState?
    private(set) var clients: [TrialClient] = []
    /// nil in a trial without jobs.
    private(set) var jobs: JobLoad?
    private var operatorHost: SimulatedHost
    var operatorClients: [APIClient] = []
    /// How often each kind of fault struck, by name.
    private(set) var struck: [String: Int] = [:]
    private(set) var trace: [String] = []
    private var violation: Violation?
    private var endings: [(at: Duration, number: Int, name: String, end: () -> Void)] = []
    private var errands: [(at: Duration, body: () -> Void)] = []
    private var blockCounts: [Int: Int] = [:]
    var lives = Lives()
    var ambushes = Ambushes()
    /// Under way, by number, and the life of the server that was asked.
    var restores: [(number: Int, node: Node, life: UInt64)] = []
    /// Of the fault that strikes now.
    private(set) var faultNumber = 0

    static let founding: Duration = .seconds(3)
    /// Between two looks at who leads and who is down.
    private static let lookInterval: Duration = .milliseconds(500)

    package var nodes: [Node] { cluster.nodes }

    package init(_ settings: TrialSettings) {
        self.settings = settings
        plan = FaultPlan(seed: settings.seed, from: Self.founding, for: settings.faultsLast)
        let shape = TrialShape(
            seed: settings.seed, servers: settings.servers, clients: settings.clients,
            load: settings.load)
        self.shape = shape
        var position = 0
        cluster = SimulatedCluster(
            seed: settings.seed, count: shape.servers, spares: shape.spares
        ) { options in
            shape.configure(&options, at: position)
            if settings.hasJobs { JobLoad.configure(&options, seed: settings.seed) }
            position += 1
        }
        world = cluster.world
        operatorHost = world.makeHost("operator")
        cluster.observer = monitor
        watch(by: monitor)
        world.network.blockedStreamTimeout = .seconds(8)
        for number in 0..<shape.clients {
            clients.append(
                TrialClient(
                    number: number, host: world.makeHost("client\(number)"), nodes: nodes,
                    recorder: recorder, pace: shape.pace,
                    seed: settings.seed &+ UInt64(number) &* 7_919))
        }
        if settings.hasJobs {
            recorder.schedulerConstants = JobLoad.constants(seed: settings.seed)
            jobs = JobLoad(self, seed: settings.seed)
        }
        if settings.isTraced { readAlong() }
    }

    package func run() -> TrialReport {
        for (node, latency) in zip(nodes, shape.laneLatencies) {
            if let latency { node.host.laneLatency = latency }
        }
        cluster.startAll()
        for client in clients { client.start() }
        jobs?.start()
        for fault in plan.faults where settings.only?.contains(fault.number) ?? true {
            advance(to: fault.at)
            strike(fault)
            if isOver { break }
        }
        advance(to: Self.founding + settings.faultsLast)
        // What of the jobs is lost with a quorum, nobody promises anything about.
        let isDoomed = shape.isLosingQuorum && jobs == nil
        if isOver || !isDoomed || !liveTwice() { endFaults() }
        if !isOver { converge() }
        if !isOver { judge() }
        if !isOver { jobs?.judge() }
        let report = TrialReport(self, violation: found)
        for host in world.hosts { host.crash() }
        return report
    }

    var isOver: Bool { found != nil }

    private var found: Violation? {
        violation ?? monitor.violation ?? former?.monitor.violation
    }

    /// Those that must agree at the end.
    var members: [Node] { secondLife?.members ?? nodes }

    private func watch(by monitor: RaftMonitor) {
        monitor.isOnDisk = { [unowned self, unowned monitor] id, index, term in
            guard let disk = nodes.first(where: { $0.id == id })?.host.disk else { return true }
            if disk.isRecovering { return monitor.hadBeforeLoss(id, index) }
            return disk.isDamaged || disk.holds(index, of: term)
        }
        monitor.canVote = { [unowned self, unowned monitor] id in
            guard let node = nodes.first(where: { $0.id == id }) else { return false }
            let isOfThisLife = isStranger(node) == (monitor === former?.monitor)
            return !node.host.disk.isDamaged && !node.host.disk.isRecovering
                && (former == nil || isOfThisLife)
        }
        monitor.tell = self.monitor.tell
        monitor.tellMessage = self.monitor.tellMessage
    }

    /// Another life begins, with clients of its own.
    func succeed(by next: RaftMonitor, _ history: HistoryRecorder, members: [Node]) {
        former = (monitor, recorder)
        watch(by: next)
        monitor = next
        recorder = history
        formerClients = clients
        clients = formerClients.indices.map { number in
            TrialClient(
                number: number, host: world.makeHost("client\(number) of the second life"),
                nodes: members, recorder: recorder, pace: shape.pace,
                seed: ~settings.seed &+ UInt64(number) &* 7_919)
        }
        for client in clients { client.start() }
    }

    /// How often a state was restored, or was about to be.
    var restoreCount: Int { recorder.restoreCount }

    /// Nodes and jobs as a server has them; nil while it is down or paused.
    func tables(of node: Node) -> SchedulerTables? { cluster.tables(of: node) }

    func fail(_ found: Violation) { violation = violation ?? found }

    func note(_ text: @autoclosure () -> String) {
        if settings.isTraced { trace.append("\(clockText)  \(text())") }
    }

    private var clockText: String {
        let microseconds =
            world.now.components.seconds * 1_000_000
            + world.now.components.attoseconds / 1_000_000_000_000
        let digits = String(microseconds % 1_000_000)
        let zeros = String(repeating: "0", count: 6 - digits.count)
        return "\(microseconds / 1_000_000).\(zeros)\(digits)"
    }

    private func readAlong() {
        if settings.isTracingMessages {
            monitor.tellMessage = { [unowned self] from, to, message in
                note("\(name(of: from)) to \(name(of: to)): \(message)")
            }
        }
        monitor.tell = { [unowned self] id, text in note("\(name(of: id))  \(text())") }
        cluster.tell = { [unowned self] name, line in note("\(name)  \(line)") }
        recorder.tell = { [unowned self] text in note(text()) }
    }

    // MARK: Time

    /// Turns the world, ends what is over, and looks after the servers on the way.
    func advance(to time: Duration) {
        while world.now < time, !isOver {
            var next = min(time, lives.lookAt)
            for ending in endings { next = min(next, ending.at) }
            if let errand = errands.last { next = min(next, errand.at) }
            if next > world.now { turn(until: next) }
            endWhatIsOver()
            while let errand = errands.last, errand.at <= world.now, !isOver {
                errands.removeLast()
                errand.body()
            }
            if world.now >= lives.lookAt {
                lives.lookAt = world.now + Self.lookInterval
                look()
                jobs?.look()
            }
        }
    }

    private func turn(until time: Duration) {
        while world.now < time, monitor.violation == nil, former?.monitor.violation == nil {
            _ = world.run(
                until: { monitor.violation != nil || monitor.sighted != nil },
                limit: time - world.now)
            guard let sighting = monitor.takeSighting() else { continue }
            spring(at: sighting)
        }
    }

    /// Does something at the time, like the end of a fault.
    func after(_ time: Duration, _ number: Int, _ name: String, _ body: @escaping () -> Void) {
        endings.append((world.now + time, number, name, body))
    }

    /// Does something at the time, unless faults end before it.
    func later(_ time: Duration, _ body: @escaping () -> Void) {
        let at = world.now + time
        // The last one comes first; of those at the same time, the first that was given.
        let place = errands.firstIndex { $0.at <= at } ?? errands.count
        errands.insert((at, body), at: place)
    }

    private func strike(_ fault: PlannedFault) {
        guard let nemesis = Nemesis.all.first(where: { $0.name == fault.nemesis }), !isOver else {
            return
        }
        var generator = SplitMix64(seed: fault.seed)
        faultNumber = fault.number
        switch nemesis.strike(self, &generator) {
        case .missed:
            note("fault \(fault.number): \(fault.nemesis): nothing to strike")
            return
        case .done(let text):
            note("fault \(fault.number): \(fault.nemesis): \(text)")
        case .lasting(let text, let end):
            note("fault \(fault.number): \(fault.nemesis): \(text), for \(fault.lasts)")
            endings.append((world.now + fault.lasts, fault.number, fault.nemesis, end))
        }
        struck[fault.nemesis, default: 0] += 1
    }

    private func endWhatIsOver() {
        while let place = endings.firstIndex(where: { $0.at <= world.now }) {
            let ending = endings.remove(at: place)
            note("fault \(ending.number): \(ending.name): over")
            ending.end()
        }
    }

    /// Everything works from here on: the network, the clocks, the disks, and each server runs.
    func endFaults() {
        note("faults end")
        calmDown()
        reviveAll()
    }

    /// The same with no server started.
    func calmDown() {
        for ending in endings { ending.end() }
        endings = []
        errands = []
        endAmbushes()
        calmNetwork()
        world.network.heal()
        for client in clients { client.finish() }
        jobs?.finish()
        for node in nodes {
            node.host.setClockRate(1_000_000)
            node.host.laneLatency = node.host.options.laneLatency
            node.host.disk.calm()
            node.host.resume()
        }
    }

    // MARK: The network

    func calmNetwork() {
        let network = world.network
        network.latency = .microseconds(100)...(.milliseconds(2))
        network.segmentBytesMax = 65_536
        network.fragmentation = 0.02
        network.segmentLoss = 0
        network.datagramLoss = 0
        network.datagramDelay = 0
        network.datagramDuplication = 0
    }

    /// All ways between two servers that fit.
    func ways(_ isMeant: (Node, Node) -> Bool) -> [Way] {
        nodes.flatMap { from in
            nodes.compactMap { to in from !== to && isMeant(from, to) ? (from, to) : nil }
        }
    }

    /// Ways may be blocked by several faults at once.
    func block(_ way: Way) {
        blockCounts[key(way), default: 0] += 1
        world.network.block(from: way.from.host, to: way.to.host)
    }

    func unblock(_ way: Way) {
        let count = (blockCounts[key(way)] ?? 0) - 1
        blockCounts[key(way)] = max(0, count)
        if count <= 0 { world.network.unblock(from: way.from.host, to: way.to.host) }
    }

    private func key(_ way: Way) -> Int { way.from.host.number << 16 | way.to.host.number }

    // MARK: The operator

    /// Sends a request to some server; nobody waits for the answer.
    func operate(_ method: ClientMethod, _ target: String, _ generator: inout SplitMix64) {
        operate(method, target, at: anyNode(&generator))
    }

    func operate(_ method: ClientMethod, _ target: String, at node: Node) {
        let client = APIClient(
            loop: operatorHost.loop, streams: operatorHost.streams, address: node.httpAddress,
            token: nil)
        operatorClients.append(client)
        operatorHost.perform {
            client.send(method, target, body: nil, timeout: .seconds(5)) { [unowned self] result in
                client.close()
                operatorClients.removeAll { $0 === client }
                note("operator: \(target) at \(node.name): \(HistoryRecorder.text(of: result))")
            }
        }
    }
}
