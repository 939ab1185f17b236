// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import Testing

private let start: Int64 = 1_488_844_071_000_000_000
private let second: Int64 = 1_000_000_000
private let leaderView = LeaderView(lastTerm: 5, lastIndex: 1000)

/// A follower that breaks no rule.
private func observation(_ id: String = "b") -> ServerObservation {
    ServerObservation(
        id: id, name: "\(id).global", address: "10.0.0.1:4647", version: "1.0.0",
        serfStatus: .alive, isLeader: false, isVoter: true, lastContact: .milliseconds(20),
        lastTerm: 5, lastIndex: 1000)
}

/// Reads the notation of the scenarios: `a=V* b=N!w4@z1/1.1.0`, as far as health knows of it.
private func servers(_ notation: String) -> [ServerObservation] {
    notation.split(separator: " ").map { text in
        let parts = text.split(separator: "=")
        var server = observation(String(parts[0]))
        let flags = parts[1].prefix { $0 != "@" && $0 != "/" }
        server.isVoter = flags.first == "V"
        for flag in flags.dropFirst() {
            switch flag {
            case "*": server.isLeader = true
            case "!": server.lastContact = .seconds(1)
            case "x": server.serfStatus = .failed
            case "~": server.serfStatus = .left
            case "?": server.serfStatus = .none
            case "l": server.serfStatus = .leaving
            default: break  // Stability and read replicas are the planner's.
            }
        }
        return server
    }
}

extension HealthTracker {
    fileprivate mutating func judge(
        _ servers: [ServerObservation], leader: LeaderView = leaderView, at now: Duration = .zero
    ) -> ClusterHealth {
        let view = ClusterView(
            servers: servers, leader: leader, configuration: AutopilotConfiguration())
        let sinceStart = GoDuration(now).nanoseconds
        return assess(view, at: now, wallClockNanoseconds: start + sinceStart)
    }

    fileprivate mutating func assess(
        _ servers: [ServerObservation], leader: LeaderView = leaderView, at seconds: Int64 = 0
    ) -> OperatorHealth {
        judge(servers, leader: leader, at: .seconds(seconds)).operatorHealth
    }
}

