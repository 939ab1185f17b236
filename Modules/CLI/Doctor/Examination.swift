// SPDX-License-Identifier: Apache-2.0

/// Judges what was seen of a cluster: a pure function of the picture.
struct Examination {
    let picture: ClusterPicture

    /// Area by area, in the order in which a person asks.
    func findings() -> [Finding] {
        var findings = picture.telling.isEmpty ? [] : quorum()
        findings += answers()
        findings += access()
        if !picture.telling.isEmpty {
            findings += kinship()
            findings += autopilot()
            findings += network()
            findings += versions()
            findings += clocks()
            findings += disks()
            findings += gossip()
        }
        return findings + transport() + machine()
    }

    func diagnosis() -> Diagnosis {
        Diagnosis(
            findings(), answered: picture.answering.count, asked: picture.servers.count)
    }

    // MARK: Who answers

    private func answers() -> [Finding] {
        let unasked = picture.unasked.joined(separator: ", ")
        let blind: [Finding] =
            unasked.isEmpty
            ? []
            : [
                .warning(
                    "answers",
                    "no HTTP address is known by which \(unasked) can be asked from here",
                    fix: "-address names several servers, with commas between; or run this there")
            ]
        guard picture.silent.isEmpty else { return picture.silent.map(silence) + blind }
        guard blind.isEmpty else { return blind }
        let count = picture.servers.count
        return [.fine("answers", count == 1 ? "the server answers" : "all \(count) servers answer")]
    }

    private func silence(of server: ServerPicture) -> Finding {
        let failure = server.failure ?? ""
        let text = server.name.isEmpty ? failure : "\(server.name) does not answer: \(failure)"
        if failure.contains("certificate") {
            return .critical(
                "answers", text,
                fix: "martlet tls cert info FILE on its machine; -ca-cert, -tls-server-name and "
                    + "-client-cert say who believes whom")
        }
        if picture.isThere(server.id) {
            return .warning(
                "answers", text + ", while the others are in touch with it",
                fix:
                    "if its HTTP address is another one: -address names several, with commas between"
            )
        }
        if server.isHanging {
            return .critical(
                "answers", text + ": it hangs, or packets to it are lost",
                fix: "on its machine: top; journalctl -u martlet -n 50; systemctl restart martlet")
        }
        let leaving =
            server.name.isEmpty || picture.leader == nil
            ? "" : "; gone for good: martlet server force-leave \(server.name)"
        return .critical(
            "answers", text,
            fix: "on its machine: systemctl start martlet; journalctl -u martlet -n 50\(leaving)")
    }

    private func access() -> [Finding] {
        switch picture.access {
        case .unknown: []
        case .guarded: [.fine("access", "tokens are asked for")]
        case .open where picture.servers.allSatisfy(\.isLocal):
            [.fine("access", "nobody is asked for a token, and only this machine can ask")]
        case .open:
            [
                .warning(
                    "access",
                    "nobody is asked for a token: whoever reaches the HTTP port is an operator",
                    fix: "acl { enabled = true } on every server, restart them one by one, then: "
                        + "martlet acl bootstrap")
            ]
        case .denied(let hasToken):
            [
                .critical(
                    "access",
                    hasToken
                        ? "the token that was given may not read agents: nothing else can be looked at"
                        : "a token is asked for: nothing else can be looked at",
                    fix:
                        "NOMAD_TOKEN=SECRET martlet operator doctor; if there is none yet: martlet acl "
                        + "bootstrap")
            ]
        }
    }

    // MARK: One cluster

    private func kinship() -> [Finding] {
        let known = picture.telling.filter { !$0.cluster.isEmpty }
        let clusters = Self.groups(known, by: \.cluster)
        if clusters.count > 1 {
            return [
                .critical(
                    "kinship",
                    "the servers are of different clusters: " + Self.told(clusters),
                    fix: "those of the wrong one: stop, empty data_dir, start")
            ]
        }
        let epochs = Self.groups(known, by: \.epoch)
        guard epochs.count > 1 else { return [] }
        return [
            .critical(
                "kinship", "some servers missed a recovery: epochs " + Self.told(epochs),
                fix: "those of the older epoch: stop, empty data_dir, start")
        ]
    }

    /// Groups in the order of their first members.
    static func groups(
        _ servers: [ServerPicture], by value: (ServerPicture) -> String
    ) -> [(value: String, names: [String])] {
        var groups: [(value: String, names: [String])] = []
        for server in servers {
            if let place = groups.firstIndex(where: { $0.value == value(server) }) {
                groups[place].names.append(server.label)
            } else {
                groups.append((value(server), [server.label]))
            }
        }
        return groups
    }

    /// `1 server`, `3 servers`.
    static func counted(_ count: Int, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }

    static func told(_ groups: [(value: String, names: [String])]) -> String {
        groups.map { "\($0.value) (\($0.names.joined(separator: ", ")))" }.joined(separator: ", ")
    }

    private func autopilot() -> [Finding] {
        guard let autopilot = picture.autopilot else { return [] }
        var findings: [Finding] = autopilot.unhealthy.filter { !picture.isSilent($0.name) }.map {
            .warning(
                "health", "\($0.name) is not healthy: \($0.reason)",
                fix: "martlet operator autopilot health")
        }
        findings += autopilot.refused.map {
            .warning("autopilot", "it does not act: \($0)", fix: "martlet operator autopilot plan")
        }
        findings += autopilot.warnings.map {
            .warning("autopilot", $0, fix: "martlet operator autopilot state")
        }
        if findings.isEmpty, autopilot.unhealthy.isEmpty {
            findings.append(.fine("autopilot", "all servers are healthy"))
        }
        return findings
    }
}
