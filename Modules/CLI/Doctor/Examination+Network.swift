// SPDX-License-Identifier: Apache-2.0
import MartletTransport

// Who reaches whom: the servers each other, and we them.

extension Examination {
    private static let contactWarning = 1000.0

    func network() -> [Finding] {
        var findings: [Finding] = []
        for contact in picture.leader?.contacts ?? []
        where contact.milliseconds >= Self.contactWarning || contact.milliseconds < 0 {
            guard !picture.isSilent(contact.id),
                !picture.telling.contains(where: { $0.id == contact.id && $0.isHeldByDisk })
            else { continue }
            let since =
                contact.milliseconds < 0
                ? "at all" : "for \(Int64(min(contact.milliseconds, 1e12)) / 1000) s"
            guard !picture.isReplaced(contact.id, named: contact.name) else {
                findings.append(
                    .warning(
                        "contact",
                        "the leader has not heard from \(contact.name) \(since)"
                            + Self.replaced(contact.id),
                        fix: "wait ten seconds and ask again; then "
                            + leaving(contact.id, contact.name)))
                continue
            }
            let command = trial(of: peerAddresses(of: contact.id), port: "4647")
            findings.append(
                .warning(
                    "contact",
                    "the leader has not heard from \(contact.name) \(since)",
                    fix: "\(command) on the leader's machine: firewalls, routes"))
        }
        findings += views()
        for server in picture.telling
        where (server.gauges["nomad.memberlist.health.score"] ?? 0) > 2 {
            findings.append(
                .warning(
                    "contact",
                    "gossip of \(server.label) is late: it waited for servers that are gone, its "
                        + "machine has too much to do, or it loses packets",
                    fix: "again in a minute; then top and ip -s link on its machine"))
        }
        for server in picture.telling where server.isRecovering {
            findings.append(
                .warning(
                    "health", "\(server.label) lost its data and is being refilled, without a vote",
                    fix: "nothing, while this gets less: martlet operator autopilot state"))
        }
        findings += ports()
        if findings.isEmpty, picture.telling.count > 1, picture.silent.isEmpty {
            findings.append(
                .fine("contact", "the servers see each other, and the leader hears of all"))
        }
        return findings
    }

    /// Who is seen dead by whom.
    private func views() -> [Finding] {
        var seen: [(member: MemberPicture, by: [String])] = []
        for viewer in picture.telling {
            for member in viewer.members
            where member.status != "alive" && !picture.isSilent(member.id)
                && (member.status != "left" || isConfigured(member.id))
            {
                if let place = seen.firstIndex(where: {
                    $0.member.id == member.id && $0.member.status == member.status
                }) {
                    seen[place].by.append(viewer.label)
                } else {
                    seen.append((member, [viewer.label]))
                }
            }
        }
        return seen.map { view in
            let all = view.by.count == picture.telling.count
            let alone = view.by.count == 1 ? "alone sees" : "alone see"
            let by = all ? "all who answer see" : "\(view.by.joined(separator: ", ")) \(alone)"
            let (id, name) = (view.member.id, view.member.name)
            let isReplaced = picture.isReplaced(id, named: name)
            let fix: String
            if view.member.status == "left" {
                let removing =
                    "martlet operator raft remove-peer -peer-id \(Self.typed(id, or: "ID"))"
                fix = isReplaced ? once(removing) : "start it, or: \(removing)"
            } else if isReplaced {
                fix = once(leaving(id, name))
            } else if all {
                fix = "start it; if it is gone for good: \(leaving(id, name))"
            } else {
                let command = trial(of: gossipAddresses(of: id), port: "4648")
                fix = "\(command) and nc -u for UDP between them, both ways"
            }
            return .warning(
                "contact",
                "\(by) \(name) as \(view.member.status)" + (isReplaced ? Self.replaced(id) : ""),
                fix: fix)
        }
    }

    private func peerAddresses(of id: String) -> [String] {
        picture.telling.flatMap(\.members).filter { $0.id == id }.map(\.peerAddress)
            + picture.telling.flatMap(\.configuration).filter { $0.id == id }.map(\.address)
    }

    private func gossipAddresses(of id: String) -> [String] {
        picture.telling.flatMap(\.members).filter { $0.id == id }.map(\.gossipAddress)
    }

    /// What tries a connection there. It may be typed as it stands: what servers say is in it only if
    /// it is an address.
    private func trial(of addresses: [String], port: String) -> String {
        for case let place? in addresses.map({ SocketAddress($0) }) {
            guard let port = place.port else { continue }
            return "nc -vz \(place.host.filter { $0 != "[" && $0 != "]" }) \(port)"
        }
        return "nc -vz HOST \(port)"
    }

    private func isConfigured(_ id: String) -> Bool {
        picture.telling.contains { $0.configuration.contains { $0.id == id } }
    }

    private func ports() -> [Finding] {
        picture.ports.compactMap { port in
            guard let failure = port.failure, !port.isOnlyConfigured,
                !picture.isSilent(port.id)
            else { return nil }
            let what = port.kind == "rpc" ? "peer port" : "gossip port"
            return .warning(
                "ports",
                "the \(what) of \(port.server), \(port.address), cannot be reached from here: \(failure)",
                fix:
                    "if this machine is a server: ss -ltn there, and the firewall between; otherwise "
                    + "nothing")
        }
    }
}
