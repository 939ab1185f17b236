// SPDX-License-Identifier: Apache-2.0
//
// The plugins, picked for the agent and for the command line.
import Glibc
import MartletCLI
import MartletExec
import MartletHost
import MartletLMDB
import MartletMemory
import MartletStorage
import MartletTLS
import MartletTransport
import MartletUV
import MartletZlib
import Synchronization

func stores(
    _ backend: AgentConfiguration.StorageBackend, _ directory: String
) throws(StoreError) -> ServerStores {
    switch backend {
    case .lmdb:
        let storage = try LMDBStorage.open(directory: directory)
        return .init(
            log: storage.log, metadata: storage.metadata, snapshots: storage.snapshots,
            close: { storage.close() })
    case .memory:
        let disk = MemoryDisk()
        return .init(
            log: MemoryLogStore(disk: disk), metadata: MemoryMetadataStore(disk: disk),
            snapshots: MemorySnapshotStore(disk: disk), close: {})
    }
}

func hostPlugins() -> HostPlugins {
    let loop = UVLoop()
    return HostPlugins(
        loop: loop,
        runLoop: {
            loop.run()
            loop.shutDown()
        }, stopLoop: { loop.stop() },
        makeStreams: { UVStreams(loop: loop) }, makeDatagrams: { UVDatagrams(loop: loop) },
        makeProcesses: { UVProcesses(loop: loop) }, crypto: OpenSSLCrypto(),
        security: OpenSSLSecurity(), certificates: OpenSSLCertificates(),
        compression: ZlibCompression(), files: UVFiles(),
        openStores: stores, writeOutput: { write(Array($0.utf8), to: 1) },
        writeError: { write(Array($0.utf8), to: 2) },
        hostName: hostName(), temporaryDirectory: environment("TMPDIR") ?? "/tmp")
}

/// With what this program is started again as a task's supervisor.
let supervisorWords = ["node", "supervise"]

func nodeMachine() -> NodeMachine {
    var inherited: [String: String] = [:]
    for name in ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR"] {
        inherited[name] = environment(name)
    }
    return NodeMachine(
        tasks: ExecMachine(), supervisor: ownExecutable().map { [$0] + supervisorWords },
        inherited: inherited, workingDirectory: workingDirectory(),
        diskFreeBytes: { space($0)?.freeBytes })
}

func recoverDesk() -> RecoverDesk {
    RecoverDesk(
        ask: isatty(0) == 1 && isatty(1) == 1 ? ask : nil, processID: getpid(),
        adopt: { file, folder in adopt(file, asIn: folder) },
        render: { (json, template) throws(ConfigurationFailure) in
            do throws(CLIFailure) {
                return try TemplateText.make(json: json, template)
            } catch {
                throw ConfigurationFailure(text: error.text, exitCode: error.exitCode.rawValue)
            }
        })
}

/// systemd, where it has started this and wants to be told.
func supervisor() -> Supervisor? {
    guard let path = environment("NOTIFY_SOCKET"), let socket = SupervisorSocket(path: path) else {
        return nil
    }
    return Supervisor(
        patience: Supervisor.patience(
            microseconds: environment("WATCHDOG_USEC"), processID: environment("WATCHDOG_PID"),
            own: getpid()),
        tell: { socket.send($0) })
}

func cliEnvironment() -> CLIEnvironment {
    var made = CLIEnvironment(
        variable: environment, isTerminal: isatty(1) == 1, width: terminalSize().columns,
        writeOutput: { write($0, to: 1) }, writeError: { write(Array($0.utf8), to: 2) },
        readInput: readInput, wallClockNanoseconds: wallClockNanoseconds,
        files: UVFiles(), crypto: OpenSSLCrypto(), compression: ZlibCompression(),
        makeNetwork: cliNetwork,
        openStores: { (directory) throws(StoreError) in try stores(.lmdb, directory) },
        version: Agent.version)
    made.devMachine = devMachine()
    made.height = terminalSize().lines
    made.machine = LocalMachine(
        space: space, monotonicNanoseconds: monotonicNanoseconds,
        configuration: { paths in
            let outcome = ConfigCommand.outcome(
                of: ["explain", "-json"] + paths, files: UVFiles(), hostName: hostName())
            return (outcome.output, outcome.error)
        }, certificates: OpenSSLCertificates())
    made.isOutputClosed = { isOutputClosed.load(ordering: .relaxed) }
    return made
}

func devMachine() -> DevMachine {
    DevMachine(
        makeNetwork: {
            let loop = UVLoop()
            return DevNetwork(
                network: cliNetwork(on: loop), datagrams: UVDatagrams(loop: loop),
                processes: UVProcesses(loop: loop))
        }, speaker: { (first) throws(TransportError) in try PeerConnections.speaker(of: first) },
        firstBytesMax: PeerConnections.firstBytesMax, executable: ownExecutable(),
        temporaryDirectory: environment("TMPDIR") ?? "/tmp",
        workingDirectory: workingDirectory(), isInputTerminal: isatty(0) == 1,
        terminalSize: terminalSize)
}

func cliNetwork() -> CLINetwork { cliNetwork(on: UVLoop()) }

func cliNetwork(on loop: UVLoop) -> CLINetwork {
    var network = CLINetwork(
        loop: loop, makeStreams: { UVStreams(loop: loop) }, security: OpenSSLSecurity(),
        perform: { body in
            body { loop.stop() }
            loop.run()
        })
    network.onStop = { told in
        for signal in [SIGINT, SIGTERM] {
            do throws(TransportError) {
                try UVProcesses(loop: loop).onSignal(signal, received: told)
            } catch {
                // Then the signal ends the process, as it does any other command.
            }
        }
    }
    return network
}
