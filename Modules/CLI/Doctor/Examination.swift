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
            findings += scheduling()
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
        let complaints = picture.silent.map(silence) + blind + strayed()
        guard complaints.isEmpty else { return complaints }
        let count = picture.servers.count
        return [.fine("answers", count == 1 ? "the server answers" : "all \(count) servers answer")]
    }

    /// Servers answer for their own region, whichever is asked for.
    private func strayed() -> [Finding] {
        guard let region = picture.region, !region.isEmpty, !picture.telling.isEmpty,
            !picture.telling.contains(where: { $0.name.hasSuffix(".\(region)") })
        else { return [] }
        return [
            .critical(
                "answers",
                "no server of region \(region) was asked: \(Self.names(picture.telling)) answered",
                fix: "-address names a server of that region")
        ]
    }

    private func silence(of server: ServerPicture) -> Finding {
        let failure = server.failure ?? ""
        let text = server.name.isEmpty ? failure : "\(server.name) does not answer: \(failure)"
        if failure.contains("certificate") {
            return .critical(
                "answers", text,
                fix: "martlet tls cert info FILE on its machine; -ca-cert, -tls-server-name and "
                    + "-client-cert say who believes whom; if it has expired, -tls-skip-verify asks "
                    + "all the same")
        }
        if server.isStrange {
            return picture.isThere(server.id)
                ? .warning("answers", text, fix: server.hint)
                : .critical("answers", text, fix: server.hint)
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
        if picture.isReplaced(server.id, named: server.name) {
            return .warning(
                "answers", text + Self.replaced(server.id),
                fix: once(leaving(server.id, server.name)))
        }
        let farewell =
            server.name.isEmpty || picture.leader == nil
            ? "" : "; gone for good: \(leaving(server.id, server.name))"
        return .critical(
            "answers", text,
            fix: "on its machine: systemctl start martlet; journalctl -u martlet -n 50\(farewell)")
    }

    // MARK: Who has another's name

    /// Behind the name of one that is gone, where a server that runs has its name.
    static func replaced(_ id: String) -> String {
        " (it is \(id); another server runs under its name, with other data)"
    }

    /// What takes a server out is nothing for a time without a leader: with its data it would count again.
    func once(_ command: String) -> String {
        picture.leader == nil ? "nothing, until somebody leads" : command
    }

    /// With its id, where several have its name.
    private func named(_ id: String, _ name: String) -> String {
        isAmbiguous(id, name) ? "\(name) (\(id))" : name
    }

    /// What takes a server out: by its id, where several have its name.
    func leaving(_ id: String, _ name: String) -> String {
        "martlet server force-leave \(Self.typed(isAmbiguous(id, name) ? id : name, or: "NODE"))"
    }

    private func isAmbiguous(_ id: String, _ name: String) -> Bool {
        picture.ids(named: name).contains { $0 != id }
    }

    /// May be typed as it stands, though a server said it: only if it is nothing but a name or an id.
    static func typed(_ text: String, or placeholder: String) -> String {
        let isPlain = text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isPlain && !text.isEmpty && !text.hasPrefix("-") ? text : placeholder
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
        case .denied(let denial): [denied(denial)]
        }
    }

    private func denied(_ denial: ClusterPicture.Denial) -> Finding {
        let another = "NOMAD_TOKEN=SECRET martlet operator doctor"
        return switch denial {
        case .noToken:
            .critical(
                "access", "a token is asked for: nothing else can be looked at",
                fix: another + "; if there is none yet: martlet acl bootstrap")
        case .unknownToken:
            .critical(
                "access",
                "the servers do not know the token that was given, it may have expired: nothing else "
                    + "can be looked at",
                fix: another + ", with one that is valid")
        case .mayNot:
            .critical(
                "access",
                "the token that was given may not read agents, or has expired: nothing else can be "
                    + "looked at",
                fix: another + ", with one whose policy has agent { policy = \"read\" }")
        }
    }

    // MARK: One cluster

    private func kinship() -> [Finding] {
        copies() + clusters()
    }

    private func copies() -> [Finding] {
        picture.copies.map { one, other in
            .critical(
                "kinship",
                "\(one.label) at \(one.address) and \(other.label) at \(other.address) run with one "
                    + "id: one has a copy of the other's data",
                fix: "the copy: stop, empty data_dir, start")
        }
    }

    private func clusters() -> [Finding] {
        let known = picture.telling.filter { !$0.cluster.isEmpty }
        let clusters = Self.groups(known, by: \.cluster)
        if clusters.count > 1 {
            return [
                .critical(
                    "kinship",
                    "the servers are of different clusters: " + Self.told(clusters),
                    fix:
                        "if that is meant so, ask one at a time: -address; else those of the wrong one: "
                        + "stop, put data_dir aside, start")
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

    /// What helps where voters are missing: those that went are named as long as gossip knows of them.
    private func missing() -> String {
        var names: [String] = []
        for member in picture.telling.flatMap(\.members)
        where member.status == "left" && !picture.telling.contains(where: { $0.id == member.id })
            && !names.contains(member.name)
        {
            names.append(member.name)
        }
        guard !names.isEmpty else {
            return "start a server with retry_join for each that is missing"
        }
        return "\(names.joined(separator: ", ")) left, or was taken out when it failed: see "
            + "journalctl -u martlet on its machine and start it again, or another with retry_join"
    }

    private func autopilot() -> [Finding] {
        guard let autopilot = picture.autopilot else { return [] }
        var findings: [Finding] = autopilot.unhealthy.filter { !picture.isSilent($0.id) }.map {
            .warning(
                "health", "\(named($0.id, $0.name)) is not healthy: \($0.reason)",
                fix: "martlet operator autopilot health")
        }
        findings += autopilot.refused.map {
            .warning("autopilot", "it does not act: \($0)", fix: "martlet operator autopilot plan")
        }
        findings += autopilot.warnings.map {
            .warning(
                "autopilot", $0.text,
                fix: $0.code == "fewer-voters-than-expected"
                    ? missing() : "martlet operator autopilot state")
        }
        if findings.isEmpty, autopilot.unhealthy.isEmpty {
            findings.append(.fine("autopilot", "all servers are healthy"))
        }
        return findings
    }
}
