// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletNode
import MartletServer
import MartletTransport
import Synchronization

/// `martlet node run`: a process that is one or many nodes.
package enum NodeCommand {
    /// Runs until it is told to end. Exit code 1 when it cannot begin or the servers refuse the nodes,
    /// 2 for a wrong command line.
    package static func run(
        arguments: [String], plugins: HostPlugins, machine: NodeMachine
    ) -> Int32 {
        do throws(ConfigurationFailure) {
            let options = try NodeOptions(arguments)
            guard !options.wantsHelp else {
                plugins.writeOutput(help)
                return 0
            }
            return try serve(options, plugins, machine)
        } catch {
            plugins.writeError("\(error.text)\n")
            return error.exitCode
        }
    }

    private static func serve(
        _ options: NodeOptions, _ plugins: HostPlugins, _ machine: NodeMachine
    ) throws(ConfigurationFailure) -> Int32 {
        let material = try options.security?.material(plugins.files)
        let ending = Ending()
        switch options.driver {
        case .mock:
            let nodes = try options.mockNodes(plugins.crypto)
            plugins.loop.enter {
                let process = NodeProcess(options, plugins, ending)
                process.start(material) { process.pretend(nodes, $0, $1) }
            }
        case .rawExec:
            let folder = try options.folder(plugins, machine)
            let node = options.node(in: folder, plugins, machine)
            guard let supervisor = machine.supervisor else {
                throw ConfigurationFailure(text: "this program's file is not known", exitCode: 1)
            }
            plugins.loop.enter {
                let process = NodeProcess(options, plugins, ending)
                process.start(material) {
                    process.work(node, folder, supervisor, machine, $0, $1)
                }
            }
        }
        plugins.runLoop()
        return ending.exitCode.load(ordering: .relaxed)
    }
}

/// What the process ends with.
private final class Ending: Sendable {
    let exitCode = Atomic<Int32>(0)
}

/// The agent of this process, from its start to its end. Confined to the loop; whoever waits for signals
/// holds it.
private final class NodeProcess {
    /// For the last words to the servers.
    private static let patience: Duration = .seconds(10)
    private static let signals: [Int32] = [2, 15]  // SIGINT and SIGTERM.

    private let options: NodeOptions
    private let plugins: HostPlugins
    private let ending: Ending
    /// Ends what was started, and calls back; nil before that.
    private var end: ((_ done: @escaping () -> Void) -> Void)?
    private var isEnding = false
    /// Held to the end: while its lock is, no other process works in it.
    private var folder: NodeFolder?

    init(_ options: NodeOptions, _ plugins: HostPlugins, _ ending: Ending) {
        self.options = options
        self.plugins = plugins
        self.ending = ending
    }

    func start(
        _ material: SecurityMaterial?, _ body: (any Streams, any Processes) -> Void
    ) {
        do throws(ConfigurationFailure) {
            let processes = plugins.makeProcesses()
            try watchSignals(processes)
            body(try streams(material), processes)
        } catch {
            fail(error.text)
        }
    }

    func pretend(_ nodes: [Node], _ streams: any Streams, _: any Processes) {
        let agent = agent(nodes, streams, MockFleet())
        end = { done in agent.leave(patience: Self.patience, done: done) }
        agent.start()
    }

    /// What runs goes on when this process ends: the node is not down then, it only says nothing for
    /// a while.
    func work(
        _ node: Node, _ folder: NodeFolder, _ supervisor: [String], _ machine: NodeMachine,
        _ streams: any Streams, _ processes: any Processes
    ) {
        self.folder = folder
        let driver = SupervisedDriver(
            loop: plugins.loop,
            machine: .init(
                processes: processes, files: plugins.files, machine: machine.tasks,
                supervisor: supervisor), root: folder.path, log: log(.warning))
        for damaged in folder.left.damaged {
            log(.warning)(
                "what was kept of allocation \(damaged.id) is damaged: what runs of it is killed, and it "
                    + "begins anew if it is wanted (\(damaged.why))")
            driver.remove(damaged.id)
        }
        let fleet = ExecFleet(
            loop: plugins.loop, driver: driver, node: node, inherited: machine.inherited,
            left: folder.left.allocations)
        let agent = agent([node], streams, fleet)
        fleet.changed = { [weak agent] in agent?.fleetChanged() }
        end = { done in
            agent.stop()
            done()
        }
        agent.start()
    }

    private func agent<Running: Fleet>(
        _ nodes: [Node], _ streams: any Streams, _ fleet: Running
    ) -> NodeAgent<Running> {
        var settings = NodeAgent<Running>.Settings(servers: options.servers, nodes: nodes)
        settings.log = log(.info)
        settings.warn = log(.warning)
        settings.refused = { [weak self] in self?.fail($0) }
        return NodeAgent(loop: plugins.loop, streams: streams, settings: settings, fleet: fleet)
    }

    /// As servers write theirs.
    private func log(_ level: Logger.Level) -> (String) -> Void {
        let (writeError, loop) = (plugins.writeError, plugins.loop)
        return { text in
            let now = loop.wallClockNanoseconds
            writeError(LogLine(level, text, label: "node", unixNanoseconds: now).text)
        }
    }

    private func streams(_ material: SecurityMaterial?) throws(ConfigurationFailure) -> any Streams
    {
        let plain = plugins.makeStreams()
        guard let security = options.security, let material else { return plain }
        let warn = log(.warning)
        do throws(SecurityError) {
            return try plugins.security.secure(
                plain, on: plugins.loop, policy: security.policy, material: material
            ) { notice in warn("\(notice.peer): \(notice.detail)") }
        } catch {
            throw ConfigurationFailure(text: "TLS: \(error)", exitCode: 1)
        }
    }

    private func watchSignals(_ processes: any Processes) throws(ConfigurationFailure) {
        for signal in Self.signals {
            do throws(TransportError) {
                try processes.onSignal(signal) { self.endOnce() }
            } catch {
                throw ConfigurationFailure(text: "signal \(signal): \(error)", exitCode: 1)
            }
        }
    }

    /// At once, when it is told a second time.
    private func endOnce() {
        guard !isEnding, let end else { return plugins.stopLoop() }
        isEnding = true
        end(plugins.stopLoop)
    }

    private func fail(_ text: String) {
        plugins.writeError("\(text)\n")
        ending.exitCode.store(1, ordering: .relaxed)
        plugins.stopLoop()
    }
}