@Suite("Health of one server") struct ServerHealthTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let id: String
        let reason: UnhealthyCode?
        let change: @Sendable (inout ServerObservation, inout LeaderView) -> Void

        var testDescription: String { id }
    }

    static let rows: [Row] = [
        Row(id: "H01 all fine", reason: nil) { _, _ in },
        Row(id: "H02 (derived) at the threshold", reason: nil) { server, _ in
            server.lastContact = .milliseconds(200)
        },
        Row(id: "H03 above the threshold", reason: .lastContact) { server, _ in
            server.lastContact = .milliseconds(200) + .nanoseconds(1)
        },
        Row(id: "H04 never contacted", reason: .neverContacted) { server, _ in
            server.lastContact = nil
        },
        Row(id: "H05 (derived) trailing 250", reason: nil) { server, _ in server.lastIndex = 750 },
        Row(id: "H06 trailing 251", reason: .trailingLogs) { server, _ in server.lastIndex = 749 },
        Row(id: "H07 ahead of the sampled leader", reason: nil) { server, _ in
            server.lastIndex = 1004
        },
        Row(id: "H08 (derived) another last term", reason: .lastTerm) { server, _ in
            server.lastTerm = 4
        },
        Row(id: "a later last term", reason: .lastTerm) { server, _ in server.lastTerm = 6 },
        Row(id: "H09 gossip failed wins", reason: .gossipFailed) { server, _ in
            server.serfStatus = .failed
        },
        Row(id: "H10 gossip left", reason: .gossipLeft) { server, _ in server.serfStatus = .left },
        Row(id: "H11 (derived) unknown to gossip", reason: .gossipUnknown) { server, _ in
            server.serfStatus = .none
        },
        Row(id: "H12 leaving is still healthy", reason: nil) { server, _ in
            server.serfStatus = .leaving
        },
        Row(id: "H13 no leader term known", reason: .noLeaderState) { _, leader in
            leader.lastTerm = 0
        },
        Row(id: "H14 (derived) no leader index known", reason: .noLeaderState) { _, leader in
            leader.lastIndex = 0
        },
        Row(id: "old answers of a frozen server", reason: .lastContact) { server, _ in
            server.lastContact = .seconds(4)
        },
        Row(id: "H15 no sample for more than two updates", reason: .statsStale) { server, _ in
            server.sampleAge = .milliseconds(4100)
        },
        Row(id: "no sample for two updates", reason: nil) { server, _ in
            server.sampleAge = .seconds(4)
        },
        Row(id: "behind with a snapshot on its way", reason: .installingSnapshot) { server, _ in
            server.lastIndex = 0
            server.isReceivingSnapshot = true
        },
        Row(id: "silent with a snapshot on its way", reason: .installingSnapshot) { server, _ in
            server.lastContact = .seconds(3)
            server.isReceivingSnapshot = true
        },
        Row(id: "a snapshot on its way to a server that breaks no rule", reason: nil) { server, _ in
            server.isReceivingSnapshot = true
        },
        Row(id: "failed with a snapshot on its way", reason: .gossipFailed) { server, _ in
            server.serfStatus = .failed
            server.isReceivingSnapshot = true
        },
        Row(id: "silent with a disk that stalls", reason: .diskStall) { server, _ in
            server.lastContact = .seconds(1)
            server.unwrittenFor = .milliseconds(1100)
        },
        Row(id: "silent with a disk that is slow", reason: .lastContact) { server, _ in
            server.lastContact = .seconds(1)
            server.unwrittenFor = .milliseconds(900)
        },
        Row(id: "in touch with a disk that stalls", reason: .diskStall) { server, _ in
            server.unwrittenFor = .milliseconds(1100)
        },
        Row(id: "a disk that stalls and a snapshot", reason: .installingSnapshot) { server, _ in
            server.unwrittenFor = .seconds(3)
            server.isReceivingSnapshot = true
        },
        Row(id: "a disk that is slow", reason: nil) { server, _ in
            server.unwrittenFor = .seconds(1)
        },
        Row(id: "slow timing takes longer for a stall", reason: nil) { server, leader in
            server.unwrittenFor = .seconds(3)
            leader.unwrittenMax = .seconds(5)
        },
        Row(id: "H16 a small index, no underflow", reason: nil) { server, leader in
            server.lastIndex = 0
            leader.lastIndex = 10
        },
        Row(id: "the largest indexes, no overflow", reason: nil) { server, leader in
            server.lastIndex = .max
            leader.lastIndex = .max
        },
        Row(id: "the leader's own contact does not count", reason: nil) { server, _ in
            server.isLeader = true
            server.lastContact = nil
        },
        Row(id: "a contact before now by a clock's grain", reason: nil) { server, _ in
            server.lastContact = .nanoseconds(-1)
        },
    ]

    @Test("The first broken rule is the reason", arguments: rows)
    func reasons(row: Row) throws {
        var server = observation()
        var leader = leaderView
        row.change(&server, &leader)
        var tracker = HealthTracker()

        let health = tracker.judge([server], leader: leader)

        let assessment = try #require(health.servers.first)
        #expect(assessment.reason?.code == row.reason)
        #expect(assessment.health.isHealthy == (row.reason == nil))
        #expect(health.operatorHealth.servers == [assessment.health])
        #expect(assessment.health.lastContact >= .zero)
    }

    @Test("MaxTrailingLogs may be as large as it gets")
    func unboundedTrailing() {
        var server = observation()
        server.lastIndex = 0
        var configuration = AutopilotConfiguration()
        configuration.maxTrailingLogs = .max

        let reason = HealthTracker.unhealthyReason(
            of: server, leader: LeaderView(lastTerm: 5, lastIndex: .max),
            configuration: configuration)

        #expect(reason == nil)
    }

    @Test("What was observed is what is shown")
    func fields() throws {
        var server = observation("c")
        server.isVoter = false
        server.lastIndex = 998
        server.lastContact = .nanoseconds(30_998_722)
        var tracker = HealthTracker()

        let health = try #require(tracker.assess([server]).servers.first)

        #expect(
            health
                == ServerHealth(
                    lastContact: GoDuration(nanoseconds: 30_998_722), id: "c", name: "c.global",
                    address: "10.0.0.1:4647", serfStatus: .alive, version: "1.0.0",
                    isLeader: false, lastTerm: 5, lastIndex: 998, isHealthy: true, isVoter: false,
                    stableSinceUnixNanoseconds: start))
    }

    @Test("A dead server shows the time since its last contact, the leader zero")
    func contacts() {
        var dead = observation("c")
        dead.serfStatus = .failed
        dead.lastContact = .seconds(90)
        var leader = observation("a")
        leader.isLeader = true
        leader.lastContact = .seconds(7)
        var never = observation("d")
        never.lastContact = nil
        var tracker = HealthTracker()

        let shown = tracker.assess([dead, leader, never]).servers.map(\.lastContact.description)

        #expect(shown == ["1m30s", "0s", "0s"])
    }
}

