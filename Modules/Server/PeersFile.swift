// SPDX-License-Identifier: Apache-2.0
import MartletJSON
package import MartletRaft
import MartletTransport

/// `peers.json`, by which an operator gives the servers that are left of a lost quorum a
/// configuration: Nomad's file in its form for Raft protocol 3,
/// `[{"id": UUID, "address": "ip:port", "non_voter": false}, …]`.
package enum PeersFile {
    package static let name = "peers.json"
    static let bytesMax = 1 << 20

    /// What a person finds beside the place where the file goes.
    static let explanation = """
        As of its first start this server keeps its part of the replicated log in this folder. When a
        majority of the servers is lost for good, no leader can be elected. The servers that are left
        become a cluster again by a file peers.json in this folder:

        1. Stop all servers that are left.
        2. 'martlet operator raft recover -data-dir DIR ...' on their data folders shows what each of
           them has, checks it and writes the file. Or write the same file for each of them by hand:

           [
             { "id": "6f2e9f1c-6c8e-4a35-8a5e-0c5d5f1f1a10", "address": "10.1.0.1:4647" },
             { "id": "8a9e1c7a-1f9b-4a63-9a0a-3c27a3b7d2e4", "address": "10.1.0.2:4647",
               "non_voter": true }
           ]

           The id of a server is in its log at each start, and in the table of the command above.
           List every server that is left, and no other.
        3. Start all of them. The first leader needs all voters of the file.

        The file is used once and removed. Servers that were not in it are strangers from then on:
        give them an empty data folder before they are started again.

        """

    /// - Throws: ``Problem``, whose text does not name the file.
    package static func parse(_ bytes: [UInt8]) throws(Problem) -> Configuration {
        let root: JSONNode
        do throws(JSONError) {
            root = try JSONReader.parse(bytes, limits: JSONLimits(depthMax: 4, bytesMax: bytesMax))
        } catch {
            throw Problem("line \(error.line), column \(error.column): \(error)")
        }
        guard case .array(let nodes) = root.value else {
            throw Problem("json: cannot unmarshal \(root.value.kind): an array is needed")
        }
        var configuration = Configuration.empty
        for (position, node) in nodes.enumerated() {
            let server = try server(node, number: position + 1)
            guard !configuration.contains(server.id) else {
                throw Problem("found duplicate id \(server.id)")
            }
            guard !configuration.servers.contains(where: { $0.address == server.address }) else {
                throw Problem("found duplicate address \(server.address)")
            }
            configuration.servers.append(server)
        }
        guard configuration.voterCount > 0 else { throw Problem("need at least one voter") }
        guard configuration.servers.count <= Configuration.serversMax else {
            throw Problem("more than \(Configuration.serversMax) servers")
        }
        return configuration
    }

    package struct Problem: Error, Equatable, Sendable {
        package let text: String

        init(_ text: String) { self.text = text }
    }

    private static func server(
        _ node: JSONNode, number: Int
    ) throws(Problem) -> Configuration.Server {
        guard case .object(let members) = node.value else {
            var text = "json: cannot unmarshal \(node.value.kind) as server \(number)"
            if case .string = node.value {
                text +=
                    ": addresses alone are the form for Raft protocol 2; write "
                    + #"[{"id": "…", "address": "ip:port"}]"#
            }
            throw Problem(text)
        }
        let known = ["id", "address", "non_voter"]
        for member in members where !known.contains(member.name.lowercased()) {
            throw Problem("server \(number): unknown field \(goQuoted(member.name))")
        }
        guard case .string(let idText)? = node.member("id")?.value, let id = ServerID(idText) else {
            throw Problem("server \(number): \"id\" must be a server's UUID")
        }
        guard case .string(let address)? = node.member("address")?.value,
            address.utf8.count <= Configuration.addressBytesMax,
            let socket = SocketAddress(address), socket.port.map({ $0 > 0 }) ?? true
        else {
            throw Problem("server \(number): \"address\" must be ip:port, the server's rpc address")
        }
        switch node.member("non_voter")?.value {
        case nil, .bool(false)?, .null?:
            return Configuration.Server(id: id, address: address, role: .voter)
        case .bool(true)?:
            return Configuration.Server(id: id, address: address, role: .nonVoter)
        default:
            throw Problem("server \(number): \"non_voter\" must be true or false")
        }
    }

    /// The file for this configuration, as people write it.
    package static func text(_ configuration: Configuration) -> String {
        let rows = configuration.servers.map { server in
            #"  { "id": "\#(server.id)", "address": "\#(server.address)", "#
                + #""non_voter": \#(server.role == .nonVoter) }"#
        }
        return "[\n\(rows.joined(separator: ",\n"))\n]\n"
    }
}
