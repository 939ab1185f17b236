// SPDX-License-Identifier: Apache-2.0

/// What the doctor saw of a cluster, from outside and as plain values. What nobody told is nil or
/// empty: a server that is half dead is a picture like any other.
struct ClusterPicture {
    var servers: [ServerPicture] = []
    /// Members that live and could not be asked, by name.
    var unasked: [String] = []
    /// Pairs of processes that answered with one id.
    var copies: [(ServerPicture, ServerPicture)] = []
    /// Of the leader, or of whoever had an answer.
    var autopilot: AutopilotPicture?
    /// Ports of the servers, as far as they were tried from here.
    var ports: [PortPicture] = []
    var access = Access.unknown
    /// The region that was asked for; nil for whichever it is.
    var region: String?
    /// This machine's folder and files, where they were given.
    var machine: MachinePicture?

    enum Access {
        case unknown
        /// Tokens are asked for, and ours is good or was not needed.
        case guarded
        /// Nobody is asked for a token.
        case open
        /// A token is asked for, and there is none or it does not do.
        case denied(Denial)
    }

    enum Denial {
        case noToken
        /// It has expired, or never was one of this cluster.
        case unknownToken
        case mayNot
    }

    var answering: [ServerPicture] { servers.filter { $0.failure == nil } }
    /// Those that told what they are, and not only that they are there.
    var telling: [ServerPicture] { answering.filter { !$0.name.isEmpty } }
    var leader: ServerPicture? {
        telling.filter(\.isLeader).max { $0.term < $1.term }
    }
    /// Those that were asked in vain.
    var silent: [ServerPicture] { servers.filter { $0.failure != nil } }

    func isSilent(_ id: String) -> Bool { silent.contains { $0.id == id && !id.isEmpty } }

    /// All that have this name or had it, as anybody knows them.
    func ids(named name: String) -> [String] {
        guard !name.isEmpty, name != Self.nameUnknown else { return [] }
        var ids: [String] = []
        let members = telling.flatMap(\.members).map { (name: $0.name, id: $0.id) }
        let peers = telling.flatMap(\.configuration).map { (name: $0.name, id: $0.id) }
        for known in members + peers where known.name == name && !ids.contains(known.id) {
            ids.append(known.id)
        }
        return ids
    }

    private static let nameUnknown = "(unknown)"

    /// Whether a server that runs has this one's name: it was started with another data folder.
    func isReplaced(_ id: String, named name: String) -> Bool {
        ids(named: name).contains { $0 != id && isThere($0) }
    }

    /// Seen alive by anybody who answers.
    func isSeenAlive(_ id: String) -> Bool {
        telling.contains { viewer in
            viewer.members.contains { $0.id == id && $0.status == "alive" }
        }
    }

    /// Whether its process runs and does its work, as far as can be seen. The leader knows best. Gossip
    /// takes seconds to miss one that is gone, so for one that was asked in vain its peer port
    /// decides, unless packets to that are lost as well: then it is the way from here.
    func isThere(_ id: String) -> Bool {
        let server = servers.first { $0.id == id }
        if let server, server.failure == nil { return true }
        if let contact = leader?.contacts.first(where: { $0.id == id }),
            (0..<Self.contactMilliseconds).contains(contact.milliseconds)
        {
            return true
        }
        let port = ports.first { $0.id == id && $0.kind == "rpc" }
        if let server, let port {
            if port.failure == nil, server.isHanging { return false }
            if port.failure?.contains("refused") == true { return false }
        }
        return isSeenAlive(id)
    }

    /// One whom nobody who answers has met, and whose peer port takes connections all the same.
    func isUnheard(_ id: String) -> Bool {
        ports.contains { $0.id == id && $0.isOnlyConfigured && $0.failure == nil }
    }

    private static let contactMilliseconds = 1000.0
}

