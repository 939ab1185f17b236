// SPDX-License-Identifier: Apache-2.0

extension Examination {
    /// The newest configuration that anybody told: the leader's, or that of who knows of most terms.
    private var configuration: [PeerPicture] {
        picture.leader?.configuration
            ?? picture.telling.filter { !$0.configuration.isEmpty }.max { $0.term < $1.term }?
            .configuration ?? []
    }

    func quorum() -> [Finding] {
        let voters = configuration.filter(\.isVoter)
        let needed = voters.count / 2 + 1
        // Who leads without a majority is about to notice.
        guard let leader = picture.leader, able(voters).count >= needed || voters.isEmpty else {
            return noLeader(voters, needed)
        }
        var findings: [Finding] = []
        let rivals = picture.telling.filter {
            $0.isLeader && $0.id != leader.id && $0.cluster == leader.cluster
        }
        if !rivals.isEmpty {
            findings.append(
                .warning(
                    "quorum",
                    "\(Self.names(rivals)) still believes to lead; \(leader.label) leads in the newer "
                        + "term: a part of the network is cut off, or this was a moment of change",
                    fix: "martlet operator doctor, again; then look at the network of "
                        + Self.names(rivals)))
        }
        findings += arithmetic(voters, needed, leader)
        return findings + zones(needed)
    }

    private func arithmetic(
        _ voters: [PeerPicture], _ needed: Int, _ leader: ServerPicture
    ) -> [Finding] {
        guard !voters.isEmpty else { return [] }
        var findings: [Finding] = []
        let spare = picture.autopilot?.failureTolerance ?? alive(voters).count - needed
        let sentence =
            "\(leader.label) leads, the quorum is \(needed) of \(Self.counted(voters.count, "voter"))"
        if voters.count < 3 {
            findings.append(
                .warning(
                    "quorum", "\(sentence): the failure of one voter stops all writes",
                    fix: "start more servers with retry_join: three voters survive the loss of one")
            )
        } else if spare <= 0 {
            findings.append(
                .warning(
                    "quorum", "\(sentence): one more failure stops all writes",
                    fix: "bring back what does not answer, or: martlet operator autopilot health"))
        } else {
            findings.append(.fine("quorum", "\(sentence): \(spare) more may fail"))
        }
        // Autopilot warns of it as well.
        let isWarned = picture.autopilot?.warnings.contains { $0.code == "even-voters" } ?? false
        if voters.count >= 4, voters.count.isMultiple(of: 2), !isWarned {
            findings.append(
                .warning(
                    "quorum",
                    "\(voters.count) voters survive no more failures than \(voters.count - 1)",
                    fix: "add a server, or: martlet operator raft remove-peer -peer-id ID"))
        }
        return findings
    }

    private func noLeader(_ voters: [PeerPicture], _ needed: Int) -> [Finding] {
        guard !voters.isEmpty else {
            return [
                .critical(
                    "quorum", "nobody leads, and no server knows of any voter",
                    fix:
                        "a new cluster waits for bootstrap_expect servers: martlet server members; is "
                        + "retry_join the same on all?")
            ]
        }
        let alive = able(voters)
        let dead = voters.filter { voter in !alive.contains { $0.id == voter.id } }
        guard alive.count < needed else {
            return [
                .critical(
                    "quorum",
                    "nobody leads, although \(alive.count) of \(voters.count) voters are there and "
                        + "\(needed) are enough: an election goes on, or they do not reach each other",
                    fix:
                        "wait ten seconds and ask again; then look at the findings on ports, clocks and "
                        + "disks, and at journalctl -u martlet")
            ]
        }
        let unheard = dead.filter { picture.isUnheard($0.id) }
        guard alive.count + unheard.count < needed else { return [cutOff(from: unheard)] }
        return [
            .critical(
                "quorum",
                "QUORUM IS LOST: \(alive.count) of \(voters.count) voters are there with their data, "
                    + "\(needed) are needed: nothing can be written",
                fix:
                    "\(returning(dead, needed - alive.count)). If they are lost "
                    + "for good: stop all servers, then martlet operator raft recover -dry-run -data-dir "
                    + "DIR on one that is left")
        ]
    }

    /// Nobody leads here, which is no proof that nobody leads: others are there who were not asked.
    private func cutOff(from unheard: [PeerPicture]) -> Finding {
        let names = unheard.map(\.label)
        let places = unheard.map(\.address).joined(separator: ", ")
        return .critical(
            "quorum",
            "nobody leads here, and \(names.joined(separator: ", ")) could not be asked, but "
                + "\(unheard.count == 1 ? "takes" : "take") connections at \(places): the cluster may be "
                + "well without \(Self.names(picture.telling))",
            fix:
                "run this there, and recover nothing before; then: journalctl -u martlet -n 50 here "
                + "says who lets whom not in")
    }

    /// How so many of the dead come back. One whose name another server has by now is not started:
    /// that other one would have to give way to its data.
    private func returning(_ dead: [PeerPicture], _ missing: Int) -> String {
        func names(_ peers: [PeerPicture]) -> String {
            peers.map(\.label).joined(separator: ", ")
        }
        let replaced = dead.filter { picture.isReplaced($0.id, named: $0.name) }
        let away = dead.filter { peer in !replaced.contains { $0.id == peer.id } }
        var ways: [String] = []
        if !away.isEmpty {
            let count = missing == away.count ? "" : "\(min(missing, away.count)) of "
            ways.append("start \(count)\(names(away))")
        }
        if !replaced.isEmpty {
            ways.append(
                "\(names(replaced)) runs, with other data than it had: stop it, and start it with its "
                    + "former data_dir, if that is left")
        }
        return ways.joined(separator: "; ")
    }

    private func alive(_ voters: [PeerPicture]) -> [PeerPicture] {
        voters.filter { picture.isThere($0.id) }
    }

    /// One that lost its data has no vote before a leader has refilled it.
    private func able(_ voters: [PeerPicture]) -> [PeerPicture] {
        alive(voters).filter { voter in
            !picture.telling.contains { $0.id == voter.id && $0.isRecovering }
        }
    }

    private func zones(_ needed: Int) -> [Finding] {
        guard let autopilot = picture.autopilot, !autopilot.zones.isEmpty else { return [] }
        let total = autopilot.zones.reduce(0) { $0 + $1.voters }
        guard let worst = autopilot.zones.max(by: { $0.voters < $1.voters }),
            total - worst.voters < needed
        else {
            return [.fine("zones", "\(autopilot.zones.count) zones: any one of them may fail")]
        }
        let empty = autopilot.zones.filter { $0.voters == 0 }.map(\.zone).sorted()
            .joined(separator: ", ")
        let text =
            worst.voters * 2 > total || empty.isEmpty
            ? "zone \(worst.zone) has \(worst.voters) of \(total) voters: without it there is no majority"
            : "no healthy server votes in \(empty): the failure of another zone stops all writes"
        return [
            .warning(
                "zones", text,
                fix: empty.isEmpty
                    ? "spread the voters over three zones: redundancy_zone, and martlet operator "
                        + "autopilot plan"
                    : "bring a server of \(empty) back, or start one there")
        ]
    }

    static func names(_ servers: [ServerPicture]) -> String {
        servers.map(\.label).joined(separator: ", ")
    }
}
