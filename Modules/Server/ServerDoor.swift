// SPDX-License-Identifier: Apache-2.0
package import Logging
package import MartletRaft
package import MartletTransport

/// The only way into a server from outside its loop: an actor whose executor is the loop.
package actor ServerDoor {
    private nonisolated let loop: any Loop
    private(set) var server: Server?

    package init(loop: any Loop) { self.loop = loop }

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        // SAFETY: the executor is the loop, which this actor keeps alive.
        unsafe loop.asUnownedSerialExecutor()
    }

    /// Starts the server. What belongs to the loop is made here, on the loop, by `environment`.
    ///
    /// - Throws: ``PortFailure`` when a port cannot be opened.
    package func start(
        _ options: ServerOptions, loaded: LoadedReplica, logger: Logger = .silent,
        environment: () -> ServerEnvironment
    ) throws(PortFailure) {
        precondition(server == nil, "a door leads to one server")
        let server = Server(
            options: options, environment: environment(), loaded: loaded, seed: loop.makeSeed(),
            logger: logger)
        self.server = server
        try server.start()
    }

    /// Hands leadership over, leaves the configuration if that is wished, says farewell, closes.
    /// `completion` is called on the loop.
    package func stop(isLeaving: Bool = false, completion: @escaping @Sendable () -> Void) {
        guard let server else { return completion() }
        server.stop(isLeaving: isLeaving, completion: completion)
    }

    /// Asks this server, as leader, to change who is in the cluster; whether it does shows in
    /// ``overview``.
    package func change(_ action: ConfigurationChange.Action) {
        server?.change(action)
    }

    /// What tests and the host look at.
    package var overview: ServerOverview? {
        guard let server else { return nil }
        let outlook = server.replica.outlook
        return ServerOverview(
            id: server.id, status: outlook.status, configuration: outlook.configuration,
            isConfigurationCommitted: outlook.isConfigurationCommitted,
            commitIndex: server.replica.core.commitIndex,
            httpAddress: server.front?.address, failure: server.replica.failure)
    }
}

extension Logger {
    /// Says nothing: for servers of which only the behaviour is looked at.
    package static var silent: Logger {
        Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
    }
}

package struct ServerOverview: Sendable {
    package var id: ServerID
    package var status: Status
    package var configuration: Configuration
    package var isConfigurationCommitted: Bool
    package var commitIndex: LogIndex
    package var httpAddress: SocketAddress?
    package var failure: String?

    /// What the server is, in a line for people.
    package var summary: String {
        if let failure { return "out of service: \(failure)" }
        let term = "term \(status.term.number)"
        guard let leader = status.leader else {
            return "no leader, \(term): \(configuration.voterCount) voters are configured"
        }
        if status.role == .leader { return "leader of \(configuration.voterCount) voters, \(term)" }
        return "follower of \(configuration[leader]?.address ?? "\(leader)"), \(term)"
    }
}