/// One server that was asked.
struct ServerPicture {
    /// As it was asked: a URL.
    var address: String
    var isSecured = false
    /// Reached over this machine's own loopback or a socket of it.
    var isLocal = false
    /// For asking again.
    var place: ServerAddress?
    /// Why there was no answer; nil if there was one.
    var failure: String?
    /// What to try then; may be empty.
    var hint = ""
    /// It takes connections, and says nothing.
    var isHanging = false
    /// What answers says nothing of a server: it refuses, or it is something else.
    var isStrange = false
    /// What was known of it before it was asked, and then what it says itself; empty without either.
    var name = ""
    var id = ""
    var gossipAddress = ""
    var version = ""
    /// How far its wall clock is ahead of ours, in seconds: between these, for a header says whole
    /// seconds and the answer took its time.
    var clock: ClosedRange<Double>?
    /// A later answer bore an earlier date.
    var clockWentBack = false
    var isLeader = false
    var term: UInt64 = 0
    var cluster = ""
    var epoch = ""
    var isRecovering = false
    var isGossipSealed = false
    var members: [MemberPicture] = []
    /// Its newest Raft configuration.
    var configuration: [PeerPicture] = []
    /// Its metrics; empty where they were not told.
    var gauges: [String: Double] = [:]
    /// Milliseconds of the syncs of the last minutes; nil without any, and where none are told of.
    var sync: (mean: Double, max: Double)?
    /// Milliseconds of a sync on average since it started; nil without any.
    var syncSinceStart: Double?
    /// On the leader: milliseconds since it heard of these; below zero for never.
    var contacts: [(id: String, name: String, milliseconds: Double)] = []

    /// Takes what it says the second time, and keeps who it is.
    mutating func update(_ later: ServerPicture) {
        let former = self
        self = later
        if name.isEmpty { name = former.name }
        if id.isEmpty { id = former.id }
        if gossipAddress.isEmpty { gossipAddress = former.gossipAddress }
        clockWentBack = clockWentBack || former.clockWentBack
    }

    /// Of two that say the same id.
    func isOtherProcess(than other: ServerPicture) -> Bool {
        !gossipAddress.isEmpty && !other.gossipAddress.isEmpty
            && (name != other.name || gossipAddress != other.gossipAddress)
    }

    func isSet(_ gauge: String) -> Bool { (gauges[gauge] ?? 0) > 0 }

    var isDiskFull: Bool { isSet("nomad.raft.disk_full") }

    /// Its own disk keeps it from answering the leader.
    var isHeldByDisk: Bool {
        isDiskFull || isSet("nomad.raft.disk_stalled") || isSet("nomad.raft.storage_failed")
    }

    /// Milliseconds of a sync on average, of late if there were any.
    var syncMean: Double? { sync?.mean ?? syncSinceStart }

    /// As findings name it.
    var label: String { name.isEmpty ? address : name }
}

/// A member of the pool, as one server sees it.
struct MemberPicture {
    var name: String
    var id: String
    var status: String
    var version = ""
    var protocolMin: UInt64 = 1
    var protocolMax: UInt64 = 1
    /// Where it is reached, as far as it tells.
    var httpAddress = ""
    var peerAddress = ""
    var gossipAddress = ""
}

/// A server of the Raft configuration.
struct PeerPicture {
    var id: String
    var name: String
    var address: String
    var isVoter: Bool

    /// As findings name it.
    var label: String { name.isEmpty ? address : name }
}

struct AutopilotPicture {
    var failureTolerance = 0
    /// Those that are not healthy, and why.
    var unhealthy: [(id: String, name: String, reason: String)] = []
    var refused: [String] = []
    var warnings: [(code: String, text: String)] = []
    /// Healthy voters of each zone that a server is in.
    var zones: [(zone: String, voters: Int)] = []
}

/// A port that was tried from here.
struct PortPicture {
    /// Name and id of whose it is.
    var server: String
    var id = ""
    /// Only a Raft configuration tells of it; nobody who answered has met that server.
    var isOnlyConfigured = false
    /// `rpc` or `serf`.
    var kind: String
    var address: String
    /// Why there was no connection; nil if there was one.
    var failure: String?
}

/// What is on this machine.
struct MachinePicture {
    var folder: String?
    /// Milliseconds that it took to make a few bytes durable there, each time.
    var syncs: [Double] = []
    /// Why that could not be tried.
    var syncFailure: String?
    var space: (freeBytes: UInt64, totalBytes: UInt64)?
    /// Files with secrets that everybody on the machine may read.
    var exposed: [String] = []
    /// Of the configuration files, where some were given.
    var problems: [String] = []
    var warnings: [String] = []
    var hasConfiguration = false
    var certificates: [CertificatePicture] = []
}

/// A certificate in a file.
struct CertificatePicture {
    enum Use {
        case server
        case authority
    }

    var path: String
    var use: Use
    /// Why it cannot be read; nil if it can.
    var failure: String?
    /// Until it ends; below zero once it has.
    var secondsLeft: Int64 = 0
    var isValidYet = true
    /// nil if it has the name that servers are known by, else that name.
    var missingName: String?
    /// Others are checked for that name.
    var isNameChecked = false
    /// One of the authorities that are given has made it.
    var hasIssuer = true
}
