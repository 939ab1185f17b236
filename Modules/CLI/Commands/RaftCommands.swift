// SPDX-License-Identifier: Apache-2.0
import MartletClient

/// `operator raft …`, as far as it asks servers.
enum RaftCommands {
    static let all = [
        Command(
            "operator raft list-peers", "lists the servers of the Raft configuration",
            detail: "Lists the servers of the Raft configuration: who leads and who votes.\n\n"
                + "Without a leader, what the server that was asked knows is shown instead, and the "
                + "exit code is 2.",
            flags: [Commands.stale] + Reading.flags, run: listPeers),
        Command(
            "operator raft remove-peer", "takes a server out of the Raft configuration",
            detail:
                "Takes a server that will not come back out of the Raft configuration. One that "
                + "runs leaves by itself when it is stopped in good order.",
            flags: peerFlags("The server to remove"), run: removePeer),
        Command(
            "operator raft transfer-leadership", "makes another server the leader",
            detail:
                "Makes another voter the leader, for instance before the present one is stopped.",
            flags: peerFlags("The server that shall lead"), run: transferLeadership),
    ]

    private static func peerFlags(_ what: String) -> [Flag] {
        [
            Flag("peer-id", .text("ID"), "\(what), by the ID that list-peers shows."),
            Flag("peer-address", .text("HOST:PORT"), "\(what), by its address there."),
        ]
    }

    // MARK: list-peers

    private static let failing = "Failed to retrieve raft configuration"
    private static let path = "/v1/operator/raft/configuration"

    private static let listPeers: Command.Run = { (invocation) throws(CLIFailure) in
        try invocation.checkReading()
        let wantsStale = invocation.values.isOn("stale")
        let stale = [("stale", "")]
        var response = try invocation.response(
            .get, path, query: wantsStale ? stale : [], failing: failing)
        let hasNoLeader = !wantsStale && response.saysNoLeader
        if hasNoLeader {
            let reason = Text.reason(response.body)
            invocation.note("\(reason): this is what the server itself knows, and may be old")
            response = try invocation.response(.get, path, query: stale, failing: failing)
        }
        guard response.status == 200 else { throw invocation.refusal(response, failing: failing) }
        let answer = try Answer(response, failing: failing)
        try invocation.show(answer) { () throws(CLIFailure) in
            try table(of: answer).text(invocation.style)
        }
        return hasNoLeader ? .refused : .fine
    }

    private static func table(of answer: Answer) throws(CLIFailure) -> Table {
        var table = Table("Node", "ID", "Address", "State", "Voter", "RaftProtocol")
        for server in try answer.list("Servers") {
            let leads = server.isTrue("Leader")
            table.rows.append([
                Cell(server.text("Node")), Cell(server.text("ID")), Cell(server.text("Address")),
                Cell(leads ? "leader" : "follower", leads ? .good : .plain),
                Cell(server.text("Voter", default: "false")),
                Cell(server.text("RaftProtocol")),
            ])
        }
        return table
    }

    // MARK: Changes

    /// The one flag that names a server.
    private static func peer(
        _ values: CommandLineValues, failing: String, missing: String
    ) throws(CLIFailure) -> (key: String, value: String) {
        let id = values.text("peer-id") ?? ""
        let address = values.text("peer-address") ?? ""
        switch (id.isEmpty, address.isEmpty) {
        case (true, true): throw .usage("\(failing): \(missing)")
        case (false, false): throw .usage("\(failing): cannot give both an address and id")
        case (false, true): return ("id", id)
        case (true, false): return ("address", address)
        }
    }

    private static let removePeer: Command.Run = { (invocation) throws(CLIFailure) in
        let failing = "Error removing peer"
        let peer = try peer(
            invocation.values, failing: failing,
            missing: "an address or id is required for the peer to remove")
        _ = try invocation.success(
            .delete, "/v1/operator/raft/peer", query: [peer], failing: failing)
        invocation.line("Removed peer with \(peer.key) \"\(Text.line(peer.value))\"")
        return .fine
    }

    private static let transferLeadership: Command.Run = { (invocation) throws(CLIFailure) in
        let failing = "Error transferring leadership to peer"
        let peer = try peer(
            invocation.values, failing: failing,
            missing: "an address or id is required for the destination peer")
        let answer = try invocation.answer(
            .put, "/v1/operator/raft/transfer-leadership", query: [peer], failing: failing)
        if answer.isTrue("Noop") { invocation.note("It led already.") }
        invocation.line(
            "Transferred leadership to peer with \(peer.key) \"\(Text.line(peer.value))\"")
        return .fine
    }
}

extension ClientResponse {
    /// The servers have no leader, or do not know one.
    var saysNoLeader: Bool {
        status >= 500
            && String(decoding: body.prefix(256), as: UTF8.self).lowercased().contains(
                "no cluster leader")
    }
}
