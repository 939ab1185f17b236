// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// Every server state, message, entry and step of the search, each once and by number.
///
/// Three servers have far fewer states of their own than they have together. So the core is run once
/// for each server state and each thing that can happen in it; what came of it is remembered, and
/// the states of the whole are made of numbers. Nothing is lost by that: a step of the core depends
/// on its state and its input alone.
final class Catalog {
    struct Envelope {
        var from: Int
        var to: Int
        var message: Message
        /// Which servers need not see if pre-votes are taken at once.
        var isPreVote: Bool
    }

    /// What the search needs of a server state at every turn.
    struct Facts {
        var role: Role
        var term: UInt64
        var leader: ServerID?
        /// Entries of the log in memory, by number; index 1 first.
        var log: [UInt16]
        var commit: Int
        var writes: Int
    }

    struct Outcome {
        /// The server state afterwards.
        var node: UInt32
        var sent: [UInt16] = []
        /// Reads that were answered, and with which index.
        var answered: [(read: UInt64, index: UInt64)] = []
        /// Reads that were refused.
        var refused: [UInt64] = []
        /// What the core did that it must not.
        var violation: String?
    }

    let scope: Scope
    let fault: Fault?
    private(set) var servers: [LocalServer] = []
    private(set) var facts: [Facts] = []
    private(set) var envelopes: [Envelope] = []
    private(set) var entries: [Entry] = []
    private var nodeNumbers: [LogicalState: UInt32] = [:]
    private var envelopeNumbers: [LogicalState: UInt16] = [:]
    private var entryNumbers: [LogicalState: UInt16] = [:]
    private var outcomes: [Outcome] = []
    private var outcomeNumbers: [UInt64: UInt32] = [:]

    init(scope: Scope, fault: Fault?) {
        self.scope = scope
        self.fault = fault
    }

    /// How often a core was really run.
    var stepsRun: Int { outcomes.count }

    func outcome(of choice: Choice, at node: UInt32) -> Outcome {
        let key = UInt64(node) << 32 | UInt64(choice.code)
        if let number = outcomeNumbers[key] { return outcomes[Int(number)] }
        let outcome = run(choice, at: node)
        outcomeNumbers[key] = UInt32(outcomes.count)
        outcomes.append(outcome)
        return outcome
    }

    func number(of server: LocalServer) -> UInt32 {
        let identity = server.identity
        if let known = nodeNumbers[identity] { return known }
        let number = UInt32(servers.count)
        nodeNumbers[identity] = number
        let decided = server.decided
        servers.append(server)
        facts.append(
            Facts(
                role: server.core.status.role, term: server.core.term.number,
                leader: server.core.status.leader, log: decided.entries.map { self.number(of: $0) },
                commit: Int(server.core.commitIndex.number), writes: server.writes.count))
        return number
    }

    // MARK: - Running a core

    private func run(_ choice: Choice, at node: UInt32) -> Outcome {
        let before = servers[Int(node)]
        var server = before
        var effects = carryOut(choice, on: &server)
        if fault == .lyingDisk, let last = server.writes.last {
            effects += server.input(.persisted(through: last.sequence))
        }
        while scope.writes == .atOnce, !server.writes.isEmpty {
            effects += server.completeWrites(server.writes.count)
        }
        server.core.checkInvariants()
        var outcome = Outcome(node: number(of: server))
        outcome.violation = violation(by: server, after: before, choice)
        for effect in effects {
            switch effect {
            case .send(let message, let id):
                if fault == nil, let broken = server.brokenPromise(in: message, to: id) {
                    outcome.violation = broken
                }
                let envelope = number(of: message, from: server.id, to: id)
                if !outcome.sent.contains(envelope) { outcome.sent.append(envelope) }
            case .readDecided(let read, .ready(let index, _)):
                outcome.answered.append((read, index.number))
            case .readDecided(let read, .refused):
                outcome.refused.append(read)
            default:
                break
            }
        }
        if fault == .unconfirmedReads, case .read(let read) = choice,
            server.core.status.role == .leader
        {
            outcome.answered = [(UInt64(read), server.core.commitIndex.number)]
        }
        return outcome
    }

