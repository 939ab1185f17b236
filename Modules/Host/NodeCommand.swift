// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletNode
import MartletServer
import MartletTransport

/// `martlet node run`: a process that is one or many nodes.
package enum NodeCommand {
    /// Runs until it is told to end. Exit code 1 when it cannot begin or the servers refuse the nodes,
    /// 2 for a wrong command line.
    package static func run(arguments: [String], plugins: HostPlugins) -> Int32 {
        do throws(ConfigurationFailure) {
            let options = try NodeOptions(arguments)
            guard !options.wantsHelp else {
                plugins.writeOutput(help)
                return 0
            }
            return try serve(options, plugins)
        } catch {
            plugins.writeError("\(error.text)\n")
            return error.exitCode
        }
    }

    private static func serve(
        _ options: NodeOptions, _ plugins: HostPlugins
    ) throws(ConfigurationFailure) -> Int32 {
        let material = try options.security?.material(plugins.files)
        let nodes = try options.mockNodes(plugins.crypto)
        let process = NodeProcess(plugins)
        plugins.loop.enter { process.start(options, nodes, material) }
        plugins.runLoop()
        return process.exitCode
    }
}

/// The agent of this process, from its start to its end.
// SAFETY: made before the loop runs, used on it, and read again once it has ended.
private final class NodeProcess: @unchecked Sendable {
    /// For the last words to the servers.
    private static let patience: Duration = .seconds(10)
    private static let signals: [Int32] = [2, 15]  // SIGINT and SIGTERM.

    private let plugins: HostPlugins
    private var agent: NodeAgent<MockFleet>?
    private var processes: (any Processes)?
    private var isEnding = false
    private(set) var exitCode: Int32 = 0

    init(_ plugins: HostPlugins) { self.plugins = plugins }

    func start(_ options: NodeOptions, _ nodes: [Node], _ material: SecurityMaterial?) {
        do throws(ConfigurationFailure) {
            try watchSignals()
            let streams = try streams(options, material)
            var settings = NodeAgent<MockFleet>.Settings(servers: options.servers, nodes: nodes)
            settings.log = { [plugins] in plugins.writeError("\($0)\n") }
            settings.refused = { [weak self] in self?.fail($0) }
            let agent = NodeAgent(
                loop: plugins.loop, streams: streams, settings: settings, fleet: MockFleet())
            self.agent = agent
            agent.start()
        } catch {
            fail(error.text)
        }
    }

    private func streams(
        _ options: NodeOptions, _ material: SecurityMaterial?
    ) throws(ConfigurationFailure) -> any Streams {
        let plain = plugins.makeStreams()
        guard let security = options.security, let material else { return plain }
        let writeError = plugins.writeError
        do throws(SecurityError) {
            return try plugins.security.secure(
                plain, on: plugins.loop, policy: security.policy, material: material
            ) { notice in writeError("\(notice.detail)\n") }
        } catch {
            throw ConfigurationFailure(text: "TLS: \(error)", exitCode: 1)
        }
    }

    private func watchSignals() throws(ConfigurationFailure) {
        let processes = plugins.makeProcesses()
        self.processes = processes
        for signal in Self.signals {
            do throws(TransportError) {
                try processes.onSignal(signal) { [weak self] in self?.end() }
            } catch {
                throw ConfigurationFailure(text: "signal \(signal): \(error)", exitCode: 1)
            }
        }
    }

    /// At once, when it is told a second time.
    private func end() {
        guard !isEnding, let agent else { return plugins.stopLoop() }
        isEnding = true
        let stopLoop = plugins.stopLoop
        agent.leave(patience: Self.patience, done: stopLoop)
    }

    private func fail(_ text: String) {
        plugins.writeError("\(text)\n")
        exitCode = 1
        plugins.stopLoop()
    }
}
