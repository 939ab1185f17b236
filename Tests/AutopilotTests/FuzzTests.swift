// SPDX-License-Identifier: Apache-2.0
import Foundation
import MartletAPI
import MartletAutopilot
import MartletSimulation
import Testing

/// Random clusters, and what must be so of every plan for them, whatever the rules ask for.
///
/// Health, time and gossip stand still while plans are applied: the properties are about the plans.
@Suite("Plans for random clusters") struct FuzzTests {
    /// In debug builds a few seconds; `MARTLET_AUTOPILOT_CLUSTERS=1000000` for the long run.
    static let clusters =
        ProcessInfo.processInfo.environment["MARTLET_AUTOPILOT_CLUSTERS"].flatMap(Int.init)
        ?? 12_000

    /// Tests of their own, so that they run at the same time.
    static let shards: UInt64 = 8

    @Test(
        "Quorum is never lost, the leader keeps its vote, rounds end, and order means nothing",
        arguments: 0..<shards)
    func properties(shard: UInt64) {
        let clusters = Self.clusters / Int(Self.shards)
        var broken: [String] = []
        var acted = 0
        var refused = 0
        var roundsMax = 0
        var rests = 0
        for seed in (0..<UInt64(clusters)).map({ $0 * Self.shards + shard }) {
            var random = SplitMix64(seed: seed)
            let model = ClusterModel.random(using: &random)
            let checked = Checked(model, using: &random)
            acted += checked.plan.actions.isEmpty && checked.plan.removals.isEmpty ? 0 : 1
            refused += checked.plan.refusals.isEmpty ? 0 : 1
            roundsMax = max(roundsMax, checked.rounds)
            rests += checked.rests
            broken += checked.broken.map { "seed \(seed): \($0)" }
            if broken.count > 10 { break }
        }
        #expect(broken == [])
        // Otherwise the clusters would be too dull to show anything.
        #expect(acted > clusters / 3 && refused > clusters / 10 && rests > clusters / 100)
        if Self.clusters > 20_000 {
            print("\(clusters) clusters: \(acted) with work, \(roundsMax) rounds at most")
        }
    }
}

extension SplitMix64 {
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &self)]
    }
}

extension ClusterModel {
    static func random(using random: inout SplitMix64) -> ClusterModel {
        var view = ClusterView(
            servers: [], leader: LeaderView(lastTerm: 5, lastIndex: 1000),
            configuration: .random(using: &random))
        view.leaderUptime = .seconds(random.pick([1, 20, 100_000]))
        view.bootstrapExpect = random.pick([0, 3, 5])
        if random.chance(30) { view.baseline = Int.random(in: 1...5, using: &random) }
        let versions = random.pick([["1.0.0"], ["1.0.0", "1.1.0"], ["1.0.0", "1.1.0", "1.2.0-a"]])
        let zones = random.pick([[""], ["z1", "z2", "z3"], ["z1", "z2"], ["z1", "z2", "z3", ""]])
        let failures = random.pick([0, 10, 40])
        for number in 0..<Int.random(in: 1...11, using: &random) {
            view.servers.append(
                .random(number, versions, zones, failures: failures, using: &random))
        }
        // Somebody leads, most of the time: a voter, and it works.
        if let leader = view.servers.indices.randomElement(using: &random), random.chance(95) {
            view.servers[leader].isLeader = true
            view.servers[leader].isVoter = true
            view.servers[leader].serfStatus = .alive
            view.servers[leader].isReadReplica = random.chance(3)
        }
        for number in 0..<Int.random(in: 0...2, using: &random) {
            view.outsiders.append(.random(number, using: &random))
        }
        return ClusterModel(view, health: .random(of: view, using: &random), at: Notation.now)
    }
}

extension AutopilotConfiguration {
    fileprivate static func random(using random: inout SplitMix64) -> AutopilotConfiguration {
        var configuration = AutopilotConfiguration()
        configuration.cleanupDeadServers = random.chance(70)
        configuration.minQuorum = random.pick([0, 0, 0, 1, 3, 4, 5, .max])
        configuration.serverStabilizationTime = .seconds(random.pick([0, 10, 60]))
        configuration.enableRedundancyZones = random.chance(50)
        configuration.disableUpgradeMigration = random.chance(20)
        configuration.enableCustomUpgrades = random.chance(20)
        return configuration
    }
}

extension ServerObservation {
    fileprivate static func random(
        _ number: Int, _ versions: [String], _ zones: [String], failures: Int,
        using random: inout SplitMix64
    ) -> ServerObservation {
        var server = ServerObservation(
            id: String(UnicodeScalar(UInt8(97 + number))), name: "s\(number).global",
            address: "10.0.0.\(number):4647", version: random.pick(versions), serfStatus: .alive,
            isLeader: false, isVoter: random.chance(60), lastContact: .milliseconds(20),
            lastTerm: 5, lastIndex: UInt64.random(in: 700...1000, using: &random))
        if random.chance(failures) {
            server.serfStatus = random.pick([.failed, .failed, .none, .left])
            server.lastContact = random.pick([nil, .seconds(60), .milliseconds(50)])
        } else if random.chance(5) {
            server.serfStatus = .leaving
        } else if random.chance(failures) {
            server.lastContact = .seconds(5)
            server.isReceivingSnapshot = random.chance(30)
        }
        server.zone = random.pick(zones)
        server.upgradeVersion = random.chance(80) ? random.pick(["1", "2", "2.1"]) : ""
        server.isReadReplica = random.chance(10)
        server.isCaughtUp = random.chance(95)
        server.hasOldProtocol = random.chance(1)
        if random.chance(5) { server.advertisedAddress = "10.0.1.\(number):4647" }
        return server
    }
}

extension OutsiderObservation {
    fileprivate static func random(
        _ number: Int, using random: inout SplitMix64
    ) -> OutsiderObservation {
        OutsiderObservation(
            id: "o\(number)", name: "o\(number).global", address: "10.0.2.\(number):4647",
            serfStatus: random.pick([.alive, .failed, .left]),
            heardAfterRemoval: random.pick([nil, .seconds(1), .seconds(9)]),
            refusal: random.chance(20) ? "an older version" : nil)
    }
}

extension ClusterHealth {
    /// As the tracker judges, each stable for some time.
    fileprivate static func random(
        of view: ClusterView, using random: inout SplitMix64
    ) -> ClusterHealth {
        var tracker = HealthTracker()
        var health = tracker.assess(view, at: Notation.now, wallClockNanoseconds: 0)
        for position in health.servers.indices {
            let age = random.pick([0, 4, 30, 3600])
            health.servers[position].stableSince = Notation.now - .seconds(age)
        }
        return health
    }
}