@Suite("Stability") struct StabilityTests {
    @Test("StableSince is the first sighting, then each change of health and nothing else")
    func changes() throws {
        var tracker = HealthTracker()
        var server = observation()
        let contacts: [(Int64, since: Int64)] = [
            (20, 0), (30, 0), (900, 0), (1900, 3), (2900, 3), (10, 5), (20, 5),
        ]

        for (seconds, (contact, since)) in contacts.enumerated() {
            server.lastContact = .milliseconds(contact)
            let health = tracker.assess([server], at: Int64(seconds))
            let shown = try #require(health.servers.first)
            #expect(shown.stableSinceUnixNanoseconds == start + since * second)
        }
    }

    @Test("A sample that is late once flips nobody; one more at the next update does")
    func lateOnce() {
        var tracker = HealthTracker()
        var server = observation()
        let samples: [(at: Int, contact: Int, isHealthy: Bool)] = [
            (0, 20, true), (500, 230, true), (1000, 40, true), (1500, 900, true),
            // Twice within one update is once.
            (1600, 1000, true), (1749, 1149, true), (2000, 1400, false), (2500, 20, true),
        ]
        for sample in samples {
            server.lastContact = .milliseconds(sample.contact)
            let health = tracker.judge([server], at: .milliseconds(sample.at))
            #expect(health.isHealthy == sample.isHealthy, "at \(sample.at) ms")
        }
    }

    @Test("A late server that gossip has failed, or whose log is behind, is unhealthy at once")
    func lateAndWorse() {
        for change: (inout ServerObservation) -> Void in [
            { $0.serfStatus = .failed }, { $0.lastIndex = 7 }, { $0.lastTerm = 4 },
            { $0.lastContact = nil },
        ] {
            var tracker = HealthTracker()
            var server = observation()
            _ = tracker.judge([server])
            server.lastContact = .milliseconds(230)
            change(&server)
            #expect(!tracker.judge([server], at: .milliseconds(500)).isHealthy)
        }
    }

    @Test("A killed server is unhealthy within 1.2 s of its last answer, at an update each 500 ms")
    func killed() {
        for phase in stride(from: 0, to: 500, by: 50) {
            var tracker = HealthTracker()
            var server = observation()
            _ = tracker.judge([server], at: .milliseconds(phase - 500))
            server.lastContact = .milliseconds(phase)
            var at = phase
            while tracker.judge([server], at: .milliseconds(at)).isHealthy {
                at += 500
                server.lastContact = .milliseconds(at)
            }
            #expect(at <= 1200)
        }
    }

    @Test("What was appended within the last update puts nobody behind; what is older does")
    func burst() {
        var tracker = HealthTracker()
        var server = observation()
        var leader = leaderView
        _ = tracker.judge([server], leader: leader)
        leader.lastIndex = 50_000

        let during = tracker.judge([server], leader: leader, at: .milliseconds(500))
        server.lastIndex = 49_750
        let after = tracker.judge([server], leader: leader, at: .milliseconds(1000))
        server.lastIndex = 49_749
        let behind = tracker.judge([server], leader: leader, at: .milliseconds(1500))

        #expect(during.isHealthy && after.isHealthy && !behind.isHealthy)
        #expect(behind.servers.map(\.reason?.code) == [.trailingLogs])
    }

    @Test("X17: a snapshot that takes less than five minutes raises no alarm")
    func grace() {
        var tracker = HealthTracker()
        var server = observation()
        server.lastIndex = 0
        server.isReceivingSnapshot = true
        let graces = [0, 299, 300, 301].map { seconds in
            tracker.judge([server], at: .seconds(seconds)).servers.map(\.isInGrace)
        }

        #expect(graces == [[true], [true], [true], [false]])
        server.isReceivingSnapshot = false
        #expect(tracker.judge([server], at: .seconds(302)).servers.map(\.isInGrace) == [false])
    }

