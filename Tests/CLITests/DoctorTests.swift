// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletCLI

/// Clusters that are made up, and what the doctor says of them.
@Suite("The doctor judges") struct DoctorTests {
    // MARK: Made-up clusters

    private static let ids = ["a", "b", "c", "d", "e"]

    private static func members(_ count: Int, dead: [Int] = []) -> [MemberPicture] {
        (0..<count).map { place in
            var member = MemberPicture(
                name: "s\(place + 1)", id: ids[place],
                status: dead.contains(place) ? "failed" : "alive")
            member.version = "1.0.0"
            return member
        }
    }

    /// A healthy cluster on several machines; the first server leads.
    private static func cluster(_ count: Int, dead: [Int] = []) -> ClusterPicture {
        var picture = ClusterPicture()
        picture.access = .guarded
        for place in 0..<count {
            var server = ServerPicture(address: "https://10.0.0.\(place + 1):4646")
            server.isSecured = true
            server.name = "s\(place + 1)"
            server.id = ids[place]
            let isDead = dead.contains(place)
            server.failure = isDead ? "\(server.address): connection refused" : nil
            server.isLeader = place == 0 && !isDead
            server.term = 4
            server.cluster = "X"
            server.epoch = "0"
            server.isGossipSealed = true
            server.clock = -0.2...0.9
            server.sync = (4, 9)
            server.members = members(count, dead: dead)
            server.configuration = ids[..<count].enumerated().map {
                PeerPicture(
                    id: $1, name: "s\($0 + 1)", address: "10.0.0.\($0 + 1):4647", isVoter: true)
            }
            picture.servers.append(server)
        }
        if !dead.contains(0) {
            picture.autopilot = AutopilotPicture()
            picture.autopilot?.failureTolerance = (count - 1) / 2 - dead.count
        }
        return picture
    }

    private func text(_ picture: ClusterPicture) -> String {
        Examination(picture: picture).diagnosis().text(.none)
    }

    /// The findings that are not fine, as `level area: text`.
    private func complaints(_ picture: ClusterPicture) -> [String] {
        Examination(picture: picture).diagnosis().findings.filter { $0.level != .fine }
            .map { "\($0.level.word) \($0.area): \($0.text)" }
    }

    private func changed(
        _ count: Int = 3, _ change: (inout ClusterPicture) -> Void
    ) -> ClusterPicture {
        var picture = Self.cluster(count)
        change(&picture)
        return picture
    }

    // MARK: Whole outputs