    private func carryOut(_ choice: Choice, on server: inout LocalServer) -> [Effect] {
        let timing = Scope.timing
        return switch choice {
        case .deliver(let number):
            server.input(received(number, by: server))
        case .deliverLate(let number):
            server.input(received(number, by: server), after: timing.electionTimeout)
        case .completeWrites(let count): server.completeWrites(count)
        case .campaign: server.input(.ticked, after: timing.electionTimeout * 2)
        case .heartbeat: server.input(.ticked, after: timing.heartbeat)
        case .lateHeartbeat: server.input(.ticked, after: timing.electionTimeout)
        case .isolate: server.input(.ticked, after: timing.checkQuorum * 2)
        case .propose(let number): server.input(.proposed([[number]]))
        case .read(let number): server.input(.readRequestedHere(id: UInt64(number)))
        case .transfer(let target): server.input(.transferRequested(to: Scope.id(target)))
        case .change(let number):
            server.input(
                .changeProposed(
                    ConfigurationChange(
                        id: 1, action: scope.changes[number], ifConfigurationIndex: nil)))
        case .loseLeader:
            server.core.status.leader.map { server.input(.connectionLost($0)) } ?? []
        case .loseTouch(let peer): server.input(.unreachable(Scope.id(peer)))
        case .crash(let kept): server.crash(kept: kept, fault: fault)
        }
    }

    private func received(_ number: UInt16, by server: LocalServer) -> Input {
        let envelope = envelopes[Int(number)]
        var message = envelope.message
        switch (fault, message) {
        case (.confusedRounds, .appendResponse(var response)):
            response.round = server.round
            message = .appendResponse(response)
        case (.boastedCommit, .appendRequest(var request)):
            request.commit = LogIndex.max
            message = .appendRequest(request)
        default:
            break
        }
        return .received(message, from: Scope.id(envelope.from))
    }

    private func violation(
        by server: LocalServer, after before: LocalServer, _ choice: Choice
    ) -> String? {
        let (core, old) = (server.core, before.core)
        if case .crash = choice {
            return core.term < before.disk.hardState.term ? "I5: a restart lost a term" : nil
        }
        if core.term < old.term { return "I5: \(old.term) became \(core.term)" }
        if core.commitIndex < old.commitIndex { return "I5: the commit index went back" }
        if core.commitIndex > core.lastIndex { return "I6: commit beyond the log" }
        let decided = server.decided
        let isStored = decided.entries.allSatisfy { core.term(at: $0.index) == $0.term }
        if !isStored || UInt64(decided.entries.count) != core.lastIndex.number {
            return "the log in memory is not the disk and what is on its way there"
        }
        return nil
    }

    // MARK: - Numbers

    private func number(of entry: Entry) -> UInt16 {
        var key = LogicalState()
        key.add(entry)
        if let known = entryNumbers[key] { return known }
        let number = UInt16(entries.count)
        entryNumbers[key] = number
        entries.append(entry)
        return number
    }

    private func number(of message: Message, from sender: ServerID, to id: ServerID) -> UInt16 {
        var key = LogicalState()
        key.add(sender)
        key.add(id)
        key.add(message)
        if let known = envelopeNumbers[key] { return known }
        let number = UInt16(envelopes.count)
        envelopeNumbers[key] = number
        let isPreVote =
            switch message {
            case .voteRequest(let request): request.isPreVote
            case .voteResponse(let response): response.isPreVote
            default: false
            }
        envelopes.append(
            Envelope(
                from: Scope.server(sender), to: Scope.server(id), message: message,
                isPreVote: isPreVote))
        return number
    }
}

extension LocalServer {
    /// A message that a crash at this moment would make a lie (Raft Figure 2, "persistent state").
    fileprivate func brokenPromise(in message: Message, to id: ServerID) -> String? {
        switch message {
        case .voteRequest(let request) where request.isPreVote:
            return nil
        case .voteResponse(let response) where response.isPreVote && response.isGranted:
            return nil
        case .voteRequest(let request):
            return disk.hardState == HardState(term: request.term, vote: self.id)
                ? nil : "asks for votes without its own being durable"
        case .voteResponse(let response) where response.isGranted:
            return disk.hardState == HardState(term: response.term, vote: id)
                ? nil : "a vote that is not durable"
        case .appendResponse(let response):
            guard case .accepted(let match) = response.outcome else { break }
            let isHeld =
                match.number <= UInt64(disk.entries.count)
                && disk.entries.prefix(Int(match.number)).allSatisfy {
                    core.term(at: $0.index) == $0.term
                }
            if !isHeld { return "an acknowledgement of \(match), which is not durable" }
        case .readRequest, .readResponse:
            return nil  // A question, and an answer that counts in its term only.
        case .appendRequest, .voteResponse, .timeoutNow, .snapshotResponse:
            break
        }
        return disk.hardState.term >= message.term ? nil : "speaks in a term that is not durable"
    }
}