    @Test("An unhealthy server has the observed value and the threshold, as data and in words")
    func values() throws {
        var late = observation()
        late.lastContact = .milliseconds(1300)
        var behind = observation("c")
        behind.lastIndex = 700
        var tracker = HealthTracker()
        let reasons = tracker.judge([late, behind]).servers.compactMap(\.reason)

        #expect(
            reasons == [
                UnhealthyReason(
                    code: .lastContact, observed: .duration(.milliseconds(1300)),
                    threshold: .duration(.milliseconds(200))),
                UnhealthyReason(
                    code: .trailingLogs, observed: .count(300), threshold: .count(250)),
            ])
        #expect(
            reasons.map(\.text) == [
                "its last answer is 1.3s old, above 200ms",
                "its log is 300 entries behind, above 250",
            ])
    }

    @Test("Another reason of the same health is no change")
    func otherReason() throws {
        var tracker = HealthTracker()
        var server = observation()
        server.serfStatus = .failed
        _ = tracker.assess([server])
        server.serfStatus = .left

        let assessment = try #require(tracker.judge([server], at: .seconds(9)).servers.first)

        #expect(assessment.health.stableSinceUnixNanoseconds == start)
        #expect(assessment.stableSince == .zero)
        #expect(assessment.reason?.code == .gossipLeft)
    }

    @Test("A server that went and came back begins anew; the others do not")
    func forgotten() {
        var tracker = HealthTracker()
        _ = tracker.assess([observation("a"), observation("b")])
        _ = tracker.assess([observation("a")], at: 1)

        let health = tracker.assess([observation("a"), observation("b")], at: 2)

        #expect(
            health.servers.map(\.stableSinceUnixNanoseconds) == [start, start + 2 * second])
    }
}

@Suite("Health of the cluster") struct ClusterHealthTests {
    @Test(
        "FailureTolerance is what the scenarios require",
        arguments: [
            ("A01", "a=V* b=V c=V", 1),
            ("A02", "a=V* b=V c=V d=Nw4", 1),
            ("A04", "a=V* b=V c=V d=N!w99", 1),
            ("A05", "a=V* b=V c=V d=N e=N", 1),
            ("A07", "a=V* b=V c=V d=Nw1", 1),
            ("A08", "a=V* b=N", 0),
            ("A10", "a=V b=V c=V d=N", 1),
            ("A11", "a=V* b=V c=V d=Nw0", 1),
            ("A13", "a=V* b=V c=V d=V!", 0),
            ("A14", "a=V* b=V c=V d=V e=V!", 1),
            ("B02", "a=V* b=V c=V d=Vr", 1),
            ("B03", "a=V* b=V c=Vr", 1),
            ("B05", "a=V* b=V c=V r=Nr!", 1),
            ("C01", "a=V*@z1 b=V@z2 c=V@z3 d=N@z1 e=N@z2 f=N@z3", 1),
            ("C03", "a=V*@z1 b=V@z2 c=V@z3 d=N@z2", 1),
            ("C04", "a=V*@z1 b=V!x@z2 c=V@z3 d=N@z1 e=N@z2 f=N@z3", 0),
            ("C06", "a=V*@z1 b=V!x@z2 c=V@z3 g=V@z4 e=V@z2", 1),
            ("C07", "a=V*@z1 b=V!x@z2 c=V@z3 d=N@z1 e=N!x@z2 f=N@z3", 0),
            ("C09", "a=V*@z1 c=V@z3 d=V@z1 b=V@z2 f=N@z3", 1),
            ("C10", "a=V@z1 c=V@z3 d=V*@z1 b=V@z2", 1),
            ("C12", "a=V*@z1 b=V@z1 c=V@z2", 1),
            ("C13", "a=V*@z1 b=V@z2 c=N", 0),
            ("C15", "a=V*@z1 b=V!x@z2 c=V@z3 e=Nw50@z2 g=Nw500@z2", 0),
            ("C16", "a=V*@z1 b=V!x@z2 c=V@z3 d=N@z1 f=N@z3 g=N@z3", 0),
            ("C18", "a=V*@z1 b=V!x@z2 c=V@z3 e=N@z2", 0),
            ("C19", "a=V*@z1 b=V@z2 c=V@z3 d=V@z4 e=V@z5 f=N@z1 g=N@z2 h=N@z3 i=N@z4 j=N@z5", 2),
            ("D01", "a=V* b=V c=V d=N/1.1.0", 1),
            ("D02", "a=V* b=V c=V d=N/1.1.0 e=N/1.1.0", 1),
            ("D04", "a=V* b=V c=V d=N/1.1.0 e=N/1.1.0 f=N/1.1.0", 1),
            ("D05", "a=V* b=V c=V d=V/1.1.0 e=V/1.1.0 f=V/1.1.0", 2),
            ("D07", "a=V* b=N c=N d=V/1.1.0 e=Vw20/1.1.0 f=V/1.1.0", 1),
            ("D08", "a=V b=N c=N d=V*/1.1.0 e=V/1.1.0 f=V/1.1.0", 1),
            ("D10", "d=V*/1.1.0 e=V/1.1.0 f=V/1.1.0", 1),
            ("D11", "a=N b=N d=V*/1.1.0 e=V/1.1.0 f=V/1.1.0", 1),
            ("D13", "a=V* b=V c=V/1.1.0", 1),
            ("D14", "a=V* b=V/1.1.0 c=V/1.1.0", 1),
            ("D16", "a=V* b=V c=V d=N/1.1.0", 1),
            ("D17", "a=V*/1.1.0 b=V/1.1.0 c=V/1.1.0 d=N/1.1.0+ent", 1),
            ("D19", "a=V*/1.1.0 b=V/1.1.0 c=V/1.1.0 d=N/1.0.0", 1),
            ("D20", "a=V*/1.0.0 b=V/1.0.0 c=V/1.0.5 d=N/1.1.0 e=N/1.1.0 f=N/1.1.0", 1),
            ("D22", "a=V* b=V c=V d=N/1.1.0 e=N/1.1.0 f=N/1.1.0 g=N/1.1.0", 1),
            ("D23", "a=V* b=V c=V d=V/1.1.0 e=V/1.1.0 f=V!/1.1.0", 1),
            ("D25", "a=V* b=V c=V d=N/1.1.0 e=N/1.1.0 r=Nr/1.1.0", 1),
            ("D26", "a=N b=N c=N d=V*/1.1.0 e=V!/1.1.0 f=V!/1.1.0", 0),
            ("E02", "a=V*@z1 b=V@z2 c=V@z3 d=N@z1/1.1.0 e=N@z2/1.1.0 f=N@z3/1.1.0", 1),
            (
                "E03",
                "a=V*@z1 b=V@z2 c=V@z3 g=N@z1 h=N@z2 i=N@z3 d=V@z1/1.1.0 e=V@z2/1.1.0 f=V@z3/1.1.0",
                2
            ),
            ("E05", "a=V*@z1 b=V!x@z2 c=V@z3 h=N@z2 d=N@z1/1.1.0", 0),
            ("E06", "a=V*/1 b=V/1 c=V/1 d=N/2 e=N/2 f=N/2", 1),
        ])
    func failureTolerance(id: String, notation: String, expected: Int) {
        var tracker = HealthTracker()

        #expect(tracker.assess(servers(notation)).failureTolerance == expected)
    }

