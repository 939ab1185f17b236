// SPDX-License-Identifier: Apache-2.0
package import MartletStorage
package import MartletTransport
import Logging
import MartletAPI
import MartletServer
import Synchronization

/// The plugins that an executable hands over. Host names none of them.
package struct HostPlugins: Sendable {
    package let loop: any Loop
    /// Runs the loop on the calling thread until `stopLoop` is called, from any thread, and lets
    /// the lanes finish what they were given.
    package let runLoop: @Sendable () -> Void
    package let stopLoop: @Sendable () -> Void
    /// Called on the loop.
    package let makeStreams: @Sendable () -> any Streams
    package let makeDatagrams: @Sendable () -> any Datagrams
    package let makeProcesses: @Sendable () -> any Processes
    package let crypto: any Crypto
    package let security: any StreamSecurity
    package let certificates: any Certificates
    package let compression: any Compression
    package let files: any Files
    /// Opens the stores of a backend in a folder that exists and is locked. Blocks.
    package let openStores:
        @Sendable (AgentConfiguration.StorageBackend, _ directory: String) throws(StoreError) ->
            ServerStores
    /// Standard output and error, written as they are. Blocks when a pipe is full.
    package let writeOutput: @Sendable (String) -> Void
    package let writeError: @Sendable (String) -> Void
    package let hostName: String
    /// Files and sockets that this process may have open; nil if that is not known.
    package var descriptorLimit: Int?
    /// Who wants to know how the server does; nil if nobody does.
    package var supervisor: Supervisor?
    /// Where a development server without a data folder puts one.
    package let temporaryDirectory: String

    package init(
        loop: any Loop, runLoop: @escaping @Sendable () -> Void,
        stopLoop: @escaping @Sendable () -> Void,
        makeStreams: @escaping @Sendable () -> any Streams,
        makeDatagrams: @escaping @Sendable () -> any Datagrams,
        makeProcesses: @escaping @Sendable () -> any Processes, crypto: any Crypto,
        security: any StreamSecurity, certificates: any Certificates,
        compression: any Compression, files: any Files,
        openStores:
            @escaping @Sendable (AgentConfiguration.StorageBackend, String)
            throws(StoreError) -> ServerStores,
        writeOutput: @escaping @Sendable (String) -> Void,
        writeError: @escaping @Sendable (String) -> Void, hostName: String,
        temporaryDirectory: String
    ) {
        self.loop = loop
        self.runLoop = runLoop
        self.stopLoop = stopLoop
        self.makeStreams = makeStreams
        self.makeDatagrams = makeDatagrams
        self.makeProcesses = makeProcesses
        self.crypto = crypto
        self.security = security
        self.certificates = certificates
        self.compression = compression
        self.files = files
        self.openStores = openStores
        self.writeOutput = writeOutput
        self.writeError = writeError
        self.hostName = hostName
        self.temporaryDirectory = temporaryDirectory
    }
}

extension HostPlugins {
    /// - Precondition: the folder exists, and is locked.
    func dataFolder(
        _ directory: String, _ backend: AgentConfiguration.StorageBackend, _ logger: Logger
    ) -> DataFolder {
        DataFolder(
            directory, files: files, crypto: crypto, logger: logger,
            wallClockNanoseconds: { [loop] in loop.wallClockNanoseconds }
        ) { [openStores] (folder) throws(StoreError) in try openStores(backend, folder) }
    }
}

