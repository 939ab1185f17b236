// SPDX-License-Identifier: Apache-2.0

// What is judged of each server, or of one beside the others.

extension Examination {
    // MARK: Clocks

    /// Seconds that clocks may differ before it is worth a word: dates come in whole seconds.
    private static let clockWarning = 1.0
    /// Certificates, tokens that expire and whoever reads logs side by side go astray.
    private static let clockCritical = 30.0

    func clocks() -> [Finding] {
        let known = picture.telling.filter { $0.clock != nil }
        var findings: [Finding] = picture.telling.filter(\.clockWentBack).map {
            .critical(
                "clocks", "the clock of \($0.label) went back while it was asked",
                fix:
                    "timedatectl status on its machine: one service must keep the time, by small steps"
            )
        }
        guard !known.isEmpty else { return findings }
        let off = known.compactMap { server -> (ServerPicture, Double)? in
            guard let clock = server.clock else { return nil }
            let least = Self.distance(clock)
            return abs(least) >= Self.clockWarning ? (server, least) : nil
        }
        if off.count == known.count, known.count > 1, agree(known) {
            let least = off[0].1
            return findings + [
                .warning(
                    "clocks",
                    "this machine's clock is \(Self.seconds(-least)) all servers, which agree",
                    fix: "timedatectl set-ntp true, here")
            ]
        }
        for (server, least) in off {
            let text = "the clock of \(server.label) is \(Self.seconds(least)) this machine's"
            let fix = "timedatectl set-ntp true, on its machine"
            findings.append(
                abs(least) >= Self.clockCritical
                    ? .critical("clocks", text, fix: fix) : .warning("clocks", text, fix: fix))
        }
        if findings.isEmpty {
            findings.append(
                .fine(
                    "clocks",
                    "\(Self.counted(known.count, "clock")): like this machine's, to about a second")
            )
        }
        return findings
    }

    private func agree(_ servers: [ServerPicture]) -> Bool {
        let low = servers.compactMap(\.clock?.lowerBound).max() ?? 0
        let high = servers.compactMap(\.clock?.upperBound).min() ?? 0
        return low - high < Self.clockWarning
    }

    /// The least that it can be off; 0 if it may be right.
    private static func distance(_ clock: ClosedRange<Double>) -> Double {
        clock.contains(0) ? 0 : clock.lowerBound > 0 ? clock.lowerBound : clock.upperBound
    }

    private static func seconds(_ value: Double) -> String {
        // What is beyond a year is a year that was never set.
        let whole = Int64(min(abs(value), 3e9).rounded())
        return "\(whole) s \(value < 0 ? "behind" : "ahead of")"
    }

    // MARK: Disks

    /// Milliseconds on average: a healthy SSD needs less than five.
    private static let syncWarning = 50.0
    /// A single one is worth a word from here on.
    private static let syncLate = 1000.0
    /// Half of what a leader's disk may take with the standard timing.
    private static let syncUnsteady = 500.0
    /// Clients that wait ten seconds begin to give up.
    private static let syncCritical = 3000.0

    func disks() -> [Finding] {
        var findings: [Finding] = []
        var told = 0
        for server in picture.telling {
            let name = server.label
            if server.isSet("nomad.raft.storage_failed") {
                findings.append(
                    .critical(
                        "disks", "the storage of \(name) failed: it is out of service",
                        fix: "look at the disk (dmesg), then: systemctl restart martlet"))
            }
            if server.isDiskFull {
                findings.append(
                    .critical(
                        "disks", "the disk of \(name) is full",
                        fix: "df -h DATA_DIR on its machine, and make space: it goes on by itself"))
            }
            // A full one was tried in vain, too.
            if server.isSet("nomad.raft.disk_stalled"), !server.isDiskFull {
                findings.append(
                    .critical(
                        "disks", "the disk of \(name) does not answer",
                        fix: "look at the disk (dmesg, iostat -x 1) on its machine"))
            }
            if server.isSet("nomad.audit.failing") {
                findings.append(
                    .critical(
                        "disks",
                        "the audit log of \(name) cannot be written: if enforced, no change is taken",
                        fix: "df -h where its sink is, on its machine: it goes on by itself"))
            }
            findings += snapshots(of: server)
            guard let mean = server.syncMean else { continue }
            told += 1
            // What was slow once and is not now keeps nobody awake.
            findings += syncs(of: name, mean: mean, max: server.sync?.max ?? mean)
        }
        if findings.isEmpty, told > 0 {
            findings.append(
                .fine(
                    "disks",
                    "\(Self.counted(told, "disk")): a sync takes "
                        + "\(Self.milliseconds(slowest)) or less, on average"))
        }
        return findings
    }

    /// Eight times the entries after which a server makes one.
    private static let unsavedWarning = 65_536.0

    private func snapshots(of server: ServerPicture) -> [Finding] {
        guard let last = server.gauges["nomad.raft.last_index"],
            let saved = server.gauges["nomad.raft.snapshot_index"],
            last - saved >= Self.unsavedWarning
        else { return [] }
        return [
            .warning(
                "disks",
                "\(server.label) has made no snapshot for \(Int64(min(last - saved, 1e15))) entries: its "
                    + "log grows, and a start takes longer",
                fix: "journalctl -u martlet | grep -i snapshot, on its machine")
        ]
    }

    private var slowest: Double { picture.telling.compactMap(\.syncMean).max() ?? 0 }

    func syncs(of name: String, mean: Double, max: Double) -> [Finding] {
        guard mean >= Self.syncWarning || max >= Self.syncLate else { return [] }
        let text =
            "a sync on \(name) takes \(Self.milliseconds(mean)), at worst \(Self.milliseconds(max)): "
            + "every write waits for it"
        var fix =
            "give the data_dir a disk of its own, an SSD with a cache that survives power loss"
        if mean >= Self.syncUnsteady {
            fix += "; until then raft_multiplier = 5 in every server's file: a leader stays one"
        }
        return [
            mean >= Self.syncCritical
                ? .critical("disks", text, fix: fix) : .warning("disks", text, fix: fix)
        ]
    }

    static func milliseconds(_ value: Double) -> String {
        let tenths = Int64(min(max(value, 0), 1e12) * 10)
        return value < 10 ? "\(tenths / 10).\(tenths % 10) ms" : "\(tenths / 10) ms"
    }

    // MARK: Versions

    func versions() -> [Finding] {
        var findings: [Finding] = []
        // Those that do not answer have a version as well, as the others know it.
        var members: [MemberPicture] = []
        for member in picture.telling.flatMap(\.members)
        where member.status == "alive" && !members.contains(where: { $0.id == member.id }) {
            members.append(member)
        }
        var versions: [(value: String, names: [String])] = []
        for member in members {
            if let place = versions.firstIndex(where: { $0.value == member.version }) {
                versions[place].names.append(member.name)
            } else {
                versions.append((member.version, [member.name]))
            }
        }
        let lowest = members.map(\.protocolMin).max() ?? 1
        let highest = members.map(\.protocolMax).min() ?? 1
        if lowest > highest {
            findings.append(
                .critical(
                    "versions",
                    "some servers speak no protocol that the others do: "
                        + Self.told(versions),
                    fix: "upgrade the oldest first, one after the other"))
        }
        if versions.count > 1 {
            findings.append(
                .warning(
                    "versions", "an upgrade is half done: \(Self.told(versions))",
                    fix: "upgrade the rest, the leader last: martlet operator autopilot plan"))
        } else if let version = versions.first {
            findings.append(
                .fine("versions", "\(Self.counted(members.count, "server")): \(version.value)"))
        }
        return findings
    }
}
