// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot

/// Reads the notation of the scenarios, `a=V*@z1 b=V!x@z2/1.1.0 d=Nw4 e=-x`, and `zones=on,
/// MinQuorum=3` beside it.
///
/// `V` voter, `N` non-voter, `-` not in the Raft configuration; `*` leader, `!` unhealthy, `x` failed,
/// `~` left, `?` unknown to gossip, `l` leaving, `r` read replica, `wN` health unchanged for N seconds
/// (an hour if not said), `@z` zone, `/v` version (1.0.0).
struct Notation {
    static let now: Duration = .seconds(1_000_000)

    private(set) var view: ClusterView
    private var assessments: [ServerAssessment] = []

    init(_ servers: String, config: String = "") {
        view = ClusterView(
            servers: [], leader: LeaderView(lastTerm: 5, lastIndex: 1000),
            configuration: AutopilotConfiguration())
        view.leaderUptime = .seconds(100_000)
        for option in config.split(whereSeparator: { $0 == "," || $0 == " " }) { set(option) }
        for text in servers.split(separator: " ") { add(text) }
    }

    var model: ClusterModel {
        ClusterModel(view, health: ClusterHealth(servers: assessments), at: Self.now)
    }

    private mutating func set(_ option: Substring) {
        let parts = option.split(separator: "=")
        let (name, value) = (parts[0], String(parts[1]))
        switch name {
        case "zones": view.configuration.enableRedundancyZones = value == "on"
        case "migration": view.configuration.disableUpgradeMigration = value == "off"
        case "cleanup": view.configuration.cleanupDeadServers = value == "on"
        case "MinQuorum": view.configuration.minQuorum = UInt64(value) ?? 0
        case "stabilization":
            view.configuration.serverStabilizationTime = .seconds(Int32(value) ?? 0)
        case "baseline": view.baseline = Int(value)
        case "expect": view.bootstrapExpect = Int(value) ?? 0
        case "uptime": view.leaderUptime = .seconds(Int(value) ?? 0)
        default: preconditionFailure("no such option: \(name)")
        }
    }

    private mutating func add(_ text: Substring) {
        let parts = text.split(separator: "=", maxSplits: 1)
        let id = String(parts[0])
        let tail = parts[1].split(
            separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let version = tail.count > 1 ? String(tail[1]) : "1.0.0"
        let head = tail[0].split(separator: "@", maxSplits: 1)
        var server = ServerObservation(
            id: id, name: id, address: "10.0.0.1:4647", version: version, serfStatus: .alive,
            isLeader: false, isVoter: head[0].first == "V", lastContact: .milliseconds(20),
            lastTerm: 5, lastIndex: 1000)
        server.zone = head.count > 1 ? String(head[1]) : ""
        server.upgradeVersion = version
        // Short versions are upgrade versions.
        if version.split(separator: ".").count < 3 {
            view.configuration.enableCustomUpgrades = true
        }
        let age = server.read(flags: head[0].dropFirst())
        guard head[0].first != "-" else {
            view.outsiders.append(
                OutsiderObservation(
                    id: id, name: id, address: server.address, serfStatus: server.serfStatus))
            return
        }
        view.servers.append(server)
        assess(server, age: age)
    }

    private mutating func assess(_ server: ServerObservation, age: Int) {
        var tracker = HealthTracker()
        var alone = view
        alone.servers = [server]
        let health = tracker.assess(alone, at: Self.now, wallClockNanoseconds: 0)
        guard var assessment = health.servers.first else { return }
        assessment.stableSince = Self.now - .seconds(age)
        assessments.append(assessment)
    }
}

extension ServerObservation {
    /// - Returns: for how many seconds its health has been what it is.
    fileprivate mutating func read(flags: Substring) -> Int {
        var age = 3600
        var rest = flags
        while let flag = rest.popFirst() {
            switch flag {
            case "*": isLeader = true
            case "!": (lastTerm, lastContact) = (4, .seconds(60))
            case "x": (serfStatus, lastContact) = (.failed, .seconds(60))
            case "~": (serfStatus, lastContact) = (.left, .seconds(60))
            case "?": (serfStatus, lastContact) = (.none, .seconds(60))
            case "l": serfStatus = .leaving
            case "r": isReadReplica = true
            case "w":
                let digits = rest.prefix { $0.isNumber }
                age = Int(digits) ?? age
                rest = rest.dropFirst(digits.count)
            default: preconditionFailure("no such flag: \(flag)")
            }
        }
        return age
    }
}

extension Plan {
    /// The round's actions, as the scenarios write them.
    var spelled: String {
        actions.isEmpty
            ? "none" : actions.map { "\($0.kind.rawValue) \($0.id)" }.joined(separator: "; ")
    }

    func removals(_ kind: PlannedAction.Kind) -> [String] {
        removals.filter { $0.kind == kind }.map(\.id)
    }

    /// `c: min-quorum, e: majority`.
    var refusedRemovals: String {
        refusals.filter { $0.subject == .removal }
            .map { "\($0.id): \($0.reason.rawValue)" }.joined(separator: ", ")
    }
}