/// `martlet agent`: configuration → one running server → exit code.
///
/// Order of the start: configuration, data folder, lock, stores, what they hold, ports. Each step
/// changes nothing that a later failure would have to undo, and says what was wrong and what to do.
/// Order of the stop: leadership, farewell, connections, stores, lock.
package enum Agent {
    package static var version: String { ServerOptions.softwareVersion }

    /// Exit code 0 after an orderly stop, 1 when the server could not start or its loop ended
    /// otherwise, 2 for a wrong command line.
    package static func run(arguments: [String], plugins: HostPlugins) -> Int32 {
        switch AgentConfiguration.load(
            arguments: arguments, files: plugins.files, hostName: plugins.hostName)
        {
        case .failure(let failure):
            let text = failure.text.hasSuffix("\n") ? failure.text : failure.text + "\n"
            (failure.exitCode == 0 ? plugins.writeOutput : plugins.writeError)(text)
            return failure.exitCode
        case .success(let loaded):
            do {
                return try start(loaded, arguments, plugins)
            } catch {
                plugins.writeError("Error starting agent: \(error.text)\n")
                return 1
            }
        }
    }

    /// Why a server does not start, in one or two lines.
    private struct StartError: Error {
        let text: String
    }

    /// What a start has brought together before the loop runs.
    private struct Prepared {
        let options: ServerOptions
        let replica: LoadedReplica
        let stores: ServerStores
        /// Whether a signal leaves the cluster for good.
        let leaves: [Int32: Bool]
        /// nil without TLS.
        let tls: TLSPlan?
        let reread: TLSKeeper.Reread
        let configuration: AgentConfiguration
    }

    private static func start(
        _ loaded: LoadedConfiguration, _ arguments: [String], _ plugins: HostPlugins
    ) throws(StartError) -> Int32 {
        let configuration = loaded.configuration
        let output = LogOutput(loop: plugins.loop, write: sink(for: configuration, plugins))
        let watch = LogWatch { [loop = plugins.loop] in loop.wallClockNanoseconds }
        let logger = Logger(label: "nomad") { label in
            let handler = NomadLogHandler(
                label: label, level: configuration.logLevel,
                format: configuration.logJSON ? .json : .text,
                wallClockNanoseconds: { [loop = plugins.loop] in loop.wallClockNanoseconds },
                sink: { output.log($0) })
            return WatchedLogHandler(handler, label: label, watch: watch)
        }
        for warning in loaded.warnings { logger.warning("\(warning)") }
        guard configuration.server.isEnabled else {
            throw StartError(
                text: "nothing to run: set server { enabled = true }, or use -dev or -server")
        }
        let tls = try tls(for: configuration, plugins, logger)
        let directory = try dataDirectory(of: configuration, plugins)
        let lock = try lock(directory, plugins)
        defer { lock.release() }
        let (stores, replica) = try open(
            configuration.storageBackend, directory, plugins, logger)
        logger.info(
            "agent configured",
            metadata: [
                "data_dir": "\(directory)", "storage": "\(configuration.storageBackend.rawValue)",
                "version": "\(ServerOptions.softwareVersion)",
            ])
        var options = try options(for: configuration, directory)
        options.logWatch = watch
        if let limit = plugins.descriptorLimit { options.setDescriptorLimit(limit) }
        do throws(KeyringError) {
            if let problem = try options.readPoolFiles(from: plugins.files) {
                logger.warning(
                    "the list of members of before cannot be read: retry_join has to do",
                    metadata: ["error": "\(problem)"])
            }
        } catch {
            throw StartError(
                text: "the keyring \(options.keyringPath ?? "") cannot be used: \(error); put the "
                    + "pool's keys there, or remove it to begin with server.encrypt")
        }
        if let key = configuration.server.encrypt, options.keyring?.primary != key {
            logger.warning(
                "server.encrypt is not what this server encrypts with: its keyring was changed since",
                metadata: ["keyring": "\(options.keyringPath ?? "")"])
        }
        output.defer()
        let prepared = Prepared(
            options: options, replica: replica, stores: stores,
            leaves: [
                terminateSignal: configuration.leaveOnTerminate,
                interruptSignal: configuration.leaveOnInterrupt,
            ], tls: tls, reread: { rereadTLS(arguments, plugins) },
            configuration: configuration)
        return serve(prepared, plugins, logger)
    }

    private static func tls(
        for configuration: AgentConfiguration, _ plugins: HostPlugins, _ logger: Logger
    ) throws(StartError) -> TLSPlan? {
        do throws(TLSProblem) {
            let plan = try TLSPlan.read(for: configuration, from: plugins.files)
            for warning in plan?.warnings ?? [] { logger.warning("\(warning)") }
            return plan
        } catch {
            throw StartError(text: error.text)
        }
    }

    /// The same files and flags as at the start. Blocks.
    private static func rereadTLS(
        _ arguments: [String], _ plugins: HostPlugins
    ) -> Result<TLSPlan?, TLSProblem> {
        switch AgentConfiguration.load(
            arguments: arguments, files: plugins.files, hostName: plugins.hostName)
        {
        case .failure(let failure):
            return .failure(TLSProblem("the configuration has mistakes: \(failure.text)"))
        case .success(let loaded):
            do throws(TLSProblem) {
                return .success(try TLSPlan.read(for: loaded.configuration, from: plugins.files))
            } catch {
                return .failure(error)
            }
        }
    }

    private static func sink(
        for configuration: AgentConfiguration, _ plugins: HostPlugins
    ) -> @Sendable (String) -> Void {
        guard let path = configuration.logFile else { return plugins.writeOutput }
        let files = plugins.files
        let writeOutput = plugins.writeOutput
        return { line in
            writeOutput(line)
            do {
                try files.append(Array(line.utf8), to: path)
            } catch {
                writeOutput("the log file cannot be written: \(error)\n")
            }
        }
    }

    // MARK: Steps of the start

    private static func dataDirectory(
        of configuration: AgentConfiguration, _ plugins: HostPlugins
    ) throws(StartError) -> String {
        do {
            let directory: String
            if let configured = configuration.dataDirectory {
                directory = configured
            } else {
                let name = try plugins.crypto.secureRandomBytes(8)
                    .map { String(Int($0) + 256, radix: 16).dropFirst() }.joined()
                directory = "\(plugins.temporaryDirectory)/martlet-\(name)"
            }
            try plugins.files.makeDirectory(directory)
            return directory
        } catch {
            throw StartError(text: "the data folder cannot be made: \(error)")
        }
    }

    private static func lock(
        _ directory: String, _ plugins: HostPlugins
    ) throws(StartError) -> any FileLock {
        do {
            return try plugins.files.lock(directory)
        } catch {
            throw StartError(
                text: "the data folder cannot be used: \(error); stop that server first, or give "
                    + "this one another data_dir")
        }
    }

    private static func open(
        _ backend: AgentConfiguration.StorageBackend, _ directory: String, _ plugins: HostPlugins,
        _ logger: Logger
    ) throws(StartError) -> (ServerStores, LoadedReplica) {
        guard backend != .memory else { return try openInMemory(directory, plugins) }
        do {
            let opened = try plugins.dataFolder(directory, backend, logger).open()
            return (opened.stores, opened.replica)
        } catch {
            throw StartError(text: "\(error)")
        }
    }

    /// What forgets everything at the end has no identity to keep either.
    private static func openInMemory(
        _ directory: String, _ plugins: HostPlugins
    ) throws(StartError) -> (ServerStores, LoadedReplica) {
        do {
            let stores = try plugins.openStores(.memory, directory)
            let replica = try ReplicaLoader.load(
                log: stores.log, metadata: stores.metadata, snapshots: stores.snapshots,
                crypto: plugins.crypto)
            return (stores, replica)
        } catch {
            throw StartError(text: "\(error)")
        }
    }

    private static func options(
        for configuration: AgentConfiguration, _ directory: String
    ) throws(StartError) -> ServerOptions {
        guard let http = configuration.listenAddress(of: .http),
            let peer = configuration.listenAddress(of: .rpc),
            let gossip = configuration.listenAddress(of: .serf)
        else { throw StartError(text: "an address or a port cannot be used") }
        var options = ServerOptions(
            name: configuration.name, httpAddress: http, peerAddress: peer, gossipAddress: gossip)
        options.region = configuration.region
        options.datacenter = configuration.datacenter
        options.dataDirectory = directory
        options.advertisedHTTPAddress = configuration.advertisedAddress(of: .http)
        options.advertisedPeerAddress = configuration.advertisedAddress(of: .rpc)
        options.advertisedGossipAddress = configuration.advertisedAddress(of: .serf)
        options.bootstrapExpect = configuration.server.bootstrapExpect
        options.scheduling = configuration.server.scheduling
        options.isNonVoter = configuration.server.isNonVoting
        options.redundancyZone = nonEmpty(configuration.server.redundancyZone)
        options.upgradeVersion = nonEmpty(configuration.server.upgradeVersion)
        if let key = configuration.server.encrypt {
            do throws(KeyringError) {
                options.keyring = try Keyring([key])
            } catch {
                throw StartError(text: "server.encrypt: \(error)")
            }
        }
        options.rejoinAfterLeave = configuration.server.rejoinAfterLeave
        if configuration.storageBackend != .memory {
            options.keyringPath = DataFolder.keyringPath(in: directory)
            options.membersPath = DataFolder.membersPath(in: directory)
            options.spoolPath = DataFolder.spoolPath(in: directory)
        }
        options.join = configuration.server.retryJoin
        options.joinInterval = configuration.server.retryInterval
        options.joinAttemptsMax = configuration.server.retryMax
        options.setRaftMultiplier(configuration.server.raftMultiplier)
        options.setRaftOptions(
            leaseReads: configuration.server.raftLeaseReads,
            priority: configuration.server.raftPriority)
        configuration.limits.apply(to: &options)
        configuration.acl.apply(
            to: &options,
            directory: configuration.storageBackend == .memory ? nil : directory)
        options.audit = configuration.auditOptions(directory: directory)
        options.autopilot = autopilot(configuration.autopilot)
        return options
    }

    private static func nonEmpty(_ text: String) -> String? { text.isEmpty ? nil : text }

    private static func autopilot(
        _ configured: AgentConfiguration.Autopilot
    ) -> AutopilotConfiguration {
        var autopilot = AutopilotConfiguration()
        autopilot.cleanupDeadServers = configured.cleanupDeadServers
        autopilot.lastContactThreshold = GoDuration(configured.lastContactThreshold)
        autopilot.maxTrailingLogs = UInt64(clamping: configured.maxTrailingLogs)
        autopilot.minQuorum = UInt64(clamping: configured.minQuorum)
        autopilot.serverStabilizationTime = GoDuration(configured.serverStabilizationTime)
        autopilot.enableRedundancyZones = configured.enableRedundancyZones
        autopilot.disableUpgradeMigration = configured.disableUpgradeMigration
        autopilot.enableCustomUpgrades = configured.enableCustomUpgrades
        return autopilot
    }

    // MARK: Running

    /// SIGTERM and SIGINT on Linux and wherever else this runs (POSIX).
    private static let interruptSignal: Int32 = 2
    private static let terminateSignal: Int32 = 15
    private static let hangupSignal: Int32 = 1

    private static func serve(
        _ prepared: Prepared, _ plugins: HostPlugins, _ logger: Logger
    ) -> Int32 {
        let door = ServerDoor(loop: plugins.loop)
        let outcome = Outcome()
        plugins.loop.enter {
            let text = door.assumeIsolated { door in open(door, prepared, plugins, logger) }
            guard let text else { return }
            plugins.writeError("Error starting agent: \(text)\n")
            outcome.fail()
            plugins.stopLoop()
        }
        withExtendedLifetime(door) { plugins.runLoop() }
        return outcome.exitCode
    }

    /// Opens the ports, on the loop.
    ///
    /// - Returns: why it could not; nil for a server that runs.
    private static func open(
        _ door: isolated ServerDoor, _ prepared: Prepared, _ plugins: HostPlugins,
        _ logger: Logger
    ) -> String? {
        let keeper: TLSKeeper
        do throws(TLSProblem) {
            keeper = try TLSKeeper(
                prepared.tls, plugins, logger: logger, reread: prepared.reread)
        } catch {
            return error.text
        }
        do throws(PortFailure) {
            try door.start(prepared.options, loaded: prepared.replica, logger: logger) {
                var environment = ServerEnvironment(
                    loop: plugins.loop, httpStreams: keeper.httpStreams,
                    peerStreams: keeper.peerStreams, datagrams: plugins.makeDatagrams(),
                    crypto: plugins.crypto, compression: plugins.compression,
                    log: prepared.stores.log, metadata: prepared.stores.metadata,
                    snapshots: prepared.stores.snapshots, files: plugins.files)
                environment.meters = keeper
                environment.tracer = TraceFile.tracer(
                    for: prepared.configuration, plugins, logger: logger)
                return environment
            }
        } catch {
            return error.description
        }
        keeper.start()
        let supervision = plugins.supervisor.map {
            Supervision($0, loop: plugins.loop) { [unowned door] in
                door.assumeIsolated { $0.overview?.summary ?? "no server" }
            }
        }
        let problem = listen(for: door, prepared, plugins, logger, supervision) {
            keeper.reload()
        }
        if problem == nil { supervision?.began() }
        return problem
    }

    private static func listen(
        for door: ServerDoor, _ prepared: Prepared, _ plugins: HostPlugins, _ logger: Logger,
        _ supervision: Supervision?, reload: @escaping () -> Void
    ) -> String? {
        let processes = plugins.makeProcesses()
        func stop(because reason: Logger.Metadata, isLeaving: Bool) {
            logger.info("stopping", metadata: reason)
            supervision?.stopping()
            door.assumeIsolated { $0.stop(isLeaving: isLeaving) { plugins.stopLoop() } }
        }
        do {
            for signal in [terminateSignal, interruptSignal] {
                try processes.onSignal(signal) {
                    stop(
                        because: ["signal": "\(signal)"],
                        isLeaving: prepared.leaves[signal] == true)
                }
            }
            try processes.onSignal(hangupSignal, received: reload)
        } catch {
            return "signals cannot be handled: \(error)"
        }
        guard prepared.configuration.stopsWithParent else { return nil }
        do {
            try processes.onParentsEnd {
                stop(because: ["reason": "the standard input has ended"], isLeaving: false)
            }
            return nil
        } catch {
            return "-stop-on-eof: \(error)"
        }
    }
}

/// What the loop leaves behind. Written on the loop, read after it has ended, by the same thread.
private final class Outcome: Sendable {
    private let code = Atomic<Int32>(0)

    func fail() { code.store(1, ordering: .relaxed) }

    var exitCode: Int32 { code.load(ordering: .relaxed) }
}