    @Test(
        "The cluster is healthy if every server is, non-voters included",
        arguments: [
            ("a=V*", true, 0), ("a=V* b=V", true, 0), ("a=V* b=V c=V", true, 1),
            ("a=V* b=V c=Vl", true, 1), ("a=V* b=V c=V!", false, 0), ("a=V* b=V c=N", true, 0),
            ("a=V* b=V c=V r=N!", false, 1), ("a=V* b=V! c=V!", false, 0), ("", false, 0),
            ("a=N", true, 0), ("a=V* b=V c=V?", false, 0), ("a=V* b=V c=V~", false, 0),
        ])
    func summary(notation: String, isHealthy: Bool, tolerance: Int) {
        var tracker = HealthTracker()

        let health = tracker.assess(servers(notation))

        #expect(health.isHealthy == isHealthy)
        #expect(health.failureTolerance == tolerance)
    }

    @Test("Servers keep their order; voters are the leader, the healthy, the longest stable, by id")
    func order() {
        var tracker = HealthTracker()
        _ = tracker.assess(servers("e=V f=V"))

        let health = tracker.assess(servers("d=V! c=V b=V f=V n=N e=V l=V*"), at: 5)

        #expect(health.servers.map(\.id) == ["d", "c", "b", "f", "n", "e", "l"])
        #expect(health.voters == ["l", "e", "f", "b", "c", "d"])
        #expect(health.leader == "l")
    }

    @Test("Without a leader there is none to show")
    func noLeader() {
        var tracker = HealthTracker()

        let health = tracker.judge(
            servers("a=V b=V"), leader: LeaderView(lastTerm: 0, lastIndex: 0))

        #expect(health.leader == nil && !health.isHealthy)
        #expect(health.servers.allSatisfy { $0.reason?.code == .noLeaderState })
    }
}
