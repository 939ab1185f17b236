// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
package import MartletRaft
package import MartletStorage
package import MartletTransport

/// What a server is told about itself. Values only; where they come from is the host's affair.
package struct ServerOptions: Sendable {
    /// The node's name; `<name>.<region>` is how its peers show it.
    package var name: String
    package var region: String
    package var datacenter: String
    /// Shown as `Version` and `build`.
    package var version: String
    /// For display only: the server itself opens no file.
    package var dataDirectory: String

    package var httpAddress: SocketAddress
    package var peerAddress: SocketAddress
    package var gossipAddress: SocketAddress
    /// What others are told to connect to; nil for the bound address.
    package var advertisedHTTPAddress: SocketAddress?
    package var advertisedPeerAddress: SocketAddress?
    package var advertisedGossipAddress: SocketAddress?

    /// How many servers found the cluster together; 0 for one that only joins.
    package var bootstrapExpect: Int
    /// A read replica: never voted in.
    package var isNonVoter: Bool
    /// Where this server stands for autopilot's redundancy zones; nil for in none.
    package var redundancyZone: String?
    /// Stands for the software's version in autopilot's custom upgrades; nil for that version.
    package var upgradeVersion: String?
    /// Keys that seal gossip; nil for plaintext. As configured, until operators have changed them:
    /// then those of ``keyringPath``.
    package var keyring: Keyring?
    /// File of the keyring as operators have changed it; nil for a server that keeps it in memory.
    package var keyringPath: String?
    /// File of the members seen, for a server that starts again while nobody that it is told to
    /// join answers; nil for none.
    package var membersPath: String?
    /// Folder for archives on their way, which holds nothing else; nil for a server that has them in
    /// memory.
    package var spoolPath: String?
    /// What that file held at the start.
    package var remembered: MembersFile
    /// Joins again at the start although it had left; otherwise only a configured join leads back.
    package var rejoinAfterLeave: Bool
    /// `host:port` of gossip ports to ask for the cluster, names allowed.
    package var join: [String]
    package var joinInterval: Duration
    /// 0 for "again and again".
    package var joinAttemptsMax: Int

    package var timing: Timing
    package var raftLimits: Limits
    package var raftOptions: Options
    /// The highest peer protocol to speak: what an older version would, for tests of mixed versions.
    package var peerProtocolMax: UInt16
    /// A snapshot is taken when so many entries were applied since the last one…
    package var snapshotEntries: UInt64
    /// …or so many bytes of commands.
    package var snapshotBytes: Int
    /// Committed entries that are applied in one turn of the loop, in bytes; a larger one goes alone.
    package var applyBytes: Int

    /// How long a request waits for a leader before it is told that there is none.
    package var leaderHold: Duration
    package var acl: ACLOptions
    package var httpLimits: HTTPServiceLimits
    /// nil for a server that keeps no audit log.
    package var audit: AuditOptions?
    /// Who watches the log; nil for one that cannot be watched.
    package var logWatch: LogWatch?
    /// Connections to the peer and gossip ports from one address; 0 for no bound but the whole's.
    package var peerConnectionsPerAddressMax: Int
    /// How long a connection may go on without saying who it is.
    package var greetingTimeout: Duration

    package var scheduling: SchedulingOptions

    /// What the first leader writes as the cluster's autopilot configuration.
    package var autopilot: AutopilotConfiguration

    package init(
        name: String, httpAddress: SocketAddress, peerAddress: SocketAddress,
        gossipAddress: SocketAddress
    ) {
        self.name = name
        self.region = "global"
        self.datacenter = "dc1"
        self.version = ServerOptions.softwareVersion
        self.dataDirectory = ""
        self.httpAddress = httpAddress
        self.peerAddress = peerAddress
        self.gossipAddress = gossipAddress
        self.bootstrapExpect = 0
        self.isNonVoter = false
        self.redundancyZone = nil
        self.upgradeVersion = nil
        self.keyring = nil
        self.keyringPath = nil
        self.membersPath = nil
        self.spoolPath = nil
        self.remembered = MembersFile()
        self.rejoinAfterLeave = false
        self.join = []
        self.joinInterval = .seconds(30)
        self.joinAttemptsMax = 0
        self.timing = .scaled(by: 1)
        self.raftLimits = Limits()
        self.raftOptions = Options()
        self.peerProtocolMax = Hello.protocolMax
        self.snapshotEntries = 8192
        self.snapshotBytes = 8 << 20
        self.applyBytes = 256 << 10
        self.leaderHold = .milliseconds(750)
        self.acl = ACLOptions()
        self.httpLimits = HTTPServiceLimits()
        self.audit = nil
        self.logWatch = nil
        self.peerConnectionsPerAddressMax = 100
        self.greetingTimeout = .seconds(5)
        self.scheduling = SchedulingOptions()
        self.autopilot = AutopilotConfiguration()
    }

    /// Scales heartbeat, election timeout and check-quorum. 1 to 10.
    package mutating func setRaftMultiplier(_ multiplier: Int) {
        timing = .scaled(by: multiplier)
    }

    /// Descriptors that this process may have open. Clients get what a reserve for peers, gossip,
    /// stores and files leaves of them.
    package mutating func setDescriptorLimit(_ limit: Int) {
        let reserve = min(Self.descriptorsReserved, limit / 2)
        httpLimits.connectionsMax = max(1, min(httpLimits.connectionsMax, limit - reserve))
    }

    /// ``PeerNetwork``'s 512 sessions, 128 links and 64 calls, as many connections that are being
    /// turned away, and 64 for stores, files, listeners and the loop.
    private static let descriptorsReserved = 1024

    /// `priority`: 0 to 10.
    package mutating func setRaftOptions(leaseReads: Bool, priority: Int) {
        raftOptions.leaseReads = leaseReads
        raftOptions.priority = UInt8(clamping: priority)
    }

    /// The version of this software.
    package static let softwareVersion = "0.1.0"
}

