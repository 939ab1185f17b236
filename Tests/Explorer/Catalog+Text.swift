// SPDX-License-Identifier: Apache-2.0
import MartletRaft

extension Catalog {
    /// A step as a line for people. Servers are S1 to S3, entries `index.term`.
    func text(of choice: Choice, at server: Int) -> String {
        let name = "S\(server + 1)"
        return switch choice {
        case .deliver(let message): "\(name) receives \(text(of: message))"
        case .deliverLate(let message):
            "\(name), who waited for its leader in vain, receives \(text(of: message))"
        case .completeWrites(let count): "\(name)'s disk completes \(count) of its writes"
        case .campaign(0): "\(name) times out and asks who would vote for it"
        case .campaign(let partner): "\(name) times out, and S\(partner) would vote for it"
        case .heartbeat: "\(name) owes a heartbeat"
        case .lateHeartbeat: "\(name) owes a heartbeat, an election timeout later"
        case .isolate: "\(name) hears nobody for long"
        case .propose(let number): "\(name) is given command \(number)"
        case .read(let number): "\(name) is asked for read \(number)"
        case .transfer(let target): "\(name) is asked to hand over to S\(target + 1)"
        case .change(let number): "\(name) is asked to \(text(of: scope.changes[number]))"
        case .loseLeader: "\(name) sees its leader's connection reset"
        case .loseTouch(let peer): "\(name) sees its connection to S\(peer + 1) reset"
        case .crash(let kept): "\(name) crashes with \(kept) of its writes on disk, and restarts"
        }
    }

    /// A server state as a line for people.
    func text(of node: UInt32) -> String {
        let server = servers[Int(node)]
        let core = server.core
        let leader = core.status.leader.map { "S\(Scope.server($0) + 1)" } ?? "nobody"
        let state = server.disk.hardState
        let vote = state.vote.map { "S\(Scope.server($0) + 1)" } ?? "nobody"
        return "\(core.status.role) in \(core.term) of \(leader), log \(text(of: server.decided)), "
            + "commit \(core.commitIndex.number); on disk \(state.term), vote for \(vote), "
            + "log \(text(of: server.disk))"
    }

    private func text(of disk: Disk) -> String {
        disk.entries.map { "\($0.index.number).\($0.term.number)" }.joined(separator: " ")
    }

    private func text(of message: UInt16) -> String {
        let envelope = envelopes[Int(message)]
        return "from S\(envelope.from + 1): \(text(of: envelope.message))"
    }

    private func text(of message: Message) -> String {
        switch message {
        case .voteRequest(let request):
            return
                "\(request.isPreVote ? "would you" : "do") vote in \(request.term), my log ends at "
                + "\(request.lastLogIndex.number).\(request.lastLogTerm.number)"
                + (request.isTransfer ? " (transfer)" : "")
        case .voteResponse(let response):
            let answer = response.isGranted ? "yes" : "no"
            return "\(answer)\(response.isPreVote ? " to a pre-vote" : ""), \(response.term)"
        case .appendRequest(let request):
            let entries = request.entries.map { "\($0.index.number).\($0.term.number)" }
            return "append \(entries) after \(request.previousIndex.number)."
                + "\(request.previousTerm.number), \(request.term), commit "
                + "\(request.commit.number), round \(request.round)"
        case .appendResponse(let response):
            return "\(response.outcome), \(response.term), round \(response.round)"
        case .timeoutNow(let request):
            return "take over, \(request.term)"
        case .readRequest(let request):
            return "from which index on may I read, \(request.term)"
        case .readResponse(let response):
            return "you may read from \(response.index.map { "\($0.number)" } ?? "nowhere"), "
                + "\(response.term)"
        case .snapshotResponse(let response):
            return "snapshot \(response.lastIndex.number), \(response.term)"
        }
    }

    private func text(of action: ConfigurationChange.Action) -> String {
        switch action {
        case .addNonVoter(let id, _): "add S\(Scope.server(id) + 1)"
        case .promote(let id): "promote S\(Scope.server(id) + 1)"
        case .demote(let id): "demote S\(Scope.server(id) + 1)"
        case .remove(let id): "remove S\(Scope.server(id) + 1)"
        case .replace(let servers):
            "replace by "
                + servers.map { "S\(Scope.server($0.id) + 1)" }.joined(separator: ", ")
        }
    }
}