    @Test("Nothing is wrong")
    func healthy() {
        #expect(
            text(Self.cluster(3)) == """
                ok        quorum     s1 leads, the quorum is 2 of 3 voters: 1 more may fail
                ok        answers    all 3 servers answer
                ok        access     tokens are asked for
                ok        autopilot  all servers are healthy
                ok        contact    the servers see each other, and the leader hears of all
                ok        versions   3 servers: 1.0.0
                ok        clocks     3 clocks: like this machine's, to about a second
                ok        disks      3 disks: a sync takes 4.0 ms or less, on average
                ok        gossip     sealed on every server
                ok        tls        3 servers: the certificate is good

                3 of 3 servers answered: 0 critical, 0 warnings, 10 ok.

                """)
        #expect(Examination(picture: Self.cluster(3)).diagnosis().exitCode == .fine)
    }

    @Test("A lost quorum comes first, with both ways out")
    func lostQuorum() {
        let picture = Self.cluster(3, dead: [0, 2])
        #expect(
            text(picture) == """
                critical  quorum    QUORUM IS LOST: 1 of 3 voters are there with their data, 2 are needed: nothing can be written
                                    -> start 1 of s1, s3. If they are lost for good: stop all servers, then martlet operator raft recover -dry-run -data-dir DIR on one that is left
                critical  answers   s1 does not answer: https://10.0.0.1:4646: connection refused
                                    -> on its machine: systemctl start martlet; journalctl -u martlet -n 50
                critical  answers   s3 does not answer: https://10.0.0.3:4646: connection refused
                                    -> on its machine: systemctl start martlet; journalctl -u martlet -n 50
                ok        access    tokens are asked for
                ok        versions  1 server: 1.0.0
                ok        clocks    1 clock: like this machine's, to about a second
                ok        disks     1 disk: a sync takes 4.0 ms or less, on average
                ok        gossip    sealed on every server
                ok        tls       1 server: the certificate is good

                1 of 3 servers answered: 3 critical, 0 warnings, 6 ok.

                """)
        #expect(Examination(picture: picture).diagnosis().exitCode == .refused)
    }

    @Test("One of three is down: the next failure stops it")
    func oneDown() {
        let complaints = complaints(Self.cluster(3, dead: [2]))
        #expect(
            complaints == [
                "critical answers: s3 does not answer: https://10.0.0.3:4646: connection refused",
                "warning quorum: s1 leads, the quorum is 2 of 3 voters: one more failure stops all writes",
            ])
    }

    @Test("Nobody answers")
    func nobody() {
        let picture = Self.cluster(2, dead: [0, 1])
        #expect(Examination(picture: picture).diagnosis().exitCode == .unable)
        #expect(complaints(picture).count == 2)
    }

    // MARK: Rows

    @Test("A server that hangs is not there, whatever gossip still believes")
    func hanging() {
        var picture = Self.cluster(3)
        picture.autopilot = nil
        for place in [0, 1] {
            picture.servers[place].failure = "x: no answer in time"
            picture.servers[place].isHanging = true
            picture.servers[place].isLeader = false
        }
        picture.ports = [
            PortPicture(server: "s1", id: "a", kind: "rpc", address: "10.0.0.1:4647", failure: nil),
            PortPicture(server: "s2", id: "b", kind: "rpc", address: "10.0.0.2:4647", failure: nil),
        ]
        let complaints = complaints(picture)
        #expect(complaints[0].contains("QUORUM IS LOST: 1 of 3"))
        #expect(complaints[1].contains("it hangs, or packets to it are lost"))
    }

    @Test("Servers behind a firewall are there, as the leader and gossip tell")
    func firewall() {
        var picture = Self.cluster(3)
        for place in [1, 2] {
            picture.servers[place].failure = "x: no answer in time"
            picture.servers[place].isHanging = true
            picture.ports.append(
                PortPicture(
                    server: "s\(place + 1)", id: Self.ids[place], kind: "rpc", address: "x",
                    failure: "timed out"))
        }
        #expect(complaints(picture).allSatisfy { $0.hasPrefix("warning answers") })
        picture.servers[0].isLeader = false
        picture.autopilot = nil
        #expect(complaints(picture)[0].contains("nobody leads, although 3 of 3"))
        for place in [0, 1] { picture.ports[place].failure = "connection refused" }
        #expect(complaints(picture)[0].contains("QUORUM IS LOST"))
        picture.servers[0].isLeader = true
        picture.servers[0].contacts = [("b", "s2", 20), ("c", "s3", 20)]
        #expect(complaints(picture).allSatisfy { $0.hasPrefix("warning answers") })
    }

    @Test("An HTTP address that is only wrong is a warning, and its server counts")
    func wrongAddress() {
        var picture = Self.cluster(3)
        picture.servers[1].failure = "x: connection refused"
        picture.ports = [
            PortPicture(
                server: "s2", id: "b", kind: "rpc", address: "10.0.0.2:4647", failure: nil)
        ]
        let complaints = complaints(picture)
        #expect(complaints.count == 1)
        #expect(complaints[0].hasPrefix("warning answers"))
    }

    @Test("Voters: too few, an even number, none known, an election")
    func voters() {
        #expect(
            complaints(Self.cluster(1))[0].contains("the failure of one voter stops all writes"))
        #expect(
            complaints(Self.cluster(4))
                == ["warning quorum: 4 voters survive no more failures than 3"])
        let warned = changed(4) {
            $0.autopilot?.warnings = [
                ("even-voters", "4 voters tolerate no more failures than 3 would")
            ]
        }
        #expect(complaints(warned).count == 1)
        let founding = changed {
            $0.autopilot = nil
            for place in 0..<3 {
                $0.servers[place].isLeader = false
                $0.servers[place].configuration = []
            }
        }
        #expect(complaints(founding)[0].contains("no server knows of any voter"))
        let election = changed {
            $0.autopilot = nil
            $0.servers[0].isLeader = false
        }
        #expect(complaints(election)[0].contains("although 3 of 3 voters are there"))
    }

    @Test("Two who believe to lead")
    func rivals() {
        let picture = changed {
            $0.servers[2].isLeader = true
            $0.servers[2].term = 5
        }
        #expect(complaints(picture)[0].contains("s1 still believes to lead; s3 leads"))
    }

    @Test("A zone that holds the majority", arguments: [(2, 1, true), (1, 1, false)])
    func zones(first: Int, second: Int, isBad: Bool) {
        let picture = changed {
            $0.autopilot?.zones = [("z1", first), ("z2", second), ("z3", 3 - first - second)]
        }
        #expect(complaints(picture).contains { $0.contains("zone z1 has 2 of 3") } == isBad)
    }

    @Test("Who was taken out is named where voters are missing")
    func takenOut() {
        func missing(_ status: String) -> String {
            text(
                changed {
                    $0.autopilot?.warnings = [
                        ("fewer-voters-than-expected", "3 voters, and the cluster was made for 5")
                    ]
                    for place in 0..<3 {
                        var gone = MemberPicture(name: "s4", id: "d", status: status)
                        gone.version = "1.0.0"
                        $0.servers[place].members.append(gone)
                    }
                })
        }
        #expect(missing("left").contains("s4 left, or was taken out"), "\(missing("left"))")
        #expect(missing("alive").contains("a server with retry_join"))
    }

    @Test("A dead zone: what helps is a server there", arguments: [1, 2])
    func deadZone(others: Int) {
        let picture = changed {
            $0.autopilot?.zones = [("z1", others), ("z2", 1), ("z3", 0)]
            $0.autopilot?.failureTolerance = 0
        }
        let loss = others == 2 ? "zone z1 has 2 of 3 voters" : "no healthy server votes in z3"
        #expect(text(picture).contains(loss), "\(text(picture))")
        #expect(text(picture).contains("bring a server of z3 back"))
        #expect(!text(picture).contains("any one of them may fail"))
    }

    @Test("A voter that lost its data cannot vote: with it there is no quorum")
    func recovering() {
        let picture = changed(2) {
            $0.autopilot = nil
            $0.servers[0].isLeader = false
            $0.servers[1].isRecovering = true
        }
        #expect(complaints(picture)[0].contains("QUORUM IS LOST: 1 of 2 voters"))
    }

    @Test("Certificates that the servers tell of")
    func expiries() {
        let picture = changed {
            $0.servers[0].gauges["nomad.agent.tls.cert_expiry_seconds"] = 86_400 * 12
            $0.servers[1].gauges["nomad.agent.tls.cert_expiry_seconds"] = -1
            $0.servers[2].gauges["nomad.agent.tls.ca_expiry_seconds"] = 86_400 * 100
        }
        #expect(
            complaints(picture) == [
                "critical tls: the certificate of s2 has expired: new connections to it fail",
                "warning tls: the certificate of s1 expires in 12 days",
            ])
        let authority = changed {
            $0.servers[0].gauges["nomad.agent.tls.ca_expiry_seconds"] = 86_400
        }
        #expect(text(authority).contains("martlet tls ca create"))
    }

    @Test(
        "Clocks, in seconds",
        arguments: [
            (0.2...0.9, ""),
            (1.4...2.5, "warning clocks: the clock of s2 is 1 s ahead of this machine's"),
            (-41.2...(-40.1), "critical clocks: the clock of s2 is 40 s behind this machine's"),
        ])
    func clocks(clock: ClosedRange<Double>, complaint: String) {
        let picture = changed { $0.servers[1].clock = clock }
        #expect(complaints(picture) == (complaint.isEmpty ? [] : [complaint]))
    }

    @Test("Where all others agree, it is this machine's clock")
    func ownClock() {
        let picture = changed {
            for place in 0..<3 { $0.servers[place].clock = 99.5...100.5 }
        }
        #expect(
            complaints(picture)
                == ["warning clocks: this machine's clock is 100 s behind all servers, which agree"]
        )
        #expect(
            complaints(changed { $0.servers[0].clockWentBack = true })[0].contains("went back"))
    }

    @Test("What was switched off is named, as the leader has it")
    func switchedOff() {
        let picture = changed {
            for gauge in ["broker_paused", "registration_rejected"] {
                $0.servers[0].gauges["nomad.nomad.state.\(gauge)"] = 1
            }
        }
        let found = complaints(picture)
        #expect(found.count == 2)
        #expect(found[0].hasPrefix("warning scheduling: the evaluation broker is paused"))
        #expect(found[1].hasPrefix("warning scheduling: jobs are refused"))
        #expect(text(picture).contains("set-config -pause-eval-broker=false"))
        let old = changed { $0.servers[1].gauges["nomad.nomad.state.broker_paused"] = 1 }
        #expect(complaints(old).isEmpty)
    }

    @Test("Disks: full, stalled, failed, slow")
    func disks() {
        for (gauge, text) in [
            ("disk_full", "is full"), ("disk_stalled", "does not answer"),
            ("storage_failed", "out of service"),
        ] {
            let picture = changed { $0.servers[1].gauges["nomad.raft.\(gauge)"] = 1 }
            #expect(complaints(picture).count == 1)
            #expect(complaints(picture)[0].contains(text))
        }
        let full = changed {
            $0.servers[1].gauges["nomad.raft.disk_full"] = 1
            $0.servers[1].gauges["nomad.raft.disk_stalled"] = 1
            $0.servers[0].contacts = [(id: $0.servers[1].id, name: "s2", milliseconds: -1)]
        }
        #expect(
            complaints(full) == ["critical disks: the disk of s2 is full"],
            "what it keeps it from is no finding of its own")
        let unaudited = changed { $0.servers[2].gauges["nomad.audit.failing"] = 1 }
        #expect(complaints(unaudited).count == 1)
        #expect(complaints(unaudited)[0].hasPrefix("critical disks: the audit log of s3 cannot"))
        let unsaved = changed {
            $0.servers[2].gauges["nomad.raft.last_index"] = 90_000
            $0.servers[2].gauges["nomad.raft.snapshot_index"] = 8_192
        }
        #expect(complaints(unsaved)[0].contains("s3 has made no snapshot for 81808 entries"))
        let slow = changed { $0.servers[1].sync = (61.4, 240) }
        #expect(complaints(slow)[0].hasPrefix("warning disks: a sync on s2 takes 61 ms"))
        let dying = changed { $0.servers[1].sync = (3500, 9000) }
        #expect(complaints(dying)[0].hasPrefix("critical disks"))
        let finding = Examination(picture: dying).diagnosis().findings.first { $0.area == "disks" }
        #expect(finding?.fix.contains("raft_multiplier = 5") == true)
    }

    @Test("A disk is judged by what it does now; by all it did where nothing was written of late")
    func recentSyncs() {
        func judged(_ recent: (Double, Double)?, sinceStart: Double) -> [String] {
            complaints(
                changed {
                    $0.servers[1].sync = recent.map { (mean: $0.0, max: $0.1) }
                    $0.servers[1].syncSinceStart = sinceStart
                })
        }
        #expect(judged((3, 9), sinceStart: 90).isEmpty, "it was slow, and is not any more")
        #expect(judged((400, 900), sinceStart: 4)[0].contains("a sync on s2 takes 400 ms"))
        #expect(judged((4, 1900), sinceStart: 4)[0].contains("at worst 1900 ms"))
        #expect(judged(nil, sinceStart: 4).isEmpty)
        #expect(judged(nil, sinceStart: 90)[0].contains("a sync on s2 takes 90 ms"))
    }

    @Test("An upgrade half done, and protocols that do not meet")
    func versions() {
        let mixed = changed { picture in
            for place in 0..<3 { picture.servers[place].members[1].version = "1.1.0" }
        }
        #expect(
            complaints(mixed)
                == ["warning versions: an upgrade is half done: 1.0.0 (s1, s3), 1.1.0 (s2)"])
        let apart = changed { picture in
            for place in 0..<3 { picture.servers[place].members[1].protocolMin = 3 }
        }
        #expect(complaints(apart)[0].hasPrefix("critical versions: some servers speak no protocol"))
    }

    /// What is typed as it stands holds nothing of a server's but an address.
    @Test(
        "A connection to try is named by its address",
        arguments: [
            ("10.0.0.9:7031", "nc -vz 10.0.0.9 7031 "), ("[fe80::1]:1", "nc -vz fe80::1 1 "),
            ("unix:/$(reboot)", "nc -vz 10.0.0.3 4647 "),
            ("$(reboot):4647", "nc -vz 10.0.0.3 4647 "), ("", "nc -vz 10.0.0.3 4647 "),
        ])
    func trials(address: String, command: String) {
        let late = changed { picture in
            picture.servers[0].contacts = [("c", "s3", 4100)]
            for place in 0..<3 { picture.servers[place].members[2].peerAddress = address }
        }
        #expect(text(late).contains("-> \(command)on the leader's machine"))
    }

    @Test("Contacts, views of the pool and ports")
    func network() {
        let late = changed { $0.servers[0].contacts = [("b", "s2", 12), ("c", "s3", 4100)] }
        #expect(complaints(late) == ["warning contact: the leader has not heard from s3 for 4 s"])
        let partial = changed { $0.servers[1].members[2].status = "failed" }
        #expect(complaints(partial) == ["warning contact: s2 alone sees s3 as failed"])
        let closed = changed {
            $0.ports = [
                PortPicture(
                    server: "s2", id: "b", kind: "serf", address: "h:1", failure: "refused")
            ]
        }
        #expect(
            complaints(closed)
                == [
                    "warning ports: the gossip port of s2, h:1, cannot be reached from here: refused"
                ])
    }

    // MARK: A name that two have

    /// s3 was started again with an empty folder: it is d now, and c is nowhere.
    private func renewed(
        _ status: String, _ change: (inout ClusterPicture) -> Void = { _ in }
    ) -> ClusterPicture {
        changed { picture in
            var anew = picture.servers[2]
            anew.id = "d"
            picture.servers[2] = anew
            for place in 0..<3 {
                picture.servers[place].members[2].status = status
                picture.servers[place].members.append(
                    MemberPicture(name: "s3", id: "d", status: "alive", version: "1.0.0"))
            }
            change(&picture)
        }
    }

    @Test("A member that is gone is not started where another server has its name")
    func replaced() {
        let failed = renewed("failed")
        #expect(
            complaints(failed) == [
                "warning contact: all who answer see s3 as failed (it is c; another server runs "
                    + "under its name, with other data)"
            ])
        #expect(text(failed).contains("-> martlet server force-leave c\n"))
        #expect(!text(failed).contains("start it"))
        let left = renewed("left")
        #expect(text(left).contains("-> martlet operator raft remove-peer -peer-id c\n"))
        let silent = renewed("alive") { $0.servers[0].contacts = [("c", "s3", 4100)] }
        #expect(
            text(silent).contains(
                "-> wait ten seconds and ask again; then martlet server force-leave c\n"))
        #expect(!text(silent).contains("nc -vz"))
        let gone = renewed("left") { picture in
            for place in 0..<3 { picture.servers[place].configuration.removeLast() }
        }
        #expect(!text(gone).contains("force-leave"), "out of the configuration it is no matter")
    }

    @Test("A lost quorum is not brought back by starting a server that runs")
    func replacedWithoutQuorum() {
        let picture = renewed("failed") { picture in
            picture.autopilot = nil
            picture.servers[0].isLeader = false
            picture.servers[1].failure = "x: connection refused"
            for place in [0, 2] { picture.servers[place].members[1].status = "failed" }
        }
        #expect(complaints(picture)[0].contains("QUORUM IS LOST: 1 of 3"))
        #expect(
            text(picture).contains(
                "-> start s2; s3 runs, with other data than it had: stop it, and start it with "
                    + "its former data_dir, if that is left. If they are lost"))
        #expect(!text(picture).contains("force-leave"), "with its data it would count again")
    }

    @Test("Who is told to leave is named as it may be typed")
    func typed() {
        for (name, told) in [("s3", "s3"), ("$(reboot)", "NODE"), ("-x", "NODE")] {
            let picture = changed { picture in
                for place in 0..<3 {
                    picture.servers[place].members[2].name = name
                    picture.servers[place].members[2].status = "failed"
                    picture.servers[place].configuration[2].name = name
                }
            }
            #expect(text(picture).contains("martlet server force-leave \(told)\n"))
        }
    }

    @Test("Who is cut off, or was taken out while it was away, is no proof of a lost quorum")
    func cutOff() {
        func alone(_ failure: String?) -> ClusterPicture {
            changed { picture in
                picture.autopilot = nil
                picture.servers = [picture.servers[2]]
                picture.servers[0].members = [
                    MemberPicture(name: "s3", id: "c", status: "alive", version: "1.0.0")
                ]
                for place in 0..<2 {
                    var port = PortPicture(
                        server: "s\(place + 1)", id: Self.ids[place], kind: "rpc",
                        address: "10.0.0.\(place + 1):4647", failure: failure)
                    port.isOnlyConfigured = true
                    picture.ports.append(port)
                }
            }
        }
        #expect(
            complaints(alone(nil)) == [
                "critical quorum: nobody leads here, and s1, s2 could not be asked, but take connections "
                    + "at 10.0.0.1:4647, 10.0.0.2:4647: the cluster may be well without s3"
            ])
        #expect(!text(alone(nil)).contains("raft recover"))
        #expect(complaints(alone("connection refused"))[0].contains("QUORUM IS LOST: 1 of 3"))
        #expect(
            complaints(alone("connection refused")).count == 1, "the port is no finding of its own")
    }

    @Test("Another region than was asked for")
    func region() {
        let picture = changed { picture in
            picture.region = "eu"
            for place in 0..<3 { picture.servers[place].name += ".global" }
        }
        #expect(
            complaints(picture) == [
                "critical answers: no server of region eu was asked: s1.global, s2.global, s3.global answered"
            ])
        #expect(
            complaints(
                changed { picture in
                    picture.region = "global"
                    for place in 0..<3 { picture.servers[place].name += ".global" }
                }) == [])
    }

    @Test("Two processes that answer with one id")
    func copies() {
        var one = ServerPicture(address: "http://h1:1")
        one.name = "s2"
        one.gossipAddress = "h1:4648"
        var other = one
        other.address = "http://h2:1"
        #expect(!one.isOtherProcess(than: other), "by another of its addresses")
        other.name = "s8"
        #expect(one.isOtherProcess(than: other))
        other.name = "s2"
        other.gossipAddress = "h2:4648"
        #expect(one.isOtherProcess(than: other))
        let picture = changed { $0.copies = [(one, other)] }
        #expect(
            complaints(picture) == [
                "critical kinship: s2 at http://h1:1 and s2 at http://h2:1 run with one id: one has a "
                    + "copy of the other's data"
            ])
    }

    @Test("Servers of another cluster, or of an older life")
    func kinship() {
        let foreign = changed { $0.servers[2].cluster = "Y" }
        #expect(complaints(foreign)[0].contains("different clusters: X (s1, s2), Y (s3)"))
        let two = changed {
            $0.servers[2].cluster = "Y"
            $0.servers[2].isLeader = true
            $0.servers[2].term = 3
        }
        #expect(!text(two).contains("still believes to lead"), "each leads its own")
        let older = changed { $0.servers[0].epoch = "1-8a91f03c" }
        #expect(complaints(older)[0].contains("missed a recovery"))
    }

    @Test("What others may read")
    func security() {
        let open = changed {
            $0.access = .open
            for place in 0..<3 {
                $0.servers[place].isSecured = false
                $0.servers[place].isGossipSealed = place == 0
            }
        }
        #expect(
            complaints(open) == [
                "warning access: nobody is asked for a token: whoever reaches the HTTP port is an operator",
                "warning gossip: gossip is not sealed on s2, s3",
                "warning tls: HTTP without TLS on s1, s2, s3: tokens pass in the open",
            ])
        let here = changed {
            $0.access = .open
            for place in 0..<3 {
                $0.servers[place].isLocal = true
                $0.servers[place].isSecured = false
                $0.servers[place].isGossipSealed = false
            }
        }
        #expect(complaints(here) == [])
    }

    @Test("Certificates, by the days that are left and by their names")
    func certificates() {
        func complaint(_ change: (inout CertificatePicture) -> Void) -> [String] {
            complaints(
                changed {
                    var certificate = CertificatePicture(path: "s.pem", use: .server)
                    certificate.secondsLeft = 100 * 86_400
                    change(&certificate)
                    $0.machine = MachinePicture()
                    $0.machine?.certificates = [certificate]
                })
        }
        #expect(complaint { _ in } == [])
        for (seconds, text) in [
            (20 * 86_400, "warning tls: s.pem expires in 20 days"),
            (2 * 86_400, "critical tls: s.pem expires in 2 days"),
            (3700, "critical tls: s.pem expires in 1 h"),
            (-7, "critical tls: s.pem has expired 7 s ago"),
            (.min, "critical tls: s.pem has expired 106751991167300 days ago"),
        ] as [(Int64, String)] {
            #expect(complaint { $0.secondsLeft = seconds } == [text])
        }
        #expect(complaint { $0.isValidYet = false } == ["critical tls: s.pem is not valid yet"])
        #expect(complaint { $0.missingName = "server.x.nomad" }[0].hasPrefix("warning"))
        #expect(complaint { $0.hasIssuer = false }[0].contains("no authority of tls.ca_file"))
        let named = complaint {
            $0.missingName = "server.x.nomad"
            $0.isNameChecked = true
        }
        #expect(named[0].hasPrefix("critical"))
    }

    @Test("This machine's folder: slow, full, closed; files that anybody may read")
    func machine() {
        func complaint(_ change: (inout MachinePicture) -> Void) -> [String] {
            complaints(
                changed {
                    var machine = MachinePicture()
                    machine.folder = "/d"
                    machine.syncs = [3, 2, 4]
                    machine.space = (50 << 30, 100 << 30)
                    change(&machine)
                    $0.machine = machine
                })
        }
        #expect(complaint { _ in } == [])
        #expect(complaint { $0.syncs = [80, 90, 100] }[0].contains("takes 90 ms, at worst 100 ms"))
        #expect(
            complaint { $0.space = (100 << 20, 100 << 30) }[0].hasPrefix("critical space: 100 MiB"))
        #expect(complaint { $0.space = (4 << 30, 100 << 30) }[0].hasPrefix("warning space"))
        #expect(
            complaint { $0.syncFailure = "permission denied" }[0].contains("/d: permission denied"))
        #expect(complaint { $0.exposed = ["/d/k"] }[0].contains("everybody on this machine"))
        #expect(complaint { $0.problems = ["a:1:1: x"] } == ["critical config: a:1:1: x"])
    }
}