/// Whether, and how, callers are asked who they are.
package struct ACLOptions: Sendable {
    package var isEnabled = false
    /// How long a token that expires may and must live.
    package var expirationMin = GoDuration(nanoseconds: 60_000_000_000)
    package var expirationMax = GoDuration(nanoseconds: 24 * 3_600_000_000_000)
    /// A bootstrap that is reset takes all management tokens away that there are.
    package var resetRevokes = false
    /// The file that lets a bootstrap be done again; nil for none.
    package var bootstrapResetPath: String?

    package init() {}
}

/// Bounds on what clients may hold of a server.
package struct HTTPServiceLimits: Sendable {
    /// Connections from one address; 0 for no bound.
    package var connectionsPerClientMax = 100
    /// Connections in all.
    package var connectionsMax = 20_000
    /// From the first byte of a request to the end of its header.
    package var headerTimeout: Duration = .seconds(10)
    /// From the end of the header to the end of the body.
    package var bodyTimeout: Duration = .seconds(30)
    /// After so long, a body must have come at ``bodyBytesPerSecondMin`` or more.
    package var bodyGrace: Duration = .seconds(10)
    package var bodyBytesPerSecondMin = 128
    /// Bodies that are not complete, all together; beyond, 503 with `Retry-After`.
    package var bodyBytesMax = 128 << 20
    /// A connection between two requests.
    package var idleTimeout: Duration = .seconds(300)
    /// A connection on which no request ever came; and any that is idle, when three quarters of
    /// ``connectionsMax`` are taken.
    package var firstTimeout: Duration = .seconds(30)
    /// How long a client with more than ``queuedBytesMax`` of answers may take to fetch them.
    package var fetchTimeout: Duration = .seconds(60)
    /// Connections beyond a bound that are told so at a time; others are reset.
    package var turnedAwayMax = 256
    /// From the end of the header to the answer: only a disk or a quorum that hangs takes so long.
    package var answerTimeout: Duration = .seconds(60)
    /// Answers that a client does not fetch: no further request of it is read beyond this.
    package var queuedBytesMax = 256 << 10
    /// Requests being worked on in all; beyond, 429 with `Retry-After`.
    package var requestsMax = 16_384
    /// Requests of one address being worked on; beyond, 429 with `Retry-After`.
    package var requestsPerClientMax = 4096
    /// The same of what may take long, such as taking in a whole state: from the end of its body.
    package var longAnswerTimeout: Duration = .seconds(600)
    /// Bodies on their way piece by piece in all; beyond, 503 with `Retry-After`. Each holds some
    /// 512 KiB at most.
    package var streamsMax = 256
    /// Those of one address; beyond, 429 with `Retry-After`.
    package var streamsPerClientMax = 64
    /// The longest `?wait_for_leader`.
    package var leaderHoldMax: Duration = .seconds(30)

    package init() {}
}

/// The world of one server, made on its loop and used nowhere else.
package struct ServerEnvironment {
    package let loop: any Loop
    /// What clients are served on.
    package let httpStreams: any Streams
    /// What servers talk to each other on, gossip's streams included.
    package let peerStreams: any Streams
    package let datagrams: any Datagrams
    package let crypto: any Crypto
    package let compression: any Compression
    package let log: any LogStore
    package let metadata: any MetadataStore
    package let snapshots: any SnapshotStore
    /// Where the files of ``ServerOptions`` are kept; nil for a server that keeps none. Called on a
    /// lane, never on the loop.
    package let files: (any Files)?
    /// Watches the replica's steps; nil in service.
    package var observer: (any ReplicaObserver)?
    /// What else `/v1/metrics` tells; nil for nothing.
    package var meters: (any Meters)?
    /// What writes are told to as they go; nil for nothing.
    package var tracer: (any WriteTracer)?

    package init(
        loop: any Loop, httpStreams: any Streams, peerStreams: any Streams,
        datagrams: any Datagrams, crypto: any Crypto, compression: any Compression,
        log: any LogStore, metadata: any MetadataStore, snapshots: any SnapshotStore,
        files: (any Files)?
    ) {
        self.loop = loop
        self.httpStreams = httpStreams
        self.peerStreams = peerStreams
        self.datagrams = datagrams
        self.crypto = crypto
        self.compression = compression
        self.log = log
        self.metadata = metadata
        self.snapshots = snapshots
        self.files = files
    }
}
