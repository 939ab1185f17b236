// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletHTTP
import MartletJSON
import MartletRaft
import MartletTransport

// What an operator asks one server to do with its gossip: join others, declare a member gone, and
// exchange the keys of all.

extension Server {
    private static let joinAddressesMax = 16

    /// Reads the arguments of an agent's action.
    func agentWish(_ call: Call) throws(APIError) -> Call.Wish {
        switch call.endpoint {
        case .agentJoin:
            let addresses = call.query.all("address").filter { !$0.isEmpty }
            guard !addresses.isEmpty else {
                throw APIError(status: 400, message: "missing address to join")
            }
            guard addresses.count <= Self.joinAddressesMax else {
                throw APIError(
                    status: 400, message: "at most \(Self.joinAddressesMax) addresses at once")
            }
            return .join(addresses)
        case .agentForceLeave:
            guard let node = call.query.first("node"), !node.isEmpty else {
                throw APIError(status: 400, message: "missing node to force leave")
            }
            return .forceLeave(node, prune: try call.flag("prune"))
        case .keyringInstall, .keyringUse, .keyringRemove:
            return .key(try KeyringRequest.key(in: call.request.body))
        default:
            return .answer
        }
    }

    /// Carries an agent's action out here; `respond` is called once.
    func act(_ call: Call, respond: @escaping (APIResponse) -> Void) {
        switch call.wish {
        case .join(let addresses): join(addresses, call, respond)
        case .forceLeave(let node, let prune): respond(forceLeave(node, prune: prune))
        case .key, .answer, .command, .peer, .dryRun, .history, .probe, .acl, .monitor, .events,
            .jobs, .node, .pool, .page:
            keyring(call, respond)
        }
    }

    // MARK: Join

    private func join(
        _ addresses: [String], _ call: Call, _ respond: @escaping (APIResponse) -> Void
    ) {
        var joined = 0
        var failures: [String] = []
        var left = addresses.count
        let finish = { [weak self] (address: String, failure: String?) in
            if let failure { failures.append("\(address): \(failure)") } else { joined += 1 }
            left -= 1
            guard left == 0, let self else { return }
            respond(self.encode(JoinResult(joined: joined, failures: failures.sorted()), call))
        }
        for address in addresses {
            resolve(address) { [weak self] place in
                guard let self, let place else {
                    return finish(address, "not an address that can be resolved")
                }
                self.network.gossip.join(place) { finish(address, $0?.text) }
            }
        }
    }

    private func resolve(_ text: String, _ done: @escaping (SocketAddress?) -> Void) {
        guard let (host, port) = Joining.split(text, defaultPort: 4648) else { return done(nil) }
        environment.peerStreams.resolve(host: host, port: port) { result in
            if case .success(let addresses) = result { done(addresses.first) } else { done(nil) }
        }
    }

    // MARK: Force-leave

    private func forceLeave(_ node: String, prune: Bool) -> APIResponse {
        let found = Self.meant(
            by: node, among: network.members.all, prune: prune)
        guard let member = found.first else {
            return .text(
                404,
                "no member of the gossip pool is called \"\(node.prefix(256))\": see "
                    + "/v1/agent/members")
        }
        guard found.count == 1 else {
            let told = found.prefix(8).map {
                "\($0.info.id) (\($0.status.rawValue), \($0.info.gossipAddress))"
            }
            return .text(
                409,
                "\(found.count) members are called \"\(node)\": give the id of one: "
                    + told.joined(separator: ", "))
        }
        guard member.info.id != id else {
            return .text(400, "that is this server itself: stop it instead")
        }
        logger.info(
            "force-leave", metadata: ["member": "\(member.info.fullName)", "prune": "\(prune)"])
        // Erased before it is out of the configuration, it would be a stranger there: that it left is
        // what takes it out.
        let isConfigured = replica.outlook.configuration.contains(member.info.id)
        if prune, isConfigured { pruning.insert(member.info.id) }
        network.gossip.forceLeave(member.info.id, prune: prune && !isConfigured)
        return .empty
    }

    /// Whom a name means, if several have it or had it: the dead before the living. Who has left
    /// already comes last, or where it is to be erased, before the living.
    static func meant(by node: String, among members: [Member], prune: Bool) -> [Member] {
        let named = members.filter {
            $0.info.fullName == node || $0.info.name == node || $0.info.id.description == node
        }
        let gone: [SerfStatus] = [.failed, .leaving]
        let order: [[SerfStatus]] =
            prune ? [gone, [.left], [.alive, .none]] : [gone, [.alive, .none], [.left]]
        return order.lazy.map { statuses in named.filter { statuses.contains($0.status) } }
            .first { !$0.isEmpty } ?? []
    }

    /// Erases whoever was to be erased, once it is out of the configuration.
    func pruneRemoved() {
        for id in pruning.sorted() where !replica.outlook.configuration.contains(id) {
            pruning.remove(id)
            if network.gossip.status(of: id) == .left {
                network.gossip.forceLeave(id, prune: true)
            }
        }
    }
}

/// The answer of `/v1/agent/join`.
private struct JoinResult: JSONWritable {
    let joined: Int
    let failures: [String]

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("error", failures.joined(separator: "; "))
        writer.member("num_joined", Int64(joined))
        writer.endObject()
    }
}

extension JoinFailure {
    var text: String {
        switch self {
        case .itself: "that is this server itself"
        case .refused(let reason), .unreachable(let reason): reason
        }
    }
}
