// SPDX-License-Identifier: Apache-2.0
import MartletTransport

// Who reaches whom: the servers each other, and we them.

extension Examination {
    private static let contactWarning = 1000.0

    func network() -> [Finding] {
        var findings: [Finding] = []
        for contact in picture.leader?.contacts ?? []
        where contact.milliseconds >= Self.contactWarning || contact.milliseconds < 0 {
            guard !picture.isSilent(contact.name) else { continue }
            let since =
                contact.milliseconds < 0
                ? "at all" : "for \(Int64(min(contact.milliseconds, 1e12)) / 1000) s"
            let command = trial(of: peerAddresses(of: contact.name), port: "4647")
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
                    "gossip of \(server.label) is late: its machine has too much to do, or it "
                        + "loses packets",
                    fix: "top and ip -s link on its machine"))
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
        var seen: [(name: String, status: String, by: [String])] = []
        for viewer in picture.telling {
            for member in viewer.members
            where member.status != "alive" && !picture.isSilent(member.name)
                && (member.status != "left" || isConfigured(member.id))
            {
                if let place = seen.firstIndex(where: {
                    $0.name == member.name && $0.status == member.status
                }) {
                    seen[place].by.append(viewer.label)
                } else {
                    seen.append((member.name, member.status, [viewer.label]))
                }
            }
        }
        return seen.map { view in
            let all = view.by.count == picture.telling.count
            let alone = view.by.count == 1 ? "alone sees" : "alone see"
            let by = all ? "all who answer see" : "\(view.by.joined(separator: ", ")) \(alone)"
            let command = trial(of: gossipAddresses(of: view.name), port: "4648")
            let fix =
                view.status == "left"
                ? "start it, or: martlet operator raft remove-peer -peer-id ID"
                : all
                    ? "start it; if it is gone for good: martlet server force-leave \(view.name)"
                    : "\(command) and nc -u for UDP between them, both ways"
            return .warning(
                "contact", "\(by) \(view.name) as \(view.status)", fix: fix)
        }
    }

    private func peerAddresses(of name: String) -> [String] {
        picture.telling.flatMap(\.members).filter { $0.name == name }.map(\.peerAddress)
            + picture.telling.flatMap(\.configuration).filter { $0.name == name }.map(\.address)
    }

    private func gossipAddresses(of name: String) -> [String] {
        picture.telling.flatMap(\.members).filter { $0.name == name }.map(\.gossipAddress)
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
            guard let failure = port.failure, !picture.isSilent(port.server) else { return nil }
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
