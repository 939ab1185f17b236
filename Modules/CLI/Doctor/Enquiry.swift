// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletTransport

/// Looks at a cluster from outside: asks the servers that are named, then those that they know.
struct Enquiry {
    let invocation: Invocation
    let settings: ConnectionSettings
    /// For all questions to a server, and for a connection.
    let timeout: Duration

    static let timeoutStandard: Duration = .seconds(3)

    init(_ invocation: Invocation) throws(CLIFailure) {
        self.invocation = invocation
        settings = try invocation.settings()
        timeout = settings.timeout ?? Self.timeoutStandard
    }

    static let targets = [
        "/v1/agent/health", "/v1/agent/self", "/v1/agent/members", "/v1/metrics",
        "/v1/operator/raft/configuration?stale=", "/v1/acl/policies?stale=",
        // Last: it is the leader's answer, and waits for a leader that hangs.
        "/v1/operator/autopilot/state?wait_for_leader=0s",
    ]

    func picture() -> ClusterPicture {
        var picture = ClusterPicture()
        picture.region = settings.region
        ask(settings.addresses.map { ServerToAsk(address: $0) }, &picture)
        if !invocation.values.isOn("only") {
            // Those that are found may know of more; and then it is enough.
            for _ in 0..<2 {
                let found = unasked(in: picture)
                guard !found.isEmpty else { break }
                ask(found, &picture)
            }
            picture.unasked = strangers(in: picture)
        }
        tryPorts(&picture)
        if !picture.silent.isEmpty { lookAgain(&picture) }
        return picture
    }

    /// What the others said of one that is silent may be from before it fell silent: after so long
    /// the leader's last contact with it tells whether it has (``ClusterPicture/isThere(_:)``).
    private static let patience: Duration = .milliseconds(1500)

    private func lookAgain(_ picture: inout ClusterPicture) {
        invocation.wait(for: Self.patience)
        let places = picture.servers.indices.filter { picture.servers[$0].failure == nil }
        let addresses = places.compactMap { picture.servers[$0].place }
        guard addresses.count == places.count, !places.isEmpty else { return }
        picture.autopilot = nil
        for ((place, address), replies) in zip(zip(places, addresses), replies(of: addresses)) {
            let answers = ServerAnswers(address, replies)
            picture.servers[place].update(answers.server)
            picture.autopilot = picture.autopilot ?? answers.autopilot
        }
    }

    private struct ServerToAsk {
        var address: ServerAddress
        var known: MemberPicture?
    }

    private func ask(_ servers: [ServerToAsk], _ picture: inout ClusterPicture) {
        for (server, replies) in zip(servers, replies(of: servers.map(\.address))) {
            var answers = ServerAnswers(server.address, replies)
            if let known = server.known { answers.know(known) }
            // The same server by another address is no second one, unless it is another process.
            if let known = picture.telling.first(where: { $0.id == answers.server.id }),
                !answers.server.id.isEmpty
            {
                if known.isOtherProcess(than: answers.server) {
                    picture.copies.append((known, answers.server))
                }
                continue
            }
            picture.servers.append(answers.server)
            picture.autopilot = picture.autopilot ?? answers.autopilot
            note(answers.access(hasToken: settings.token != nil), &picture)
        }
    }

    /// - Parameter targets: the doctor's own if none are given.
    func replies(
        of places: [ServerAddress], to targets: [String] = Self.targets
    ) -> [[ServerConnection.Reply]] {
        invocation.connection(settings).askEach(
            places, targets, timeout: timeout,
            clock: invocation.environment.wallClockNanoseconds)
    }

    /// What is open on one server is open.
    private func note(_ access: ClusterPicture.Access, _ picture: inout ClusterPicture) {
        switch (picture.access, access) {
        case (.unknown, _), (.guarded, .denied), (.guarded, .open): picture.access = access
        default: break
        }
    }

    /// Members whose HTTP address is known, and who were not asked.
    private func unasked(in picture: ClusterPicture) -> [ServerToAsk] {
        var found: [ServerToAsk] = []
        for member in picture.telling.flatMap(\.members)
        where member.status != "left"
            && picture.servers.count + found.count < ServerAddress.countMax
        {
            let isKnown =
                picture.servers.contains { $0.id == member.id }
                || found.contains { $0.known?.id == member.id }
            guard !isKnown, let address = address(of: member) else { continue }
            let isAsked = picture.servers.contains { $0.address == address.description }
            if !isAsked { found.append(ServerToAsk(address: address, known: member)) }
        }
        return found
    }

    /// Names of members that nobody could ask for themselves.
    private func strangers(in picture: ClusterPicture) -> [String] {
        var names: [String] = []
        for member in picture.telling.flatMap(\.members)
        where member.status == "alive" && !names.contains(member.name) {
            // Where another has answered, this one is no more.
            let place = address(of: member)?.description
            let isAsked = picture.servers.contains { $0.id == member.id || $0.address == place }
            if !isAsked { names.append(member.name) }
        }
        return names
    }

    /// nil for a member that tells none, or one of its own machine's loopback while it is elsewhere.
    private func address(of member: MemberPicture) -> ServerAddress? {
        guard let first = settings.addresses.first, !member.httpAddress.isEmpty else { return nil }
        do throws(CLIFailure) {
            let scheme = first.isSecured ? "https" : "http"
            let address = try ServerAddress.read(
                "\(scheme)://\(member.httpAddress)", prefersSecured: first.isSecured
            ).first
            let isHere = member.gossipAddress.hasPrefix("127.")
            return address?.isLocal == true && !isHere ? nil : address
        } catch {
            return nil
        }
    }

    // MARK: Ports

    private func tryPorts(_ picture: inout ClusterPicture) {
        var ports: [(picture: PortPicture, address: SocketAddress)] = []
        var seen: [String] = []
        for member in picture.telling.flatMap(\.members)
        where member.status == "alive" && !seen.contains(member.id) {
            seen.append(member.id)
            for (kind, text) in [("rpc", member.peerAddress), ("serf", member.gossipAddress)] {
                guard let address = SocketAddress(text) else { continue }
                ports.append(
                    (
                        PortPicture(
                            server: member.name, id: member.id, kind: kind, address: text),
                        address
                    ))
            }
        }
        for peer in picture.telling.flatMap(\.configuration) where !seen.contains(peer.id) {
            seen.append(peer.id)
            guard !picture.servers.contains(where: { $0.id == peer.id }),
                let address = SocketAddress(peer.address)
            else { continue }
            var made = PortPicture(
                server: peer.name, id: peer.id, kind: "rpc", address: peer.address)
            made.isOnlyConfigured = true
            ports.append((made, address))
        }
        let outcomes = invocation.connection(settings)
            .reach(ports.prefix(64).map(\.address), timeout: timeout)
        picture.ports = zip(ports, outcomes).map { port, failure in
            var made = port.picture
            made.failure = failure
            return made
        }
    }
}
