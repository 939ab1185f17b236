// SPDX-License-Identifier: Apache-2.0

package import MartletServer
package import MartletTransport

/// What an agent runs with, after files and flags are merged and checked. A value; the names in
/// files are Nomad's (`docs/operating/configuration.md`).
package struct AgentConfiguration: Equatable, Sendable {
    package enum LogLevel: String, CaseIterable, Sendable {
        case trace, debug, info, warn, error
    }

    package enum StorageBackend: String, CaseIterable, Sendable {
        case lmdb, memory
    }

    /// The three ports of a server.
    package enum Service: String, CaseIterable, Sendable {
        case http, rpc, serf
    }

    /// One text for each service, as written; nil where the file says nothing.
    package struct Hosts: Equatable, Sendable {
        package var http: String?
        package var rpc: String?
        package var serf: String?

        subscript(service: Service) -> String? {
            switch service {
            case .http: http
            case .rpc: rpc
            case .serf: serf
            }
        }
    }

    /// 0 lets the system choose.
    package struct Ports: Equatable, Sendable {
        package var http = 4646
        package var rpc = 4647
        package var serf = 4648

        package subscript(service: Service) -> Int {
            switch service {
            case .http: http
            case .rpc: rpc
            case .serf: serf
            }
        }
    }

    package struct Server: Equatable, Sendable {
        package var isEnabled = false
        /// How many servers start a new cluster together; 0 only joins one.
        package var bootstrapExpect = 0
        /// Gossip ports of other servers, addresses or names, in the order to try them.
        package var retryJoin: [String] = []
        package var retryInterval: Duration = .seconds(30)
        /// 0 tries for ever.
        package var retryMax = 0
        /// Scales heartbeat, election timeout and check-quorum; 1 to 10.
        package var raftMultiplier = 1
        /// Reads at the leader lean on promises instead of a round trip.
        package var raftLeaseReads = false
        /// 0 to 10: with less, others are to lead rather than this server.
        package var raftPriority = 10
        /// Takes part in replication and never votes.
        package var isNonVoting = false
        package var redundancyZone = ""
        package var upgradeVersion = ""
        /// Seals gossip; nil for plaintext.
        package var encrypt: GossipKey?
        /// Joins again at the start although it had left.
        package var rejoinAfterLeave = false
        package var scheduling = SchedulingOptions(workers: 2)
    }

    /// The autopilot configuration that the first leader of a new cluster writes.
    package struct Autopilot: Equatable, Sendable {
        package var cleanupDeadServers = true
        package var lastContactThreshold: Duration = .milliseconds(200)
        package var maxTrailingLogs = 250
        package var minQuorum = 0
        package var serverStabilizationTime: Duration = .seconds(10)
        package var enableRedundancyZones = false
        package var disableUpgradeMigration = false
        package var enableCustomUpgrades = false
    }

    package struct Limits: Equatable, Sendable {
        /// Connections from one address; 0 is no limit.
        package var httpMaxConnectionsPerClient = 100
        package var httpsHandshakeTimeout: Duration = .seconds(5)
        /// Connections from one address; 0 is no limit.
        package var rpcMaxConnectionsPerClient = 100
        package var rpcHandshakeTimeout: Duration = .seconds(5)
        /// How long a request waits for a leader when it does not say so itself.
        package var rpcHoldTimeout: Duration = .milliseconds(750)
        /// Connections to the HTTP API in all.
        package var httpMaxConnections = 20_000
        /// Requests being worked on, in all and of one address; beyond: 429.
        package var httpMaxRequests = 16_384
        package var httpMaxRequestsPerClient = 4096
        /// From the first byte of a request to the end of its header.
        package var httpHeaderTimeout: Duration = .seconds(10)
        /// From there to the end of its body.
        package var httpBodyTimeout: Duration = .seconds(30)
        /// A connection on which no request has begun.
        package var httpIdleTimeout: Duration = .seconds(300)
    }

    /// Nomad's `telemetry` block; its keys of metrics have no effect here.
    package struct Telemetry: Equatable, Sendable {
        /// Absolute: where traces of writes are appended as OTLP in JSON; nil for none.
        package var traceFile: String?
        /// Of so many writes whose client does not trace, one is.
        package var traceOneIn = 1
    }

    /// Not in files: `-dev`. One server on loopback, whose folder may be a temporary one.
    package var isDevelopment = false
    /// Not in files: `-stop-on-eof`. Stops in good order when whoever started this process ends.
    package var stopsWithParent = false
    package var name = ""
    package var region = "global"
    package var datacenter = "dc1"
    /// Absolute; nil only in development and with the memory backend, where the caller makes a
    /// temporary folder.
    package var dataDirectory: String?
    package var bindAddress = "0.0.0.0"
    package var addresses = Hosts()
    package var ports = Ports()
    /// What others are told to connect to: `ip` or `ip:port`.
    package var advertise = Hosts()
    /// Not in files: what others are told instead of "any address"; nil for loopback.
    package var privateAddress: String?
    package var logLevel = LogLevel.info
    package var logJSON = false
    /// Appended to besides standard output; nil for none.
    package var logFile: String?
    package var server = Server()
    package var autopilot = Autopilot()
    package var limits = Limits()
    package var acl = ACL()
    package var tls = TLS()
    package var audit = Audit()
    package var telemetry = Telemetry()
    /// Whether SIGTERM leaves the cluster for good instead of only stopping.
    package var leaveOnTerminate = false
    /// The same for SIGINT.
    package var leaveOnInterrupt = false
    package var storageBackend = StorageBackend.lmdb

    package init() {}

    /// What `-dev` starts from: files and flags are merged over it.
    package static var development: AgentConfiguration {
        var configuration = AgentConfiguration()
        configuration.isDevelopment = true
        configuration.bindAddress = "127.0.0.1"
        configuration.server.isEnabled = true
        configuration.server.bootstrapExpect = 1
        return configuration
    }

    /// Where a service listens.
    ///
    /// - Returns: nil only for a configuration that ``AgentConfiguration/load(arguments:files:hostName:)``
    ///   did not check.
    package func listenAddress(of service: Service) -> SocketAddress? {
        guard let port = UInt16(exactly: ports[service]) else { return nil }
        return SocketAddress(host: addresses[service] ?? bindAddress, port: port)
    }

    /// What others are told: the `advertise` entry, its port from `ports` unless it names one;
    /// otherwise the address the service listens on, and ``privateAddress`` or loopback where that
    /// is "any address".
    ///
    /// - Returns: nil only for a configuration that was not checked.
    package func advertisedAddress(of service: Service) -> SocketAddress? {
        guard let port = UInt16(exactly: ports[service]) else { return nil }
        if let text = advertise[service] {
            return Self.address(text, defaultPort: port)
        }
        switch listenAddress(of: service) {
        case .ipv4(0, port: let port):
            return SocketAddress(host: privateAddress ?? "127.0.0.1", port: port)
        case .ipv6(high: 0, low: 0, port: let port):
            return .ipv6(high: 0, low: 1, port: port)
        case let address:
            return address
        }
    }

    /// `ip` or `ip:port`; no names and no Unix paths.
    static func address(_ text: String, defaultPort: UInt16) -> SocketAddress? {
        if let address = SocketAddress(host: text, port: defaultPort) { return address }
        guard !text.hasPrefix("unix:") else { return nil }
        return SocketAddress(text)
    }

    /// Whether a service listens on every address of the machine, which nobody can connect to.
    func listensEverywhere(_ service: Service) -> Bool {
        switch listenAddress(of: service) {
        case .ipv4(0, _), .ipv6(high: 0, low: 0, _): true
        default: false
        }
    }
}
